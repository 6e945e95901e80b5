"""A program's value or its exception, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from replay_ws.errors import ConfigError, DeadlockError, ProgramError
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program


def run(program: Any) -> Any:
    return run_program(program, loop=VirtualLoop())


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def stay(until_cancelled: list[str], name: str) -> None:
    try:
        await forever()
    finally:
        until_cancelled.append(name)


def test_the_value_comes_out_and_the_loop_is_closed_with_its_time() -> None:
    async def program() -> str:
        await asyncio.sleep(2)
        return "value"

    loop = VirtualLoop()
    assert run_program(program, loop=loop) == "value"
    assert loop.is_closed()
    assert loop.time() == 2


def test_a_plain_function_may_return_any_awaitable_made_on_the_loop() -> None:
    assert run(lambda: asyncio.gather(asyncio.sleep(1, "a"), asyncio.sleep(2, "b"))) == ["a", "b"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_what_the_program_raises_comes_out_unchanged(error: BaseException) -> None:
    ended: list[str] = []

    async def program() -> None:
        program_tasks.append(asyncio.create_task(stay(ended, "left")))
        await asyncio.sleep(0)
        raise error

    program_tasks: list[asyncio.Task[None]] = []
    with pytest.raises(type(error)) as caught:
        run(program)
    assert caught.value is error
    assert not hasattr(error, "__notes__")
    assert ended == ["left"]


def test_a_program_may_be_cancelled_by_itself() -> None:
    async def program() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(program)


def test_what_is_left_is_cancelled_in_creation_order() -> None:
    ended: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def program() -> None:
        tasks.extend(asyncio.create_task(stay(ended, str(number))) for number in range(200))
        await asyncio.sleep(0)

    run(program)
    assert ended == [str(number) for number in range(200)]


def test_clean_up_may_take_time_and_start_tasks() -> None:
    seen: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def late() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("late")

    async def worker() -> None:
        try:
            await forever()
        finally:
            tasks.append(asyncio.create_task(late()))
            await asyncio.sleep(30)
            seen.append("worker")

    async def program() -> None:
        tasks.append(asyncio.create_task(worker()))
        await asyncio.sleep(0)

    run(program)
    assert seen == ["worker", "late"]


def test_open_generators_are_closed_after_the_tasks() -> None:
    seen: list[str] = []
    kept: list[Any] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            seen.append("generator")

    async def program() -> None:
        kept.append(numbers())
        kept.append(asyncio.create_task(stay(seen, "task")))
        await anext(kept[0])
        await asyncio.sleep(0)

    run(program)
    assert seen == ["task", "generator"]


def test_a_failure_while_shutting_down_goes_to_the_exception_handler() -> None:
    contexts: list[dict[str, Any]] = []
    tasks: list[asyncio.Task[None]] = []

    async def worker() -> None:
        try:
            await forever()
        finally:
            raise ValueError("no")

    async def program() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, each: contexts.append(each))
        tasks.append(asyncio.create_task(worker(), name="worker"))
        await asyncio.sleep(0)

    run(program)
    (context,) = contexts
    assert re.match(r"worker \(.*\) failed while the run was shut down", context["message"])


def test_a_deadlocked_program_is_cleaned_up() -> None:
    ended: list[str] = []
    with pytest.raises(DeadlockError):
        run(lambda: stay(ended, "program"))
    assert ended == ["program"]


@pytest.mark.parametrize("delay", [0, 1, 3_600, math.inf])
def test_a_task_that_swallows_every_cancellation_is_named(delay: float) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def stubborn() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(delay)

    async def program() -> str:
        tasks.append(asyncio.create_task(stubborn(), name="mule"))
        await asyncio.sleep(0)
        return "value"

    with pytest.raises(ProgramError) as caught:
        run(program)
    assert "end of the run: cancelled 5 times, and still pending" in str(caught.value)
    assert "mule (" in str(caught.value)
    assert f"{__file__}:" in str(caught.value)


def test_a_task_that_gives_in_late_is_no_error() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def worker() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await forever()
        await forever()

    async def program() -> str:
        tasks.append(asyncio.create_task(worker()))
        await asyncio.sleep(0)
        return "value"

    assert run(program) == "value"


def test_a_stubborn_task_does_not_hide_how_the_program_failed() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def stubborn() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await forever()

    async def program() -> None:
        tasks.append(asyncio.create_task(stubborn(), name="mule"))
        await asyncio.sleep(0)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        run(program)
    (note,) = caught.value.__notes__
    assert "mule" in note


def test_what_is_not_a_program_is_refused_with_the_way_to_mend_it() -> None:
    with pytest.raises(ProgramError, match=r"a program is a callable, not an instance of str"):
        run("module:function")
    with pytest.raises(ProgramError, match=r"<lambda>\(\) returned None, which cannot be awaited"):
        run(lambda: None)
    coroutine = forever()
    with pytest.raises(ProgramError, match="pass the coroutine function itself"):
        run(coroutine)
    coroutine.close()


@pytest.mark.parametrize("make_loop", [asyncio.SelectorEventLoop, VirtualLoop])
def test_a_run_inside_a_running_loop_is_refused(make_loop: Any) -> None:
    inner = VirtualLoop()

    async def program() -> None:
        with pytest.raises(ConfigError, match="inside a running event loop"):
            run_program(forever, loop=inner)

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(program())
    assert inner.is_closed()


def test_a_run_in_a_job_of_a_run_is_a_run_of_its_own() -> None:
    async def program() -> float:
        await asyncio.sleep(1)
        await asyncio.to_thread(run, lambda: asyncio.sleep(5))
        return asyncio.get_running_loop().time()

    assert run(program) == 1
