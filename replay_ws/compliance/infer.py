"""A profile proposed from goldens: what their streams have in common.

Nothing is proposed that a golden does not keep, so the proposal gives each of them a score of 1.0.
What only one run shows may be chance, so what is proposed comes with what speaks for it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from replay_ws.compliance.profile import Pointer, Profile
from replay_ws.compliance.proposal import Entry, Proposal, pointer_text
from replay_ws.compliance.reading import at, foreign_to_json, type_of
from replay_ws.errors import ConfigError
from replay_ws.events.log import Direction, Op
from replay_ws.events.model import Event

TYPE_AT: tuple[Pointer, ...] = tuple(
    (name,) for name in ("type", "event_type", "event", "kind", "method", "op", "action")
)
"""Where events may say what they are, the likeliest first."""

ENDS_MAX = 3
"""How many types may begin runs, or end them, before that says nothing."""

DEPTH_MAX = 3
"""How deep names are looked for."""

_ID = re.compile(r"(?i)(?:^|[_-]|(?<=[a-z]))(?:uu)?id$|^key$")


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


class Seen(NamedTuple):
    """An event of a stream, as far as a profile speaks of it."""

    type: str
    payload: Any


Run: TypeAlias = "list[Seen]"


def infer(goldens: Sequence[Iterable[Event]], *, name: str = "inferred") -> Proposal:
    """A profile that each of ``goldens``, the delivered events of a session, keeps.

    Raises ConfigError where no event says what it is.
    """
    sessions = [[event for event in golden if event.op in _MESSAGES] for golden in goldens]
    types = _type_places(event.payload for session in sessions for event in session)
    streams, has_format = _streams(sessions, Profile(name, type=types))
    if not any(streams):
        what = "no event that a server sent says what it is"
        mend = f"events are objects with one of the keys {', '.join(p[0] for p in TYPE_AT)}"
        raise ConfigError(what, where="infer", mend=mend)
    division = _divided(streams)
    study = _Study(division, _places(division.runs))
    entries = [
        Entry("name", name),
        Entry("type", [*map(pointer_text, types)], "where an event says what it is"),
        *([Entry("format", True, "every message is a JSON object with a type")] * has_format),
        *study.entries(),
    ]
    events = sum(map(len, streams))
    return Proposal(tuple(entries), len(streams), len(division.runs), events)


_MESSAGES = (Op.TEXT, Op.OBJECT)


# --- what is read --------------------------------------------------------------------------


def _type_places(payloads: Iterable[Any]) -> tuple[Pointer, ...]:
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


def _streams(sessions: list[list[Event]], draft: Profile) -> tuple[list[list[Seen]], bool]:
    """The events of each connection that the checker judges, and whether all are well-formed.

    What a client sends is judged only if a server sends events of this type too. A stream is empty
    if none of its messages has a type; a session without any has an empty one.
    """
    down = {
        type_of(event.payload, draft)
        for session in sessions
        for event in session
        if event.direction is not Direction.UPSTREAM
    }
    streams: dict[tuple[int, str], list[Seen]] = defaultdict(list)
    has_format = True
    for number, session in enumerate(sessions):
        judged = len(streams)
        for event in session:
            payload = event.payload
            type = type_of(payload, draft)
            if event.direction is Direction.UPSTREAM and (not type or type not in down):
                continue
            if not type or foreign_to_json(event, payload):
                has_format = False
            stream = streams[number, event.connection]
            if type:
                stream.append(Seen(type, payload))
        if len(streams) == judged:
            streams[number, ""] = []
    return [*streams.values()], has_format


@dataclass(frozen=True, slots=True)
class _Division:
    """Streams as runs, and the keys by which the checker divides them so."""

    runs: list[Run]
    by: Pointer | None = None
    restarts: bool = False


def _divided(streams: list[list[Seen]]) -> _Division:
    """Runs that a field tells apart, or that begin anew after an end; else whole streams."""
    firsts = {stream[0].type for stream in streams if stream}
    if not all(streams) or all(
        sum(seen.type in firsts for seen in stream) == 1 for stream in streams
    ):
        return _Division(streams)
    everywhere = _carried([seen for stream in streams for seen in stream])
    for place in sorted(everywhere, key=_likeliest):
        runs = [run for stream in streams for run in _grouped(stream, place).values()]
        if all(_begins_once(run, firsts) for run in runs):
            return _Division(runs, by=place)
    runs = [run for stream in streams for run in _cut(stream, firsts)]
    if _terminals(runs) and len(runs) > len(streams):
        return _Division(runs, restarts=True)
    return _Division(streams)


def _begins_once(run: Run, firsts: set[str]) -> bool:
    return [seen.type in firsts for seen in run].count(True) == 1 and run[0].type in firsts


def _cut(stream: list[Seen], firsts: set[str]) -> Iterator[Run]:
    begins = [number for number, seen in enumerate(stream) if seen.type in firsts]
    for begin, end in pairwise([*begins, len(stream)]):
        yield stream[begin:end]


def _terminals(runs: list[Run]) -> list[str]:
    """The types that end runs, if each of them comes at an end only."""
    last = {run[-1].type for run in runs if run}
    once = all(sum(seen.type in last for seen in run) == 1 for run in runs if run)
    return sorted(last) if once else []


# --- places that hold names ----------------------------------------------------------------


def _names(payload: Any, path: Pointer = ()) -> Iterator[tuple[Pointer, str | int]]:
    """The values in objects that can name something."""
    if isinstance(payload, dict) and len(path) < DEPTH_MAX:
        for key, value in payload.items():
            if isinstance(key, str):
                yield from _names(value, (*path, key))
    elif path and _is_name(payload):
        yield path, payload


def _is_name(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""


def _carried(events: Iterable[Seen]) -> set[Pointer]:
    """The places where all of ``events`` hold something that can be a name."""
    common: set[Pointer] | None = None
    for seen in events:
        places = {place for place, _ in _names(seen.payload)}
        common = places if common is None else common & places
    return common or set()


def _places(runs: list[Run]) -> dict[str, set[Pointer]]:
    by_type: dict[str, list[Seen]] = defaultdict(list)
    for run in runs:
        for seen in run:
            by_type[seen.type].append(seen)
    return {type: _carried(events) for type, events in by_type.items()}


def _likeliest(place: Pointer) -> tuple[bool, int, Pointer]:
    """Sorts places by how likely they are to hold a name."""
    return not _ID.search(place[-1]), len(place), place


def _grouped(run: Run, place: Pointer) -> dict[str, list[Seen]]:
    """The events of a run by what they hold at ``place``; as the checker reads names."""
    groups: dict[str, list[Seen]] = defaultdict(list)
    for seen in run:
        value = at(seen.payload, place)
        if _is_name(value):
            groups[str(value)].append(seen)
    return groups


# --- what is proposed ----------------------------------------------------------------------


class _Pair(NamedTuple):
    """A type that opens, the types that close it, and where its name is; None for no name."""

    open: str
    close: tuple[str, ...]
    by: Pointer | None


_COUPLES = {
    "start": ("end", "finish", "stop", "done", "error"),
    "started": ("ended", "finished", "completed", "stopped", "failed", "error"),
    "begin": ("end",),
    "open": ("close",),
    "opened": ("closed",),
    "executing": ("completed", "executed", "failed", "error"),
    "added": ("done", "removed"),
    "created": ("done", "completed", "failed"),
    "call": ("result", "error"),
    "request": ("response", "error"),
}
"""The words by which types say that they open something, and by which they close it."""


@dataclass(slots=True)
class _Study:
    """Runs, and what they have in common."""

    division: _Division
    places: dict[str, set[Pointer]]

    @property
    def runs(self) -> list[Run]:
        return self.division.runs

    def entries(self) -> Iterator[Entry]:
        """What is proposed beside the name."""
        runs = self.runs
        counts = [Counter(seen.type for seen in run) for run in runs]
        types = [*dict.fromkeys(seen.type for run in runs for seen in run)]
        required = [type for type in types if all(type in count for count in counts)]
        terminal = _terminals(runs)
        whole = {run[0].type for run in runs if run}, set(terminal)
        pairs = [p for p in self._pairs() if ({p.open}, {*p.close}) != whole]
        named = {type for pair in pairs for type in (pair.open, *pair.close)}
        if self.division.by is not None:
            yield Entry("run", [pointer_text(self.division.by)], "each run has a name of its own")
        if required:
            yield Entry("required", required, f"in {_all(len(runs))}")
        named.update(required)
        for entry in self._ends(terminal):
            yield entry
            named.update(entry.value)
        order = self._order(required)
        if len(order) > 1:
            yield Entry("order", order, f"the first of each, in {_all(len(runs))}")
        paired = {type for pair in pairs for type in (pair.open, *pair.close)}
        once = [t for t in required if t not in paired and all(c[t] == 1 for c in counts)]
        if once:
            yield Entry("at_most_once", once, f"exactly once in {_all(len(runs))}")
        known = [type for type in types if type not in named]
        yield Entry("known", known or types, "what else came" if known else "all that came")
        for pair in pairs:
            yield self._pair_entry(pair)

    def _ends(self, terminal: list[str]) -> Iterator[Entry]:
        """The types that begin runs and end them."""
        first = sorted({run[0].type for run in self.runs if run})
        if len(first) <= ENDS_MAX:
            yield Entry("first", first, "every run begins so")
        if terminal and (len(terminal) <= ENDS_MAX or self.division.restarts):
            yield Entry("terminal", terminal, "every run ends so, and nothing comes after it")
        if self.division.restarts:
            yield Entry("restart", first, "after the end a connection goes on with another run")

    def _order(self, required: list[str]) -> list[str]:
        """The longest chain of required types whose first ones come in one order in all runs."""
        firsts = []
        for run in self.runs:
            places: dict[str, int] = {}
            for number, seen in enumerate(run):
                places.setdefault(seen.type, number)
            firsts.append(places)
        longest: dict[str, list[str]] = {}
        for type in required:
            before = [t for t in longest if all(places[t] < places[type] for places in firsts)]
            head: list[str] = max((longest[t] for t in before), key=len, default=[])
            longest[type] = [*head, type]
        return max(longest.values(), key=len, default=[])

    def _pairs(self) -> Iterator[_Pair]:
        """Types that open and close, each type in one pair."""
        taken: set[str] = set()
        for pair in (*self._named_pairs(), *self._worded_pairs()):
            if not taken & {pair.open, *pair.close}:
                taken.update((pair.open, *pair.close))
                yield pair

    def _named_pairs(self) -> Iterator[_Pair]:
        """For each type that opens something, the pair whose name is the likeliest."""
        found = [pair for place in set().union(*self.places.values()) for pair in self._by(place)]
        best = sorted(found, key=lambda pair: (_unlike(pair), _likeliest(pair.by or ()), pair))
        for opening in self.places:
            yield from [pair for pair in best if pair.open == opening][:1]

    def _by(self, place: Pointer) -> Iterator[_Pair]:
        """The types that open and close something under the name that is at ``place``."""
        carriers = {type for type, places in self.places.items() if place in places}
        threads = [
            [seen.type for seen in events if seen.type in carriers]
            for run in self.runs
            for events in _grouped(run, place).values()
        ]
        threads = [thread for thread in threads if thread]
        for opening in {thread[0] for thread in threads}:
            closing = _closing(opening, threads)
            if closing and (_ID.search(place[-1]) or self._recurs(opening)):
                yield _Pair(opening, closing, place)

    def _recurs(self, type: str) -> bool:
        return any(sum(seen.type == type for seen in run) > 1 for run in self.runs)

    def _worded_pairs(self) -> Iterator[_Pair]:
        """Types whose names say it and that are balanced, where they have no name in common."""
        for opening in self.places:
            closing = tuple(type for type in self.places if _answers(opening, type))
            if closing and all(_is_balanced(run, opening, closing) for run in self.runs):
                yield _Pair(opening, closing, None)

    def _pair_entry(self, pair: _Pair) -> Entry:
        count = sum(seen.type == pair.open for run in self.runs for seen in run)
        value = {"name": _stem(pair), "open": [pair.open], "close": [*pair.close]}
        if pair.by is None:
            return Entry("pairs", value, f"{_times(count)}, by the words in their names")
        value["by"] = [pointer_text(pair.by)]
        return Entry("pairs", value, f"{_times(count)}, each under a name of its own")


def _closing(opening: str, threads: list[list[str]]) -> tuple[str, ...]:
    """The types that close what ``opening`` opens; none if it is not always closed, and once."""
    opened = [thread for thread in threads if opening in thread]
    closing = {thread[-1] for thread in opened}
    fits = opening not in closing and all(
        thread[0] == opening
        and thread.count(opening) == 1
        and sum(t in closing for t in thread) == 1
        for thread in opened
    )
    elsewhere = any(t in closing for thread in threads if opening not in thread for t in thread)
    return tuple(sorted(closing)) if fits and not elsewhere else ()


def _is_balanced(run: Run, opening: str, closing: tuple[str, ...]) -> bool:
    depth = 0
    for seen in run:
        depth += (seen.type == opening) - (seen.type in closing)
        if depth < 0:
            return False
    return depth == 0


def _answers(opening: str, closing: str) -> bool:
    """Whether two types have the same words, but for a last one that opens and one that closes."""
    (*stem, one), (*other, two) = _words(opening), _words(closing)
    return stem == other and two in _COUPLES.get(one, ())


def _words(type: str) -> list[str]:
    """``["tool", "call", "end"]`` of ``TOOL_CALL_END``, ``tool.call.end`` and ``toolCallEnd``."""
    return [word.lower() for word in _WORD.findall(type)] or [type]


def _unlike(pair: _Pair) -> bool:
    """Whether the place of the name has no word of what opens, as ``/item_id`` has of an item."""
    subject = _words(_stem(pair))[-1:]
    return not {word for step in pair.by or () for word in _words(step)} & {*subject}


def _stem(pair: _Pair) -> str:
    """What a finding calls a pair: the words that the names of its types begin with."""
    end = 0
    for word in _WORD.finditer(pair.open):
        head = pair.open[: word.end()]
        if not all(_words(type)[: len(_words(head))] == _words(head) for type in pair.close):
            break
        end = word.end()
    return pair.open[:end] or pair.open


def _all(count: int) -> str:
    return f"all {count} runs" if count > 1 else "the one run there is"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")
