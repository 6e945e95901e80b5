"""The timeline of a fault plan: which toxic works when, or from which message or handshake on.

A fault is one entry of it. It begins at a time (``at``), again and again (``every`` so long, for
the first time after one such while), or where something happens (``on``): a message of a type, the
nth of them, one that holds certain values; a handshake, by the number of the attempt; on each
connection that its toxic is for. It works ``for`` a while. Without that, one ``on`` something is
for that message or handshake alone, and any other lasts until it is healed by name, or until the
end. Times are virtual, from the session's begin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isfinite
from typing import Any, Self

from replay_ws.clock import NS_PER_MS, NS_PER_S, TIME_NS_MAX
from replay_ws.errors import ConfigError, unknown
from replay_ws.faults import checks
from replay_ws.faults.checks import Check, integer, optional
from replay_ws.faults.toxics import Toxic

FAULTS_MAX = 1_000

MOMENTARY = frozenset({"reset_peer", "drain"})
"""Types that are over as soon as they happened, so that they can happen again."""

AT_A_HANDSHAKE = frozenset({"connect", "auth", "token", "idle", *MOMENTARY})
"""Types that can be for one handshake and the connection that it opens."""

BEYOND_A_MESSAGE = frozenset(
    {"connect", "connection_limit", "token", "heartbeat", "idle", "slow_close"}
    | {"queue", "bandwidth", "consumer", "gc"}
)
"""Types that can't be for one message: they are about a connection, or about what waits on it."""

_UNITS = {"ns": 1, "us": 1_000, "ms": NS_PER_MS, "s": NS_PER_S, "m": 60 * NS_PER_S}
_DURATION = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,18})?)\s*(ns|us|ms|s|m)")
_DURATION_NS_MAX = TIME_NS_MAX // 4


def duration_ns(value: Any) -> int:
    """``"2s"``, ``"1.5ms"`` or a number of milliseconds as nanoseconds; else ValueError."""
    wanted = "a duration from 0 up, e.g. '2s', '300ms', or a number of milliseconds"
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        exact = Fraction(match[1]) * _UNITS[match[2]]
    elif type(value) in (int, float) and 0 <= value < inf:
        exact = Fraction(value) * NS_PER_MS
    else:
        raise ValueError(wanted)
    if exact > _DURATION_NS_MAX:
        raise ValueError(f"{wanted}, below 36 years")
    return round(exact)


def duration_text(value_ns: int) -> str:
    """``value_ns`` as ``duration_ns`` reads it, exactly."""
    unit = next(u for u in ("s", "ms", "us", "ns") if value_ns % _UNITS[u] == 0)
    return f"{value_ns // _UNITS[unit]}{unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One entry: the ``toxic`` that begins, or the name of one that ``heal`` ends (``all``: any).

    ``at_ns``, ``every_ns``, ``event`` or ``connect`` say when. ``event`` is a type, ``*`` any;
    ``nth`` counts the messages that it and ``where`` are about, from 1 and on each connection, and
    is empty for all; ``connect`` counts handshakes likewise. ``where`` are paths into the payload
    (``data.tool``) and what they must hold. ConfigError for what contradicts itself.
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

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, _parsed(name, getattr(self, name), check))
        if (self.nth or self.where) and not self.event:
            object.__setattr__(self, "event", "*")
        for broken, what, mend in _contradictions(self):
            if broken:
                raise ConfigError(what, mend=mend)

    @classmethod
    def of(cls, values: Any, where: str = "fault") -> Self:
        """The fault that a table describes; ConfigError that names ``where`` and the key."""
        if isinstance(values, cls):
            return values
        if not isinstance(values, Mapping):
            raise ConfigError(f"{values!r:.60} is no fault", where=where, mend=_EXAMPLE)
        toxic = Toxic.of(values["toxic"], where) if "toxic" in values else None
        try:
            return cls(toxic=toxic, **_fields_of(values))
        except ConfigError as error:
            inner = f"{where}: {error.where}" if error.where else where
            raise ConfigError(error.what, where=inner, mend=error.mend) from None

    def plain(self) -> dict[str, Any]:
        """The fault as a table, with what differs from the defaults."""
        durations = {key: getattr(self, name) for key, name in _DURATIONS.items()}
        table: dict[str, Any] = {
            key: duration_text(value)
            for key, value in durations.items()
            if value is not None and (value or key != "jitter")
        }
        if self.connect:
            table["on"] = {"connect": list(self.connect)}
        elif self.event:
            narrowed = {"nth": list(self.nth), "where": dict(self.where)}
            table["on"] = {"event": self.event} | {key: v for key, v in narrowed.items() if v}
        return table | ({"toxic": self.toxic.plain()} if self.toxic else {"heal": self.heal})


# --- tables ----------------------------------------------------------------------------------

_EXAMPLE = "write a table: {at = '2s', for = '3s', toxic = {type = 'partition'}}"
_DURATIONS = {"at": "at_ns", "every": "every_ns", "jitter": "jitter_ns", "for": "for_ns"}
_KEYS = (*_DURATIONS, "on", "toxic", "heal")
_ON = ("event", "nth", "where", "connect")


def _fields_of(values: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_unknown("key", values, _KEYS)
    fields: dict[str, Any] = {
        name: _parsed(key, values[key], duration_ns)
        for key, name in _DURATIONS.items()
        if key in values
    }
    if "on" in values:
        fields |= _trigger(values["on"])
    if "heal" in values:
        fields["heal"] = _parsed("heal", values["heal"], checks.text)
    return fields


def _trigger(on: Any) -> Mapping[str, Any]:
    mend = "write on = {event = 'tool_executing', nth = 2} or on = {connect = [1, 2]}"
    if not isinstance(on, Mapping) or not on:
        raise ConfigError(f"on is {on!r:.60}", mend=mend)
    _refuse_unknown("key of on", on, _ON)
    for key in on:
        if on[key] in ("", [], {}):
            raise ConfigError(f"on.{key} is {on[key]!r}, which is nothing", mend=mend)
    return {key: _parsed(f"on.{key}", value, _CHECKS[key]) for key, value in on.items()}


def _refuse_unknown(kind: str, values: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in values:
        if key not in keys:
            raise unknown(kind, key, keys)


# --- values ----------------------------------------------------------------------------------


def _parsed(key: str, value: Any, parse: Callable[[Any], Any]) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigError(f"{key} is {value!r:.60}", mend=f"it must be {error}") from None


def _toxic(value: Any) -> Toxic | None:
    if value is not None and not isinstance(value, Toxic):
        raise ValueError("a Toxic")
    return value


def _string(value: Any) -> str:
    return "" if value == "" else checks.text(value)


def _ordinals(value: Any) -> tuple[int, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    if not all(type(n) is int and 1 <= n <= 1 << 31 for n in given):
        raise ValueError("a number from 1 up, or a list of them")
    return tuple(sorted(set(given)))


def _places(value: Any) -> tuple[tuple[str, Any], ...]:
    places = list(_flat(dict(value) if isinstance(value, tuple) else value))
    if len({path for path, _ in places}) < len(places):
        raise ValueError("a table with each path once")
    return tuple(sorted(places, key=lambda place: place[0]))


def _flat(value: Any, head: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values. In TOML ``{data.tool = 'search'}`` is a table in a table."""
    wanted = "a table of paths and plain values, e.g. {'data.tool' = 'search'}"
    if not isinstance(value, Mapping) or (head and not value):
        raise ValueError(wanted)
    for key, inner in value.items():
        if not isinstance(key, str) or "" in key.split("."):
            raise ValueError(wanted)
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{head}{key}.")
        elif _is_plain(inner):
            yield f"{head}{key}", inner
        else:
            raise ValueError(wanted)


def _is_plain(value: Any) -> bool:
    match value:
        case None | str():
            return True
        case int():
            return -(1 << 63) <= value < 1 << 63
        case float():
            return isfinite(value)
        case _:
            return False


_NS = optional(integer(0, _DURATION_NS_MAX, "nanoseconds"))
_CHECKS: Mapping[str, Check] = {
    "toxic": _toxic,
    "heal": _string,
    "at_ns": _NS,
    "for_ns": _NS,
    "every_ns": _NS,
    "jitter_ns": integer(0, _DURATION_NS_MAX, "nanoseconds"),
    "event": _string,
    "nth": _ordinals,
    "where": _places,
    "connect": _ordinals,
}


def _contradictions(fault: Fault) -> Iterator[tuple[bool, str, str]]:
    """What an entry must not say: (it does, what is wrong, how to mend it)."""
    begins = [key for key in ("at", "every") if getattr(fault, _DURATIONS[key]) is not None]
    begins += ["on"] if fault.event or fault.connect else []
    toxic, every_ns, for_ns = fault.toxic, fault.every_ns, fault.for_ns
    yield bool(toxic) == bool(fault.heal), "a fault needs either toxic or heal", _EXAMPLE
    yield not begins, "it does not say when", "add at = '2s', every = '10s' or on = {...}"
    yield len(begins) > 1, f"it begins by {' and by '.join(begins)}", "keep one of them"
    yield (
        bool(fault.event and fault.connect),
        "on names both a handshake and a message",
        "make two faults of it",
    )
    if toxic is not None and for_ns is None:
        at_once = toxic.type in AT_A_HANDSHAKE if fault.connect else True
        yield not at_once, f"a {toxic.type} is about more than a handshake", "say for = '10s'"
        beyond = bool(fault.event) and toxic.type in BEYOND_A_MESSAGE
        yield beyond, f"a {toxic.type} is about more than a message", "say for = '10s'"
    yield bool(fault.heal) and for_ns is not None, "heal takes no time", "leave out for"
    yield bool(fault.heal) and begins != ["at"], "heal needs a time", "say at = '5s'"
    yield for_ns == 0, "for is 0: it would do nothing", "say how long, or leave out for"
    yield every_ns == 0, "every is 0: it would never end", "say how often, e.g. every = '10s'"
    if every_ns is None:
        yield fault.jitter_ns > 0, "jitter needs every", "leave out jitter"
    else:
        lasts = for_ns is None and toxic is not None and toxic.type not in MOMENTARY
        yield lasts, "every without for: it would not begin again", "say for = '1s'"
        yield (
            (for_ns or 0) + fault.jitter_ns >= every_ns,
            "for and jitter are not shorter than every: it would begin before it ended",
            "use at = '0s' for something that lasts",
        )


# --- all entries together --------------------------------------------------------------------


def require_timeline(
    faults: Sequence[Fault], names: Collection[str], origin: str = "faults"
) -> None:
    """Raises ConfigError for entries that contradict each other.

    That are a heal of what has not begun or is over, and a toxic that begins while it still works.
    ``names`` are the toxics that work from the beginning; ``origin`` heads the entry's number.
    """
    for number, fault in enumerate(faults):
        if fault.heal not in ("", "all", *names):
            _require_begun(fault, faults, f"{origin}[{number}]")
    _refuse_overlaps(faults, origin)


def _require_begun(heal: Fault, faults: Sequence[Fault], where: str) -> None:
    at_ns = heal.at_ns or 0
    begun = [f for f in faults if f.toxic is not None and f.toxic.name == heal.heal]
    first = [f.every_ns if f.at_ns is None else f.at_ns for f in begun]
    if all(begin_ns is not None and begin_ns >= at_ns for begin_ns in first):
        what = "does not begin before" if begun else "never begins"
        raise ConfigError(
            f"it heals {heal.heal!r}, which {what}",
            where=where,
            mend="name a toxic that an earlier fault begins, or 'all'",
        )
    ends = (
        None if f.at_ns is None or f.for_ns is None else f.at_ns + f.for_ns
        for f in begun
        if f.at_ns is None or f.at_ns < at_ns
    )
    if all(end_ns is not None and end_ns <= at_ns for end_ns in ends):
        raise ConfigError(
            f"it heals {heal.heal!r}, which is over by then",
            where=where,
            mend="leave it out, or leave out the for of what it heals",
        )


def _refuse_overlaps(faults: Sequence[Fault], origin: str) -> None:
    """Only of what begins at known times: what messages begin may begin again."""
    timed = [(fault.at_ns, n, fault) for n, fault in enumerate(faults) if fault.at_ns is not None]
    heals = [(at_ns, fault.heal) for at_ns, _, fault in timed if fault.heal]
    working: dict[str, tuple[int, int, int]] = {}
    for at_ns, number, fault in sorted(timed, key=lambda entry: entry[:2]):
        if fault.toxic is None or fault.toxic.type in MOMENTARY:
            continue
        name = fault.toxic.name
        other, begin_ns, end_ns = working.get(name, (0, 0, 0))
        healed = any(begin_ns < heal_ns <= at_ns and n in (name, "all") for heal_ns, n in heals)
        if at_ns < end_ns and not healed:
            raise ConfigError(
                f"{name!r} begins at {duration_text(at_ns)}, and still works since "
                f"{duration_text(begin_ns)} ({origin}[{other}])",
                where=f"{origin}[{number}]",
                mend="let that one end before, or give this one a name of its own",
            )
        end_ns = TIME_NS_MAX if fault.for_ns is None else at_ns + fault.for_ns
        working[name] = (number, at_ns, end_ns)
