"""The functions of ``time`` that tell the time, as a run sees them.

Each asks whether its thread belongs to a run and is the real one where it does not. Local time is
that of the machine's time zone: a program that asks for it gets it, as outside.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from replay_ws.clock import NS_PER_S
from replay_ws.sim.world.aliases import StandIn


class Reading(NamedTuple):
    """How to read the clocks of one run."""

    time_ns: Callable[[], int]
    epoch_unix_ns: int


class Here(threading.local):
    """What the clocks of the current thread show; None for the real time."""

    reading: Reading | None = None


here = Here()

_WALL_CLOCKS = ("CLOCK_REALTIME", "CLOCK_TAI")
_STEADY_CLOCKS = ("CLOCK_MONOTONIC", "CLOCK_BOOTTIME", "CLOCK_UPTIME", "CLOCK_HIGHRES")


def real_thing(home: ModuleType, name: str) -> Any:
    """What ``home`` calls ``name``, also when we are first loaded in a block of freezegun."""
    freezegun = sys.modules.get("freezegun.api")
    return getattr(freezegun, f"real_{name}", None) or getattr(home, name)


_localtime = real_thing(time, "localtime")


def unix_ns() -> int | None:
    """The wall clock of the run that the current thread belongs to, in nanoseconds."""
    reading = here.reading
    return None if reading is None else reading.epoch_unix_ns + reading.time_ns()


def steady_ns() -> int | None:
    """Its monotonic clock, which is that of its loop."""
    reading = here.reading
    return None if reading is None else reading.time_ns()


def _reading_of(real: Callable[[], Any], read: Callable[[], int | None]) -> StandIn:
    """``time.time``, ``time.time_ns`` and their kind."""
    if real.__name__.endswith("_ns"):

        @functools.wraps(real)
        def clock_ns() -> int:
            now_ns = read()
            told: int = real() if now_ns is None else now_ns
            return told

        return StandIn(real, clock_ns)

    @functools.wraps(real)
    def clock() -> float:
        now_ns = read()
        told: float = real() if now_ns is None else now_ns / NS_PER_S
        return told

    return StandIn(real, clock)


# The clocks of processor time are not listed: those measure the host.
_READ_BY_NUMBER = {
    number: read
    for names, read in ((_WALL_CLOCKS, unix_ns), (_STEADY_CLOCKS, steady_ns))
    for name, number in vars(time).items()
    if name.startswith(names)
}


def _numbered(real: Callable[[int], Any]) -> StandIn:
    """``time.clock_gettime`` and ``clock_gettime_ns``."""
    unit_ns = 1 if real.__name__.endswith("_ns") else NS_PER_S

    @functools.wraps(real)
    def clock(number: int, /) -> Any:
        read = _READ_BY_NUMBER.get(number)
        now_ns = None if read is None else read()
        if now_ns is None:
            return real(number)
        return now_ns if unit_ns == 1 else now_ns / unit_ns

    return StandIn(real, clock)


def _split(real: Callable[..., Any]) -> StandIn:
    """``time.localtime``, ``gmtime`` and ``ctime``, whose argument is a time in seconds."""

    @functools.wraps(real)
    def told(seconds: float | None = None, /) -> Any:
        if seconds is None and (now_ns := unix_ns()) is not None:
            seconds = now_ns // NS_PER_S
        return real(seconds)

    return StandIn(real, told)


def _as_text(real: Callable[..., str], argument: int) -> StandIn:
    """``time.asctime`` and ``strftime``; their argument at that place is a broken-down time."""

    @functools.wraps(real)
    def told(*args: Any) -> str:
        if len(args) == argument and (now_ns := unix_ns()) is not None:
            args = (*args, _localtime(now_ns // NS_PER_S))
        return real(*args)

    return StandIn(real, told)


_NUMBERED = ("clock_gettime", "clock_gettime_ns")  # Windows has none

WALL_FUNCTIONS = (
    *(_reading_of(real_thing(time, name), unix_ns) for name in ("time", "time_ns")),
    *(_split(real_thing(time, name)) for name in ("localtime", "gmtime", "ctime")),
    _as_text(real_thing(time, "asctime"), 0),
    _as_text(real_thing(time, "strftime"), 1),
    *(_numbered(real_thing(time, name)) for name in _NUMBERED if hasattr(time, name)),
)
"""Those that time-machine replaces, too."""

STEADY_FUNCTIONS = tuple(
    _reading_of(real_thing(time, name), steady_ns)
    for name in ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")
)
