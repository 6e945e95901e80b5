"""Races between threads that take turns, and between threads and the loop."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from replay_ws.race import Race
from replay_ws.sim.races.watching import Watcher, watch
from replay_ws.sim.runner import run_program
from replay_ws.sim.schedule import Schedule
from replay_ws.sim.scheduling import loop_with_lanes
from replay_ws.sim.threads.managed import managed_threads

Program = Callable[[], Awaitable[Any]]


def races_of(program: Program, schedule: str, seed: int) -> tuple[Race, ...]:
    loop = loop_with_lanes(Schedule(schedule).resolved(seed), seed)
    with managed_threads(loop), Watcher(loop) as watcher:
        run_program(program, loop=loop)
    return watcher.races


class Counter:
    def __init__(self) -> None:
        self.hits = 0

    def add(self) -> None:
        self.hits += 1


def run_threads(*functions: Callable[[], object]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- programs with a race -----------------------------------------------------------------------


async def two_threads() -> None:
    counter = watch(Counter())
    run_threads(counter.add, counter.add)


async def write_after_the_event_is_set() -> None:
    counter, ready = watch(Counter()), threading.Event()

    def produce() -> None:
        ready.set()
        counter.add()

    def consume() -> None:
        ready.wait()
        counter.add()

    run_threads(consume, produce)


async def a_job_and_the_loop() -> None:
    counter = watch(Counter())
    job = asyncio.create_task(asyncio.to_thread(counter.add))
    await asyncio.sleep(0)
    counter.add()
    await job


async def write_after_calling_into_the_loop() -> None:
    counter = watch(Counter())
    loop = asyncio.get_running_loop()
    called = loop.create_future()

    def call() -> None:
        loop.call_soon_threadsafe(called.set_result, None)
        counter.add()

    thread = threading.Thread(target=call)
    thread.start()
    await called
    counter.add()
    thread.join()


async def two_locks() -> None:
    counter = watch(Counter())

    def add() -> None:
        with threading.Lock():
            counter.add()

    run_threads(add, add)


async def a_dict_that_grows_while_it_is_read() -> None:
    cache: dict[int, int] = watch({0: 0})

    def fill() -> None:
        cache[1] = 1

    run_threads(fill, lambda: list(cache.items()))


async def watched_from_a_thread() -> None:
    watched: list[Counter] = []

    def add() -> None:
        watched.append(watch(Counter()))
        time.sleep(1)
        watched[0].add()

    thread = threading.Thread(target=add)
    thread.start()
    await asyncio.sleep(5)
    watched[0].add()
    await asyncio.to_thread(thread.join)


RACY = [
    watched_from_a_thread,
    two_threads,
    write_after_the_event_is_set,
    a_job_and_the_loop,
    write_after_calling_into_the_loop,
    two_locks,
    a_dict_that_grows_while_it_is_read,
]

# --- programs without one -----------------------------------------------------------------------


async def lock() -> None:
    counter, mutex = watch(Counter()), threading.Lock()

    def add() -> None:
        with mutex:
            counter.add()

    counter.add()
    run_threads(add, add, add)
    counter.add()


async def lock_that_is_taken_twice() -> None:
    counter, mutex = watch(Counter()), threading.RLock()

    def add() -> None:
        with mutex, mutex:
            counter.add()

    run_threads(add, add)


async def queue_hand_over() -> None:
    counter = watch(Counter())
    items: queue.Queue[int] = queue.Queue()

    def produce() -> None:
        counter.add()
        items.put(1)

    def consume() -> None:
        items.get()
        counter.add()

    run_threads(consume, produce)
    counter.add()


async def event() -> None:
    counter, ready = watch(Counter()), threading.Event()

    def produce() -> None:
        counter.add()
        ready.set()

    def consume() -> None:
        ready.wait()
        counter.add()

    def look() -> None:
        while not ready.is_set():
            time.sleep(1)
        counter.add()

    run_threads(consume, produce)
    run_threads(look)


async def condition() -> None:
    counter, changed = watch(Counter()), threading.Condition()

    def take() -> None:
        with changed:
            changed.wait_for(lambda: counter.hits > 0)
            counter.hits -= 1

    def give() -> None:
        for _ in range(2):
            time.sleep(1)
            with changed:
                counter.add()
                changed.notify()

    run_threads(take, take, give)


async def barrier() -> None:
    counter, gate = watch(Counter()), threading.Barrier(2)

    def before() -> None:
        counter.add()
        gate.wait()

    def after() -> None:
        gate.wait()
        counter.add()

    run_threads(before, after)


async def semaphore_of_one() -> None:
    counter, semaphore = watch(Counter()), threading.Semaphore(1)

    def add() -> None:
        with semaphore:
            counter.add()

    run_threads(add, add, add)


async def timer() -> None:
    counter = watch(Counter())
    later = threading.Timer(2, counter.add)
    counter.add()
    later.start()
    later.join()
    counter.add()


async def pool() -> None:
    counters = [watch(Counter()) for _ in range(4)]

    def add(counter: Counter) -> Counter:
        counter.add()
        return counter

    with ThreadPoolExecutor(2) as executor:
        for counter in executor.map(add, counters):
            counter.add()
    for counter in counters:
        (await asyncio.to_thread(add, counter)).add()


async def calling_into_the_loop() -> None:
    counter = watch(Counter())
    loop = asyncio.get_running_loop()
    called = loop.create_future()

    def call() -> None:
        counter.add()
        loop.call_soon_threadsafe(called.set_result, None)

    thread = threading.Thread(target=call)
    thread.start()
    await called
    counter.add()
    thread.join()


async def a_coroutine_for_a_thread() -> None:
    counter = watch(Counter())
    loop = asyncio.get_running_loop()

    async def add() -> None:
        counter.add()

    def ask() -> None:
        counter.add()
        asyncio.run_coroutine_threadsafe(add(), loop).result()
        counter.add()

    await asyncio.to_thread(ask)
    counter.add()


async def a_thread_that_a_step_waits_for() -> None:
    counter, other = watch(Counter()), watch(Counter())
    hits = counter.hits
    run_threads(other.add)
    counter.hits = hits + 1  # the loop stood still meanwhile: it is the same step
    other.add()


async def watched_from_a_thread_that_a_step_waits_for() -> None:
    watched: list[Counter] = []

    def make() -> None:
        watched.append(watch(Counter()))
        watched[0].add()

    run_threads(make)
    watched[0].add()
    run_threads(watched[0].add)
    watched[0].add()


CORRECT = [
    watched_from_a_thread_that_a_step_waits_for,
    lock,
    lock_that_is_taken_twice,
    queue_hand_over,
    event,
    condition,
    barrier,
    semaphore_of_one,
    timer,
    pool,
    calling_into_the_loop,
    a_coroutine_for_a_thread,
    a_thread_that_a_step_waits_for,
]

SCHEDULES = [("fifo", 0), *(("pos", seed) for seed in range(1, 8))]


def name_of(value: object) -> str:
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize("program", RACY, ids=name_of)
def test_a_data_race_is_reported_whatever_the_schedule(program: Program) -> None:
    for schedule, seed in SCHEDULES:
        assert {race.kind for race in races_of(program, schedule, seed)} == {"data race"}


@pytest.mark.parametrize("program", CORRECT, ids=name_of)
def test_a_correct_program_has_no_report(program: Program) -> None:
    for schedule, seed in SCHEDULES:
        assert [str(race) for race in races_of(program, schedule, seed)] == []


def test_a_report_names_the_threads_and_the_missing_edge() -> None:
    (race,) = races_of(two_threads, "fifo", 0)
    assert (race.first.lane, race.second.lane) == ("main/add", "main/add#1")
    assert race.missing.startswith("missing: nothing that main/add releases after its write")
    assert [frame.rpartition(" in ")[2] for frame in race.first.stack] == ["add"]
