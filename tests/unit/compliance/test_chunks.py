"""Chunks: scopes in pieces that do not say what they begin and end."""

from __future__ import annotations

from typing import Any

import pytest

from replay_ws.compliance import Report, parse_profile
from replay_ws.errors import ConfigError
from tests.unit.compliance.test_scopes import TEXT, judged

CHUNKS = (
    TEXT
    + """
must_close_before = ["done"]
[[scopes]]
name = "call"
open = ["call"]
close = ["called"]
by = ["/call"]
[[chunks]]
of = ["piece"]
scope = "text"
needs = ["/by"]
same = ["/by", "/role"]
usual = { "/role" = "robot" }
[[chunks]]
of = ["part"]
scope = "call"
[lanes]
by = ["/lane"]
end = ["start", "more", "end", "call", "called", "other"]
end_all = ["done"]
"""
)


def piece(id: str = "", lane: str = "", type: str = "piece", **more: Any) -> dict[str, Any]:
    """A chunk; one with an id is by somebody, as the first must be."""
    key = "call" if type == "part" else "id"
    named = {key: id, "by": "me"} if id else {}
    return {"type": type, **named, **({"lane": lane} if lane else {}), **more}


def part(id: str = "", lane: str = "") -> dict[str, Any]:
    return piece(id, lane, type="part")


def faults(report: Report) -> list[tuple[int | None, str]]:
    return [(finding.number, finding.message) for finding in report.findings]


def test_chunks_open_go_on_and_are_closed_by_what_comes_next() -> None:
    report = judged(CHUNKS, piece("a"), piece(), piece("a"), piece("b"), part("c"), part(), "done")
    assert report.ok
    counts = {check.subject: (check.ok, check.total) for check in report.checks}
    assert counts["text"] == (2, 2)
    assert counts["text closed"] == (2, 2)
    assert counts["call"] == (1, 1)


def test_a_first_chunk_has_a_name_and_what_it_needs() -> None:
    message = "piece is the first of a text, and has no name"
    assert faults(judged(CHUNKS, piece())) == [(0, message)]
    assert faults(judged(CHUNKS, piece("a"), "other", piece(), "done")) == [(2, message)]
    report = judged(CHUNKS, {"type": "piece", "id": "a"}, "done")
    assert faults(report) == [(0, 'piece "a" is the first of a text, and has no /by')]


def test_types_that_are_not_in_the_table_end_nothing() -> None:
    assert judged(CHUNKS, piece("a"), "remark", piece(), "done").ok


def test_later_chunks_say_nothing_else_than_the_first() -> None:
    assert judged(CHUNKS, piece("a"), piece(by="me", role="robot"), piece(role=None), "done").ok
    report = judged(CHUNKS, piece("a"), piece(by="you"), piece("a", role="user"), "done")
    assert faults(report) == [
        (1, 'piece "a" says "you" at /by, the first says "me"'),
        (2, 'piece "a" says "user" at /role, the first says "robot"'),
    ]


def test_a_chunk_may_not_open_what_is_open_and_closes_what_whole_events_go_on_with() -> None:
    report = judged(CHUNKS, "start/a", piece("a"), "end/a", "done")
    assert faults(report)[0] == (1, 'piece "a" opens a text that is open since #0')
    report = judged(CHUNKS, piece("a"), "more/a", "done")
    assert faults(report) == [(1, 'more "a" came, but no such text is open')]


def test_lanes_are_side_by_side() -> None:
    stream = (piece("a", "x"), piece("b", "y"), piece("", "x"), piece("b"), part("c", "x"))
    assert judged(CHUNKS, *stream, piece(), "done").ok
    report = judged(CHUNKS, *stream[:2], piece(), "done")
    message = "piece has no name and no lane, and 2 of its kind are open"
    assert faults(report) == [(2, message)]
    report = judged(CHUNKS, *stream[:2], piece("b", "x"), "done")
    assert faults(report) == [(2, 'piece "b" goes on with one of "y"')]
    report = judged(CHUNKS, piece("a"), piece("a", "x"), "done")
    assert faults(report) == [(1, 'piece "a" goes on with one of nobody')]


def test_an_event_ends_what_is_in_its_own_lane() -> None:
    other = {"type": "other", "lane": "x"}
    assert judged(CHUNKS, piece("a", "x"), piece("b", "y"), other, piece("", "y"), "done").ok
    report = judged(CHUNKS, piece("a", "x"), other, piece("", "x"), "done")
    assert faults(report) == [(2, "piece is the first of a text, and has no name")]


def test_what_others_closed_is_not_closed_again() -> None:
    report = judged(CHUNKS, piece("a", "x"), "end/a", {"type": "other", "lane": "x"})
    assert faults(report) == [(2, 'other "a" came, but no such text is open')]


def test_chunks_are_the_pieces_of_a_whole() -> None:
    profile = CHUNKS.replace(
        'by = ["/id"]\n', 'by = ["/id"]\nconcat = {delta = "/d", json = true}\n'
    )
    assert judged(profile, piece("a", d="{"), piece(d='"b": 1'), piece(d="}"), "done").ok
    report = judged(profile, piece("a", d="{"), "done")
    assert faults(report) == [(1, 'done "a": the pieces that came make no JSON')]


def test_chunks_are_of_a_scope_that_there_is() -> None:
    with pytest.raises(ConfigError, match=r"line 4, \[\[chunks\]\] scope: unknown scope 'text'"):
        parse_profile('name = "p"\n[[chunks]]\nof = ["piece"]\nscope = "text"')
