"""The laws of names: what they are does not matter, who has which does."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from replay_ws.diff import ORDERS, Category, compare
from replay_ws.diff.learning import learn
from replay_ws.events.model import Event
from tests.helpers import event, session

RULES = {"**.id": "id:call", "$.run": "id:run", "$.ts": "clock"}
STEPS = ("start", "progress", "end")

orders = st.sampled_from(sorted(ORDERS))


@st.composite
def stories(draw: st.DrawFn, *, alike: bool = True) -> list[Event]:
    """Calls of three events each, among each other; with ``alike`` two calls may look the same."""
    count = draw(st.integers(0, 6))
    asked = [draw(st.integers(0, 1)) if alike else number for number in range(count)]
    turns = draw(st.permutations([call for call in range(count) for _ in STEPS]))
    done = [0] * count
    events = []
    for time, call in enumerate(turns):
        step = STEPS[done[call]]
        done[call] += 1
        fields = {"id": f"call-{call}", "run": "r", "ts": time, "query": asked[call]}
        events.append(event(step, **fields))
    return events


def under_other_names(events: list[Event], names: dict[str, str], start: int = 0) -> list[Event]:
    def renamed(one: Event) -> Event:
        data = json.loads(str(one.body))
        data |= {"id": names.get(data["id"], data["id"]), "run": "s", "ts": data["ts"] + start}
        return replace(one, body=json.dumps(data))

    return [renamed(one) for one in events]


def name_of(one: Event) -> str:
    return str(json.loads(str(one.body))["id"])


@given(stories(), st.permutations(range(6)), st.integers(0, 9), orders)
def test_other_names_for_the_same_calls_are_no_difference(
    story: list[Event], numbers: list[int], start: int, order: str
) -> None:
    names = {f"call-{number}": f"call-{other}" for number, other in enumerate(numbers)}
    run = session(*under_other_names(story, names, start))
    assert compare(session(*story), run, volatile=RULES, order=order).same


@given(stories(alike=False), st.data())
def test_a_missing_call_is_its_own_events_and_nothing_else(
    story: list[Event], data: st.DataObject
) -> None:
    assume(story)
    gone = data.draw(st.sampled_from(sorted({name_of(one) for one in story})))
    kept = [one for one in story if name_of(one) != gone]
    golden, run = session(*story), session(*under_other_names(kept, {}))
    diff = compare(golden, run, volatile=RULES)
    assert diff.matched == len(kept)
    assert sum(diff.counts.values()) == len(STEPS)
    assert {found.category for found in diff.divergences} <= {
        Category.MISSING,
        Category.TRUNCATED,
    }


@given(stories(alike=False), st.data())
def test_two_names_that_change_places_are_two_conflicts_and_nothing_else(
    story: list[Event], data: st.DataObject
) -> None:
    places = st.lists(st.sampled_from(range(len(story) or 1)), min_size=2, max_size=2)
    one, two = data.draw(places)
    assume(story and name_of(story[one]) != name_of(story[two]))
    run = list(story)
    for place, other in ((one, two), (two, one)):
        fields = json.loads(str(story[place].body)) | {"id": name_of(story[other])}
        run[place] = replace(story[place], body=json.dumps(fields))
    diff = compare(session(*story), session(*run), volatile=RULES)
    assert [(found.category, found.golden) for found in diff.divergences] == [
        (Category.IDENTITY, place) for place in sorted((one, two))
    ]


@given(stories(), stories(), orders)
def test_a_diff_mirrors_that_of_the_exchanged_sides_under_rules_too(
    story: list[Event], other: list[Event], order: str
) -> None:
    golden, run = session(*story), session(*other)
    one = compare(golden, run, volatile=RULES, order=order)
    assert one == compare(run, golden, volatile=RULES, order=order).mirrored()
    assert compare(golden, golden, volatile=RULES, order=order).same


@given(stories(), st.data(), orders)
def test_names_in_disorder_mirror_too(story: list[Event], data: st.DataObject, order: str) -> None:
    names = st.sampled_from([f"call-{number}" for number in range(3)])
    run = [
        replace(one, body=json.dumps(json.loads(str(one.body)) | {"id": data.draw(names)}))
        for one in story
    ]
    golden, other = session(*story), session(*run)
    diff = compare(golden, other, volatile=RULES, order=order)
    assert diff == compare(other, golden, volatile=RULES, order=order).mirrored()
    assert diff.matched + diff.counts["identity"] + diff.counts["moved"] <= len(story)


@given(stories(alike=False), st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=6))
def test_what_is_learned_of_runs_makes_them_the_same(
    story: list[Event], letters: list[str]
) -> None:
    names = {f"call-{number}": f"{letter}-7" for number, letter in enumerate(letters)}
    golden, run = session(*story), session(*under_other_names(story, names, 5))
    lesson = learn([golden, run])
    assume(not lesson.doubts)
    assert compare(golden, run, volatile=lesson.table).same


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12), st.permutations("wxyz"))
def test_other_names_for_the_same_connections_are_one_difference(
    lanes: list[str], others: list[str]
) -> None:
    names = dict(zip("abcd", others, strict=True))
    golden = [event("t", n=n % 2, connection=name) for n, name in enumerate(lanes)]
    run = [replace(one, connection=names[one.connection]) for one in golden]
    diff = compare(session(*golden), session(*run))
    assert len(diff.divergences) == min(1, len(lanes))
    assert compare(session(*golden), session(*run), volatile={"connection": "id:connection"}).same
