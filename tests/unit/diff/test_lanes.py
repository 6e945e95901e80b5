"""Connections that have another name in each session."""

from __future__ import annotations

from replay_ws.diff import Category, compare
from tests.helpers import Told, event, session

RENAMING = {"connection": "id:connection"}


def opened(names: list[str], *, without: str = "") -> Told:
    return session(
        *(
            event("token", n=number, place=place, connection=name)
            for number in range(3)
            for place, name in enumerate(names)
            if name != without
        )
    )


def test_a_hundred_connections_with_other_names_are_one_line() -> None:
    golden = opened([f"conn-{number}" for number in range(100)])
    run = opened([f"a-{number}" for number in reversed(range(100))])
    diff = compare(golden, run)
    (found,) = diff.divergences
    assert found.category is Category.IDENTITY
    assert "100 connections: another name" in diff.lines()[0]
    assert "'conn-0' -> 'a-99'" in diff.lines()[0]
    assert not diff.same
    assert diff == compare(run, golden).mirrored()


def test_a_rule_allows_other_names() -> None:
    golden, run = opened(["a", "b"]), opened(["x", "y"])
    diff = compare(golden, run, volatile=RENAMING)
    assert diff.same
    assert diff.divergences[0].rule == 'connection = "id:connection"'


def test_connections_that_are_alike_are_one_and_their_differences_are_told() -> None:
    golden = opened(["a", "b"])
    run = session(*list(opened(["a", "x"]).events)[:-1])
    diff = compare(golden, run, volatile=RENAMING)
    assert [found.category for found in diff.divergences if not found.rule] == [Category.MISSING]


def test_connections_that_have_nothing_in_common_stay_apart() -> None:
    golden = session(event("a", connection="c1"))
    run = session(event("b", connection="c2"))
    assert {found.category for found in compare(golden, run).divergences} == {
        Category.MISSING,
        Category.EXTRA,
    }


def test_a_name_that_both_sides_have_is_not_given_away() -> None:
    golden = session(event("a", connection="c1"), event("b", connection="c2"))
    run = session(event("b", connection="c1"), event("a", connection="c2"))
    assert compare(golden, run, volatile=RENAMING).counts["identity"] == 0
    assert not compare(golden, run, volatile=RENAMING).same


def test_names_in_payloads_answer_as_those_of_connections_do() -> None:
    def told(*names: str) -> Told:
        return session(*(event("a", thread=name, connection=name) for name in names))

    rules = {**RENAMING, "$.thread": "id:connection"}
    assert compare(told("c1", "c2"), told("x1", "x2"), volatile=rules).same
    crossed = session(
        event("a", thread="x2", connection="x1"), event("a", thread="x1", connection="x2")
    )
    assert not compare(told("c1", "c2"), crossed, volatile=rules).same
