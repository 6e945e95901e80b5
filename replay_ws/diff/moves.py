"""Moves: equal events that are left over in different places of one strand.

Of a token that ten sentences have, one lost here and one new there are two differences, not a
move across the session. So a run of equal events has moved only if it occurs once among what is
left of either side, and is long, or holds an event that the strand has once, or came not far.
Its equal neighbours moved with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from replay_ws.diff.align import once
from replay_ws.diff.blocks import Block, joined

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
    ours = list(map(ids[0].__getitem__, left))
    theirs = list(map(ids[1].__getitem__, right))
    if set(ours).isdisjoint(theirs):
        return []
    counts = (Counter(ids[0]), Counter(ids[1]))
    taken = _Taken(ids, set(left), set(right))
    for length in RUN_LENGTHS:
        starts = once(theirs, length)
        for run, i in once(ours, length).items():
            if run not in starts or left[i] in taken.partners:
                continue
            j = starts[run]
            if (
                length == RUN_LENGTHS[0]
                or any(counts[0][one] == counts[1][one] == 1 for one in ours[i : i + length])
                or abs(distance(left[i], right[j])) <= NEAR
            ):
                for n in range(length):
                    taken.grow(left[i + n], right[j + n])
    return joined((a, b, 1) for a, b in sorted(taken.partners.items()))


class _Taken:
    """Which events moved where, and which are free to have moved."""

    def __init__(
        self,
        ids: tuple[Sequence[int], Sequence[int]],
        free_left: set[int],
        free_right: set[int],
    ) -> None:
        self.ids = ids
        self.free = (free_left, free_right)
        self.partners: dict[int, int] = {}

    def grow(self, left: int, right: int) -> None:
        """Take two equal events, and their neighbours as long as these are equal and free."""
        if self._take(left, right):
            for step in (-1, 1):
                a, b = left + step, right + step
                while self._take(a, b):
                    a, b = a + step, b + step

    def _take(self, a: int, b: int) -> bool:
        if a not in self.free[0] or b not in self.free[1] or self.ids[0][a] != self.ids[1][b]:
            return False
        self.partners[a] = b
        self.free[0].remove(a)
        self.free[1].remove(b)
        return True
