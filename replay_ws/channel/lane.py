"""One direction of one connection: what is on its way there, and what serves it.

A lane serves one message after the other, the earliest ready first. Ready times only grow on a lane
that keeps its order, so that is first in, first out. What is held by an outage waits apart, but
counts as queued.

Each server is a token bucket, kept as the time at which it will have served everything so far: a
message leaves when that time has come, less the burst that the server allows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from replay_ws.channel.tcp import Stream
from replay_ws.channel.terms import FOREVER, Terms
from replay_ws.faults.order import RunOrder


class Damage(NamedTuple):
    """In which way a message arrives harmed, and where."""

    kind: str
    position: int


class Lost(NamedTuple):
    """When a message that was lost is ready: by itself, and not before those sent before it."""

    flight_ns: int
    own_ns: int
    before_ns: int


class Message(NamedTuple):
    """A message on its way. Ordered by when it is ready, then by when it was sent."""

    ready_ns: int
    serial: int
    row: int
    size: int
    damage: Damage | None
    sent_ns: int
    own_ns: int
    """When it would be ready if nothing were before it."""


class Forecast:
    """When the messages of a queue leave, in order, and how its servers stand after the last."""

    __slots__ = ("due_ns", "last", "leaves", "served_ns")

    def __init__(self, served_ns: tuple[int, ...], due_ns: int) -> None:
        self.served_ns = served_ns
        self.due_ns = due_ns
        self.leaves: deque[tuple[int, int]] = deque()
        """Per message: when it leaves, its size."""
        self.last: Message | None = None


class Lane:
    """The messages on their way in one direction of one connection."""

    __slots__ = (
        "buckets",
        "collected",
        "forecast",
        "held",
        "last_due",
        "last_ready",
        "lost",
        "number",
        "order",
        "passed",
        "passed_bytes",
        "queue",
        "served_ns",
        "since_ns",
        "size",
        "stream",
        "terms",
    )

    def __init__(self, number: int, terms: Terms) -> None:
        self.number = number
        self.terms = terms
        self.since_ns = 0
        """When the lane began to follow its terms; what they let go arrives then, not before."""
        self.queue: list[Message] = []  # a heap
        self.held: list[Message] = []
        self.size = 0
        self.last_ready = 0
        self.order = RunOrder()
        self.served_ns: tuple[int, ...] = ()
        """Per server: when it will have served what it took so far."""
        self.last_due = 0
        self.buckets: dict[str, int] = {}
        """Rate limit -> when a message would be on time, or until when nothing is let in."""
        self.passed = self.passed_bytes = 0
        """What was sent since the connection was opened."""
        self.stream = Stream()
        """What is lost on a stream, and not yet made up for."""
        self.lost: dict[int, Lost] = {}
        """By row: what was lost on a stream at first."""
        self.forecast: Forecast | None = None
        """When what is queued leaves, as far as somebody asked and that still holds."""
        self.collected = 0
        """Bytes that the receiver took since it last collected garbage."""

    def follow(self, terms: Terms, now_ns: int) -> None:
        """Work by other terms from now on; a server that stays keeps what it is busy with."""
        names = (server.name for server in self.terms.servers)
        busy = dict(zip(names, self.served_ns, strict=True))
        self.served_ns = tuple(busy.get(server.name, now_ns) for server in terms.servers)
        self.terms, self.since_ns = terms, now_ns
        self.forecast = None

    def __iter__(self) -> Iterator[Message]:
        """Everything on its way, in no particular order."""
        yield from self.queue
        yield from self.held

    def __len__(self) -> int:
        return len(self.queue) + len(self.held)

    def push(self, message: Message) -> bool:
        """Queue a message; True when it is the new head."""
        heappush(self.queue, message)
        self.size += message.size
        forecast = self.forecast
        if forecast is not None:
            if forecast.last is None or forecast.last < message:
                self._foresee(forecast, message)
            else:
                self.forecast = None
        return self.queue[0] is message

    def hold(self, message: Message) -> None:
        """Keep a message until the outage ends."""
        self.held.append(message)
        self.size += message.size

    def release(self, ready_ns: int) -> bool:
        """What was held is ready then. True when the head may have changed."""
        held, self.held, self.forecast = self.held, [], None
        for message in held:
            heappush(self.queue, message._replace(ready_ns=max(message.ready_ns, ready_ns)))
        if held:
            self.last_ready = max(self.last_ready, ready_ns)
        return bool(held)

    def retime(self, through_ns: Mapping[int, int]) -> bool:
        """Messages get through at other times than was thought; nothing overtakes on a stream.

        True when that changed anything: what waits behind another one mostly goes on waiting.
        """
        changed = False
        for row, at_ns in through_ns.items():
            lost = self.lost.get(row)
            if lost is not None:
                changed |= lost.own_ns > lost.before_ns
                self.lost[row] = lost._replace(own_ns=at_ns + lost.flight_ns)
        if changed:
            self._line_up()
        return changed

    def _line_up(self) -> None:
        """Work out anew when each message is ready, which none is before those sent before it."""
        before_ns, first = 0, set()
        self.forecast = None
        for at, message in enumerate(sorted(self.queue, key=lambda message: message.serial)):
            row, own_ns = message.row, message.own_ns
            if row in self.lost:
                own_ns = self.lost[row].own_ns
                self.lost[row] = self.lost[row]._replace(before_ns=before_ns)
            ready_ns = max(own_ns, before_ns)
            if row not in first:  # a copy that is sent later holds nothing up
                before_ns = ready_ns
                first.add(row)
            self.queue[at] = message._replace(ready_ns=ready_ns, own_ns=own_ns)
        heapify(self.queue)
        self.last_ready = max((message.ready_ns for message in self.held), default=before_ns)
        self.last_ready = max(self.last_ready, before_ns)

    def drop(self, now_ns: int) -> Message:
        """Take the oldest; if it was being served, the next one's turn begins now."""
        self.served_ns = tuple(max(served, now_ns) for served in self.served_ns)
        self.forecast = None
        return self.pop()

    def pop(self) -> Message:
        """Take the head, or the oldest that is held."""
        message = heappop(self.queue) if self.queue else self.held.pop(0)
        self.size -= message.size
        self.lost.pop(message.row, None)
        return message

    def clear(self) -> list[Message]:
        """Take everything, in the order in which it was sent."""
        messages = sorted(self, key=lambda message: message.serial)
        self.queue.clear()
        self.held.clear()
        self.stream.clear()
        self.lost.clear()
        self.forecast = None
        self.size = self.last_ready = 0
        return messages

    # --- service ---------------------------------------------------------------------------

    def due_ns(self) -> int:
        """When the head will have been served."""
        head = self.queue[0]
        if not self.terms.serves:
            return max(head.ready_ns, self.since_ns)
        return self._serve(head, self.served_ns, self.last_due)[0]

    def _serve(
        self, message: Message, served_ns: tuple[int, ...], last_due: int
    ) -> tuple[int, tuple[int, ...]]:
        """When a message leaves, and what the servers have served then."""
        due_ns, after = message.ready_ns, []
        if self.terms.pauses:
            due_ns = max(due_ns, last_due)
        for server, before_ns in zip(self.terms.servers, served_ns, strict=True):
            then_ns = max(before_ns, due_ns) + server.busy_ns(message.size)
            after.append(then_ns)
            due_ns = max(due_ns, then_ns - server.burst_ns)
        return max(due_ns, self.since_ns), tuple(after)

    def serve(self) -> Message:
        """Take the head, served."""
        if self.terms.serves:
            self.last_due, self.served_ns = self._serve(
                self.queue[0], self.served_ns, self.last_due
            )
        if self.forecast is not None:
            self.forecast.leaves.popleft()
        return self.pop()

    def pause(self, until_ns: int) -> None:
        """The receiver takes nothing until then."""
        self.last_due = max(self.last_due, until_ns)
        self.forecast = None

    # --- room ------------------------------------------------------------------------------

    def is_full(self, size: int) -> bool:
        """Whether ``size`` more bytes do not fit."""
        return self._overflows(len(self), self.size + size)

    def _overflows(self, count: int, size: int) -> bool:
        return count >= self.terms.queue_max or size > self.terms.queue_bytes_max

    def room_ns(self, size: int) -> int:
        """When ``size`` more bytes will fit; FOREVER if only the end of an outage can tell."""
        if self.forecast is None:
            self.forecast = Forecast(self.served_ns, self.last_due)
            for message in sorted(self.queue):
                self._foresee(self.forecast, message)
        low_water = self.terms.low_water
        count, filled = len(self.held), size + sum(message.size for message in self.held)
        room_ns = FOREVER
        # From the back, for what fits is bounded and what waits is not.
        for due_ns, taken in reversed(self.forecast.leaves):
            if self._overflows(count, filled) or (low_water is not None and count > low_water):
                break
            room_ns = due_ns
            count, filled = count + 1, filled + taken
        return room_ns

    def _foresee(self, forecast: Forecast, message: Message) -> None:
        forecast.due_ns, forecast.served_ns = self._serve(
            message, forecast.served_ns, forecast.due_ns
        )
        forecast.leaves.append((forecast.due_ns, message.size))
        forecast.last = message
