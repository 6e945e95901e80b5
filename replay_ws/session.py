"""A session: a log, and everything that can be asked of it.

A log holds what was sent and decided. What was delivered, the ledger, the digest and the Event
objects follow from it; each is worked out when it is first asked for.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Generic, TypeVar

from replay_ws.cassette.format import digest as log_digest
from replay_ws.channel import Outcome
from replay_ws.clock import time_text
from replay_ws.errors import unknown
from replay_ws.events.columns import BuiltEvents, Columns, Lane
from replay_ws.events.log import MESSAGES, Direction, Log, Op
from replay_ws.events.model import Event, Fate, Incident, Ledger, Plan
from replay_ws.faults.malformed import damage
from replay_ws.metrics import Metrics, measure
from replay_ws.playback import outcome_of, plan_of, strikes_of
from replay_ws.race import Race

Value = TypeVar("Value")

_OPS = {op.value: op for op in Op}
_FATES = {fate.value: fate for fate in Fate}
_DIRECTIONS = tuple(Direction)
"""What an Event is built with: asking an enum for a member costs five times as much."""


class Session:
    """All events of one run, with its seed, configuration and plan.

    ``log`` must not be appended to any more. ``outcome`` is what followed from it, where that is
    known already.
    """

    def __init__(self, log: Log, outcome: Outcome | None = None) -> None:
        self.log = log
        self._outcome = outcome

    @property
    def outcome(self) -> Outcome:
        """Deliveries and fates: the intents under the recorded configuration and decisions.

        Raises CassetteError when these contradict each other.
        """
        if self._outcome is None:
            self._outcome = outcome_of(self.log, strikes_of(self.log))
        return self._outcome

    @property
    def seed(self) -> int:
        """The seed of every draw."""
        return self.log.header.seed

    @property
    def profile(self) -> str:
        """Name of the protocol that the session claims to speak; empty when unknown."""
        return self.log.header.profile

    @property
    def connections(self) -> tuple[str, ...]:
        """Names of the connections, in the order in which they began."""
        return tuple(connection.name for connection in self.log.connections)

    @property
    def end_ns(self) -> int:
        """When the session ended."""
        return self.log.end_ns

    @cached_property
    def end(self) -> dict[str, Any]:
        """How it ended: ``{"status": "ok" | "error" | "open", ...}``."""
        log = self.log
        if len(log) and log.ops[-1] == Op.END:
            return dict(log.value(len(log) - 1))
        return {"status": "open"}

    @property
    def replayable(self) -> bool:
        """Whether the program's run comes back from its seed: nothing real took part in it.

        ``end["because"]`` says what did. The cassette itself replays in any case.
        """
        return bool(self.end.get("replayable", True))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical bytes, in hex: equal for equal sessions, on every machine."""
        return log_digest(self.log)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the delivered events alone, without seed and configuration, in hex."""
        log, outcome = self.log, self.outcome
        state = sha256(b"replay_ws fingerprint 1\n")
        names = [c.name.encode("utf-8", "surrogatepass") for c in log.connections]
        for number, row in enumerate(outcome.rows):
            op, body = self._as_delivered(number, row)
            raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
            lane = log.lanes[row]
            name = names[lane >> 1]
            sizes = (len(name), len(raw))
            state.update(b"%d %d %d %d %d " % (op, lane & 1, outcome.times[number], *sizes))
            state.update(name)
            state.update(raw)
        return state.hexdigest()

    @cached_property
    def behaviour(self) -> str:
        """What was delivered, whatever the interleaving: equal for runs of the same causes.

        Times do not count; causes are as the session's profile has them. 16 hexadecimal digits.
        """
        from replay_ws.compliance import load_profile, profile_names
        from replay_ws.diff.causality import behaviour

        known = self.profile in profile_names()
        return behaviour(self.columns(), load_profile(self.profile) if known else None)

    @cached_property
    def plan(self) -> Plan:
        """Every decision that was taken."""
        return plan_of(self.log)

    @cached_property
    def ledger(self) -> Ledger:
        """Where the messages ended."""
        counts = self.outcome.counts
        fates = {fate: counts[fate] for fate in Fate if counts[fate]}
        return Ledger(fates, duplicated=len(self.outcome.copies))

    @cached_property
    def metrics(self) -> Metrics:
        """Latency, throughput, queues and traffic in virtual time; also for each connection."""
        return measure(self.log, self.outcome)

    def ledger_of(self, connection: str) -> Ledger:
        """Where the messages of one connection ended, in both directions.

        Raises ConfigError for a connection that the session has not.
        """
        if connection not in self.connections:
            raise unknown("connection", connection, self.connections)
        return self.metrics.connections[connection].ledger

    def at(self, time_ns: int) -> Session:
        """The session as it was at an instant: what had been done by then, and had arrived."""
        log = self.log.until(time_ns)
        log.note(Op.END, 0, max(time_ns, log.end_ns), {"status": "open"})
        return Session(log)

    @cached_property
    def incidents(self) -> tuple[Incident, ...]:
        """What the network did of its own accord: connections it refused, closed, opened again."""
        log = self.log
        rows = [row for row, op in enumerate(log.ops) if op == Op.INCIDENT]
        return tuple(_incident(log, row) for row in rows)

    @cached_property
    def endings(self) -> tuple[Incident, ...]:
        """How connections were accepted, refused and ended, by whomever, in order.

        ``what`` is ``accepted`` (``about`` has the subprotocol), ``refused``, ``closed`` or
        ``dropped``.
        """
        log = self.log
        told = (_ending(log, found.start()) for found in _ENDING_OPS.finditer(log.ops))
        return tuple(ending for ending in told if ending.what in _ENDINGS)

    # --- events ----------------------------------------------------------------------------

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Every message as it was sent, with its outcome, in sending order."""
        first: dict[int, int] = {}
        for time_ns, row in zip(self.outcome.times, self.outcome.rows, strict=True):
            first.setdefault(row, time_ns)
        rows = (row for row, op in enumerate(self.log.ops) if op in MESSAGES)
        return tuple(self._event(row, first.get(row, self.log.times[row])) for row in rows)

    def delivered(self) -> Sequence[Event]:
        """What receivers saw, in the order in which they saw it."""
        return self._delivered

    @cached_property
    def _delivered(self) -> tuple[Event, ...]:
        return tuple(map(self.delivery, range(len(self.outcome.rows))))

    def delivery(self, number: int) -> Event:
        """One of ``delivered()``, without building the others."""
        row, time_ns = self.outcome.rows[number], self.outcome.times[number]
        return self._event(row, time_ns, number)

    def columns(self) -> Columns:
        """``delivered()`` in columns; no event is built before it is asked for."""
        log, outcome = self.log, self.outcome
        rows = outcome.rows
        ops = array("B", map(log.ops.__getitem__, rows))
        bodies = list(map(log.bodies.__getitem__, rows))
        for number in outcome.damages:
            ops[number], bodies[number] = self._as_delivered(number, rows[number])
        return Columns(
            ops,
            array("I", map(log.lanes.__getitem__, rows)),
            array("I", map(log.kind_ids.__getitem__, rows)),
            outcome.times,
            bodies,
            [Lane(one.name, way) for one in log.connections for way in Direction],
            log.kinds,
            BuiltEvents(len(rows), self.delivery),
        )

    def undelivered(self) -> Iterator[Event]:
        """The messages that never arrived, with their outcome, in sending order."""
        fates = self.outcome.fates
        if fates.count(0) + fates.count(Fate.DELIVERED) == len(fates):
            return
        for row, fate in enumerate(fates):
            if fate not in (0, Fate.DELIVERED):
                yield self._event(row, self.log.times[row])

    def _event(self, row: int, time_ns: int, delivery: int = -1) -> Event:
        log, outcome = self.log, self.outcome
        lane = log.lanes[row]
        op, body = log.ops[row], log.bodies[row]
        if delivery >= 0:
            op, body = self._as_delivered(delivery, row)
        return Event(
            op=_OPS[op],
            connection=log.connections[lane >> 1].name,
            direction=_DIRECTIONS[lane & 1],
            time_ns=time_ns,
            type=log.kinds[log.kind_ids[row]],
            index=log.indexes[row],
            body=body,
            sent_ns=log.times[row],
            row=row,
            outcome=_FATES[outcome.fates[row]],
            copy=outcome.copies.get(delivery, 0),
            damaged=delivery in outcome.damages,
        )

    def _as_delivered(self, delivery: int, row: int) -> tuple[int, str | bytes]:
        """Op and body of one delivery: the intent's, or what the damage left of it."""
        log = self.log
        harmed = self.outcome.damages.get(delivery)
        if harmed is None:
            return log.ops[row], log.bodies[row]
        return damage(log.ops[row], log.bodies[row], *harmed)

    def __repr__(self) -> str:
        duration = time_text(self.end_ns)
        return f"<Session seed={self.seed} {self.ledger} in {duration}, ended {self.end['status']}>"


# A search for bytes reads a column of a million ops in a millisecond; so few of them are endings.
_ENDING_OPS = re.compile(
    b"[%b]" % re.escape(bytes([Op.ACCEPTED, Op.REFUSED, Op.CLOSE, Op.DROPPED, Op.INCIDENT]))
)
_ENDINGS = frozenset({"accepted", "refused", "closed", "dropped"})


def _ending(log: Log, row: int) -> Incident:
    """A row about the connection itself, as an incident."""
    if log.ops[row] == Op.INCIDENT:
        return _incident(log, row)
    lane = log.lanes[row]
    about: dict[str, Any] = {"by": Direction(lane & 1).name.lower()}
    match Op(log.ops[row]), log.value(row):
        case Op.ACCEPTED, value:
            what, about = "accepted", _only("subprotocol", value)
        case Op.REFUSED, value:
            what, about = "refused", _only("status", value)
        case Op.CLOSE, [code, reason, *_]:
            what, about = "closed", about | {"code": code, "reason": reason}
        case Op.CLOSE, _:
            what = "closed"
        case _, value:
            what, about = "dropped", about | _only("how", value)
    return Incident(log.times[row], log.connections[lane >> 1].name, what, about)


def _only(name: str, value: Any) -> dict[str, Any]:
    """That one entry of a row's map."""
    return {name: value[name]} if isinstance(value, dict) and name in value else {}


def _incident(log: Log, row: int) -> Incident:
    about = dict(log.value(row))
    name = log.connections[log.lanes[row] >> 1].name
    return Incident(log.times[row], name, about.pop("what"), about)


@dataclass(frozen=True, slots=True)
class Verification:
    """What a run was held against, and came out the same.

    ``checked`` names what was changed from run to run: ``heap``, ``hash seed``; ``notes`` say what
    was not, and why. ``steps`` and ``events`` count what was compared.
    """

    checked: tuple[str, ...]
    steps: int
    events: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        noted = "".join(f"; not checked: {note}" for note in self.notes)
        return f"{self.events} events in {self.steps} steps, {' and '.join(self.checked)}{noted}"


@dataclass(frozen=True, slots=True)
class RunResult(Generic[Value]):
    """What a run gave: the program's value and the session that it left.

    ``verified`` says what the determinism check did, if that was asked for; ``races`` are those of
    what the program watched with ``report="collect"``. ``host_ns`` is what the run cost in CPU time
    of this process; no session holds it.
    """

    value: Value
    session: Session
    verified: Verification | None = None
    races: tuple[Race, ...] = ()
    host_ns: int = field(default=0, compare=False)

    @property
    def digest(self) -> str:
        """The session's digest, in hex."""
        return self.session.digest
