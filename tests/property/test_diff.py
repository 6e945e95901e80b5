"""L8 and what follows from it: the laws of comparison."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_ws.diff import ORDERS, Category, Diff, align, compare
from replay_ws.events.encoding import encode
from replay_ws.events.log import Op
from replay_ws.events.model import Event, Fate
from tests.helpers import Told, event, session

orders = st.sampled_from(sorted(ORDERS))
few = st.lists(st.integers(0, 3), max_size=40)
many = st.lists(st.integers(0, 40), max_size=40)
texts = st.text(st.sampled_from("ab.'\"\x1bé\ud800"), max_size=4)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=3)
payloads = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts | st.integers(0, 2), inner, max_size=3)
        | st.sets(st.integers(0, 9), max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    body: str | bytes
    op = draw(st.sampled_from([Op.TEXT, Op.TEXT, Op.OBJECT, Op.BINARY]))
    match op:
        case Op.TEXT:
            plain = st.sampled_from(
                ["", "a", "{", '{"n": 1}', '{"n":1}', "<secret-1>", "<secret-2>"]
            )
            body = draw(plain)
        case Op.OBJECT:
            body = encode(draw(payloads))
        case _:
            body = draw(st.binary(max_size=3))
    return replace(
        event(draw(st.sampled_from(["", "token", "tool"])), op=op, body=body),
        connection=draw(st.sampled_from(["t1", "t2"])),
        direction=draw(st.sampled_from(list(type(event().direction)))),
        time_ns=draw(st.integers(0, 3)),
        outcome=draw(
            st.sampled_from([Fate.DELIVERED] * 5 + [Fate.LOST_LOSS, Fate.REJECTED_TIMEOUT])
        ),
        copy=draw(st.sampled_from([0, 0, 0, 1])),
    )


sessions = st.lists(events(), max_size=12).map(lambda told: session(*told))


@st.composite
def edited_pairs(draw: st.DrawFn) -> tuple[Told, Told]:
    """A session, and the same after some edits."""
    story = list(draw(st.lists(events(), max_size=12)))
    other = list(story)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(other)))
        match draw(st.sampled_from(["insert", "drop", "move", "lose"])):
            case "insert":
                other.insert(at, draw(events()))
            case "drop":
                del other[at : at + 1]
            case "move" if other:
                other.insert(at, other.pop(draw(st.integers(0, len(other) - 1))))
            case _:
                other[at : at + 1] = [
                    replace(lost, outcome=Fate.LOST_OVERFLOW) for lost in other[at : at + 1]
                ]
    return session(*story), session(*other)


pairs = st.tuples(sessions, sessions) | edited_pairs()


@given(sessions, orders)
def test_a_diff_with_itself_is_empty(told: Told, order: str) -> None:
    diff = compare(told, told, order=order)
    assert diff.same
    assert diff.matched == len(told.delivered())


@given(pairs, orders, st.integers(0, 2), st.sampled_from([0, 1, 50]))
def test_a_diff_mirrors_that_of_the_exchanged_sides(
    pair: tuple[Told, Told], order: str, tolerance_ns: int, explain: int
) -> None:
    one = compare(*pair, order=order, tolerance_ns=tolerance_ns, explain=explain)
    other = compare(*pair[::-1], order=order, tolerance_ns=tolerance_ns, explain=explain)
    assert one == other.mirrored()
    assert other == one.mirrored()


@given(pairs, orders)
def test_every_event_is_accounted_for_exactly_once(pair: tuple[Told, Told], order: str) -> None:
    diff = compare(*pair, order=order)
    counts = diff.counts
    paired = diff.matched + sum(counts[name] for name in ("moved", "changed", "retyped"))
    paired += counts["identity"]
    lacking, new = (lacking_of(diff, *pair, side) for side in (0, 1))
    assert paired + len(lacking) == diff.golden_count == len(pair[0].delivered())
    assert paired + len(new) == diff.run_count == len(pair[1].delivered())
    for numbers in (
        [*lacking, *(f.golden for f in diff.divergences if f.category == "changed")],
        [*new, *(f.run for f in diff.divergences if f.category == "changed")],
    ):
        assert None not in numbers
        assert len(numbers) == len(set(numbers))


def lacking_of(diff: Diff, golden: Told, run: Told, side: int) -> list[int]:
    """The numbers of the events that only one side delivered."""
    numbers: list[int] = []
    for found in diff.divergences:
        own, other = (found.golden, found.run) if side == 0 else (found.run, found.golden)
        if own is None or other is not None:
            continue
        events = (golden, run)[side].delivered()
        lane = (found.connection, found.direction)
        rest = [n for n in range(own, len(events)) if events[n].key[:2] == lane]
        numbers += rest if found.category is Category.TRUNCATED else [own]
    return numbers


@given(pairs, orders)
def test_divergences_come_in_golden_order_and_as_lines_and_json(
    pair: tuple[Told, Told], order: str
) -> None:
    diff = compare(*pair, order=order)
    places = [found.golden_place for found in diff.divergences]
    assert places == sorted(places)
    assert len(diff.lines()) == len(places)
    assert not any("\n" in line for line in diff.lines())
    json.dumps(diff.to_dict())


@given(pairs)
def test_what_is_neither_lost_nor_new_nor_moved_stands_in_the_same_order(
    pair: tuple[Told, Told],
) -> None:
    golden, run = (told.delivered() for told in pair)
    divergences = compare(*pair, order="total").divergences
    diff = compare(*pair, order="total")
    gone, new = (set(lacking_of(diff, *pair, side)) for side in (0, 1))
    paired = (Category.CHANGED, Category.RETYPED)
    changed = {f.golden: f.run for f in divergences if f.category in paired}
    for found in divergences:
        if found.category is Category.MOVED:
            assert found.golden is not None
            assert found.run is not None
            gone.update(range(found.golden, found.golden + found.count))
            new.update(range(found.run, found.run + found.count))
    kept = [number for number in range(len(golden)) if number not in gone]
    answers = [number for number in range(len(run)) if number not in new]
    for ours, theirs in zip(kept, answers, strict=True):
        assert changed.get(ours, theirs) == theirs
        one, other = golden[ours], run[theirs]
        assert one.key[:2] == other.key[:2]
        if ours not in changed and has_no_structure(one, other):
            assert one.body == other.body


def has_no_structure(*events: Event) -> bool:
    """Whether equal events must have equal bytes."""
    return all(
        one.op is Op.BINARY or (isinstance(one.body, str) and one.body in ("", "a", "{"))
        for one in events
    )


@given(sessions, st.randoms(use_true_random=False))
def test_any_interleaving_of_the_connections_is_equal_under_causal(
    told: Told, random: object
) -> None:
    queues: dict[str, list[Event]] = {}
    for one in told.events:
        queues.setdefault(one.connection, []).append(one)
    turns = [name for name, queue in queues.items() for _ in queue]
    random.shuffle(turns)  # type: ignore[attr-defined]
    mixed = Told([queues[name].pop(0) for name in turns])
    assert compare(told, mixed, order="causal").same


@given(pairs)
def test_a_missing_event_names_the_fate_of_its_intent(pair: tuple[Told, Told]) -> None:
    golden, run = pair
    fates = {one.key: one.outcome for one in run.events if one.outcome is not Fate.DELIVERED}
    for found in compare(golden, run).divergences:
        if found.category is Category.MISSING:
            assert found.golden is not None
            fate = fates.get(golden.delivered()[found.golden].key)
            assert fate is None or found.why == fate.label


@pytest.mark.parametrize("limits", [{}, {"SMALL_GAP": 0, "EDITS_MAX": 2, "DEPTH_MAX": 2}])
@given(st.tuples(few, few) | st.tuples(many, many))
def test_blocks_are_equal_and_rise_on_both_sides(
    limits: dict[str, int], pair: tuple[list[int], list[int]]
) -> None:
    a, b = pair
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in limits.items():
            patch.setattr(align, name, limit)
        blocks, gaps = align.in_sequence(a, b)
    end_a, end_b = 0, 0
    for start_a, start_b, count in blocks:
        assert start_a >= end_a
        assert start_b >= end_b
        assert a[start_a : start_a + count] == b[start_b : start_b + count] != []
        end_a, end_b = start_a + count, start_b + count
    matched = sum(count for _, _, count in blocks)
    assert matched + sum(len(x) for x, _ in gaps) == len(a)
    assert matched + sum(len(y) for _, y in gaps) == len(b)
    if not limits:
        assert matched == longest_common_subsequence(a, b)


def longest_common_subsequence(a: list[int], b: list[int]) -> int:
    row = [0] * (len(b) + 1)
    for x in a:
        before = row
        row = [0]
        for j, y in enumerate(b):
            row.append(before[j] + 1 if x == y else max(row[j], before[j + 1]))
    return row[-1]
