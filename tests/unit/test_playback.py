"""Playing a log: the same intents, under the same or other conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from replay_ws.api import load, replay
from replay_ws.cassette.format import encode
from replay_ws.errors import CassetteError
from replay_ws.events.log import Direction, Header, Log, Op
from replay_ws.events.model import Decision, Fate, Plan
from replay_ws.faults.chance import Script
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.playback import Played, plan_of, play
from replay_ws.session import Session
from tests.helpers import sent, tokens

LATE = sent(*tokens(4), at_once=True, jitter_ms=50, malformed_rate=0.5, seed=3).session


def played(source: Session, *, drain: bool = True, **fields: float) -> Played:
    plan = source.plan
    return play(
        source.log,
        Header(seed=99),
        chance_for=lambda _, __, log: Script(plan, log),
        config_for=lambda _, config: config.replace(**fields),
        drain=drain,
    )


def test_the_plan_of_a_log_names_every_decision() -> None:
    session = sent(*tokens(2), failure_rate=1, max_retries=1, thread="a").session
    down = Direction.DOWNSTREAM
    assert plan_of(session.log) == Plan(
        tuple(
            Decision("failure", "a", down, "token", index, attempt, 1)
            for index in (0, 1)
            for attempt in (0, 1)
        )
    )


def test_a_log_without_decisions_has_an_empty_plan() -> None:
    assert len(plan_of(sent(*tokens(2)).session.log)) == 0


def test_a_played_log_has_the_rows_of_its_source_but_its_own_header() -> None:
    log, outcome = played(LATE)
    assert list(log.rows()) == list(LATE.log.rows())
    assert outcome == LATE.outcome
    assert log.header.seed == 99


def test_a_log_plays_under_another_configuration() -> None:
    log, outcome = played(LATE, latency_ms=1_000)
    assert log.channels[0].config["latency_ms"] == 1_000.0
    assert min(outcome.times) >= 1_000_000_000
    assert log.end_ns == max(outcome.times)


def test_without_draining_a_session_ends_when_its_source_ended() -> None:
    log, outcome = played(LATE, drain=False, latency_ms=1_000)
    assert log.end_ns == LATE.end_ns
    assert not outcome.rows


def test_a_log_without_an_end_tells_what_was_due_by_its_last_row() -> None:
    source = sent(*tokens(2), latency_ms=5).session
    cut = source.log.copy()
    for column in (cut.ops, cut.lanes, cut.times, cut.kind_ids, cut.indexes, cut.bodies):
        column.pop()
    cut.note(Op.MARK, 0, 11_000_000, {"mark": "the last row that came through"})
    assert Session(cut).ledger.delivered == 2
    assert Session(cut).end == {"status": "open"}


def test_the_source_stays_as_it_was() -> None:
    rows = list(LATE.log.rows())
    played(LATE, latency_ms=7)
    assert list(LATE.log.rows()) == rows
    assert MockConfiguration(**LATE.log.channels[0].config).latency_ms == 0.0


# --- what followed from a log itself ---------------------------------------------------------


def with_row(op: Op, value: Any, *, at: int = 5, index: int = 0, source: Session = LATE) -> Log:
    """The rows of ``source`` with one more, ``at`` its place, about a message of its first kind."""
    log = Log(source.log.header)
    log.channels, log.connections = source.log.channels, source.log.connections
    log.kinds, log.kind_numbers = source.log.kinds, source.log.kind_numbers
    for row, columns in enumerate(source.log.rows()):
        if row == at:
            log.append(op, 0, columns[2], 1, index, log.encode(value))
        log.append(*columns)
    return log


def sent_twice() -> Log:
    """The first message that jitter struck, as if it had been sent twice."""
    row = list(LATE.log.ops).index(Op.OBJECT)
    return with_row(Op.OBJECT, LATE.log.value(row), at=row)


CONTRADICTIONS = {
    "an attempt that nobody makes": with_row(Op.DECISION, ["jitter", 9, 1]),
    "a message that nobody sends": with_row(Op.DECISION, ["jitter", 0, 1], index=99),
    "a toxic that asks nobody": with_row(Op.DECISION, ["partition", 7, 1]),
    "two messages for one strike": sent_twice(),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_no_outcome_is_told_of_decisions_that_contradict_the_messages(name: str) -> None:
    session = Session(CONTRADICTIONS[name])
    for ask in (lambda: session.events, lambda: session.ledger, lambda: session.fingerprint):
        with pytest.raises(CassetteError, match="contradict the messages") as caught:
            ask()
        assert caught.value.where.startswith("row ")
        assert "replay" in caught.value.mend
    again = replay(session, seed=3)
    assert again.ledger.sent == len(again.events)


@pytest.mark.parametrize(
    ("op", "value"),
    [
        (Op.DECISION, ["gremlin", 0, 1]),
        (Op.CONTROL, {"do": "bend", "channel": 0}),
        (Op.CONTROL, {"do": "configure", "channel": 0}),
        (Op.CONTROL, {"do": "configure", "channel": 0, "config": {"new_field": 1}}),
    ],
)
def test_what_a_later_version_did_loads_and_asks_for_that_version(
    op: Op, value: Any, tmp_path: Path
) -> None:
    log = with_row(op, value)
    log.kind_ids[5] = int(op is Op.DECISION)
    (tmp_path / "a.rws").write_bytes(encode(log))
    session = load(tmp_path / "a.rws")
    assert session.connections == LATE.connections
    with pytest.raises(CassetteError, match=r"row \d+: .*does not know") as caught:
        assert session.events
    assert "upgrade" in caught.value.mend


def test_a_channel_keeps_its_link_and_its_faults() -> None:
    log = with_row(Op.CONTROL, {"do": "configure", "channel": 0, "config": {"link": "tcp"}})
    log.kind_ids[5] = 0
    with pytest.raises(CassetteError, match="another link, or other faults"):
        assert Session(log).events


def test_a_decision_may_say_more_than_we_read() -> None:
    log = LATE.log.copy()
    for row, op in enumerate(log.ops):
        if op == Op.DECISION:
            log.bodies[row] = log.encode([*log.value(row), "more", 1])
    session = Session(log)
    assert session.plan == LATE.plan
    assert session.events == LATE.events


def test_where_rows_are_missing_the_others_keep_their_numbers() -> None:
    source = with_row(Op.DECISION, ["jitter", 9, 1])
    log = with_row(Op.MARK, {"mark": "skipped", "bytes": 40}, at=0, index=0, source=Session(source))
    log.kind_ids[0] = 0
    session = Session(log)
    messages = [row for row, op in enumerate(log.ops) if op == Op.OBJECT]
    assert [event.row for event in session.events] == messages
    assert [event.key for event in session.events] == [event.key for event in LATE.events]
    assert [event.outcome for event in session.events] == [Fate.DELIVERED] * 4
    assert [(e.time_ns, e.body) for e in session.delivered()] == [
        (e.time_ns, e.body) for e in LATE.delivered()
    ]


def test_a_channel_without_configuration_damages_as_by_default() -> None:
    log = LATE.log.copy()
    log.channels = [type(log.channels[0])(log.channels[0].name, {})]
    assert [e.body for e in Session(log).delivered()] == [e.body for e in LATE.delivered()]
