"""The checker: one pass over the events, by the tables of a profile.

The unit of most rules is a run: what happens between a first event and a terminal one. A
connection can carry several, one after the other or side by side. An event belongs to the run that
it names; if it names none, to the run that its thread named last; and what comes on a thread before
any name belongs to the run that is named next. After a run has ended, a ``restart`` type begins
another.

Rules about runs see only types that the profile knows. A connection on which no run began is judged
as one empty run: what was required did not come.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from replay_ws.compliance.loading import load_profile
from replay_ws.compliance.profile import Profile, Rule
from replay_ws.compliance.reading import foreign_to_json, name_at, type_of
from replay_ws.compliance.report import Report, score, share
from replay_ws.compliance.runs import Run
from replay_ws.compliance.tally import Seen, Tally
from replay_ws.events.log import Direction, Op
from replay_ws.events.model import Event
from replay_ws.text import quoted

RunKey: TypeAlias = tuple[str, str]
"""``("run", its name)``, or ``("thread", its name)`` for a run that has not named itself."""


def check(events: Iterable[Event], *, profile: str | Profile) -> Report:
    """How well delivered ``events`` keep the rules of ``profile`` (a built-in's name, or one).

    Text messages and objects are judged, in the order given; upstream ones only if the profile
    knows their type, for what a client asks is not what it speaks of. A session without events
    scores 0.0. Raises ConfigError for an unknown profile.
    """
    profile = _profile(profile)
    connections: dict[str, _Connection] = {}
    for number, event in enumerate(events):
        if event.op not in (Op.TEXT, Op.OBJECT):
            continue
        payload = event.payload
        name = type_of(payload, profile)
        upstream = event.direction is Direction.UPSTREAM
        if name in profile.ignored or (upstream and name not in profile.types):
            continue
        connection = connections.get(event.connection)
        if connection is None:
            connection = connections[event.connection] = _Connection(profile, event.connection)
        connection.take(Seen(name, number, event.time_ns), event, payload)
    return _report(profile, connections)


def required_events(types: Iterable[str], profile: str | Profile) -> dict[str, bool]:
    """The profile's required types, in its order, and which of them are among ``types``."""
    present = frozenset(types)
    return {name: name in present for name in _profile(profile).required}


def required_share(types: Iterable[str], profile: str | Profile) -> float:
    """Which part of the required types is among ``types``: 0.0 to 1.0."""
    return share(required_events(types, profile))


def _profile(profile: str | Profile) -> Profile:
    return load_profile(profile) if isinstance(profile, str) else profile


def _report(profile: Profile, connections: dict[str, _Connection]) -> Report:
    judged = list(connections.values()) or [_Connection(profile, "")]
    everything = Tally(profile)
    for connection in judged:
        connection.finish()
        everything.include(connection.tally)
    types = (name for connection in judged for name in connection.types)
    findings = sorted(
        everything.findings, key=lambda found: (found.number is None, found.number or 0)
    )
    return Report(
        profile=profile.name,
        checks=everything.checks(),
        required=required_events(types, profile),
        findings=tuple(findings),
        by_connection={name: score(one.tally.checks()) for name, one in connections.items()},
    )


class _Connection:
    """One connection: the rules about single events, and which run each belongs to."""

    def __init__(self, profile: Profile, name: str) -> None:
        self.profile = profile
        self.tally = Tally(profile, name)
        self.types: set[str] = set()
        self.unknown: dict[str, tuple[Seen, int]] = {}
        self.runs: dict[RunKey, Run] = {}
        self.named_last: dict[str, RunKey] = {}  # per thread

    def take(self, seen: Seen, event: Event, payload: Any) -> None:
        """Judge one event."""
        if self.profile.format:
            fault = _format_fault(seen, event, payload)
            self.tally.count(Rule.FORMAT, ok=not fault)
            if fault:
                self.tally.find(Rule.FORMAT, fault, seen)
        if not seen.type:
            return
        known = seen.type in self.profile.types
        if self.profile.known:
            self.tally.count(Rule.KNOWN, ok=known)
        if not known:
            first, count = self.unknown.get(seen.type, (seen, 0))
            self.unknown[seen.type] = (first, count + 1)
            return
        self.types.add(seen.type)
        self._run_of(seen, payload).take(seen, payload)

    def finish(self) -> None:
        """Judge what can be told only at the end."""
        for run in self.runs.values() or [Run(self.tally)]:
            run.finish()
        if self.profile.known:
            for name, (first, count) in self.unknown.items():
                times = f" ({count} times)" if count > 1 else ""
                self.tally.find(Rule.KNOWN, f"unknown type {quoted(name)}{times}", first)

    def _run_of(self, seen: Seen, payload: Any) -> Run:
        """The run that an event belongs to; a new one where it begins one."""
        name = name_at(payload, self.profile.run, self.profile)
        thread = name_at(payload, self.profile.thread, self.profile)
        nameless = ("thread", thread)
        if name:
            key = self.named_last[thread] = ("run", name)
            if key not in self.runs and nameless in self.runs and not self.runs[nameless].ended:
                self.runs[key] = self.runs.pop(nameless)
                self.runs[key].name = name
        else:
            key = self.named_last.get(thread) or self.named_last.get("") or nameless
        run = self.runs.get(key)
        if run and run.ended and seen.type in self.profile.restart:
            run.finish()
            run = None
        if run is None:
            run = self.runs[key] = Run(self.tally, name)
        return run


def _format_fault(seen: Seen, event: Event, payload: Any) -> str:
    """What is wrong with an event whatever its type asks; empty when nothing is."""
    if not isinstance(payload, dict):
        return "the message is no JSON object"
    if not seen.type:
        return "the message has no type"
    foreign = foreign_to_json(event, payload)
    return f"{seen.type} holds {foreign}, which JSON cannot say" if foreign else ""
