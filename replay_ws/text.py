"""Text from a payload or a name, made safe for a terminal and for one line of a report."""

from __future__ import annotations

import json
import re

# What json.dumps leaves alone and a terminal does not: C1 controls, direction marks, surrogates.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """``text`` on one line, with everything escaped that a terminal would act on."""
    return escaped(json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"'))


def escaped(text: str) -> str:
    """Printed JSON, with what JSON lets stand and a terminal would act on escaped too."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
