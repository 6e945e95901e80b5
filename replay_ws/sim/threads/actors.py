"""Who can have the baton: managed threads, and the loop's own in the middle of a step."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import math
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from replay_ws import clock
from replay_ws.sim.deadlock import Waiter, label
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.lanes import Lane
from replay_ws.sim.threads.baton import Baton, shut_gate

_SWALLOWED_MAX = 100
"""How often a thread may catch ThreadEnd before it is left asleep for ever."""

_actors: dict[int, Actor] = {}

_real_start = threading.Thread.start
_real_join = threading.Thread.join


class ThreadEnd(BaseException):
    """Ends a managed thread at its sync point, because the run is over."""


def current_actor() -> Actor | None:
    """Who runs on this thread of the operating system; None when no managed run knows it."""
    return _actors.get(_thread.get_ident())


def sync_point() -> None:
    """Let the schedule choose who goes on; nothing outside of a run with managed threads."""
    actor = _actors.get(_thread.get_ident())
    if actor is not None:
        actor.sync()


def is_an_actors(handle: Ready | Timer) -> bool:
    """Whether ``handle`` gives the baton to somebody."""
    return isinstance(getattr(handle._callback, "__self__", None), Actor)


@contextlib.contextmanager
def known_as(actor: Actor) -> Iterator[None]:
    """While open, ``actor`` is who runs on this thread."""
    ident = _thread.get_ident()
    before = _actors.get(ident)
    _actors[ident] = actor
    try:
        yield
    finally:
        if before is None:
            del _actors[ident]
        else:
            _actors[ident] = before


class Actor(ABC):
    """Whoever can have the baton. ``lane`` is where its next step belongs."""

    def __init__(self, baton: Baton, lane: Lane) -> None:
        self.baton = baton
        self.lane = lane
        self._waits_for: object = None
        self._is_ready = False
        self._timer: Timer | None = None
        self._timed_out = False

    @property
    @abstractmethod
    def name(self) -> str:
        """What a report calls it."""

    @abstractmethod
    def sync(self) -> None:
        """Be ready again, and return when the schedule says so."""

    def sync_at_lock(self) -> None:
        """``sync``, and no Ctrl-C comes out of it, see ``interrupts``."""
        self.sync()

    @abstractmethod
    def step(self) -> None:
        """Run by the hub: it has the baton from here to its next sync point."""

    @abstractmethod
    def _wait(self, until_ns: int | None) -> None:
        """Return from the next step."""

    @abstractmethod
    def frame(self) -> FrameType | None:
        """Where it is."""

    def block(self, waits_for: object, until_ns: int | None = None) -> bool:
        """Return when somebody wakes this actor; False when ``until_ns`` has come instead.

        ``waits_for`` is a lock, which a report asks for its ``holder``, or says in words what else.
        """
        self._waits_for = waits_for
        self._timed_out = False
        self._wait(until_ns)
        self._waits_for = None
        return not self._timed_out

    def instant_ns(self, delay: float | None) -> int | None:
        """When ``delay`` seconds will have passed; None if that never comes."""
        if delay is None or delay == math.inf:
            return None
        # Who waits again for what is left of a timeout may be left a rounding error of a float.
        delay_ns = max(clock.seconds(delay), 1) if delay > 0 else 0
        return self.baton.loop.time_ns() + delay_ns

    def wake(self) -> None:
        """Make it ready, if it is not."""
        if current_actor() is None:  # a thread that nobody manages
            self.baton.loop.call_soon_threadsafe(self._wake)
        else:
            self._wake()

    def waiter(self) -> Waiter:
        """What a report says about it."""
        awaited = self._waits_for if isinstance(self._waits_for, str) else ""
        holder = getattr(self._waits_for, "holder", None)
        return Waiter(self.name, self.frame(), awaited, "" if holder is None else str(holder))

    def _wake(self) -> None:
        if self._is_ready:
            return
        self._is_ready = True
        self._disarm()
        self.baton.queue_step(self.step)

    def _arm(self, until_ns: int | None) -> None:
        if until_ns is not None:
            self._timer = self.baton.arm(until_ns, self._time_out)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.baton.timers -= 1

    def _time_out(self) -> None:
        self._timer = None
        self.baton.timers -= 1
        self._timed_out = True
        self.step()


class LoopActor(Actor):
    """The loop's own thread, in the middle of a step."""

    def __init__(self, baton: Baton) -> None:
        super().__init__(baton, baton.lanes.callbacks)
        self.holds_up_loop = False
        self._spare_lane: Lane | None = None
        self._may_return = False
        self._steps = 0
        self._steps_at_ns = 0

    @property
    def name(self) -> str:
        loop = self.baton.loop
        task = asyncio.current_task(loop) if loop.is_running() else None
        return threading.current_thread().name if task is None else label(task)

    def frame(self) -> FrameType | None:
        return sys._getframe()

    def sync(self) -> None:
        if self.baton.alive and self.baton.loop.is_running():
            with self._holding_up_loop():
                self._wake()
                self._let_threads_run()

    def sync_at_lock(self) -> None:
        self.baton.interrupts.are_kept = True
        try:
            self.sync()
        finally:
            self.baton.interrupts.are_kept = False

    def step(self) -> None:
        self._is_ready = False
        self._may_return = True

    def _wait(self, until_ns: int | None) -> None:
        if not self.baton.loop.is_running():
            self.baton.end_all()  # or else nobody would ever let go
            return
        with self._holding_up_loop():
            self._arm(until_ns)
            self._let_threads_run()

    @contextlib.contextmanager
    def _holding_up_loop(self) -> Iterator[None]:
        """To return is a step of the lane that stands still, if that has nothing else to run."""
        lanes = self.baton.lanes
        lane = self.lane = lanes.current
        if lane is lanes.callbacks or lane.handle is not None:
            self._spare_lane = self._spare_lane or lanes.spawn("MainThread")
            self.lane = self._spare_lane
        self._may_return = False
        self.holds_up_loop = True
        try:
            yield
        finally:
            self.holds_up_loop = False
            self._disarm()
            lanes.current = lane
            self.baton.loop.end_turn()

    def _let_threads_run(self) -> None:
        baton = self.baton
        with baton.interrupts, baton.lanes.only(is_an_actors) as is_any_ready:
            while not self._may_return:
                baton.interrupts.deliver()
                if is_any_ready():
                    handle = baton.lanes.popleft()
                    if not handle._cancelled:
                        handle._context.run(handle._callback, *handle._args)
                        self._count_step()
                elif baton.timers:
                    baton.pass_time(is_any_ready)
                else:
                    raise baton.deadlock()

    def _count_step(self) -> None:
        """The loop counts its turns in an instant; steps that hold it up count as turns here."""
        loop = self.baton.loop
        if loop.time_ns() != self._steps_at_ns:
            self._steps_at_ns, self._steps = loop.time_ns(), 0
        self._steps += 1
        if self._steps == loop.turns_per_instant_max:
            self._steps = 0
            loop._refuse_to_stay()


class ThreadActor(Actor):
    """A managed thread.

    ``hand_to(self)`` is called by the hub to give it the baton, ``enter`` in the thread before its
    own program.
    """

    def __init__(
        self,
        baton: Baton,
        lane: Lane,
        thread: threading.Thread,
        *,
        hand_to: Callable[[ThreadActor], None],
        enter: Callable[[], Any],
    ) -> None:
        super().__init__(baton, lane)
        self.thread = thread
        self.has_ended = False
        self.has_baton = False
        self.is_lost = False
        """It blocks for real, and the hub goes on without its baton."""
        self._hand_to = hand_to
        self._enter = enter
        self._gate = shut_gate()
        self._must_end = False
        self._swallowed = 0
        self._waiting_for_end: list[Actor] = []

    @property
    def name(self) -> str:
        return self.thread.name

    def frame(self) -> FrameType | None:
        return sys._current_frames().get(self.thread.ident or 0)

    def sync(self) -> None:
        if self.is_lost:
            raise ThreadEnd
        if not self._must_end:  # else it goes on, to clean up
            self._wake()
            self._give_baton()

    def step(self) -> None:
        self._is_ready = False
        if not (self._must_end or self.is_lost):  # else it was made ready by another one's end
            self._hand_to(self)

    def take_baton(self) -> None:
        """Let it go on. Called by the hub, which then waits."""
        self.has_baton = True
        self._gate.release()

    def _wait(self, until_ns: int | None) -> None:
        if self.is_lost:
            raise ThreadEnd
        if self._must_end:
            self._swallowed += 1
            if self._swallowed > _SWALLOWED_MAX:
                self._give_baton()  # and nobody hands it back
            raise ThreadEnd
        self._arm(until_ns)
        self._give_baton()

    def _give_baton(self) -> None:
        self.has_baton = False
        self.baton.gate.release()
        self._gate.acquire()
        if self._must_end:
            raise ThreadEnd

    # Its life

    def start(self) -> None:
        """Start the thread. It is at its gate when this returns, and not yet ready."""
        thread, arrival = self.thread, _Arrival()
        thread._started = arrival  # type: ignore[attr-defined]
        own_run = thread.__dict__.get("run")
        is_daemon = thread.daemon

        def run() -> None:
            del thread.run
            if own_run is not None:
                thread.run = own_run  # type: ignore[method-assign]
            with known_as(self):
                arrival.gate.release()
                self._live()

        thread.run = run  # type: ignore[method-assign]
        # The interpreter does not wait at its exit for one that is asleep at its gate.
        thread._daemonic = True  # type: ignore[attr-defined]
        try:
            _real_start(thread)
        finally:
            thread._daemonic = is_daemon  # type: ignore[attr-defined]

    def end(self) -> None:
        """Have it unwind from where it is; called by the hub."""
        self._must_end = True
        self._disarm()
        if not self.is_lost:
            self._hand_to(self)

    def join_really(self, timeout_s: float | None = None) -> None:
        """Wait for the end of the operating system's thread."""
        _real_join(self.thread, timeout_s)

    def wait_for_end(self, waiter: Actor, timeout: float | None) -> None:
        """Have ``waiter`` wait until this thread has ended."""
        if self.has_ended or (timeout is not None and timeout <= 0):
            return
        self._waiting_for_end.append(waiter)
        try:
            waiter.block(f"the end of {self.name}", waiter.instant_ns(timeout))
        finally:
            if not self.has_ended:
                self._waiting_for_end.remove(waiter)

    def wake_who_waits_for_end(self) -> None:
        """Called when it has ended."""
        for waiter in self._waiting_for_end:
            waiter.wake()

    def _live(self) -> None:
        self._gate.acquire()
        try:
            if not self._must_end:
                self._enter()
                self.thread.run()
        except ThreadEnd:
            pass
        except BaseException:
            if not (self._must_end or self.is_lost):  # else ThreadEnd became this on its way
                with contextlib.suppress(ThreadEnd):
                    self.thread._invoke_excepthook(self.thread)  # type: ignore[attr-defined]
        finally:
            self.has_ended = True
            self.has_baton = False
            if not self.is_lost:
                self.baton.gate.release()


class _Arrival:
    """Stands in for the event by which a new thread says that it has started.

    Whoever starts a thread goes on when that is at its gate, so that the threading module's tables
    have one order.
    """

    def __init__(self) -> None:
        self.gate = shut_gate()
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True

    def wait(self) -> None:
        self.gate.acquire()
