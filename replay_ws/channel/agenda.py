"""The agenda: what is due when, in one order for everything that a network does by itself.

An entry is the head of a lane or an action. An entry for a head that no longer describes it (which
was dropped or overtaken, or whose turn comes later) is skipped when its time comes. Entries in the
background (a token that will expire, a fault that comes again and again) do not keep a network
busy: nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from replay_ws.channel.lane import Lane
from replay_ws.channel.terms import FOREVER

Action = Callable[[int], None]
"""Called with the time at which it is due."""


class Agenda:
    """A heap of what is due. Ties go by the order in which they were put down."""

    __slots__ = ("_background", "_heap", "actions", "busy", "serial")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Lane | Action]] = []
        self._background: set[int] = set()
        self.busy: set[int] = set()
        """Numbers of the lanes on which something is on its way."""
        self.actions = 0
        """Entries that are actions, but for those in the background."""
        self.serial = 0
        """The number of the last message or action."""

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial

    def at(self, due_ns: int, action: Action, *, background: bool = False) -> None:
        """Do ``action`` at a time."""
        serial = self.next_serial()
        if background:
            self._background.add(serial)
        else:
            self.actions += 1
        heappush(self._heap, (due_ns, serial, action))

    def watch(self, lane: Lane) -> None:
        """Put down the head of a lane that moves by itself, after that may have changed."""
        if lane.queue and (due_ns := lane.due_ns()) < FOREVER:
            self.busy.add(lane.number)
            heappush(self._heap, (due_ns, lane.queue[0].serial, lane))
        else:
            self.busy.discard(lane.number)

    def due_ns(self) -> int | None:
        """When the next entry is due."""
        return self._heap[0][0] if self._heap else None

    def pop(self) -> tuple[int, int, Lane | Action]:
        """Take the next entry: when it is due, its number, what it is."""
        entry = heappop(self._heap)
        if not isinstance(entry[2], Lane):
            if entry[1] in self._background:
                self._background.discard(entry[1])
            else:
                self.actions -= 1
        return entry

    def is_due(self, now_ns: int) -> bool:
        """Whether something is due by ``now_ns``."""
        return bool(self._heap) and self._heap[0][0] <= now_ns
