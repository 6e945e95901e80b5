"""A shrunk failure still fails, in the same way, and no single decision of it can be dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest

import replay_ws as rws
from replay_ws.events.model import SCHEDULING, Decision, Plan
from replay_ws.faults.plans import FaultPlan
from replay_ws.hunter.explain import explain
from replay_ws.hunter.failure import Signature, signature_of
from replay_ws.hunter.hunt import hunt
from replay_ws.hunter.shrink import Shrunk, shrink
from replay_ws.hunter.sweep import Trials
from replay_ws.hunter.targets import ProgramTarget
from replay_ws.running import Conditions
from replay_ws.sim.schedule import Schedule
from tests.races.suite import RACES, Race

SEEDS_MAX = 2_000
RUNS_MAX = 150

each_repeat = pytest.mark.parametrize("first_seed", [1, 10_000, 100_000])
racy = pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)


def shrunk(race: Race, first_seed: int = 1) -> Shrunk:
    target = ProgramTarget(race.program)
    seeds = range(first_seed, first_seed + SEEDS_MAX)
    found = hunt(target, Trials(seeds, (), Schedule("portfolio")), stop="first")
    return shrink(target, found.failures[0])


def signature(race: Race, conditions: Conditions) -> Signature | None:
    """How a race fails under ``conditions``, if it does."""

    def work(runner: object) -> Signature | None:
        (outcome,) = runner([conditions])  # type: ignore[operator]
        return signature_of(outcome.error) if outcome.error else None

    return ProgramTarget(race.program).within(work)


def with_decisions(found: Shrunk, decisions: list[Decision]) -> Conditions:
    plan = FaultPlan(decisions=Plan(tuple(decisions)), exact=True)
    return replace(found.conditions, plan=plan)


@racy
@each_repeat
def test_a_race_is_shrunk_to_what_it_takes(race: Race, first_seed: int) -> None:
    found = shrunk(race, first_seed)
    assert signature(race, found.conditions) == found.signature
    decisions = list(found.decisions)
    for dropped in decisions:
        rest = [each for each in decisions if each is not dropped]
        assert signature(race, with_decisions(found, rest)) != found.signature
    assert found.is_minimal
    assert found.runs <= RUNS_MAX
    # A bug of depth d needs d - 1 delays at most; of these races all can be shown by one.
    assert len(decisions) == 1


@racy
def test_no_amount_of_what_is_left_can_be_halved(race: Race) -> None:
    found = shrunk(race)
    for decision in found.decisions:
        if decision.amount > 1:
            half = replace(decision, amount=decision.amount // 2)
            changed = [half if each is decision else each for each in found.decisions]
            assert signature(race, with_decisions(found, changed)) != found.signature


@racy
@each_repeat
def test_the_cause_of_a_race_is_its_kind(race: Race, first_seed: int) -> None:
    found = shrunk(race, first_seed)
    cause = explain(ProgramTarget(race.program), found).cause
    assert cause == {"yield": "order", "time": "time"}[race.kind]
    assert {decision.toxic for decision in found.decisions} <= set(SCHEDULING)


def test_what_is_shrunk_runs_again_from_its_plan_alone() -> None:
    race = next(race for race in RACES if race.name == "late_bug")
    found = shrunk(race)
    with pytest.raises(AssertionError) as again:
        rws.run(race.program, plan=found.decisions)
    assert again.value.session.plan == found.decisions  # type: ignore[attr-defined]
