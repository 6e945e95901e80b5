"""The ready queue of a run in which order is a choice.

Theory of operation. Each handle belongs to a lane: the task or thread whose step it is, or else
the lane of plain callbacks, whose path is empty. Within a lane handles keep their order of
arrival; between lanes the policy's ranks decide. Only the first handle of a lane competes, so the
heap holds each ready lane once.

What the policy chose is written down as *holds*: the n-th step of a lane waits until so many more
arrivals have gone by. Let ``a`` be the arrival number of a step and ``key = (a + hold, a)``. A
queue that always runs the lowest key repeats the order of this one, provided that the keys of
whatever was ready together rise in the order in which it ran. So each step that runs gets the
smallest hold that puts its key behind the last one's; for a step that nobody overtook that is 0,
and is not stored. Once nothing is left in the queue nothing can be overtaken, and keys start anew.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from typing import Protocol

from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.schedule import Lane, Policy, lateness_ns, stall_ns

__all__ = ["Departures", "Lane", "LaneQueue", "Observer"]

Departures = dict[tuple[str, str], "array[int]"]
"""What departed from the order of arrival: (kind, lane's path) -> nth, amount, nth, amount, ...

``hold``: the nth step waited for so many arrivals; ``late``: the nth timer was due so many
nanoseconds later; ``stall``: the loop reached it so many nanoseconds after it was due; ``cancel``
and ``fail``: the nth step met an injected cancellation or failure (amount 1).
"""


class Observer(Protocol):
    """Is told what the queue does. Whatever a step does happens between two ``begins``."""

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        """``handle`` became ready, by the doing of the current lane unless it is a timer."""
        ...

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        """The step of ``handle`` starts, which ``lane.steps`` counts; the one before has ended."""
        ...

    def armed(self, timer: Timer) -> None:
        """The current lane set ``timer``; the loop queues it when it is due."""
        ...


class LaneQueue:
    """Handles that are ready, in lanes; the policy says which lane goes next.

    ``seed`` keys the draws of its lanes. ``jitter`` lets the loop be late for timers; where
    ``planned`` is given its ``late`` and ``stall`` say by how much, for (path, nth timer).
    """

    def __init__(
        self,
        policy: Policy,
        *,
        seed: int = 0,
        jitter: bool = False,
        planned: Mapping[str, Mapping[tuple[str, int], int]] | None = None,
    ) -> None:
        self.callbacks = Lane("", None, seed)
        self.current = self.callbacks
        """The lane whose step runs."""
        self.observers: list[Observer] = []
        self.departures: Departures = {}
        self._policy = policy
        self._seed = seed
        self._jitter = jitter
        self._planned = planned
        self._unranked: list[Lane] = []
        self._ranked: list[tuple[int, int, Lane]] = []
        self._has_main = False
        self._arrivals = 0
        self._size = 0
        self._last_key = self._last_arrival = -1

    def __len__(self) -> int:
        return self._size

    def clear(self) -> None:
        """Forget what is ready."""
        for lane in [*self._unranked, *(entry[2] for entry in self._ranked)]:
            lane.handle = lane.later = None
        self._unranked.clear()
        self._ranked.clear()
        self._size = 0

    def spawn(self, name: str, parent: Lane | None = None) -> Lane:
        """A new lane called ``name``, begun by ``parent`` or else by the lane that runs."""
        if not self._has_main:
            self._has_main = True
            name = "main"  # the program itself, whatever it is called
        parent = parent or self.current
        return Lane(parent.child_path(name), parent, self._seed)

    def append(self, handle: Ready | Timer) -> None:
        """Make ``handle`` ready."""
        owner = getattr(handle._callback, "__self__", None)
        lane = self.callbacks if owner is None else getattr(owner, "lane", None) or self.callbacks
        arrival = self._arrivals = self._arrivals + 1
        self._size += 1
        if lane.handle is None:
            lane.handle = handle
            lane.arrival = arrival
            self._unranked.append(lane)
        elif lane.later is None:
            lane.later = deque(((handle, arrival),))
        else:
            lane.later.append((handle, arrival))
        for observer in self.observers:
            observer.queued(handle, lane)

    def popleft(self) -> Ready | Timer:
        """Take out the handle that goes next. IndexError when none is ready."""
        unranked = self._unranked
        if len(unranked) == 1 and not self._ranked:
            lane = unranked.pop()  # there is no choice, and a draw not made costs nothing
        else:
            lane = self._pick()
        handle: Ready | Timer = lane.handle
        arrival = lane.arrival
        if lane.later:
            lane.handle, lane.arrival = lane.later.popleft()
            unranked.append(lane)
        else:
            lane.handle = None
        key = arrival
        if arrival <= self._last_key:
            key = self._hold(lane, arrival)
        self._size -= 1
        if self._size:
            self._last_key, self._last_arrival = key, arrival
        else:
            self._last_key = -1
        lane.steps += 1
        self.current = lane
        for observer in self.observers:
            observer.begins(handle, lane)
        return handle

    def hand_over(self, policy: Policy, *, jitter: bool) -> None:
        """From now on ``policy`` says which lane goes next, and no plan says anything."""
        self._policy, self._jitter, self._planned = policy, jitter, None
        self._unranked += [entry[2] for entry in self._ranked]
        self._ranked.clear()

    @contextmanager
    def only(self, admits: Callable[[Ready | Timer], bool]) -> Iterator[Callable[[], bool]]:
        """While open, handles that ``admits`` refuses are not taken out.

        The value tells whether another one is ready.
        """
        refused: list[Lane] = []
        ranked_refused = [entry for entry in self._ranked if not admits(entry[2].handle)]
        self._ranked = [entry for entry in self._ranked if admits(entry[2].handle)]
        heapify(self._ranked)

        def is_any_ready() -> bool:
            refused.extend(lane for lane in self._unranked if not admits(lane.handle))
            self._unranked[:] = [lane for lane in self._unranked if admits(lane.handle)]
            return bool(self._unranked or self._ranked)

        try:
            yield is_any_ready
        finally:
            self._unranked += refused
            self._ranked += ranked_refused
            heapify(self._ranked)

    def _pick(self) -> Lane:
        unranked, ranked, policy = self._unranked, self._ranked, self._policy
        for lane in unranked:
            heappush(ranked, (policy.rank(lane, lane.arrival), lane.arrival, lane))
        unranked.clear()
        rank, _, lane = heappop(ranked)
        policy.picked(lane, rank)
        return lane

    def _hold(self, lane: Lane, arrival: int) -> int:
        """Write down what holds the next step of ``lane`` behind the last one; returns its key."""
        key = self._last_key + (arrival <= self._last_arrival)
        if key > arrival:
            self.depart("hold", lane, lane.steps, key - arrival)
        return key

    def arm(self, timer: Timer, when_ns: int, now_ns: int) -> int:
        """When ``timer`` fires that the current lane set for ``when_ns``."""
        lane, nth = self.current, self.current.timers
        late_ns = 0
        if self._planned is not None:
            late_ns = self._planned["late"].get((lane.path, nth), 0)
        elif self._jitter and when_ns > now_ns:
            late_ns = lateness_ns(lane)
        if late_ns:
            self.depart("late", lane, nth, late_ns)
        timer.origin = lane, nth, when_ns - now_ns
        lane.timers = nth + 1
        for observer in self.observers:
            observer.armed(timer)
        return when_ns + late_ns

    def stall(self, timer: Timer) -> int:
        """For how long the loop is kept from ``timer``, to which time passes next."""
        if timer.origin is None:
            return 0
        lane, nth, delay_ns = timer.origin
        ns = 0
        if self._planned is not None:
            ns = self._planned["stall"].get((lane.path, nth), 0)
        elif self._jitter and delay_ns > 0:
            ns = stall_ns(lane, nth, delay_ns)
        if ns:
            self.depart("stall", lane, nth, ns)
        return ns

    def depart(self, kind: str, lane: Lane, nth: int, amount: int) -> None:
        """Write down one departure from the order of arrival."""
        told = self.departures.get((kind, lane.path))
        if told is None:
            told = self.departures[kind, lane.path] = array("q")
        told.append(nth)
        told.append(amount)
