"""Sessions that nobody should compare: whatever is asked for, the answer is short and safe."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.events.log import Direction, Header, Op
from replay_ws.recorder.transcript import Moment, Transcript
from replay_ws.report.annotations import github_error, junit_text, step_summary
from replay_ws.report.differences import Difference
from replay_ws.report.terminal import draw
from replay_ws.report.tree import Tree

COUNT = 3_000


def session_of(*bodies: tuple[str, Any], profile: str = "", op: Op = Op.TEXT) -> rws.Session:
    """A session of messages, by connection: a dict is JSON, all else as it is."""
    transcript = Transcript(link="message")
    for number, (connection, body) in enumerate(bodies):
        text = json.dumps(body) if isinstance(body, dict) else body
        moment = Moment(number * 10**6, connection, Direction.DOWNSTREAM, op, text)
        transcript.add(moment, "test")
    return transcript.session(Header(profile=profile), None)


def tokens(count: int = COUNT, prefix: str = "t", connections: int = 1, **more: Any) -> rws.Session:
    return session_of(
        *(
            (f"{prefix}{n % connections}", {"type": "token", "n": n, "of": n % connections})
            for n in range(count)
        ),
        **more,
    )


def other() -> rws.Session:
    return session_of(
        *(("t0", {"type": "TEXT_MESSAGE_CONTENT", "delta": str(n)}) for n in range(COUNT)),
        profile="ag-ui-1.0",
    )


async def nothing() -> None:
    rws.MockWebSocketManager()


def binaries(without: int = -1) -> rws.Session:
    frames = [bytes([n % 256]) * 20 for n in range(COUNT) if n != without]
    return session_of(*(("t0", frame) for frame in frames), op=Op.BINARY)


def text(value: str) -> rws.Session:
    return session_of(("t0", {"type": "big", "text": value}))


def number(value: float) -> rws.Session:
    return session_of(("t0", {"type": "a", "x": value}))


def hostile(sign: str) -> rws.Session:
    """Types, payloads and names of connections that would like to speak to the terminal."""
    escape = "\x1b[2J\x1b]0;owned\x07\r\n\u202e<script>" + sign
    return session_of((escape, {"type": escape, "x": escape}), (escape, escape.encode().decode()))


PAIRS: dict[str, Callable[[], tuple[rws.Session, rws.Session]]] = {
    "two protocols": lambda: (tokens(profile="agent5"), other()),
    "nothing against all": lambda: (rws.run(nothing).session, tokens()),
    "all against nothing": lambda: (tokens(), rws.run(nothing).session),
    "one cut off": lambda: (tokens(), tokens(COUNT // 2)),
    "a hundred renamed": lambda: (tokens(connections=100), tokens(prefix="x-", connections=100)),
    "binary frames": lambda: (binaries(), binaries(without=100)),
    "five megabytes": lambda: (text("x" * 5_000_000), text("x" * 4_999_999 + "y")),
    "no number": lambda: (number(float("nan")), number(float("inf"))),
    "control characters": lambda: (hostile("1"), hostile("2")),
}


@pytest.mark.parametrize("name", PAIRS)
def test_every_answer_is_short_and_safe(name: str) -> None:
    golden, run = PAIRS[name]()
    diff = rws.compare(golden, run)
    shown = Difference("golden.rws", "run.rws", golden, run, diff)
    page = drawn(shown)
    assert len(page) <= 40
    assert max(map(len, page)) <= 400
    tree = drawn(Tree(shown))
    assert len(tree) <= 40
    assert max(map(len, tree)) <= 400
    for answer in (*page, *tree, github_error(shown), *junit_text(shown).splitlines()):
        assert not [char for char in answer if unicodedata.category(char) in ("Cc", "Cs")]
    assert len(junit_text(shown)) < 20_000
    assert len(step_summary(shown)) < 20_000
    assert len(github_error(shown)) < 2_000
    assert len(json.dumps(shown.to_dict(), allow_nan=False)) < 5_000_000
    assert len(json.dumps(Tree(shown).to_dict(), allow_nan=False)) < 500_000


def drawn(view: Difference | Tree) -> list[str]:
    stream = io.StringIO()
    draw(view.blocks(), stream)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("two protocols", "different session: golden.rws and run.rws"),
        ("a hundred renamed", "different: golden.rws and run.rws"),
        ("no number", "different: golden.rws and run.rws"),
    ],
)
def test_the_verdict_is_right(name: str, verdict: str) -> None:
    golden, run = PAIRS[name]()
    shown = Difference("golden.rws", "run.rws", golden, run, rws.compare(golden, run))
    assert drawn(shown)[0].startswith(verdict)


def test_each_side_is_judged_by_its_own_protocol() -> None:
    golden, run = PAIRS["two protocols"]()
    shown = Difference("golden.rws", "run.rws", golden, run, rws.compare(golden, run))
    told = json.dumps(shown.to_dict()["compliance"])
    assert "agent5" in told
    assert "ag-ui-1.0" in told


def test_a_number_that_is_none_equals_itself() -> None:
    assert rws.compare(number(float("nan")), number(float("nan"))).same
