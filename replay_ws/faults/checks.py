"""What a value may be: of a field, of a toxic's attribute, of an entry in a plan.

A check returns the value as it is kept, and raises ValueError with the rule that it breaks, put so
that it goes on behind "it must be".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from replay_ws.errors import known

Check = Callable[[Any], Any]


def number(low: float, high: float, unit: str) -> Check:
    """A float within ``low .. high``."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"a number ({unit})")
        if not low <= value <= high:  # also refuses NaN
            raise ValueError(f"within {low:g}..{high:g} ({unit})")
        return float(value)

    return check


def integer(low: int, high: int, unit: str) -> Check:
    """An int within ``low .. high``."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"a whole number ({unit})")
        if not low <= value <= high:
            raise ValueError(f"within {low}..{high} ({unit})")
        return int(value)

    return check


def optional(check: Check) -> Check:
    """None, or what ``check`` allows."""
    return lambda value: None if value is None else check(value)


def flag(value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def text(value: Any) -> str:
    """A string with something in it."""
    if not isinstance(value, str) or not value:
        raise ValueError("a string that is not empty")
    return value


def choice(*names: str) -> Check:
    """One of ``names``."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"one of: {known(names)}")
        return names[names.index(value)]  # an Enum's value as plain text

    return check


def several(*names: str) -> Check:
    """One or more of ``names``; one that stands there twice counts twice."""

    def check(value: Any) -> tuple[str, ...]:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list | tuple) or not given or any(n not in names for n in given):
            raise ValueError(f"one or more of: {known(names)}")
        return tuple(names[names.index(name)] for name in given)

    return check


DAY_MS = 86_400_000

rate = number(0, 1, "a probability")
milliseconds = number(0, DAY_MS, "milliseconds")
latency = number(0, 10_000, "milliseconds")
size = integer(1, 1 << 40, "bytes")
count = integer(1, 1 << 31, "how many")
seed = integer(-(1 << 127), 1 << 127, "a seed")


def close_code(value: Any) -> int:
    """A close code that may be sent. RFC 6455 7.4: 1005, 1006 and 1015 never are."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a close code, e.g. 1000 or 4401")
    if value in (1004, 1005, 1006, 1015) or not (1000 <= value <= 1014 or 3000 <= value <= 4999):
        raise ValueError("a close code that may be sent: 1000..1003, 1007..1014 or 3000..4999")
    return value
