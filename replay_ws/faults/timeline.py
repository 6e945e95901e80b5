"""The timeline of a fault plan: which toxic works when, or from which message or handshake on.

A fault is one entry of it. It begins at a time (``at``), again and again (``every``), or where
something happens (``on``: a message of a type, the nth of them, one that holds certain values; a
handshake, by the number of the attempt), on each connection that its toxic is for. It works ``for`` a
while. Without that, one ``on`` something is for that message or handshake alone, and any other
lasts until it is healed by name, or until the end. Times are virtual, from the session's begin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from replay_ws.clock import NS_PER_MS, TIME_NS_MAX
from replay_ws.errors import ConfigError, unknown
from replay_ws.faults.toxics import Toxic

FAULTS_MAX = 1_000

_UNITS = {"ns": 1, "us": 1_000, "ms": NS_PER_MS, "s": 1_000_000_000, "m": 60_000_000_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m)")


def duration_ns(value: Any) -> int:
    """``"2s"``, ``"1.5ms"`` or a number of milliseconds as nanoseconds; else ValueError."""
    wanted = "a duration from 0 up, e.g. '2s', '300ms', or a number of milliseconds"
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        whole = float(match[1]) * _UNITS[match[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        whole = value * NS_PER_MS
    else:
        raise ValueError(wanted)
    if not whole <= TIME_NS_MAX // 4:
        raise ValueError(f"{wanted}, below 36 years")
    return round(whole)


def duration_text(value_ns: int) -> str:
    """``value_ns`` as ``duration_ns`` reads it, exactly."""
    unit = next(u for u in ("s", "ms", "us", "ns") if value_ns % _UNITS[u] == 0)
    return f"{value_ns // _UNITS[unit]}{unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One entry: the ``toxic`` that begins, or the name of one that ``heal`` ends (``all``: any).

    ``at_ns``, ``every_ns``, ``event`` or ``connect`` say when; ``nth`` counts messages from 1, on
    each connection, and is empty for all; ``connect`` counts handshakes likewise. ``where`` are
    paths into the payload (``data.tool``) and what they must hold.
    """

    toxic: Toxic | None = None
    heal: str = ""
    at_ns: int | None = None
    for_ns: int | None = None
    every_ns: int | None = None
    jitter_ns: int = 0
    event: str = ""
    nth: tuple[int, ...] = ()
    where: tuple[tuple[str, Any], ...] = ()
    connect: tuple[int, ...] = ()

    @classmethod
    def of(cls, values: Any, where: str = "fault") -> Self:
        """The fault that a table describes; ConfigError that names ``where`` and the key."""
        if isinstance(values, cls):
            return values
        if not isinstance(values, Mapping):
            raise ConfigError(f"{values!r:.60} is no fault", where=where, mend=_EXAMPLE)
        for key in values:
            if key not in _KEYS:
                error = unknown("key", key, _KEYS)
                raise ConfigError(error.what, where=where, mend=error.mend)
        parsed: dict[str, Any] = {}
        for key, (name, parse) in _KEYS.items():
            if key in values and name:
                parsed[name] = _parsed(key, values[key], parse, where)
        if "toxic" in values:
            parsed["toxic"] = Toxic.of(values["toxic"], where)
        if "on" in values:
            parsed |= _trigger(values["on"], where)
        _refuse_contradictions(values, where)
        return cls(**parsed)

    def plain(self) -> dict[str, Any]:
        """The fault as a table, with what differs from the defaults."""
        table: dict[str, Any] = {}
        for key, name in (("at", "at_ns"), ("every", "every_ns"), ("for", "for_ns")):
            if getattr(self, name) is not None:
                table[key] = duration_text(getattr(self, name))
        if self.jitter_ns:
            table["jitter"] = duration_text(self.jitter_ns)
        if self.connect:
            table["on"] = {"connect": list(self.connect)}
        elif self.event:
            table["on"] = {"event": self.event}
            if self.nth:
                table["on"]["nth"] = list(self.nth)
            if self.where:
                table["on"]["where"] = dict(self.where)
        if self.toxic is not None:
            table["toxic"] = self.toxic.plain()
        else:
            table["heal"] = self.heal
        return table


_EXAMPLE = "write a table: {at = '2s', for = '3s', toxic = {type = 'partition'}}"


def _string(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a string that is not empty")
    return value


def _ordinals(value: Any) -> tuple[int, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    if not given or not all(type(n) is int and 1 <= n <= 1 << 31 for n in given):
        raise ValueError("a number from 1 up, or a list of them")
    return tuple(sorted(set(given)))


def _places(value: Any) -> tuple[tuple[str, Any], ...]:
    plain = (str, int, float, bool, type(None))
    if not isinstance(value, Mapping) or not all(isinstance(v, plain) for v in value.values()):
        raise ValueError("a table of paths and plain values, e.g. {'data.tool' = 'search'}")
    return tuple(value.items())


_KEYS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "at": ("at_ns", duration_ns),
    "every": ("every_ns", duration_ns),
    "jitter": ("jitter_ns", duration_ns),
    "for": ("for_ns", duration_ns),
    "heal": ("heal", _string),
    "on": ("", _string),
    "toxic": ("", _string),
}
_ON: Mapping[str, Callable[[Any], Any]] = {
    "event": _string,
    "nth": _ordinals,
    "where": _places,
    "connect": _ordinals,
}


def _parsed(key: str, value: Any, parse: Callable[[Any], Any], where: str) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        what = f"{key} is {value!r:.60}"
        raise ConfigError(what, where=where, mend=f"it must be {error}") from None


def _trigger(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(
            f"on is {value!r:.60}",
            where=where,
            mend="write on = {event = 'tool_executing', nth = 2} or on = {connect = [1, 2]}",
        )
    for key in value:
        if key not in _ON:
            error = unknown("key of on", key, _ON)
            raise ConfigError(error.what, where=where, mend=error.mend)
    if "connect" in value and len(value) > 1:
        raise ConfigError(
            "on names both a handshake and a message", where=where, mend="make two faults of it"
        )
    parsed = {key: _parsed(f"on.{key}", value[key], _ON[key], where) for key in value}
    return parsed if "connect" in parsed else {"event": "*", **parsed}


def _refuse_contradictions(values: Mapping[str, Any], where: str) -> None:
    begins = [key for key in ("at", "every", "on") if key in values]
    rules = (
        (("toxic" in values) == ("heal" in values), "a fault needs either toxic or heal", _EXAMPLE),
        (len(begins) > 1, f"a fault begins by {' and by '.join(begins)}", "keep one of them"),
        (not begins, "a fault does not say when", "add at = '2s', every = '10s' or on = {...}"),
        ("heal" in values and "for" in values, "heal takes no time", "leave out for"),
        ("heal" in values and "at" not in values, "heal needs a time", "say at = '5s'"),
        ("jitter" in values and "every" not in values, "jitter needs every", "leave out jitter"),
        (
            "every" in values and duration_ns(values["every"]) == 0,
            "every is 0: it would never end",
            "say how often, e.g. every = '10s'",
        ),
        (
            "every" in values
            and "for" in values
            and duration_ns(values["for"]) >= duration_ns(values["every"]),
            "for is not shorter than every: it never pauses",
            "use at = '0s' for something that lasts",
        ),
    )
    for broken, what, mend in rules:
        if broken:
            raise ConfigError(what, where=where, mend=mend)


def require_heals(faults: tuple[Fault, ...], names: Mapping[str, str], origin: str) -> None:
    """Raises ConfigError for a heal of what never begins before it.

    ``names`` are the toxics that work from the beginning; ``origin`` heads the entry's number.
    """
    for number, fault in enumerate(faults):
        if not fault.heal or fault.heal == "all":
            continue
        begun = [f for f in faults if f.toxic is not None and f.toxic.name == fault.heal]
        late = all(f.at_ns is not None and f.at_ns >= (fault.at_ns or 0) for f in begun)
        if fault.heal not in names and (not begun or late):
            when = "begins later" if begun else "never begins"
            raise ConfigError(
                f"heals {fault.heal!r}, which {when}",
                where=f"{origin}[{number}]",
                mend="name a toxic that an earlier fault begins, or 'all'",
            )
