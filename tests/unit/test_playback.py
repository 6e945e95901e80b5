"""Playing a log: the same intents, under the same or other conditions."""

from __future__ import annotations

from replay_ws.events.log import Direction, Header, Op
from replay_ws.events.model import Decision, Plan
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.toxics import Script
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
