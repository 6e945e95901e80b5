"""How likely a failure had become at each step of its run, and the step that decided it.

The run is repeated from its plan for so many steps. From there on order and faults are drawn anew,
as the hunt drew them, from one fresh seed after the other, and the share of these *forks* that fail
in the same way is how likely the failure was by then. It mostly rises at once, at the step that
leaves no way out; the error is raised much later as a rule. What the program itself draws stays.

The steps are sampled evenly first, and then between the last at which the failure could still be
missed and the next, by bisection. Each share is one of few forks: the curve says more than a point.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from replay_ws.clock import time_text
from replay_ws.errors import ProgramError
from replay_ws.events.log import MESSAGES
from replay_ws.events.model import Event
from replay_ws.faults.chance import Chance, Dice, Script
from replay_ws.faults.plans import FaultPlan
from replay_ws.hunter.explain import ordinal
from replay_ws.hunter.failure import signature_of
from replay_ws.hunter.places import places_of
from replay_ws.hunter.shrink import Shrunk
from replay_ws.hunter.statistics import percent
from replay_ws.hunter.targets import Runner, Target
from replay_ws.recording import CURRENT
from replay_ws.running import Conditions, Outcome
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.lanes import Lane
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.schedule import Schedule
from replay_ws.sim.scheduling import hand_over
from replay_ws.text import clean

FORKS = 20
"""How often a run is begun again at a step."""

SAMPLES = 8
"""At how many steps, evenly spread, before the bisection."""

INEVITABLE = 0.9
"""The share of failing forks from which on a failure counts as inevitable."""


@dataclass(frozen=True, slots=True)
class Point:
    """With the first ``steps`` steps of the run kept, ``failed`` of ``forks`` fail in its way."""

    steps: int
    failed: int
    forks: int

    @property
    def share(self) -> float:
        """How likely the failure is by then."""
        return self.failed / self.forks


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A step of the run: the ``nth`` (from 0) of the lane ``path``, at an instant.

    ``events`` messages had been sent before it. ``place`` and ``line`` are where it goes on in the
    user's code, if that is known.
    """

    path: str
    nth: int
    time_ns: int
    events: int
    place: str = ""
    line: str = ""

    @property
    def text(self) -> str:
        """``the 3rd step of task main/reader at 1.5 s, in app.py:12 in reader: await get()``."""
        where = f"of task {clean(self.path)}" if self.path else "outside of any task"
        text = f"the {ordinal(self.nth)} step {where}, at {time_text(self.time_ns)}"
        return f"{text}, {self.place}: {self.line}" if self.place else text


@dataclass(frozen=True, slots=True)
class Forks:
    """The curve of a failure over the steps of its run, ``points`` by their steps.

    ``step`` is the first to be known from which on it is inevitable (from 1; 0 when it always was),
    and ``taken`` is what was done there. ``event`` is the last message that was sent by its end,
    ``number`` its place in the session's events.
    """

    points: tuple[Point, ...]
    steps: int
    step: int
    taken: StepTaken | None
    number: int | None
    event: Event | None
    runs: int

    @property
    def before(self) -> float:
        """How likely it was the last time that it could still be missed."""
        shares = [point.share for point in self.points if point.steps < self.step]
        return shares[-1] if shares else self.points[0].share

    @property
    def after(self) -> float:
        """How likely it is from ``step`` on."""
        return next(point.share for point in self.points if point.steps >= self.step)

    def text(self) -> str:
        """Where it was decided, in a line."""
        if self.taken is None:
            return "it fails whatever is drawn for order and faults"
        event = self.event
        since = ""
        if event is not None:
            kind = f"{clean(event.type)} on " if event.type else ""
            since = f", event #{self.number} ({kind}{clean(event.connection)})"
        change = f"{percent(self.before)} -> {percent(self.after)}"
        return (
            f"inevitable from step {self.step} of {self.steps}{since}: {change}; {self.taken.text}"
        )


def fork(target: Target, shrunk: Shrunk, *, forks: int = FORKS, samples: int = SAMPLES) -> Forks:
    """When in its run the shrunk failure became inevitable.

    Raises ProgramError where it does not fail so any more.
    """
    return target.within(lambda runner: _Forking(runner, shrunk, forks).forks(samples))


class _Forking:
    """A failure while its run is begun again and again."""

    def __init__(self, runner: Runner, shrunk: Shrunk, forks: int) -> None:
        self._runner = runner
        self._shrunk = shrunk
        self._forks = forks
        self._points: dict[int, Point] = {}

    def forks(self, samples: int) -> Forks:
        taken, outcome = self._run_itself()
        count = len(taken)
        self._points[count] = Point(count, 1, 1)
        step = self._inevitable_from(sorted({count * n // samples for n in range(samples)}), count)
        number = None
        if step:
            sent = taken[step].events if step < count else len(outcome.session.events)
            number = sent - 1 if sent else None
        return Forks(
            points=tuple(self._points[steps] for steps in sorted(self._points)),
            steps=count,
            step=step,
            taken=self._placed(taken[step - 1]) if step else None,
            number=number,
            event=None if number is None else outcome.session.events[number],
            runs=sum(point.forks for point in self._points.values()),
        )

    def _run_itself(self) -> tuple[list[StepTaken], Outcome[object]]:
        """The steps of the run, and how it ended."""
        watch = Steps()
        (outcome,) = self._runner([self._shrunk.conditions], [watch])
        if not self._fails(outcome):
            raise ProgramError(
                "it does not fail any more from the decisions that it was shrunk to",
                where=self._shrunk.target,
                mend="hunt again",
            )
        return watch.taken, outcome

    def _placed(self, taken: StepTaken) -> StepTaken:
        key = ("step", taken.path, taken.nth)
        found = places_of(self._runner, self._shrunk.conditions, [key])
        place, line = found.get(key, ("", ""))
        return replace(taken, place=place, line=line)

    def _inevitable_from(self, samples: list[int], count: int) -> int:
        likely = [self._share(steps) >= INEVITABLE for steps in samples]
        if all(likely):
            return 0
        last = max(number for number, is_likely in enumerate(likely) if not is_likely)
        low, high = samples[last], [*samples, count][last + 1]
        while high - low > 1:
            middle = (low + high) // 2
            if self._share(middle) >= INEVITABLE:
                high = middle
            else:
                low = middle
        return high

    def _share(self, steps: int) -> float:
        """How many of the forks at a step fail; the seeds are the same for each step."""
        conditions, failure = self._shrunk.conditions, self._shrunk.failure
        first = failure.seed + 1
        variants = (
            fork_of(conditions, steps, seed, failure.conditions.schedule)
            for seed in range(first, first + self._forks)
        )
        failed = sum(map(self._fails, self._runner(variants, [HandOver()])))
        point = self._points[steps] = Point(steps, failed, self._forks)
        return point.share

    def _fails(self, outcome: Outcome[object]) -> bool:
        error = outcome.error
        return error is not None and signature_of(error) == self._shrunk.signature


class Steps:
    """Notes every step of a run, as an observer."""

    def __init__(self) -> None:
        self.taken: list[StepTaken] = []
        self._rows = 0
        self._events = 0

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        """An observer's; nothing to do."""

    def armed(self, timer: Timer) -> None:
        """An observer's; nothing to do."""

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        recording = CURRENT.get()
        if recording is None:
            return
        ops = recording.log.ops
        self._events += sum(op in MESSAGES for op in ops[self._rows :])
        self._rows = len(ops)
        now_ns = recording.clock.now_ns()
        self.taken.append(StepTaken(lane.path, lane.steps - 1, now_ns, self._events))


# --- one fork ------------------------------------------------------------------------------------


def fork_of(conditions: Conditions, steps: int, seed: int, schedule: Schedule) -> Conditions:
    """``conditions``, whose plan is exact, for so many steps; then other draws.

    For one run only, which a ``HandOver`` must watch.
    """
    fork = _Fork(steps, conditions.seed, seed, schedule.resolved(seed))
    plan = _ForkedPlan(decisions=conditions.plan.decisions, exact=True, fork=fork)
    return replace(conditions, plan=plan)


@dataclass(slots=True, eq=False)
class _Fork:
    """For how many steps a run keeps to its plan, and the seed and schedule of what follows.

    ``begun`` counts the steps.
    """

    steps: int
    run_seed: int
    seed: int
    schedule: Schedule
    begun: int = 0


@dataclass(frozen=True, slots=True)
class _ForkedPlan(FaultPlan):
    """A plan that holds for some steps. A mock with a seed of its own keeps it: it is no chance."""

    fork: _Fork = field(kw_only=True)

    def chance(self, dice: Dice) -> Chance:
        fork = self.fork
        fresh = dice.with_seed(fork.seed) if dice.seed == fork.run_seed else dice
        return _ForkedChance(Script(self.decisions, dice.log), fresh, fork)


class _ForkedChance:
    """A plan's chance for some steps, then that of dice."""

    def __init__(self, script: Script, dice: Dice, fork: _Fork) -> None:
        self._script = script
        self._dice = dice
        self._fork = fork
        self.active = script.active | dice.active

    def strike(self, toxic: str, lane: int, kind: int, index: int, attempt: int = 0) -> int:
        fork = self._fork
        chance = self._script if fork.begun <= fork.steps else self._dice
        return chance.strike(toxic, lane, kind, index, attempt)


class HandOver:
    """Hands the schedule of a run over to that of its fork when the time has come, as an observer.

    That is when the last step that is kept begins: what runs next is drawn already. The faults of
    that step are still the plan's.
    """

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        if (fork := _fork_of_run()) is not None:
            lane.seed = fork.seed  # a plan draws nothing

    def armed(self, timer: Timer) -> None:
        """An observer's; nothing to do."""

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        fork = _fork_of_run()
        if fork is None:
            return
        fork.begun += 1
        if fork.begun == max(fork.steps, 1):  # of the first step there is no choice
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            hand_over(loop, fork.schedule, fork.seed)


def _fork_of_run() -> _Fork | None:
    recording = CURRENT.get()
    plan = recording.plan if recording is not None else None
    return plan.fork if isinstance(plan, _ForkedPlan) else None
