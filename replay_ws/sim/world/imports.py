"""A module that is imported for the first time during a run is no part of the run's story.

Only the first run of a process imports it. If its body drew entropy or kept a function of the
clock, that run would differ from all later ones. So its body meets the world as it is outside of
runs, and is then treated like a module that had been there before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.abc import Loader
from importlib.machinery import (
    ExtensionFileLoader,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from types import ModuleType
from typing import Any, Protocol

_OF_ONE_SPEC = (SourceFileLoader, SourcelessFileLoader, ExtensionFileLoader)


class Edge(Protocol):
    """A part of the run's world that can be taken down for a while."""

    def withdraw(self) -> None:
        """Show the world as it is outside of the run."""
        ...

    def install(self) -> None:
        """Show the world of the run again."""
        ...


@contextmanager
def imports_outside(edges: Sequence[Edge]) -> Iterator[None]:
    """While open, ``edges`` are withdrawn as long as the body of a new module runs."""
    finder = _Finder(edges)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)


class _Finder:
    """Finds what the others find, and stands around the loading of it."""

    def __init__(self, edges: Sequence[Edge]) -> None:
        self._edges = edges
        self._depth = 0

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        others: list[Any] = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        # A loader that several modules share is left alone.
        if spec is not None and type(spec.loader) in _OF_ONE_SPEC:
            self._stand_around(spec.loader)
        return spec

    def _stand_around(self, loader: Loader) -> None:
        loaders_own = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # the class has it again
            with self._outside():
                loaders_own(module)

        loader.exec_module = exec_module  # type: ignore[method-assign]

    @contextmanager
    def _outside(self) -> Iterator[None]:
        with ExitStack() as back:
            if not self._depth:
                for edge in self._edges:
                    edge.withdraw()
                    back.callback(edge.install)
            self._depth += 1
            back.callback(self._leave)
            yield

    def _leave(self) -> None:
        self._depth -= 1
