"""Who holds a function or class that means something else during a run.

A name in its home module is easily replaced, but ``from time import time`` has made a name of its
own. So every loaded module is looked through once, when it has been loaded, for names bound to a
real thing that has a *stand-in*. During a run those names, and no others, are bound to the
stand-in, a few dozen of them. Stand-ins last as long as the process and ask which run they are in:
one that a program kept somewhere else (a default argument, a class attribute) is the real thing
again when the run is over.

Only names of modules can be found. What a module keeps in a default argument, a class or a
container stays real. The standard library and test runners are left alone: they wait in host time.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import BuiltinMethodType, ModuleType
from typing import Any, NamedTuple

_RUNNERS = (
    "_pytest",
    "pytest",
    "pluggy",
    "hypothesis",
    "xdist",
    "execnet",
    "coverage",
    "_hypothesis",
)
_OTHER_CLOCKS = ("freezegun", "time_machine", "_time_machine")
_LEFT_ALONE = sys.stdlib_module_names.union(_RUNNERS, _OTHER_CLOCKS, ("replay_ws",)) - {"__main__"}


class StandIn(NamedTuple):
    real: Any
    stand_in: Any


class Alias(NamedTuple):
    """``namespace[name]`` is ``real`` outside of runs."""

    namespace: dict[str, Any]
    name: str
    real: Any
    stand_in: Any


class Aliases:
    """The names of all loaded modules that are bound to something with a stand-in.

    ``homes`` are the modules where the real things are at home.
    """

    def __init__(self, stand_ins: Iterable[StandIn], homes: Iterable[str] = ()) -> None:
        # A module that was loaded during a run may have taken the stand-in.
        self._left_alone = _LEFT_ALONE.difference(homes)
        self._pairs: dict[int, StandIn] = {}
        self._methods: dict[Any, Any] = {}
        for pair in stand_ins:
            if isinstance(getattr(pair.real, "__self__", None), type):
                self._methods[pair.real] = pair.stand_in
            else:
                self._pairs |= dict.fromkeys(map(id, pair), pair)
        self._modules: dict[str, tuple[ModuleType | None, list[Alias]]] = {}
        self._all: list[Alias] = []
        self._newest: tuple[int, str] | None = None

    def among(self, namespace: dict[str, Any]) -> list[Alias]:
        """Those of one module."""
        values = list(namespace.values())
        has_methods = self._methods and BuiltinMethodType in map(type, values)
        if not has_methods and self._pairs.keys().isdisjoint(map(id, values)):
            return []
        found = ((name, self._pair_of(value)) for name, value in list(namespace.items()))
        return [Alias(namespace, name, *pair) for name, pair in found if pair is not None]

    def _pair_of(self, value: Any) -> StandIn | None:
        pair = self._pairs.get(id(value))
        if pair is None and type(value) is BuiltinMethodType and value in self._methods:
            # ``datetime.now`` is another object each time, and they are all equal.
            return StandIn(value, self._methods[value])
        return pair

    def everywhere(self) -> list[Alias]:
        """Those of all modules that are loaded by now."""
        newest = len(sys.modules), next(reversed(sys.modules))
        if newest != self._newest:
            self._newest = newest
            self._modules = dict(self._look())
            self._all = [alias for _, aliases in self._modules.values() for alias in aliases]
        return self._all

    def _look(self) -> Iterator[tuple[str, tuple[ModuleType | None, list[Alias]]]]:
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in self._left_alone or type(module) is not ModuleType:
                continue
            known = self._modules.get(name)
            if known is None or known[0] is not module:
                is_loading = getattr(module.__spec__, "_initializing", False)
                known = None if is_loading else module, self.among(vars(module))
                if is_loading:  # it may get more names: look again
                    self._newest = None
            yield name, known


def show_stand_ins(aliases: Iterable[Alias]) -> None:
    """Bind the names to the stand-ins; a name that is bound to anything else stays so."""
    for namespace, name, real, stand_in in aliases:
        if namespace.get(name) is real:
            namespace[name] = stand_in


def show_reals(aliases: Iterable[Alias]) -> None:
    """Bind the names to the real things again."""
    for namespace, name, real, stand_in in aliases:
        if namespace.get(name) is stand_in:
            namespace[name] = real


def globals_of(program: Callable[..., object]) -> dict[str, Any]:
    """The names that the code of ``program`` sees."""
    while isinstance(program, partial):
        program = program.func
    program = inspect.unwrap(getattr(program, "__func__", program))
    for function in (program, type(program).__call__):
        names: dict[str, Any] | None = getattr(function, "__globals__", None)
        if names is not None:
            return names
    return {}
