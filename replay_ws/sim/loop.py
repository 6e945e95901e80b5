"""The event loop that owns its time: an hour costs what its events cost.

Theory of operation. Time is an integer of nanoseconds and stands still while a callback runs.
Callbacks that are ready wait in one queue, first in, first out; timers wait in a heap ordered
by (instant, order of creation), so equal deadlines fire in creation order and instants that
should be equal are. The loop works in *turns*, as asyncio's own does: a turn runs what was
ready when it began, then timers that are due join the queue. When the queue is empty the clock
jumps to the next timer. When there is no timer either, nothing can ever happen again: that is
a deadlock, and its report names every task that waits. A timer at infinity is never put into
the heap, so that a program asleep for ever is reported and not woken at the end of time.

The one exception to "time jumps" are real threads. While somebody holds ``external()``, a
thread may still call in, so an empty queue waits in host time instead. Such a run has no
second run like it: ``outsiders.calls`` counts what came in, and who records a session asks.

From asyncio.BaseEventLoop come the parts without effects (futures, ``run_until_complete``,
exception handlers, debug flag); its queue, its timers and its selector are never used.
What would reach out of the run is refused, see ``escapes``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextvars import Context
from itertools import count, repeat
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from replay_ws import clock
from replay_ws.errors import ProgramError
from replay_ws.sim.deadlock import deadlock_at
from replay_ws.sim.generators import OpenGenerators
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.jobs import Job
from replay_ws.sim.network.memory import InMemoryNetwork
from replay_ws.sim.outsiders import Outsiders
from replay_ws.sim.places import name_of
from replay_ws.sim.tasks import VirtualFuture, VirtualTask, in_creation_order, lane_name
from replay_ws.sim.timers import Timers
from replay_ws.sim.world.escapes import without_escapes

if TYPE_CHECKING:
    from replay_ws.sim.interruptions import Interruptions
    from replay_ws.sim.lanes import LaneQueue, Observer

Args = TypeVarTuple("Args")
Result = TypeVar("Result")

# Cyclic garbage is looked for at the end of these turns only, where the run's author asks for it:
# among what is new, and in all that a long run keeps whenever its turns have doubled.
_TURNS_PER_COLLECTION = 4096

# Python 3.11 has no eager tasks.
_EAGER_TASK_FACTORY = getattr(asyncio, "eager_task_factory", None)


@without_escapes
class VirtualLoop(InMemoryNetwork):
    """An asyncio event loop on virtual time.

    Use it as ``asyncio.Runner(loop_factory=VirtualLoop)``, or through ``runner.run_program``.
    Without ``lanes`` what is ready runs first in, first out; with them their policy says what
    goes next. ``turns_per_instant_max`` bounds how many turns the program may take in one instant
    while nothing that ``progress`` counts goes on; a program that exceeds it is stopped with an
    error. ``None`` means no bound.
    """

    # Kept by asyncio.BaseEventLoop, read or set here.
    _closed: bool
    _debug: bool
    _stopping: bool
    _thread_id: int | None
    _check_closed: Callable[[], None]
    _check_running: Callable[[], None]
    _check_thread: Callable[[], None]
    _set_coroutine_origin_tracking: Callable[[bool], None]

    def __init__(self, lanes: LaneQueue | None = None) -> None:
        super().__init__()
        self.lanes = lanes
        self.interruptions: Interruptions | None = None
        self.turns = 0
        self.finish_threads: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.collects_garbage = False
        self.turns_per_instant_max: int | None = None
        self.progress: Callable[[], int] = lambda: 0
        self._progress_seen = 0
        self._now_ns = 0
        self._queue: deque[Ready | Timer] | LaneQueue = deque() if lanes is None else lanes
        self._ends_turn = False
        self._timers = Timers()
        self._task_numbers = count()
        self._task_names = count(1)
        self.future_numbers = count()
        self._home_thread = threading.get_ident()
        self.outsiders = Outsiders()
        self._generators = OpenGenerators(self)
        self._accepts_default_jobs = True

    # Time

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_ns / clock.NS_PER_S

    def time_ns(self) -> int:
        """Virtual nanoseconds since the loop was made."""
        return self._now_ns

    async def sleep_ns(self, delay_ns: int) -> None:
        """Wait for ``delay_ns`` of virtual time; a delay of 0 or less lets others run once."""
        if delay_ns <= 0:
            await asyncio.sleep(0)
            return
        future = self.create_future()
        timer = self.call_at_ns(self._now_ns + delay_ns, _complete, future)
        try:
            await future
        finally:
            timer.cancel()

    # Scheduling

    def call_soon(
        self, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None
    ) -> Ready:
        if self._closed:  # most calls pass here, and a look is cheaper than a call
            self._check_closed()
        if self._debug:
            self._check_thread()
        handle = Ready(callback, args, self, context)
        self._queue.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None
    ) -> Ready:
        """As ``call_soon``, from any thread; a call from a foreign one is counted."""
        if threading.get_ident() == (self._thread_id or self._home_thread):
            return self.call_soon(callback, *args, context=context)
        self._check_closed()
        handle = Ready(callback, args, self, context)
        self.outsiders.call(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> Timer:
        # Rounded by itself and added as integers: three sleeps of 0.1 s end with one of 0.3 s.
        delay_ns = _rounded_ns(delay)
        when_ns = None if delay_ns is None else self._now_ns + delay_ns
        when = delay if when_ns is None else when_ns / clock.NS_PER_S
        return self._set_timer(when_ns, Timer(when, callback, args, self, context))

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> Timer:
        when_ns = _rounded_ns(when)
        if when_ns == self._now_ns and when > self.time():
            when_ns += 1  # or who waits for what the clock has not reached would spin
        return self._set_timer(when_ns, Timer(when, callback, args, self, context))

    def call_at_ns(
        self,
        when_ns: int,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> Timer:
        """As ``call_at``, at an exact nanosecond of the loop's clock."""
        when = when_ns / clock.NS_PER_S
        return self._set_timer(when_ns, Timer(when, callback, args, self, context))

    def _set_timer(self, when_ns: int | None, timer: Timer) -> Timer:
        self._check_closed()
        if when_ns is not None:
            if self.lanes is not None:
                when_ns = self.lanes.arm(timer, when_ns, self._now_ns)
            self._timers.set(when_ns, timer)
        return timer

    def _timer_handle_cancelled(self, handle: Timer) -> None:
        self._timers.is_being_cancelled(handle)

    # Running

    def run_forever(self) -> None:
        """Run until ``stop()``; a run in which nothing can happen any more is a DeadlockError."""
        self._check_closed()
        self._check_running()
        try:
            self._thread_id = threading.get_ident()
            self._set_coroutine_origin_tracking(self._debug)
            asyncio._set_running_loop(self)
            with self._generators.hooked():
                self._run()
        finally:
            asyncio._set_running_loop(None)
            self._set_coroutine_origin_tracking(False)
            self._thread_id = None
            self._stopping = False

    def _run(self) -> None:
        """Take turns until asked to stop. Every step of every program passes here."""
        timers, incoming = self._timers.heap, self.outsiders.incoming
        while True:
            self._reach_next_instant()
            for _turn in _up_to(self.turns_per_instant_max):
                queue = self._queue
                popleft = queue.popleft
                for _ in range(len(queue)):
                    handle = popleft()
                    if handle._cancelled:
                        continue
                    try:
                        handle._context.run(handle._callback, *handle._args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:
                        self._callback_failed(handle, error)
                    if self._ends_turn:
                        self._ends_turn = False
                        break
                if self._stopping:
                    return
                if incoming:
                    self._admit()
                self.turns += 1
                if not self.turns % _TURNS_PER_COLLECTION and self.collects_garbage:
                    nth = self.turns // _TURNS_PER_COLLECTION
                    gc.collect(1 if nth & (nth - 1) else 2)
                if timers and timers[0][0] <= self._now_ns:
                    self.release_due_timers()
                if not self._queue:
                    break
            else:
                self._refuse_to_stay()

    def interrupt(self, interruptions: Interruptions) -> None:
        """Let ``interruptions`` cancel tasks, or make them fail, from now on."""
        self.interruptions = interruptions
        self.observe(interruptions)

    def observe(self, observer: Observer) -> None:
        """Tell ``observer`` what the queue does from the next step on."""
        if self.lanes is None:
            self._separate_lanes()
        assert self.lanes is not None
        self.lanes.observers.append(observer)

    def _separate_lanes(self) -> None:
        from replay_ws.sim.lanes import LaneQueue
        from replay_ws.sim.schedule import Fifo

        self.lanes = LaneQueue(Fifo())
        main = None
        for task in self.pending_tasks():
            if isinstance(task, VirtualTask):
                task.lane = self.lanes.spawn(lane_name(task.get_coro()), parent=main)
                main = main or task.lane
        if self.is_running() and (current := asyncio.current_task(self)) is not None:
            self.lanes.current = getattr(current, "lane", None) or self.lanes.callbacks
        while self._queue:
            self.lanes.append(self._queue.popleft())
        self._queue = self.lanes
        self.end_turn()

    def end_turn(self) -> None:
        """The step that runs changed the queue otherwise than at its end: look at it anew."""
        self._ends_turn = True

    def _reach_next_instant(self) -> None:
        """Return when something is ready, or when the loop was asked to stop."""
        self.release_due_timers()
        while not self._queue and not self._stopping:
            if self.outsiders.incoming:
                self._admit()
            elif self.outsiders.hold(has_timers=self.has_timers):
                self.outsiders.wait(has_timers=self.has_timers)
            elif self._timers.heap:
                self.jump()
            else:
                self._report_deadlock()

    @property
    def has_timers(self) -> bool:
        """Whether anything is set to happen later."""
        return bool(self._timers.heap)

    def jump(self) -> None:
        """Reach the next timer, and make ready what is due then."""
        time_ns, _, timer = self._timers.heap[0]
        if self.lanes is not None:
            time_ns += self.lanes.stall(timer)
        if time_ns > clock.TIME_NS_MAX:  # not when it is set: a timeout may be as good as none
            raise ProgramError(
                f"virtual time ends at {clock.time_text(clock.TIME_NS_MAX)}, some 146 years",
                mend="wait for less, or for ever (float('inf'))",
            )
        self._now_ns = time_ns
        self.release_due_timers()

    def release_due_timers(self) -> None:
        """Make ready the timers that are due."""
        for timer in self._timers.due(self._now_ns):
            self._queue.append(timer)

    def _report_deadlock(self) -> None:
        raise deadlock_at(self._now_ns, self.pending_tasks())

    def _admit(self) -> None:
        """Take in what foreign threads called for."""
        incoming = self.outsiders.incoming
        while incoming:
            self._queue.append(incoming.popleft())

    def _refuse_to_stay(self) -> None:
        """Raises ProgramError, unless there was progress since the last time."""
        before, self._progress_seen = self._progress_seen, self.progress()
        if self._progress_seen != before:
            return
        raise ProgramError(
            f"the program took {self.turns_per_instant_max} turns, and time did not pass",
            where=f"at {clock.time_text(self._now_ns)}",
            mend="let the loop that spins wait for an event, or sleep longer than 0",
        )

    def _callback_failed(self, handle: Ready | Timer, error: BaseException) -> None:
        self.call_exception_handler(
            {
                "message": f"Exception in callback {name_of(handle._callback)}",
                "exception": error,
                "handle": handle,
            }
        )

    # Threads

    @contextlib.contextmanager
    def external(self) -> Iterator[None]:
        """While open, real threads may call in: the loop waits for them, its clock stands still.

        Any thread may open it, several at once.
        """
        self.outsiders.add(1)
        try:
            yield
        finally:
            self.outsiders.add(-1)

    def run_in_executor(  # type: ignore[override]  # typeshed has it as a coroutine
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run ``func(*args)`` on this thread, as a step of its own; no executor is used.

        The function sees the caller's context variables and, as in a thread, no running loop.
        One that blocks until the loop does something will block for ever.
        """
        self._check_closed()
        if executor is None and not self._accepts_default_jobs:
            raise RuntimeError("Executor shutdown has been called")
        future = self.create_future()
        lane = self.lanes.spawn(name_of(func)) if self.lanes is not None else None
        self.call_soon(Job(future, func, args, lane).run)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Accept no more work for the default executor; there are no threads to wait for."""
        self._accepts_default_jobs = False

    # Tasks

    def create_task(
        self,
        coro: Generator[Any, None, Result] | Coroutine[Any, Any, Result],
        *,
        name: object = None,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Task[Result]:
        """A task that runs ``coro``; unnamed ones are ``Task-1``, ``Task-2``, ... in every loop."""
        self._check_closed()
        lane = None if self.lanes is None else self.lanes.spawn(lane_name(coro, name))
        if name is None:
            name = f"Task-{next(self._task_names)}"
        factory = self.get_task_factory()
        if factory is not None and factory is not _EAGER_TASK_FACTORY:
            return super().create_task(coro, name=name, context=context, **options)
        if factory is not None:
            options.setdefault("eager_start", True)
        if self.interruptions is not None:
            coro = self.interruptions.wrap(coro)
        number = next(self._task_numbers)
        return VirtualTask(number, lane, coro, loop=self, name=name, context=context, **options)

    def create_future(self) -> asyncio.Future[Any]:
        """A future that hashes by when it was first hashed, not by its address."""
        return VirtualFuture(loop=self)

    def pending_tasks(self) -> list[asyncio.Task[Any]]:
        """The tasks that are not done, in creation order."""
        return in_creation_order(asyncio.all_tasks(self))

    @property
    def has_open_generators(self) -> bool:
        """Whether ``shutdown_asyncgens`` has anything to do."""
        return bool(self._generators)

    async def shutdown_asyncgens(self) -> None:
        """Close the asynchronous generators that are still open, the oldest first."""
        await self._generators.close()

    # End

    def close(self) -> None:
        """Forget what is still queued. The clock can still be read."""
        super().close()
        self._queue.clear()
        self.outsiders.incoming.clear()
        self._timers.heap.clear()


def _complete(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _up_to(turns_max: int | None) -> Iterator[None]:
    return repeat(None) if turns_max is None else repeat(None, turns_max)


def _rounded_ns(seconds: float) -> int | None:
    """``seconds`` in nanoseconds, at least 1 of a positive time; None if it never comes."""
    try:
        return clock.seconds(seconds) or int(seconds > 0)
    except OverflowError:
        return None if seconds > 0 else 0
