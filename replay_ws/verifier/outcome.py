"""How a program ended, in words that mean the same in every run and in every process."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from replay_ws.session import Session

_DEPTH_MAX = 20
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


def value_text(value: Any, depth: int = 0) -> str:
    """``repr(value)`` without addresses, and with the members of a set in the order of their texts.

    A set is the same set in whatever order it is printed.
    """
    if depth > _DEPTH_MAX:
        return "…"

    def listed(values: Iterable[Any]) -> str:
        return ", ".join(value_text(item, depth + 1) for item in values)

    kind = type(value)
    if kind is dict:
        pairs = (
            f"{value_text(k, depth + 1)}: {value_text(v, depth + 1)}" for k, v in value.items()
        )
        return f"{{{', '.join(pairs)}}}"
    if kind in (set, frozenset):
        members = sorted(value_text(item, depth + 1) for item in value)
        return f"{kind.__name__}({{{', '.join(members)}}})"
    if kind is list:
        return f"[{listed(value)}]"
    if kind is tuple:
        return f"({listed(value)})"
    if is_dataclass(kind) and "__repr__" in vars(kind) and not isinstance(value, type):
        parts = (
            f"{f.name}={value_text(getattr(value, f.name, None), depth + 1)}"
            for f in fields(value)
            if f.repr
        )
        return f"{kind.__qualname__}({', '.join(parts)})"
    try:
        return without_addresses(repr(value))
    except Exception as error:  # a program's own repr, and its own mistake
        return f"<{kind.__qualname__}, whose repr raised {type(error).__qualname__}>"


def error_text(error: BaseException) -> str:
    """``ValueError: its message``, as the session tells it: without addresses and folders."""
    session = getattr(error, "session", None)
    if not isinstance(session, Session):  # a frozen exception, or one from before the run
        return type(error).__qualname__
    return f"{session.end['error']}: {session.end['message']}"


def without_addresses(text: str) -> str:
    """``text`` with ``0x…`` in the place of every hexadecimal number."""
    return _ADDRESS.sub("0x…", text)
