"""Programs that are right have no race, however much of them is watched."""

from __future__ import annotations

import pytest

from replay_ws import run
from replay_ws.race import Race
from tests.races import correct, order, real_world, timing
from tests.races.watched import Program, watched_programs

RIGHT = [
    *watched_programs(real_world, real_world.REAL_WORLD),
    *watched_programs(correct, correct.CORRECT),
]
WRONG = [
    *watched_programs(order, (order.lost_update, order.bystanders)),
    *watched_programs(timing, (timing.lost_update_io,)),
]
SCHEDULES = [("fifo", 0), *(("portfolio", seed) for seed in range(1, 9))]


def races_of(program: Program, schedule: str, seed: int) -> tuple[Race, ...]:
    return run(program, schedule=schedule, seed=seed).races


def name_of(program: Program) -> str:
    return program.__name__


@pytest.mark.parametrize("program", RIGHT, ids=name_of)
def test_a_program_that_is_right_has_no_race_with_everything_watched(program: Program) -> None:
    for schedule, seed in SCHEDULES:
        assert [str(race) for race in races_of(program, schedule, seed)] == []


@pytest.mark.parametrize("program", WRONG, ids=name_of)
def test_one_that_is_wrong_has_one_in_the_order_that_hides_it(program: Program) -> None:
    assert [race.kind for race in races_of(program, "fifo", 0)] == ["stale write"]
