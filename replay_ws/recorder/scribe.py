"""The scribe of a tap: writes down calls, and the messages that they are.

A call has a row when it begins and one when it is over. Its message stands before the latter, for
only then it is known whether it was sent. Of sends within sends the innermost are the messages: an
outer one that hands them on is told by them.
"""

from __future__ import annotations

import _thread
from dataclasses import dataclass
from typing import Any, NamedTuple

from replay_ws.cassette.redaction import Redactor
from replay_ws.events.calls import Method, name_of, packed, recordable
from replay_ws.events.encoding import decode
from replay_ws.events.frames import is_unicode, type_name, type_of_text
from replay_ws.events.log import OBJECTS, Connection, Direction, Header, Op
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.recording import Clock, Recording, message_of, steady
from replay_ws.session import Session

# Whatever the object took was fit for it, whatever we would say of its size or form.
_CONFIGURATION = MockConfiguration(max_message_size=None, validate_message_format=False)


class Message(NamedTuple):
    """What a call is to send."""

    connection: str
    direction: Direction
    op: Op
    type: str
    body: str | bytes


@dataclass(slots=True, eq=False)
class Call:
    """A call that is going on.

    ``outer`` is the recorded call that it is part of, ``within`` the same whoever records that.
    ``has_sent`` says that a call inside of it was a message, ``awaited`` that the method is not
    async but what it gave is.
    """

    scribe: Scribe
    method: Method
    number: int
    outer: Call | None
    within: Call | None
    message: Message | None
    has_sent: bool = False
    awaited: bool = False


class Scribe:
    """Writes the rows of one recording. Threads may share it."""

    def __init__(
        self, header: Header, clock: Clock, redactor: Redactor | None, methods: list[Method]
    ) -> None:
        self._redactor = redactor
        self._clock = clock
        self._count = 0
        self._numbers: dict[str, int] = {}
        self.recording = Recording(header, clock, redactor)
        # A real lock also where threads are managed: a tap adds no step to their schedule. Nothing
        # of the user's runs while it is held.
        self._lock = self.recording.lock = _thread.RLock()
        self._channel = self.recording.join("", _CONFIGURATION)
        for method in methods:
            self._write(Op.METHOD, 0, packed(method.plain()))

    @property
    def is_over(self) -> bool:
        """Whether nothing is written any more."""
        return self.recording.ended is not None

    def finish(self, error: BaseException | None) -> Session:
        """End the session."""
        return self.recording.finish(error)

    def begin(
        self,
        method: Method,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        outer: Call | None,
        within: Call | None,
    ) -> Call:
        """A call begins; what it is given is taken down as it is now."""
        arguments = method.arguments(args, kwargs)
        about: dict[str, Any] = {"name": method.name, "arguments": arguments}
        if outer is not None:
            about["parent"] = outer.number
        body = packed(about)
        message = _message(method, arguments)
        with self._lock:
            number = self._count
            self._count += 1
            self._write(Op.CALL, number, body)
            if message is not None and self._redactor is not None:
                clean = self._redactor.clean(message.op, message.body)
                message = message._replace(body=clean)
        return Call(self, method, number, outer, within, message)

    def returned(self, call: Call, value: object) -> None:
        """It gave ``value``."""
        self._end(call, {"value": value}, Op.UNSENT if value is False else None)

    def failed(self, call: Call, error: BaseException) -> None:
        """It raised ``error``."""
        told: dict[str, Any] = {"type": _type(error), "message": steady(message_of(error))}
        if type(error).__module__ == "builtins":
            told["args"] = [steady(arg) if type(arg) is str else arg for arg in error.args]
        # Nobody knows what became of a message whose sender did not wait for the answer.
        is_told = isinstance(error, Exception) and not isinstance(error, TimeoutError)
        self._end(call, {"error": told}, Op.UNSENT if is_told else Op.UNSURE)

    def _end(self, call: Call, about: dict[str, Any], fate: Op | None) -> None:
        """A call is over; ``fate`` is None where it sent what it was to send."""
        if call.awaited:
            about["awaited"] = True
        message = None if call.has_sent else call.message
        if message is not None:
            about["message"] = True
            outer = call.outer
            while outer is not None:
                outer.has_sent = True
                outer = outer.outer
        body = packed({"name": call.method.name, **about})
        with self._lock:
            if message is not None and not self.is_over:
                self._send(message, fate)
            self._write(Op.RETURN, call.number, body)

    def _write(self, op: Op, number: int, body: bytes) -> None:
        if self.is_over:
            return
        clean = body if self._redactor is None else self._redactor.clean(op, body)
        self.recording.log.append(op, 0, self._now_ns(), 0, number, clean)

    def _send(self, message: Message, fate: Op | None) -> None:
        log, network, now_ns = self.recording.log, self.recording.network, self._now_ns()
        name = self._clean(message.connection)
        number = self._numbers.get(name)
        if number is None:
            number = network.add_connection(Connection(name, "message", self._channel), now_ns)
            self._numbers[name] = number
            network.connect(number << 1 | Direction.UPSTREAM, now_ns, 0, log.encode({}))
        op, body = message.op, message.body
        if fate is not None:
            body = body if op in OBJECTS else log.encode(body)
            op = fate
        kind = log.kind(self._clean(message.type), now_ns)
        lane = number << 1 | message.direction
        network.send(op, lane, now_ns, kind, log.next_index(lane, kind), body)

    def _now_ns(self) -> int:
        return max(self._clock.now_ns(), self.recording.log.end_ns)

    def _clean(self, text: str) -> str:
        return text if self._redactor is None else self._redactor.text(text)


def _type(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _message(method: Method, arguments: dict[str, Any]) -> Message | None:
    """The message of a call whose parameters say that it is one."""
    sends = method.sends
    if sends is None or not arguments.keys() >= {sends.connection, sends.message}:
        return None
    connection = name_of(arguments[sends.connection])
    message = arguments[sends.message]
    if sends.type in arguments:
        event = type_name(recordable(arguments[sends.type]))
        body = packed({"type": event, sends.message: message})
        return Message(connection, sends.direction, Op.OBJECT, event, body)
    return Message(connection, sends.direction, *_frame(message))


def _frame(message: Any) -> tuple[Op, str, str | bytes]:
    """Op, type and body of what was sent: a frame given as str or bytes, or an object."""
    # By its type: isinstance() also asks the object, which may answer with anything.
    if issubclass(type(message), (bytes, bytearray, memoryview)):
        return Op.BINARY, "", bytes(message)
    if type(message) is str and is_unicode(message):
        return Op.TEXT, type_of_text(message), message
    body = packed(message)
    plain = decode(body)
    return Op.OBJECT, type_name(plain.get("type")) if isinstance(plain, dict) else "", body
