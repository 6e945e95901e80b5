"""Locks, and what the threading module builds on them, behave as the real ones do."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from replay_ws.api import run

SEEDS = range(5)


def managed(program: Callable[[], Awaitable[Any]], **options: Any) -> Any:
    return run(program, threads="managed", **options).value


def joined(*functions: Callable[[], object]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("make", [lambda: threading.Lock(), lambda: threading.RLock()])
@pytest.mark.parametrize("seed", SEEDS)
def test_one_at_a_time_is_inside(make: Callable[[], Any], seed: int) -> None:
    async def program() -> tuple[int, int]:
        lock, inside, most, total = make(), 0, 0, 0

        def worker() -> None:
            nonlocal inside, most, total
            for _ in range(5):
                with lock:
                    inside += 1
                    most = max(most, inside)
                    time.sleep(0)
                    total += 1
                    inside -= 1

        joined(*[worker] * 10)
        return most, total

    assert managed(program, schedule="pos", seed=seed) == (1, 50)


def test_who_gets_a_lock_is_up_to_the_schedule() -> None:
    async def program() -> str:
        lock, order = threading.Lock(), []

        def take(name: str) -> None:
            with lock:
                order.append(name)

        with lock:
            threads = [threading.Thread(target=take, args=(name,)) for name in "abc"]
            for thread in threads:
                thread.start()
            time.sleep(1)
        for thread in threads:
            thread.join()
        return "".join(order)

    assert len({managed(program, schedule="pos", seed=seed) for seed in range(30)}) >= 4


def test_a_lock_says_what_a_real_one_does() -> None:
    async def program() -> None:
        lock = threading.Lock()
        with pytest.raises(RuntimeError, match="release unlocked lock"):
            lock.release()
        with pytest.raises(ValueError, match="non-blocking"):
            lock.acquire(False, 1)
        with pytest.raises(ValueError, match="timeout value must be"):
            lock.acquire(timeout=-2)
        assert repr(lock) == "<unlocked threading.Lock>"
        assert lock.acquire()
        assert lock.locked()
        assert lock.acquire(False) is False
        assert lock.acquire(timeout=0) is False
        before = asyncio.get_running_loop().time()
        assert lock.acquire(timeout=1.5) is False
        assert asyncio.get_running_loop().time() == before + 1.5
        lock.release()

    managed(program)


def test_a_lock_may_be_released_by_another_thread() -> None:
    async def program() -> bool:
        lock = threading.Lock()
        lock.acquire()
        threading.Timer(3, lock.release).start()
        return lock.acquire(timeout=5)

    assert managed(program) is True


def test_an_rlock_belongs_to_a_thread() -> None:
    async def program() -> list[bool]:
        lock, seen = threading.RLock(), []

        def other() -> None:
            seen.append(lock.acquire(False))
            with pytest.raises(RuntimeError, match="un-acquired"):
                lock.release()

        with lock, lock:
            joined(other)
        return seen

    assert managed(program) == [False]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_condition_wakes_as_many_as_it_is_told(seed: int) -> None:
    async def program() -> tuple[int, int]:
        condition, woken = threading.Condition(), 0

        def waiter() -> None:
            nonlocal woken
            with condition:
                condition.wait()
                woken += 1

        threads = [threading.Thread(target=waiter) for _ in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        with condition:
            condition.notify(2)
        time.sleep(1)
        first = woken
        with condition:
            condition.notify_all()
        for thread in threads:
            thread.join()
        return first, woken

    assert managed(program, schedule="pos", seed=seed) == (2, 6)


def test_waits_with_a_timeout_take_virtual_time() -> None:
    async def program() -> list[tuple[object, float]]:
        loop, seen = asyncio.get_running_loop(), []
        condition, semaphore = threading.Condition(), threading.Semaphore(0)

        def note(result: object) -> None:
            seen.append((result, loop.time()))

        note(threading.Event().wait(2))
        with condition:
            note(condition.wait(0.5))
            note(condition.wait_for(lambda: False, 0.25))
        note(semaphore.acquire(timeout=1))
        with pytest.raises(queue.Empty):
            queue.Queue[int]().get(timeout=1)
        with pytest.raises(queue.Empty):
            queue.SimpleQueue[int]().get(timeout=1)
        with pytest.raises(threading.BrokenBarrierError):
            threading.Barrier(2).wait(1)
        note("end")
        return seen

    assert managed(program) == [
        (False, 2),
        (False, 2.5),
        (False, 2.75),
        (False, 3.75),
        ("end", 6.75),
    ]


def test_a_wait_for_what_rounding_left_of_a_timeout_ends() -> None:
    async def program() -> list[bool]:
        condition, results = threading.Condition(), []
        for delay in (0.1, 0.3, 0.7, 1.1):
            time.sleep(delay)
            with condition:
                results.append(condition.wait_for(lambda: False, timeout=delay))
        return results

    assert managed(program) == [False] * 4


@pytest.mark.parametrize("seed", SEEDS)
def test_a_semaphore_lets_no_more_in_than_it_has(seed: int) -> None:
    async def program() -> int:
        semaphore, inside, most = threading.BoundedSemaphore(3), 0, 0

        def worker() -> None:
            nonlocal inside, most
            with semaphore:
                inside += 1
                most = max(most, inside)
                time.sleep(1)
                inside -= 1

        joined(*[worker] * 10)
        with pytest.raises(ValueError, match="too many times"):
            semaphore.release()
        return most

    assert managed(program, schedule="pos", seed=seed) == 3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_barrier_lets_all_go_together(seed: int) -> None:
    async def program() -> list[str]:
        seen: list[str] = []
        barrier = threading.Barrier(4, action=lambda: seen.append("action"))

        def worker() -> None:
            seen.append("before")
            barrier.wait()
            seen.append("after")

        joined(*[worker] * 4)
        return seen

    expected = ["before"] * 4 + ["action"] + ["after"] * 4
    assert managed(program, schedule="pos", seed=seed) == expected


@pytest.mark.parametrize("make", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_bounded_queue_loses_nothing_and_holds_no_more(
    make: Callable[[int], queue.Queue[int]], seed: int
) -> None:
    async def program() -> tuple[list[int], bool]:
        items, got, is_bounded = make(2), [], True

        def producer(first: int) -> None:
            nonlocal is_bounded
            for number in range(first, first + 10):
                items.put(number)
                is_bounded &= items.qsize() <= 2

        def consumer() -> None:
            for _ in range(10):
                got.append(items.get())
                items.task_done()

        joined(lambda: producer(0), lambda: producer(10), consumer, consumer)
        items.join()
        return sorted(got), is_bounded

    assert managed(program, schedule="random", seed=seed) == (list(range(20)), True)


def test_a_simple_queue_keeps_its_order_between_threads() -> None:
    async def program() -> list[int]:
        items: queue.SimpleQueue[int] = queue.SimpleQueue()
        threading.Thread(target=lambda: [items.put(number) for number in range(5)]).start()
        got = [items.get() for _ in range(5)]
        with pytest.raises(queue.Empty):
            items.get(block=False, timeout=5)  # such a timeout counts for nothing
        return got

    assert managed(program) == [0, 1, 2, 3, 4]


def test_a_timer_fires_in_virtual_time_or_not_at_all() -> None:
    async def program() -> list[float]:
        loop, fired = asyncio.get_running_loop(), []
        timers = [threading.Timer(delay, lambda: fired.append(loop.time())) for delay in (5, 2, 9)]
        for timer in timers:
            timer.start()
        time.sleep(3)
        timers[2].cancel()
        for timer in timers:
            timer.join()
        return fired

    assert managed(program) == [2, 5]


def test_sleep_refuses_what_the_real_one_does() -> None:
    async def program() -> None:
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(-1)
        with pytest.raises(TypeError):
            time.sleep("1")  # type: ignore[arg-type]

    managed(program)


def test_an_event_made_before_the_run_works_in_it() -> None:
    event, items = threading.Event(), queue.Queue[int](1)

    async def program() -> list[int]:
        got: list[int] = []

        def consumer() -> None:
            event.wait()
            got.extend(items.get() for _ in range(3))

        def producer() -> None:
            event.set()
            for number in range(3):
                items.put(number)

        joined(consumer, producer)
        return got

    assert managed(program) == [0, 1, 2]
