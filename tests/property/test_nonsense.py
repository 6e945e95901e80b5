"""A law of cassettes whose bytes are as written and whose rows are nonsense.

Whatever stands in the rows, asking gives an answer or one of our errors, and never another one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_ws.api import check, compare, load, replay
from replay_ws.cassette.format import encode
from replay_ws.errors import ReplayWsError
from replay_ws.events.encoding import encode as packed
from replay_ws.events.log import MESSAGES, Log, Op
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.modes import MockBehaviorMode
from replay_ws.session import Session
from tests.property.strategies import Step, told

STORY = [
    Step(at_ns, do, connection, upstream, kind, 30)
    for at_ns, (do, connection, upstream, kind) in enumerate(
        [
            ("send", "a", False, "agent_started"),
            ("send", "a", True, "token"),
            ("send", "b", False, "token"),
            ("cut", "a", False, ""),
            ("send", "a", False, "token"),
            ("heal", "a", False, ""),
            *[("send", "a", False, "token")] * 4,
            ("close", "a", False, ""),
            ("drop", "b", False, ""),
            ("send", "b", False, "agent_completed"),
        ]
    )
]
CONFIG = MockConfiguration(
    packet_loss_rate=0.4, jitter_ms=5, duplicate_rate=0.5, malformed_rate=0.5, max_retries=1
)
GOOD = told(STORY, CONFIG, 3)

_NUMBERS = (0, 1, 2, 3, 4, 5, 16, 1 << 16, (1 << 32) - 1)
_LARGE = (*_NUMBERS, (1 << 62) - 1, 1 << 62, (1 << 63) - 1)
_BODIES: tuple[Any, ...] = (
    *(None, 5, [], {}, "loss", ["loss", 0], ["loss", 0, 1], ["loss", 0, 1, 2, 3], ["loss", 0, -1]),
    *(["loss", -1, 1], ["loss", 9, 1], ["loss", 0, 0], ["loss", 0, True], ["gremlin", 0, 1]),
    *(["race", 0, 1 << 62], ["jitter", 0, (1 << 63) - 1], ["partition", 0, 1 << 200]),
    *({"do": "cut"}, {"do": "cut", "channel": 0}, {"do": "cut", "channel": 1}, {"status": 5}),
    *({"do": "zzz", "channel": 0}, {"do": "heal", "channel": "0"}, {"do": "cut", "channel": -1}),
    *({"status": "ok"}, {"status": "open"}, [1000, ""], ["a", "message", 0], ["mock", {}]),
    *(["mock", {"latency_ms": -1}], ["mock", {5: 5}], {"type": "token"}, "token"),
)
_RAW = (b"", b"\xc1", b"\x91" * 100, b"\xdf\xff\xff\xff\xff", *map(packed, _BODIES))


def nonsense(rnd: Random) -> Log:
    """The good log, with a few rows changed, moved, left out or said twice."""
    rows = [list(row) for row in GOOD.log.rows()]
    for _ in range(rnd.choice((1, 1, 2, 4))):
        row = rnd.randrange(len(rows))
        match rnd.randrange(9):
            case 0:
                rows[row][0] = rnd.choice(list(Op))
            case 1:
                rows[row][1] = rnd.choice(_NUMBERS)
            case 2:
                rows[row][2] = rnd.choice(_LARGE)
            case 3:
                rows[row][3] = rnd.choice(_NUMBERS)
            case 4:
                rows[row][4] = rnd.choice((*_LARGE, (1 << 64) - 1))
            case 5 | 6:
                rows[row][5] = rnd.choice(_RAW)
            case 7:
                rows.insert(rnd.randrange(len(rows)), list(rows[row]))
            case 8 if len(rows) > 1:
                rows.insert(rnd.randrange(len(rows) - 1), rows.pop(row))
    log = Log(GOOD.log.header)
    time_ns = 0
    for op, lane, at_ns, kind, index, body in rows:
        time_ns = max(time_ns, at_ns)  # a file cannot say that time goes back
        text: Any = "text" if op == Op.TEXT else body
        log.append(op, lane, time_ns, kind, index, text)
    return log


def ask_everything(session: Session) -> None:
    """Everything that can be asked of a session; each answer or refusal stands for itself."""
    questions: list[Callable[[], object]] = [
        lambda: [(event.payload, event.key) for event in session.events],
        lambda: [(event.payload, event.damaged) for event in session.delivered()],
        lambda: str(session.ledger),
        lambda: repr(session),
        lambda: (session.plan, session.digest, session.end),
        lambda: session.fingerprint,
        lambda: compare(GOOD, session).lines(),
        lambda: compare(session, GOOD).lines(),
        lambda: check(session, profile="agent5").lines(),
    ]
    for question in questions:
        with suppress(ReplayWsError):
            question()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nonsense") / "a.rws"


@settings(max_examples=400)
@given(st.integers(0, (1 << 32) - 1), st.sampled_from(MockBehaviorMode))
def test_nonsense_gives_an_answer_or_an_error_of_ours(
    path: Path, number: int, mode: MockBehaviorMode
) -> None:
    path.write_bytes(encode(nonsense(Random(number))))
    with suppress(ReplayWsError):
        ask_everything(load(path, partial=True))
    try:
        session = load(path)
    except ReplayWsError:
        return
    ask_everything(session)
    for options in ({}, {"mode": mode, "seed": number}, {"plan": GOOD.plan}):
        with suppress(ReplayWsError):
            ask_everything(replay(session, **options))  # type: ignore[arg-type]
    with suppress(ReplayWsError):  # an outcome is one of this very log
        fates = session.outcome.fates.ljust(len(session.log), b"\0")
        assert list(map(bool, fates)) == [op in MESSAGES for op in session.log.ops]
