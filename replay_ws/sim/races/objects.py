"""Objects that tell what is read and written of them, as long as a run follows its lanes.

An object's class is changed in place, and changed back after the run: ``type(x)`` stays what it
was, and objects of the class that nobody watches are only looked up. What counts is data: a method
or a property is no data, what a property reads is. A container in an attribute is replaced by a
copy that tells when it is read and nobody but the object has it, so that no reference to the old
one is left behind. (So it is with a list that the object made itself.)

A class that knows better what its accesses are says so, see ``KnowsItsAccesses``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import MemberDescriptorType
from typing import Any, Protocol

from replay_ws.errors import ConfigError, known
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.races.anyio_edges import anyio_edges
from replay_ws.sim.races.causality import Causality, followed
from replay_ws.sim.races.containers import CONTAINERS, TOLD, Cells, told, untold
from replay_ws.sim.races.detector import READ, WRITE, Races, Variable
from replay_ws.sim.races.edges import asyncio_edges
from replay_ws.sim.races.thread_edges import thread_edges
from replay_ws.sim.world.patches import Patch, patched


class Watched:
    """One watched object: its places, made when they are first accessed."""

    __slots__ = ("_is_strict", "_must_end", "_races", "attributes", "label", "places", "target")

    def __init__(
        self, target: object, label: str, races: Races, *, is_strict: bool, must_end: bool
    ) -> None:
        self.target = target  # kept, so that nothing else gets its id
        self.label = label
        self._races = races
        self._is_strict = is_strict
        self._must_end = must_end
        self.places: dict[object, Variable] = {}
        self.attributes = _Attributes(self)

    def place(self, key: object, name: str, group: str | None = None) -> Variable:
        """The place ``key``, which is called the label and ``name``."""
        place = self.places.get(key)
        if place is None:
            group = f"{self.label}{name if group is None else group}"
            place = self.places[key] = Variable(
                f"{self.label}{name}", group, is_strict=self._is_strict, must_end=self._must_end
            )
        return place

    def note(self, key: object, kind: str, name: str, group: str | None = None) -> None:
        """The step that runs accesses the place ``key``."""
        self._races.note(self.place(key, name, group), kind)

    def part(self, label: str) -> Callable[[object, str, str, str], None]:
        """``note`` for the places of something that this object has."""

        def note(key: object, kind: str, name: str, group: str) -> None:
            self.note((label, key), kind, f"{label}{name}", f"{label}{group}")

        return note


class KnowsItsAccesses(Protocol):
    """A class that says itself which calls access what."""

    @classmethod
    def __watched__(cls, watched: Callable[[object], Watched | None]) -> Iterable[Patch]:
        """What to patch so that its objects tell ``watched(self)``; None if that is not watched."""
        ...


class Objects:
    """What one run watches, and its races. The loop runs already.

    ``edges`` are what to patch beside asyncio and threads so that order is heard of.
    """

    def __init__(
        self, loop: VirtualLoop, edges: Sequence[Callable[[Causality], Iterable[Patch]]] = ()
    ) -> None:
        self._changes = ExitStack()
        causality = self._changes.enter_context(followed(loop))
        for patches in (asyncio_edges, anyio_edges, thread_edges, *edges):
            self._changes.enter_context(patched(patches(causality)))
        self.races = Races(causality, loop)
        self._watched: dict[int, Watched] = {}
        self._classes: set[type] = set()
        self._counts: dict[str, int] = {}

    def watch(self, target: Any, name: str, *, is_strict: bool, must_end: bool) -> Any:
        """``target``, or what to use in its place."""
        if id(target) in self._watched:
            return target
        label = name or self._label(target)
        watched = Watched(target, label, self.races, is_strict=is_strict, must_end=must_end)
        if type(target) in CONTAINERS:
            return told(target, Cells(watched.note))
        if type(target) not in self._classes:
            self._change(type(target))
        self._watched[id(target)] = watched
        return target

    def accesses(self, target: object) -> int:
        """How many places of ``target`` were accessed since it is watched."""
        watched = self._watched.get(id(target))
        return 0 if watched is None else len(watched.places)

    def _label(self, target: object) -> str:
        kind = type(target).__name__
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        return kind if count == 1 else f"{kind}#{count}"

    def _change(self, kind: type) -> None:
        if issubclass(kind, tuple(CONTAINERS)):  # what it does to its items would not be seen
            raise _unwatchable(kind, f"it is a {kind.__mro__[1].__name__} with a class of its own")
        says_itself: Any = getattr(kind, "__watched__", None)
        if says_itself is not None:
            patches = says_itself(lambda target: self._watched.get(id(target)))
        else:
            patches = telling(kind, self._watched, self.races)
        try:
            self._changes.enter_context(patched(patches))
        except (TypeError, AttributeError) as error:
            raise _unwatchable(kind, str(error)) from error
        self._classes.add(kind)

    def close(self) -> None:
        """Put everything back."""
        for watched in self._watched.values():
            put_back(watched)
        self._changes.close()
        self._watched.clear()


def _unwatchable(kind: type, why: str) -> ConfigError:
    return ConfigError(
        f"an object of type {kind.__qualname__} cannot be watched: {why}",
        mend="watch an object of a class written in Python that holds it, or one of: "
        + known(container.__name__ for container in CONTAINERS),
    )


# --- attributes ------------------------------------------------------------------------------


def telling(kind: type, objects: dict[int, Watched], races: Races) -> Iterator[Patch]:
    """The class's own access to attributes, but for those in ``objects`` it tells."""
    methods: Any = kind
    get, set_, delete = methods.__getattribute__, methods.__setattr__, methods.__delattr__
    if getattr(get, "tells", None) is objects:  # a base class is changed already
        return
    note = races.note

    def getattribute(self: Any, name: str) -> Any:
        watched = objects.get(id(self))
        if watched is None or (place := watched.attributes[name]) is None:
            return get(self, name)
        note(place, READ)
        value = get(self, name)
        if type(value) in CONTAINERS and sys.getrefcount(value) == _ALONE:
            value = told(value, Cells(watched.part(f".{name}")))
            object.__setattr__(self, name, value)  # the class may refuse, or look closer
        return value

    def setattribute(self: Any, name: str, value: Any) -> None:
        set_(self, name, value)
        watched = objects.get(id(self))
        if watched is not None and (place := watched.attributes[name]) is not None:
            note(place, WRITE)

    def delattribute(self: Any, name: str) -> None:
        delete(self, name)
        watched = objects.get(id(self))
        if watched is not None and (place := watched.attributes[name]) is not None:
            note(place, WRITE)

    getattribute.tells = objects  # type: ignore[attr-defined]
    yield Patch(kind, "__getattribute__", getattribute)
    yield Patch(kind, "__setattr__", setattribute)
    yield Patch(kind, "__delattr__", delattribute)


class _Attributes(dict[str, Variable | None]):
    """The places of an object's attributes; None for what is no data."""

    __slots__ = ("_watched",)

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def __missing__(self, name: str) -> Variable | None:
        watched = self._watched
        is_data = _is_data(type(watched.target), name)
        self[name] = place = watched.place(name, f".{name}") if is_data else None
        return place


def _is_data(kind: type, name: str) -> bool:
    """Whether an attribute is a slot, or nothing that the class computes."""
    if name.startswith("__") and name.endswith("__"):
        return False
    for base in kind.__mro__:
        if name in base.__dict__:
            found = base.__dict__[name]
            return isinstance(found, MemberDescriptorType) or not hasattr(type(found), "__get__")
    return True


def _references_of_one_holder() -> int:
    """What ``getrefcount`` says in ``getattribute`` of what only the object holds."""
    held = [[]]  # type: ignore[var-annotated]

    def look() -> int:
        value = held[0]
        return sys.getrefcount(value)

    return look()


_ALONE = _references_of_one_holder()


def put_back(watched: Watched) -> None:
    """Give an object its plain containers back that nobody else has."""
    target = watched.target
    for name in [name for name, place in watched.attributes.items() if place is not None]:
        try:
            value = object.__getattribute__(target, name)
        except AttributeError:
            continue
        if type(value) in TOLD and sys.getrefcount(value) == _ALONE:
            object.__setattr__(target, name, untold(value))
