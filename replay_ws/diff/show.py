"""How values appear in a diff: short, on one line, and the same on every Python."""

from __future__ import annotations

from typing import Any

from replay_ws.events.plain import to_json
from replay_ws.text import clean, cut, escaped

WIDTH = 60
"""Characters that one value may take."""

READ_SIZE_MAX = 64 * 1024
"""Payloads above so many bytes are shown by their size: nobody reads more of them."""


def value(item: Any) -> str:
    """``item`` as a report shows it: text in single quotes, bytes in hex, data as JSON."""
    match item:
        case str():
            return f"'{cut(clean(item[: WIDTH + 1]), WIDTH)}'"
        case bytes():
            head = item[:16].hex()
            return f"0x{head}" if len(item) <= 16 else f"0x{head}… ({len(item)} bytes)"
        case _:
            return cut(escaped(to_json(item)), WIDTH)
