"""Blocks: what two sequences have in common, in the same order; and the gaps between them.

Of ``x`` and ``x x``, either x may be the new one: a gap of one side can slide along a block whose
items repeat. Two rules say where it stands, so that equal sessions give equal differences, and
what moved in one piece is seen as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

Block: TypeAlias = tuple[int, int, int]
"""``(a, b, count)``: ``count`` items from ``a`` on answer as many from ``b`` on."""

Gap: TypeAlias = tuple[Sequence[int], Sequence[int]]
"""Positions on both sides that answer nothing, between the same two blocks."""

SLICE_MAX = 65_536

SLIDE_MAX = 64
"""Items over which a gap may slide, to face another."""


def common_prefix(a: Sequence[object], b: Sequence[object]) -> int:
    """How many items two sequences have in common at the front."""
    return agreement(a, b, 0, 0, min(len(a), len(b)))


def agreement(a: Sequence[object], b: Sequence[object], x: int, y: int, limit: int) -> int:
    """How many items from ``x`` and ``y`` on are equal; at most ``limit``."""
    count, size = 0, 16
    while count < limit:
        size = min(size, limit - count)
        if a[x + count : x + count + size] != b[y + count : y + count + size]:
            while size > 1:  # the first difference is among these
                half = size // 2
                if a[x + count : x + count + half] == b[y + count : y + count + half]:
                    count, size = count + half, size - half
                else:
                    size = half
            break
        count, size = count + size, min(size * 2, SLICE_MAX)
    return count


def agreement_back(a: Sequence[object], b: Sequence[object], x: int, y: int, limit: int) -> int:
    """How many items before ``x`` and ``y`` are equal; at most ``limit``."""
    count, size = 0, 16
    while count < limit:
        size = min(size, limit - count)
        x_end, y_end = x - count, y - count
        if a[x_end - size : x_end] != b[y_end - size : y_end]:
            ours, theirs = a[x_end - size : x_end][::-1], b[y_end - size : y_end][::-1]
            return count + agreement(ours, theirs, 0, 0, size)
        count, size = count + size, min(size * 2, SLICE_MAX)
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


def earliest(blocks: list[Block], a: Sequence[int], b: Sequence[int]) -> Iterator[Block]:
    """The same blocks, where of several equal items the earliest answers.

    Of ``x`` and ``x x`` the second x is the new one. Where only one side has a gap before a block,
    the block can begin in the gap, and the gap stand behind it.
    """
    end_a, end_b = 0, 0
    for start_a, start_b, count in blocks:
        shift = 0
        if start_a == end_a:
            shift = agreement(b, b, end_b, start_b, count)
        elif start_b == end_b:
            shift = agreement(a, a, end_a, start_a, count)
        if shift:
            yield end_a, end_b, shift
        if shift < count:
            yield start_a + shift, start_b + shift, count - shift
            end_a, end_b = start_a + count, start_b + count
        else:
            end_a, end_b = end_a + shift, end_b + shift


class _OneSided(NamedTuple):
    """A gap of one side only, of several items, behind a block."""

    block: int
    """The number of the block."""

    items: tuple[int, ...]
    reach: int
    """How far it can slide to the front."""

    def slid(self, far: int) -> tuple[int, ...]:
        """What it has when it stands so far to the front."""
        start = len(self.items) - far
        return self.items[start:] + self.items[:start]


def facing(blocks: list[Block], a: Sequence[int], b: Sequence[int]) -> list[Block]:
    """The same blocks, with each gap slid to the front that then has what a gap of the other has.

    The items of two such gaps have moved together; but for the slide, one would be left behind.
    """
    blocks = [(0, 0, 0), *blocks, (len(a), len(b), 0)]
    ours, theirs = _one_sided(blocks, a, 0), _one_sided(blocks, b, 1)
    slides: dict[int, int] = {}
    for gaps, others in ((ours, theirs), (theirs, ours)):
        waiting = {gap.items: gap.block for gap in others if gap.block not in slides}
        for gap in gaps:
            if gap.block in slides:
                continue
            for far in range(gap.reach + 1):
                if (other := waiting.pop(gap.slid(far), None)) is not None:
                    slides |= {gap.block: far, other: 0}
                    break
    fars = [0, *(slides.get(number, 0) for number in range(len(blocks)))]
    cut = (
        (x - before, y - before, before + count - behind)
        for (x, y, count), (before, behind) in zip(blocks, pairwise(fars), strict=True)
    )
    return [block for block in cut if block[2]]


def _one_sided(blocks: list[Block], items: Sequence[int], side: int) -> list[_OneSided]:
    """The gaps that only one side has; what is a single item need not slide to face another."""
    found: list[_OneSided] = []
    for number, (before, after) in enumerate(pairwise(blocks)):
        start, end = before[side] + before[2], after[side]
        alone = before[1 - side] + before[2] == after[1 - side]
        if alone and end - start > 1:
            limit = min(before[2], end - start - 1, SLIDE_MAX)
            reach = agreement_back(items, items, start, end, limit)
            found.append(_OneSided(number, tuple(items[start:end]), reach))
    return found
