"""Cancellations and failures that a schedule injects."""

from __future__ import annotations

import asyncio

import pytest

import replay_ws as rws
from replay_ws.events.log import Direction
from replay_ws.events.model import Decision, Plan


async def workers() -> list[str]:
    """Five workers; says how each ended, and whether it cleaned up."""
    ends = [""] * 5

    async def worker(number: int) -> None:
        try:
            for _ in range(4):
                await asyncio.sleep(0.01)
            ends[number] = "done"
        except asyncio.CancelledError:
            ends[number] = "cancelled"
            raise

    tasks = [asyncio.create_task(worker(number)) for number in range(5)]
    await asyncio.gather(*tasks, return_exceptions=True)
    return ends


def test_some_tasks_are_cancelled_where_they_await_and_the_main_task_never_is() -> None:
    ends = [
        rws.run(workers, seed=s, schedule=rws.Schedule(cancel_rate=0.1)).value for s in range(20)
    ]
    cancelled = sum(end.count("cancelled") for end in ends)
    done = sum(end.count("done") for end in ends)
    assert cancelled > 10
    assert done > 10
    assert cancelled + done == 100


def test_a_rate_of_one_cancels_everything_at_its_first_await() -> None:
    assert rws.run(workers, schedule=rws.Schedule(cancel_rate=1.0)).value == ["cancelled"] * 5


def test_a_plan_brings_the_same_cancellations_back_without_a_rate() -> None:
    for seed in range(10):
        first = rws.run(workers, seed=seed, schedule=rws.Schedule("random", cancel_rate=0.1))
        assert rws.run(workers, plan=first.session.plan).value == first.value


def test_one_cancellation_can_be_written_by_hand() -> None:
    cancel = Decision("cancel", "main/worker#2", Direction.DOWNSTREAM, "", 2, 0, 1)
    value = rws.run(workers, plan=Plan((cancel,))).value
    assert value == ["done", "done", "cancelled", "done", "done"]


class Client:
    def __init__(self) -> None:
        self.calls = 0

    async def fetch(self) -> int:
        self.calls += 1
        await asyncio.sleep(0)
        return self.calls


async def retried(times: int) -> int:
    client = Client()
    for _ in range(times):
        try:
            return await client.fetch()
        except ConnectionError:
            await asyncio.sleep(0.01)
    raise TimeoutError("gave up")


@pytest.mark.parametrize("name", ["fetch", "Client.fetch"])
def test_the_first_attempts_inside_a_function_fail(name: str) -> None:
    out = rws.run(lambda: retried(4), schedule=rws.Schedule(fail_first={name: 2}))
    assert out.value == 3
    assert rws.run(lambda: retried(4), plan=out.session.plan).value == 3


def test_each_task_has_first_attempts_of_its_own() -> None:
    async def program() -> list[int]:
        return await asyncio.gather(*(retried(4) for _ in range(3)))

    assert rws.run(program, schedule=rws.Schedule(fail_first={"fetch": 1})).value == [2, 2, 2]


def test_who_gives_up_too_early_is_found_out() -> None:
    with pytest.raises(TimeoutError, match="gave up"):
        rws.run(lambda: retried(2), schedule=rws.Schedule(fail_first={"fetch": 2}))


def test_a_deadlock_report_still_names_the_place_of_a_task_that_may_fail() -> None:
    async def program() -> None:
        await asyncio.Event().wait()

    with pytest.raises(rws.DeadlockError, match=r"waits for asyncio\.Event\.wait"):
        rws.run(program, schedule=rws.Schedule(fail_first={"fetch": 1}))
