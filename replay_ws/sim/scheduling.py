"""From a schedule, or from a plan, to the loop that keeps it; and what a profile run counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from replay_ws.events.model import SCHEDULING, Decision
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.interruptions import Interruptions
from replay_ws.sim.lanes import LaneQueue
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.schedule import Held, Lane, Profile, Schedule, policy_of


def loop_with_lanes(schedule: Schedule, seed: int, profile: Profile | None = None) -> VirtualLoop:
    """A loop that keeps ``schedule``, which is resolved, with draws from ``seed``."""
    policy = policy_of(schedule, seed, profile)
    lanes = LaneQueue(policy, seed=seed, jitter=bool(schedule.jitter))
    loop = VirtualLoop(lanes)
    if schedule.interrupts:
        loop.interrupt(Interruptions(lanes, schedule))
    return loop


def loop_with_plan(decisions: Iterable[Decision]) -> VirtualLoop:
    """A loop that repeats what ``decisions`` say of the schedule, and draws nothing."""
    amounts: dict[str, dict[tuple[str, int], int]] = {kind: {} for kind in SCHEDULING}
    for decision in decisions:
        if decision.toxic in amounts:
            amounts[decision.toxic][decision.connection, decision.index] = decision.amount
    lanes = LaneQueue(Held(amounts["hold"]), planned=amounts)
    loop = VirtualLoop(lanes)
    if amounts["cancel"] or amounts["fail"]:
        planned = {kind: frozenset(amounts[kind]) for kind in ("cancel", "fail")}
        loop.interrupt(Interruptions(lanes, Schedule(), planned))
    return loop


def hand_over(loop: VirtualLoop, schedule: Schedule, seed: int) -> None:
    """From now on ``schedule``, which is resolved, says in the place of a plan what runs next.

    Failures stay as they are planned. Policies do without a profile.
    """
    assert loop.lanes is not None
    loop.lanes.hand_over(policy_of(schedule, seed, None), jitter=bool(schedule.jitter))
    if loop.interruptions is not None:
        loop.interruptions.hand_over(schedule)


class StepCounts:
    """An observer that counts the steps of each lane."""

    def __init__(self) -> None:
        self._steps: Counter[str] = Counter()
        self._parents: dict[str, str] = {}

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        """An observer's; nothing to do."""

    def armed(self, timer: Timer) -> None:
        """An observer's; nothing to do."""

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        """Count a step."""
        self._steps[lane.path] += 1
        if lane.parent is not None:
            self._parents[lane.path] = lane.parent.path

    def profile(self) -> Profile:
        """What was counted so far."""
        return Profile(self._steps, self._parents)
