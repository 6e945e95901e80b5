"""Real threads that have to do with a virtual loop: those that a run started, and those of others.

The clock of a loop stands still while a real thread may yet call in. A thread that waits for a
condition of ``threading`` (also in a future's ``result``, a queue's ``get``, an event's ``wait``)
can do nothing until somebody else does; when all of them wait so, it is for the loop that they
wait, and time passes.
"""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Sequence
from contextvars import Context, ContextVar
from typing import Any, TypeVarTuple

from replay_ws.errors import ProgramError
from replay_ws.sim.handles import Ready
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.places import place_of_caller

Args = TypeVarTuple("Args")

_start_thread = _thread.start_new_thread
_CONDITION_WAIT = threading.Condition.wait.__code__


def waits_for_others(ident: int) -> bool:
    """Whether a thread waits for a condition, of which nobody has told it yet."""
    frame = sys._current_frames().get(ident)
    if frame is None or frame.f_code is not _CONDITION_WAIT:
        return False
    local = frame.f_locals
    return local.get("waiter") in local["self"]._waiters


class FreeThreads:
    """The real threads that one run started; its loop waits for them.

    ``carried`` are context variables that a new thread has from the run and not, as others, empty.
    When the run shuts down they have ``wait_s`` of host time to come to their end.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        *,
        carried: Sequence[ContextVar[Any]] = (),
        wait_s: float,
    ) -> None:
        self.started = 0
        """How many there were."""
        self._loop = loop
        self._carried = [(variable, variable.get()) for variable in carried]
        self._wait_s = wait_s
        self._lock = _thread.allocate_lock()
        self._alive = 0
        self._idents: list[int] = []  # of those that have begun
        self._all_gone: asyncio.Future[None] | None = None
        self._forsaken = False

    def is_here(self) -> bool:
        """Whether the thread that asks is one of them."""
        return _thread.get_ident() in self._idents

    def start(self, start: Callable[..., Any], function: Callable[..., Any], *args: Any) -> Any:
        """Have ``start`` start a real thread that runs ``function``, with further ``args``."""

        def run(*args: Any, **options: Any) -> None:
            self._begin()
            try:
                function(*args, **options)
            finally:
                self._end()

        with self._lock:
            self.started += 1
            self._alive += 1
        self._loop.outsiders.all_wait = self._all_wait
        self._loop.finish_threads = self._loop.finish_threads or self.gone
        self._loop.outsiders.add(1)
        try:
            return start(run, *args)
        except BaseException:
            self._leave()
            raise

    def _begin(self) -> None:
        self._idents.append(_thread.get_ident())
        for variable, value in self._carried:
            variable.set(value)

    def _end(self) -> None:
        self._idents.remove(_thread.get_ident())
        self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._alive -= 1
            if self._forsaken:
                return
            if not self._alive and self._all_gone is not None:
                self._loop.call_soon_threadsafe(_complete, self._all_gone)
            self._loop.outsiders.add(-1)

    def _all_wait(self) -> bool:
        with self._lock:
            everybody_counts = self._loop.outsiders.count == self._alive == len(self._idents)
        return everybody_counts and all(map(waits_for_others, self._idents))

    # End

    async def gone(self) -> None:
        """Return when all have ended; ProgramError names those that do not in time."""
        with self._lock:
            if not self._alive:
                return
            self._all_gone = self._loop.create_future()
        patience = _thread.allocate_lock()
        patience.acquire()
        _start_thread(self._lose_patience, (patience,))
        try:
            await self._all_gone
        finally:
            patience.release()

    def _lose_patience(self, patience: _thread.LockType) -> None:
        if not patience.acquire(True, self._wait_s):
            with contextlib.suppress(RuntimeError):  # the loop is closed: the program gave up first
                self._loop.call_soon_threadsafe(self._give_up)

    def _give_up(self) -> None:
        if self._all_gone is not None and not self._all_gone.done():
            error = self._endless()
            self.forsake()
            self._all_gone.set_exception(error)

    def forsake(self) -> None:
        """Wait for them no more."""
        with self._lock:
            if not self._forsaken:
                self._forsaken = True
                self._loop.outsiders.add(-self._alive)

    def _endless(self) -> ProgramError:
        lines = "".join(f"\n  {line}" for line in self.lines())
        return ProgramError(
            f"the program has ended, and its threads do not, after {self._wait_s:g} s:{lines}",
            where="end of the run",
            mend="end them and join them before the program ends",
        )

    def lines(self) -> list[str]:
        """Who is alive, and where it is."""
        frames = sys._current_frames()
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        return [
            f"{names.get(ident, 'a thread')} at {place_of_caller(frames.get(ident))}"
            for ident in self._idents
        ]


class PortalLoop(VirtualLoop):
    """A virtual loop that serves other threads, which call in whenever they like.

    It belongs to the thread that runs it. While those that called in go about their own business
    the clock stands still; when all of them wait, it passes. So what Starlette's ``TestClient`` or
    another portal of anyio does with it, as with any client that waits for its answers, comes out
    the same every time::

        TestClient(app, backend_options={"loop_factory": PortalLoop})

    Worker threads of anyio count among those that called in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._callers: set[int] = set()
        self.outsiders.add(1)
        self.outsiders.all_wait = self._callers_wait

    def call_soon_threadsafe(
        self, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None
    ) -> Ready:
        self._callers.add(_thread.get_ident())
        return super().call_soon_threadsafe(callback, *args, context=context)

    def _callers_wait(self) -> bool:
        # A worker thread of anyio knows the loop that it works for.
        workers = (
            thread.ident
            for thread in threading.enumerate()
            if getattr(thread, "loop", None) is self and thread.ident is not None
        )
        self._callers &= sys._current_frames().keys()
        others = self._callers.union(workers) - {_thread.get_ident()}
        return bool(others) and all(map(waits_for_others, others))


def _complete(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
