"""Whether ours answered as the old class did, or where it did not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields, is_dataclass
from typing import Any
from unittest.mock import NonCallableMock

from replay_ws.legacy.migration.sandbox import FRESH, Instant

TIMES = re.compile(r"time|stamp|latency|elapsed|duration|(^|_)(at|age)$")
"""Keys and attributes that hold a time: our clock is another one, so only the kind must agree."""

SHOWN_MAX = 60


@dataclass(frozen=True, slots=True)
class Awaited:
    """An answer that had to be awaited."""

    value: Any


class Peer:
    """A socket that a trial hands in; what the two sides do with theirs must agree."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.got: list[tuple[str, Any]] = []

    def __deepcopy__(self, _: object) -> Peer:
        return Peer(self.name)

    async def send_json(self, data: Any) -> None:
        self.got.append(("send_json", data))

    async def send_text(self, data: Any) -> None:
        self.got.append(("send_text", data))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.got.append(("close", code))

    def __repr__(self) -> str:
        return self.name


def disagreement(old: Any, new: Any, name: str = "") -> str:
    """Empty, or in words what ``old`` has that ``new`` has not. ``name`` says what they are."""
    if isinstance(old, Awaited) or isinstance(new, Awaited):
        if isinstance(old, Awaited) and isinstance(new, Awaited):
            return disagreement(old.value, new.value, name)
        return "at once instead of by await" if isinstance(old, Awaited) else "by await"
    if isinstance(old, Instant) or (TIMES.search(name) and _is_number(old)):
        return "" if _is_number(new) else _told(old, new)
    match old:
        case NonCallableMock():
            return "" if bool(new) or new is None else _told(old, new)
        case str() if FRESH[:8] in old:
            return "" if isinstance(new, str) else _told(old, new)
        case bool() | None | str() | int() | float() | bytes():
            same = old == new and isinstance(new, bool) is isinstance(old, bool)
            return "" if same else _told(old, new)
        case Mapping():
            return _of_dicts(old, new, name)
        case tuple():
            return _of_rows(old, new, name) if isinstance(new, tuple) else _told(old, new)
        case Set():
            return "" if isinstance(new, Set) and old == new else _told(old, new)
        case Sequence():
            is_list = isinstance(new, Sequence) and not isinstance(new, str | bytes | tuple)
            return _of_rows(old, new, name) if is_list else _told(old, new)
        case Peer():
            same = isinstance(new, Peer) and (old.name, old.got) == (new.name, new.got)
            return "" if same else _told(old, new)
    if is_dataclass(old):
        return _of_objects(old, new)
    return "" if old == new else _told(old, new)


def _of_dicts(old: Mapping[Any, Any], new: Any, name: str) -> str:
    if not isinstance(new, Mapping):
        return _told(old, new)
    if missing := [key for key in old if key not in new]:
        return f"{_named(name)} has no {missing[0]!r}"
    if name != "[]" and len(new) > len(old):  # a record may tell more
        return f"{_named(name)} has {next(key for key in new if key not in old)!r} too"
    return _first(disagreement(old[key], new[key], str(key)) for key in old)


def _of_rows(old: Sequence[Any], new: Sequence[Any], name: str) -> str:
    if len(old) != len(new):
        return f"{_named(name)}: {len(new)} instead of {len(old)}"
    inner = name if TIMES.search(name) else "[]"
    return _first(disagreement(*pair, inner) for pair in zip(old, new, strict=True))


def _of_objects(old: Any, new: Any) -> str:
    for item in fields(old):
        if not hasattr(new, item.name):
            return f"{type(new).__name__} has no `{item.name}`: it keeps {type(old).__name__}"
    return _first(
        disagreement(getattr(old, item.name), getattr(new, item.name), item.name)
        for item in fields(old)
    )


def _first(told: Any) -> str:
    return next(filter(None, told), "")


def _named(name: str) -> str:
    return "a record" if name in ("", "[]") else name


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _told(old: Any, new: Any) -> str:
    return f"{_shown(new)} instead of {_shown(old)}"


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, NonCallableMock) else "a mock"
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"
