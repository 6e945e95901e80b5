"""asyncio's sets have one order inside a run, whatever the addresses."""

from __future__ import annotations

import asyncio
from asyncio import all_tasks as all_tasks_by_another_name
from asyncio import as_completed as as_completed_by_another_name
from collections.abc import Awaitable, Callable

import pytest

import replay_ws as rws
from replay_ws.sim.world.ordered import OrderedSet

_kept: list[object] = []


async def numbered(number: int) -> int:
    await asyncio.sleep(0)
    return number


def outcomes(program: Callable[[], Awaitable[object]], runs: int = 40) -> set[str]:
    """What ``program`` gives in so many runs, with another heap each time."""
    found = set()
    for size in range(runs):
        _kept.extend(bytearray(size * 37 % 500) for _ in range(size % 7))
        found.add(str(rws.run(program).value))
    return found


def test_coroutines_complete_in_the_order_in_which_they_were_given() -> None:
    async def program() -> list[int]:
        coroutines = [numbered(number) for number in range(12)]
        return [await each for each in as_completed_by_another_name(coroutines)]

    assert outcomes(program) == {str(list(range(12)))}


def test_a_coroutine_that_is_given_twice_runs_once() -> None:
    async def program() -> list[int]:
        one = numbered(1)
        return [await each for each in asyncio.as_completed([one, one])]

    assert rws.run(program).value == [1]


def test_sets_of_bare_futures_have_one_order() -> None:
    async def program() -> list[int]:
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in range(12)]
        for number, future in enumerate(futures):
            loop.call_soon(future.set_result, number)
        done, _ = await asyncio.wait(futures)
        return [future.result() for future in done]

    assert len(outcomes(program)) == 1


def test_all_tasks_has_one_order_under_any_name() -> None:
    async def program() -> list[str]:
        tasks = [asyncio.create_task(numbered(number), name=str(number)) for number in range(12)]
        del tasks[::3]
        names = [task.get_name() for task in all_tasks_by_another_name()]
        names += [task.get_name() for task in asyncio.all_tasks()]
        return names

    assert len(outcomes(program)) == 1


def test_what_wait_gives_has_one_order_whatever_the_futures_are() -> None:
    async def program() -> list[list[int]]:
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[int]] = [asyncio.Future() for _ in range(20)]
        for number, future in enumerate(futures[::2]):
            loop.call_soon(future.set_result, number)
        sets = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        return [[futures.index(future) for future in each] for each in sets]

    assert outcomes(program) == {str([[*range(0, 20, 2)], [*range(1, 20, 2)]])}


def test_tasks_of_a_users_own_factory_are_cancelled_in_the_order_of_their_creation() -> None:
    async def program() -> list[int]:
        ended: list[int] = []

        async def wait(number: int) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(number)

        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro, **kw: asyncio.Task(coro, loop=loop, **kw))
        try:
            async with asyncio.timeout(1), asyncio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(wait(number))
        except TimeoutError:
            return ended
        raise AssertionError

    assert outcomes(program) == {str(list(range(20)))}


def test_an_ordered_set_is_a_set_in_the_order_in_which_it_was_filled() -> None:
    members = OrderedSet("hello")
    assert isinstance(members, set)
    assert [*members] == ["h", "e", "l", "o"]
    members.discard("e")
    members.remove("l")
    members.add("e")
    members.add("h")
    assert [*members] == ["h", "o", "e"]
    assert members == {"h", "o", "e"}
    members |= {"x"}
    members -= {"o"}
    assert [*members] == ["h", "e", "x"]
    members.remove("x")
    assert [members.pop(), members.pop()] == ["h", "e"]
    for take in (members.pop, lambda: members.remove("e")):
        with pytest.raises(KeyError):
            take()
    members.discard("e")
    assert [*members] == []


def test_outside_of_a_run_asyncio_is_as_it_was() -> None:
    before = asyncio.all_tasks, asyncio.tasks.all_tasks
    rws.run(lambda: numbered(1))
    assert (asyncio.all_tasks, asyncio.tasks.all_tasks) == before
    assert "set" not in vars(asyncio.tasks)
