"""What a program keeps from one run to the next: globals, class attributes, closed-over variables.

A run starts with whatever the one before left in them. Only values that can be told cheaply and
without running anybody's code are looked at: numbers, text, the sizes of containers, iterators of
itertools, the states of random generators.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from types import ModuleType
from typing import Any

_CONTAINERS = (list, dict, set, deque, defaultdict, OrderedDict)
_PLAIN = (int, float, bool, str, bytes, type(None))
_TEXT_SIZE_MAX = 40


def modules_of(files: Iterable[str]) -> list[ModuleType]:
    """The loaded modules whose code is in ``files``."""
    wanted = set(files)
    return [m for m in list(sys.modules.values()) if getattr(m, "__file__", None) in wanted]


def carried_state(modules: Iterable[ModuleType], program: Callable[..., Any]) -> dict[str, str]:
    """Name -> value, as text, of what would be carried over if a run began now."""
    state: dict[str, str] = {}
    for module in modules:
        state |= _told(vars(module))
        for owner in list(vars(module).values()):
            if isinstance(owner, type) and owner.__module__ == module.__name__:
                state |= {
                    f"{owner.__qualname__}.{name}": text
                    for name, text in _told(vars(owner)).items()
                }
    return state | _told(_closed_over(program))


def _closed_over(program: Callable[..., Any]) -> dict[str, Any]:
    cells = getattr(program, "__closure__", None) or ()
    names = getattr(getattr(program, "__code__", None), "co_freevars", ())
    variables = {}
    for name, cell in zip(names, cells, strict=False):
        try:
            variables[name] = cell.cell_contents
        except ValueError:  # not yet bound
            continue
    return variables


def _told(variables: Mapping[str, Any]) -> dict[str, str]:
    texts = {name: _text(value) for name, value in list(variables.items()) if name[:2] != "__"}
    return {name: text for name, text in texts.items() if text is not None}


def _text(value: Any) -> str | None:
    kind = type(value)
    if kind in _PLAIN:
        text = repr(value)
        return text if len(text) <= _TEXT_SIZE_MAX else f"{text[:_TEXT_SIZE_MAX]}… ({len(text)})"
    if kind in _CONTAINERS:
        return f"a {kind.__name__} of {len(value)}"
    if kind is itertools.count:
        return repr(value)
    if isinstance(value, random.Random) and kind is not random.SystemRandom:
        state = blake2b(repr(value.getstate()).encode(), digest_size=4).hexdigest()
        return f"a random generator in state {state}"
    return None
