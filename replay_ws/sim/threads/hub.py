"""The managed threads of one run: how they start, who waits for them, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

from replay_ws.errors import DeadlockError, ProgramError
from replay_ws.sim.deadlock import deadlock_at, waiter_line
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.places import place_of_caller
from replay_ws.sim.threads.actors import LoopActor, ThreadActor, known_as
from replay_ws.sim.threads.baton import Baton, on_one_processor

PATIENCE_S = 2.5
"""Host time in which a thread has to compute or to come to a sync point; it gets it twice."""

_GRACE_S = 600
"""Virtual time that threads have to end by themselves once the program has."""


class Hub(Baton):
    """The managed threads of one run.

    ``carried`` are context variables whose values a new thread has from the run; for all others it
    begins empty. ``enter`` is called in each thread before its own program.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        *,
        carried: Sequence[ContextVar[Any]] = (),
        enter: Callable[[], object],
    ) -> None:
        super().__init__(loop)
        self.threads: list[ThreadActor] = []
        """Those that have not ended, in the order in which they began."""
        self._loop_actor = LoopActor(self)
        self._by_thread: dict[threading.Thread, ThreadActor] = {}
        self._carried = [(variable, variable.get()) for variable in carried]
        self._enter_too = enter
        self._all_ended: asyncio.Future[None] | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """While open, this thread is the loop's, and may start others; they end with it."""
        with known_as(self._loop_actor), on_one_processor(), self.interrupts.noticed():
            try:
                yield
            finally:
                self.end_all()

    def start(self, thread: threading.Thread) -> None:
        """Start ``thread`` in a lane of its own; it is ready at once."""
        lane = self.lanes.spawn(_lane_name(thread))
        actor = ThreadActor(self, lane, thread, hand_to=self._hand_to, enter=self._enter)
        actor.start()
        self.threads.append(actor)
        self._by_thread[thread] = actor
        self.alive += 1
        actor.wake()

    def actor_of(self, thread: threading.Thread) -> ThreadActor | None:
        """The actor of a thread that was started in this run."""
        return self._by_thread.get(thread)

    def _enter(self) -> None:
        for variable, value in self._carried:
            variable.set(value)
        self._enter_too()

    # The baton

    def _hand_to(self, thread: ThreadActor) -> None:
        """Give the baton away and wait until it is back."""
        with self.interrupts:
            thread.take_baton()
            self._wait_for_baton(thread)
            if thread.has_ended:
                self._retire(thread)

    def _wait_for_baton(self, thread: ThreadActor) -> None:
        seen: object = None
        try:
            while not self.gate.acquire(True, PATIENCE_S):
                now = _progress(thread)
                if now == seen and thread.has_baton:  # else it came just after the wait
                    raise _stalled(thread)
                seen = now
        except BaseException:  # that it blocks, or a second Ctrl-C: nothing came of the first
            thread.is_lost = True
            raise

    def _retire(self, thread: ThreadActor) -> None:
        thread.join_really()  # so that the threading module forgets it at a fixed step
        self.threads.remove(thread)
        self.alive -= 1
        thread.wake_who_waits_for_end()
        if self._all_ended is not None and not self._unfinished():
            self._stop_waiting()

    # The end

    async def finish(self) -> None:
        """Let threads that are no daemons come to their end; then end all that are left.

        Raises ProgramError for those that would have gone on.
        """
        if self._unfinished():
            self._all_ended = self.loop.create_future()
            deadline = self.loop.call_later(_GRACE_S, self._stop_waiting)
            await self._all_ended
            deadline.cancel()
        lines = _lines(self._unfinished())
        self.end_all()
        if lines:
            raise ProgramError(
                f"the program has ended, and its threads go on:{lines}",
                where="end of the run",
                mend="end them and join them, or make them daemons",
            )

    def end_all(self) -> None:
        """End every thread at its sync point; ProgramError for those that go on all the same."""
        for thread in list(self.threads):
            thread.end()
        for thread in [thread for thread in self.threads if thread.is_lost]:
            thread.join_really(PATIENCE_S)  # it may have got what it blocked on
            if thread.has_ended:
                self.threads.remove(thread)
        stubborn, self.threads, self.alive = self.threads, [], 0
        if stubborn:
            raise ProgramError(
                f"threads go on after they were ended:{_lines(stubborn)}",
                where="end of the run",
                mend="let ThreadEnd pass; wait only for what the run knows",
            )

    def _unfinished(self) -> list[ThreadActor]:
        return [thread for thread in self.threads if not thread.thread.daemon]

    def _stop_waiting(self) -> None:
        if self._all_ended is not None and not self._all_ended.done():
            self._all_ended.set_result(None)

    def deadlock(self) -> DeadlockError:
        """The error that says who waits for what: tasks, threads, and the loop if it does."""
        return deadlock_at(
            self.loop.time_ns(),
            self.loop.pending_tasks(),
            threads=[thread.waiter() for thread in self.threads],
            loop_waits=self._loop_actor.waiter() if self._loop_actor.holds_up_loop else None,
        )


def _lines(threads: Sequence[ThreadActor]) -> str:
    return "".join(f"\n  {waiter_line(thread.waiter())}" for thread in threads)


def _lane_name(thread: threading.Thread) -> str:
    """The name somebody gave it; an unnamed thread is called as its function, not by number."""
    unnamed = re.fullmatch(r"Thread-\d+(?: \((.*)\))?", thread.name)
    return thread.name if unnamed is None else unnamed[1] or type(thread).__name__


def _progress(thread: ThreadActor) -> object:
    """What changes as long as ``thread`` computes."""
    frame = thread.frame()
    cpu_time_s = 0.0
    with contextlib.suppress(AttributeError, OSError):  # not on every platform
        cpu_time_s = time.clock_gettime(time.pthread_getcpuclockid(thread.thread.ident or 0))
    return id(frame), frame and frame.f_lasti, cpu_time_s


def _stalled(thread: ThreadActor) -> ProgramError:
    return ProgramError(
        f"thread {thread.name} blocks for real, and nobody else can run meanwhile",
        where=place_of_caller(thread.frame()),
        mend="let it wait for what the run knows. A lock that was made before the run, or not by "
        "threading, is in the hand of a thread that waits for its turn",
    )
