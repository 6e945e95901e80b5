"""What the schedules find in programs that are wrong, and what not in those that are right."""

from __future__ import annotations

import pytest

import replay_ws as rws
from tests.races.correct import CORRECT
from tests.races.real_world import REAL_WORLD
from tests.races.stalls import run_on_a_stalling_loop
from tests.races.suite import RACES, Program, Race

REPEATS = 5
SEEDS = 300
SEEDS_MAX = 1_000

racy = pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
correct = pytest.mark.parametrize("program", CORRECT, ids=lambda program: program.__name__)
real_world = pytest.mark.parametrize("program", REAL_WORLD, ids=lambda program: program.__name__)


def fails(program: Program, seed: int, schedule: str) -> bool:
    """Whether the bug shows under this seed: a broken promise, or a wait without end."""
    try:
        rws.run(program, seed=seed, schedule=schedule)
    except (AssertionError, rws.DeadlockError):
        return True
    return False


def first_find(race: Race, seeds: range) -> int | None:
    """How many of ``seeds`` the portfolio needs to find the bug."""
    tries = enumerate((fails(race.program, seed, "portfolio") for seed in seeds), 1)
    return next((number for number, found in tries if found), None)


@racy
def test_no_race_shows_in_order_of_arrival(race: Race) -> None:
    assert not fails(race.program, 0, "fifo")


@pytest.mark.parametrize("repeat", range(REPEATS))
def test_the_portfolio_finds_all_races_but_one_soon_and_all_in_the_end(repeat: int) -> None:
    seeds = range(1 + repeat * SEEDS_MAX, 1 + (repeat + 1) * SEEDS_MAX)
    found = {race.name: first_find(race, seeds) for race in RACES}
    assert None not in found.values(), found
    late = {name: number for name, number in found.items() if number and number > SEEDS}
    assert len(late) <= 1, late


@racy
def test_late_timers_alone_show_the_time_races_and_no_others(race: Race) -> None:
    found = any(fails(race.program, seed, "legal") for seed in range(SEEDS))
    assert found == (race.kind == "time")


@racy
def test_a_stock_loop_that_stalls_shows_the_time_races_and_no_others(race: Race) -> None:
    found = 0
    for seed in range(50):
        try:
            run_on_a_stalling_loop(race.program, seed)
        except AssertionError:
            found += 1
    assert (found > 0) == (race.kind == "time")


@racy
def test_a_bug_comes_back_from_the_plan_alone(race: Race) -> None:
    seed = next(seed for seed in range(1, SEEDS_MAX) if fails(race.program, seed, "portfolio"))
    with pytest.raises((AssertionError, rws.DeadlockError)) as found:
        rws.run(race.program, seed=seed, schedule="portfolio")
    with pytest.raises(found.type) as again:
        rws.run(race.program, plan=found.value.session.plan)
    assert str(again.value) == str(found.value)


@correct
def test_a_correct_program_never_fails_because_timers_are_late(program: Program) -> None:
    for seed in range(SEEDS):
        rws.run(program, seed=seed, schedule="legal")


@correct
def test_a_correct_program_never_fails_in_any_order(program: Program) -> None:
    for seed in range(100):
        rws.run(program, seed=seed, schedule="portfolio")


@real_world
def test_a_real_program_never_fails_in_any_order(program: Program) -> None:
    for seed in range(100):
        rws.run(program, seed=seed, schedule="portfolio")


@real_world
def test_a_real_program_is_verified_and_has_no_data_race(program: Program) -> None:
    result = rws.run(program, seed=1, schedule="portfolio", verify=True)
    assert result.verified
    assert not result.races
