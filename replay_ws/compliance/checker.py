"""The checker: one pass over the events, by the tables of a profile.

The unit of most rules is a run: what happens between a first event and a terminal one. A
connection can carry several, one after the other or side by side. An event belongs to the run that
it names; if it names none, to the run that its thread named last; and what comes on a thread before
any name belongs to the run that is named next. After a run has ended, a ``restart`` type begins
another.

Rules about runs see only types that the profile knows. A connection on which no run began is judged
as one empty run: what was required did not come.

What is remembered grows with what is open, not with what came: ``Checker`` takes a stream that has
no end in sight.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from replay_ws.compliance.dispatch import Plan, Rules, rules_of
from replay_ws.compliance.loading import load_profile
from replay_ws.compliance.profile import Profile
from replay_ws.compliance.reading import foreign_in, is_suspect
from replay_ws.compliance.report import Report, score, share
from replay_ws.compliance.rules import DIRECTIONS
from replay_ws.compliance.runs import Run
from replay_ws.compliance.tally import Seen, Tally
from replay_ws.events.columns import Columns
from replay_ws.events.log import Direction, Op
from replay_ws.events.model import Event, payload_of
from replay_ws.text import quoted

RunKey: TypeAlias = tuple[str, str]
"""``("run", its name)``, or ``("thread", its name)`` for a run that has not named itself."""


UNKNOWN_MAX = 500
"""How many unknown types of a connection are told apart."""

_JUDGED = (Op.TEXT, Op.OBJECT)
"""What a profile speaks of: messages with a type."""


def check(events: Iterable[Event] | Columns, *, profile: str | Profile) -> Report:
    """How well delivered ``events`` keep the rules of ``profile``.

    ``profile`` is a built-in's name, a file's (``"my.toml"``), or one. Text messages and objects
    are judged, in the order given; upstream ones only if the profile knows their type, for what a
    client asks is not what it speaks of. A session without events scores 0.0. Raises ConfigError
    for an unknown profile, and for what is wrong in a file.
    """
    checker = Checker(profile)
    if isinstance(events, Columns):
        checker.take_columns(events)
    else:
        for event in events:
            checker.take(event)
    return checker.finish()


def required_events(types: Iterable[str], profile: str | Profile) -> dict[str, bool]:
    """The profile's required types, in its order, and which of them are among ``types``."""
    present = frozenset(types)
    return {name: name in present for name in _profile(profile).required}


def required_share(types: Iterable[str], profile: str | Profile) -> float:
    """Which part of the required types is among ``types``: 0.0 to 1.0."""
    return share(required_events(types, profile))


def _profile(profile: str | Profile) -> Profile:
    return load_profile(profile) if isinstance(profile, str) else profile


class Checker:
    """``check``, event by event: ``take`` each of them, then ``finish`` once."""

    def __init__(self, profile: str | Profile) -> None:
        self.profile = _profile(profile)
        self._rules = rules_of(self.profile)
        self._plans = self._rules.plans
        way = self.profile.direction
        self._way = Direction(DIRECTIONS.index(way)) if way else None
        self._connections: dict[str, _Connection] = {}
        self._number = 0

    def take(self, event: Event) -> None:
        """Judge the next event."""
        number = self._number
        self._number = number + 1
        if event.op in _JUDGED:
            way = event.direction
            self._judge(number, event.op, event.body, way, event.connection, event.time_ns)

    def take_columns(self, columns: Columns) -> None:
        """Judge the next events, of which none is built, and none decoded for nothing."""
        lanes, judge = columns.lanes, self._judge
        # What is sent as an object says its type without being decoded; what is damaged on its way
        # arrives as text.
        unread = list(map(self._rules.plan_unread, columns.types))
        rows = zip(
            *(columns.ops, columns.lane_numbers, columns.kinds, columns.times, columns.bodies),
            strict=True,
        )
        for number, (op, lane, kind, time_ns, body) in enumerate(rows, self._number):
            if op in _JUDGED:
                connection, way = lanes[lane]
                plan = unread[kind] if op == Op.OBJECT else None
                judge(number, op, body, way, connection, time_ns, plan)
        self._number += len(columns)

    def _judge(
        self,
        number: int,
        op: int,
        body: str | bytes,
        way: Direction,
        connection: str,
        time_ns: int,
        plan: Plan | None = None,
    ) -> None:
        if self._way is not None and way != self._way:
            return
        payload: Any = None
        fault, asks_form = "", self.profile.format
        if plan is None or (asks_form and is_suspect(body)):
            payload = payload_of(op, body)
            type = self._rules.type_of(payload)
            plan = self._plans.get(type) or self._rules.plan(type)
            fault = _format_fault(type, op, body, payload) if asks_form else ""
        strange = way is Direction.UPSTREAM and self._way is None
        if not plan.known and (plan.ignored or strange):
            return
        one = self._connections.get(connection) or self._connection(connection)
        if asks_form:
            one.look(plan, number, time_ns, fault)
        one.take(plan, payload, number, time_ns)

    def see(self, type: str, payload: Any, time_ns: int = 0, connection: str = "") -> None:
        """Judge the next event, of which type and payload are known already.

        It is a well-formed message downstream.
        """
        number = self._number
        self._number = number + 1
        plan = self._plans.get(type) or self._rules.plan(type)
        one = self._connections.get(connection) or self._connection(connection)
        run = one.only
        if run is None or run.ended or not plan.known:
            one.take(plan, payload, number, time_ns)
        else:
            run.take(plan, payload, number, time_ns)

    def finish(self) -> Report:
        """The verdict on all that was taken."""
        profile, connections = self.profile, self._connections
        judged = list(connections.values()) or [_Connection(self._rules, "")]
        everything = Tally(profile)
        for connection in judged:
            connection.finish()
            connection.tally.finish()
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
            min_score=profile.min_score,
        )

    def _connection(self, name: str) -> _Connection:
        connection = self._connections.get(name)
        if connection is None:
            connection = self._connections[name] = _Connection(self._rules, name)
        return connection


class _Connection:
    """One connection: the rules about single events, and which run each belongs to."""

    def __init__(self, rules: Rules, name: str) -> None:
        self.rules = rules
        self.tally = Tally(rules.profile, name)
        self.types: set[str] = set()
        self.known_count = 0
        self.looked = 0
        self.unknown: dict[str, tuple[Seen, int]] = {}
        self.runs: dict[RunKey, Run] = {}
        self.named_last: dict[str, RunKey] = {}  # per thread
        self.only: Run | None = None
        """The run that takes place, where the profile has nothing that tells them apart."""
        self.latest: tuple[str, str, Run] | None = None
        """The run that came last, and what its event called it and its thread."""

    def look(self, plan: Plan, number: int, time_ns: int, fault: str) -> None:
        """Judge the form of a message."""
        self.looked += 1
        if fault:
            self.tally.lose(self.rules.format, fault, Seen(plan.type, number, time_ns))

    def take(self, plan: Plan, payload: Any, number: int, time_ns: int) -> None:
        """Judge one event."""
        if not plan.known:
            self._meet(plan, number, time_ns)
            if plan.ignored or not self.rules.profile.strangers:
                return
        run = self.only
        if run is None or (run.ended and plan.restart):
            run = self._run_of(plan, payload)
        if plan.known:
            run.take(plan, payload, number, time_ns)
        else:
            run.pass_by(plan, payload, number, time_ns)

    def finish(self) -> None:
        """Judge what can be told only at the end."""
        for run in self.runs.values() or [Run(self.rules, self.tally)]:
            self._finish(run)
        self.tally.ask(self.rules.format, self.looked)
        if not self.rules.profile.known:
            return
        self.tally.ask(self.rules.known, self.known_count)
        for name, (first, count) in self.unknown.items():
            times = f" ({count} times)" if count > 1 else ""
            message = f"unknown type {quoted(name)}{times}" if name else f"more of them{times}"
            self.tally.ask(self.rules.known, count)
            self.tally.lose(self.rules.known, message, first, "", count)

    def _finish(self, run: Run) -> None:
        run.finish()
        self.types.update(run.came)
        self.known_count += sum(entry[0] for entry in run.came.values())

    def _meet(self, plan: Plan, number: int, time_ns: int) -> None:
        """An event of which the profile does not speak."""
        if plan.type and not plan.ignored:
            name = plan.type
            if len(self.unknown) >= UNKNOWN_MAX and name not in self.unknown:
                name = ""
            first, count = self.unknown.get(name, (Seen(plan.type, number, time_ns), 0))
            self.unknown[name] = (first, count + 1)

    def _run_of(self, plan: Plan, payload: Any) -> Run:
        """The run that an event belongs to; a new one where it begins one."""
        name = self.rules.run_name(payload)
        thread = self.rules.thread_name(payload)
        latest = self.latest
        if latest and name and latest[0] == name and latest[1] == thread:
            run = latest[2]
            if not run.ended or not plan.restart:
                return run
        nameless = ("thread", thread)
        if name:
            key = self.named_last[thread] = ("run", name)
            if key not in self.runs and nameless in self.runs and not self.runs[nameless].ended:
                self.runs[key] = self.runs.pop(nameless)
                self.runs[key].name = name
        else:
            key = self.named_last.get(thread) or self.named_last.get("") or nameless
        found = self.runs.get(key)
        if found is not None and found.ended and plan.restart:
            self._finish(found)
            found = None
        if found is None:
            found = self.runs[key] = Run(self.rules, self.tally, name)
        if not self.rules.has_runs:
            self.only = found
        self.latest = (name, thread, found)
        return found


def _format_fault(type: str, op: int, body: str | bytes, payload: Any) -> str:
    """What is wrong with an event whatever its type asks; empty when nothing is."""
    if payload.__class__ is not dict:
        return "the message is no JSON object"
    if not type:
        return "the message has no type"
    foreign = foreign_in(op, body, payload)
    return f"{type} holds {foreign}, which JSON cannot say" if foreign else ""
