"""Tasks that are cancelled, or meet a failure, at a step where nothing of the kind was due.

A cancellation goes the way of ``Task.cancel``: the step that would have gone on after an await
raises CancelledError there instead. A failure is a ConnectionError raised at the same place. What
happened is written down as a departure, keyed by (path of the lane, nth step).
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from replay_ws.rng import threshold
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.lanes import LaneQueue
from replay_ws.sim.schedule import Lane, Schedule
from replay_ws.sim.tasks import VirtualTask

_CHILDREN = "main/"  # the main task is never cancelled, and the run's own tasks are not in it


class Interruptions:
    """An observer of ``lanes`` that interrupts tasks as ``schedule`` or ``planned`` says.

    ``planned`` has the steps, as (path, nth), of each kind; where it is given, what the schedule
    says counts for nothing.
    """

    def __init__(
        self,
        lanes: LaneQueue,
        schedule: Schedule,
        planned: Mapping[str, frozenset[tuple[str, int]]] | None = None,
    ) -> None:
        self._lanes = lanes
        self._cancel_below = threshold(schedule.cancel_rate)
        self._fail_first = schedule.fail_first
        self._planned = planned
        self._failures: dict[tuple[str, str], int] = {}

    def hand_over(self, schedule: Schedule) -> None:
        """From now on tasks are cancelled as ``schedule`` says; failures stay as they are."""
        self._cancel_below = threshold(schedule.cancel_rate)
        if self._planned is not None:
            self._planned = {kind: of for kind, of in self._planned.items() if kind != "cancel"}

    @staticmethod
    def wrap(coroutine: Any) -> Interruptible:
        """``coroutine`` in a form in which it can be made to fail."""
        return Interruptible(coroutine)

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        """An observer's; nothing to do."""

    def armed(self, timer: Timer) -> None:
        """An observer's; nothing to do."""

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        """Interrupt the step that begins, if its time has come."""
        task = getattr(handle._callback, "__self__", None)
        nth = lane.steps - 1
        # Before its first step a task stands at no await.
        if nth == 0 or not isinstance(task, VirtualTask) or task.done():
            return
        coroutine: Any = task.get_coro()
        if self._is_due("cancel", coroutine, lane, nth):
            self._lanes.depart("cancel", lane, nth, 1)
            task.cancel()
        elif self._is_due("fail", coroutine, lane, nth):
            self._lanes.depart("fail", lane, nth, 1)
            coroutine.failure = ConnectionError("injected: the first attempts fail")

    def _is_due(self, kind: str, coroutine: Any, lane: Lane, nth: int) -> bool:
        if self._planned is not None and kind in self._planned:
            return (lane.path, nth) in self._planned[kind]
        if kind == "cancel":
            return (
                self._cancel_below > 0
                and lane.path.startswith(_CHILDREN)
                and lane.draw("cancel", nth) < self._cancel_below
            )
        return any(self._counts(lane, name) for name in _awaiting(coroutine))

    def _counts(self, lane: Lane, name: str) -> bool:
        count = self._failures.get((lane.path, name), 0)
        if count >= self._fail_first.get(name, 0):
            return False
        self._failures[lane.path, name] = count + 1
        return True


class Interruptible(Coroutine[Any, Any, Any]):
    """A coroutine whose next step raises ``failure``, once that is set."""

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine
        self.failure: BaseException | None = None

    def send(self, value: Any) -> Any:
        """Go on, or fail."""
        if self.failure is None:
            return self._coroutine.send(value)
        return self.throw(self.failure)

    def throw(self, *error: Any) -> Any:
        """Raise where it awaits: what it was set to fail with, before any other error."""
        failure, self.failure = self.failure, None
        return self._coroutine.throw(*error) if failure is None else self._coroutine.throw(failure)

    def close(self) -> None:
        """End it."""
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)


def _awaiting(coroutine: Any) -> set[str]:
    """The names of the functions in which ``coroutine`` is suspended, plain and qualified."""
    names = set()
    while coroutine is not None:
        code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
        if code is not None:
            names |= {code.co_name, code.co_qualname.rpartition("<locals>.")[2]}
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return names
