"""``watch``: from now on the accesses of an object are told to the run's race detector.

This much is loaded for every run; the detector itself only when a program watches something.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from replay_ws.errors import ConfigError, RaceError, unknown
from replay_ws.race import Race
from replay_ws.sim.loop import VirtualLoop

if TYPE_CHECKING:
    from replay_ws.sim.races.causality import Causality
    from replay_ws.sim.races.objects import Objects
    from replay_ws.sim.world.patches import Patch

Target = TypeVar("Target")
Report = Literal["error", "collect"]
_REPORTS = ("error", "collect")

EDGES: list[Callable[[Causality], Iterable[Patch]]] = []
"""Edges of happens-before beyond those of asyncio and threads; who knows some adds them."""


# --- the run's side ------------------------------------------------------------------------


class Watcher:
    """What one run watches, while it is open; when it is closed everything is put back.

    Nothing is changed anywhere until the program watches something.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.is_inside = False
        """Whether a plain function of the run goes on, beside its loop."""
        self._objects: Objects | None = None

    @property
    def races(self) -> tuple[Race, ...]:
        """What was found so far, also by what was watched with ``report="collect"``."""
        return self._objects.races.races if self._objects is not None else ()

    def accesses(self, target: object) -> int:
        """How many places of ``target`` were accessed since it is watched; 0 if it is not."""
        return self._objects.accesses(target) if self._objects is not None else 0

    def refuse_races(self) -> None:
        """Raise RaceError if there are races that must not be."""
        refused = self._objects.races.refused if self._objects is not None else ()
        if refused:
            raise RaceError(refused)

    def note_races(self, error: BaseException) -> None:
        """Say on a program's own exception which races there were: they may be its reason."""
        if self.races and not isinstance(error, RaceError):
            lines = "\n  ".join(str(race) for race in self.races)
            with contextlib.suppress(Exception):  # one that takes no notes
                error.add_note(f"and in what is watched:\n  {lines}")

    def watch(self, target: Any, name: str, *, is_strict: bool, report: Report) -> Any:
        """``target``, or what to use in its place."""
        if self._objects is None:
            from replay_ws.sim.races.objects import Objects

            self._objects = Objects(self.loop, EDGES)
        must_end = report == "error"
        return self._objects.watch(target, name, is_strict=is_strict, must_end=must_end)

    def __enter__(self) -> Self:
        _watchers.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _watchers.remove(self)
        if self._objects is not None:
            self._objects.close()


_watchers: list[Watcher] = []


def current() -> Watcher | None:
    """The watcher of the run that the caller is in; a managed thread has no running loop."""
    loop = asyncio._get_running_loop()
    for watcher in _watchers:
        runs = watcher.is_inside or watcher.loop.is_running()
        if watcher.loop is loop or (loop is None and runs):
            return watcher
    return None


# --- the user's side -----------------------------------------------------------------------


@overload
def watch(
    target: Target, *, name: str = "", strict: bool = False, report: Report = "error"
) -> Target: ...
@overload
def watch(
    *, name: str = "", strict: bool = False, report: Report = "error"
) -> Callable[[Target], Target]: ...
def watch(
    target: Any = None, *, name: str = "", strict: bool = False, report: Report = "error"
) -> Any:
    """Report accesses of ``target`` that nothing orders, from here to the end of the run.

    For an object, its attributes are watched, and the object is returned. For a dict, list, set,
    deque or defaultdict, use what is returned: a copy of it that tells. For a mock, its connections
    are watched. As a decorator of a class, with or without arguments, every object of the class is
    watched that a run makes.

    ``strict`` also reports what is unordered between tasks and may be right. The run ends with a
    RaceError if there was a race and nothing else failed; with ``report="collect"`` the races are
    only kept in its result. ``name`` is what reports call the object.

    Raises ConfigError outside of a run, and for what cannot be watched.
    """
    if report not in _REPORTS:
        raise unknown("report", report, _REPORTS)
    if target is None:
        return functools.partial(watch, name=name, strict=strict, report=report)
    if isinstance(target, type):
        return _watch_instances(target, name=name, strict=strict, report=report)
    watcher = current()
    if watcher is None:
        raise ConfigError(
            "watch() was called outside of a run",
            mend="call it in the program that replay_ws.run runs, or decorate the class with it",
        )
    return watcher.watch(target, name, is_strict=strict, report=report)


def _watch_instances(
    kind: type[Target], *, name: str, strict: bool, report: Report
) -> type[Target]:
    original = kind.__init__

    @functools.wraps(original)
    def init(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        watcher = current()
        if watcher is not None:
            watcher.watch(self, name, is_strict=strict, report=report)

    kind.__init__ = init  # type: ignore[method-assign]
    return kind
