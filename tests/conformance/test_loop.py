"""What a program may expect of its event loop, asked of a stock loop and of ours.

Whatever stands here must hold on both; where the virtual loop differs on purpose, the test
is in tests/unit/sim. Each test is a small program whose result is compared with what asyncio
promises, on every Python version that runs this suite.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.conformance.loops import Loop, MakeLoop, Run, in_order


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


# Order


def test_callbacks_run_in_the_order_in_which_they_were_scheduled(run: Run) -> None:
    async def program() -> list[int]:
        order: list[int] = []
        loop = asyncio.get_running_loop()
        for number in range(5):
            loop.call_soon(order.append, number)
        await asyncio.sleep(0)
        return order

    assert run(program) == [0, 1, 2, 3, 4]


def test_a_timer_that_is_due_joins_behind_what_was_ready(run: Run) -> None:
    async def program() -> list[str]:
        order: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(0, order.append, "timer")
        loop.call_soon(order.append, "ready")
        await asyncio.sleep(0.001)
        return order

    assert run(program) == ["ready", "timer"]


@in_order
def test_tasks_take_turns_at_every_yield(run: Run) -> None:
    async def program() -> list[str]:
        order: list[str] = []

        async def worker(name: str) -> None:
            for step in range(3):
                order.append(f"{name}{step}")
                await asyncio.sleep(0)

        await asyncio.gather(worker("a"), worker("b"))
        return order

    assert run(program) == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_timers_fire_in_the_order_of_their_deadlines(run: Run) -> None:
    async def program() -> list[str]:
        order: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(0.02, order.append, "late")
        loop.call_at(loop.time() + 0.01, order.append, "early")
        await asyncio.sleep(0.03)
        return order

    assert run(program) == ["early", "late"]


def test_a_cancelled_callback_does_not_run(run: Run) -> None:
    async def program() -> list[str]:
        order: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_soon(order.append, "ready").cancel()
        timer = loop.call_later(0.001, order.append, "timer")
        timer.cancel()
        await asyncio.sleep(0.002)
        assert timer.cancelled()
        return order

    assert run(program) == []


def test_stop_finishes_the_turn_and_leaves_the_next_one(make_loop: MakeLoop) -> None:
    order: list[str] = []
    loop = make_loop()
    loop.call_soon(loop.stop)
    loop.call_soon(lambda: loop.call_soon(order.append, "next turn"))
    loop.call_soon(order.append, "this turn")
    loop.run_forever()
    assert order == ["this turn"]
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert order == ["this turn", "next turn"]
    loop.close()


# Tasks


@in_order
def test_a_task_group_cancels_the_siblings_of_a_failure(run: Run) -> None:
    async def program() -> tuple[list[str], list[str]]:
        cancelled: list[str] = []

        async def sibling(name: str) -> None:
            try:
                await forever()
            finally:
                cancelled.append(name)

        async def failing() -> None:
            await asyncio.sleep(0)
            raise ValueError("no")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(sibling("a"))
                group.create_task(failing())
                group.create_task(sibling("b"))
        except* ValueError as errors:
            messages = [str(error) for error in errors.exceptions]
        return sorted(cancelled), messages

    assert run(program) == (["a", "b"], ["no"])


def test_gather_keeps_the_order_of_its_arguments(run: Run) -> None:
    async def after(delay: float) -> float:
        await asyncio.sleep(delay)
        return delay

    async def fail() -> None:
        raise ValueError

    async def program() -> tuple[Any, ...]:
        return await asyncio.gather(after(0.002), fail(), after(0.001), return_exceptions=True)

    first, error, last = run(program)
    assert (first, type(error), last) == (0.002, ValueError, 0.001)


def test_wait_returns_what_is_done_at_its_timeout(run: Run) -> None:
    async def program() -> tuple[int, int]:
        tasks = [asyncio.create_task(asyncio.sleep(delay)) for delay in (0, 0.001, 30)]
        done, pending = await asyncio.wait(tasks, timeout=0.5)
        return len(done), len(pending)

    assert run(program) == (2, 1)


def test_as_completed_yields_the_first_to_end_first(run: Run) -> None:
    async def after(delay: float) -> float:
        await asyncio.sleep(delay)
        return delay

    async def program() -> list[float]:
        tasks = [after(0.06), after(0.0), after(0.03)]
        return [await each for each in asyncio.as_completed(tasks)]

    assert run(program) == [0.0, 0.03, 0.06]


def test_shield_lets_the_inner_task_go_on(run: Run) -> None:
    async def program() -> str:
        inner = asyncio.create_task(asyncio.sleep(0.001, "value"))
        outer = asyncio.ensure_future(asyncio.shield(inner))
        await asyncio.sleep(0)
        outer.cancel()
        return await inner

    assert run(program) == "value"


@in_order
def test_a_cancelled_task_may_clean_up_over_time(run: Run) -> None:
    async def program() -> list[str]:
        seen: list[str] = []

        async def worker() -> None:
            try:
                await forever()
            except asyncio.CancelledError:
                await asyncio.sleep(0.001)
                seen.append("cleaned up")
                raise

        task = asyncio.create_task(worker())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    assert run(program) == ["cleaned up"]


def test_the_runner_cancels_what_the_program_left(run: Run) -> None:
    ended: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def left() -> None:
        try:
            await forever()
        finally:
            ended.append("cancelled")

    async def program() -> None:
        tasks.append(asyncio.create_task(left()))
        await asyncio.sleep(0)

    run(program)
    assert ended == ["cancelled"]


def test_one_runner_runs_several_programs(make_loop: MakeLoop) -> None:
    async def program(value: int) -> int:
        await asyncio.sleep(0.001)
        return value

    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert [runner.run(program(value)) for value in range(3)] == [0, 1, 2]


def test_a_program_may_have_a_name_and_read_its_tasks(run: Run) -> None:
    async def program() -> tuple[str, bool]:
        task = asyncio.create_task(asyncio.sleep(0), name="pause")
        known = task in asyncio.all_tasks()
        await task
        return task.get_name(), known

    assert run(program) == ("pause", True)


def test_a_task_factory_makes_the_tasks(run: Run) -> None:
    async def program() -> tuple[list[str], str]:
        made: list[str] = []

        def factory(loop: Loop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
            made.append(coroutine.__qualname__)
            return asyncio.Task(coroutine, loop=loop, **options)

        loop = asyncio.get_running_loop()
        loop.set_task_factory(factory)
        task = asyncio.create_task(asyncio.sleep(0), name="pause")
        await task
        return list(made), task.get_name()

    assert run(program) == (["sleep"], "pause")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_an_eager_task_starts_at_once(run: Run) -> None:
    async def program() -> tuple[list[str], bool]:
        order: list[str] = []

        async def quick() -> None:
            order.append("quick")

        async def slow() -> None:
            order.append("slow begins")
            await asyncio.sleep(0)
            order.append("slow ends")

        eager_task_factory: Any = vars(asyncio)["eager_task_factory"]
        asyncio.get_running_loop().set_task_factory(eager_task_factory)
        done_at_once = asyncio.create_task(quick()).done()
        task = asyncio.create_task(slow())
        order.append("program")
        await task
        return order, done_at_once

    assert run(program) == (["quick", "slow begins", "program", "slow ends"], True)


# Time limits


def test_timeout_ends_what_takes_too_long(run: Run) -> None:
    async def program() -> bool:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await forever()
        async with asyncio.timeout(30) as limit:
            await asyncio.sleep(0)
        return limit.expired()

    assert run(program) is False


def test_timeout_at_and_reschedule_follow_the_loops_clock(run: Run) -> None:
    async def program() -> bool:
        loop = asyncio.get_running_loop()
        limit = asyncio.timeout_at(loop.time() + 30)
        try:
            async with limit:
                limit.reschedule(loop.time() + 0.001)
                await forever()
        except TimeoutError:
            return limit.expired()
        return False

    assert run(program) is True


def test_wait_for_cancels_what_it_gives_up(run: Run) -> None:
    async def program() -> bool:
        task = asyncio.create_task(forever())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(task, 0.001)
        return task.cancelled()

    assert run(program) is True


def test_wait_for_returns_what_comes_in_time(run: Run) -> None:
    async def program() -> str:
        return await asyncio.wait_for(asyncio.sleep(0.001, "value"), 30)

    assert run(program) == "value"


def test_a_timer_tells_its_deadline(run: Run) -> None:
    async def program() -> bool:
        loop = asyncio.get_running_loop()
        when = loop.time() + 12.3
        timer = loop.call_at(when, print)
        timer.cancel()
        return timer.when() == when

    assert run(program) is True


# Synchronisation


@in_order
def test_a_lock_is_handed_on_in_order_of_arrival(run: Run) -> None:
    async def program() -> list[int]:
        lock, order = asyncio.Lock(), []

        async def worker(number: int) -> None:
            async with lock:
                order.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*(worker(number) for number in range(4)))
        return order

    assert run(program) == [0, 1, 2, 3]


def test_a_semaphore_admits_as_many_as_it_says(run: Run) -> None:
    async def program() -> int:
        semaphore, inside, most = asyncio.Semaphore(2), 0, 0

        async def worker() -> None:
            nonlocal inside, most
            async with semaphore:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.001)
                inside -= 1

        await asyncio.gather(*(worker() for _ in range(5)))
        return most

    assert run(program) == 2


@in_order
def test_a_condition_wakes_those_whom_it_notifies(run: Run) -> None:
    async def program() -> list[str]:
        condition, woken = asyncio.Condition(), []

        async def waiter(name: str) -> None:
            async with condition:
                await condition.wait()
                woken.append(name)

        tasks = [asyncio.create_task(waiter(name)) for name in "abc"]
        await asyncio.sleep(0)
        async with condition:
            condition.notify(2)
        await asyncio.sleep(0.001)
        first = list(woken)
        async with condition:
            condition.notify_all()
        await asyncio.gather(*tasks)
        return [*first, "|", *woken]

    assert run(program) == ["a", "b", "|", "a", "b", "c"]


def test_a_queue_blocks_its_producer_when_full(run: Run) -> None:
    async def program() -> tuple[list[int], int]:
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)
        received, deepest = [], 0

        async def consume() -> None:
            nonlocal deepest
            for _ in range(6):
                deepest = max(deepest, queue.qsize())
                received.append(await queue.get())
                queue.task_done()

        consumer = asyncio.create_task(consume())
        for number in range(6):
            await queue.put(number)
        await queue.join()
        await consumer
        return received, deepest

    assert run(program) == ([0, 1, 2, 3, 4, 5], 2)


def test_a_barrier_lets_all_pass_together(run: Run) -> None:
    async def program() -> list[int]:
        barrier = asyncio.Barrier(3)
        return sorted(await asyncio.gather(*(barrier.wait() for _ in range(3))))

    assert run(program) == [0, 1, 2]


def test_an_event_wakes_all_who_wait(run: Run) -> None:
    async def program() -> tuple[bool, bool]:
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(0.001, event.set)
        return await asyncio.gather(event.wait(), event.wait())

    assert tuple(run(program)) == (True, True)


# Threads


def test_to_thread_gives_the_result_and_keeps_the_context(run: Run) -> None:
    who = contextvars.ContextVar("who", default="nobody")

    async def program() -> tuple[str, str]:
        who.set("program")

        def job() -> str:
            seen = who.get()
            who.set("job")
            return seen

        return await asyncio.to_thread(job), who.get()

    assert run(program) == ("program", "program")


def test_a_function_in_an_executor_sees_no_running_loop(run: Run) -> None:
    async def program() -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, asyncio._get_running_loop)

    assert run(program) is None


def test_what_an_executors_function_raises_is_raised_where_it_is_awaited(run: Run) -> None:
    async def program() -> None:
        await asyncio.to_thread(int, "not a number")

    with pytest.raises(ValueError, match="not a number"):
        run(program)


def test_no_default_executor_after_its_shutdown(run: Run) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(int)
        await loop.shutdown_default_executor()
        with pytest.raises(RuntimeError, match="shutdown"):
            await asyncio.to_thread(int)

    run(program)


def test_call_soon_threadsafe_works_on_the_loops_own_thread(run: Run) -> None:
    async def program() -> bool:
        event = asyncio.Event()
        asyncio.get_running_loop().call_soon_threadsafe(event.set)
        return await event.wait()

    assert run(program) is True


# Context variables


def test_each_task_has_its_own_copy_of_the_context(run: Run) -> None:
    who = contextvars.ContextVar("who", default="nobody")

    async def child(name: str) -> str:
        who.set(name)
        await asyncio.sleep(0)
        return who.get()

    async def program() -> list[str]:
        return [*await asyncio.gather(child("a"), child("b")), who.get()]

    assert run(program) == ["a", "b", "nobody"]


def test_a_callback_runs_in_the_context_it_was_given(run: Run) -> None:
    who = contextvars.ContextVar("who", default="nobody")

    async def program() -> list[str]:
        loop, seen = asyncio.get_running_loop(), []
        context = contextvars.copy_context()
        context.run(who.set, "given")
        who.set("current")
        loop.call_soon(lambda: seen.append(who.get()), context=context)
        loop.call_later(0, lambda: seen.append(who.get()))
        await asyncio.sleep(0.001)
        return seen

    assert run(program) == ["given", "current"]


# Asynchronous generators


def test_a_dropped_generator_is_finalised_by_the_loop(run: Run) -> None:
    async def program() -> list[str]:
        seen: list[str] = []

        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                seen.append("finalised")

        async for _ in numbers():
            break
        gc.collect()
        await asyncio.sleep(0.001)
        return seen

    assert run(program) == ["finalised"]


def test_open_generators_are_closed_at_the_end(run: Run) -> None:
    closed: list[str] = []
    kept: list[Any] = []

    async def numbers(name: str) -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(name)

    async def program() -> None:
        for name in ("a", "b", "c"):
            generator = numbers(name)
            kept.append(generator)
            await anext(generator)

    run(program)
    assert sorted(closed) == ["a", "b", "c"]


# Errors


@in_order
def test_an_exception_in_a_callback_goes_to_the_exception_handler(run: Run) -> None:
    async def program() -> tuple[str, bool]:
        loop, contexts = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda _, context: contexts.append(context))
        loop.call_soon(int, "not a number")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        (context,) = contexts
        return type(context["exception"]).__name__, isinstance(context["handle"], asyncio.Handle)

    assert run(program) == ("ValueError", True)


@in_order
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_leaves_the_loop_at_once_and_the_runner_cleans_up(
    run: Run, error: type[BaseException]
) -> None:
    ended: list[str] = []

    async def other() -> None:
        try:
            await forever()
        finally:
            ended.append("other")

    async def program() -> None:
        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        assert not task.done()
        raise error

    with pytest.raises(error):
        run(program)
    assert ended == ["other"]


def test_ctrl_c_cancels_the_program_and_raises_keyboard_interrupt(run: Run) -> None:
    ended: list[str] = []

    async def program() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
            await forever()
        finally:
            ended.append("program")

    with pytest.raises(KeyboardInterrupt):
        run(program)
    assert ended == ["program"]


def test_a_closed_loop_takes_nothing_more(make_loop: MakeLoop) -> None:
    loop = make_loop()
    loop.close()
    assert loop.is_closed()
    uses: list[Callable[[], object]] = [
        lambda: loop.call_soon(print),
        lambda: loop.call_later(1, print),
        lambda: loop.call_soon_threadsafe(print),
        lambda: loop.run_forever(),
        lambda: loop.run_in_executor(None, print),
    ]
    for use in uses:
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            use()


def test_a_running_loop_can_be_neither_run_nor_closed(run: Run) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        assert loop.is_running()
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_until_complete(loop.create_future())
        with pytest.raises(RuntimeError, match="running"):
            loop.close()

    run(program)


def test_run_until_complete_says_when_the_loop_was_stopped(
    make_loop: MakeLoop,
) -> None:
    loop = make_loop()
    future = loop.create_future()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="stopped before"):
        loop.run_until_complete(future)
    loop.close()


def test_debug_mode_changes_no_result(make_loop: MakeLoop) -> None:
    async def program() -> list[str]:
        order: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(0.001, order.append, "timer").cancel()
        loop.call_soon(order.append, "soon")
        async with asyncio.timeout(1):
            await asyncio.sleep(0.002)
        return order

    with asyncio.Runner(debug=True, loop_factory=make_loop) as runner:
        assert runner.run(program()) == ["soon"]


def test_debug_mode_refuses_call_soon_from_another_thread(
    make_loop: MakeLoop,
) -> None:
    async def program() -> list[str]:
        loop, errors = asyncio.get_running_loop(), []

        def call() -> None:
            try:
                loop.call_soon(print)
            except RuntimeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        return errors

    with asyncio.Runner(debug=True, loop_factory=make_loop) as runner:
        (error,) = runner.run(program())
    assert "Non-thread-safe" in error


def test_awaitables_of_any_kind_can_be_awaited(run: Run) -> None:
    class Answer:
        def __await__(self) -> Any:
            yield from asyncio.sleep(0).__await__()
            return 42

    async def program() -> int:
        answer: Awaitable[int] = Answer()
        return await answer

    assert run(program) == 42
