"""Deliveries in columns: what a comparison asks of a million events, without a million Events.

An ``Event`` is built when one is asked for by number: of the few that there is anything to say of.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, overload

from replay_ws.events.log import Direction
from replay_ws.events.model import Event

Name = TypeVar("Name")


class Lane(NamedTuple):
    """One direction of one connection."""

    connection: str
    direction: Direction


class BuiltEvents(Sequence[Event]):
    """``count`` events, of which each is built whenever it is asked for, and not kept."""

    def __init__(self, count: int, build: Callable[[int], Event]) -> None:
        self._count = count
        self._build = build

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> Event: ...

    @overload
    def __getitem__(self, number: slice) -> tuple[Event, ...]: ...

    def __getitem__(self, number: int | slice) -> Event | tuple[Event, ...]:
        numbers = range(self._count)[number]
        return self._build(numbers) if isinstance(numbers, int) else tuple(self._built(numbers))

    def __iter__(self) -> Iterator[Event]:
        return self._built(range(self._count))

    def _built(self, numbers: Iterable[int]) -> Iterator[Event]:
        return map(self._build, numbers)


@dataclass(frozen=True, slots=True)
class Columns:
    """What receivers saw, in the order in which they saw it; a column per fact, an item per event.

    ``lane_numbers`` and ``kinds`` are numbers in the tables ``lanes`` and ``types``. Not to be
    changed.
    """

    ops: Sequence[int]
    lane_numbers: Sequence[int]
    kinds: Sequence[int]
    times: Sequence[int]
    bodies: Sequence[str | bytes]
    lanes: Sequence[Lane]
    types: Sequence[str]
    events: Sequence[Event]

    @classmethod
    def of(cls, events: Sequence[Event]) -> Columns:
        """The columns of events that are there already."""
        lanes: dict[Lane, int] = {}
        types: dict[str, int] = {}
        return cls(
            array("B", (event.op for event in events)),
            array("I", (_number(lanes, Lane(e.connection, e.direction)) for e in events)),
            array("I", (_number(types, event.type) for event in events)),
            array("q", (event.time_ns for event in events)),
            [event.body for event in events],
            list(lanes),
            list(types),
            events,
        )

    def __len__(self) -> int:
        return len(self.bodies)


def _number(table: dict[Name, int], name: Name) -> int:
    return table.setdefault(name, len(table))
