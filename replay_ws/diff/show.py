"""How values appear in a diff: short, on one line, and the same on every Python."""

from __future__ import annotations

import json
from typing import Any

from replay_ws.events.encoding import encode
from replay_ws.text import clean, escaped

WIDTH = 60
"""Characters that one value may take."""

READ_SIZE_MAX = 64 * 1024
"""Payloads above so many bytes are shown by their size: nobody reads more of them."""


def cut(text: str) -> str:
    """``text`` within WIDTH characters."""
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def value(item: Any) -> str:
    """``item`` as a report shows it: text in single quotes, bytes in hex, data as JSON."""
    match item:
        case str():
            return f"'{cut(clean(item[: WIDTH + 1]))}'"
        case bytes():
            return _hex(item)
        case _:
            return cut(escaped(_json(item)))


def _hex(item: bytes) -> str:
    head = item[:16].hex()
    return f"0x{head}" if len(item) <= 16 else f"0x{head}… ({len(item)} bytes)"


def _json(item: Any) -> str:
    try:
        return json.dumps(item, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError):  # keys that JSON has not, parts without an order
        return f"({type(item).__name__})"


def _plain(item: Any) -> Any:
    """What JSON has no form for: sets in a fixed order, bytes in hex, the rest as its text."""
    if isinstance(item, (set, frozenset)):
        return sorted(item, key=encode)
    return _hex(item) if isinstance(item, bytes) else str(item)
