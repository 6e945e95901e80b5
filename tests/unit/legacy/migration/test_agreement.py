"""When two answers agree: content must, a clock of one's own need not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from replay_ws.legacy.migration.agreement import Awaited, Peer, disagreement
from replay_ws.legacy.migration.sandbox import Instant


@dataclass
class Row:
    run: str


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (1, 1, ""),
        ({"a": 1}, {"a": 1}, ""),
        ([{"a": 1}], [{"a": 1, "sequence": 7}], "messages"),
        ([(1, "x")], [(1, "x")], ""),
        ({"timestamp": 5.0}, {"timestamp": 0.0}, ""),
        ([Instant(5.0)], [0.0], "seen"),
        ([1.5, 2.5], [0.0, 0.1], "send_times"),
        (Row("r"), Row("r"), ""),
        (Awaited(True), Awaited(True), ""),
        (Peer("a"), Peer("a"), ""),
    ],
)
def test_these_agree(old: Any, new: Any, name: str) -> None:
    assert disagreement(old, new, name) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (True, 1, "1 instead of True"),
        (True, None, "None instead of True"),
        ({"a": 1}, {"a": 1, "b": 2}, "has 'b' too"),
        ([{"a": 1}], [{"b": 1}], "a record has no 'a'"),
        ([1, 2], [1], "1 instead of 2"),
        ((1, 2), [1, 2], "instead of"),
        ({"timestamp": 5.0}, {"timestamp": "now"}, "'now' instead of 5.0"),
        (Row("r"), {"run": "r"}, "it keeps Row"),
        (True, Awaited(True), "by await"),
        (Awaited(True), True, "at once"),
        (Peer("a"), Peer("b"), "b instead of a"),
    ],
)
def test_these_do_not_and_it_is_said_how(old: Any, new: Any, said: str) -> None:
    assert said in disagreement(old, new)
