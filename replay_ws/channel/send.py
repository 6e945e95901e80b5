"""One message while it is decided about, and what its sender learns."""

from __future__ import annotations

from typing import NamedTuple

from replay_ws.channel.core import Core, Socket
from replay_ws.channel.lane import Damage, Lane
from replay_ws.channel.terms import Terms
from replay_ws.events.model import Fate
from replay_ws.faults.toxics import Toxic


class Verdict(NamedTuple):
    """What the sender learns: the fate so far, how long the send takes, the intent's row.

    ``answered`` is False where nobody answered in time: whether the message arrives is in doubt.
    """

    fate: Fate
    wait_ns: int
    row: int
    answered: bool = True


class Send(NamedTuple):
    """A message that somebody sends. ``ordinal`` counts those of its lane and kind."""

    socket: Socket
    lane: Lane
    terms: Terms
    op: int
    kind: int
    ordinal: int
    row: int
    size: int
    now_ns: int

    def strike(self, core: Core, toxic: Toxic, attempt: int = 0) -> int:
        """Whether and how hard ``toxic`` strikes the message."""
        about = (self.lane.number, self.kind, self.ordinal, self.now_ns)
        return core.strike(toxic.name, *about, attempt)


class Flight:
    """What happens to a message on its way, step by step."""

    __slots__ = (
        "again_ns",
        "answered",
        "copies",
        "damage",
        "delay_ns",
        "lost",
        "overtakes",
        "send",
        "tried_ns",
        "wait_ns",
    )

    def __init__(self, send: Send) -> None:
        self.send = send
        self.tried_ns = 0
        """When the attempt began that got through, after the message was sent."""
        self.again_ns: list[int] = []
        """When attempts began that came after one that got through but was not answered."""
        self.answered = True
        self.wait_ns = send.terms.latency_ns
        """What the sender waits for the flight."""
        self.delay_ns = 0
        """What the message is late beyond that."""
        self.overtakes = False
        self.lost = 0
        """How often it was lost on a stream before it got through."""
        self.copies = 1
        self.damage: Damage | None = None
