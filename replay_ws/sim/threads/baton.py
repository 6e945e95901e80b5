"""Real threads, one at a time: whoever has the baton runs, and the schedule says who gets it.

Theory of operation. A managed thread is a real thread of the operating system that owns one raw
lock, its gate, and sleeps behind it. The loop's own thread is the hub. A thread is *ready* when its
next step waits in the loop's queue, as an event of its lane like the step of any task; to run that
step is to open the thread's gate and to sleep until the baton comes back. It comes back at every
*sync point*: whatever other threads could notice, such as taking a lock. There the thread either is
ready again at once (``sync``), or only when somebody wakes it or a timer does (``block``). Timers
are the loop's, so a thread that sleeps costs no time.

Invariant: of the hub and all managed threads exactly one is not asleep at a gate. So nothing in
this package needs a lock, and what a thread does between two sync points is one step.

The surprising actor is the loop's own thread. When a program blocks in the middle of a task's step
(``thread.join()`` in a coroutine), the loop stands still, as it would outside of a run, and only
threads go on. ``actors.LoopActor`` does that: it is the hub all the same, but takes only steps of
actors out of the queue, and among them its own return, which is a step of the lane that it holds
up. When there are none, and no actor has a timer, then the call that blocks raises a DeadlockError.

A gate can be opened from another processor, but that takes ten times as long as on the same one,
and these threads take turns anyway. So a run with threads keeps to one processor.
"""

from __future__ import annotations

import _thread
import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextvars import Context

from replay_ws.errors import DeadlockError
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.lanes import LaneQueue
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.threads.interrupts import Interrupts


class Baton(ABC):
    """What the actors of one run share: the hub's gate, the queue, and the timers."""

    def __init__(self, loop: VirtualLoop) -> None:
        assert loop.lanes is not None, "threads are lanes, so the loop needs some"
        self.loop = loop
        self.lanes: LaneQueue = loop.lanes
        self.gate = shut_gate()
        """Opened by whoever gives the baton back."""
        self.interrupts = Interrupts()
        self.timers = 0
        """How many actors wait for an instant."""
        self.alive = 0
        """How many managed threads have not ended."""
        self._context = Context()

    def queue_step(self, step: Callable[[], None]) -> None:
        """Make an actor's step ready."""
        self.lanes.append(Ready(step, (), self.loop, self._context))

    def arm(self, when_ns: int, step: Callable[[], None]) -> Timer:
        """Make an actor's step ready at an instant."""
        self.timers += 1
        return self.loop.call_at_ns(when_ns, step, context=self._context)

    def pass_time(self, is_any_ready: Callable[[], bool]) -> None:
        """Reach the next timer of the loop, whoever set it; those of tasks are left to wait."""
        loop = self.loop
        loop.release_due_timers()  # and drop those that were cancelled
        if loop.has_timers and not is_any_ready():
            loop.jump()

    @abstractmethod
    def deadlock(self) -> DeadlockError:
        """The error that says who waits for what."""

    @abstractmethod
    def end_all(self) -> None:
        """End every thread at its sync point."""


def shut_gate() -> _thread.LockType:
    """A raw lock that somebody else is to open."""
    gate = _thread.allocate_lock()
    gate.acquire()
    return gate


@contextlib.contextmanager
def on_one_processor() -> Iterator[None]:
    """Keep this thread, and those that it starts, to one processor where that can be said."""
    try:
        before = os.sched_getaffinity(0)
        processors = sorted(before)
        # Test runs in parallel should not all choose the same.
        os.sched_setaffinity(0, {processors[os.getpid() % len(processors)]})
    except (AttributeError, OSError):
        yield
        return
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
