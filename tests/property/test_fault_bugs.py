"""Bugs that need a fault are found, shrunk to what they take, explained, and gone once mended."""

from __future__ import annotations

from functools import cache, partial

import pytest

from replay_ws.hunter.explain import explain
from replay_ws.hunter.hunt import Hunt, hunt
from replay_ws.hunter.shrink import Shrunk, shrink
from replay_ws.hunter.sweep import trials_of
from replay_ws.hunter.targets import ProgramTarget
from replay_ws.sim.schedule import Schedule
from tests.races.suite import FAULT_BUGS, FaultBug

RUNS_MAX = 2_000
MODES = 10
PORTFOLIO = Schedule("portfolio")

each_bug = pytest.mark.parametrize("bug", FAULT_BUGS, ids=lambda bug: bug.name)
each_repeat = pytest.mark.parametrize("first_seed", [0, 100_000, 200_000])


@cache
def found(bug: FaultBug, first_seed: int) -> Hunt:
    seeds = range(first_seed, first_seed + RUNS_MAX // MODES)
    return hunt(ProgramTarget(bug.program), trials_of(seeds, "all", PORTFOLIO), stop="first")


@cache
def shrunk(bug: FaultBug, first_seed: int) -> Shrunk:
    return shrink(ProgramTarget(bug.program), found(bug, first_seed).failures[0])


@each_bug
@each_repeat
def test_it_is_found(bug: FaultBug, first_seed: int) -> None:
    assert found(bug, first_seed).failures


@each_bug
@each_repeat
def test_it_is_shrunk_to_what_it_takes(bug: FaultBug, first_seed: int) -> None:
    small = shrunk(bug, first_seed)
    assert len(small.decisions) == bug.decisions
    assert small.is_minimal
    assert small.runs < 50


@each_bug
@each_repeat
def test_its_cause_is_named(bug: FaultBug, first_seed: int) -> None:
    assert explain(ProgramTarget(bug.program), shrunk(bug, first_seed)).cause == bug.cause


@each_bug
def test_mended_it_survives_every_mode(bug: FaultBug) -> None:
    mended = ProgramTarget(partial(bug.program, mended=True))
    assert hunt(mended, trials_of(range(40), "all", PORTFOLIO)).failures == ()


def test_a_mode_that_is_the_fault_is_named_where_no_decision_is_left() -> None:
    (bug,) = (each for each in FAULT_BUGS if each.name == "overflow_drop")
    (step,) = explain(ProgramTarget(bug.program), shrunk(bug, 0)).steps
    assert step.text == "run in mode memory_pressure, whatever it draws"
