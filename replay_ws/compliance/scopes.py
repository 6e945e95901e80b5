"""Scopes: spans of a run that open, go on and close, by name.

What is remembered of a scope that is open is one small list; of one that is closed its name, if the
name may not come again.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from replay_ws.compliance.parts import Context, Part, RunState, Step, called
from replay_ws.compliance.reading import NOTHING, name_of
from replay_ws.compliance.rules import Rule, ScopeRule, Severity, fits
from replay_ws.compliance.tally import Asked, Seen
from replay_ws.text import cut, quoted


class Opened:
    """A scope that is open: the event that opened it, and what later ones are compared with."""

    __slots__ = ("late", "parent", "pieces", "same", "seen")

    def __init__(self, seen: Seen, parent: str, same: tuple[str, ...]) -> None:
        self.seen = seen
        self.parent = parent
        self.same = same
        self.late = False
        """Whether it was said that it is open too long."""
        self.pieces: list[str] = []


class Spans:
    """The scopes of one kind in a run."""

    __slots__ = ("asked", "closed", "open")

    def __init__(self) -> None:
        self.open: dict[str, Opened] = {}
        self.closed: set[str] = set()
        self.asked: Counter[str] = Counter()


class Scope(Part):
    """One kind of scope."""

    def __init__(self, rule: ScopeRule, context: Context) -> None:
        self.rule = rule
        self.what = rule.name
        self.name = context.namer(rule.by_all or rule.by, joined=bool(rule.by_all))
        self.parent_name = context.namer(
            rule.inside_by_all or rule.inside_by, joined=bool(rule.inside_by_all)
        )
        self.names_parent = bool(rule.inside_by_all or rule.inside_by)
        self.parent_place = context.places.get(rule.inside, -1)
        self.parent: Scope | None = None
        self.remembers = not rule.reuse
        """Whether names are kept when they are closed."""
        self.same = [context.getter((place,)) for place in rule.same]
        if rule.concat:
            self.delta = context.getter(rule.concat.delta)
            self.full = context.getter(rule.concat.full)
        before = rule.must_close_severity or rule.severity
        at_end = rule.at_end or (rule.severity if rule.close else Severity.OK)
        self.in_order = self._asked(context, "", rule.severity)
        self.closed = self._asked(context, "closed", before)
        self.at_end = self._asked(context, "at end", at_end)
        self.again = self._asked(context, "reopened", rule.reopen)
        self.reused = self._asked(context, "reused", rule.severity)
        self.inside = self._asked(context, "inside", rule.severity)
        self.constant = self._asked(context, "same", rule.severity)
        self.whole = self._asked(context, "concat", rule.severity)

    def _asked(self, context: Context, kind: str, severity: Severity) -> Asked:
        subject = f"{self.what} {kind}".strip()
        return context.asked(Rule.SCOPES, subject, severity, must=self.rule.must)

    def begin(self) -> Spans:
        """Nothing is open."""
        return Spans()

    def step(self, type: str) -> Step | None:
        """What an event of ``type`` does: what must be closed before it comes first."""
        rule = self.rule
        steps = [
            make(type)
            for make, names in (
                (self._barrier, rule.must_close_before),
                (self._opener, rule.open),
                (self._continuer, () if fits(type, rule.open) else rule.cont),
                (self._closer, rule.close),
            )
            if fits(type, names)
        ]
        if len(steps) < 2:
            return steps[0] if steps else None

        def all_of(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            for step in steps:
                step(run, payload, number, time_ns)

        return all_of

    def finish(self, run: RunState) -> None:
        """What is open stays so."""
        spans: Spans = run.states[self.place]
        tally, asked = run.tally, spans.asked
        opened = asked["opened"]
        tally.ask(self.in_order, opened + asked["orphans"])
        if self.rule.must_close_before:
            tally.ask(self.closed, opened)
        tally.ask(self.at_end, opened)
        tally.ask(self.again, opened + asked["reopened"])
        if not self.rule.reuse:
            tally.ask(self.reused, opened)
        tally.ask(self.inside, asked["inside"])
        tally.ask(self.constant, opened if self.same else 0)
        tally.ask(self.whole, asked["whole"])
        for name, one in spans.open.items():
            if one.late:
                continue
            tally.lose(self.at_end, f"{self._told(name)} was never closed", one.seen, run.name)

    # --- what chunks do --------------------------------------------------------------------

    def open(self, run: RunState, name: str, payload: Any, seen: Seen) -> None:
        """An event opens one."""
        spans: Spans = run.states[self.place]
        if name not in spans.open:
            self._open(run, spans, name, payload, seen)
            return
        spans.asked["reopened"] += 1
        since = spans.open[name].seen.number
        message = f"{called(seen.type, name)} opens a {self.what} that is open since #{since}"
        run.tally.lose(self.again, message, seen, run.name)

    def go_on(self, run: RunState, name: str, payload: Any, seen: Seen) -> None:
        """An event goes on with one."""
        one = run.states[self.place].open.get(name)
        if one is None:
            one = self._missing(run, name, payload, seen)
        if one is not None:
            self._more(run, one, name, payload, seen)

    def close(self, run: RunState, name: str, payload: Any, seen: Seen) -> None:
        """An event closes the one that ``payload`` opened."""
        spans: Spans = run.states[self.place]
        one = spans.open.get(name) or self._missing(run, name, payload, seen)
        if one is not None:
            del spans.open[name]
            self._judge_whole(run, spans, one, name, payload, seen)

    # --- steps -----------------------------------------------------------------------------

    def _opener(self, type: str) -> Step:
        name_of_event = self.name

        def open(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            self.open(run, name_of_event(payload), payload, Seen(type, number, time_ns))

        return open

    def _continuer(self, type: str) -> Step:
        place, name_of_event = self.place, self.name
        more = bool(self.same or self.rule.concat)

        def go_on(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            name = name_of_event(payload)
            one = run.states[place].open.get(name)
            if one is None:
                one = self._missing(run, name, payload, Seen(type, number, time_ns))
            if more and one is not None:
                self._more(run, one, name, payload, Seen(type, number, time_ns))

        return go_on

    def _closer(self, type: str) -> Step:
        place, name_of_event = self.place, self.name
        plain = not self.same and not self.rule.concat and not self.remembers

        def close(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            spans: Spans = run.states[place]
            name = name_of_event(payload)
            one = spans.open.get(name)
            if one is None:
                one = self._missing(run, name, payload, Seen(type, number, time_ns))
                if one is None:
                    return
            del spans.open[name]
            if not plain:
                self._judge_whole(run, spans, one, name, payload, Seen(type, number, time_ns))

        return close

    def _barrier(self, type: str) -> Step:
        place, parent = self.place, self.parent
        of_parent = parent if parent and fits(type, parent.rule.close) else None

        def stop(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            open = run.states[place].open
            if not open:
                return
            ended = of_parent.name(payload) if of_parent else None
            seen = Seen(type, number, time_ns)
            for name, one in open.items():
                if one.late or not (ended is None or not self.names_parent or one.parent == ended):
                    continue
                one.late = True
                since = f"open since #{one.seen.number}"
                message = f"{self._told(name)}, {since}, was not closed before {type}"
                run.tally.lose(self.closed, message, seen, run.name)

        return stop

    # --- what steps do where it is not the usual --------------------------------------------

    def _open(self, run: RunState, spans: Spans, name: str, payload: Any, seen: Seen) -> Opened:
        parent = self.parent_name(payload)
        if self.parent_place >= 0 and (parent.strip() or not self.names_parent):
            spans.asked["inside"] += 1
            outside: Spans = run.states[self.parent_place]
            places = (outside.open, outside.closed) if self.rule.inside_closed else (outside.open,)
            if not any(parent in names if self.names_parent else names for names in places):
                outer = self.rule.inside + (f" {quoted(parent.strip())}" if parent else "")
                verb = "was" if self.rule.inside_closed else "is"
                message = f"{called(seen.type, name)} came, but no {outer} {verb} open"
                run.tally.lose(self.inside, message, seen, run.name)
        same = tuple(name_of(get(payload)) for get in self.same)
        one = spans.open[name] = Opened(seen, parent, same)
        spans.asked["opened"] += 1
        if name in spans.closed and not self.rule.reuse:
            message = f"{called(seen.type, name)} opens a {self.what} again that was closed"
            run.tally.lose(self.reused, message, seen, run.name)
        return one

    def _missing(self, run: RunState, name: str, payload: Any, seen: Seen) -> Opened | None:
        """An event of what is not open: it opens it, or is a fault."""
        spans: Spans = run.states[self.place]
        if self.rule.implicit:
            return self._open(run, spans, name, payload, seen)
        spans.asked["orphans"] += 1
        such = "such " if name else ""
        message = f"{called(seen.type, name)} came, but no {such}{self.what} is open"
        run.tally.lose(self.in_order, message, seen, run.name)
        return None

    def _more(self, run: RunState, one: Opened, name: str, payload: Any, seen: Seen) -> None:
        """Another event of an open scope."""
        if self.rule.concat:
            piece = self.delta(payload)
            if piece.__class__ is str:
                one.pieces.append(piece)
        self._compare(run, one, name, payload, seen)

    def _compare(self, run: RunState, one: Opened, name: str, payload: Any, seen: Seen) -> None:
        """What must be the same as when it opened, where it is said again."""
        for get, said, place in zip(self.same, one.same, self.rule.same, strict=True):
            value = get(payload)
            now = name_of(value)
            if value is not NOTHING and now != said:
                where = "/" + "/".join(place)
                told = f"{where} is {quoted(now)}, and was {quoted(said)} when it opened"
                message = f"{called(seen.type, name)}: {told}"
                run.tally.lose(self.constant, message, seen, run.name)

    def _judge_whole(
        self, run: RunState, spans: Spans, one: Opened, name: str, payload: Any, seen: Seen
    ) -> None:
        """A scope closes: what it was as a whole."""
        if self.remembers:
            spans.closed.add(name)
        self._compare(run, one, name, payload, seen)
        if self.rule.concat:
            spans.asked["whole"] += 1
            fault = self._concat_fault("".join(one.pieces), self.full(payload))
            if fault:
                message = f"{called(seen.type, name)}: {fault}"
                run.tally.lose(self.whole, message, seen, run.name)

    def _concat_fault(self, joined: str, full: Any) -> str:
        """What is wrong with the whole; empty when nothing is."""
        if full is not NOTHING and full != joined:
            told = f"{len(full)} characters" if isinstance(full, str) else "no text"
            parted = f"; {_parting(full, joined)}" if isinstance(full, str) else ""
            said = f"the whole ({told}) is not what its pieces make ({len(joined)} characters)"
            return said + parted
        if joined and self.rule.concat and self.rule.concat.json:  # nothing is no argument
            try:
                json.loads(joined)
            except (ValueError, RecursionError):
                return "the pieces that came make no JSON"
        return ""

    def _told(self, name: str) -> str:
        return called(self.what, name)


def _parting(full: str, joined: str) -> str:
    """Where two texts part, and how each of them goes on."""
    pairs = enumerate(zip(full, joined, strict=False))
    at = next((n for n, (one, other) in pairs if one != other), min(len(full), len(joined)))
    goes, go = (_next(text[at:]) for text in (full, joined))
    return f"after {at} it goes on with {goes}, they with {go}"


def _next(rest: str) -> str:
    return quoted(cut(rest, 16)) if rest else "nothing"
