"""Moves: equal events that are left over in different places of one strand.

Of a token that ten sentences have, one lost here and one new there are two differences, not a
move across the session. So a run of equal events has moved only if it occurs once among what is
left of either side, and is long, or holds an event that the strand has once, or came not far.
Its equal neighbours moved with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from replay_ws.diff.align import Block, joined, once

RUN_LENGTHS = (8, 4, 2, 1)
"""How many events are looked for together; runs of the first length need no other sign."""

NEAR = 64
"""How many events a common one may pass."""


def find_moves(
    ids: tuple[Sequence[int], Sequence[int]],
    left: Sequence[int],
    right: Sequence[int],
    distance: Callable[[int, int], int],
) -> list[Block]:
    """Blocks of ``left`` that stand elsewhere in ``right``.

    Both are positions in ``ids``, in order; ``distance`` says how far two positions are apart.
    """
    left_ids, right_ids = ids
    partners: dict[int, int] = {}
    if set(map(left_ids.__getitem__, left)).isdisjoint(map(right_ids.__getitem__, right)):
        return []
    left_counts, right_counts = Counter(left_ids), Counter(right_ids)
    free_left, free_right = set(left), set(right)
    for run in _common_runs(ids, left, right):
        known = len(run) == RUN_LENGTHS[0] or any(
            left_counts[left_ids[a]] == right_counts[left_ids[a]] == 1 for a, _ in run
        )
        if known or abs(distance(*run[0])) <= NEAR:
            for a, b in run:
                _take(partners, a, b, free_left, free_right)
    for start in list(partners.items()):
        for step in (-1, 1):
            a, b = start[0] + step, start[1] + step
            while a in free_left and b in free_right and left_ids[a] == right_ids[b]:
                _take(partners, a, b, free_left, free_right)
                a, b = a + step, b + step
    return joined((a, b, 1) for a, b in sorted(partners.items()))


def _common_runs(
    ids: tuple[Sequence[int], Sequence[int]], left: Sequence[int], right: Sequence[int]
) -> Iterator[list[tuple[int, int]]]:
    """Runs that occur once on both sides, the longest first, as pairs of positions."""
    for length in RUN_LENGTHS:
        starts = once([ids[1][b] for b in right], length)
        for run, start in once([ids[0][a] for a in left], length).items():
            if run in starts:
                there = starts[run]
                yield list(
                    zip(left[start : start + length], right[there : there + length], strict=True)
                )


def _take(
    partners: dict[int, int], a: int, b: int, free_left: set[int], free_right: set[int]
) -> None:
    if a in free_left and b in free_right:
        partners[a] = b
        free_left.remove(a)
        free_right.remove(b)
