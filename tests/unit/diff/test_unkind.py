"""Sessions that nobody should compare, and whoever does gets a right and a short answer."""

from __future__ import annotations

import pytest

from replay_ws.diff import compare
from replay_ws.events.log import Op
from tests.helpers import Told, event, session

COUNT = 5_000


def tokens(count: int = COUNT, prefix: str = "t", connections: int = 1) -> Told:
    return session(
        *(
            event("token", n=n, of=n % connections, connection=f"{prefix}{n % connections}")
            for n in range(count)
        )
    )


def other_protocol() -> Told:
    return session(*(event("TEXT", delta=str(n), connection="t0") for n in range(COUNT)))


def binaries(*, without: int = -1) -> Told:
    frames = (event(op=Op.BINARY, body=bytes([n % 256]) * 20) for n in range(COUNT))
    return session(*(frame for n, frame in enumerate(frames) if n != without))


def nan(value: float) -> Told:
    return session(event("a", x=value))


@pytest.mark.parametrize(
    ("golden", "run", "counts"),
    [
        (session(), tokens(), {"truncated": COUNT}),
        (tokens(), session(), {"truncated": COUNT}),
        (tokens(), tokens(COUNT // 2), {"truncated": COUNT // 2}),
        (tokens(), other_protocol(), {"missing": COUNT, "extra": COUNT}),
        (tokens(), tokens(prefix="other-"), {"identity": 1}),
        (
            tokens(prefix="conn-", connections=100),
            tokens(prefix="a-", connections=100),
            {"identity": 1},
        ),
        (binaries(), binaries(without=100), {"missing": 1}),
        (
            session(event("big", text="x" * 5_000_000)),
            session(event("big", text="x" * 4_999_999 + "y")),
            {"changed": 1},
        ),
        (nan(float("nan")), nan(float("nan")), {}),
        (nan(float("nan")), nan(1), {"changed": 1}),
    ],
    ids=[
        "empty",
        "full",
        "truncated",
        "protocols",
        "renamed",
        "hundred",
        "binary",
        "huge",
        "nan",
        "number",
    ],
)
def test_the_verdict_is_right_and_short(golden: Told, run: Told, counts: dict[str, int]) -> None:
    diff = compare(golden, run)
    assert {name: count for name, count in diff.counts.items() if count} == counts
    assert len(diff.divergences) <= 250
    assert all(len(line) <= 500 for line in diff.lines())
    assert diff.same is not bool(counts)


def test_sessions_of_two_protocols_are_called_unrelated() -> None:
    assert compare(tokens(), other_protocol()).unrelated
    assert not compare(tokens(), tokens(COUNT // 2)).unrelated
