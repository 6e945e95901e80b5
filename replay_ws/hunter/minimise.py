"""Fewest items that still fail: what a shrinker does, whatever the items are.

``fails`` is asked about subsets; it is true of the whole. QuickXplain (Junker, AAAI 2004) splits
the items in two and asks whether one half suffices beside what is already known to be needed, so
that a few culprits among many cost a logarithm each. It takes for granted that a superset of what
fails fails too. Where that is not so, its result may hold too much, so a sweep follows that drops
what can be dropped, one item at a time, until none can (1-minimal); and where few are left,
pairs. Nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import combinations
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)

PAIRS_MAX = 12
"""With so many items left, pairs of them are tried too."""

_PRECISION = 32


class Minimiser(Generic[Item]):
    """Drops ``items`` while ``fails`` is true of the rest; ``runs`` counts how often it was asked.

    ``fails`` gets items in their order. ``best`` is the smallest set so far that is known to fail,
    also when ``fails`` raises and nothing more comes.
    """

    def __init__(self, items: Sequence[Item], fails: Callable[[Sequence[Item]], bool]) -> None:
        self._fails = fails
        self._known: dict[frozenset[Item], bool] = {frozenset(items): True}
        self._place = {item: number for number, item in enumerate(items)}
        self.best: list[Item] = list(items)
        self.runs = 0

    def small(self) -> list[Item]:
        """A set that fails, in few runs; not minimal where more items can hide a failure."""
        if not self._asked([]):
            self._quick_explain([], list(self.best))
        return self.best

    def minimal(self) -> list[Item]:
        """A set that fails, of which no item can be dropped; empty where nothing is needed."""
        if self.small():
            self._sweep()
        while 1 < len(self.best) <= PAIRS_MAX and self._drop_pair():
            self._sweep()
        return self.best

    def _asked(self, items: Sequence[Item]) -> bool:
        key = frozenset(items)
        found = self._known.get(key)
        if found is None:
            ordered = sorted(key, key=self._place.__getitem__)
            self.runs += 1
            found = self._known[key] = self._fails(ordered)
            if found and len(ordered) < len(self.best):
                self.best = ordered
        return found

    def _quick_explain(self, needed: list[Item], items: list[Item]) -> list[Item]:
        """Those of ``items`` that fail beside ``needed``, which alone does not."""
        if len(items) == 1:
            return items
        middle = len(items) // 2
        left, right = items[:middle], items[middle:]
        for half in (left, right):
            if self._asked([*needed, *half]):
                return self._quick_explain(needed, half)
        of_right = self._quick_explain([*needed, *left], right)
        if self._asked([*needed, *of_right]):
            return of_right
        return [*self._quick_explain([*needed, *of_right], left), *of_right]

    def _sweep(self) -> None:
        """Drop single items until none can be; after a drop the others are asked again."""
        position = 0
        kept_since = 0
        while kept_since < len(self.best):
            items = self.best
            position %= len(items)
            if self._asked(items[:position] + items[position + 1 :]):
                kept_since = 0
            else:
                kept_since += 1
                position += 1

    def _drop_pair(self) -> bool:
        items = self.best
        return any(
            self._asked([item for item in items if item not in pair])
            for pair in combinations(items, 2)
        )


def lowest(high: int, fails: Callable[[int], bool], low: int = 1) -> int:
    """The least amount from ``low`` to ``high`` that fails, by bisection; ``high`` is known to.

    Of large amounts it is the least but for some 3 %. Amounts that fail are taken to be all above
    some bound; where they are not, what is found fails still. The lowest is asked first, for it is
    so often enough.
    """
    if low >= high or fails(low):
        return min(low, high)
    while high - low > max(1, high // _PRECISION):
        middle = (low + high) // 2
        if fails(middle):
            high = middle
        else:
            low = middle
    return high
