"""Programs to verify: those in STEADY do the same again, each of the others has one reason not to.

They stand in a module of their own, so that another process can load them without pytest.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import secrets
import sys
import threading
import time
import uuid
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from replay_ws import MockWebSocketManager, VirtualLoop

Program = Callable[[], Awaitable[Any]]
MANY = 12
"""Members of a set: so many stand in the same order twice about once in half a thousand million."""


async def tell(numbers: Any) -> None:
    """Send ``numbers``, one message each."""
    mock = MockWebSocketManager()
    for number in numbers:
        await mock.send_to_thread("t", {"type": "number", "number": number})


# --- the same again ----------------------------------------------------------------------------


async def nap(number: int) -> int:
    await asyncio.sleep(number / 10)
    return number


async def breaks(number: int) -> None:
    await nap(number)
    raise ValueError(number)


async def tasks_that_are_aborted() -> list[int]:
    told: list[int] = []

    async def member(number: int) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            told.append(number)
            await tell([number])

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(MANY):
                group.create_task(member(number))
            group.create_task(breaks(1))
    except* ValueError:
        pass
    return told


async def as_they_complete() -> list[int]:
    return [await next_one for next_one in asyncio.as_completed([nap(1) for _ in range(MANY)])]


async def whoever_is_first() -> list[str]:
    tasks = [asyncio.create_task(nap(number // 3), name=f"nap-{number}") for number in range(MANY)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return [task.get_name() for task in done]


async def together_and_some_fail() -> list[Any]:
    return await asyncio.gather(*map(breaks, range(4)), *map(nap, range(4)), return_exceptions=True)


async def leaves_tasks_behind() -> None:
    background = [asyncio.create_task(nap(100 + number)) for number in range(20)]
    await nap(len(background) // 20)


async def leaves_generators_behind() -> list[int]:
    async def numbers(first: int) -> AsyncIterator[int]:
        try:
            while True:
                yield first
                await asyncio.sleep(0.1)
        finally:
            await tell([first])

    open_ones = [numbers(number) for number in range(MANY)]
    return [await anext(generator) for generator in open_ones]


async def works_in_threads() -> list[int]:
    return await asyncio.gather(*(asyncio.to_thread(pow, 2, number) for number in range(MANY)))


async def runs_out_of_time() -> str:
    try:
        async with asyncio.timeout(1):
            await nap(50)
    except TimeoutError:
        return "late"
    return "in time"


async def returns_a_set() -> set[str]:
    return {"alpha", "beta", "gamma", "delta"}


async def fails_after_a_second() -> None:
    await breaks(10)


async def asks_for_chance_and_time() -> list[Any]:
    await asyncio.sleep(random.random())
    chance = [uuid.uuid4(), uuid.uuid1(), secrets.token_hex(4), os.urandom(3), random.choice("abc")]
    return [*chance, datetime.now(), time.time(), time.monotonic()]


class Filling:
    """A cache: the first run does more than the others."""

    entries: ClassVar[dict[int, int]] = {}

    @classmethod
    async def read(cls, number: int) -> int:
        if number not in cls.entries:
            cls.entries[number] = await nap(number)
        return cls.entries[number]


async def fills_a_cache() -> list[int]:
    return [await Filling.read(number) for number in range(4)]


STEADY: tuple[Program, ...] = (
    tasks_that_are_aborted,
    as_they_complete,
    whoever_is_first,
    together_and_some_fail,
    leaves_tasks_behind,
    leaves_generators_behind,
    works_in_threads,
    runs_out_of_time,
    returns_a_set,
    asks_for_chance_and_time,
    fills_a_cache,
    partial(tell, (1, 2)),
)


# --- not the same again ------------------------------------------------------------------------


class Worker:
    """Has no hash of its own."""

    def __init__(self, number: int) -> None:
        self.number = number


async def walks_through_a_set_of_objects() -> None:
    workers = {Worker(number) for number in range(MANY)}
    for worker in workers:
        await tell([worker.number])


async def wakes_a_set_of_waiters() -> None:
    events = [asyncio.Event() for _ in range(MANY)]
    async with asyncio.TaskGroup() as group:
        for event in events:
            group.create_task(event.wait())
        await asyncio.sleep(1)
        for event in set(events):
            event.set()


async def sorts_by_address() -> list[int]:
    return [worker.number for worker in sorted(map(Worker, range(MANY)), key=id)]


async def walks_through_a_set_of_text() -> None:
    names = {f"name-{number}" for number in range(MANY)}
    for name in names:
        await tell([name])


async def walks_through_a_set_with_none() -> None:
    keys = {(None, number) for number in range(MANY)}
    for _, number in keys:
        await tell([number])


COUNT = 0


async def counts_its_runs() -> None:
    global COUNT
    COUNT += 1
    await tell([COUNT])


async def says_which_process_it_is() -> int:
    return os.getpid()


def _work(rounds: int) -> None:
    for _ in range(rounds):
        pass


def _measured() -> float:
    _work(10_000)
    return time.process_time()


async def waits_as_long_as_it_worked() -> None:
    await asyncio.sleep(1 + _measured())


class Circle:
    """Garbage that only the collector finds."""

    def __init__(self, found: asyncio.Event) -> None:
        self.itself = self
        self.found = found

    def __del__(self) -> None:
        self.found.set()


async def _until_garbage_is_found(found: asyncio.Event) -> None:
    gc.enable()
    waiting = asyncio.create_task(found.wait())
    for number in range(20_000):
        pair: list[Any] = []
        pair.append(pair)
        if number % 10 == 0:
            await asyncio.sleep(0.001)
    waiting.cancel()


async def leaves_garbage_behind() -> None:
    found = asyncio.Event()
    Circle(found)
    await _until_garbage_is_found(found)


async def is_told_of_garbage() -> None:
    found = asyncio.Event()
    worker: Any = Worker(1)
    worker.itself = worker
    weakref.finalize(worker, found.set)
    del worker
    await _until_garbage_is_found(found)


async def leaves_a_generator_as_garbage() -> None:
    async def ticks() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(1)

    worker: Any = Worker(1)
    worker.itself, worker.ticks = worker, ticks()
    await anext(worker.ticks)
    del worker
    await _until_garbage_is_found(asyncio.Event())


FILE = "REPLAY_WS_TEST_FILE"


async def reads_a_file_that_grows() -> None:
    path = Path(os.environ[FILE])
    text = path.read_text() if path.exists() else ""
    path.write_text(text + "x")
    await tell([len(text)])


async def sends_the_repr_of_an_object() -> None:
    mock = MockWebSocketManager()
    await mock.send_to_thread("t", repr(Worker(1)))


async def uses_the_hash_of_a_text() -> int:
    return hash("text") % 1000


SETTING = 1


async def follows_a_setting() -> None:
    await asyncio.sleep(SETTING)


async def waits_for_a_real_thread() -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    assert isinstance(loop, VirtualLoop)

    def work() -> None:
        _work(1_000_000)  # longer than the interpreter's switch interval
        loop.call_soon_threadsafe(done.set)

    with loop.external():
        thread = threading.Thread(target=work)
        thread.start()
        while not done.is_set():
            await asyncio.sleep(0)
    thread.join()


async def dies_elsewhere() -> None:
    if "pytest" not in sys.modules:
        os._exit(3)
