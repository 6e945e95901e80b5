"""A deadlock's report covers threads: where each one is, what for, and who has it."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.errors import DeadlockError

HERE = Path(__file__)


def waiting(program: Callable[[], Awaitable[Any]], **options: Any) -> list[str]:
    """The report's lines; a line of this file is given by its text, in brackets."""
    with pytest.raises(DeadlockError) as caught:
        run(program, threads="managed", **options)
    assert "0x" not in str(caught.value)
    return [_with_sources(line) for line in caught.value.waiting]


def _with_sources(line: str) -> str:
    before, *found = line.split(f"{HERE}:")
    source = HERE.read_text(encoding="utf-8").splitlines()
    for part in found:
        digits = len(part) - len(part.lstrip("0123456789"))
        before += f"[{source[int(part[:digits]) - 1].strip()}]{part[digits:]}"
    return before.replace("<locals>.", "")


async def two_locks() -> None:
    a, b = threading.Lock(), threading.RLock()

    def one() -> None:
        with a:
            time.sleep(1)
            b.acquire()

    def two() -> None:
        with b:
            time.sleep(1)
            a.acquire()

    threads = [threading.Thread(target=one, name="one"), threading.Thread(target=two, name="two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)


def test_locks_taken_in_two_orders_are_told_with_their_holders() -> None:
    task, one, two, joiner = waiting(two_locks)
    assert task == (
        "Task-1 (two_locks) at [await asyncio.to_thread(thread.join)] waits for asyncio.to_thread"
    )
    assert one == (
        "one at [b.acquire()] waits for threading.RLock.acquire, which two has since [with b:]"
    )
    assert two == "two at [a.acquire()] waits for threading.Lock, which one has since [with a:]"
    assert joiner == "asyncio_0 waits for the end of one"


def test_the_headline_counts_tasks_and_threads() -> None:
    with pytest.raises(DeadlockError) as caught:
        run(two_locks, threads="managed")
    assert caught.value.what == (
        "deadlock at 1 s: nothing is ready, no timer is left, 1 task and 3 threads wait"
    )


def test_a_task_that_blocks_the_loop_is_told_from_its_stack() -> None:
    async def program() -> None:
        async def bystander() -> None:
            while True:
                await asyncio.sleep(0)

        async def sleeper() -> None:
            await asyncio.sleep(3)

        others = [asyncio.create_task(bystander()), asyncio.create_task(sleeper())]
        await asyncio.sleep(0)
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
        others.clear()

    name = "test_a_task_that_blocks_the_loop_is_told_from_its_stack.program"
    lock = f"threading.Lock, which Task-1 ({name}) has since [lock.acquire()]"
    assert waiting(program) == [
        f"Task-1 ({name}) at [lock.acquire()] waits for {lock}, and the loop waits with it",
        f"Task-2 ({name}.bystander) at [await asyncio.sleep(0)] could go on, but the loop waits",
        f"Task-3 ({name}.sleeper) at [await asyncio.sleep(3)] waits for asyncio.sleep(3)",
    ]


@pytest.mark.parametrize(
    ("block", "awaited"),
    [
        (lambda: threading.Event().wait(), "threading.Event.wait"),
        (lambda: threading.Semaphore(0).acquire(), "threading.Semaphore.acquire"),
        (lambda: threading.Barrier(2).wait(), "threading.Barrier.wait"),
        (lambda: queue.Queue[int]().get(), "queue.Queue.get"),
        (lambda: queue.SimpleQueue[int]().get(), "queue.SimpleQueue.get"),
        (lambda: Future[int]().result(), "concurrent.futures.Future.result"),
        (lambda: time.sleep(float("inf")), "time.sleep(inf)"),
    ],
)
def test_a_thread_is_told_by_the_call_it_waits_in(
    block: Callable[[], object], awaited: str
) -> None:
    async def program() -> None:
        def worker() -> None:
            block()

        threading.Thread(target=worker, name="w").start()
        await asyncio.Event().wait()

    *_, line = waiting(program)
    assert line.startswith("w at [(lambda: ")
    assert line.endswith(f"] waits for {awaited}")


def test_the_error_comes_out_of_the_call_that_blocks_the_loop() -> None:
    async def program() -> str:
        try:
            threading.Event().wait()
        except DeadlockError:
            return "caught here"
        return "woken"

    assert run(program, threads="managed").value == "caught here"


def test_a_lock_order_that_only_some_schedules_get_wrong_is_found() -> None:
    async def program() -> None:
        a, b = threading.Lock(), threading.Lock()

        def take(first: threading.Lock, second: threading.Lock) -> None:
            with first, second:
                pass

        threads = [
            threading.Thread(target=take, args=(a, b)),
            threading.Thread(target=take, args=(b, a)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def deadlocks(seed: int) -> bool:
        try:
            run(program, threads="managed", schedule="pos", seed=seed)
        except DeadlockError:
            return True
        return False

    found = [deadlocks(seed) for seed in range(20)]
    assert any(found)
    assert not all(found)


def test_the_thread_that_starves_the_loop_is_stopped() -> None:
    from replay_ws.errors import ProgramError

    async def program() -> None:
        def spin() -> None:
            while True:
                time.sleep(0)

        threading.Thread(target=spin, daemon=True).start()
        threading.Event().wait()

    with pytest.raises(ProgramError, match="took 1000 turns"):
        run(program, threads="managed", turns_per_instant_max=1_000)
