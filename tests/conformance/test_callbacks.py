"""What surrounds a callback: its context, its errors, its thread, and how it is shown."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conformance.loops import Loop, MakeLoop, Run

who = contextvars.ContextVar("who", default="nobody")


def waits_for_threads(loop: Loop) -> contextlib.AbstractContextManager[object]:
    """A stock loop always waits for threads; a virtual one where it is told to."""
    external = getattr(loop, "external", contextlib.nullcontext)
    context: contextlib.AbstractContextManager[object] = external()
    return context


# Context variables


def by_call_soon(loop: Loop, callback: Callable[[], object]) -> None:
    loop.call_soon(callback)


def by_call_later(loop: Loop, callback: Callable[[], object]) -> None:
    loop.call_later(0.001, callback)


def by_call_at(loop: Loop, callback: Callable[[], object]) -> None:
    loop.call_at(loop.time() + 0.001, callback)


def by_call_soon_threadsafe(loop: Loop, callback: Callable[[], object]) -> None:
    loop.call_soon_threadsafe(callback)


def by_a_futures_callback(loop: Loop, callback: Callable[[], object]) -> None:
    future = loop.create_future()
    future.add_done_callback(lambda _: callback())
    context = contextvars.copy_context()
    context.run(who.set, "who completes it")
    loop.call_soon(future.set_result, None, context=context)


def by_a_task(loop: Loop, callback: Callable[[], object]) -> None:
    async def step() -> None:
        await asyncio.sleep(0)
        callback()

    kept.append(loop.create_task(step()))


def by_a_tasks_callback(loop: Loop, callback: Callable[[], object]) -> None:
    task = loop.create_task(asyncio.sleep(0))
    task.add_done_callback(lambda _: callback())


kept: list[object] = []


@pytest.mark.parametrize(
    "way",
    [
        by_call_soon,
        by_call_later,
        by_call_at,
        by_call_soon_threadsafe,
        by_a_futures_callback,
        by_a_task,
        by_a_tasks_callback,
    ],
)
def test_a_callback_sees_the_context_of_who_asked_for_it(run: Run, way: Any) -> None:
    async def program() -> tuple[list[str], str]:
        seen: list[str] = []

        def callback() -> None:
            seen.append(who.get())
            who.set("callback")

        who.set("asker")
        way(asyncio.get_running_loop(), callback)
        who.set("later")
        await asyncio.sleep(0.01)
        return seen, who.get()

    assert run(program) == (["asker"], "later")


def test_a_task_runs_in_the_context_it_is_given(run: Run) -> None:
    async def program() -> tuple[Any, str]:
        async def change() -> None:
            await asyncio.sleep(0)
            who.set("task")

        context = contextvars.copy_context()
        await asyncio.create_task(change(), context=context)
        return context[who], who.get()

    assert run(program) == ("task", "nobody")


def test_a_runners_programs_share_its_context(make_loop: MakeLoop) -> None:
    async def change(name: str) -> str:
        before = who.get()
        who.set(name)
        return before

    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert [runner.run(change(name)) for name in "ab"] == ["nobody", "a"]
        assert runner.run(change("c"), context=contextvars.Context()) == "nobody"
    assert who.get() == "nobody"


def test_a_dropped_generator_is_closed_by_a_task_of_its_own(run: Run) -> None:
    async def program() -> list[bool]:
        seen: list[bool] = []
        main = asyncio.current_task()

        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                seen.append(asyncio.current_task() not in (None, main))

        generator = numbers()
        await anext(generator)
        del generator
        gc.collect()
        await asyncio.sleep(0.001)
        return seen

    assert run(program) == [True]


# Threads


def test_a_thread_calls_in(run: Run) -> None:
    async def program() -> tuple[str, bool]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()

        def call() -> None:
            loop.call_soon_threadsafe(future.set_result, threading.get_ident())

        with waits_for_threads(loop):
            thread = threading.Thread(target=call)
            thread.start()
            ident = await future
            thread.join()
        return "called", ident == thread.ident != threading.get_ident()

    assert run(program) == ("called", True)


def test_a_thread_runs_a_coroutine_on_the_loop_and_has_its_result(run: Run) -> None:
    async def program() -> list[str]:
        loop, results = asyncio.get_running_loop(), []
        done = asyncio.Event()

        def call() -> None:
            for coroutine in (asyncio.sleep(0, "value"), asyncio.wait_for(done.wait(), 0)):
                try:
                    result = asyncio.run_coroutine_threadsafe(coroutine, loop).result()
                except TimeoutError:
                    result = "timeout"
                results.append(str(result))
            loop.call_soon_threadsafe(done.set)

        with waits_for_threads(loop):
            thread = threading.Thread(target=call)
            thread.start()
            await done.wait()
        thread.join()
        return results

    assert run(program) == ["value", "timeout"]


def test_a_function_runs_in_an_executor_of_the_users(run: Run) -> None:
    async def program() -> list[int]:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as executor:
            jobs = [loop.run_in_executor(executor, pow, 2, power) for power in range(5)]
            return await asyncio.gather(*jobs)

    assert run(program) == [1, 2, 4, 8, 16]


def test_a_job_that_was_cancelled_before_its_turn_gives_no_result(run: Run) -> None:
    async def program() -> bool:
        job = asyncio.ensure_future(asyncio.to_thread(int))
        await asyncio.sleep(0)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        return job.cancelled()

    assert run(program) is True


# Errors


def test_an_exception_handler_can_be_taken_back(run: Run) -> None:
    async def program() -> tuple[Any, Any]:
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()
        loop.set_exception_handler(lambda loop, context: None)
        loop.set_exception_handler(None)
        with pytest.raises(TypeError, match="callable"):
            loop.set_exception_handler("no handler")  # type: ignore[arg-type]
        return before, loop.get_exception_handler()

    assert run(program) == (None, None)


def test_without_a_handler_an_error_is_logged_and_the_loop_goes_on(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def program() -> str:
        asyncio.get_running_loop().call_soon(int, "not a number")
        await asyncio.sleep(0.001)
        return "went on"

    with caplog.at_level(logging.ERROR, "asyncio"):
        assert run(program) == "went on"
    (record,) = caplog.records
    assert record.getMessage().startswith("Exception in callback int")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


def test_an_exception_handler_that_fails_is_logged(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def program() -> str:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: 1 // 0)
        loop.call_soon(int, "not a number")
        await asyncio.sleep(0.001)
        return "went on"

    with caplog.at_level(logging.ERROR, "asyncio"):
        assert run(program) == "went on"
    assert "Unhandled error in exception handler" in caplog.text


def test_an_exception_that_nobody_asked_for_is_told_when_its_future_is_gone(run: Run) -> None:
    async def program() -> list[str]:
        contexts: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, each: contexts.append(each))
        future = asyncio.get_running_loop().create_future()
        future.set_exception(ValueError("unasked"))
        del future
        await asyncio.sleep(0.001)
        gc.collect()
        return [context["message"] for context in contexts]

    (message,) = run(program)
    assert message.endswith("Future exception was never retrieved")


# How things are shown


def test_a_future_shows_its_state(run: Run) -> None:
    async def program() -> list[str]:
        loop = asyncio.get_running_loop()
        pending, done, failed, cancelled = (loop.create_future() for _ in range(4))
        done.set_result(1)
        failed.set_exception(ValueError("no"))
        failed.exception()
        cancelled.cancel()
        return [repr(each).partition(" ")[2] for each in (pending, done, failed, cancelled)]

    assert run(program) == [
        "pending>",
        "finished result=1>",
        "finished exception=ValueError('no')>",
        "cancelled>",
    ]


def test_a_task_shows_its_name_and_its_coroutine(run: Run) -> None:
    async def work() -> None: ...

    async def program() -> str:
        task = asyncio.create_task(work(), name="worker")
        shown = repr(task)
        await task
        return shown

    shown = run(program)
    assert "pending name='worker' coro=<" in shown
    assert "work() running at" in shown


def test_handles_and_the_loop_can_be_shown(run: Run) -> None:
    async def program() -> list[str]:
        loop = asyncio.get_running_loop()
        ready, timer = loop.call_soon(print), loop.call_later(1, print)
        shown = [repr(ready), repr(timer), repr(loop)]
        for handle in (ready, timer):
            handle.cancel()
        return [*shown, repr(ready), repr(timer)]

    ready, timer, loop, *cancelled = run(program)
    assert "print()" in ready
    assert "when=" in timer
    assert "running=True closed=False debug=False" in loop
    assert all("cancelled" in each for each in cancelled)


# Running, stopping, closing


def test_a_loop_runs_again_after_it_was_stopped_and_its_time_goes_on(make_loop: MakeLoop) -> None:
    loop = make_loop()
    try:
        start = loop.time()
        assert loop.run_until_complete(asyncio.sleep(0.001, "first")) == "first"
        between = loop.time()
        loop.call_later(0.001, loop.stop)
        loop.run_forever()
        assert not loop.is_running()
        assert start < between < loop.time()
        with pytest.raises(ValueError, match="no"):
            loop.run_until_complete(_fail())
        assert loop.run_until_complete(asyncio.sleep(0, "last")) == "last"
    finally:
        loop.close()
    loop.close()
    assert loop.is_closed()


async def _fail() -> None:
    raise ValueError("no")


def test_a_runner_can_be_closed_without_a_run_and_gives_its_loop(make_loop: MakeLoop) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        loop = runner.get_loop()
        assert runner.run(asyncio.sleep(0, loop)) is loop
    assert loop.is_closed()
    asyncio.Runner(loop_factory=make_loop).close()


def test_a_runner_goes_on_after_a_program_that_failed(make_loop: MakeLoop) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        with pytest.raises(ValueError, match="no"):
            runner.run(_fail())
        assert runner.run(asyncio.sleep(0.001, "next")) == "next"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="loop_factory= came with Python 3.12")
def test_asyncio_run_takes_the_loop(make_loop: MakeLoop) -> None:
    run: Any = asyncio.run
    assert run(asyncio.sleep(0.001, "value"), loop_factory=make_loop) == "value"


def test_what_was_due_already_runs_at_once(run: Run) -> None:
    async def program() -> list[str]:
        loop, order = asyncio.get_running_loop(), []
        loop.call_later(-5, order.append, "negative")
        loop.call_at(loop.time() - 5, order.append, "past")
        async with asyncio.timeout(30):
            while len(order) < 2:
                await asyncio.sleep(0)
        return sorted(order)

    assert run(program) == ["negative", "past"]


# Tasks


def test_time_limits_nest_and_only_the_one_that_ended_is_told(run: Run) -> None:
    async def program() -> tuple[bool, bool]:
        async with asyncio.timeout(30) as outer:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0) as inner:
                    await asyncio.sleep(30)
            async with asyncio.timeout(None):
                await asyncio.sleep(0)
        return outer.expired(), inner.expired()

    assert run(program) == (False, True)


def test_a_task_group_passes_on_a_cancellation_from_outside(run: Run) -> None:
    async def program() -> list[str]:
        ended: list[str] = []

        async def child(name: str) -> None:
            try:
                await asyncio.sleep(30)
            finally:
                ended.append(name)

        async def parent() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(child("a"))
                group.create_task(child("b"))

        task = asyncio.create_task(parent())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return sorted(ended)

    assert run(program) == ["a", "b"]


def test_a_cancellation_can_be_counted_and_taken_back(run: Run) -> None:
    async def program() -> tuple[int, int, str]:
        task = asyncio.current_task()
        assert task is not None
        try:
            task.cancel("why")
            await asyncio.sleep(1)
        except asyncio.CancelledError as error:
            return task.cancelling(), task.uncancel(), str(error)
        raise AssertionError

    assert run(program) == (1, 0, "why")


def test_a_broken_barrier_is_told_to_who_waits(run: Run) -> None:
    async def program() -> list[str]:
        barrier = asyncio.Barrier(3)
        waiting = [asyncio.create_task(barrier.wait()) for _ in range(2)]
        await asyncio.sleep(0.001)
        await barrier.abort()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        return [type(outcome).__name__ for outcome in outcomes]

    assert run(program) == ["BrokenBarrierError", "BrokenBarrierError"]


def test_a_condition_waits_for_what_is_said(run: Run) -> None:
    async def program() -> list[int]:
        condition, seen = asyncio.Condition(), list[int]()

        async def waiter() -> int:
            async with condition:
                await condition.wait_for(lambda: len(seen) == 3)
                return len(seen)

        tasks = [asyncio.create_task(waiter()) for _ in range(2)]
        for number in range(3):
            await asyncio.sleep(0.001)
            async with condition:
                seen.append(number)
                condition.notify_all()
        return await asyncio.gather(*tasks)

    assert run(program) == [3, 3]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_know_who_they_are_and_may_fail_at_once(run: Run) -> None:
    async def program() -> tuple[bool, str, list[int]]:
        asyncio.get_running_loop().set_task_factory(vars(asyncio)["eager_task_factory"])
        main = asyncio.current_task()

        async def me() -> Any:
            return asyncio.current_task()

        async def fail(number: int) -> None:
            await asyncio.sleep(0.001 * number)
            raise ValueError(number)

        task = asyncio.create_task(me())
        is_itself = task.result() is task is not main is asyncio.current_task()
        failed = asyncio.create_task(fail(0))
        try:
            async with asyncio.TaskGroup() as group:
                for number in (1, 1):
                    group.create_task(fail(number))
        except* ValueError as errors:
            numbers = [error.args[0] for error in errors.exceptions]  # type: ignore[union-attr]
        outcome = await asyncio.gather(failed, return_exceptions=True)
        return is_itself, repr(outcome[0]), numbers

    is_itself, failed, numbers = run(program)
    assert is_itself
    assert failed == "ValueError(0)"
    assert set(numbers) == {1}
