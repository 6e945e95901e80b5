"""One direction of one connection: what is on its way there, and what serves it.

A lane serves one message after the other, the earliest ready first. Ready times only grow on a lane
that keeps its order, so that is first in, first out. What is held by an outage waits apart, but
counts as queued.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from replay_ws.channel.behaviour import FOREVER, Behaviour
from replay_ws.faults.order import RunOrder


class Message(NamedTuple):
    """A message on its way. Ordered by when it is ready, then by when it was sent."""

    ready_ns: int
    serial: int
    row: int
    size: int
    copy: int
    damage: int


class Lane:
    """The messages on their way in one direction of one connection."""

    __slots__ = (
        "behaviour",
        "cut_until",
        "free_ns",
        "held",
        "last_ready",
        "number",
        "order",
        "queue",
        "size",
    )

    def __init__(self, number: int, behaviour: Behaviour) -> None:
        self.number = number
        self.behaviour = behaviour
        self.queue: list[Message] = []  # a heap
        self.held: list[Message] = []
        self.size = 0
        self.free_ns = 0
        self.last_ready = 0
        self.cut_until = 0
        self.order = RunOrder()

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
        return self.queue[0] is message

    def hold(self, message: Message) -> None:
        """Keep a message until the outage ends."""
        self.held.append(message)
        self.size += message.size

    def release(self, now_ns: int) -> bool:
        """The outage is over: what was held is ready. True when the head may have changed."""
        held, self.held = self.held, []
        for message in held:
            heappush(self.queue, message._replace(ready_ns=max(message.ready_ns, now_ns)))
        return bool(held)

    def drop(self, now_ns: int) -> Message:
        """Take the oldest; if it was being served, the next one's turn begins now."""
        self.free_ns = max(self.free_ns, now_ns)
        return self.pop()

    def pop(self) -> Message:
        """Take the head, or the oldest that is held."""
        message = heappop(self.queue) if self.queue else self.held.pop(0)
        self.size -= message.size
        return message

    def clear(self) -> list[Message]:
        """Take everything."""
        messages = list(self)
        self.queue.clear()
        self.held.clear()
        self.size = self.last_ready = 0
        return messages

    def due_ns(self) -> int:
        """When the head will have been served."""
        head = self.queue[0]
        if not self.behaviour.serves:
            return head.ready_ns
        return max(head.ready_ns, self.free_ns) + self.behaviour.service_ns(head.size)

    def is_full(self, size: int) -> bool:
        """Whether ``size`` more bytes do not fit."""
        return self._overflows(len(self), self.size + size)

    def _overflows(self, count: int, size: int) -> bool:
        terms = self.behaviour.terms
        return count >= terms.queue_max or size > terms.queue_bytes_max

    def room_ns(self, size: int) -> int:
        """When ``size`` more bytes will fit; FOREVER if only the end of an outage can tell."""
        count, filled, free_ns = len(self), self.size + size, self.free_ns
        for message in sorted(self.queue):
            free_ns = max(free_ns, message.ready_ns) + self.behaviour.service_ns(message.size)
            count, filled = count - 1, filled - message.size
            if not self._overflows(count, filled):
                return free_ns
        return FOREVER
