"""From a schedule or a plan to a loop."""

from __future__ import annotations

import asyncio

from replay_ws.events.log import Direction
from replay_ws.events.model import Decision
from replay_ws.sim.runner import run_program
from replay_ws.sim.schedule import Lane, Schedule
from replay_ws.sim.scheduling import StepCounts, loop_with_lanes, loop_with_plan


async def two_workers() -> str:
    order = ""

    async def worker(letter: str) -> None:
        nonlocal order
        for _ in range(3):
            order += letter
            await asyncio.sleep(0)

    await asyncio.gather(worker("a"), worker("b"))
    return order


def hold(path: str, nth: int, amount: int) -> Decision:
    return Decision("hold", path, Direction.DOWNSTREAM, "", nth, 0, amount)


def test_a_held_step_lets_others_go_first_and_the_rest_stays() -> None:
    assert run_program(two_workers, loop=loop_with_plan([])) == "ababab"
    held = [hold("main/worker", 1, 3)]
    assert run_program(two_workers, loop=loop_with_plan(held)) == "abbbaa"


def test_decisions_about_messages_are_not_the_schedules() -> None:
    loss = Decision("loss", "thread-1", Direction.DOWNSTREAM, "a", 0, 0, 1)
    assert run_program(two_workers, loop=loop_with_plan([loss])) == "ababab"


def test_a_profile_counts_steps_by_path() -> None:
    loop = loop_with_lanes(Schedule("fifo"), 0)
    counts = StepCounts()
    loop.observe(counts)
    run_program(two_workers, loop=loop)
    profile = counts.profile()
    assert profile.steps > 8
    assert profile.remaining(Lane("main/worker", None, 0)) == 4
    assert profile.remaining(Lane("main/worker#1", None, 0)) == 4
