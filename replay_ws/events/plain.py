"""Payloads as JSON: one value, one text, whatever the process."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from replay_ws.events.encoding import encode

# int() of a longer text is refused, and so is the text of a longer int (CPython's guard).
_BITS_MAX = 10_000


def to_json(value: Any) -> str:
    """The JSON of ``plain(value)``, without blanks."""
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


def plain(value: Any) -> Any:
    """``value`` with everything replaced that JSON has no form for.

    Sets become lists in a fixed order (their own differs from process to process), bytes become
    hex, keys and what else there is become text.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if value.bit_length() <= _BITS_MAX else hex(value)
        case float():
            return value if isfinite(value) else str(value)
        case dict():
            return {_key(name): plain(item) for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case set() | frozenset():
            return [plain(item) for item in sorted(value, key=encode)]
        case bytes():
            return f"0x{value.hex()}"
        case _:
            return str(value)


def _key(name: Any) -> str:
    return name if isinstance(name, str) else json.dumps(plain(name), ensure_ascii=False)
