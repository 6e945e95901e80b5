"""A stand-in for a manager: it has the recorded methods, and answers from the recording.

It is an object of no class of the user's, so that nothing of what it stands for runs. What it is
asked is compared with the tape; see there for the order in which it answers.
"""

from __future__ import annotations

import _thread
import asyncio
import builtins
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, get_args

from replay_ws.cassette.redaction import RedactorChoice, redactor_of
from replay_ws.diff.payload import explain
from replay_ws.errors import ConfigError, RecordedError, ReplayMismatch, known, unknown
from replay_ws.events.calls import Method, packed
from replay_ws.events.encoding import decode
from replay_ws.events.log import Op
from replay_ws.recording import CURRENT
from replay_ws.replayer.tape import Answer, Call, Queue, event_of, tape_of
from replay_ws.report.calls import call_text
from replay_ws.session import Session
from replay_ws.text import cut

Order = Literal["lockstep", "thread"]

_IDLE_TURNS_MAX = 100
"""Turns of the loop without a call, after which a task does not wait for others any more."""
_NEAREST_MAX = 64
"""Recorded calls that are looked at for the nearest one."""
_MISSING_MAX = 8
_WIDTH = 200


class ReplayedManager:
    """Has a method for each one that was recorded; a ``with`` block ends with ``finish()``.

    A recorded method is found before one of the stand-in's own: where the object had a ``finish``,
    use ``with``.
    """

    def __init__(
        self,
        session: Session,
        order: Order = "lockstep",
        *,
        redactor: RedactorChoice = "default",
        errors: Iterable[type[Exception]] = (),
    ) -> None:
        if order not in get_args(Order):
            raise unknown("order", order, get_args(Order))
        self._replay = playing = _Playing(session, order, redactor, errors)
        for name, method in playing.tape.methods.items():
            if name == "_replay":
                raise ConfigError("a method named _replay", mend="record the others only")
            self.__dict__[name] = _stand_in(method, playing)

    def __getattr__(self, name: str) -> NoReturn:
        recorded = known(self._replay.tape.methods) if "_replay" in self.__dict__ else ""
        raise AttributeError(f"the cassette has no method {name!r}, only: {recorded}")

    def finish(self) -> None:
        """Raise ReplayMismatch if a call did not match, or calls were never made."""
        self._replay.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._replay.finish()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        return f"<ReplayedManager {self._replay.done} of {self._replay.count} calls made>"


def _stand_in(method: Method, playing: _Playing) -> Callable[..., Any]:
    async def later(call: Call) -> Any:
        return await playing.wait(call)

    async def answer_async(*args: Any, **kwargs: Any) -> Any:
        return await playing.wait(await playing.take_in_turn(method, args, kwargs))

    def answer(*args: Any, **kwargs: Any) -> Any:
        call = playing.take(method, args, kwargs)
        if call.answer is not None and call.answer.awaited:
            return later(call)
        return playing.conclude(call)

    function: Any = answer_async if method.kind == "async" else answer
    function.__name__ = method.name
    function.__qualname__ = f"ReplayedManager.{method.name}"
    function.__signature__ = method.signature
    stand_in: Callable[..., Any] = function
    return stand_in


class _Playing:
    """A tape, and how far it has been played."""

    def __init__(
        self,
        session: Session,
        order: Order,
        redactor: RedactorChoice,
        errors: Iterable[type[Exception]],
    ) -> None:
        self.tape = tape_of(session, by_connection=order == "thread")
        self.count = len(self.tape.remaining())
        self.done = 0
        self._redactor = redactor_of(redactor)
        self._errors = {error.__name__: error for error in errors}
        self._mismatch: ReplayMismatch | None = None
        self._lock = _thread.RLock()  # real also where threads are managed: nobody waits in it

    # --- asked -------------------------------------------------------------------------------

    def take(self, method: Method, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        """The recorded call that this one is; raises ReplayMismatch if it is another."""
        arguments = self._redacted(method, args, kwargs)
        return self._taken(method, arguments) or self._refuse(method, arguments)

    async def take_in_turn(
        self, method: Method, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Call:
        """The same, but a call that comes early waits until the others have been made."""
        arguments = self._redacted(method, args, kwargs)
        queue = self.tape.queue_of(method, arguments)
        call = self._taken(method, arguments)
        if call is None and any(each.is_like(method, arguments) for each in queue.remaining):
            await _turns(queue, lambda: queue.next_is(method, arguments))
            call = self._taken(method, arguments)
        return call or self._refuse(method, arguments)

    def _taken(self, method: Method, arguments: Mapping[str, Any]) -> Call | None:
        with self._lock:
            queue = self.tape.queue_of(method, arguments)
            call = queue.next
            if call is None or not call.is_like(method, arguments):
                return None
            queue.take()
            self.done += 1
            return call

    def _redacted(
        self, method: Method, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What a call says, as the recording would."""
        given = {"name": method.name, "arguments": method.arguments(args, kwargs)}
        body: str | bytes = packed(given)
        if self._redactor is not None:
            with self._lock:
                body = self._redactor.clean(Op.CALL, body)
        assert isinstance(body, bytes), "a body stays what it is"
        redacted: dict[str, Any] = decode(body)["arguments"]
        return redacted

    def _refuse(self, method: Method, arguments: dict[str, Any]) -> NoReturn:
        call = self.tape.queue_of(method, arguments).next
        near, details = _nearest(self.tape.remaining(), method, arguments)
        error = ReplayMismatch(
            f"call {self.done} ({method.name}) is not the one that was recorded next",
            expected="no further call" if call is None else _told(call),
            actual=_text(method, arguments),
            nearest="" if near is None else _told(near),
            details=details,
            mend="record the object anew if the program is right; where connections only run in "
            'another order, as_manager(order="thread")',
        )
        self._mismatch = self._mismatch or error
        raise error

    # --- answering ---------------------------------------------------------------------------

    async def wait(self, call: Call) -> Any:
        """What ``call`` gave, when it is due."""
        try:
            await self._until_due(call, call.answer)
        except BaseException:
            with self._lock:
                call.queue.answered(call)
            raise
        return self.conclude(call)

    async def _until_due(self, call: Call, answer: Answer | None) -> None:
        run = CURRENT.get()
        if run is None or run.ended is not None or answer is None:
            await asyncio.sleep(0)
        else:
            await run.clock.take(run.clock.now_ns(), answer.duration_ns)
        if answer is None or _was_cancelled(answer):
            await asyncio.get_running_loop().create_future()  # as it did, until it is cancelled
        await _turns(call.queue, lambda: call.queue.is_due(call))

    def conclude(self, call: Call) -> Any:
        """What ``call`` gave, now."""
        if call.answer is None:
            raise RecordedError(
                f"{call.method.name} had not come back when the recording ended",
                mend="record until it has",
            )
        with self._lock:
            call.queue.answered(call)
        if call.answer.error is not None:
            raise self._error(call.answer.error)
        return _fresh(call.answer.value)

    def _error(self, error: Mapping[str, Any]) -> Exception:
        """The exception that was recorded, as near as it can be made."""
        name, message = error["type"], error["message"]
        own = getattr(builtins, name, None) if "args" in error else None
        args = error.get("args", [message])
        if own is None:
            own, args = self._errors.get(name.rpartition(".")[2]), [message]
        if isinstance(own, type) and issubclass(own, Exception):
            try:
                return own(*args)
            except Exception:  # it takes other arguments
                pass
        return RecordedError(
            f"the recorded call raised {name}: {message}",
            mend=f"to have the class itself: as_manager(errors=[{name.rpartition('.')[2]}])",
            type=name,
            message=message,
        )

    # --- the end -----------------------------------------------------------------------------

    def finish(self) -> None:
        """Raise what went wrong, also if the program has swallowed it."""
        if self._mismatch is not None:
            raise self._mismatch
        missing = self.tape.remaining()
        if missing:
            told = [_told(call) for call in missing[:_MISSING_MAX]]
            if len(missing) > _MISSING_MAX:
                told.append(f"and {len(missing) - _MISSING_MAX} more")
            were = "call was" if len(missing) == 1 else "calls were"
            raise ReplayMismatch(
                f"{len(missing)} recorded {were} never made",
                missing=tuple(told),
                mend="record the object anew if the program is right",
            )


async def _turns(queue: Queue, is_time: Callable[[], bool]) -> None:
    """Let others go on until it is time, or nothing happens in the queue any more."""
    idle, happened = 0, -1
    while not is_time() and idle < _IDLE_TURNS_MAX:
        idle = idle + 1 if happened == queue.happened else 0
        happened = queue.happened
        await asyncio.sleep(0)


def _was_cancelled(answer: Answer) -> bool:
    """Whether the caller did not wait for an answer."""
    kind = (answer.error or {}).get("type", "").rpartition(".")[2]
    return kind in ("CancelledError", "GeneratorExit")


def _fresh(value: Any) -> Any:
    """A value that the program may change: the recording keeps its own."""
    return decode(packed(value)) if isinstance(value, (dict, list, set, tuple)) else value


# --- comparing -------------------------------------------------------------------------------


def _nearest(
    calls: list[Call], method: Method, arguments: Mapping[str, Any]
) -> tuple[Call | None, tuple[str, ...]]:
    """The recorded call that is most like this one, and where the arguments differ.

    Of several the first; with none of the same method there is none.
    """
    actual = event_of(method.name, arguments)
    like = [call for call in calls if call.method.name == method.name][:_NEAREST_MAX]
    same = [call for call in like if call.is_like(method, arguments)]
    if not like or same:
        return (same[0], ()) if same else (None, ())
    found = [(explain(call.event, actual), call) for call in like]
    details, call = min(found, key=lambda each: len(each[0]))
    return call, tuple(map(str, details))


def _text(method: Method, arguments: Mapping[str, Any]) -> str:
    return cut(call_text(method.name, arguments), _WIDTH)


def _told(call: Call) -> str:
    return f"#{call.number} {_text(call.method, call.arguments)}"
