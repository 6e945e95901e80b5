"""Programs whose outcome asyncio leaves to addresses, to the collector, to entropy or to the host.

Each gives a value in which the order shows. Told once more with the same seed and schedule, it must
be the same, whatever happened before in the process; ``told`` says how it came out.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import threading
import time
import uuid
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC
from datetime import datetime as calendar
from importlib.util import find_spec
from time import monotonic as now_of_the_clock
from time import time as now_on_the_wall
from typing import Any, NamedTuple

import replay_ws as rws

moment = calendar.now


class Story(NamedTuple):
    """A program, and what else ``run`` has to know."""

    program: Callable[[], Awaitable[Any]]
    options: dict[str, Any]


STORIES: dict[str, Story] = {}


def story(**options: Any) -> Callable[[Callable[[], Awaitable[Any]]], Callable[[], Awaitable[Any]]]:
    """Put a program into ``STORIES``, to be run with ``options``."""

    def add(program: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        STORIES[program.__name__] = Story(program, options)
        return program

    return add


def told(name: str, schedule: str, seed: int = 7) -> tuple[str, str]:
    """How a story comes out: its value as text, and the digest of its session."""
    program, options = STORIES[name]
    out = rws.run(program, seed=seed, schedule=schedule, **options)
    return repr(out.value), out.digest


async def forever(log: list[Any], name: object) -> None:
    """Wait, and say so in ``log`` when that ends."""
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        log.append(name)


async def fail(number: int) -> None:
    await asyncio.sleep(0)
    raise ValueError(number)


# --- asyncio's sets ----------------------------------------------------------------------------


@story()
async def task_group_abort() -> list[Any]:
    """Who is cancelled first when a sibling fails, and in which order failures are told."""
    log: list[Any] = []
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(forever(log, number))
                if number % 5 == 0:
                    group.create_task(fail(number))
    except* ValueError as errors:
        log.append([str(error) for error in errors.exceptions])
    return log


@story()
async def as_completed_of_coroutines() -> list[int]:
    pauses = [asyncio.sleep(0.01, number) for number in range(20)]
    return [await each for each in asyncio.as_completed(pauses)]


@story()
async def as_completed_of_tasks() -> list[int]:
    tasks = [asyncio.create_task(asyncio.sleep(0.01, number)) for number in range(20)]
    return [await each for each in asyncio.as_completed(tasks, timeout=5)]


@story()
async def wait_for_the_first() -> list[list[int]]:
    """Twelve tasks end in one instant; in which order do the sets give them out?"""
    tasks = [asyncio.create_task(asyncio.sleep(number % 5 // 3, number)) for number in range(20)]
    order = {task: number for number, task in enumerate(tasks)}
    done, pending = await asyncio.wait(set(tasks), return_when=asyncio.FIRST_COMPLETED)
    seen = [[order[task] for task in tasks] for tasks in (done, pending)]
    await asyncio.wait(pending)
    return seen


@story()
async def wait_for_futures() -> list[int]:
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(20)]
    for number, future in enumerate(futures):
        loop.call_later(number % 3, future.set_result, number)
    done, pending = await asyncio.wait(futures, timeout=1)
    return [future.result() for future in done] + [futures.index(future) for future in pending]


@story()
async def wait_for_gathers() -> list[Any]:
    """What ``gather`` and ``shield`` return are futures of asyncio's own making."""
    waits = [asyncio.gather(asyncio.sleep(0.01, number)) for number in range(10)]
    waits += [asyncio.shield(asyncio.sleep(0.01, [number])) for number in range(10, 20)]
    done, _ = await asyncio.wait(waits)
    return [future.result() for future in done]


@story()
async def gather_with_failures() -> list[Any]:
    log: list[Any] = []
    waiting = [forever(log, number) for number in range(10)]
    everything = asyncio.gather(*waiting, *(fail(number) for number in range(10)))
    try:
        await everything
    except ValueError as error:
        log.append(f"failed with {error}")
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    rest = await asyncio.gather(*(fail(n) for n in range(5)), return_exceptions=True)
    return [*log, *map(repr, rest)]


@story()
async def all_tasks_by_name() -> list[str]:
    tasks = [asyncio.create_task(asyncio.sleep(1)) for _ in range(30)]
    await asyncio.sleep(0)
    names = [task.get_name() for task in asyncio.all_tasks()]
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return names


@story()
async def shutdown_with_pending_tasks() -> list[Any]:
    """The list is filled while the run is shut down, after it was returned."""
    log: list[Any] = []

    async def slow_to_end(number: int) -> None:
        try:
            await forever(log, f"cancelled {number}")
        finally:
            await asyncio.sleep(number % 3)
            log.append(f"ended {number}")

    log.append([asyncio.create_task(slow_to_end(number)).get_name() for number in range(20)])
    await asyncio.sleep(0)
    return log


@story()
async def nested_failures() -> list[str]:
    """A task group of task groups, in which several fail at once."""

    async def group_of(number: int) -> None:
        async with asyncio.TaskGroup() as group:
            for each in range(3):
                group.create_task(fail(10 * number + each))

    told: list[str] = []
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(group_of(number))
    except* ValueError as errors:
        told.append(repr(errors))
    return told


# --- many at once ------------------------------------------------------------------------------


@story()
async def hundred_tasks() -> list[int]:
    """They meet at a lock, a semaphore, a queue and a mock."""
    mock = rws.MockWebSocketManager(mode="packet_loss", packet_loss_rate=0.3)
    lock, gate, queue = asyncio.Lock(), asyncio.Semaphore(7), asyncio.Queue[int]()

    async def worker(number: int) -> None:
        async with gate:
            await asyncio.sleep(0)
        async with lock:
            await mock.send_to_thread(f"t{number % 3}", {"type": "token", "n": number})
        await queue.put(number)

    await asyncio.gather(*map(worker, range(100)))
    return [queue.get_nowait() for _ in range(100)]


@story(threads="managed")
async def hundred_threads() -> list[int]:
    log: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        time.sleep(0.001 * (number % 2))
        with lock:
            log.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    await asyncio.sleep(1)
    for thread in threads:
        thread.join()
    return log


# --- the collector -----------------------------------------------------------------------------


class Node:
    """Part of a cycle, so that only the collector ends it."""

    def __init__(self, log: list[Any], name: object, held: object = None) -> None:
        self.log, self.name, self.held, self.myself = log, name, held, self

    def __del__(self) -> None:
        self.log.append(("deleted", self.name))


async def counting(log: list[Any], name: object) -> AsyncIterator[int]:
    try:
        for number in range(10):
            yield number
    finally:
        await asyncio.sleep(0)
        log.append(("closed", name))


@story()
async def generators_left_open() -> list[Any]:
    log: list[Any] = []
    log.append(kept := [counting(log, number) for number in range(20)])
    for generator in reversed(kept):
        await anext(generator)
    log[0] = None
    log.append(Node(log, "keeps them", kept).name)
    return log


@story()
async def generators_dropped_in_cycles() -> list[Any]:
    """The collector comes while the program runs on, and finalisers start tasks."""
    log: list[Any] = []
    for number in range(20):
        generator = counting(log, number)
        await anext(generator)
        Node(log, number, generator)
    del generator
    for turn in range(4_200):
        await asyncio.sleep(0)
        if turn % 1_000 == 0:
            log.append(turn)
    return log


@story()
async def garbage() -> list[Any]:
    """Callbacks of weak references, finalisers, and where they come between the steps."""
    log: list[Any] = []
    references = []
    for turn in range(4_200):
        node = Node(log, turn) if turn % 300 == 0 else None
        if node is not None:
            references.append(weakref.ref(node, lambda _, turn=turn: log.append(("gone", turn))))
            log.append(turn)
        await asyncio.sleep(0)
    return [*log, len(references)]


# --- entropy and clocks ------------------------------------------------------------------------


@story()
async def entropy() -> list[Any]:
    """Also generators that were made in the run, and from several tasks."""

    async def draw(number: int) -> list[Any]:
        await asyncio.sleep(0)
        return [
            random.random(),
            random.Random().random(),
            random.SystemRandom().randrange(1_000),
            uuid.uuid4(),
            uuid.uuid1(),
            secrets.token_hex(4),
            secrets.choice(range(1_000)),
            number,
        ]

    return [await asyncio.gather(*map(draw, range(5))), random.sample(range(100), 5)]


if find_spec("numpy"):

    @story()
    async def numpys_entropy() -> list[Any]:
        import numpy

        return [numpy.random.default_rng().integers(1_000, size=5).tolist(), numpy.random.rand()]


@story()
async def clocks() -> list[Any]:
    """Under the names that a module gave them."""
    start = [calendar.now(), moment(), now_on_the_wall(), now_of_the_clock(), time.perf_counter()]
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 0.25)
    return [*start, calendar.now(UTC), now_on_the_wall(), now_of_the_clock(), time.time_ns()]
