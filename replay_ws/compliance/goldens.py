"""Goldens as a proposal reads them: events with their types, in the runs that they belong to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from replay_ws.compliance.reading import at
from replay_ws.compliance.rules import Pointer
from replay_ws.events.log import Op
from replay_ws.events.model import Event

TYPE_AT: tuple[Pointer, ...] = tuple(
    (name,) for name in ("type", "event_type", "event", "kind", "method", "op", "action")
)
"""Where events may say what they are, the likeliest first."""

DEPTH_MAX = 3
"""How deep names are looked for."""

ID = re.compile(r"(?i)(?:^|[_-]|(?<=[a-z]))(?:uu)?id$|^key$")
"""What a field is called that names something."""

MESSAGES = (Op.TEXT, Op.OBJECT)


class Seen(NamedTuple):
    """An event of a stream, as far as a profile speaks of it."""

    type: str
    payload: Any


Run: TypeAlias = "list[Seen]"


def type_places(payloads: Iterable[Any]) -> tuple[Pointer, ...]:
    """The places that say most often what an event is, as few as tell all that say it."""
    left = [payload for payload in payloads if isinstance(payload, dict)]
    found: list[Pointer] = []
    while left:
        told = {place: sum(_says(payload, place) for payload in left) for place in TYPE_AT}
        best = max(TYPE_AT, key=told.__getitem__)
        if not told[best]:
            break
        found.append(best)
        left = [payload for payload in left if not _says(payload, best)]
    return tuple(found)


def _says(payload: Any, place: Pointer) -> bool:
    value = at(payload, place)
    return isinstance(value, str) and value != ""


def streams_of(sessions: list[list[Event]], types: tuple[Pointer, ...]) -> list[list[Seen]]:
    """The events of each connection that the checker judges; ``types``: where their types are.

    What a client sends is judged only if a server sends events of this type too. A stream is empty
    if none of its messages has a type; a session without any has an empty one.
    """
    told = [[(event, _type_of(event.payload, types)) for event in session] for session in sessions]
    judged = {type for session in told for event, type in session if not event.direction}
    streams: dict[tuple[int, str], list[Seen]] = defaultdict(list)
    for number, session in enumerate(told):
        count = len(streams)
        for event, type in session:
            if event.direction and (not type or type not in judged):
                continue
            stream = streams[number, event.connection]
            if type:
                stream.append(Seen(type, event.payload))
        if len(streams) == count:
            streams[number, ""] = []
    return [*streams.values()]


def _type_of(payload: Any, places: tuple[Pointer, ...]) -> str:
    return next((at(payload, place) for place in places if _says(payload, place)), "")


@dataclass(frozen=True, slots=True)
class Division:
    """Streams as runs, and the keys by which the checker divides them so."""

    runs: list[Run]
    by: Pointer | None = None
    restarts: bool = False


def divided(streams: list[list[Seen]]) -> Division:
    """Runs that a field tells apart, or that begin anew after an end; else whole streams."""
    firsts = {stream[0].type for stream in streams if stream}
    if not all(streams) or all(
        sum(seen.type in firsts for seen in stream) == 1 for stream in streams
    ):
        return Division(streams)
    everywhere = carried([seen for stream in streams for seen in stream])
    for place in sorted(everywhere, key=likeliest):
        runs = [run for stream in streams for run in grouped(stream, place).values()]
        if all(_begins_once(run, firsts) for run in runs):
            return Division(runs, by=place)
    runs = [run for stream in streams for run in _cut(stream, firsts)]
    if terminals(runs) and all(_begins_once(run, firsts) for run in runs):
        return Division(runs, restarts=True)
    return Division(streams)


def _begins_once(run: Run, firsts: set[str]) -> bool:
    begins = [number for number, seen in enumerate(run) if seen.type in firsts]
    return begins == [0] and len(run) > 1


def _cut(stream: list[Seen], firsts: set[str]) -> Iterator[Run]:
    begins = [number for number, seen in enumerate(stream) if seen.type in firsts]
    for begin, end in pairwise([*begins, len(stream)]):
        yield stream[begin:end]


def terminals(runs: list[Run]) -> list[str]:
    """The types that end runs, if each of them comes at an end only."""
    last = {run[-1].type for run in runs if run}
    once = all(sum(seen.type in last for seen in run) == 1 for run in runs if run)
    return sorted(last) if once else []


# --- places that hold names ----------------------------------------------------------------


def leaves(payload: Any, path: Pointer = ()) -> Iterator[tuple[Pointer, str | int]]:
    """The values in objects that can name something."""
    if isinstance(payload, dict) and len(path) < DEPTH_MAX:
        for key, value in payload.items():
            if isinstance(key, str):
                yield from leaves(value, (*path, key))
    elif path and _is_name(payload):
        yield path, payload


def _is_name(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""


def carried(events: Iterable[Seen]) -> set[Pointer]:
    """The places where all of ``events`` hold something that can be a name."""
    common: set[Pointer] | None = None
    for seen in events:
        places = {place for place, _ in leaves(seen.payload)}
        common = places if common is None else common & places
    return common or set()


def places_of(runs: list[Run]) -> dict[str, set[Pointer]]:
    by_type: dict[str, list[Seen]] = defaultdict(list)
    for run in runs:
        for seen in run:
            by_type[seen.type].append(seen)
    return {type: carried(events) for type, events in by_type.items()}


def likeliest(place: Pointer) -> tuple[bool, int, Pointer]:
    """Sorts places by how likely they are to hold a name."""
    return not ID.search(place[-1]), len(place), place


def grouped(run: Run, place: Pointer) -> dict[str, list[Seen]]:
    """The events of a run by what they hold at ``place``; as the checker reads names."""
    groups: dict[str, list[Seen]] = defaultdict(list)
    for seen in run:
        value = at(seen.payload, place)
        if _is_name(value):
            groups[str(value)].append(seen)
    return groups
