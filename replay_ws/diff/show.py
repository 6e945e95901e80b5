"""How values appear in a diff: short, on one line, and the same on every Python."""

from __future__ import annotations

import json
import re
from typing import Any

from replay_ws.events.encoding import encode

WIDTH = 60
"""Characters that one value may take."""

READ_SIZE_MAX = 64 * 1024
"""Payloads above so many bytes are shown by their size: nobody reads more of them."""

# What json.dumps leaves alone and a terminal does not: C1 controls, direction marks, surrogates.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """``text`` on one line, with everything escaped that a terminal would act on."""
    return _safe(json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"'))


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
            return cut(_safe(_json(item)))


def _safe(text: str) -> str:
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


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
