"""Names of other people's modules and classes that mean something else during a run.

A table of ``Patch`` values says what; ``patched`` sets them and puts back exactly what was
there. What was there is read from the owner's own ``__dict__``: an inherited attribute is not
copied down into a class, a static method stays one, and a name that did not exist is gone again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

_ABSENT: Any = object()


class Patch(NamedTuple):
    """``owner.name`` is ``value``; the owner is a module, a class, or has a ``__dict__``."""

    owner: Any
    name: str
    value: Any


class Patched:
    """Patches that are set while it is open."""

    def __init__(self, patches: Iterable[Patch]) -> None:
        self._patches = patches
        self._before: list[tuple[Any, str, Any, Any]] = []

    def __enter__(self) -> Self:
        try:
            for owner, name, value in self._patches:
                self._before.append((owner, name, owner.__dict__.get(name, _ABSENT), value))
                setattr(owner, name, value)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for owner, name, value, _patch in reversed(self._before):
            # A patch that could not be set cannot be set back either, and need not be.
            if owner.__dict__.get(name, _ABSENT) is value:
                continue
            if value is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
        self._before.clear()

    def renew(self) -> None:
        """Set again what was changed meanwhile."""
        for owner, name, _value, patch in self._before:
            if owner.__dict__.get(name, _ABSENT) is not patch:
                setattr(owner, name, patch)


def patched(patches: Iterable[Patch]) -> Patched:
    """Set every patch, in order; undo all of them at the end, whatever happened in between.

    Tables may overlap and nest, and the last one wins, as long as the first entered is the
    last left. What the block itself changed about a patched name is undone with it.
    """
    return Patched(patches)
