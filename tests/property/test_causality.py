"""Cause and effect across lanes: what may be interleaved, and what a difference reaches."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from replay_ws.compliance import parse_profile
from replay_ws.diff import compare
from replay_ws.diff.causality import behaviour
from replay_ws.events.columns import Columns
from replay_ws.events.model import Event
from tests.helpers import Told, event, session

PROFILE = parse_profile(
    """
    name = "calls"
    [[pairs]]
    name = "tool"
    open = ["call"]
    close = ["result"]
    by = ["/id"]
    """
)

kinds = st.sampled_from(["call", "result", "note"])
lanes = st.sampled_from(["t1", "t2", "t3"])
stories = st.lists(st.tuples(kinds, lanes, st.integers(0, 3)), max_size=12)


def told(story: list[tuple[str, str, int]]) -> Told:
    return session(*(event(kind, connection=lane, id=number) for kind, lane, number in story))


def numbered(story: list[tuple[str, str, int]]) -> Told:
    """Every event is another, and every result answers a call before it."""
    numbers = count()
    events: list[Event] = []
    called: list[int] = []
    for kind, lane, pick in story:
        name = next(numbers)
        if kind == "call":
            called.append(name)
        elif kind == "result" and called:
            name = called.pop(pick % len(called))
        events.append(event(kind, connection=lane, id=name))
    return session(*events)


def shuffled(one: Told, data: st.DataObject) -> Told:
    """The events in another order that keeps every lane's, and every result behind its call."""
    queues: dict[str, list[Event]] = {}
    for each in one.events:
        queues.setdefault(each.connection, []).append(each)
    calls = [each.payload["id"] for each in one.events if each.type == "call"]
    order: list[Event] = []
    while any(queues.values()):
        done = {each.payload["id"] for each in order if each.type == "call"}
        ready = [
            lane
            for lane, queue in sorted(queues.items())
            if queue
            and (
                queue[0].type != "result"
                or queue[0].payload["id"] in done
                or queue[0].payload["id"] not in calls
            )
        ]
        order.append(queues[data.draw(st.sampled_from(ready))].pop(0))
    return session(*order)


@given(stories, st.data())
def test_every_interleaving_that_keeps_causes_first_is_the_same(
    story: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    golden = numbered(story)
    run = shuffled(golden, data)
    assert compare(golden, run, profile=PROFILE).same
    numbers = {behaviour(Columns.of(each.delivered()), PROFILE) for each in (golden, run)}
    assert len(numbers) == 1


@given(stories, stories)
def test_a_diff_with_causes_is_mirrored_when_the_sides_are_exchanged(
    one: list[tuple[str, str, int]], other: list[tuple[str, str, int]]
) -> None:
    ours, theirs = told(one), told(other)
    diff = compare(ours, theirs, profile=PROFILE)
    assert diff == compare(theirs, ours, profile=PROFILE).mirrored()


@given(stories, st.data())
def test_sessions_are_the_same_if_and_only_if_their_behaviours_are(
    story: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    ours, theirs = told(story), told(data.draw(st.permutations(story)))
    diff = compare(ours, theirs, profile=PROFILE)
    numbers = [behaviour(Columns.of(each.delivered()), PROFILE) for each in (ours, theirs)]
    assert diff.same is (numbers[0] == numbers[1])
    assert bool(diff.roots) is not diff.same
