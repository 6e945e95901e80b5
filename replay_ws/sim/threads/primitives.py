"""What the threading module is built on, in a form that the schedule knows.

Condition, Event, Semaphore, Barrier, Timer and the queues are Python on top of locks, so that to
replace the locks below them is to have all of them, with the very behaviour that they have.

A lock keeps its state in a real one, on which no actor ever blocks: whoever does not get it waits
in line, in order of arrival, and the first in line is woken by its release. It may still find that
another came before; so who gets a lock is for the schedule to say. A thread that no run manages,
and everybody after the run, deals with the real lock alone.
"""

from __future__ import annotations

import _thread
import queue
import sys
import threading
import time
from collections import deque
from typing import Any, NamedTuple

from replay_ws.sim.deadlock import is_library_call
from replay_ws.sim.threads.actors import Actor, current_actor

_real_sleep = time.sleep


class Holder(NamedTuple):
    """Who has a lock, and where it was taken."""

    name: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.name} has since {self.file}:{self.line}"


class Signal:
    """A lock that is no sync point, for what the threading module hides inside its own classes.

    The inner locks of those have the sync points. Such a lock that was made before the run is real:
    a thread that stopped here, while it holds one, would have the next block for real.
    """

    __slots__ = ("__weakref__", "_line", "_lock", "holder")

    told_as = "threading.Lock"

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._line: deque[Actor] = deque()
        self.holder: Holder | None = None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        actor = current_actor()
        if actor is None:
            return self._lock.acquire(blocking, timeout)
        return self._acquire(actor, blocking, timeout)

    def release(self) -> None:
        self._lock.release()
        if self._line:
            self._line[0].wake()

    def locked(self) -> bool:
        return self._lock.locked()

    __enter__ = acquire

    def __exit__(self, *exception: object) -> None:
        self.release()

    def _acquire(self, actor: Actor, blocking: bool, timeout: float) -> bool:
        if timeout != -1:
            _check(blocking, timeout)
        if self._lock.acquire(False):
            return True
        if not blocking or timeout == 0:
            return False
        until_ns = actor.instant_ns(None if timeout == -1 else timeout)
        self._line.append(actor)
        try:
            while actor.block(self, until_ns):
                if self._lock.acquire(False):
                    return True
            return self._lock.acquire(False)
        finally:
            self._line.remove(actor)

    def _at_fork_reinit(self) -> None:
        self.__init__()  # type: ignore[misc]  # as a real lock does

    def __repr__(self) -> str:
        return f"<{'locked' if self.locked() else 'unlocked'} {self.told_as}>"


def _check(blocking: bool, timeout: float) -> None:
    """Raises what a real lock does for a timeout that it does not take."""
    probe = _thread.allocate_lock()
    probe.acquire(blocking, timeout)


class Lock(Signal):
    """``threading.Lock``: each acquire and each release is a sync point."""

    __slots__ = ()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        actor = current_actor()
        if actor is None:
            return self._lock.acquire(blocking, timeout)
        actor.sync_at_lock()
        has_it = self._acquire(actor, blocking, timeout)
        if has_it:
            self.holder = _holder(actor)
        return has_it

    def release(self) -> None:
        self.holder = None
        super().release()
        actor = current_actor()
        if actor is not None:
            actor.sync_at_lock()

    # Without it a condition finds out by taking the lock, which the schedule would see.
    _is_owned = Signal.locked

    __enter__ = acquire


def _holder(actor: Actor) -> Holder:
    frame = sys._getframe(2)
    while is_library_call(frame) and frame.f_back is not None:
        frame = frame.f_back
    return Holder(actor.name, frame.f_code.co_filename, frame.f_lineno)


class RLock(threading._RLock):  # type: ignore[misc]  # final, and made to be replaced
    """``threading.RLock``; taking it again is no sync point."""

    def __init__(self) -> None:
        super().__init__()
        self._block = Lock()


class SimpleQueue(queue._PySimpleQueue):  # type: ignore[name-defined,misc]
    """``queue.SimpleQueue``, which is not built on locks, in the form that is."""

    told_as = "queue.SimpleQueue.get"

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        # As the one in C: a timeout that does not matter is ignored.
        return super().get(block, timeout if block else None)


def sleep(delay: float, /) -> None:
    """``time.sleep`` in virtual time; in a coroutine it holds up the loop, as it does for real."""
    actor = current_actor()
    if actor is None:
        _real_sleep(delay)
        return
    if delay < 0:
        raise ValueError("sleep length must be non-negative")
    if delay == 0:
        actor.sync()
    else:
        actor.block(f"time.sleep({delay})", actor.instant_ns(delay))
