"""Text from a payload or a name, made safe for a terminal and for one line of a report."""

from __future__ import annotations

import json
import re

NAME_MAX = 60
"""Characters that a sentence shows of a name."""

# What json.dumps leaves alone and a terminal does not: C1 controls, direction marks, surrogates.
# A table, not str.isprintable(): what that says moves with the Unicode of the Python.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# East Asian characters and pictures, which take two columns; a table for the same reason.
_WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\uac00-\ud7a3\uf900-\ufaff"
    "\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\U0001f300-\U0001faff\U00020000-\U0003fffd]"
)


def clean(text: str) -> str:
    """``text`` on one line, with everything escaped that a terminal would act on."""
    return _as_json(text)[1:-1].replace('\\"', '"')


def quoted(name: str) -> str:
    """``name`` as a sentence shows it: short, in double quotes, and as safe as ``clean`` text."""
    return _as_json(cut(name, NAME_MAX))


def toml(text: str) -> str:
    """A string as TOML has it, in ASCII, which every pipe can carry."""
    return "".join(
        c if c < "\x7f" else f"\\U{ord(c):08X}" for c in json.dumps(text, ensure_ascii=False)
    )


def escaped(text: str) -> str:
    """Printed JSON, with what JSON lets stand and a terminal would act on escaped too."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def cut(text: str, width: int) -> str:
    """``text`` within ``width`` columns; a last ``…`` stands for what is left out."""
    if columns(text) <= width:
        return text
    kept = text[: max(0, width - 1)]
    while kept and columns(kept) >= width:
        kept = kept[:-1]
    return kept + "…"


def padded(text: str, width: int) -> str:
    """``text`` with the spaces that it takes to fill ``width`` columns."""
    return text + " " * (width - columns(text))


def _as_json(text: str) -> str:
    return escaped(json.dumps(text, ensure_ascii=False))
