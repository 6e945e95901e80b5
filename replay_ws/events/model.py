"""The values that the parts exchange: Event, Decision, Plan, Fate, Ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from replay_ws.events.encoding import EncodingError, decode
from replay_ws.events.log import Direction, Op


class Fate(IntEnum):
    """Where a message ended. From ``REJECTED`` up it was never accepted."""

    PENDING = 1
    DELIVERED = 2
    IN_DOUBT = 3  # the connection died with the message on its way
    LOST = 4  # and everything up to REJECTED: lost, for the reason that the name gives
    LOST_LOSS = 5
    LOST_OVERFLOW = 6
    LOST_PARTITION = 7
    LOST_MALFORMED = 8
    REJECTED = 16
    REJECTED_INVALID = 17
    REJECTED_TOO_BIG = 18
    REJECTED_ORDER = 19
    REJECTED_AUTH = 20
    REJECTED_CONNECTION_LIMIT = 21
    REJECTED_NOT_CONNECTED = 22
    REJECTED_PARTITION = 23
    REJECTED_QUEUE_FULL = 24
    REJECTED_TIMEOUT = 25
    REJECTED_FAILURE = 26
    REJECTED_GAVE_UP = 27
    REJECTED_RATE_LIMITED = 28

    @property
    def accepted(self) -> bool:
        """Whether the channel took the message."""
        return self < Fate.REJECTED

    @property
    def reason(self) -> str:
        """``"overflow"`` of ``LOST_OVERFLOW``, ``""`` where there is none."""
        head, _, reason = self.name.partition("_")
        return reason.lower() if head in ("LOST", "REJECTED") else ""

    @property
    def label(self) -> str:
        """As a report shows it: ``delivered``, ``in doubt``, ``lost (overflow)``."""
        words = self.name.lower().replace("_", " ")
        head, _, reason = words.partition(" ")
        return f"{head} ({reason})" if self.reason else words


_DECODED = (Op.OBJECT, Op.UNSENT, Op.UNSURE)


def payload_of(op: int, body: str | bytes) -> Any:
    """A message as plain data: an object, the JSON of a text frame, or the frame itself."""
    payload: Any = body
    if op in _DECODED and isinstance(body, bytes):
        try:
            payload = decode(body)
        except EncodingError:
            return body
    if isinstance(payload, str) and op != Op.OBJECT:
        try:
            return json.loads(payload)
        except (ValueError, RecursionError):
            return payload
    return payload


@dataclass(frozen=True, slots=True)
class Event:
    """One message, sent or delivered.

    ``time_ns`` is when it was delivered, or for one that was not, when it was sent; ``sent_ns`` is
    always the latter. ``row`` is the row of its intent in the log, ``copy`` counts further
    deliveries of the same message from 0.
    """

    op: Op
    connection: str
    direction: Direction
    time_ns: int
    type: str
    index: int
    body: str | bytes
    sent_ns: int
    row: int
    outcome: Fate = Fate.DELIVERED
    copy: int = 0
    damaged: bool = False

    @property
    def payload(self) -> Any:
        """The message as plain data: an object, the JSON of a text frame, or the frame itself."""
        return payload_of(self.op, self.body)

    @property
    def key(self) -> tuple[str, int, str, int]:
        """What names this message in every run of one story."""
        return (self.connection, self.direction, self.type, self.index)


SCHEDULING = ("hold", "late", "stall", "cancel", "fail")
"""What a schedule decides: a step waits for so many arrivals; a timer is due later, or the loop
reaches it later than it is due, by so many nanoseconds; a task is cancelled, or fails, where its
nth step goes on after an await."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One keyed choice that departed from the default: ``toxic`` struck, by ``amount``.

    A choice of the schedule has its kind in the place of the toxic (``SCHEDULING``), the path of
    the task or thread in that of the connection, and its nth step or timer as ``index``.
    """

    toxic: str
    connection: str
    direction: Direction
    type: str
    index: int
    attempt: int
    amount: int

    @property
    def key(self) -> tuple[str, str, int, str, int, int]:
        """What the choice was about; ``amount`` is what was chosen."""
        return (
            self.toxic,
            self.connection,
            self.direction,
            self.type,
            self.index,
            self.attempt,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """All decisions of a run, in order. With the intents it gives the run back without a seed."""

    decisions: tuple[Decision, ...] = ()

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.decisions)

    def __len__(self) -> int:
        return len(self.decisions)

    def without(self, decision: Decision) -> Plan:
        """The plan with one decision blanked."""
        return Plan(tuple(d for d in self.decisions if d.key != decision.key))


@dataclass(frozen=True, slots=True)
class Incident:
    """What the network did to a connection of its own accord, and what there is to say of it.

    ``what`` is ``refused``, ``closed``, ``reconnected``, ``resumed``, ``began``, ``ended``,
    ``overflow`` or ``gc``; ``about`` holds the rest, as in the cassette: close codes, a cause,
    counts.
    """

    time_ns: int
    connection: str
    what: str
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where every message ended, as counts; the sums hold at every instant.

    ``accepted = delivered + lost + in_doubt + pending`` and ``sent = accepted + rejected``;
    ``duplicated`` counts the copies beyond the first.
    """

    fates: Mapping[Fate, int] = field(default_factory=dict)
    duplicated: int = 0

    def _sum(self, fates: Iterable[Fate]) -> int:
        return sum(self.fates.get(fate, 0) for fate in fates)

    @property
    def sent(self) -> int:
        """Messages that a sender tried to send."""
        return sum(self.fates.values())

    @property
    def accepted(self) -> int:
        """Messages that the channel took."""
        return self._sum(fate for fate in Fate if fate.accepted)

    @property
    def rejected(self) -> int:
        """Messages that the channel refused; they never arrive."""
        return self._sum(fate for fate in Fate if not fate.accepted)

    @property
    def delivered(self) -> int:
        """Messages that arrived at least once."""
        return self._sum([Fate.DELIVERED])

    @property
    def lost(self) -> int:
        """Messages that were accepted and will never arrive."""
        return self._sum(fate for fate in Fate if Fate.LOST <= fate < Fate.REJECTED)

    @property
    def in_doubt(self) -> int:
        """Messages whose connection died while they were on their way."""
        return self._sum([Fate.IN_DOUBT])

    @property
    def pending(self) -> int:
        """Messages that are still on their way."""
        return self._sum([Fate.PENDING])

    @property
    def reasons(self) -> dict[str, int]:
        """Counts of everything that did not simply arrive, by label, in a fixed order."""
        plain = (Fate.DELIVERED, Fate.PENDING)
        return {f.label: self.fates[f] for f in sorted(self.fates) if f not in plain}

    def __str__(self) -> str:
        parts = ("sent", "accepted", "delivered", "lost", "in_doubt", "pending", "rejected")
        return " ".join(f"{name}={getattr(self, name)}" for name in (*parts, "duplicated"))
