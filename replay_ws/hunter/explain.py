"""Why a shrunk failure fails: its cause, in a word, and what has to happen for it, in sentences.

What was shrunk has no needless decision, so the kinds of decisions that are left are causes:

=========== ====================================================================================
always      it fails in arrival order, without faults, whatever it draws: no flaky failure at all
entropy     it depends on what the program draws: other seeds pass under the same plan
fault       messages have to be harmed, or a mode is needed for what it does in any case
order       ready tasks have to run in another order than that of arrival
time        timers have to fire late, as on a busy machine
concurrency several of these have to come together
=========== ====================================================================================

A failure that needs nothing but late timers, or nothing at all, is one that a stock loop can show.
What needs another order of ready tasks stock asyncio does not show today: its order is no promise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from replay_ws.clock import time_text
from replay_ws.events.model import Decision
from replay_ws.faults.modes import modes_of
from replay_ws.hunter.failure import signature_of
from replay_ws.hunter.places import Key, places_of
from replay_ws.hunter.shrink import Shrunk
from replay_ws.hunter.targets import Runner, Target
from replay_ws.text import clean

_OTHER_SEEDS = 8


class Cause(StrEnum):
    """What a failure comes from; see the top of this module."""

    ALWAYS = "always"
    ENTROPY = "entropy"
    FAULT = "fault"
    ORDER = "order"
    TIME = "time"
    CONCURRENCY = "concurrency"


_CAUSES = {
    "hold": Cause.ORDER,
    "late": Cause.TIME,
    "stall": Cause.TIME,
    "cancel": Cause.FAULT,
    "fail": Cause.FAULT,
}
"""Of decisions of the schedule; all others are faults."""


@dataclass(frozen=True, slots=True)
class Step:
    """One decision in words, and where in the user's code it strikes, if that is known."""

    text: str
    place: str = ""
    line: str = ""

    def __str__(self) -> str:
        where = f", at {self.place}" if self.place else ""
        code = f": {self.line}" if self.line else ""
        return f"{self.text}{where}{code}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The ``cause`` of a failure, all ``needs`` of it, and the ``steps`` that lead to it.

    ``passing`` of ``tried`` other seeds pass under the same plan. ``is_legal``: a stock loop can
    show it.
    """

    cause: Cause
    needs: tuple[Cause, ...]
    steps: tuple[Step, ...]
    is_legal: bool
    passing: int
    tried: int


def explain(target: Target, shrunk: Shrunk) -> Explanation:
    """Why it fails, from a few runs more."""
    return target.within(lambda runner: _explained(runner, shrunk))


def _explained(runner: Runner, shrunk: Shrunk) -> Explanation:
    passing = _passing(runner, shrunk)
    found = dict.fromkeys(_CAUSES.get(each.toxic, Cause.FAULT) for each in shrunk.decisions)
    modes = _needed_modes(shrunk)
    if modes:
        found[Cause.FAULT] = None
    kinds = tuple(sorted(found, key=list(Cause).index))
    needs = (Cause.ENTROPY, *kinds) if passing else kinds
    cause = Cause.CONCURRENCY if len(kinds) > 1 else (*kinds, *needs, Cause.ALWAYS)[0]
    places = places_of(runner, shrunk.conditions, map(key_of, shrunk.schedule))
    return Explanation(
        cause,
        needs,
        (
            *(Step(f"run in mode {mode}, whatever it draws") for mode in modes),
            *(
                Step(decision_text(each), *places.get(key_of(each), ("", "")))
                for each in shrunk.decisions
            ),
        ),
        is_legal=all(each.toxic in ("late", "stall") for each in shrunk.schedule),
        passing=passing,
        tried=_OTHER_SEEDS,
    )


def _needed_modes(shrunk: Shrunk) -> tuple[str, ...]:
    """The modes without which it passes although none of their faults is left: a slow client."""
    if shrunk.faults:
        return ()
    return tuple(mode for mode in modes_of(shrunk.conditions.config.mode) if mode != "normal")


def _passing(runner: Runner, shrunk: Shrunk) -> int:
    """How many other seeds pass: only what the program draws differs under an exact plan."""
    conditions = shrunk.conditions
    seeds = range(conditions.seed + 1, conditions.seed + 1 + _OTHER_SEEDS)
    outcomes = runner(replace(conditions, seed=seed) for seed in seeds)
    return sum(
        outcome.error is None or signature_of(outcome.error) != shrunk.signature
        for outcome in outcomes
    )


# --- in words ------------------------------------------------------------------------------------

_VERBS = {
    "loss": "lose",
    "duplicate": "deliver twice",
    "malformed": "damage",
    "corrupt": "damage",
    "jitter": "delay",
    "latency": "delay",
    "race": "delay",
    "reorder": "delay",
    "timeout": "let time out",
    "failure": "let fail",
    "auth": "refuse (auth)",
}
_WITH_TIME = {"jitter", "latency", "race", "reorder", "timeout", "partition"}


def decision_text(decision: Decision) -> str:
    """What a decision does, in words."""
    kind, path, index = decision.toxic, decision.connection, decision.index
    if kind not in _CAUSES:
        return _fault_text(decision)
    name = f"task {clean(path)}" if path else "the callbacks"
    amount = decision.amount
    return {
        "hold": f"hold {name} before its {ordinal(index)} step until {amount} more steps were due",
        "late": f"fire the {ordinal(index)} timer of {name} {time_text(amount)} late",
        "stall": f"keep the loop busy for {time_text(amount)} when the {ordinal(index)} timer of "
        f"{name} is due",
        "cancel": f"cancel {name} where it awaits before its {ordinal(index)} step",
        "fail": f"let {name} fail at its {ordinal(index)} step",
    }[kind]


def _fault_text(decision: Decision) -> str:
    verb = _VERBS.get(decision.toxic.partition(".")[0], f"let {decision.toxic} strike")
    what = f"{clean(decision.type)} " if decision.type else "message "
    retry = f", attempt {decision.attempt + 1}" if decision.attempt else ""
    time = f" by {time_text(decision.amount)}" if decision.toxic in _WITH_TIME else ""
    place = f"{clean(decision.connection)} {decision.direction.sign}"
    return f"{verb} the {ordinal(decision.index)} {what}on {place}{retry}{time}"


def ordinal(index: int) -> str:
    """``1st`` for 0."""
    number = index + 1
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10)
    return f"{number}{ending or 'th'}"


def key_of(decision: Decision) -> Key:
    """The step or the timer of a lane that a decision of the schedule is about."""
    way = "timer" if decision.toxic in ("late", "stall") else "step"
    return way, decision.connection, decision.index
