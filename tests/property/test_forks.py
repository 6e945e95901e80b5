"""A fork is the run itself for so many steps, and then any other run of its program."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_ws.faults.plans import FaultPlan
from replay_ws.hunter.forks import HandOver, Steps, StepTaken, fork, fork_of
from replay_ws.hunter.hunt import hunt
from replay_ws.hunter.shrink import Shrunk, shrink
from replay_ws.hunter.sweep import trials_of
from replay_ws.hunter.targets import ProgramTarget
from replay_ws.running import Conditions, executions
from replay_ws.session import Session
from replay_ws.sim.lanes import Observer
from replay_ws.sim.schedule import Schedule
from tests.races.suite import RACES, Race

races = st.sampled_from(RACES)
seeds = st.integers(1, 10**6)
PORTFOLIO = Schedule("portfolio")


@cache
def shrunk(race: Race) -> Shrunk:
    target = ProgramTarget(race.program)
    trials = trials_of(range(1, 3_000), (), PORTFOLIO)
    return shrink(target, hunt(target, trials, stop="first").failures[0])


def run(
    race: Race, conditions: Conditions, *observers: Observer
) -> tuple[Session, list[StepTaken]]:
    steps = Steps()
    (outcome,) = executions(race.program, [conditions], [*observers, steps])
    return outcome.session, steps.taken


@given(races, seeds, st.data())
def test_the_steps_that_are_kept_are_those_of_the_run(
    race: Race, seed: int, data: st.DataObject
) -> None:
    conditions = shrunk(race).conditions
    session, taken = run(race, conditions)
    kept = data.draw(st.integers(0, len(taken)))
    forked, taken_there = run(race, fork_of(conditions, kept, seed, PORTFOLIO), HandOver())
    assert taken_there[:kept] == taken[:kept]
    if kept == len(taken):
        assert forked.digest == session.digest


@given(races, seeds, st.integers(0, 20))
def test_a_fork_comes_back_from_what_it_decided(race: Race, seed: int, kept: int) -> None:
    conditions = shrunk(race).conditions
    forked, taken = run(race, fork_of(conditions, kept, seed, PORTFOLIO), HandOver())
    plan = FaultPlan(decisions=forked.plan, exact=True)
    again, taken_again = run(race, replace(conditions, plan=plan))
    assert (again.digest, taken_again) == (forked.digest, taken)


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
def test_each_race_is_decided_at_one_of_its_steps(race: Race) -> None:
    found = fork(ProgramTarget(race.program), shrunk(race))
    assert 0 < found.step <= found.steps
    assert found.before < 0.9 <= found.after
    assert found == fork(ProgramTarget(race.program), shrunk(race))
