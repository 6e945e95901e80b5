"""Calls as lines: what ``cat`` and a mismatch show of them."""

from __future__ import annotations

from typing import Any

import pytest

from replay_ws.events.log import Op
from replay_ws.report.calls import call_text, row_text

PARAMETERS = [
    {"name": "thread_id", "kind": "positional_or_keyword"},
    {"name": "retry", "kind": "keyword_only", "default": 3},
]


@pytest.mark.parametrize(
    ("op", "about", "text"),
    [
        (
            Op.METHOD,
            {"name": "send", "kind": "async", "parameters": PARAMETERS},
            "async send(thread_id, *, retry=3)",
        ),
        (Op.CALL, {"name": "send", "arguments": {"thread_id": "t1"}}, 'send(thread_id="t1")'),
        (Op.CALL, {"name": "send", "arguments": {}, "parent": 3}, "send()  within another"),
        (Op.RETURN, {"name": "send", "value": None}, "send -> null"),
        (
            Op.RETURN,
            {"name": "send", "error": {"type": "ValueError", "message": "no"}},
            "send raised ValueError: no",
        ),
    ],
)
def test_a_row_reads_like_the_call_that_it_is(op: Op, about: Any, text: str) -> None:
    assert row_text(op, about) == text


@pytest.mark.parametrize("op", [Op.METHOD, Op.CALL, Op.RETURN])
@pytest.mark.parametrize(
    "about",
    [7, None, [], {"name": 1}, {"name": "x", "kind": "y", "parameters": [7]}, {"error": {}}],
)
def test_a_row_that_is_no_call_is_shown_as_it_is(op: Op, about: Any) -> None:
    assert row_text(op, about)[0] in '7n[{"'


def test_nothing_in_a_call_moves_the_terminal() -> None:
    shown = call_text("se\x1bnd", {"a\n": "\x1b[2J\u202e"})
    assert shown.isprintable()
    assert "\x1b" not in shown
