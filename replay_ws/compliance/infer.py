"""A profile proposed from goldens: what their streams have in common.

Nothing is proposed that a golden does not keep, so the proposal gives each of them a score of 1.0.
What only one run shows may be chance, so what is proposed comes with what speaks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from replay_ws.compliance.chains import chain, fold
from replay_ws.compliance.checker import check
from replay_ws.compliance.goldens import (
    MESSAGES,
    TYPE_AT,
    Division,
    Run,
    divided,
    places_of,
    streams_of,
    terminals,
    type_places,
)
from replay_ws.compliance.profile import Profile
from replay_ws.compliance.proposal import Entry, Proposal, pointer_text
from replay_ws.compliance.reading import at
from replay_ws.compliance.rules import Pointer
from replay_ws.compliance.spans import Span, Spans
from replay_ws.errors import ConfigError
from replay_ws.events.model import Event

ENDS_MAX = 3
"""How many types may begin runs, or end them, before that says nothing."""

LINKS_MAX = 12
"""How many links the expression has that is proposed."""

WAYS_MAX = 6
"""How many ways are told apart within a link."""

NUMBERS_MIN = 3
"""How many numbers a run has that are a sequence."""


def infer(goldens: Sequence[Iterable[Event]], *, name: str = "inferred") -> Proposal:
    """A profile that each of ``goldens``, the delivered events of a session, keeps.

    Raises ConfigError where no event says what it is.
    """
    sessions = [[event for event in golden if event.op in MESSAGES] for golden in goldens]
    types = type_places(event.payload for session in sessions for event in session)
    streams = streams_of(sessions, types)
    if not any(streams):
        what = "no event that a server sent says what it is"
        mend = f"events are objects with one of the keys {', '.join(p[0] for p in TYPE_AT)}"
        raise ConfigError(what, where="infer", mend=mend)
    known = {seen.type for stream in streams for seen in stream}
    draft = Profile(name, type=types, format=True, known=tuple(known))
    has_format = not any(check(session, profile=draft).findings for session in sessions)
    division = divided(streams)
    entries = [
        Entry("name", name),
        Entry("type", [*map(pointer_text, types)], "where an event says what it is"),
        *([Entry("format", True, "every message is a JSON object with a type")] * has_format),
        *_Study(division, places_of(division.runs)).entries(),
    ]
    events = sum(map(len, streams))
    return Proposal(tuple(entries), len(streams), len(division.runs), events)


@dataclass(slots=True)
class _Study:
    """Runs, and what they have in common."""

    division: Division
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
        terminal = terminals(runs)
        spans = self._spans(terminal)
        spanned = {type for span in spans for type in span.types}
        if self.division.by is not None:
            yield Entry("run", [pointer_text(self.division.by)], "each run has a name of its own")
        if required:
            yield Entry("required", required, f"in {_all(len(runs))}")
        ends = [*self._ends(terminal)]
        yield from ends
        order = self._order(required)
        if len(order) > 1:
            yield Entry("order", order, f"the first of each, in {_all(len(runs))}")
        once = [t for t in required if t not in spanned and all(c[t] == 1 for c in counts)]
        if once:
            yield Entry("at_most_once", once, f"exactly once in {_all(len(runs))}")
        named = spanned.union(required, *(entry.value for entry in ends))
        known = [type for type in types if type not in named]
        yield Entry("known", known or types, "what else came" if known else "all that came")
        yield from self._protocol(spans)
        yield from map(self._span_entry, spans)
        yield from self._sequences()

    def _spans(self, terminal: list[str]) -> list[Span]:
        """What opens and closes within runs."""
        whole = {run[0].type for run in self.runs if run}, set(terminal)
        found = Spans(self.runs, self.places).found()
        return [span for span in found if ({span.open}, {*span.close}) != whole]

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

    def _protocol(self, spans: list[Span]) -> Iterator[Entry]:
        """What comes in which order and how often, if that is a short expression."""
        streams = [[seen.type for seen in run] for run in self.runs if run]
        folds: dict[str, str] = {}
        for span in spans:
            folded = fold(streams, span.open, span.cont, span.close, folds)
            if folded:
                streams, folds[span.open] = folded
        links = chain(streams, folds)
        if 1 < len(links) <= LINKS_MAX and all(link.count("|") <= WAYS_MAX for link in links):
            yield Entry("protocol", links, "what comes in which order, and how often")

    def _span_entry(self, span: Span) -> Entry:
        """A pair; a scope where something goes on in it."""
        count = sum(seen.type == span.open for run in self.runs for seen in run)
        often = {1: "once", 2: "twice"}.get(count, f"{count:,} times")
        value: dict[str, Any] = {"name": span.name, "open": [span.open]}
        value |= {"cont": [*span.cont]} if span.cont else {}
        value |= {"close": [*span.close]}
        value |= {"by": [pointer_text(span.by)]} if span.by else {}
        if span.pieces:
            value["concat"] = dict(
                zip(("delta", "full"), map(pointer_text, span.pieces), strict=True)
            )
        why = "each under a name of its own" if span.by else "by the words in their names"
        return Entry("scopes" if span.cont else "pairs", value, f"{often}, {why}")

    def _sequences(self) -> Iterator[Entry]:
        """The numbers that grow by the same step from event to event of a run."""
        for place in sorted(set().union(*self.places.values())):
            types = [type for type, places in self.places.items() if place in places]
            numbers = [[at(s.payload, place) for s in run if s.type in types] for run in self.runs]
            if not all(isinstance(number, int) for run in numbers for number in run):
                continue
            steps = {two - one for run in numbers for one, two in pairwise(run)}
            if len(steps) != 1 or max(map(len, numbers)) < NUMBERS_MIN:
                continue
            (step,) = steps
            starts = {run[0] for run in numbers if run}
            if step:
                value = {"name": place[-1], "of": types, "at": pointer_text(place), "step": step}
                value |= {"start": min(starts)} if len(starts) == 1 else {}
                yield Entry("sequence", value, f"in {_all(len(self.runs))}")


def _all(count: int) -> str:
    return f"all {count} runs" if count > 1 else "the one run there is"
