"""Causes across lanes, what follows from what, and one number for a behaviour."""

from __future__ import annotations

from typing import Any

import pytest

from replay_ws.compliance import parse_profile
from replay_ws.diff import Category, Diff, compare
from replay_ws.diff.causality import behaviour, causes_of
from replay_ws.events.columns import Columns
from replay_ws.events.model import Event
from tests.helpers import Told, event, session

PROFILE = parse_profile(
    """
    name = "asked"

    [[pairs]]
    name = "tool"
    open = ["call"]
    close = ["result"]
    by = ["/id"]

    [[before]]
    first = ["ask"]
    then = ["answer"]
    by = ["/request"]
    then_by = ["/to"]
    """
)


def call(name: str, **more: Any) -> Event:
    return event("call", id=name, connection="t1", **more)


def result(name: str, **more: Any) -> Event:
    return event("result", id=name, connection="t2", **more)


def ask(name: str) -> Event:
    return event("ask", request=name, connection="t1", upstream=True)


def answer(name: str) -> Event:
    return event("answer", to=name, connection="t1")


def diff(golden: Told, run: Told, order: str = "causal") -> Diff:
    return compare(golden, run, order=order, profile=PROFILE)


def test_an_event_follows_what_opened_it_and_what_it_answers() -> None:
    told = session(ask("q"), call("1"), result("2"), result("1"), answer("q"))
    assert causes_of(Columns.of(told.delivered()), PROFILE) == {3: (1,), 4: (0,)}
    assert causes_of(Columns.of(told.delivered()), None) == {}


SCOPES = parse_profile(
    """
    name = "scoped"
    type = "/method"
    [[scopes]]
    name = "part"
    open = ["open"]
    cont = ["more.*"]
    close = ["close"]
    by_all = ["/item", "/index"]
    """
)


def test_what_goes_on_or_closes_follows_what_opened_it() -> None:
    def part(method: str, lane: str, item: str, index: int) -> Event:
        return event("event", method=method, connection=lane, item=item, index=index)

    told = session(
        part("open", "t1", "a", 0),
        part("open", "t1", "a", 1),
        part("more.text", "t2", "a", 0),
        part("close", "t3", "a", 1),
        part("close", "t1", "a", 0),
    )
    assert causes_of(Columns.of(told.delivered()), SCOPES) == {2: (0,), 3: (1,)}


def test_lanes_may_be_interleaved_in_any_way_that_keeps_causes_first() -> None:
    golden = session(call("1"), event("x", connection="t2"), result("1"), call("2"))
    assert diff(golden, session(event("x", connection="t2"), *golden.delivered()[::2], call("2")))
    run = session(event("x", connection="t2"), call("1"), call("2"), result("1"))
    assert diff(golden, run).same


def test_an_effect_before_its_cause_has_moved() -> None:
    golden, run = session(call("1"), result("1")), session(result("1"), call("1"))
    (found,) = diff(golden, run).divergences
    assert found.line(name_connection=True) == (
        'moved #1 t2 < result {"id":"1"}: follows: call on t1 -> nothing'
    )
    assert diff(golden, run, order="thread").same
    (mirrored,) = diff(run, golden).divergences
    assert mirrored.line(name_connection=True) == (
        'moved #0 t2 < result {"id":"1"}: follows: nothing -> call on t1'
    )


def test_of_what_follows_a_cause_that_is_lost_or_new_nothing_more_is_said() -> None:
    profile = parse_profile('name = "qa"\n[[before]]\nfirst = ["ask"]\nthen = ["answer"]')
    asks = [event("ask", n=n, upstream=True) for n in (1, 2)]
    answers = [event("answer", n=n) for n in (1, 2)]
    golden = session(asks[0], answers[0], asks[1], answers[1])
    run = session(asks[0], answers[0], answers[1])
    lost = compare(golden, run, profile=profile)
    assert [found.category for found in lost.divergences] == [Category.MISSING]
    new = compare(run, golden, profile=profile)
    assert [found.category for found in new.divergences] == [Category.EXTRA]


def test_what_comes_behind_a_divergence_on_its_lane_can_follow_from_it() -> None:
    golden = session("a", "b", "c", event("x", connection="t2"))
    run = session("A", "b", "C", event("y", connection="t2"))
    roots = [found.golden for found in compare(golden, run).roots]
    assert roots == [0, 3]


def test_what_a_divergence_causes_on_another_lane_can_follow_from_it() -> None:
    golden = session(call("1", n=1), result("1", n=1), event("x", connection="t2"))
    run = session(call("1", n=2), result("1", n=2), event("y", connection="t2"))
    assert [found.golden for found in diff(golden, run).roots] == [0]
    assert [found.golden for found in compare(golden, run).roots] == [0, 1]


def test_in_a_bag_nothing_follows_from_anything() -> None:
    found = compare(session("a", "b"), session("c", "d"), order="bag")
    assert len(found.roots) == len(found.divergences) > 1


def test_lateness_explains_lateness_and_no_content() -> None:
    golden = session(event("a"), event("b"), event("c", n=1))
    run = session(event("a", at=5), event("b", at=5), event("c", n=2, at=5))
    assert [(found.category, found.root) for found in compare(golden, run).divergences] == [
        (Category.TIMING, True),
        (Category.TIMING, False),
        (Category.CHANGED, True),
    ]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ([call("1"), result("1"), event("x", connection="t3")], True),
        ([event("x", connection="t3"), call("1"), result("1")], True),
        ([result("1"), call("1"), event("x", connection="t3")], False),
        ([call("1"), result("1"), event("y", connection="t3")], False),
        ([call("1"), result("1"), event("x", connection="t4")], False),
    ],
)
def test_a_behaviour_is_one_number_whatever_the_interleaving(
    other: list[Event], same: bool
) -> None:
    golden = session(call("1"), event("x", connection="t3"), result("1"))
    numbers = {
        behaviour(Columns.of(told.delivered()), PROFILE) for told in (golden, session(*other))
    }
    assert (len(numbers) == 1) is same
