"""Pools of threads: ``concurrent.futures``, and what asyncio does with it."""

from __future__ import annotations

import asyncio
import concurrent.futures as futures
import contextvars
import gc
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.errors import EscapeError


def managed(program: Callable[[], Awaitable[Any]], **options: Any) -> Any:
    return run(program, threads="managed", **options).value


def slept(delay: float) -> float:
    time.sleep(delay)
    return delay


def test_map_keeps_its_order_and_uses_its_workers() -> None:
    async def program() -> tuple[list[float], float]:
        with futures.ThreadPoolExecutor(3) as pool:
            results = list(pool.map(slept, [3, 1, 2, 2]))
        return results, asyncio.get_running_loop().time()

    assert managed(program) == ([3, 1, 2, 2], 3)


def test_futures_complete_in_the_order_of_virtual_time() -> None:
    async def program() -> tuple[list[float], int, int]:
        with futures.ThreadPoolExecutor() as pool:
            sleeps = [pool.submit(slept, delay) for delay in (3, 1, 2)]
            order = [future.result() for future in futures.as_completed(sleeps)]
            two = [pool.submit(slept, delay) for delay in (1, 2)]
            done, pending = futures.wait(two, return_when=futures.FIRST_COMPLETED)
        return order, len(done), len(pending)

    assert managed(program) == ([1, 2, 3], 1, 1)


def test_a_result_that_comes_too_late_is_a_timeout() -> None:
    async def program() -> float:
        with futures.ThreadPoolExecutor() as pool:
            future = pool.submit(slept, 10)
            with pytest.raises(TimeoutError):
                future.result(timeout=4)
            return asyncio.get_running_loop().time()

    assert managed(program) == 4


def test_an_exception_reaches_who_asks_for_the_result() -> None:
    async def program() -> None:
        with futures.ThreadPoolExecutor() as pool:
            future = pool.submit(lambda: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                future.result()

    managed(program)


def test_shutdown_cancels_what_has_not_begun() -> None:
    async def program() -> tuple[int, int]:
        pool = futures.ThreadPoolExecutor(1)
        sleeps = [pool.submit(slept, 1) for _ in range(5)]
        time.sleep(1.5)
        pool.shutdown(cancel_futures=True)
        with pytest.raises(RuntimeError, match="after shutdown"):
            pool.submit(slept, 1)
        cancelled = sum(future.cancelled() for future in sleeps)
        return len(sleeps) - cancelled, cancelled

    assert managed(program) == (2, 3)


def test_a_pool_that_nobody_shuts_down_ends_with_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def program() -> float:
        pool = futures.ThreadPoolExecutor()
        pool.submit(slept, 1)
        asyncio.get_running_loop().pool = pool  # type: ignore[attr-defined]
        return pool.submit(slept, 2).result()

    assert managed(program) == 2
    assert capsys.readouterr() == ("", "")


def test_one_seed_has_one_order_whatever_the_heap_was() -> None:
    async def program() -> list[str]:
        with futures.ThreadPoolExecutor(8) as pool:
            jobs = {pool.submit(slept, 1): str(number) for number in range(8)}
            return [jobs[future] for future in futures.as_completed(jobs)]

    def once() -> str:
        noise = [bytearray(size) for size in range(1, 200)]
        result = run(program, threads="managed", schedule="pos", seed=4)
        del noise
        gc.collect()
        return result.digest + "".join(result.value)

    assert len({once() for _ in range(10)}) == 1


def test_to_thread_may_sleep_and_block() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")

    async def program() -> tuple[list[Any], float]:
        ready = threading.Event()
        variable.set("carried")

        def waits() -> str:
            ready.wait()
            return variable.get()

        def wakes() -> str:
            time.sleep(5)
            ready.set()
            return threading.current_thread().name

        results = await asyncio.gather(asyncio.to_thread(waits), asyncio.to_thread(wakes))
        return results, asyncio.get_running_loop().time()

    assert managed(program) == (["carried", "asyncio_1"], 5)


def test_an_executor_of_ones_own_is_used() -> None:
    async def program() -> str:
        loop = asyncio.get_running_loop()
        with futures.ThreadPoolExecutor(1, thread_name_prefix="own") as pool:
            name = lambda: threading.current_thread().name  # noqa: E731
            return await loop.run_in_executor(pool, name)

    assert managed(program) == "own_0"


def test_a_pool_made_before_the_run_is_refused() -> None:
    with futures.ThreadPoolExecutor(1) as pool:

        async def program() -> None:
            pool.submit(slept, 0)

        with pytest.raises(EscapeError, match="made before the run") as caught:
            managed(program)
    assert caught.value.where.startswith(__file__)
