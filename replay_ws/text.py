"""Text from a payload or a name, made safe for a terminal and for one line of a report."""

from __future__ import annotations

import json
import re

NAME_MAX = 60
"""Characters that a sentence shows of a name."""

# What json.dumps leaves alone and a terminal does not: C1 controls, direction marks, surrogates.
# A table, not str.isprintable(): what that says moves with the Unicode of the Python.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """``text`` on one line, with everything escaped that a terminal would act on."""
    return _as_json(text)[1:-1].replace('\\"', '"')


def quoted(name: str) -> str:
    """``name`` as a sentence shows it: short, in double quotes, and as safe as ``clean`` text."""
    return _as_json(cut(name, NAME_MAX))


def escaped(text: str) -> str:
    """Printed JSON, with what JSON lets stand and a terminal would act on escaped too."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def cut(text: str, width: int) -> str:
    """``text`` within ``width`` characters; a last ``…`` stands for what is left out."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _as_json(text: str) -> str:
    return escaped(json.dumps(text, ensure_ascii=False))
