"""Virtual time: integer nanoseconds since a fixed epoch.

Integers, because ties matter: ``0.1 + 0.1 + 0.1 != 0.3``, and two timers that should fire
together would not. Floats exist only where asyncio or a user's setting has them, and are
rounded once, on the way in.
"""

from __future__ import annotations

EPOCH_UNIX_NS = 1_767_225_600_000_000_000
"""Unix time at virtual time 0 (2026-01-01T00:00:00Z); every session header records it."""

TIME_NS_MAX = (1 << 62) - 1
"""Virtual time ends here, after 146 years, so that a time and a delay together fit 64 bits."""

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


def ms(value: float) -> int:
    """``value`` milliseconds as nanoseconds, rounded to the nearest."""
    return round(value * NS_PER_MS)


def seconds(value: float) -> int:
    """``value`` seconds as nanoseconds, rounded to the nearest."""
    return round(value * NS_PER_S)


def time_text(time_ns: int) -> str:
    """``time_ns`` for a reader: ``0``, ``1.5 ms``, ``2.25 s``; exact to the nanosecond."""
    for unit, size in (("s", NS_PER_S), ("ms", NS_PER_MS), ("us", 1_000)):
        if abs(time_ns) >= size:
            whole, rest = divmod(abs(time_ns), size)
            digits = str(rest).rjust(len(str(size)) - 1, "0").rstrip("0")
            sign = "-" if time_ns < 0 else ""
            return f"{sign}{whole}.{digits} {unit}" if digits else f"{sign}{whole} {unit}"
    return f"{time_ns} ns" if time_ns else "0"
