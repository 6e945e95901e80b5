"""Alignment: which items of two sequences answer each other.

The sequences are small integers, equal where the items are equal. Four steps, each for what the
one before leaves over, none of them quadratic:

1. What is common at the front and at the back is found by comparing slices that double.
2. Items that occur once on both sides are anchors; so are runs of eight items, for streams where no
   item is unique. The longest chain of anchors that rises on both sides divides the rest.
3. A gap without anchors loses the items that only one side has: they answer nothing.
4. What is left is searched for its shortest edit script, at most ``EDITS_MAX`` edits at a time;
   then the path that came farthest is kept, and the search goes on from its end.

The result depends on which items are equal and on nothing else: not on their numbers, and not on
hash seeds. It does depend on which side comes first; ``compare`` always puts the same one there.

Source: patience diff (Cohen 2003) for step 2, Myers 1986 for step 4.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

Block: TypeAlias = tuple[int, int, int]
"""``(a, b, count)``: ``count`` items from ``a`` on answer as many from ``b`` on."""

Gap: TypeAlias = tuple[Sequence[int], Sequence[int]]
"""Positions on both sides that answer nothing, between the same two blocks."""

ANCHOR_WIDTHS = (1, 8)
"""How many items make an anchor, in the order in which they are tried."""

SMALL_GAP = 4096
"""Gaps of at most so many pairs of items are searched without looking for anchors."""

EDITS_MAX = 64
"""Insertions and deletions after which a search keeps the best path that it has."""

DEPTH_MAX = 24
"""Times that a gap may be divided by anchors; what is left then is searched."""


def in_sequence(a: Sequence[int], b: Sequence[int]) -> tuple[list[Block], list[Gap]]:
    """Blocks that rise on both sides, and the gaps between them.

    Cost grows with ``len(a) + len(b)``; where they have little in common, with that times
    ``EDITS_MAX``.
    """
    blocks = joined(_earliest(joined(sorted(_blocks(a, b))), a, b))
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


def common_prefix(a: Sequence[object], b: Sequence[object]) -> int:
    """How many items two sequences have in common at the front."""
    limit = min(len(a), len(b))
    count, step = 0, 16
    while count < limit:
        stop = min(count + step, limit)
        if a[count:stop] == b[count:stop]:
            count, step = stop, step * 2
        elif step > 1:
            step = max(1, (stop - count) // 2)
        else:
            break
    return count


def joined(blocks: Iterable[Block]) -> list[Block]:
    """``blocks``, with those made one of which the second begins where the first ends."""
    result: list[Block] = []
    for a, b, count in blocks:
        start_a, start_b, size = result[-1] if result else (a, b, 0)
        if result and a - start_a == b - start_b == size:
            result[-1] = (start_a, start_b, size + count)
        else:
            result.append((a, b, count))
    return result


def _earliest(blocks: list[Block], a: Sequence[int], b: Sequence[int]) -> Iterator[Block]:
    """The same blocks, where of several equal items the earliest answers.

    Of ``x`` and ``x x`` the second x is the new one. Where only one side has a gap before a block,
    the block can begin in the gap, and the gap stand behind it.
    """
    end_a, end_b = 0, 0
    for start_a, start_b, count in blocks:
        shift = 0
        if start_a == end_a:
            shift = common_prefix(b[end_b : end_b + count], b[start_b : start_b + count])
        elif start_b == end_b:
            shift = common_prefix(a[end_a : end_a + count], a[start_a : start_a + count])
        if shift:
            yield end_a, end_b, shift
        if shift < count:
            yield start_a + shift, start_b + shift, count - shift
            end_a, end_b = start_a + count, start_b + count
        else:
            end_a, end_b = end_a + shift, end_b + shift


def _blocks(a: Sequence[int], b: Sequence[int]) -> Iterator[Block]:
    """Blocks in no particular order."""
    gaps = [(0, len(a), 0, len(b), 0)]
    while gaps:
        a_from, a_to, b_from, b_to, depth = gaps.pop()
        part_a, part_b = a[a_from:a_to], b[b_from:b_to]
        head = common_prefix(part_a, part_b)
        if head:
            yield a_from, b_from, head
            part_a, part_b = part_a[head:], part_b[head:]
        tail = common_prefix(part_a[::-1], part_b[::-1])
        if tail:
            yield a_to - tail, b_to - tail, tail
            part_a, part_b = part_a[:-tail], part_b[:-tail]
        if not part_a or not part_b:
            continue
        a_from, b_from = a_from + head, b_from + head
        small = len(part_a) * len(part_b) <= SMALL_GAP or depth == DEPTH_MAX
        anchors = [] if small else _anchors(part_a, part_b)
        if not anchors:
            for x, y in _search_shared(part_a, part_b):
                yield a_from + x, b_from + y, 1
            continue
        at_x, at_y = 0, 0
        for x, y, count in anchors:
            yield a_from + x, b_from + y, count
            gaps.append((a_from + at_x, a_from + x, b_from + at_y, b_from + y, depth + 1))
            at_x, at_y = x + count, y + count
        end_x, end_y = a_from + len(part_a), b_from + len(part_b)
        gaps.append((a_from + at_x, end_x, b_from + at_y, end_y, depth + 1))


# --- anchors -------------------------------------------------------------------------------


def _anchors(a: Sequence[int], b: Sequence[int]) -> list[Block]:
    """Blocks that rise on both sides, made of items or runs that occur once on both; or none."""
    for width in ANCHOR_WIDTHS:
        once_a, once_b = once(a, width), once(b, width)
        pairs = [(x, once_b[run]) for run, x in once_a.items() if run in once_b]
        if pairs:
            return joined(_apart(_longest_chain(pairs), width))
    return []


def once(items: Sequence[int], width: int) -> dict[Hashable, int]:
    """Where each run of ``width`` items starts that occurs once, in order."""
    runs: Iterator[Hashable] = iter(items)
    if width > 1:
        runs = zip(*(items[shift:] for shift in range(width)), strict=False)
    starts: dict[Hashable, int] = {}
    for start, run in enumerate(runs):
        starts[run] = -1 if run in starts else start
    return {run: start for run, start in starts.items() if start >= 0}


def _longest_chain(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of ``pairs``, which rise on the first side, that rises on both."""
    if all(one[1] < two[1] for one, two in pairwise(pairs)):
        return pairs
    ends: list[int] = []  # the lowest end of a chain of each length
    owners: list[int] = []  # the pair that is this end
    before: list[int] = []  # per pair: the one before it in its chain
    for number, (_, y) in enumerate(pairs):
        length = bisect_left(ends, y)
        before.append(owners[length - 1] if length else -1)
        ends[length : length + 1] = [y]
        owners[length : length + 1] = [number]
    chain: list[tuple[int, int]] = []
    number = owners[-1]
    while number >= 0:
        chain.append(pairs[number])
        number = before[number]
    return chain[::-1]


def _apart(chain: list[tuple[int, int]], width: int) -> Iterator[Block]:
    """The anchors as blocks that do not overlap: each is cut where the one before it ends."""
    end_x, end_y = 0, 0
    for x, y in chain:
        used = max(end_x - x, end_y - y, 0)
        if used < width:
            yield x + used, y + used, width - used
            end_x, end_y = x + width, y + width


# --- search --------------------------------------------------------------------------------


def _search_shared(a: Sequence[int], b: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs along a short edit script of what both sides have."""
    in_a, in_b = set(a), set(b)
    places_a = [place for place, item in enumerate(a) if item in in_b]
    places_b = [place for place, item in enumerate(b) if item in in_a]
    shared_a = [a[place] for place in places_a]
    shared_b = [b[place] for place in places_b]
    x, y = 0, 0
    while x < len(shared_a) and y < len(shared_b):
        pairs, x, y = _search(shared_a, shared_b, x, y)
        yield from ((places_a[i], places_b[j]) for i, j in pairs)


def _search(
    a: list[int], b: list[int], start_x: int, start_y: int
) -> tuple[list[tuple[int, int]], int, int]:
    """The pairs from a start to the end or as far as ``EDITS_MAX`` edits lead, and where that is.

    ``farthest[k]`` is the farthest x on diagonal ``k = x - y`` that so many edits can reach;
    ``history[n]`` is ``farthest`` after less than n edits.
    """
    end_x, end_y = len(a) - start_x, len(b) - start_y
    farthest = {1: 0}
    history: list[dict[int, int]] = []
    for edits in range(EDITS_MAX + 1):
        history.append(farthest.copy())
        diagonals = range(_within(-edits, -end_y), _within(edits, end_x) + 1, 2)
        for k in diagonals:
            x, _ = _step(farthest, k)
            y = x - k
            while x < end_x and y < end_y and a[start_x + x] == b[start_y + y]:
                x, y = x + 1, y + 1
            farthest[k] = x
            if x >= end_x and y >= end_y:
                return _path(history, x, y, start_x, start_y), len(a), len(b)
    reached = ((farthest[k], farthest[k] - k) for k in diagonals)
    x, y = max((x + y, x, y) for x, y in reached if x <= end_x and y <= end_y)[1:]
    return _path(history, x, y, start_x, start_y), start_x + x, start_y + y


def _within(diagonal: int, bound: int) -> int:
    """``diagonal``, or where it lies beyond ``bound``, the nearest within of the same parity."""
    if abs(diagonal) <= abs(bound):
        return diagonal
    return bound if (diagonal - bound) % 2 == 0 else bound - (1 if bound > 0 else -1)


def _step(farthest: dict[int, int], k: int) -> tuple[int, int]:
    """The x at which one more edit enters diagonal ``k``, and the diagonal that it comes from."""
    above, below = farthest.get(k + 1, -1), farthest.get(k - 1, -1)
    return (above, k + 1) if below < above else (below + 1, k - 1)


def _path(
    history: list[dict[int, int]], x: int, y: int, start_x: int, start_y: int
) -> list[tuple[int, int]]:
    """The pairs on the way from the start to ``(x, y)``."""
    pairs: list[tuple[int, int]] = []
    for farthest in reversed(history):
        entered, before = _step(farthest, x - y)
        pairs.extend((start_x + x - n, start_y + y - n) for n in range(1, x - entered + 1))
        x = farthest[before]
        y = x - before
    return pairs[::-1]
