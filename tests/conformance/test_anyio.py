"""anyio's functions for threads inside a run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.errors import EscapeError

anyio = pytest.importorskip("anyio")
from_thread = pytest.importorskip("anyio.from_thread")
to_thread = pytest.importorskip("anyio.to_thread")

VARIABLE: ContextVar[str] = ContextVar("variable", default="")


def backend_method() -> Any:
    return vars(sys.modules["anyio._backends._asyncio"].AsyncIOBackend)["run_sync_in_worker_thread"]


def test_a_function_for_a_thread_runs_on_the_loops_own_with_the_callers_context() -> None:
    async def program() -> list[object]:
        VARIABLE.set("seen")

        def work(number: int) -> object:
            assert threading.current_thread() is home
            return VARIABLE.get(), number

        home = threading.current_thread()
        results: list[object] = []

        async def one(number: int) -> None:
            results.append(await to_thread.run_sync(work, number))

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(one, number)
        await anyio.sleep(3600)
        return results

    out = run(program)
    assert out.value == [("seen", number) for number in range(100)]
    assert out.session.replayable


def test_what_the_function_raises_comes_out() -> None:
    def fail() -> None:
        raise ValueError("words")

    async def program() -> None:
        await to_thread.run_sync(fail)

    with pytest.raises(ValueError, match="words"):
        run(program)


def test_a_limiter_and_a_cancellation_count() -> None:
    async def program() -> tuple[int, bool]:
        limiter = anyio.CapacityLimiter(1)
        await to_thread.run_sync(int, limiter=limiter)
        limiter.acquire_on_behalf_of_nowait("another")
        with anyio.move_on_after(1) as scope:
            await to_thread.run_sync(int, limiter=limiter)
        return limiter.borrowed_tokens, scope.cancelled_caught

    assert run(program).value == (1, True)


def test_a_function_that_sleeps_is_told_at_the_line_that_waits_for_it() -> None:
    async def program() -> None:
        await to_thread.run_sync(time.sleep, 1)

    with pytest.raises(EscapeError) as caught:
        run(program)
    assert caught.value.where == f"{__file__}:{program.__code__.co_firstlineno + 1}"


def test_managed_threads_can_ask_the_loop_for_answers() -> None:
    async def program() -> list[object]:
        def work() -> object:
            time.sleep(1)
            return from_thread.run(anyio.sleep, 5), from_thread.run_sync(int, "7")

        value = await to_thread.run_sync(work)
        return [value, asyncio.get_running_loop().time()]

    assert run(program, threads="managed").value == [(None, 7), 6.0]


def test_anyio_is_as_it_was_after_the_run() -> None:
    before = backend_method()

    async def program() -> None:
        assert backend_method() is not before
        raise ValueError("after it")

    with pytest.raises(ValueError, match="after it"):
        run(program)
    assert backend_method() is before


SCRIPT = """
import sys, threading
import replay_ws

async def program():
    import anyio.to_thread
    return await anyio.to_thread.run_sync(threading.get_ident)

assert "anyio" not in sys.modules
assert replay_ws.run(program).value == threading.get_ident()
assert replay_ws.run(program).value == threading.get_ident()
"""


def test_anyio_may_be_imported_during_the_run() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
