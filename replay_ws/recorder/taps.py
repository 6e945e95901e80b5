"""A tap on a user's own object: its calls become a session, and it notices nothing.

The object gets stand-ins for the chosen methods, as attributes of the instance; its class stays as
it is. Arguments, results and exceptions pass through as the very same objects, nothing waits, and
what cannot be recorded of a value leaves the name of its type. ``scribe`` says what is written.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import time
from collections.abc import Callable, Coroutine, MutableMapping
from contextvars import ContextVar
from pathlib import Path
from types import CoroutineType, MethodType, TracebackType
from typing import Any, Literal, Self, get_args

from replay_ws.cassette.redaction import RedactorChoice, redactor_of
from replay_ws.cassette.writer import StreamingWriter
from replay_ws.errors import ConfigError, ProgramError, unknown
from replay_ws.events.calls import Method
from replay_ws.events.log import Header
from replay_ws.recorder.methods import Methods, methods_of
from replay_ws.recorder.scribe import Call, Scribe
from replay_ws.recording import CURRENT, Clock, OwnClock
from replay_ws.running import end_failed
from replay_ws.session import Session

_Function = Callable[..., Any]
ClockChoice = Literal["virtual", "host"]

_INSIDE: ContextVar[Call | None] = ContextVar("replay_ws_inside_call", default=None)
"""The recorded call that the running code is part of."""
_NOTHING = object()


class Tap:
    """Records the calls of ``manager`` while it is entered, by ``with`` or ``async with``."""

    def __init__(
        self,
        manager: object,
        methods: Methods = None,
        *,
        to: str | os.PathLike[str] | None = None,
        clock: ClockChoice = "virtual",
        redactor: RedactorChoice = "default",
        profile: str | None = None,
    ) -> None:
        if clock not in get_args(ClockChoice):
            raise unknown("clock", clock, get_args(ClockChoice))
        if not isinstance(to, (str, os.PathLike, type(None))):
            raise ConfigError(f"to is {to!r:.60}", mend="pass the path of a cassette")
        self.manager = manager
        self.recorded: Path | None = None
        """Where the cassette is, once it is written."""
        self._seat = _seat(manager)
        self._methods = methods_of(manager, methods)
        self._redactor = redactor_of(redactor)
        self._profile = profile
        self._clock = clock
        self._to = to
        self._scribe: Scribe | None = None
        self._writer: StreamingWriter | None = None
        self._installed: dict[str, tuple[object, object]] = {}

    def session(self) -> Session:
        """What was recorded so far; afterwards all of it."""
        if self._scribe is None:
            raise ProgramError("nothing is recorded yet", mend="enter it: with rws.record(...)")
        return self._scribe.recording.snapshot()

    # --- begin and end -----------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._scribe is not None:
            raise ProgramError("this recording has begun before", mend="call record() once more")
        header, clock = self._conditions()
        scribe = Scribe(header, clock, self._redactor, self._methods)
        if self._to is not None:
            # No thread may start within a run; there everything is written at the end.
            follow = CURRENT.get() is None
            self._writer = StreamingWriter(scribe.recording.log, self._to, follow=follow)
        self._scribe = scribe
        try:
            for method in self._methods:
                self._install(method, scribe)
        except BaseException:
            self._restore()
            if self._writer is not None:
                self._writer.discard()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._scribe is not None, "it was entered"
        self._restore()
        session, writer = self._scribe.finish(error), self._writer
        if writer is not None:
            ended = writer.close() if error is None else end_failed(writer, session, error)
            self.recorded = ended

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _conditions(self) -> tuple[Header, Clock]:
        """Those of the run that is going on; outside of one the clock that was chosen."""
        run = CURRENT.get()
        if run is not None and self._clock == "host":
            raise ConfigError(
                'clock="host" within a run, where time is virtual', mend="leave the clock out"
            )
        clock: Clock
        if run is not None:
            header, clock = run.log.header, run.clock
        else:
            header = Header(profile="agent5")
            clock = HostClock() if self._clock == "host" else OwnClock()
        profile = header.profile if self._profile is None else self._profile
        return dataclasses.replace(header, profile=profile, source="record"), clock

    # --- the object --------------------------------------------------------------------------

    def _install(self, method: Method, scribe: Scribe) -> None:
        before = self._seat.get(method.name, _NOTHING)
        stand_in = stand_in_for(getattr(self.manager, method.name), method, scribe)
        self._seat[method.name] = stand_in
        self._installed[method.name] = (stand_in, before)
        if getattr(self.manager, method.name) is not stand_in:
            raise ConfigError(
                f"{type(self.manager).__qualname__}.{method.name} cannot be replaced on an "
                "instance: it is a property, or the class looks attributes up in its own way",
                mend="record the object that the method belongs to",
            )

    def _restore(self) -> None:
        """Put back what was there; what the user's code put there meanwhile stays."""
        for name, (stand_in, before) in self._installed.items():
            if self._seat.get(name) is not stand_in:
                continue
            if before is _NOTHING:
                del self._seat[name]
            else:
                self._seat[name] = before
        self._installed.clear()


class HostClock:
    """The host's time since it was made. Nobody can repeat it."""

    def __init__(self) -> None:
        self._start_ns = time.perf_counter_ns()

    def now_ns(self) -> int:
        return time.perf_counter_ns() - self._start_ns

    async def take(self, since_ns: int, duration_ns: int) -> None:
        """Nothing: what takes time here takes it by itself."""

    def is_foreign(self) -> bool:
        return False


def _seat(manager: object) -> MutableMapping[str, object]:
    """Where the instance keeps attributes of its own."""
    kind = type(manager).__qualname__
    if isinstance(manager, type):
        raise ConfigError(f"{manager.__qualname__} is a class", mend="record one of its instances")
    try:
        seat = vars(manager)
    except TypeError:
        raise ConfigError(
            f"a {kind} has __slots__ and no __dict__, so nothing can stand in for its methods",
            mend=f"add '__dict__' to __slots__ of {kind}, or record an instance of a subclass: "
            f"class Recorded({kind}): pass",
        ) from None
    return seat


# --- stand-ins -------------------------------------------------------------------------------


def stand_in_for(own: _Function, method: Method, scribe: Scribe) -> _Function:
    """What is called in the place of ``own``: the same to look at, and it takes notes."""
    make = _async_stand_in if method.kind == "async" else _sync_stand_in
    if not isinstance(own, MethodType):
        return make(own, method, scribe)
    function = make(own.__func__, method, scribe, skip=1)
    return MethodType(function, own.__self__)


def _async_stand_in(own: _Function, method: Method, scribe: Scribe, skip: int = 0) -> _Function:
    """``skip`` is how many of the arguments come before those of the method: its ``self``."""

    @_looks_like(own)
    async def stand_in(*args: Any, **kwargs: Any) -> Any:
        if scribe.is_over:
            return await own(*args, **kwargs)
        call = _begin(scribe, method, args[skip:], kwargs)
        return await _awaited(functools.partial(own, *args, **kwargs), call)

    return stand_in


def _sync_stand_in(own: _Function, method: Method, scribe: Scribe, skip: int = 0) -> _Function:
    @_looks_like(own)
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        if scribe.is_over:
            return own(*args, **kwargs)
        call = _begin(scribe, method, args[skip:], kwargs)
        _INSIDE.set(call)
        try:
            value = own(*args, **kwargs)
        except BaseException as error:
            scribe.failed(call, error)
            raise
        finally:
            _leave(call)
        if type(value) is CoroutineType:  # a decorator has hidden that the method is async
            call.awaited = True
            return _awaited(lambda: value, call)
        scribe.returned(call, value)
        return value

    return stand_in


async def _awaited(begin: Callable[[], Coroutine[Any, Any, Any]], call: Call) -> Any:
    _INSIDE.set(call)
    try:
        value = await begin()
    except BaseException as error:
        call.scribe.failed(call, error)
        raise
    finally:
        _leave(call)
    call.scribe.returned(call, value)
    return value


def _looks_like(own: _Function) -> Callable[[_Function], _Function]:
    # A mock keeps all that it is in its __dict__; a function has its marks there.
    updated = ("__dict__",) if inspect.isfunction(own) else ()
    return lambda stand_in: functools.update_wrapper(stand_in, own, updated=updated)


def _begin(scribe: Scribe, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    outer = _INSIDE.get()
    while outer is not None and outer.scribe is not scribe:
        outer = outer.within
    return scribe.begin(method, args, kwargs, outer, _INSIDE.get())


def _leave(call: Call) -> None:
    # Not by a token: a coroutine that the collector closes ends in another context.
    if _INSIDE.get() is call:
        _INSIDE.set(call.within)
