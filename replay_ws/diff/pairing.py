"""Pairing: which event of one side answers which event of the other.

Within each strand (what a strand is, the order mode says) pairs are sought four times, each time
among what the time before has left over, and by a weaker likeness:

1. equal events in order;
2. within the gaps, events of equal content (JSON with other spaces, other secrets);
3. anywhere in the strand, equal events again: they moved;
4. within the gaps, events of the same family: they changed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from replay_ws.diff.align import Block, Gap, as_bag, in_sequence
from replay_ws.diff.keys import content, family
from replay_ws.diff.moves import find_moves
from replay_ws.events.model import Event

Pair: TypeAlias = tuple[int, int]
"""Numbers of two events, one on each side."""


Match: TypeAlias = Callable[[Sequence[int], Sequence[int]], tuple[list[Block], list[Gap]]]
"""The blocks of two sequences that answer each other, and the gaps between them."""


class Order(NamedTuple):
    """What an order mode asks of two sessions."""

    strand: Callable[[Event], Hashable]
    """Events of equal strands keep their mutual order; other events are concurrent."""

    match: Match
    """How the events of one strand find their partners."""


ORDERS: dict[str, Order] = {
    "total": Order(lambda event: None, in_sequence),
    "causal": Order(lambda event: event.connection, in_sequence),
    "thread": Order(lambda event: (event.connection, event.direction), in_sequence),
    "bag": Order(lambda event: None, as_bag),
}


class Side(NamedTuple):
    """What one session delivered; ``ids`` are equal numbers for equal events."""

    events: Sequence[Event]
    ids: Sequence[int]


class Move(NamedTuple):
    """``length`` events that moved together past ``distance`` others; negative: to the front."""

    left: int
    right: int
    length: int
    distance: int


@dataclass(slots=True)
class Pairing:
    """Every event of both sides, once; all by number.

    With each missing and extra one stands the event after which it would come on the other side, or
    -1.
    """

    same: list[Pair] = field(default_factory=list)
    changed: list[Pair] = field(default_factory=list)
    moved: list[Move] = field(default_factory=list)
    missing: list[Pair] = field(default_factory=list)
    extra: list[Pair] = field(default_factory=list)


def pair(left: Side, right: Side, order: Order) -> Pairing:
    """The pairing of two sides, strand by strand in the order in which they begin."""
    strands: dict[Hashable, tuple[list[int], list[int]]] = {}
    for side, events in enumerate((left.events, right.events)):
        for number, event in enumerate(events):
            strands.setdefault(order.strand(event), ([], []))[side].append(number)
    pairing = Pairing()
    for numbers in strands.values():
        _Strand((left, right), numbers).pair(order.match, pairing)
    return pairing


class _Strand:
    """The search within one strand; positions count within it."""

    def __init__(self, sides: tuple[Side, Side], numbers: tuple[list[int], list[int]]) -> None:
        self.sides = sides
        self.numbers = numbers
        left, right = zip(sides, numbers, strict=True)
        self.ids = ([left[0].ids[n] for n in left[1]], [right[0].ids[n] for n in right[1]])

    def pair(self, match: Match, into: Pairing) -> None:
        """Add the strand's events to a pairing."""
        blocks, gaps = match(*self.ids)
        same = _positions(blocks)
        if gaps:
            same += self._settle(match, same, gaps, into)
        left, right = self.numbers
        into.same += [(left[a], right[b]) for a, b in same]

    def _settle(
        self, match: Match, exact: list[Pair], gaps: list[Gap], into: Pairing
    ) -> list[Pair]:
        """Add what is in the gaps between ``exact`` pairs; returns more pairs of equal events."""
        same, gaps = self._match_gaps(match, gaps, self._content)
        moves, gaps = self._moves(gaps, _Places(exact + same))
        changed, gaps = self._match_gaps(match, gaps, self._family)

        places = _Places(exact + same + changed)
        left, right = self.numbers
        into.changed += [(left[a], right[b]) for a, b in changed]
        into.moved += [
            Move(left[a], right[b], length, places.distance(a, b)) for a, b, length in moves
        ]
        for only_left, only_right in gaps:
            for a in only_left:
                into.missing.append((left[a], _number(right, places.after(0, a))))
            for b in only_right:
                into.extra.append((right[b], _number(left, places.after(1, b))))
        return same

    def _event(self, side: int, place: int) -> Event:
        return self.sides[side].events[self.numbers[side][place]]

    def _family(self, side: int, place: int) -> Hashable:
        return family(self._event(side, place))

    def _content(self, side: int, place: int) -> Hashable:
        event = self._event(side, place)
        packed = content(event)
        return self.ids[side][place] if packed is None else (family(event), packed)

    def _match_gaps(
        self, match: Match, gaps: list[Gap], likeness: Callable[[int, int], Hashable]
    ) -> tuple[list[Pair], list[Gap]]:
        """Pairs within the gaps by a likeness of their own, and the gaps that remain."""
        pairs: list[Pair] = []
        remaining: list[Gap] = []
        for left, right in gaps:
            if not left or not right:
                remaining.append((left, right))
                continue
            table: dict[Hashable, int] = {}
            blocks, inner = match(
                intern(table, (likeness(0, place) for place in left)),
                intern(table, (likeness(1, place) for place in right)),
            )
            pairs += [(left[a], right[b]) for a, b in _positions(blocks)]
            remaining += [([left[a] for a in x], [right[b] for b in y]) for x, y in inner]
        return pairs, remaining

    def _moves(self, gaps: list[Gap], places: _Places) -> tuple[list[Block], list[Gap]]:
        """Blocks of equal events that are left in different gaps, and the gaps without them."""
        left, right = (sorted(place for gap in gaps for place in gap[side]) for side in (0, 1))
        blocks = find_moves(self.ids, left, right, places.distance)
        taken_left = {a + n for a, _, length in blocks for n in range(length)}
        taken_right = {b + n for _, b, length in blocks for n in range(length)}
        rest: list[Gap] = [
            ([a for a in x if a not in taken_left], [b for b in y if b not in taken_right])
            for x, y in gaps
        ]
        return blocks, rest if blocks else gaps


class _Places:
    """Where events stand among the pairs that kept their place."""

    def __init__(self, pairs: list[Pair]) -> None:
        self.by_side = (sorted(pairs), sorted(pairs, key=lambda pair: pair[1]))
        self.own = tuple([pair[side] for pair in self.by_side[side]] for side in (0, 1))

    def distance(self, left: int, right: int) -> int:
        """How many pairs lie between the two places of an event that moved."""
        return bisect_left(self.own[1], right) - bisect_left(self.own[0], left)

    def after(self, side: int, place: int) -> int:
        """The position on the other side of the last pair before ``place``; -1 if there is none."""
        rank = bisect_left(self.own[side], place)
        return self.by_side[side][rank - 1][1 - side] if rank else -1


def intern(table: dict[Hashable, int], keys: Iterable[Hashable]) -> list[int]:
    """Small numbers for ``keys``, equal where the keys are; ``table`` remembers them."""
    number = table.setdefault
    return [number(key, len(table)) for key in keys]


def _positions(blocks: list[Block]) -> list[Pair]:
    return [(a + n, b + n) for a, b, count in blocks for n in range(count)]


def _number(numbers: list[int], position: int) -> int:
    return numbers[position] if position >= 0 else -1
