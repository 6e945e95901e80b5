"""What opens and closes in goldens: types that do so under a name, or by the words they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from replay_ws.compliance.goldens import ID, Run, Seen, grouped, leaves, likeliest
from replay_ws.compliance.reading import at
from replay_ws.compliance.rules import Pointer

Thread: TypeAlias = "list[Seen]"
"""The events of a run that hold one name."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

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


class Span(NamedTuple):
    """A type that opens, those that go on and that close, and where the name is, if there is one.

    ``pieces`` is where the pieces are that go on, and where what closes has the whole.
    """

    open: str
    close: tuple[str, ...]
    by: Pointer = ()
    cont: tuple[str, ...] = ()
    pieces: tuple[Pointer, Pointer] | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """All of them."""
        return (self.open, *self.cont, *self.close)

    @property
    def name(self) -> str:
        """The words that the names of its types begin with."""
        end = 0
        for word in _WORD.finditer(self.open):
            head = _words(self.open[: word.end()])
            if not all(_words(type)[: len(head)] == head for type in self.close):
                break
            end = word.end()
        return self.open[:end] or self.open


@dataclass(frozen=True, slots=True)
class Spans:
    """The runs that spans are looked for in, and the places that all events of a type fill."""

    runs: list[Run]
    places: dict[str, set[Pointer]]

    def found(self) -> Iterator[Span]:
        """What is always opened before it is closed; each type opens or closes one thing."""
        taken: set[str] = set()
        for span in (*self._named(), *self._worded()):
            if not taken & {span.open, *span.close}:
                taken.update((span.open, *span.close))
                yield span

    def _named(self) -> Iterator[Span]:
        """For each type that opens something, the span whose name is the likeliest."""
        found = [span for place in set().union(*self.places.values()) for span in self._by(place)]
        best = sorted(found, key=lambda span: (_is_unlike(span), likeliest(span.by)))
        for opening in self.places:
            yield from [span for span in best if span.open == opening][:1]

    def _by(self, place: Pointer) -> Iterator[Span]:
        """The types that open and close something under the name that is at ``place``."""
        carriers = {type for type, places in self.places.items() if place in places}
        threads = [
            [seen for seen in events if seen.type in carriers]
            for run in self.runs
            for events in grouped(run, place).values()
        ]
        threads = [thread for thread in threads if thread]
        for opening in {thread[0].type for thread in threads}:
            if not ID.search(place[-1]) and not self._recurs(opening):
                continue
            closing = _closing(opening, threads)
            if closing:
                yield _spanned(opening, closing, place, threads)

    def _recurs(self, type: str) -> bool:
        return any(sum(seen.type == type for seen in run) > 1 for run in self.runs)

    def _worded(self) -> Iterator[Span]:
        """Types whose names say it and that are balanced, where they have no name in common."""
        for opening in self.places:
            closing = tuple(type for type in self.places if _answers(opening, type))
            if closing and all(_is_balanced(run, opening, closing) for run in self.runs):
                yield Span(opening, closing)


def _closing(opening: str, threads: list[Thread]) -> tuple[str, ...]:
    """The types that close what ``opening`` opens: those whose names say so, else the last ones."""
    types = [[seen.type for seen in thread] for thread in threads]
    opened = [thread for thread in types if opening in thread]
    said = {type for thread in opened for type in thread if _answers(opening, type)}
    for closing in (said, {thread[-1] for thread in opened}):
        elsewhere = any(closing & {*thread} for thread in types if opening not in thread)
        if not elsewhere and all(_is_closed(thread, opening, closing) for thread in opened):
            return tuple(sorted(closing))
    return ()


def _is_closed(thread: list[str], opening: str, closing: set[str]) -> bool:
    """Whether a thread begins with its only opening, and has one closing."""
    once = thread.count(opening) == 1 and sum(type in closing for type in thread) == 1
    return once and thread[0] == opening and opening not in closing


def _spanned(opening: str, closing: tuple[str, ...], by: Pointer, threads: list[Thread]) -> Span:
    """The span with what goes on in it, and nowhere else."""
    within: list[Thread] = []
    outside: set[str] = set()
    closers: list[Seen] = []
    for thread in threads:
        ends = [n for n, seen in enumerate(thread) if seen.type in closing]
        end = ends[0] if ends else 0
        within.append(thread[1:end])
        outside.update(seen.type for seen in thread[end:])
        closers += [thread[end]] if ends else []
    cont = {seen.type for inner in within for seen in inner} - outside
    going = [[seen for seen in inner if seen.type in cont] for inner in within]
    whole = [
        inner for inner, thread in zip(going, threads, strict=True) if thread[0].type == opening
    ]
    pieces = _pieces(whole, closers) if cont else None
    return Span(opening, closing, by, tuple(sorted(cont)), pieces)


def _pieces(going: list[Thread], closers: list[Seen]) -> tuple[Pointer, Pointer] | None:
    """Where the pieces are, and where the whole is that they make; if all spans have them."""
    longest = max(going, key=len)
    if len(longest) < 2:
        return None
    wholes = [place for place, value in leaves(closers[0].payload) if isinstance(value, str)]
    for piece in dict.fromkeys(place for seen in longest for place, _ in leaves(seen.payload)):
        texts = [[*_texts(inner, piece)] for inner in going]
        if max(map(len, texts)) < 2:
            continue
        joined = [*map("".join, texts)]
        for whole in wholes:
            told = [at(seen.payload, whole) for seen in closers]
            if any(joined) and told == joined:
                return piece, whole
    return None


def _texts(events: Thread, place: Pointer) -> Iterator[str]:
    for seen in events:
        value = at(seen.payload, place)
        if isinstance(value, str):
            yield value


def _is_balanced(run: Run, opening: str, closing: tuple[str, ...]) -> bool:
    depth = 0
    for seen in run:
        depth += (seen.type == opening) - (seen.type in closing)
        if depth < 0:
            return False
    return depth == 0


def _is_unlike(span: Span) -> bool:
    """Whether the place of the name has no word of what opens, as ``/item_id`` has of an item."""
    subject = _words(span.name)[-1:]
    return not {word for step in span.by for word in _words(step)} & {*subject}


def _answers(opening: str, closing: str) -> bool:
    """Whether two types have the same words, but for a last one that opens and one that closes."""
    (*stem, one), (*other, two) = _words(opening), _words(closing)
    return stem == other and two in _COUPLES.get(one, ())


def _words(type: str) -> list[str]:
    """``["tool", "call", "end"]`` of ``TOOL_CALL_END``, ``tool.call.end`` and ``toolCallEnd``."""
    return [word.lower() for word in _WORD.findall(type)] or [type]
