"""Tasks that know their place in the order of creation.

asyncio keeps tasks in sets: TaskGroup cancels its children in set order, ``wait`` subscribes
in it, ``all_tasks`` returns one. A stock task hashes by its address, so that order changes
with the history of the heap: the same test passes alone and fails in the full suite. A
``VirtualTask`` hashes by its creation number instead, and numbers start anew in every loop.

asyncio cancels a task by cancelling what it waits for. When tasks wait for each other in a
circle, that recursion ends in a RecursionError, and no task is cancelled. Such a circle is the
plainest deadlock there is, and after its report the tasks must still end: the task at which the
circle closes is woken as though its wait had been cancelled, and the others follow from it.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replay_ws.sim.schedule import Lane


class VirtualFuture(asyncio.Future[Any]):
    """An asyncio future that hashes by when it was first hashed.

    ``set(futures)`` hashes its members in the order given, so the order of the set follows from
    that of the list; most futures are in no set, and to number those would be a waste.
    """

    __slots__ = ("_number", "completed_by")

    _number: int
    completed_by: Any
    """The step that completed it; set only while something is watched."""

    def __hash__(self) -> int:
        try:
            return self._number
        except AttributeError:
            loop: Any = self.get_loop()
            self._number = next(loop.future_numbers)
            return self._number


class VirtualTask(asyncio.Task[Any]):
    """An asyncio task that hashes by ``number``, its place in its loop's creation order.

    ``lane`` is what a schedule knows it by, if the loop has lanes.
    """

    __slots__ = ("_is_being_cancelled", "lane", "number")

    def __init__(self, number: int, lane: Lane | None, coroutine: Any, **options: Any) -> None:
        # First of all: asyncio puts the task into a set while it initialises it.
        self.number = number
        self.lane = lane
        self._is_being_cancelled = False
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self.number

    def cancel(self, msg: Any = None) -> bool:
        if self._is_being_cancelled:
            self._wake_with_cancellation()
            return True
        self._is_being_cancelled = True
        try:
            return super().cancel(msg)
        finally:
            self._is_being_cancelled = False

    def _wake_with_cancellation(self) -> None:
        waited_for: Any = getattr(self, "_fut_waiter", None)
        for callback, context in getattr(waited_for, "_callbacks", None) or ():
            if getattr(callback, "__self__", None) is self:
                waited_for.remove_done_callback(callback)
                cancelled = self.get_loop().create_future()
                cancelled.cancel()
                self.get_loop().call_soon(callback, cancelled, context=context)
                return


def lane_name(coroutine: object, name: object = None) -> str:
    """What a task's lane is called: the name it was given, or else that of its coroutine."""
    if name is not None:
        return str(name)
    qualified: str = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    return qualified.rpartition("<locals>.")[2]


def in_creation_order(tasks: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """``tasks`` as they were created; those of a foreign task factory come last, by name."""
    return sorted(tasks, key=lambda task: (getattr(task, "number", sys.maxsize), task.get_name()))
