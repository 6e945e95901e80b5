"""Tasks in a circle can be cancelled, and tasks keep one order."""

from __future__ import annotations

import asyncio

import pytest

from replay_ws.errors import DeadlockError
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program
from replay_ws.sim.tasks import in_creation_order


@pytest.mark.parametrize("count", [1, 2, 3, 50])
@pytest.mark.parametrize("through_gather", [False, True])
def test_tasks_that_wait_in_a_circle_end_after_the_report(count: int, through_gather: bool) -> None:
    ended: list[int] = []

    async def program() -> None:
        tasks: list[asyncio.Task[None]] = []

        async def member(index: int) -> None:
            await asyncio.sleep(0)
            following = tasks[(index + 1) % count]
            try:
                await (asyncio.gather(following) if through_gather else asyncio.wait({following}))
                await following
            finally:
                ended.append(index)

        tasks.extend(asyncio.create_task(member(index)) for index in range(count))
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError) as caught:
        run_program(program, loop=VirtualLoop())
    assert not hasattr(caught.value, "__notes__")
    assert sorted(ended) == list(range(count))


def test_cancelling_one_of_a_circle_cancels_them_all() -> None:
    async def program() -> list[bool]:
        tasks: list[asyncio.Task[None]] = []

        async def member(index: int) -> None:
            await asyncio.sleep(0)
            await tasks[1 - index]

        tasks.extend(asyncio.create_task(member(index)) for index in range(2))
        await asyncio.sleep(1)
        tasks[0].cancel()
        await asyncio.sleep(1)
        return [task.cancelled() for task in tasks]

    assert run_program(program, loop=VirtualLoop()) == [True, True]


def test_tasks_of_a_foreign_factory_come_last_by_name() -> None:
    async def program() -> list[str]:
        loop = asyncio.get_running_loop()
        pause = asyncio.sleep
        tasks = {
            asyncio.Task(pause(0), loop=loop, name="z"),
            asyncio.Task(pause(0), loop=loop, name="y"),
            asyncio.create_task(pause(0), name="x"),
            asyncio.create_task(pause(0), name="a"),
        }
        return [task.get_name() for task in in_creation_order(tasks)]

    assert run_program(program, loop=VirtualLoop()) == ["x", "a", "y", "z"]
