"""Alignment: which items of two sequences answer each other.

The sequences are small integers, equal where the items are equal. Each step is for what the one
before leaves over, and none is quadratic:

1. What is common at the front and at the back is found by comparing slices that double.
2. Both sides are walked in step. Where they differ, the shortest hop is taken after which they
   agree again; a hop over much looks for runs that both sides have once. That suffices where
   edits are few; where hops follow each other too closely, the walk gives up.
3. Runs of eight, three or one items that occur once on both sides are anchors. They grow as far as
   their neighbours agree; the heaviest chain of them that rises on both sides divides the rest.
   Runs of eight are what finds something in streams where no item is unique.
4. Gaps without anchors lose the items that only one side has. What is left is searched for its
   shortest edit script, large gaps at most ``EDITS_MAX`` edits at a time: then the path that came
   farthest is kept, and the search goes on from its end. All searches share one budget.

Of long sequences that have next to no anchors, and of which the beginning is not alike either,
nothing more is looked for after step 3.

The result depends on which items are equal and on nothing else: not on their numbers, and not on
hash seeds. It does depend on which side comes first; ``compare`` always puts the same one there.

Source: patience diff (Cohen 2003) for the anchors, Myers 1986 for the search.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Hashable, Iterator, Sequence
from itertools import islice, pairwise
from typing import TypeAlias

from replay_ws.diff.blocks import (
    Block,
    Gap,
    agreement,
    agreement_back,
    earliest,
    facing,
    joined,
)
from replay_ws.diff.shortest import pairs_along

Rect: TypeAlias = tuple[int, int, int, int]
"""``(a, a_end, b, b_end)``: a stretch of either side."""

HOP_MAX = 12
"""Items, of both sides together, that a short hop may pass."""

HOP_AGREEMENT = 6
"""How many items must agree after a short hop."""

WIDE_HOPS = ((96, 4, 6), (1024, 6, 16))
"""Longer hops: how far they reach, the width of the runs they look for, how many must agree."""

STEADY = 24
"""Items per hop below which the walk gives up; it counts every ``HOPS`` hops."""

HOPS = 64

ANCHOR_WIDTHS = (8, 3, 1)
"""How many items make an anchor, in the order in which they are tried."""

STRIDE = 8
STRIDE_FROM = 32_768
"""In stretches of so many items, anchors are sought at every eighth one: growing finds the rest."""

RELATED_PER_MILLE = 20
UNRELATED_MIN = 4096
"""Sequences of at least so many items have nothing to do with each other if fewer are anchored."""

SMALL_GAP = 4096
"""Gaps of at most so many pairs of items are searched to the end, without looking for anchors."""

EDITS_MAX = 64
"""Insertions and deletions after which a search of a larger gap keeps the best path it has."""

PROBE = 1024
"""Items that are searched before sequences without anchors are called unrelated."""

DEPTH_MAX = 24
"""Times that a gap may be divided by anchors; what is left then is searched."""


def in_sequence(a: Sequence[int], b: Sequence[int]) -> tuple[list[Block], list[Gap]]:
    """Blocks that rise on both sides, and the gaps between them.

    Cost grows with ``len(a) + len(b)``.
    """
    found = _Alignment(a, b)
    found.align((0, len(a), 0, len(b)))
    blocks = facing(joined(earliest(joined(sorted(found.blocks)), a, b)), a, b)
    ends = [(0, 0, 0), *blocks, (len(a), len(b), 0)]
    between = ((range(x[0] + x[2], y[0]), range(x[1] + x[2], y[1])) for x, y in pairwise(ends))
    return blocks, [gap for gap in between if gap[0] or gap[1]]


def as_bag(a: Sequence[int], b: Sequence[int]) -> tuple[list[Block], list[Gap]]:
    """Equal items wherever they stand, the first with the first; everything else is one gap."""
    waiting: dict[int, list[int]] = {}
    for position in reversed(range(len(b))):
        waiting.setdefault(b[position], []).append(position)
    blocks: list[Block] = []
    left: list[int] = []
    for position, item in enumerate(a):
        if places := waiting.get(item):
            blocks.append((position, places.pop(), 1))
        else:
            left.append(position)
    right = sorted(position for places in waiting.values() for position in places)
    return blocks, [(left, right)] if left or right else []


def is_related(matched: int, a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two sequences of which so many items are anchored have to do with each other."""
    shorter = min(len(a), len(b))
    return shorter < UNRELATED_MIN or matched * 1_000 >= shorter * RELATED_PER_MILLE


class _Alignment:
    """The blocks of two sequences that were found so far, in no particular order."""

    def __init__(self, a: Sequence[int], b: Sequence[int]) -> None:
        self.a = a
        self.b = b
        self.blocks: list[Block] = []
        self.steps_left = 2 * (len(a) + len(b)) + 200_000

    def align(self, whole: Rect) -> None:
        """Find what answers what in a stretch of both sides."""
        rect = self._trim(whole)
        if _size(rect) <= SMALL_GAP:
            self._search(rect)
            return
        gaps, rest = self._walk(rect)
        rest = self._trim(rest)
        waiting = [(gap, 0) for gap in gaps]
        if _size(rest) > SMALL_GAP:
            waiting += self._divide(rest, 0) or [(rest, DEPTH_MAX)]
            anchored = sum(count for _, _, count in self.blocks)
            if not is_related(anchored, self.a, self.b) and not self._goes_along(rest):
                return
        else:
            waiting.append((rest, 0))
        while waiting:
            gap, depth = waiting.pop()
            gap = self._trim(gap)
            parts = self._divide(gap, depth) if _size(gap) > SMALL_GAP else []
            if parts:
                waiting += parts
            else:
                self._search(gap)

    def _trim(self, rect: Rect) -> Rect:
        """Take what is common at both ends; returns the rest."""
        a, a_end, b, b_end = rect
        if head := agreement(self.a, self.b, a, b, min(a_end - a, b_end - b)):
            self.blocks.append((a, b, head))
            a, b = a + head, b + head
        if tail := agreement_back(self.a, self.b, a_end, b_end, min(a_end - a, b_end - b)):
            a_end, b_end = a_end - tail, b_end - tail
            self.blocks.append((a_end, b_end, tail))
        return a, a_end, b, b_end

    # --- the walk --------------------------------------------------------------------------

    def _walk(self, rect: Rect) -> tuple[list[Rect], Rect]:
        """Go along both sides in step; returns what was hopped over, and what is still ahead."""
        start, a_end, y, b_end = rect
        x, hops = start, list[Rect]()
        while x < a_end and y < b_end and (hop := self._hop(x, a_end, y, b_end)):
            hops.append((x, x + hop[0], y, y + hop[1]))
            x, y = x + hop[0], y + hop[1]
            count = agreement(self.a, self.b, x, y, min(a_end - x, b_end - y))
            self.blocks.append((x, y, count))
            x, y = x + count, y + count
            if len(hops) % HOPS == 0 and x - start < STEADY * len(hops):
                break
        return hops, (x, a_end, y, b_end)

    def _hop(self, x: int, a_end: int, y: int, b_end: int) -> tuple[int, int] | None:
        """How far to go on either side for them to agree again; None where that is too far."""
        a = self.a[x : min(x + HOP_MAX + HOP_AGREEMENT, a_end)]
        b = self.b[y : min(y + HOP_MAX + HOP_AGREEMENT, b_end)]
        for i, j in _SHORT_HOPS:
            after = a[i : i + HOP_AGREEMENT]
            if len(after) == HOP_AGREEMENT and after == b[j : j + HOP_AGREEMENT]:
                return i, j
        for reach, width, confirmed in WIDE_HOPS:
            a = self.a[x : min(x + reach, a_end)]
            b = self.b[y : min(y + reach, b_end)]
            for i, j in sorted(_seeds(a, b, width, 1), key=sum):
                if agreement(a, b, i, j, min(len(a) - i, len(b) - j, confirmed)) == confirmed:
                    return i, j
        return None

    # --- anchors ---------------------------------------------------------------------------

    def _divide(self, rect: Rect, depth: int) -> list[tuple[Rect, int]]:
        """Take a chain of anchors; returns the gaps between them, none where there is no anchor."""
        if depth == DEPTH_MAX:
            return []
        a, a_end, b, b_end = rect
        gaps: list[tuple[Rect, int]] = []
        anchors = _anchors(self.a[a:a_end], self.b[b:b_end])
        at_x, at_y = a, b
        for x, y, count in anchors:
            self.blocks.append((a + x, b + y, count))
            gaps.append(((at_x, a + x, at_y, b + y), depth + 1))
            at_x, at_y = a + x + count, b + y + count
        return [*gaps, ((at_x, a_end, at_y, b_end), depth + 1)] if anchors else []

    # --- search ----------------------------------------------------------------------------

    def _goes_along(self, rect: Rect) -> bool:
        """Whether few edits lead far, as they do where items repeat too much to be anchors."""
        a, _, b, _ = rect
        ours, theirs = list(self.a[a : a + PROBE]), list(self.b[b : b + PROBE])
        return len(pairs_along(ours, theirs, 0, 0, EDITS_MAX)[0]) >= 2 * EDITS_MAX

    def _search(self, rect: Rect) -> None:
        """Take the pairs along a short edit script of what both sides have."""
        if not _size(rect):
            return
        a, a_end, b, b_end = rect
        part_a, part_b = self.a[a:a_end], self.b[b:b_end]
        in_a, in_b = set(part_a), set(part_b)
        if in_a.isdisjoint(in_b):
            return
        places_a = [a + n for n, item in enumerate(part_a) if item in in_b]
        places_b = [b + n for n, item in enumerate(part_b) if item in in_a]
        shared_a = [self.a[place] for place in places_a]
        shared_b = [self.b[place] for place in places_b]
        edits_max = EDITS_MAX if _size(rect) > SMALL_GAP else len(shared_a) + len(shared_b)
        x, y = 0, 0
        while x < len(shared_a) and y < len(shared_b) and self.steps_left > 0:
            pairs, steps, x, y = pairs_along(shared_a, shared_b, x, y, edits_max)
            self.blocks += [(places_a[i], places_b[j], 1) for i, j in pairs]
            self.steps_left -= steps


_SHORT_HOPS = [(i, reach - i) for reach in range(1, HOP_MAX + 1) for i in range(reach + 1)]


def _size(rect: Rect) -> int:
    """How many pairs of items a stretch has."""
    return (rect[1] - rect[0]) * (rect[3] - rect[2])


# --- anchors -------------------------------------------------------------------------------


def _anchors(a: Sequence[int], b: Sequence[int]) -> list[Block]:
    """Blocks that rise on both sides and begin at something that occurs once on both; or none.

    Of the widths, the first is taken that gives enough; else the one that gives most.
    """
    best: list[Block] = []
    most = 0
    for width in ANCHOR_WIDTHS:
        stride = STRIDE if width > 1 and len(a) >= STRIDE_FROM else 1
        chain = _apart(_heaviest_chain(grown(_seeds(a, b, width, stride), a, b)))
        weight = sum(count for _, _, count in chain)
        if weight > most:
            best, most = chain, weight
        if weight * 1_000 >= min(len(a), len(b)) * RELATED_PER_MILLE:
            break
    return joined(best)


def _seeds(a: Sequence[int], b: Sequence[int], width: int, stride: int) -> list[tuple[int, int]]:
    """Where runs of ``width`` items stand that occur once on both sides, rising on the first.

    Of the first side's runs, only every ``stride``-th is looked at.
    """
    sought = set(islice(_runs(a, width), 0, None, stride))
    in_a, in_b = once(a, width, sought), once(b, width, sought)
    return [(x, in_b[run]) for run, x in in_a.items() if run in in_b]


def once(
    items: Sequence[int], width: int, among: Container[Hashable] | None = None
) -> dict[Hashable, int]:
    """Where each run of ``width`` items starts that occurs once, in order; of those ``among``."""
    starts: dict[Hashable, int] = {}
    for start, run in enumerate(_runs(items, width)):
        if among is None or run in among:
            starts[run] = -1 if run in starts else start
    return {run: start for run, start in starts.items() if start >= 0}


def _runs(items: Sequence[int], width: int) -> Iterator[Hashable]:
    if width == 1:
        return iter(items)
    return zip(*(islice(items, shift, None) for shift in range(width)), strict=False)


def grown(seeds: list[tuple[int, int]], a: Sequence[int], b: Sequence[int]) -> list[Block]:
    """The blocks in which the seeds stand, as long as both sides agree; each block once."""
    blocks: list[Block] = []
    ends: dict[int, int] = {}  # where the last block of a diagonal ends
    for x, y in seeds:
        if x < ends.get(x - y, 0):
            continue
        back = agreement_back(a, b, x, y, min(x, y))
        count = back + agreement(a, b, x, y, min(len(a) - x, len(b) - y))
        blocks.append((x - back, y - back, count))
        ends[x - y] = x - back + count
    return sorted(blocks)


def _heaviest_chain(blocks: list[Block]) -> list[Block]:
    """Of ``blocks``, which rise on the first side, those that rise on both and hold most items.

    ``fronts`` are the chains that may yet become the heaviest: the further one ends, the more it
    holds.
    """
    if all(one[1] < two[1] for one, two in pairwise(blocks)):
        return blocks
    fronts: list[int] = []  # where each chain ends on the second side
    totals: list[int] = []
    owners: list[int] = []  # the number of its last block
    before: list[int] = []  # per block: the one before it in its chain
    for number, (_, y, count) in enumerate(blocks):
        at = bisect_left(fronts, y)
        total = count + (totals[at - 1] if at else 0)
        before.append(owners[at - 1] if at else -1)
        end = at
        while end < len(totals) and totals[end] <= total:
            end += 1
        fronts[at:end], totals[at:end], owners[at:end] = [y], [total], [number]
    chain: list[Block] = []
    number = owners[-1]
    while number >= 0:
        chain.append(blocks[number])
        number = before[number]
    return chain[::-1]


def _apart(chain: list[Block]) -> list[Block]:
    """The blocks of a chain without what they share: each is cut where the one before it ends."""
    result: list[Block] = []
    end_x, end_y = 0, 0
    for x, y, count in chain:
        used = max(end_x - x, end_y - y, 0)
        if used < count:
            result.append((x + used, y + used, count - used))
            end_x, end_y = x + count, y + count
    return result
