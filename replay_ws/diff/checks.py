"""What may stand where a rule says that a value differs from run to run.

    id:DOMAIN     a name: it may be another one in each run, but always the same for the same
                  thing; names of one domain answer each other one to one
    clock         a time, as number or as text, that goes forward where the other one does;
                  ``clock±50ms``: and as fast, within so much; ``clock abs=50``: in its own unit
    uuid, ulid    as text
    iso8601       a date and a time of day, as text
    epoch         a number of seconds, milli-, micro- or nanoseconds since 1970
    int           a whole number
    /regex/       a text that the whole expression fits
    abs=0.1       a number so near to the other one
    rel=1%        a number so near to the other one, as a share of the larger
    any           whatever it is; that something is there is compared all the same

A value that equals its partner's is always right, but for names and times, which have a story.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from replay_ws.errors import ConfigError, did_you_mean

NAMES = (
    "id:DOMAIN",
    "clock",
    "uuid",
    "ulid",
    "iso8601",
    "epoch",
    "int",
    "/regex/",
    "abs=0.1",
    "rel=1%",
    "any",
)
"""What the value of a rule can be."""

_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?"
)
_CLOCK = re.compile(
    r"clock(?:\s*(?:±|\+-|\+/-)\s*(?P<size>\d+(?:\.\d+)?)\s*(?P<unit>ns|us|µs|ms|s)"
    r"|\s+abs=(?P<abs>\d+(?:\.\d+)?))?"
)
_NEAR = re.compile(r"(?P<kind>abs|rel)=(?P<size>\d+(?:\.\d+)?(?:e-?\d+)?)(?P<percent>%?)")
_UNIT_NS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NS = (631_152_000 * 10**9, 4_102_444_800 * 10**9)  # 1990 to 2100


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One value of a rule: ``text`` as it was written.

    ``near`` says of two values that are not equal whether they may be partners. ``domain`` is that
    of names, else empty. ``within`` is how far two clocks may drift apart: None for any distance,
    in nanoseconds if ``in_ns``, else in the clock's own unit.
    """

    text: str
    near: Callable[[Any, Any], bool] = field(repr=False)
    domain: str = ""
    is_clock: bool = False
    within: float | None = None
    in_ns: bool = False


def check_of(text: object, *, where: str = "") -> Check:
    """The check that ``text`` spells; raises ConfigError, which names ``where``."""
    if isinstance(text, str):
        for make in (_single, _name, _clock, _near, _expression):
            if (check := make(text)) is not None:
                return check
    hint = did_you_mean(text, [*_SINGLE, "clock"]) if isinstance(text, str) else ""
    raise ConfigError(
        f"{text!r:.60} is nothing that a volatile value can be{hint}",
        where=where,
        mend=f"use one of: {', '.join(NAMES)}",
    )


# --- one value -----------------------------------------------------------------------------


def is_number(value: Any) -> bool:
    """Whether ``value`` is a number, and no truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether ``value`` is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_name(value: Any) -> bool:
    """Whether ``value`` can name something: a text, a whole number, a UUID."""
    return (isinstance(value, (str, UUID)) and value != "") or is_whole(value)


def is_uuid(value: Any) -> bool:
    """Whether ``value`` is a UUID."""
    return isinstance(value, UUID) or _fits(_UUID, value)


def is_iso8601(value: Any) -> bool:
    """Whether ``value`` is a date and a time of day."""
    return isinstance(value, datetime) or (_fits(_ISO, value) and clock_reading(value) is not None)


def is_epoch(value: Any) -> bool:
    """Whether ``value`` is a time since 1970, in seconds or a thousandth, a millionth, ..."""
    return is_number(value) and epoch_unit_ns(value) > 0


def epoch_unit_ns(value: float) -> int:
    """How many nanoseconds the unit of a time since 1970 has; 0 if it can be none."""
    first, last = _EPOCH_NS
    return next((unit for unit in _UNIT_NS.values() if first <= value * unit < last), 0)


def clock_reading(value: Any) -> int | float | None:
    """``value`` as a number that grows with time; None if it is no time. Text is nanoseconds."""
    if is_number(value):
        number: int | float = value
        return number
    if isinstance(value, str) and _ISO.fullmatch(value):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    since = (value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def _fits(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


_SINGLE: dict[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "uuid": is_uuid,
    "ulid": lambda value: _fits(_ULID, value),
    "iso8601": is_iso8601,
    "epoch": is_epoch,
    "int": is_whole,
}


# --- two values ----------------------------------------------------------------------------


def _both(fits: Callable[[Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda golden, run: fits(golden) and fits(run)


def _single(text: str) -> Check | None:
    fits = _SINGLE.get(text)
    return Check(text, _both(fits)) if fits else None


def _name(text: str) -> Check | None:
    head, _, domain = text.partition(":")
    return Check(text, _both(is_name), domain) if head == "id" and domain.strip() else None


def _clock(text: str) -> Check | None:
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    within = None
    if found["size"]:
        within = float(found["size"]) * _UNIT_NS[found["unit"]]
    elif found["abs"]:
        within = float(found["abs"])
    return Check(text, _are_clocks, "", True, within, bool(found["size"]))


def _are_clocks(golden: Any, run: Any) -> bool:
    if None in (clock_reading(golden), clock_reading(run)):
        return False
    return is_number(golden) is is_number(run)


def _near(text: str) -> Check | None:
    found = _NEAR.fullmatch(text)
    if found is None or (found["percent"] and found["kind"] == "abs"):
        return None
    size = float(found["size"]) / (100 if found["percent"] else 1)
    is_share = found["kind"] == "rel"

    def near(golden: Any, run: Any) -> bool:
        if not (is_number(golden) and is_number(run)):
            return False
        most = size * max(abs(golden), abs(run)) if is_share else size
        return bool(abs(golden - run) <= most)

    return Check(text, near)


def _expression(text: str) -> Check | None:
    if len(text) < 3 or text[0] != "/" or text[-1] != "/":
        return None
    try:
        pattern = re.compile(text[1:-1])
    except re.error as error:
        raise ConfigError(
            f"{text!r:.60} is no regular expression: {error}", mend="mend it, or say any"
        ) from error
    return Check(text, _both(lambda value: _fits(pattern, value)))
