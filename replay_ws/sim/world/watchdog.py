"""Names the step of a run that really blocks, while the run goes on.

Theory of operation. On virtual time nothing takes long, so a step that lasts for seconds is either
a long computation or a call that waits for somebody who cannot come: nobody else runs meanwhile. A
thread of its own wakes a few times per bound and compares what the loop shows of its progress
anyhow. It waits on a raw lock and counts its wakings instead of reading a clock, so it sees
nothing of the clocks and locks of the run. There is one for all runs of a process; it ends when
there was no run for a while, and before the process forks.

A call of C that keeps the interpreter's lock cannot be seen by any other thread.
"""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType

from replay_ws.sim.deadlock import label
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.places import is_machinery, place_among, place_of

BLOCKED_AFTER_S = 10.0
_LOOKS_PER_BOUND = 4
_IDLE_LOOKS_MAX = 2
_MOMENT_S = 0.000_1
_MOMENTS_MAX = 10_000

_start_thread = _thread.start_new_thread
_RUN = VirtualLoop._run.__code__
_WAIT = VirtualLoop._reach_next_instant.__code__

Report = Callable[[str], object]


@contextlib.contextmanager
def watched(
    loop: VirtualLoop,
    *,
    blocked_after_s: float = BLOCKED_AFTER_S,
    threads: Callable[[], list[str]] = list,
    report: Report | None = None,
) -> Iterator[None]:
    """While open, ``report`` is told of each step of ``loop`` that takes longer.

    By default stderr is. Also when virtual time stands still for so long because the loop waits
    for real threads; ``threads`` says which. The loop is the current thread's.
    """
    watch = _Watch(loop, blocked_after_s, threads, report or _tell)
    _watchdog.add(watch)
    try:
        yield
    finally:
        _watchdog.remove(watch)


class _Watch:
    """What was seen of one run."""

    def __init__(
        self,
        loop: VirtualLoop,
        blocked_after_s: float,
        threads: Callable[[], list[str]],
        report: Report,
    ) -> None:
        self.interval_s = blocked_after_s / _LOOKS_PER_BOUND
        self._loop = loop
        self._bound_s = blocked_after_s
        self._threads = threads
        self._report = report
        self._ident = _thread.get_ident()
        self._step, self._instant = _Standstill(), _Standstill()

    def look(self, since_s: float) -> None:
        """Look again, after ``since_s``."""
        loop = self._loop
        step = self._step.outlasts(self._bound_s, _progress(loop), since_s)
        instant = self._instant.outlasts(
            self._bound_s, (loop.time_ns(), loop.outsiders.count), since_s
        )
        if instant and loop.outsiders.count:
            self._report(self._standstill())
        elif step:
            frames = _frames_of_step(sys._current_frames().get(self._ident))
            if frames is not None:
                self._report(self._blocked(frames))

    def _standstill(self) -> str:
        what = f"virtual time has stood still for {self._bound_s:g} s, as real threads may call in"
        mend = "mend: end them before the program awaits what comes later, or manage the threads"
        return "\n  ".join((f"replay_ws: {what}", *self._threads(), mend))

    def _blocked(self, frames: list[FrameType]) -> str:
        task = asyncio.current_task(self._loop)
        who = "a callback" if task is None else label(task)
        place = place_among(reversed(frames))
        return "\n  ".join(
            (
                f"replay_ws: a step has blocked its run for {self._bound_s:g} s of real time",
                f"{who} at {place}" if place else who,
                *(f"  {place_of(frame)} in {frame.f_code.co_qualname}" for frame in frames),
                'mend: await there instead of blocking, or run it with threads="managed"',
            )
        )


class _Standstill:
    """For how long a value has been the same."""

    def __init__(self) -> None:
        self._seen: object = None
        self._lasts_s = 0.0

    def outlasts(self, bound_s: float, now: object, since_s: float) -> bool:
        """Whether ``bound_s`` are over just now."""
        before_s = self._lasts_s
        self._lasts_s = before_s + since_s if now == self._seen else 0.0
        self._seen = now
        return before_s < bound_s <= self._lasts_s


def _progress(loop: VirtualLoop) -> object:
    """Changes with every step, of which it costs nothing."""
    lanes, queue = loop.lanes, loop._queue
    if lanes is not None:
        return id(lanes.current), lanes.current.steps
    # The next handle of a turn is there until it runs, and all of one turn are there at once.
    with contextlib.suppress(IndexError):
        return loop.turns, id(queue[0])  # type: ignore[index]  # without lanes it is a deque
    return loop.turns, None


def _frames_of_step(frame: FrameType | None) -> list[FrameType] | None:
    """The frames of the step that runs, outermost first; None when there is none."""
    frames: list[FrameType] = []
    while frame is not None and frame.f_code is not _RUN:
        if frame.f_code is _WAIT:
            return None
        if not is_machinery(frame):
            frames.append(frame)
        frame = frame.f_back
    return None if frame is None else frames[::-1]


def _tell(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # it is closed
        print(text, file=sys.stderr, flush=True)


class _Watchdog:
    """The thread that looks at every run."""

    def __init__(self) -> None:
        self.is_running = False
        self._lock = _thread.allocate_lock()
        self._wake, self._ended = _taken_lock(), _taken_lock()
        self._watches: list[_Watch] = []
        self._interval_s = BLOCKED_AFTER_S
        self._must_end = False
        self._native_id = 0

    def add(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.append(watch)
            is_more_often = watch.interval_s < self._interval_s
            if self.is_running and not is_more_often:
                return
            self._interval_s = watch.interval_s
            if self.is_running:
                self._rouse()
            else:
                # There may be no threads: on some platforms, and while the interpreter exits.
                with contextlib.suppress(RuntimeError):
                    _start_thread(self._go, ())
                    self.is_running = True

    def remove(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.remove(watch)

    def _rouse(self) -> None:
        if self._wake.locked():
            self._wake.release()

    def _go(self) -> None:
        self._native_id = _thread.get_native_id()
        idle_looks = 0
        while idle_looks < _IDLE_LOOKS_MAX and not self._must_end:
            interval_s = self._interval_s
            if self._wake.acquire(True, interval_s):
                continue
            with self._lock:
                watches = list(self._watches)
                if watches:
                    self._interval_s = min(watch.interval_s for watch in watches)
                idle_looks = 0 if watches else idle_looks + 1
                if idle_looks == _IDLE_LOOKS_MAX:
                    self.is_running = False
            for watch in watches:
                watch.look(interval_s)
        if self._must_end:
            self._ended.release()

    def end(self) -> None:
        """End the thread. The next run starts another."""
        with self._lock:
            if not self.is_running:
                return
            self.is_running = False
            self._must_end = True
            self._rouse()
        self._ended.acquire()
        self._must_end = False
        # It has nothing more to do, and the system may still count it: Python asks Linux.
        task, moment = f"/proc/self/task/{self._native_id}", _taken_lock()
        for _ in range(_MOMENTS_MAX):
            if not os.access(task, os.F_OK):
                return
            moment.acquire(True, _MOMENT_S)


def _taken_lock() -> _thread.LockType:
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


_watchdog = _Watchdog()

# Python warns of a fork while there are threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_watchdog.end)
