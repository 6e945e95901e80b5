"""Connections that have another name in each session, although the same happens on them.

Only names that the other side does not have are looked at. Connections on which the same was
delivered answer each other, then those that have most in common; among equals the one that was
opened first.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from replay_ws.diff import show
from replay_ws.diff.keys import comparable
from replay_ws.diff.model import Category, Detail, Divergence
from replay_ws.diff.volatile import Volatile
from replay_ws.events.columns import BuiltEvents, Columns
from replay_ws.events.log import Direction
from replay_ws.events.model import Event

LIKENESS_MIN = 0.5
"""The share of their events that two connections must have in common to be one."""

LIKENESSES_MAX = 10_000
"""Pairs of connections that are held against each other, at most."""

NAMED_MAX = 3
"""Connections of which both names are told."""

Content: TypeAlias = "tuple[int, ...]"
"""What was delivered on one connection, as numbers that are equal where the events are."""

By: TypeAlias = "Callable[[int, str, str | bytes, Volatile], Hashable]"


def renamed(left: Columns, right: Columns, rules: Volatile, by: By = comparable) -> dict[str, str]:
    """What the left side calls connections of the right one, by their name on the right.

    ``by`` says what makes two events equal.
    """
    ours, theirs = _connections(left), _connections(right)
    if ours.keys() <= theirs.keys() or theirs.keys() <= ours.keys():
        return {}
    numbers: dict[Hashable, int] = {}
    mine = _contents(left, ours.keys() - theirs.keys(), rules, by, numbers)
    others = _contents(right, theirs.keys() - ours.keys(), rules, by, numbers)
    pairs = dict(_equal(mine, others))
    rest = {own: content for own, content in mine.items() if own not in pairs}
    answered = set(pairs.values())
    free = {other: content for other, content in others.items() if other not in answered}
    pairs |= _alike(rest, free)
    return {other: own for own, other in pairs.items()}


def under(columns: Columns, names: Mapping[str, str]) -> Columns:
    """``columns`` with connections called by other ``names``."""

    def event(number: int) -> Event:
        built = columns.events[number]
        return replace(built, connection=names.get(built.connection, built.connection))

    lanes = [
        lane._replace(connection=names.get(lane.connection, lane.connection))
        for lane in columns.lanes
    ]
    return replace(columns, lanes=lanes, events=BuiltEvents(len(columns), event))


def find_renamed(names: Mapping[str, str], rule: str) -> Iterator[Divergence]:
    """The one divergence that says which connections have other names; ``rule`` allows it."""
    if not names:
        return
    pairs = [(own, other) for other, own in names.items()]
    more = len(pairs) - NAMED_MAX
    yield Divergence(
        category=Category.IDENTITY,
        connection=pairs[0][0],
        direction=Direction.DOWNSTREAM,
        type="",
        golden=None,
        run=None,
        golden_place=-1,
        run_place=-1,
        golden_ns=None,
        run_ns=None,
        text=f"{len(pairs)} connections" if len(pairs) > 1 else "a connection",
        why="another name",
        details=(
            *(Detail("connection", show.value(a), show.value(b)) for a, b in pairs[:NAMED_MAX]),
            *([Detail(f"and {more} more")] if more > 0 else []),
        ),
        rule=rule,
    )


def _connections(columns: Columns) -> dict[str, int]:
    """The connections on which anything was delivered, in the order in which they were used."""
    used = dict.fromkeys(columns.lane_numbers)
    return {columns.lanes[number].connection: number for number in used}


def _contents(
    columns: Columns,
    names: Iterable[str],
    rules: Volatile,
    by: By,
    numbers: dict[Hashable, int],
) -> dict[str, Content]:
    wanted = set(names)
    lanes = {n: lane for n, lane in enumerate(columns.lanes) if lane.connection in wanted}
    found: dict[str, list[int]] = defaultdict(list)
    rows = zip(columns.lane_numbers, columns.ops, columns.kinds, columns.bodies, strict=True)
    for number, op, kind, body in rows:
        if lane := lanes.get(number):
            type = columns.types[kind]
            key = (lane.direction, op, type, by(op, type, body, rules))
            found[lane.connection].append(numbers.setdefault(key, len(numbers)))
    return {name: tuple(items) for name, items in found.items()}


def _equal(mine: Mapping[str, Content], others: Mapping[str, Content]) -> Iterator[tuple[str, str]]:
    waiting: dict[Content, deque[str]] = defaultdict(deque)
    for other, content in others.items():
        waiting[content].append(other)
    for own, content in mine.items():
        if waiting[content]:
            yield own, waiting[content].popleft()


def _alike(mine: Mapping[str, Content], others: Mapping[str, Content]) -> Iterator[tuple[str, str]]:
    if len(mine) * len(others) > LIKENESSES_MAX:
        return
    bags = {name: Counter(content) for name, content in others.items()}
    ranked = [
        (-likeness, place, own, other)
        for place, (own, content) in enumerate(mine.items())
        for other, bag in bags.items()
        if (likeness := _likeness(Counter(content), bag)) >= LIKENESS_MIN
    ]
    taken: set[str] = set()
    given: set[str] = set()
    for _, _, own, other in sorted(ranked, key=lambda found: found[:2]):
        if own not in given and other not in taken:
            given.add(own)
            taken.add(other)
            yield own, other


def _likeness(one: Counter[int], other: Counter[int]) -> float:
    common = sum((one & other).values())
    return common / (one.total() + other.total() - common)
