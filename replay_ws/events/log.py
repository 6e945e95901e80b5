"""The log of a session: rows in columns, in the order in which things happened.

A row is ``(op, lane, time_ns, kind, index, body)``:

- ``op``     what it is (``Op``); below 16 an RFC 6455 opcode or our ``OBJECT``;
- ``lane``   ``connection << 1 | direction``;
- ``time_ns``  virtual time; it never goes back;
- ``kind``   number of the payload's type in ``Log.kinds`` (0 is the empty one);
- ``index``  ordinal of the message within its lane and kind, given when it is sent;
- ``body``   ``str`` for a text frame, ``bytes`` for everything else: the frame itself, or canonical
  msgpack where the row has structure (``decode`` reads it).

Everything that was delivered follows from the rows (see ``replay_ws.channel``); a log holds no
conclusions. Columns keep a million rows at some thirty bytes each beside the payloads.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

from replay_ws.clock import EPOCH_UNIX_NS
from replay_ws.events.encoding import Encoder, decode, encode

Row = tuple[int, int, int, int, int, "str | bytes"]


class Op(IntEnum):
    """What a row is."""

    TEXT = 1  # a text frame, as str
    BINARY = 2  # a binary frame
    OBJECT = 3  # an object given to the mock, canonical msgpack
    INVALID = 4  # an object that has no encoding; the body says why
    UNSENT = 5  # a message that a recorded object did not send, canonical msgpack
    UNSURE = 6  # one whose call was cancelled or timed out, canonical msgpack
    CLOSE = 8  # [code, reason]
    PING = 9
    PONG = 10
    HANDSHAKE = 16  # a connection attempt: {"url", "headers", "user", ...}
    ACCEPTED = 17  # a real peer's answer: {"status", "headers", "subprotocol"}
    REFUSED = 18  # a real peer's refusal: {"status", ...}
    DROPPED = 19  # the transport was lost without a close frame
    MARK = 32  # a remark, for readers
    CHANNEL = 48  # [name, configuration]: a mock begins
    CONNECTION = 49  # [name, link, channel]: a connection gets its number
    KIND = 50  # a payload type gets its number
    CONTROL = 51  # what the program did to the network: {"do": ...}
    DECISION = 52  # [toxic, attempt, amount]: a keyed choice that departs from the default
    SCHEDULE = 53  # [kind, path, [nth, amount, ...]]: where a task departed from arrival order
    INCIDENT = 54  # {"what": ...}: what the network did of its own accord
    METHOD = 55  # {"name", "kind", "parameters", ...}: a method of a recorded object
    CALL = 56  # {"name", "arguments", ...}: it is called
    RETURN = 57  # {"name", "value" | "error", ...}: that call is over
    END = 63  # {"status": "ok" | "error", ...}


OBJECTS = frozenset({Op.OBJECT, Op.INVALID, Op.UNSENT, Op.UNSURE})
"""Messages whose body is canonical msgpack."""

MESSAGES = OBJECTS | {Op.TEXT, Op.BINARY, Op.PING, Op.PONG}
"""Ops that carry an intent: what a sender wanted the other side to have."""

STRUCTURED = frozenset(Op) - {Op.TEXT, Op.BINARY, Op.PING, Op.PONG}
"""Ops whose body is canonical msgpack."""


class Direction(IntEnum):
    """Which way a message goes; toxiproxy's words."""

    DOWNSTREAM = 0  # server to client, what a mock sends
    UPSTREAM = 1  # client to server

    @property
    def sign(self) -> str:
        """``<`` for what a client receives, ``>`` for what it sends."""
        return "<>"[self]


@dataclass(frozen=True, slots=True)
class Connection:
    """One socket of a session: its stable name, its link, and the channel that it belongs to."""

    name: str
    link: str
    channel: int


@dataclass(frozen=True)
class Channel:
    """One mock (or one recorded peer) of a session, and its resolved configuration."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def packed(self) -> bytes:
        """The body of its row."""
        return encode([self.name, self.config])


@dataclass(frozen=True, slots=True)
class Header:
    """What a session says of itself; nothing in it varies between two runs of the same story."""

    seed: int = 0
    schedule: str = "fifo"
    profile: str = ""
    source: str = ""
    epoch_ns: int = EPOCH_UNIX_NS


class Log:
    """Append-only columns, and the tables of names that their numbers stand for."""

    def __init__(self, header: Header | None = None) -> None:
        self.header = header or Header()
        self.ops = array("B")
        self.lanes = array("I")
        self.times = array("q")
        self.kind_ids = array("I")
        self.indexes = array("Q")
        self.bodies: list[str | bytes] = []
        self.channels: list[Channel] = []
        self.connections: list[Connection] = []
        self.kinds: list[str] = [""]
        self.kind_numbers: dict[str, int] = {"": 0}
        self._counts: dict[tuple[int, int], int] = {}
        self.encode = Encoder().encode

    def __len__(self) -> int:
        return len(self.bodies)

    @property
    def end_ns(self) -> int:
        """Time of the last row."""
        return self.times[-1] if self.times else 0

    def append(
        self, op: int, lane: int, time_ns: int, kind: int, index: int, body: str | bytes
    ) -> int:
        """Add a row and return its number. ``body`` goes last: a row is whole once it is there."""
        self.ops.append(op)
        self.lanes.append(lane)
        self.times.append(time_ns)
        self.kind_ids.append(kind)
        self.indexes.append(index)
        bodies = self.bodies
        bodies.append(body)
        return len(bodies) - 1

    def note(self, op: Op, lane: int, time_ns: int, value: Any, *, index: int = 0) -> int:
        """Add a row whose body is the canonical encoding of ``value``."""
        return self.append(op, lane, time_ns, 0, index, self.encode(value))

    def next_index(self, lane: int, kind: int) -> int:
        """The ordinal for the next message of ``kind`` on ``lane``."""
        key = (lane, kind)
        index = self._counts.get(key, 0)
        self._counts[key] = index + 1
        return index

    def kind(self, name: str, time_ns: int) -> int:
        """The number of the payload type ``name``; a new one gets a row."""
        number = self.kind_numbers.get(name)
        if number is None:
            number = self.kind_numbers[name] = len(self.kinds)
            self.kinds.append(name)
            self.append(Op.KIND, 0, time_ns, number, 0, self.encode(name))
        return number

    def add_channel(self, channel: Channel, time_ns: int) -> int:
        """Begin a channel and return its number."""
        self.channels.append(channel)
        number = len(self.channels) - 1
        self.append(Op.CHANNEL, 0, time_ns, 0, number, channel.packed)
        return number

    def add_connection(self, connection: Connection, time_ns: int) -> int:
        """Begin a connection and return its number."""
        self.connections.append(connection)
        number = len(self.connections) - 1
        body = [connection.name, connection.link, connection.channel]
        self.note(Op.CONNECTION, number << 1, time_ns, body, index=number)
        return number

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Row]:
        """Rows ``start .. stop``, in order."""
        stop = len(self) if stop is None else stop
        return zip(
            self.ops[start:stop],
            self.lanes[start:stop],
            self.times[start:stop],
            self.kind_ids[start:stop],
            self.indexes[start:stop],
            self.bodies[start:stop],
            strict=True,
        )

    def value(self, row: int) -> Any:
        """The decoded body of a row with structure; the body itself of a frame."""
        body = self.bodies[row]
        return decode(body) if self.ops[row] in STRUCTURED and isinstance(body, bytes) else body

    def until(self, time_ns: int) -> Log:
        """The rows up to a time, apart from this log."""
        end = bisect_right(self.times, time_ns)
        twin = Log(self.header)
        for op, lane, at_ns, kind, index, body in self.rows(0, end):
            if op == Op.CHANNEL:
                twin.channels.append(self.channels[index])
            elif op == Op.CONNECTION:
                twin.connections.append(self.connections[index])
            elif op == Op.KIND:
                twin.kind_numbers[self.kinds[kind]] = len(twin.kinds)
                twin.kinds.append(self.kinds[kind])
            elif op == Op.END:
                break
            twin.append(op, lane, at_ns, kind, index, body)
        return twin

    def copy(self) -> Log:
        """The same rows, apart from this log: what is appended to one is not in the other."""
        twin = Log(self.header)
        for name in ("ops", "lanes", "times", "kind_ids", "indexes", "bodies"):
            setattr(twin, name, getattr(self, name)[:])
        twin.channels = self.channels[:]
        twin.connections = self.connections[:]
        twin.kinds = self.kinds[:]
        twin.kind_numbers = self.kind_numbers.copy()
        twin._counts = self._counts.copy()
        return twin
