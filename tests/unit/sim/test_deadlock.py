"""A deadlock's report says who waits, on which line of the user's code, and for what."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from replay_ws.errors import DeadlockError
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program

HERE = Path(__file__)


def waiting(program: Callable[[], Awaitable[Any]]) -> list[str]:
    """The report's lines; ``:NN`` stands for a line of this file whose text follows in braces."""
    with pytest.raises(DeadlockError) as caught:
        run_program(program, loop=VirtualLoop())
    assert "0x" not in str(caught.value)
    return [_with_source(line) for line in caught.value.waiting]


def _with_source(line: str) -> str:
    """``line`` with every ``this file:number`` replaced by the source text found there."""
    before, found, after = line.partition(f"{HERE}:")
    if not found:
        return line
    number, _, rest = after.partition(" ")
    source = HERE.read_text(encoding="utf-8").splitlines()[int(number) - 1].strip()
    return f"{before}[{source}] {rest}"


def program_that_awaits(make: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    async def program() -> None:
        await make()

    return program


async def locked() -> None:
    lock = asyncio.Lock()
    await lock.acquire()
    async with lock:
        pass


@pytest.mark.parametrize(
    ("make", "awaited"),
    [
        (lambda: asyncio.Event().wait(), "asyncio.Event.wait"),
        (lambda: asyncio.Queue[int]().get(), "asyncio.Queue.get"),
        (lambda: asyncio.Semaphore(0).acquire(), "asyncio.Semaphore.acquire"),
        (lambda: asyncio.Barrier(2).wait(), "asyncio.Barrier.wait"),
        (lambda: asyncio.sleep(math.inf), "asyncio.sleep(inf)"),
        (lambda: asyncio.get_running_loop().create_future(), "a Future that nobody completed"),
        (lambda: asyncio.wait_for(asyncio.Event().wait(), None), "asyncio.wait_for"),
    ],
)
def test_the_report_names_the_call_that_never_returned(
    make: Callable[[], Awaitable[Any]], awaited: str
) -> None:
    (first, *_) = waiting(program_that_awaits(make))
    where = "Task-1 (program_that_awaits.<locals>.program) at [await make()] waits for "
    assert first == where + awaited


def test_a_with_statement_is_named_by_what_it_enters() -> None:
    assert waiting(locked) == ["Task-1 (locked) at [async with lock:] waits for asyncio.Lock"]


def test_every_task_has_a_line_in_creation_order() -> None:
    async def worker(queue: asyncio.Queue[int]) -> None:
        await queue.get()

    async def program() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            for number in range(2):
                group.create_task(worker(queue), name=f"worker {number}")

    name = "test_every_task_has_a_line_in_creation_order.<locals>"
    get = f"({name}.worker) at [await queue.get()] waits for asyncio.Queue.get"
    leave = "at [async with asyncio.TaskGroup() as group:] waits for asyncio.TaskGroup"
    assert waiting(program) == [
        f"Task-1 ({name}.program) {leave}",
        f"worker 0 {get}",
        f"worker 1 {get}",
    ]


def test_tasks_that_wait_for_each_other_name_each_other() -> None:
    async def program() -> None:
        tasks: list[asyncio.Task[None]] = []

        async def side(other: int) -> None:
            await asyncio.sleep(0)
            await tasks[other]

        tasks.extend(asyncio.create_task(side(1 - number), name="ab"[number]) for number in (0, 1))
        await asyncio.gather(*tasks)

    inside = "test_tasks_that_wait_for_each_other_name_each_other.<locals>.program"
    a, b = f"a ({inside}.<locals>.side)", f"b ({inside}.<locals>.side)"
    gathered = f"waits for asyncio.gather of task {a}, task {b}"
    assert waiting(program) == [
        f"Task-1 ({inside}) at [await asyncio.gather(*tasks)] {gathered}",
        f"{a} at [await tasks[other]] waits for task {b}",
        f"{b} at [await tasks[other]] waits for task {a}",
    ]


def test_the_line_is_the_users_deepest_one() -> None:
    async def inner() -> None:
        await asyncio.Event().wait()

    async def outer() -> None:
        await inner()

    (line,) = waiting(outer)
    assert "[await asyncio.Event().wait()] waits for asyncio.Event.wait" in line


def test_a_chain_through_an_asynchronous_generator_is_told_as_far_as_it_shows() -> None:
    async def numbers() -> AsyncIterator[int]:
        await asyncio.Event().wait()
        yield 1

    async def program() -> None:
        async for _ in numbers():
            pass

    (line,) = waiting(program)
    assert "[async for _ in numbers():] waits for" in line


def test_a_task_made_of_asyncio_alone_is_placed_in_asyncio() -> None:
    async def program() -> None:
        await asyncio.create_task(asyncio.Queue[int]().get())

    first, second = waiting(program)
    assert first.endswith("waits for task Task-2 (Queue.get)")
    assert second.startswith("Task-2 (Queue.get) at ")
    assert second.endswith("waits for asyncio.Queue.get")


def test_two_runs_report_the_same_words() -> None:
    async def program() -> None:
        await asyncio.gather(locked(), asyncio.Event().wait(), asyncio.sleep(math.inf))

    assert waiting(program) == waiting(program)


def test_the_headline_tells_the_instant_and_the_number() -> None:
    async def program() -> None:
        await asyncio.sleep(1.5)
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError) as caught:
        run_program(program, loop=VirtualLoop())
    assert caught.value.what == (
        "deadlock at 1.5 s: nothing is ready, no timer is left, 1 task waits"
    )
