"""The timers of a loop: a heap by (instant, order of creation)."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import count

from replay_ws.sim.handles import Timer

# Cancelled timers stay in the heap until they surface, or until they are the greater part.
_SIZE_WORTH_COMPACTING = 64


class Timers:
    """Timers that are set. ``heap`` has the earliest first, and may hold cancelled ones."""

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, Timer]] = []
        self._cancelled_count = 0
        self._numbers = count()

    def set(self, when_ns: int, timer: Timer) -> None:
        """Let ``timer`` be due at ``when_ns``."""
        timer._scheduled = True
        heappush(self.heap, (when_ns, next(self._numbers), timer))

    def is_being_cancelled(self, timer: Timer) -> None:
        """Said by a timer that is; it still counts as uncancelled."""
        if not timer._scheduled:
            return
        self._cancelled_count += 1
        if self._cancelled_count * 2 > len(self.heap) > _SIZE_WORTH_COMPACTING:
            # In place, because the running loop holds this list.
            self.heap[:] = [e for e in self.heap if not (e[2]._cancelled or e[2] is timer)]
            heapify(self.heap)
            self._cancelled_count = 0

    def due(self, now_ns: int) -> Iterator[Timer]:
        """Take out the timers that are due, and drop cancelled ones off the heap's top."""
        heap = self.heap
        while heap and (heap[0][0] <= now_ns or heap[0][2]._cancelled):
            timer = heappop(heap)[2]
            timer._scheduled = False
            if timer._cancelled:
                self._cancelled_count -= 1
            else:
                yield timer
