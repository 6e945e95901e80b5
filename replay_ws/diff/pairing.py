"""Pairing: which event of one side answers which event of the other.

Within each strand (what a strand is, the order mode says) pairs are sought four times, each time
among what the time before has left over, and by a weaker likeness:

1. equal events in order;
2. within the gaps, events of equal content (JSON with other spaces, other secrets);
3. anywhere in the strand, equal events again: they moved;
4. within the gaps, events of the same family: they changed.

Of a long strand in which next to nothing is equal, only the beginning is paired.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, Protocol, TypeAlias

from replay_ws.diff.align import (
    RELATED_PER_MILLE,
    as_bag,
    in_sequence,
    is_related,
)
from replay_ws.diff.blocks import Block, Gap, common_prefix
from replay_ws.diff.moves import find_moves
from replay_ws.diff.sides import Side
from replay_ws.events.log import Direction

Pair: TypeAlias = tuple[int, int]
"""Numbers of two events, one on each side."""

Numbers: TypeAlias = tuple[Sequence[int], Sequence[int]]
"""Numbers of events on both sides, rising."""

UNRELATED_HEAD = 100
"""How many events of either side are paired where a strand has nothing in common."""

Match: TypeAlias = Callable[[Sequence[int], Sequence[int]], tuple[list[Block], list[Gap]]]
"""The blocks of two sequences that answer each other, and the gaps between them."""


class OnLane(Protocol):
    """What stands on one lane: an event, or the lane itself."""

    @property
    def connection(self) -> str: ...

    @property
    def direction(self) -> Direction: ...


class Order(NamedTuple):
    """What an order mode asks of two sessions."""

    strand: Callable[[OnLane], Hashable]
    """Events of equal strands keep their mutual order; other events are concurrent."""

    match: Match
    """How the events of one strand find their partners."""


ORDERS: dict[str, Order] = {
    "total": Order(lambda on: None, in_sequence),
    "causal": Order(lambda on: (on.connection, on.direction), in_sequence),
    "thread": Order(lambda on: (on.connection, on.direction), in_sequence),
    "bag": Order(lambda on: None, as_bag),
}


ALONE_MIN = 50
"""Events that either session must have alone before the two are said to be unrelated."""


class Move(NamedTuple):
    """``length`` events that moved together past ``distance`` others; negative: to the front."""

    left: int
    right: int
    length: int
    distance: int


@dataclass(frozen=True, slots=True)
class Pairs(Collection[Pair]):
    """Pairs of numbers, held as two columns."""

    left: Sequence[int]
    right: Sequence[int]

    def __iter__(self) -> Iterator[Pair]:
        return zip(self.left, self.right, strict=True)

    def __len__(self) -> int:
        return len(self.left)

    def __contains__(self, pair: object) -> bool:
        return any(own == pair for own in self)


@dataclass(slots=True)
class Pairing:
    """Every event of both sides, once; all by number.

    With each missing and extra one stands the event after which it would come on the other side, or
    -1.
    """

    same: Pairs
    changed: list[Pair] = field(default_factory=list)
    retyped: list[Pair] = field(default_factory=list)
    moved: list[Move] = field(default_factory=list)
    missing: list[Pair] = field(default_factory=list)
    extra: list[Pair] = field(default_factory=list)
    unaligned: list[Numbers] = field(default_factory=list)
    """The events behind the beginning of strands that have nothing in common."""

    @property
    def unrelated(self) -> bool:
        """Whether the sessions have next to nothing in common, as far as so few events can tell."""
        moved = sum(move.length for move in self.moved)
        paired = len(self.same) + len(self.changed) + len(self.retyped) + moved
        alone = min(len(self.missing), len(self.extra))
        unaligned = sum(len(left) + len(right) for left, right in self.unaligned)
        return unaligned > 2 * len(self.same) or (
            alone >= ALONE_MIN and paired * 1_000 < alone * RELATED_PER_MILLE
        )


def all_same(count: int) -> Pairing:
    """The pairing of two equal sides."""
    return Pairing(Pairs(range(count), range(count)))


def pair(left: Side, right: Side, order: Order) -> Pairing:
    """The pairing of two sides, strand by strand in the order in which they begin."""
    same = (array("q"), array("q"))
    pairing = Pairing(Pairs(*same))
    for numbers in _strands((left, right), order):
        _Strand((left, right), numbers).pair(order.match, pairing, same)
    return pairing


def _strands(sides: tuple[Side, Side], order: Order) -> Iterable[Numbers]:
    """The events of each strand, in the order in which the strands begin."""
    names = [[order.strand(lane) for lane in side.columns.lanes] for side in sides]
    lanes = [side.columns.lane_numbers for side in sides]
    met = dict.fromkeys(
        named[lane] for named, own in zip(names, lanes, strict=True) for lane in dict.fromkeys(own)
    )
    if len(met) == 1:
        return [(range(len(lanes[0])), range(len(lanes[1])))]
    strands = {name: (array("q"), array("q")) for name in met}
    for side in (0, 1):
        add = [strands[name][side].append if name in strands else None for name in names[side]]
        for number, lane in enumerate(lanes[side]):
            if append := add[lane]:
                append(number)
    return strands.values()


class _Strand:
    """The search within one strand; positions count within it."""

    def __init__(self, sides: tuple[Side, Side], numbers: Numbers) -> None:
        self.sides = sides
        self.numbers = numbers
        left, right = zip(sides, numbers, strict=True)
        self.ids = (_at(*left), _at(*right))

    def pair(self, match: Match, into: Pairing, same: tuple[array[int], array[int]]) -> None:
        """Add the strand's events to a pairing, and the pairs of equal ones to ``same``."""
        blocks, gaps = match(*self.ids)
        if gaps and not is_related(sum(count for _, _, count in blocks), *self.ids):
            blocks, gaps = self._only_beginning(match, into)
        if gaps:
            blocks = [*blocks, *self._settle(match, blocks, gaps, into)]
        for a, b, count in blocks:
            same[0].extend(self.numbers[0][a : a + count])
            same[1].extend(self.numbers[1][b : b + count])

    def _only_beginning(self, match: Match, into: Pairing) -> tuple[list[Block], list[Gap]]:
        """Leave all but the first events aside; returns how these match."""
        left, right = self.ids
        end = common_prefix(left, right) + UNRELATED_HEAD
        into.unaligned.append((self.numbers[0][end:], self.numbers[1][end:]))
        return match(left[:end], right[:end])

    def _settle(
        self, match: Match, exact: list[Block], gaps: list[Gap], into: Pairing
    ) -> list[Block]:
        """Add what is in the gaps between ``exact`` blocks; returns more blocks of equal events."""
        same, gaps = self._match_gaps(match, gaps, self._content)
        moves, gaps = self._moves(gaps, _Places([*exact, *same]))
        changed, gaps = self._match_gaps(match, gaps, self._family)
        retyped, gaps = self._match_gaps(match, gaps, self._untyped)

        places = _Places([*exact, *same, *changed, *retyped])
        left, right = self.numbers
        into.changed += [(left[a], right[b]) for a, b, _ in changed]
        into.retyped += [(left[a], right[b]) for a, b, _ in retyped]
        into.moved += [
            Move(left[a], right[b], length, places.distance(a, b)) for a, b, length in moves
        ]
        for only_left, only_right in gaps:
            for a in only_left:
                into.missing.append((left[a], _number(right, places.after(0, a))))
            for b in only_right:
                into.extra.append((right[b], _number(left, places.after(1, b))))
        return same

    def _family(self, side: int, place: int) -> Hashable:
        return self.sides[side].family(self.numbers[side][place])

    def _untyped(self, side: int, place: int) -> Hashable:
        return self.sides[side].untyped(self.numbers[side][place])

    def _content(self, side: int, place: int) -> Hashable:
        return self.sides[side].content(self.numbers[side][place])

    def _match_gaps(
        self, match: Match, gaps: list[Gap], likeness: Callable[[int, int], Hashable]
    ) -> tuple[list[Block], list[Gap]]:
        """Single pairs in the gaps by a likeness of their own, and the gaps that remain."""
        pairs: list[Block] = []
        remaining: list[Gap] = []
        for left, right in gaps:
            if not left or not right:
                remaining.append((left, right))
                continue
            if len(left) == len(right) == 1:
                if likeness(0, left[0]) == likeness(1, right[0]):
                    pairs.append((left[0], right[0], 1))
                else:
                    remaining.append((left, right))
                continue
            table: dict[Hashable, int] = {}
            blocks, inner = match(
                intern(table, (likeness(0, place) for place in left)),
                intern(table, (likeness(1, place) for place in right)),
            )
            # A gap from which events moved away is no longer one piece.
            pairs += [(left[a + n], right[b + n], 1) for a, b, size in blocks for n in range(size)]
            remaining += [([left[a] for a in x], [right[b] for b in y]) for x, y in inner]
        return pairs, remaining

    def _moves(self, gaps: list[Gap], places: _Places) -> tuple[list[Block], list[Gap]]:
        """Blocks of equal events that are left in different gaps, and the gaps without them."""
        left, right = (sorted(place for gap in gaps for place in gap[side]) for side in (0, 1))
        blocks = find_moves(self.ids, left, right, places.distance)
        if not blocks:
            return [], gaps
        taken_left = {a + n for a, _, length in blocks for n in range(length)}
        taken_right = {b + n for _, b, length in blocks for n in range(length)}
        return blocks, [
            ([a for a in x if a not in taken_left], [b for b in y if b not in taken_right])
            for x, y in gaps
        ]


class _Places:
    """Where events stand among the blocks that kept their place."""

    def __init__(self, blocks: list[Block]) -> None:
        self.by_side = (sorted(blocks), sorted(blocks, key=itemgetter(1)))
        self.starts = tuple([block[side] for block in self.by_side[side]] for side in (0, 1))
        self.before = tuple(
            list(accumulate((block[2] for block in blocks), initial=0)) for blocks in self.by_side
        )

    def distance(self, left: int, right: int) -> int:
        """How many pairs lie between the two places of an event that moved."""
        return self._rank(1, right) - self._rank(0, left)

    def after(self, side: int, place: int) -> int:
        """The position on the other side of the last pair before ``place``; -1 if there is none."""
        rank = bisect_right(self.starts[side], place) - 1
        if rank < 0:
            return -1
        block = self.by_side[side][rank]
        return block[1 - side] + min(place - block[side], block[2]) - 1

    def _rank(self, side: int, place: int) -> int:
        """How many pairs stand before ``place``."""
        rank = bisect_right(self.starts[side], place) - 1
        if rank < 0:
            return 0
        block = self.by_side[side][rank]
        return self.before[side][rank] + min(place - block[side], block[2])


def intern(table: dict[Hashable, int], keys: Iterable[Hashable]) -> list[int]:
    """Small numbers for ``keys``, equal where the keys are; ``table`` remembers them."""
    number = table.setdefault
    return [number(key, len(table)) for key in keys]


def _at(side: Side, numbers: Sequence[int]) -> Sequence[int]:
    whole = len(numbers) == len(side.ids)
    return side.ids if whole else list(map(side.ids.__getitem__, numbers))


def _number(numbers: Sequence[int], position: int) -> int:
    return numbers[position] if position >= 0 else -1
