"""``watch``: from now on the accesses of an object are told to the run's race detector.

An object's class is changed in place, and changed back after the run: ``type(x)`` stays what it
was, and objects of the class that nobody watches are only looked up. What counts is data: a method
or a property is no data, what a property reads is. A dict, list, set or deque cannot be changed in
place; ``watch`` returns a copy of it that tells, of a subclass. In an attribute of a watched object
it is replaced by such a copy when it is read and nobody but the object has it, so that no
reference to the old one is left behind. (So it is with a list that the object made itself.)

A class that knows better what its accesses are says so in ``__watched__``, see ``Watched``.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import MemberDescriptorType
from typing import Any, Literal, Protocol, TypeVar, overload

from replay_ws.errors import ConfigError, RaceError, unknown
from replay_ws.sim.causality import followed
from replay_ws.sim.containers import CONTAINERS, TOLD, Cells, told, untold
from replay_ws.sim.edges import EDGES
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.patches import Patch, patched
from replay_ws.sim.races import READ, WRITE, Race, Races, Variable

Target = TypeVar("Target")
Report = Literal["error", "collect"]
_REPORTS = ("error", "collect")


class Watched:
    """One watched object: its places, made when they are first accessed."""

    __slots__ = ("_is_strict", "_must_end", "_races", "label", "places", "target")

    def __init__(
        self, target: object, label: str, races: Races, *, is_strict: bool, must_end: bool
    ) -> None:
        self.target = target  # kept, so that nothing else gets its id
        self.label = label
        self._races = races
        self._is_strict = is_strict
        self._must_end = must_end
        self.places: dict[object, Variable] = {}

    def note(self, key: object, kind: str, name: str, group: str | None = None) -> None:
        """The step that runs accesses the place ``key``, which is called the label and ``name``."""
        place = self.places.get(key)
        if place is None:
            group = f"{self.label}{name if group is None else group}"
            place = self.places[key] = Variable(
                f"{self.label}{name}", group, is_strict=self._is_strict, must_end=self._must_end
            )
        self._races.note(place, kind)

    def part(self, label: str) -> Callable[[object, str, str, str], None]:
        """``note`` for the places of something that this object has."""

        def note(key: object, kind: str, name: str, group: str) -> None:
            self.note((label, key), kind, f"{label}{name}", f"{label}{group}")

        return note


class KnowsItsAccesses(Protocol):
    """What a class has that says itself which calls access what."""

    @classmethod
    def __watched__(cls, watched: Callable[[object], Watched | None]) -> Iterable[Patch]:
        """What to patch so that its objects tell ``watched(self)``; None: it is not watched."""
        ...


# --- the run's side ------------------------------------------------------------------------


class Watcher:
    """What one run watches. Nothing is changed anywhere until it watches something."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self._changes = ExitStack()
        self._races: Races | None = None
        self._objects: dict[int, Watched] = {}
        self._classes: set[type] = set()
        self._counts: dict[str, int] = {}

    @property
    def races(self) -> tuple[Race, ...]:
        """What was found so far."""
        return self._races.races if self._races else ()

    def refuse_races(self) -> None:
        """Raise RaceError if there are races that must not be."""
        refused = self._races.refused if self._races else ()
        if refused:
            raise RaceError(refused)

    def watch(self, target: Any, name: str, *, is_strict: bool, report: Report) -> Any:
        """``target``, or what to use in its place."""
        known = self._objects.get(id(target))
        if known is not None:
            return target
        if self._races is None:
            causality = self._changes.enter_context(followed(self.loop))
            for edges in EDGES:
                self._changes.enter_context(patched(edges(causality)))
            self._races = Races(causality, self.loop)
        must_end = report == "error"
        label = name or self._label(target)
        watched = Watched(target, label, self._races, is_strict=is_strict, must_end=must_end)
        if type(target) in CONTAINERS:
            return told(target, Cells(watched.note))
        if type(target) not in self._classes:
            self._change(type(target))
        self._objects[id(target)] = watched
        return target

    def _label(self, target: object) -> str:
        kind = type(target).__name__
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        return kind if count == 1 else f"{kind}#{count}"

    def _change(self, kind: type) -> None:
        if hasattr(kind, "__watched__"):
            patches = kind.__watched__(lambda target: self._objects.get(id(target)))
        else:
            patches = _telling(kind, self._objects)
        try:
            self._changes.enter_context(patched(patches))
        except (TypeError, AttributeError) as error:
            raise ConfigError(
                f"an object of type {kind.__qualname__} cannot be watched: {error}",
                mend="watch an object of a class written in Python that holds it, "
                f"or one of: {', '.join(sorted(c.__name__ for c in CONTAINERS))}",
            ) from error
        self._classes.add(kind)

    def close(self) -> None:
        """Put everything back."""
        for watched in self._objects.values():
            _put_back(watched)
        self._changes.close()
        self._objects.clear()


_watchers: list[Watcher] = []


@contextmanager
def watching(loop: VirtualLoop) -> Iterator[Watcher]:
    """While open, ``watch`` watches for the run of ``loop``; afterwards everything is put back."""
    watcher = Watcher(loop)
    _watchers.append(watcher)
    try:
        yield watcher
    finally:
        _watchers.remove(watcher)
        watcher.close()


def _current() -> Watcher | None:
    """The watcher of the run that the caller is in; a managed thread has no running loop."""
    loop = asyncio._get_running_loop()
    for watcher in _watchers:
        if watcher.loop is loop or (loop is None and watcher.loop.is_running()):
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
    watcher = _current()
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
        watcher = _current()
        if watcher is not None:
            watcher.watch(self, name, is_strict=strict, report=report)

    kind.__init__ = init  # type: ignore[method-assign]
    return kind


# --- objects -------------------------------------------------------------------------------


def _telling(kind: type, objects: dict[int, Watched]) -> Iterator[Patch]:
    """The class's own access to attributes, but for those in ``objects`` it tells."""
    methods: Any = kind
    get, set_, delete = methods.__getattribute__, methods.__setattr__, methods.__delattr__
    if getattr(get, "tells", None) is objects:  # a base class is changed already
        return
    is_data = _Data()

    def getattribute(self: Any, name: str) -> Any:
        watched = objects.get(id(self))
        if watched is None or not is_data[type(self), name]:
            return get(self, name)
        watched.note(name, READ, f".{name}")
        value = get(self, name)
        if type(value) in CONTAINERS and sys.getrefcount(value) == _ALONE:
            value = told(value, Cells(watched.part(f".{name}")))
            object.__setattr__(self, name, value)  # the class may refuse, or look closer
        return value

    def setattribute(self: Any, name: str, value: Any) -> None:
        set_(self, name, value)
        watched = objects.get(id(self))
        if watched is not None and is_data[type(self), name]:
            watched.note(name, WRITE, f".{name}")

    def delattribute(self: Any, name: str) -> None:
        delete(self, name)
        watched = objects.get(id(self))
        if watched is not None and is_data[type(self), name]:
            watched.note(name, WRITE, f".{name}")

    getattribute.tells = objects  # type: ignore[attr-defined]
    yield Patch(kind, "__getattribute__", getattribute)
    yield Patch(kind, "__setattr__", setattribute)
    yield Patch(kind, "__delattr__", delattribute)


class _Data(dict[tuple[type, str], bool]):
    """Whether an attribute of an object is data: a slot, or nothing that the class computes."""

    def __missing__(self, key: tuple[type, str]) -> bool:
        kind, name = key
        found = [base.__dict__[name] for base in kind.__mro__ if name in base.__dict__]
        is_dunder = name.startswith("__") and name.endswith("__")
        self[key] = is_data = not is_dunder and (
            not found
            or isinstance(found[0], MemberDescriptorType)
            or not hasattr(type(found[0]), "__get__")
        )
        return is_data


def _references_of_one_holder() -> int:
    """What ``getrefcount`` says in ``getattribute`` of what only the object holds."""
    held = [[]]  # type: ignore[var-annotated]

    def look() -> int:
        value = held[0]
        return sys.getrefcount(value)

    return look()


_ALONE = _references_of_one_holder()


def _put_back(watched: Watched) -> None:
    """Give an object its plain containers back that nobody else has."""
    target = watched.target
    for name in [place for place in watched.places if isinstance(place, str)]:
        try:
            value = object.__getattribute__(target, name)
        except AttributeError:
            continue
        if type(value) in TOLD and sys.getrefcount(value) == _ALONE:
            object.__setattr__(target, name, untold(value))
