"""The laws of alignment, with its limits drawn so close that every step has its turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from replay_ws.diff import Category, Diff, Divergence, align, compare, pairing
from replay_ws.diff.keys import has_secret, key
from replay_ws.diff.sides import Numbering, columns_of
from replay_ws.events.model import Event
from tests.helpers import Told, event, session
from tests.property.test_diff import orders, pairs

few = st.lists(st.integers(0, 3), max_size=40)
many = st.lists(st.integers(0, 40), max_size=40)
CLOSE = (
    {"SMALL_GAP": 0},
    {"SMALL_GAP": 0, "HOP_AGREEMENT": 1, "HOPS": 2, "STEADY": 3},
    {"SMALL_GAP": 0, "HOP_MAX": 0, "STRIDE": 3, "STRIDE_FROM": 1},
    {"SMALL_GAP": 4, "UNRELATED_MIN": 4, "RELATED_PER_MILLE": 600},
)


@contextmanager
def limits(of: dict[str, int]) -> Iterator[None]:
    """The limits of an alignment, other ones for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in of.items():
            patch.setattr(align, name, limit)
        patch.setattr(pairing, "UNRELATED_HEAD", 3)
        yield


@st.composite
def edited(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """A sequence, and what some edits and a moved block made of it."""
    story = draw(st.lists(st.integers(0, draw(st.sampled_from([2, 9, 99]))), max_size=60))
    other = list(story)
    for _ in range(draw(st.integers(0, 5))):
        at, size = draw(st.integers(0, len(other))), draw(st.integers(0, 12))
        block = other[at : at + size]
        del other[at : at + size]
        if draw(st.booleans()):
            to = draw(st.integers(0, len(other)))
            other[to:to] = block
        else:
            other[at:at] = draw(few)[:3]
    return story, other


sequences = st.tuples(few, few) | st.tuples(many, many) | edited()


@pytest.mark.parametrize("close", CLOSE)
@given(sequences)
def test_blocks_are_equal_and_rise_and_gaps_are_all_the_rest(
    close: dict[str, int], pair: tuple[list[int], list[int]]
) -> None:
    a, b = pair
    with limits(close):
        blocks, gaps = align.in_sequence(a, b)
    ends = [(0, 0), *((x + count, y + count) for x, y, count in blocks)]
    for (x, y, count), (end_x, end_y) in zip(blocks, ends, strict=False):
        assert (x >= end_x, y >= end_y) == (True, True)
        assert a[x : x + count] == b[y : y + count] != []
    taken = [{block[side] + n for block in blocks for n in range(block[2])} for side in (0, 1)]
    for side, items in enumerate(pair):
        left_over = [place for gap in gaps for place in gap[side]]
        assert left_over == [place for place in range(len(items)) if place not in taken[side]]


@pytest.mark.parametrize("close", CLOSE)
@given(sequences)
def test_what_items_are_called_makes_no_difference(
    close: dict[str, int], pair: tuple[list[int], list[int]]
) -> None:
    with limits(close):
        renamed = [[1_000 - 7 * item for item in side] for side in pair]
        assert align.in_sequence(*pair) == align.in_sequence(*renamed)


@given(sequences, st.integers(0, 60))
def test_agreement_is_counted_to_the_item_in_both_directions(
    pair: tuple[list[int], list[int]], at: int
) -> None:
    a, b = pair
    assume(at <= min(len(a), len(b)))
    ahead = [one == other for one, other in zip(a[at:], b[at:], strict=False)]
    behind = [one == other for one, other in zip(a[:at][::-1], b[:at][::-1], strict=True)]
    assert align.agreement(a, b, at, at, len(ahead)) == sum(accumulate(ahead, min))
    assert align.agreement_back(a, b, at, at, at) == sum(accumulate(behind, min))


@given(pairs)
def test_events_have_equal_numbers_if_and_only_if_they_are_equal(pair: tuple[Told, Told]) -> None:
    numbering = Numbering()
    sides = [numbering.side(columns_of(one)) for one in pair]
    events = [one for side in sides for one in side.events]
    numbers = [number for side in sides for number in side.ids]
    keys = list(map(key, events))
    assert len(set(zip(keys, numbers, strict=True))) == len(set(keys)) == len(set(numbers))
    for side in sides:
        holding = [number for number, one in enumerate(side.events) if has_secret(one.body)]
        assert list(side.with_secrets) == holding


def told(items: list[int]) -> Told:
    """An event per item, on two connections and in two directions by what it is."""
    return session(
        *(
            event("token", n=item, at=number, connection=f"t{item % 2}", upstream=item % 3 == 0)
            for number, item in enumerate(items)
        )
    )


@pytest.mark.parametrize("close", CLOSE)
@given(sequences, orders)
def test_a_diff_mirrors_and_counts_every_event_once_whatever_the_limits(
    close: dict[str, int], pair: tuple[list[int], list[int]], order: str
) -> None:
    golden, run = map(told, pair)
    with limits(close):
        one = compare(golden, run, order=order, tolerance_ns=10**9)
        other = compare(run, golden, order=order, tolerance_ns=10**9)
    assert one == other.mirrored()
    ours = sum(found.count for found in one.divergences if found.golden is not None)
    theirs = sum(found.count for found in one.divergences if found.run is not None)
    assert (one.matched + ours, one.matched + theirs) == tuple(map(len, pair))


def numbers_of(found: Divergence, start: int, story: Sequence[Event]) -> list[int]:
    """The events of one side that a divergence is about, by number."""
    if found.category is not Category.TRUNCATED:
        return list(range(start, start + found.count))
    lane = (found.connection, found.direction)
    return [
        n for n in range(start, len(story)) if (story[n].connection, story[n].direction) == lane
    ]


def applied(diff: Diff, golden: Sequence[Event], run: Sequence[Event]) -> list[Event]:
    """``golden`` with the differences of a total order done to it; of ``run``, only what is new."""
    gone: set[int] = set()
    new: dict[int, Event] = {}
    for found in diff.divergences:
        ours = [] if found.golden is None else numbers_of(found, found.golden, golden)
        theirs = [] if found.run is None else numbers_of(found, found.run, run)
        gone.update(ours)
        moved = found.category is Category.MOVED
        given = [golden[n] for n in ours] if moved else [run[n] for n in theirs]
        new.update(zip(theirs, given, strict=True))
    kept = iter(one for number, one in enumerate(golden) if number not in gone)
    return [new[number] if number in new else next(kept) for number in range(len(run))]


@pytest.mark.parametrize("close", [{}, CLOSE[1], CLOSE[2]])
@given(sequences)
def test_the_golden_with_the_differences_done_to_it_is_the_run(
    close: dict[str, int], pair: tuple[list[int], list[int]]
) -> None:
    golden, run = map(told, pair)
    with limits(close):
        diff = compare(golden, run, order="total", tolerance_ns=10**9)
    result = applied(diff, golden.delivered(), run.delivered())
    assert [one.body for one in result] == [one.body for one in run.delivered()]


@given(st.lists(st.integers(0, 3), max_size=30), st.data())
def test_a_tool_call_that_is_gone_is_missing_and_nothing_else_is_said(
    words: list[int], data: st.DataObject
) -> None:
    story = [event("token", n=word) for word in words]
    calls = data.draw(st.integers(1, 4))
    for call in range(calls):
        at = data.draw(st.integers(0, len(story)))
        story[at:at] = [event("tool_start", call=call), event("tool_end", call=call)]
    story.append(event("done"))
    gone = data.draw(st.integers(0, calls - 1))
    run = [one for one in story if f'"call": {gone}' not in str(one.body)]
    lost = [number for number, one in enumerate(story) if one not in run]
    diff = compare(session(*story), session(*run))
    found = {(f.category, f.golden) for f in diff.divergences}
    assert found == {(Category.MISSING, number) for number in lost}


@pytest.mark.parametrize(
    ("order", "lane"),
    [
        ("causal", lambda one: one.connection),
        ("thread", lambda one: (one.connection, one.direction)),
    ],
)
@given(items=many, data=st.data())
def test_any_interleaving_of_the_lanes_is_equal(
    order: str, lane: object, items: list[int], data: st.DataObject
) -> None:
    golden = told(items)
    queues: dict[object, list[Event]] = {}
    for one in golden.events:
        queues.setdefault(lane(one), []).append(one)  # type: ignore[operator]
    turns = data.draw(st.permutations([name for name, queue in queues.items() for _ in queue]))
    mixed = Told([replace(queues[name].pop(0), time_ns=at) for at, name in enumerate(turns)])
    assert compare(golden, mixed, order=order, tolerance_ns=10**9).same
