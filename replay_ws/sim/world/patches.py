"""Names of other people's modules and classes that mean something else during a run.

A table of ``Patch`` values says what; ``patched`` sets them and puts back exactly what was
there. What was there is read from the owner's own ``__dict__``: an inherited attribute is not
copied down into a class, a static method stays one, and a name that did not exist is gone again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

_ABSENT: Any = object()


class Patch(NamedTuple):
    """``owner.name`` is ``value``; the owner is a module, a class, or has a ``__dict__``."""

    owner: Any
    name: str
    value: Any


@contextmanager
def patched(patches: Iterable[Patch]) -> Iterator[None]:
    """Set every patch, in order; undo all of them at the end, whatever happened in between.

    Tables may overlap and nest, and the last one wins, as long as the first entered is the
    last left. What the block itself changed about a patched name is undone with it.
    """
    before: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, value in patches:
            before.append((owner, name, owner.__dict__.get(name, _ABSENT)))
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(before):
            # A patch that could not be set cannot be set back either, and need not be.
            if owner.__dict__.get(name, _ABSENT) is value:
                continue
            if value is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
