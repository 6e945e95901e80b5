"""A session as a comparison reads it: columns, and numbers that are equal where events are.

Of a million events, nearly all are only ever looked at as such a number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from replay_ws.diff.keys import comparable, content, has_secret
from replay_ws.diff.model import Deliveries
from replay_ws.diff.volatile import NO_RULES, Volatile
from replay_ws.events.columns import Columns, Lane
from replay_ws.events.log import Op
from replay_ws.events.model import Event, Fate

Body: TypeAlias = "str | bytes"


@runtime_checkable
class InColumns(Protocol):
    """A session that need not build an event for everything that it delivered."""

    def columns(self) -> Columns:
        """What receivers saw."""

    def undelivered(self) -> Iterable[Event]:
        """The messages that never arrived, with their outcome."""


class Side(NamedTuple):
    """What one session delivered.

    ``ids`` are equal numbers for equal events; ``with_secrets`` numbers the events that hold some.
    """

    columns: Columns
    ids: Sequence[int]
    with_secrets: Sequence[int]
    rules: Volatile = NO_RULES

    @property
    def events(self) -> Sequence[Event]:
        """The events, each built when it is asked for."""
        return self.columns.events

    @property
    def times(self) -> Sequence[int]:
        """When each event was delivered."""
        return self.columns.times

    def content(self, number: int) -> Hashable:
        """The event as data, whatever its spelling; its number where it is no data."""
        packed = content(self.events[number], self.rules)
        return self.ids[number] if packed is None else (self.family(number), packed)

    def family(self, number: int) -> Hashable:
        """What a changed event still has in common with what it was: lane, type, message or not."""
        columns = self.columns
        lane, kind = columns.lane_numbers[number], columns.kinds[number]
        is_message = columns.ops[number] in (Op.TEXT, Op.OBJECT)
        return (columns.lanes[lane], columns.types[kind], is_message)

    @property
    def connections(self) -> set[str]:
        """Names of the connections on which anything was delivered."""
        columns = self.columns
        return {columns.lanes[number].connection for number in set(columns.lane_numbers)}


@dataclass(slots=True)
class Numbering:
    """Numbers for the events of several sessions: a table per lane, opcode and type, by body."""

    tables: defaultdict[tuple[Lane, int, str], dict[Body, int]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    count: int = 0

    def side(self, columns: Columns, rules: Volatile = NO_RULES) -> Side:
        """The side of a session; ``rules`` say what is exact of an event."""
        bodies = list(columns.bodies)
        with_secrets = [n for n, body in enumerate(bodies) if has_secret(body)]
        for n in range(len(bodies)) if rules else with_secrets:
            kind = columns.types[columns.kinds[n]]
            bodies[n] = comparable(columns.ops[n], kind, bodies[n], rules)
        columns_of_group = (columns.lane_numbers, columns.ops, columns.kinds)
        number_in = {
            (lane, op, kind): self.tables[columns.lanes[lane], op, columns.types[kind]].setdefault
            for lane, op, kind in set(zip(*columns_of_group, strict=True))
        }
        groups = map(number_in.__getitem__, zip(*columns_of_group, strict=True))
        numbered = zip(groups, bodies, count(self.count), strict=False)
        ids = [number(body, new) for number, body, new in numbered]
        self.count += len(ids)
        return Side(columns, ids, with_secrets, rules)


def columns_of(session: Deliveries) -> Columns:
    """What ``session`` delivered."""
    if isinstance(session, InColumns):
        return session.columns()
    return Columns.of(session.delivered())


def undelivered_of(session: Deliveries) -> Iterable[Event]:
    """The messages of ``session`` that never arrived."""
    if isinstance(session, InColumns):
        return session.undelivered()
    return (event for event in session.events if event.outcome is not Fate.DELIVERED)


def are_equal(one: Columns, other: Columns) -> bool:
    """Whether the same was delivered at the same times, by columns that are numbered alike."""
    return (
        one.ops == other.ops
        and one.kinds == other.kinds
        and one.lane_numbers == other.lane_numbers
        and one.bodies == other.bodies
        and one.times == other.times
        and one.lanes == other.lanes
        and one.types == other.types
    )
