"""A repro: one file that brings a failure back, with no seed and no golden.

It is a cassette, the session of the failed run, so that every tool for cassettes reads it. What
brings the run back stands among its volatile facts, outside of the digest, as the entry ``repro``:
the program's name, the signature, the decisions of an exact plan, the configuration, and a tape of
the words that chance gave the program. So it survives what changes draws: another version of ours,
a program that was edited elsewhere, another toxic in the mode.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from replay_ws.cassette.opened import read_facts
from replay_ws.cassette.reader import read
from replay_ws.cassette.redaction import redactor_of
from replay_ws.cassette.writer import save
from replay_ws.errors import CassetteError, ConfigError, ProgramError
from replay_ws.events.log import Direction
from replay_ws.events.model import SCHEDULING, Decision, Plan
from replay_ws.faults.configuration import recorded
from replay_ws.faults.plans import FaultPlan
from replay_ws.hunter.explain import Explanation, decision_text, key_of
from replay_ws.hunter.failure import Signature, signature_of
from replay_ws.hunter.forks import Forks
from replay_ws.hunter.shrink import Shrunk
from replay_ws.hunter.targets import Runner, Target, target_of
from replay_ws.running import Conditions, Program
from replay_ws.session import Session
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.lanes import Lane
from replay_ws.sim.schedule import FIFO
from replay_ws.sim.world.tape import Tape

VERSION = 1

_MARGINS = (8, 4, 2)


class State(StrEnum):
    """What became of a failure."""

    FAILS = "fails"
    """It still fails in the same way."""
    FIXED = "fixed"
    """It passes, and all that made it fail happened."""
    STALE = "stale"
    """It passes, but some of what made it fail found nothing to strike: the program has changed."""
    OTHER = "other"
    """It fails in another way."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a repro's run ended, and ``missing``: what of its plan found nothing to strike.

    ``is_same`` says whether it left the same session, to the byte; ``signature`` how it failed.
    """

    state: State
    session: Session
    signature: Signature | None = None
    missing: tuple[str, ...] = ()
    is_same: bool = False


@dataclass(frozen=True, slots=True)
class Repro:
    """A failure that comes back: ``target`` under ``conditions`` fails with ``signature``.

    ``session`` is what it left. ``facts`` tell a reader more: cause, steps, how it was shrunk, and
    where it was made.
    """

    target: str
    conditions: Conditions
    signature: Signature
    session: Session
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decisions(self) -> Plan:
        """What it takes."""
        return self.conditions.plan.decisions

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Repro:
        """Read a repro; raises CassetteError for a file that is damaged, or no repro."""
        return load_repro(path)

    def run(self, target: Target | Program[Any] | str | None = None) -> Verdict:
        """Run the program as it failed: its own, or another one in its place."""
        found = target_of(self.target if target is None else target, self.conditions)
        return found.within(self._verdict)

    def under(self, base: Conditions) -> Conditions:
        """What brings the failure back, in a test that has conditions of its own."""
        own = self.conditions
        return replace(
            base, seed=own.seed, plan=own.plan, config=own.config, schedule=FIFO, tape=own.tape
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all; raises CassetteError."""
        save(self.session.log, path, volatile={"repro": self._values(), "host": _host()})

    def _verdict(self, runner: Runner) -> Verdict:
        met = _Met(key_of(each) for each in self.decisions if each.toxic in SCHEDULING)
        tape = None if self.conditions.tape is None else Tape(self.conditions.tape.packed())
        conditions = replace(self.conditions, tape=tape, redactor=runner.base.redactor)
        (outcome,) = runner([conditions], [met])
        session = outcome.session
        same = session.digest == self.session.digest
        if outcome.error is not None:
            signature = signature_of(outcome.error)
            state = State.FAILS if signature == self.signature else State.OTHER
            return Verdict(state, session, signature, is_same=same)
        struck = {each.key for each in session.plan}
        missing = tuple(
            decision_text(each)
            for each in self.decisions
            if (key_of(each) not in met.found if each.toxic in SCHEDULING else True)
            and each.key not in struck
        )
        return Verdict(State.STALE if missing else State.FIXED, session, None, missing, same)

    def _values(self) -> dict[str, Any]:
        conditions = self.conditions
        assert conditions.tape is not None
        return {
            "version": VERSION,
            "target": self.target,
            "signature": list(self.signature),
            "seed": conditions.seed,
            "config": conditions.config.values(),
            "profile": conditions.profile,
            "threads": conditions.threads,
            "preempt": [os.fspath(path) for path in conditions.preempt],
            "escapes": conditions.escapes,
            "decisions": [_packed(each) for each in conditions.plan.decisions],
            "tape": conditions.tape.packed(),
            "facts": dict(self.facts),
        }


def make_repro(
    target: Target,
    shrunk: Shrunk,
    explanation: Explanation | None = None,
    forks: Forks | None = None,
) -> Repro:
    """The repro of a shrunk failure, from one run more, whose draws are put on a tape."""
    facts: dict[str, Any] = {
        "decisions_before": shrunk.decisions_before,
        "runs": shrunk.runs,
        "is_minimal": shrunk.is_minimal,
    }
    if explanation is not None:
        facts |= {
            "cause": explanation.cause.value,
            "needs": [cause.value for cause in explanation.needs],
            "steps": [str(step) for step in explanation.steps],
            "is_legal": explanation.is_legal,
        }
    if forks is not None:
        facts |= {
            "decided": forks.text(),
            "curve": [[point.steps, point.share] for point in forks.points],
        }
    conditions = target.within(lambda runner: _with_margin(runner, shrunk))
    return repro_of(target, conditions, facts)


def _with_margin(runner: Runner, shrunk: Shrunk) -> Conditions:
    """The conditions with longer delays, if they do as well.

    The shortest that does is what explains; but it counts everybody's steps, and a task that
    somebody adds later takes some of them.
    """
    for factor in _MARGINS:
        longer = tuple(
            replace(each, amount=each.amount * factor) if each.toxic == "hold" else each
            for each in shrunk.decisions
        )
        plan = replace(shrunk.conditions.plan, decisions=Plan(longer))
        conditions = replace(shrunk.conditions, plan=plan)
        (outcome,) = runner([conditions])
        if outcome.error is not None and signature_of(outcome.error) == shrunk.signature:
            return conditions
    return shrunk.conditions


def repro_of(
    target: Target, conditions: Conditions, facts: Mapping[str, Any] | None = None
) -> Repro:
    """The repro of ``conditions``, which have an exact plan; ProgramError if they do not fail."""
    taped = replace(conditions, tape=Tape())

    def work(runner: Runner) -> Repro:
        (outcome,) = runner([taped])
        if outcome.error is None:
            raise ProgramError("it passes", where=target.name, mend="hunt for what fails")
        signature = signature_of(outcome.error)
        return Repro(target.name, taped, signature, outcome.session, facts or {})

    return target.within(work)


def load_repro(path: str | os.PathLike[str]) -> Repro:
    """Read a repro; raises CassetteError for a file that is damaged, or no repro."""
    session = Session(read(path))
    values = read_facts(path).volatile.get("repro")
    if not isinstance(values, dict):
        raise CassetteError(
            "this cassette is no repro",
            where=os.fspath(path),
            mend="make one: replay-ws shrink TARGET --from CASSETTE -o repro.rws",
        )
    if values.get("version") != VERSION:
        raise CassetteError(
            f"it is a repro of version {values.get('version')!r:.20}, and this is {VERSION}",
            where=os.fspath(path),
            mend="use the version of replay_ws that wrote it",
        )
    try:
        return _repro(values, session)
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise CassetteError(
            f"what it says of its run is no plan: {error}",
            where=os.fspath(path),
            mend="make it anew: replay-ws shrink",
        ) from error


def repro_in(path: str | os.PathLike[str]) -> Repro | None:
    """The repro that a cassette is; None for another cassette. CassetteError for what is none."""
    return load_repro(path) if "repro" in read_facts(path).volatile else None


def _repro(values: Mapping[str, Any], session: Session) -> Repro:
    decisions = tuple(_unpacked(each) for each in values["decisions"])
    conditions = Conditions(
        seed=values["seed"],
        plan=FaultPlan(decisions=Plan(decisions), exact=True),
        config=recorded(values["config"]),
        profile=values["profile"],
        redactor=redactor_of("default"),
        threads=values["threads"],
        preempt=tuple(values["preempt"]),
        escapes=values["escapes"],
        tape=Tape(values["tape"]),
    )
    signature = Signature(*map(str, values["signature"]))
    return Repro(str(values["target"]), conditions, signature, session, dict(values["facts"]))


def _packed(decision: Decision) -> list[Any]:
    return [*decision.key[:2], int(decision.direction), *decision.key[3:], decision.amount]


def _unpacked(values: Iterable[Any]) -> Decision:
    toxic, connection, direction, type, index, attempt, amount = values
    return Decision(toxic, connection, Direction(direction), type, index, attempt, amount)


def _host() -> dict[str, str]:
    """What may matter where a program's own run differs between versions of Python."""
    from importlib.metadata import version  # only who makes a repro asks

    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, "platform": sys.platform, "replay_ws": version("replay-ws")}


class _Met:
    """Notes which steps and timers there were of those that are ``wanted``, as an observer."""

    def __init__(self, wanted: Iterable[tuple[str, str, int]]) -> None:
        self._wanted = frozenset(wanted)
        self.found: set[tuple[str, str, int]] = set()

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        """An observer's; nothing to do."""

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        """Note a step."""
        self._note("step", lane, lane.steps - 1)

    def armed(self, timer: Timer) -> None:
        """Note a timer."""
        if timer.origin is not None:
            self._note("timer", *timer.origin[:2])

    def _note(self, kind: str, lane: Lane, nth: int) -> None:
        key = (kind, lane.path, nth)
        if key in self._wanted:
            self.found.add(key)
