"""A session as a comparison reads it: columns, and numbers that are equal where events are.

Of a million events, nearly all are only ever looked at as such a number.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from replay_ws.diff.blocks import agreement
from replay_ws.diff.keys import comparable, content, has_secret, untyped
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

    def untyped(self, number: int) -> Hashable:
        """The event without its type and opcode; its number where nothing else is in it."""
        bare = untyped(self.events[number])
        columns = self.columns
        return (columns.lanes[columns.lane_numbers[number]], bare) if bare else self.ids[number]

    @property
    def connections(self) -> set[str]:
        """Names of the connections on which anything was delivered."""
        columns = self.columns
        return {columns.lanes[number].connection for number in set(columns.lane_numbers)}


@dataclass(slots=True)
class _Numbered:
    """A session on the way to be a side: ``groups`` are the numbers of the tables of its events."""

    columns: Columns
    groups: Sequence[int]
    ids: list[int] = field(default_factory=list)
    with_secrets: list[int] = field(default_factory=list)

    def take(self, other: _Numbered, start: int, size: int) -> None:
        """Go on with the numbers of another session, which has the same from ``start`` on."""
        later = len(self.ids) - start
        secrets = other.with_secrets
        within = slice(bisect_left(secrets, start), bisect_left(secrets, start + size))
        self.with_secrets.extend(number + later for number in secrets[within])
        self.ids.extend(other.ids[start : start + size])


@dataclass(slots=True)
class Numbering:
    """Numbers for the events of several sessions: a table per lane, opcode and type, by body.

    A session goes along with the first one for long stretches, more often than not; what is equal
    there byte for byte takes its numbers from there.
    """

    rules: Volatile = NO_RULES
    first: _Numbered | None = None
    groups: dict[tuple[Lane, int, str], int] = field(default_factory=dict)
    tables: list[dict[Body, int]] = field(default_factory=list)
    count: int = 0

    def side(self, columns: Columns) -> Side:
        """The side of a session."""
        own = _Numbered(columns, self._groups_of(columns))
        if self.first is None:
            self.first = own
        else:
            for start, there, size in _stretches(own, self.first):
                self._number(own, start)
                own.take(self.first, there, size)
        self._number(own, len(columns))
        self.count += len(columns)
        return Side(columns, own.ids, own.with_secrets, self.rules)

    def _groups_of(self, columns: Columns) -> Sequence[int]:
        """Per event the number of its table."""
        numbers = {
            (lane, op, kind): self.groups.setdefault(
                (columns.lanes[lane], op, columns.types[kind]), len(self.groups)
            )
            for lane, op, kind in set(_triples(columns))
        }
        self.tables += [{} for _ in range(len(self.groups) - len(self.tables))]
        return array("I", map(numbers.__getitem__, _triples(columns)))

    def _number(self, own: _Numbered, stop: int) -> None:
        """Number the events up to ``stop`` by the tables."""
        ids, columns = own.ids, own.columns
        start = len(ids)
        tables, by_rules = self.tables, bool(self.rules)
        new = count(self.count + start)
        bodies: Sequence[Body] = columns.bodies[start:stop]
        for body, group, number in zip(bodies, own.groups[start:stop], new, strict=False):
            holds_secret = has_secret(body)
            if holds_secret:
                own.with_secrets.append(len(ids))
            if holds_secret or by_rules:
                kind = columns.types[columns.kinds[len(ids)]]
                body = comparable(columns.ops[len(ids)], kind, body, self.rules)
            ids.append(tables[group].setdefault(body, number))


HOP_MAX = 4
AGREEMENT = 4
"""After a difference, so many events are hopped over at most, if then so many agree."""

_HOPS = [(i, reach - i) for reach in range(1, HOP_MAX + 1) for i in range(reach + 1)]
_SKIP = 16
_TRIES = 64
_STEADY = 24


def _stretches(one: _Numbered, other: _Numbered) -> Iterator[tuple[int, int, int]]:
    """Where two sessions go along with each other, as ``(x, y, size)``, rising in both.

    It ends where the stretches get so short that looking for them does not pay.
    """
    x, y, found, tries = 0, 0, 0, 0
    bodies, other_bodies = one.columns.bodies, other.columns.bodies
    while (most := min(len(bodies) - x, len(other_bodies) - y)) > 0:
        size = agreement(bodies, other_bodies, x, y, most)
        size = agreement(one.groups, other.groups, x, y, size)
        if size:
            yield x, y, size
            x, y, found = x + size, y + size, found + size
        tries += 1
        if tries % _TRIES == 0 and found < _STEADY * tries:
            return
        near = bodies[x : x + HOP_MAX + AGREEMENT]
        there = other_bodies[y : y + HOP_MAX + AGREEMENT]
        hops = (h for h in _HOPS if near[h[0] :][:AGREEMENT] == there[h[1] :][:AGREEMENT])
        i, j = next(hops, (_SKIP, _SKIP))
        x, y = x + i, y + j


def _triples(columns: Columns) -> Iterator[tuple[int, int, int]]:
    return zip(columns.lane_numbers, columns.ops, columns.kinds, strict=True)


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
