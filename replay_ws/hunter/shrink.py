"""From a failed run to the few decisions that it takes, and no more of any of them than needed.

The decisions of the run become an exact plan, which leaves nothing to chance, and its parts are
tried in turn: the faults, then the schedule, then the amounts, then all together once more. A
schedule is a set of keyed delays over arrival order (``sim.schedule.Held``), so that to drop one
moves no other; a list of choices would shift with each. Where several delays are left, one of them
is made longer in their place, for a long wait often does what many short ones did together.

A smaller plan counts only if it fails in the same way: with the same signature. One that fails
differently is a *slip*, and is kept, for it is another bug.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product

from replay_ws.diff import compare
from replay_ws.errors import DeterminismError, ProgramError
from replay_ws.events.model import SCHEDULING, Decision, Plan
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.plans import FaultPlan
from replay_ws.hunter.failure import Failure, Signature, message_of, signature_of
from replay_ws.hunter.minimise import Minimiser, lowest
from replay_ws.hunter.targets import Runner, Target
from replay_ws.running import Conditions, Outcome
from replay_ws.session import Session
from replay_ws.sim.schedule import FIFO

RUNS_MAX = 2_000
"""Runs after which the best so far will do."""

_FACTORS = (1, 2, 0.5, 4, 0.25, 32, 1_024)
"""What a delay is tried with in the place of others."""
_CANDIDATES_MAX = 64
_NEARBY_FACTORS = (1, 2, 0.5, 1.5)
_NEARBY = 4
"""How many steps or timers further another delay may do what several do."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A failure with the fewest decisions: ``conditions`` hold them as an exact plan.

    ``session`` is what their run left. ``decisions_before`` were those of the failed run, and
    ``runs`` is what it took to shrink them; ``is_minimal`` unless the runs did not suffice, and
    then one of the decisions may be needless. ``slips`` are other failures that were met, and what
    brings them back.
    """

    target: str
    failure: Failure
    conditions: Conditions
    session: Session
    decisions_before: int
    runs: int
    is_minimal: bool = True
    slips: dict[Signature, Conditions] = field(default_factory=dict)

    @property
    def signature(self) -> Signature:
        """How it fails."""
        return self.failure.signature

    @property
    def decisions(self) -> Plan:
        """What it takes."""
        return self.conditions.plan.decisions

    @property
    def faults(self) -> tuple[Decision, ...]:
        """Those that concern messages."""
        return tuple(d for d in self.decisions if d.toxic not in SCHEDULING)

    @property
    def schedule(self) -> tuple[Decision, ...]:
        """Those that concern the order of steps, and timers."""
        return tuple(d for d in self.decisions if d.toxic in SCHEDULING)


def shrink(target: Target, failure: Failure, *, runs_max: int = RUNS_MAX) -> Shrunk:
    """The fewest decisions with which ``target`` fails as in ``failure``.

    Raises ProgramError where it does not fail so any more, and DeterminismError where it does not
    do the same twice: what is not controlled cannot be shrunk.
    """
    return target.within(lambda runner: _Shrinking(runner, target.name, failure, runs_max).shrunk())


def failure_under(target: Target, conditions: Conditions) -> Failure:
    """How ``target`` fails under ``conditions``; ProgramError if it does not."""

    def work(runner: Runner) -> Failure:
        (outcome,) = runner([conditions])
        if outcome.error is None:
            raise ProgramError(
                f"it passes with seed {conditions.seed}",
                where=target.name,
                mend="hunt for a failure",
            )
        return Failure(conditions, signature_of(outcome.error), message_of(outcome.error))

    return target.within(work)


class _Enough(Exception):
    """The runs are used up."""


class _Shrinking:
    """One failure while it is being shrunk; ``best`` is the smallest plan that fails so far."""

    def __init__(self, runner: Runner, name: str, failure: Failure, runs_max: int) -> None:
        self._runner = runner
        self._name = name
        self._failure = failure
        self._runs_max = runs_max
        self._known: dict[frozenset[Decision], bool] = {}
        self._config: MockConfiguration = failure.conditions.config
        self._left: Session
        self._before: list[Decision] = []
        self.best: list[Decision] = []
        self.runs = 0
        self.slips: dict[Signature, Conditions] = {}

    def shrunk(self) -> Shrunk:
        before = self._before = self._decisions_of_failure()
        is_minimal = True
        try:
            self._shrink()
        except _Enough:
            is_minimal = False
        return Shrunk(
            self._name,
            self._failure,
            self._exactly(self.best),
            self._left,
            len(before),
            self.runs,
            is_minimal,
            self.slips,
        )

    # --- the failed run ----------------------------------------------------------------------

    def _decisions_of_failure(self) -> list[Decision]:
        """What the failed run decided, once it is sure that this brings the failure back."""
        first, second = (self._outcome(self._failure.conditions) for _ in range(2))
        if first.session.digest != second.session.digest:
            raise self._uncontrolled(first.session, second.session)
        if self._signature(first) != self._failure.signature:
            found = self._signature(first) or "it passes"
            raise ProgramError(
                f"it does not fail any more as it did with seed {self._failure.seed}: {found}",
                where=self._name,
                mend="hunt again",
            )
        decisions = self.best = list(first.session.plan)
        if not self._fails(decisions):
            raise DeterminismError(
                "the failure does not come back from the decisions of its run",
                where=self._name,
                mend="run it with verify=True, which names what is not controlled",
            )
        return decisions

    def _uncontrolled(self, one: Session, other: Session) -> DeterminismError:
        found = compare(one, other, order="total").divergences
        what = "two runs under the same conditions differ"
        return DeterminismError(
            f"{what}: {found[0].line()}" if found else f"{what}, though not in what was delivered",
            where=self._name,
            mend="run it with verify=True, which names the first step that differs",
        )

    # --- its parts -----------------------------------------------------------------------------

    def _shrink(self) -> None:
        self._minimise(_is_fault)
        self._minimise(_is_scheduling, roughly=True)
        self._one_delay()
        self._minimise(_is_scheduling)
        self._lengthen()
        self._elsewhere()
        self._lower()
        self._minimise(lambda _: True)
        if not any(map(_is_fault, self.best)):
            self._leave_mode()

    def _minimise(self, concerned: Callable[[Decision], bool], *, roughly: bool = False) -> None:
        """Drop what can be dropped of the decisions that are ``concerned``."""
        rest = [each for each in self.best if not concerned(each)]
        items = [each for each in self.best if concerned(each)]
        minimiser = Minimiser(items, lambda some: self._fails([*rest, *some]))
        if items:
            minimiser.small() if roughly else minimiser.minimal()

    def _one_delay(self) -> None:
        """Put one delay, longer or shorter, in the place of all."""
        if self._count_delays() < 2:
            return
        faults = [each for each in self.best if _is_fault(each)]
        delays = [each for each in self.best if _is_scheduling(each)][:_CANDIDATES_MAX]
        any(
            self._fails([*faults, replace(delay, amount=_times(delay.amount, factor))])
            for factor in _FACTORS
            for delay in delays
        )

    def _lengthen(self) -> None:
        """Put one longer delay in the place of several, until that gains nothing."""
        while (count := self._count_delays()) > 1:
            delays = [each for each in self.best if _is_scheduling(each)]
            for delay, factor in product(delays, _FACTORS):
                self._beside(replace(delay, amount=_times(delay.amount, factor)))
                if self._count_delays() < count:
                    break
            else:
                return

    def _elsewhere(self) -> None:
        """Put one delay of a step or timer nearby, in the same lane, in the place of all."""
        if self._count_delays() < 2:
            return
        faults = [each for each in self.best if _is_fault(each)]
        delays = [each for each in self.best if _is_scheduling(each)]
        nearby = (
            replace(delay, index=index, amount=_times(delay.amount, factor))
            for factor, delay in product(_NEARBY_FACTORS, delays)
            for index in range(max(0, delay.index - _NEARBY), delay.index + _NEARBY + 1)
            if index != delay.index
        )
        any(self._fails([*faults, one]) for one in islice(nearby, _CANDIDATES_MAX))

    def _beside(self, long: Decision) -> None:
        """Drop what is needless beside a delay that is longer now."""
        faults = [each for each in self.best if _is_fault(each)]
        others = [each for each in self.best if _is_scheduling(each) and each.key != long.key]
        if self._fails([*faults, long, *others], keep=False):
            Minimiser(others, lambda some: self._fails([*faults, long, *some])).minimal()

    def _count_delays(self) -> int:
        return sum(map(_is_scheduling, self.best))

    def _lower(self) -> None:
        """Make each amount as small as it can be."""
        for decision in list(self.best):
            others = [each for each in self.best if each.key != decision.key]

            def fails(
                amount: int, one: Decision = decision, others: Sequence[Decision] = others
            ) -> bool:
                return self._fails([*others, replace(one, amount=amount)])

            lowest(decision.amount, fails)

    def _leave_mode(self) -> None:
        """Without faults the mode is needed only for what it does in any case."""
        kept = self._config
        self._config = kept.replace(mode="normal")
        self._known.clear()
        if not self._fails(self.best):
            self._config = kept

    # --- one run ---------------------------------------------------------------------------------

    def _fails(self, decisions: Sequence[Decision], *, keep: bool = True) -> bool:
        """Whether it fails in the same way with these decisions alone.

        If so they are the best, unless there are more of them, or they are not to be kept.
        """
        key = frozenset(decisions)
        known = self._known.get(key)
        if known is None:
            if self.runs >= self._runs_max:
                raise _Enough
            outcome = self._outcome(self._exactly(decisions))
            signature = self._signature(outcome)
            known = self._known[key] = signature == self._failure.signature
            if known:
                self._left = outcome.session
            elif signature is not None:
                self.slips.setdefault(signature, self._exactly(decisions))
        if known and keep and len(decisions) <= len(self.best):
            self.best = list(decisions)
        return known

    def _exactly(self, decisions: Sequence[Decision]) -> Conditions:
        """The conditions of the failure, but that these decisions are all that is decided."""
        plan = FaultPlan(decisions=Plan(tuple(decisions)), exact=True)
        return replace(self._failure.conditions, plan=plan, schedule=FIFO, config=self._config)

    def _outcome(self, conditions: Conditions) -> Outcome[object]:
        self.runs += 1
        (outcome,) = self._runner([conditions])
        return outcome

    def _signature(self, outcome: Outcome[object]) -> Signature | None:
        return None if outcome.error is None else signature_of(outcome.error)


_AMOUNT_MAX = 1 << 40


def _times(amount: int, factor: float) -> int:
    return min(max(int(amount * factor), 1), _AMOUNT_MAX)


def _is_scheduling(decision: Decision) -> bool:
    return decision.toxic in SCHEDULING


def _is_fault(decision: Decision) -> bool:
    return decision.toxic not in SCHEDULING
