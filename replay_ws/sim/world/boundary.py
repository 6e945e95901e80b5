"""The edge of a run: a program that reaches beyond it is told so, at the line where it does.

Theory of operation. While a run lasts, every function that ``escapes`` lists has a guard in its
place. A guard asks whose thread it is called in. A thread of the run is refused, or warned and let
through; any other thread of the process, such as one of a test runner, gets the real function. The
guards are names of modules and classes that are put back after the run. They are no audit hook:
that would see the calls of C too, but never leave the process again.

A process has one set of modules, so runs take turns: a run in another thread waits for this one.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Literal

from replay_ws.errors import ConfigError, EscapeWarning
from replay_ws.sim.deadlock import await_chain
from replay_ws.sim.jobs import Job
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.places import is_library, place_among, place_of_caller
from replay_ws.sim.world.escapes import BLOCKING_CALLS, CALLS, THREAD_STARTS, Calls, Escape
from replay_ws.sim.world.foreign import FreeThreads
from replay_ws.sim.world.patches import Patch, Patched, patched

__tracebackhide__ = True  # pytest shows the line that reached out, not the guard

THREAD_WAIT_S = 10.0
_FOLDERS = re.compile(r"(?<= at ).*[/\\]")

_turn = _thread.RLock()
_JOB = Job.run.__code__


class _Here(threading.local):
    """What the current thread belongs to."""

    boundary: Boundary | None = None


_here = _Here()


class Boundary:
    """The edge of one run, which knows what crossed it."""

    def __init__(
        self,
        loop: VirtualLoop,
        escapes: Literal["error", "warn"],
        threads: Literal["refuse", "managed", "free"],
        carried: Sequence[ContextVar[Any]],
        thread_wait_s: float,
    ) -> None:
        self.threads = threads
        self.is_open = True
        self.home = _thread.get_ident()
        self.free_threads = FreeThreads(loop, carried=carried, wait_s=thread_wait_s)
        self._warns = escapes == "warn"
        self._escaped: dict[str, None] = {}

    @property
    def escaped(self) -> list[str]:
        """What left the run, each call and line once: ``os.system() at app.py:12``."""
        return list(self._escaped)

    def crossings(self) -> list[str]:
        """Why the run may have no second one like it; without folders, which differ by machine."""
        threads = ["real threads ran"] if self.free_threads.started else []
        return [*(_FOLDERS.sub("", escape) for escape in self._escaped), *threads]

    def enter_thread(self) -> None:
        """From now on the current thread is one of the run."""
        _here.boundary = self

    def entered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, for a thread of the run to begin with."""

        def run(*args: Any, **options: Any) -> None:
            self.enter_thread()
            function(*args, **options)

        return run

    def meet(self, call: str, escape: Escape) -> None:
        """``call`` is about to leave the run: an EscapeError, or a warning and a note of it."""
        where = _place_of_call()
        error = escape.error(call, where)
        if not self._warns:
            raise error
        self._escaped[f"{call}() at {where}"] = None
        path, _, line = where.rpartition(":")
        warnings.warn_explicit(
            f"{error.what}; the session cannot be replayed", EscapeWarning, path, int(line or 0)
        )

    @contextlib.contextmanager
    def lifted(self) -> Iterator[None]:
        """While open, the current thread passes."""
        _here.boundary = None
        try:
            yield
        finally:
            _here.boundary = self


@contextlib.contextmanager
def guards() -> Iterator[Patched]:
    """While open, the guards are in place, and runs in other threads wait."""
    outer = _here.boundary
    if outer is not None and outer.home != _thread.get_ident():
        raise ConfigError(
            "a run cannot start in a thread of another run",
            mend="start it in the thread that the other one was started in, or after it",
        )
    with _turn, patched(_GUARDS) as names:
        yield names


@contextlib.contextmanager
def guarded(
    loop: VirtualLoop,
    *,
    escapes: Literal["error", "warn"] = "error",
    threads: Literal["refuse", "managed", "free"] = "refuse",
    carried: Sequence[ContextVar[Any]] = (),
    thread_wait_s: float = THREAD_WAIT_S,
) -> Iterator[Boundary]:
    """While open, the current thread and those that it starts do not leave the run unnoticed.

    It needs the ``guards``. With ``escapes="warn"`` what they reach for is done, after an
    EscapeWarning. ``threads`` says what becomes of real threads: refused; left to whoever manages
    them; or free, so that the loop waits for them, in the end for ``thread_wait_s``. ``carried``
    are context variables that free threads have from the run.
    """
    outer = _here.boundary
    boundary = _here.boundary = Boundary(loop, escapes, threads, carried, thread_wait_s)
    try:
        yield boundary
    finally:
        boundary.is_open = False
        boundary.free_threads.forsake()
        _here.boundary = outer


def _place_of_call() -> str:
    """The user's line that made the current call.

    A function of C that an executor runs has no such line in its stack; the one that waits for its
    result is meant.
    """
    first = frame = sys._getframe(3)
    while frame.f_code is not _JOB:
        if not is_library(frame) or frame.f_back is None:
            return place_of_caller(first)
        frame = frame.f_back
    for callback, _ in frame.f_locals["self"].future._callbacks or ():
        task = getattr(callback, "__self__", None)
        if task is not None and (place := place_among(reversed(await_chain(task)))):
            return place
    return place_of_caller(first)


# --- the guards --------------------------------------------------------------------------------


def _guard(real: Any, shown: str, calls: Calls) -> Callable[..., Any]:
    @functools.wraps(real)
    def guard(*args: Any, **options: Any) -> Any:
        boundary = _here.boundary
        if boundary is None or not boundary.is_open or calls.spares(*args, **options):
            return real(*args, **options)
        boundary.meet(shown, calls.escape)
        with boundary.lifted():
            return real(*args, **options)

    return guard


def _blocking_guard(real: Any, shown: str, calls: Calls) -> Callable[..., Any]:
    guard = _guard(real, shown, calls)

    @functools.wraps(real)
    def blocking_guard(*args: Any, **options: Any) -> Any:
        boundary = _here.boundary
        is_free = boundary is not None and boundary.free_threads.is_here()
        return (real if is_free else guard)(*args, **options)

    return blocking_guard


def _thread_guard(real: Any, shown: str, calls: Calls) -> Callable[..., Any]:
    may_be_managed = shown.startswith("threading")  # a thread of _thread knows no manager

    @functools.wraps(real)
    def start(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        boundary = _here.boundary
        if boundary is None or not boundary.is_open:
            return real(function, *args, **options)
        if boundary.threads == "managed" and may_be_managed:
            return real(boundary.entered(function), *args, **options)
        if boundary.threads != "free":
            boundary.meet(shown, calls.escape)
        function = boundary.entered(function)
        return boundary.free_threads.start(functools.partial(real, **options), function, *args)

    return start


_GUARDS = tuple(
    Patch(calls.owner, name, guard_of(real, shown, calls))
    for table, guard_of in (
        (CALLS, _guard),
        (BLOCKING_CALLS, _blocking_guard),
        (THREAD_STARTS, _thread_guard),
    )
    for calls in table
    for name, shown, real in calls.functions()
)
