"""Whether events that answer each other are about the same things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from replay_ws.diff import Category, Diff, compare
from replay_ws.events.model import Event
from tests.helpers import Told, event, session

CALLS = {"**.id": "id:call"}


def compared(golden: Told, run: Told, volatile: Mapping[str, object]) -> Diff:
    """The comparison, which must mirror that of the exchanged sides."""
    diff = compare(golden, run, volatile=volatile)
    assert diff == compare(run, golden, volatile=volatile).mirrored()
    return diff


def call(name: str, *between: str, query: str = "") -> list[Event]:
    types = ["tool_executing", *between, "tool_completed"]
    return [event(type, id=name, **({"query": query} if query else {})) for type in types]


def test_names_that_differ_one_to_one_make_no_difference() -> None:
    golden = session(*call("a"), *call("b"), *call("a"))
    assert compared(golden, session(*call("x"), *call("y"), *call("x")), CALLS).same
    assert compared(golden, session(*call("b"), *call("a"), *call("b")), CALLS).same
    assert not compared(golden, session(*call("x"), *call("y"), *call("x")), {}).same


def test_an_event_with_the_name_of_another_call_answers_another_call() -> None:
    golden = session(*call("a", "progress"), event("tool_executing", id="b"), event("end", id="a"))
    run = session(*call("x", "progress"), event("tool_executing", id="y"), event("end", id="y"))
    (line,) = compared(golden, run, CALLS).lines()
    assert line == (
        "identity #4 < end: answers another call; $.id: 'a' -> 'y'; "
        "elsewhere 'a' is 'x' and 'b' is 'y'"
    )


def test_two_names_that_change_places_are_two_conflicts_and_nothing_else() -> None:
    start = [event("start", id=name) for name in "ab"]
    golden = session(*start, event("end", id="a"), event("end", id="b"))
    run = session(*start, event("end", id="b"), event("end", id="a"))
    diff = compared(golden, run, CALLS)
    assert [found.category for found in diff.divergences] == [Category.IDENTITY] * 2
    assert diff.matched == 2


def test_most_events_decide_what_a_name_is_and_not_the_first() -> None:
    golden = session(event("start", id="a"), event("start", id="b"), *[event("t", id="a")] * 3)
    run = session(event("start", id="y"), event("start", id="x"), *[event("t", id="x")] * 3)
    assert [found.golden for found in compared(golden, run, CALLS).divergences] == [0, 1]


@pytest.mark.parametrize("alike", [True, False])
def test_a_missing_call_shifts_no_other(alike: bool) -> None:
    def told(*without: int) -> Told:
        numbers = [number for number in range(200) if number not in without]
        prefix = "x" if without else "call"
        return session(
            event("hello"),
            *(
                one
                for number in numbers
                for one in call(
                    f"{prefix}-{number}", "progress", query="" if alike else f"q{number}"
                )
            ),
            event("end"),
        )

    counts = compared(told(), told(70), CALLS).counts
    assert {name: count for name, count in counts.items() if count} == {"missing": 3}


def test_a_missing_call_within_others_is_found_by_the_names() -> None:
    def nested(*names: str) -> Told:
        opened = [event("start", id=name) for name in names]
        return session(*opened, *(event("end", id=name) for name in reversed(names)))

    diff = compared(nested("a", "b", "c"), nested("x", "z"), CALLS)
    assert [found.category for found in diff.divergences] == [Category.MISSING] * 2


def test_domains_do_not_mix() -> None:
    golden = session(event("a", call="1", run="1"), event("b", call="1", run="1"))
    run = session(event("a", call="2", run="1"), event("b", call="2", run="1"))
    assert compared(golden, run, {"$.call": "id:call", "$.run": "id:run"}).same
    assert not compared(golden, run, {"$.call": "id:one", "$.run": "id:one"}).same


@pytest.mark.parametrize(
    ("rule", "golden", "run", "told"),
    [
        ("uuid", "0b0c6f4e-3d29-4b5e-9d57-0c8f1c2a3b4d", "none", "not uuid"),
        ("abs=50", 40, 140, "not abs=50"),
        ("id:run", "a", None, "not id:run"),
        ("clock", 17.5, "soon", "not clock"),
    ],
)
def test_a_value_that_is_not_what_its_rule_says_has_changed(
    rule: str, golden: Any, run: Any, told: str
) -> None:
    (found,) = compared(
        session(event("a", v=golden)), session(event("a", v=run)), {"$.v": rule}
    ).divergences
    assert (found.category, found.why) == (Category.CHANGED, told)
    assert [detail.path for detail in found.details] == ["$.v"]


def test_a_value_that_equals_its_partner_is_right_whatever_the_rule() -> None:
    told = session(event("a", v="n/a"))
    assert compared(told, session(event("a", v="n/a")), {"$.v": "uuid"}).same
    assert compared(told, session(event("a", v="n/a")), {"$.v": "clock"}).same


def test_a_clock_goes_forward_where_the_other_one_does() -> None:
    def ticks(*times: object) -> Told:
        return session(*(event("a", ts=time) for time in times))

    rules = {"$.ts": "clock"}
    assert compared(ticks(1, 2, 3), ticks(10, 20, 21), rules).same
    assert compared(ticks(1, 2, 1), ticks(10, 20, 5), rules).same
    assert compared(ticks("2026-01-01T00:00:00Z"), ticks("2027-01-01T00:00:00Z"), rules).same
    (found,) = compared(ticks(1, 2, 3), ticks(10, 20, 19), rules).divergences
    assert (found.golden, found.why) == (2, "a clock goes back")


@pytest.mark.parametrize(
    ("rule", "last", "same"),
    [
        ("clock±50ms", 1_700_000_009.04, True),
        ("clock±50ms", 1_700_000_009.06, False),
        ("clock abs=0.05", 1_700_000_009.04, True),
        ("clock abs=0.05", 1_700_000_009.06, False),
    ],
)
def test_a_clock_with_a_tolerance_goes_as_fast_as_the_other_one(
    rule: str, last: float, same: bool
) -> None:
    golden = session(event("a", ts=1_600_000_000.0), event("a", ts=1_600_000_009.0))
    run = session(event("a", ts=1_700_000_000.0), event("a", ts=last))
    assert compared(golden, run, {"$.ts": rule}).same is same


def test_what_may_differ_is_not_among_what_changed() -> None:
    golden = session(event("a", id="x", n=1), event("b", id="x"))
    run = session(event("a", id="y", n=2), event("b", id="y"))
    assert compared(golden, run, CALLS).lines() == ["changed #0 < a: $.n: 1 -> 2"]


def test_a_secret_in_a_volatile_value_is_no_secret_of_another_place() -> None:
    rules = {"$.v": "any"}
    golden = session(event("a", v="<secret-1> <secret-2>", key="<secret-3>"))
    run = session(event("a", v="nothing", key="<secret-1>"))
    assert compared(golden, run, rules).same
