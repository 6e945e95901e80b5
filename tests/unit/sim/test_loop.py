"""What the virtual loop does that a stock loop does not."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import signal
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

from replay_ws import clock
from replay_ws.errors import DeadlockError, ProgramError
from replay_ws.sim.loop import VirtualLoop

HOUR_NS = 3_600 * clock.NS_PER_S


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


def run(program: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(program())


def running() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


# Time


def test_an_hour_passes_at_once_and_exactly(loop: VirtualLoop) -> None:
    assert (loop.time(), loop.time_ns()) == (0.0, 0)
    loop.run_until_complete(asyncio.sleep(3_600))
    assert (loop.time(), loop.time_ns()) == (3_600.0, HOUR_NS)


def test_time_stands_still_while_something_is_ready(loop: VirtualLoop) -> None:
    async def program() -> int:
        for _ in range(100):
            await asyncio.sleep(0)
        return loop.time_ns()

    assert loop.run_until_complete(program()) == 0


def test_instants_that_should_be_equal_are(loop: VirtualLoop) -> None:
    async def program() -> list[str]:
        order: list[str] = []

        async def sleeper(name: str, *delays: float) -> None:
            for delay in delays:
                await asyncio.sleep(delay)
            order.append(f"{name} at {loop.time_ns()}")

        await asyncio.gather(sleeper("once", 0.3), sleeper("thrice", 0.1, 0.1, 0.1))
        return order

    assert loop.run_until_complete(program()) == ["once at 300000000", "thrice at 300000000"]


def test_equal_deadlines_fire_in_creation_order(loop: VirtualLoop) -> None:
    order: list[int] = []
    for number in range(50):
        loop.call_at((1.5, 1.5, 2.5)[number % 3], order.append, number)
    loop.call_at(3, loop.stop)
    loop.run_forever()
    assert order == sorted(range(50), key=lambda number: (number % 3 == 2, number))


def test_a_deadline_is_rounded_once_to_the_nanosecond(loop: VirtualLoop) -> None:
    seen: list[int] = []
    for when in (0.1 + 0.2, 1e-9, 0.4e-9, 1 / 3):
        loop.call_at(when, lambda: seen.append(loop.time_ns()))
    loop.call_at(1, loop.stop)
    loop.run_forever()
    assert seen == [1, 1, 300_000_000, 333_333_333]


def test_who_asks_the_clock_until_a_deadline_gets_there(loop: VirtualLoop) -> None:
    loop.turns_per_instant_max = 100
    deadline = 0.1 + 0.05  # a little after the nanosecond that it is nearest to

    async def by_timeouts() -> None:
        while (left := deadline - loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await loop.create_future()

    async def by_sleeping() -> None:
        while (left := 2 * deadline - loop.time()) > 0:
            await asyncio.sleep(left)

    loop.run_until_complete(by_timeouts())
    loop.run_until_complete(by_sleeping())
    assert loop.time() >= 2 * deadline


def test_time_as_a_float_leads_back_to_its_nanosecond(loop: VirtualLoop) -> None:
    for when_ns in (1, 999_999_999, HOUR_NS + 1, 10 * 24 * HOUR_NS + 123_456_789):
        loop.run_until_complete(loop.sleep_ns(when_ns - loop.time_ns()))
        now = loop.time()
        fired = loop.create_future()
        loop.call_at(now, fired.set_result, None)
        loop.run_until_complete(fired)
        assert (now, loop.time_ns()) == (when_ns / clock.NS_PER_S, when_ns)


def test_sleep_ns_waits_for_exactly_that_long(loop: VirtualLoop) -> None:
    async def program() -> list[int]:
        times = []
        for delay_ns in (1, 3, 0, -5):
            await loop.sleep_ns(delay_ns)
            times.append(loop.time_ns())
        return times

    assert loop.run_until_complete(program()) == [1, 4, 4, 4]


def test_sleep_ns_of_nothing_lets_others_run(loop: VirtualLoop) -> None:
    async def program() -> list[str]:
        order: list[str] = []
        loop.call_soon(order.append, "other")
        await loop.sleep_ns(0)
        return [*order, "program"]

    assert loop.run_until_complete(program()) == ["other", "program"]


def test_a_cancelled_sleep_leaves_no_timer(loop: VirtualLoop) -> None:
    async def program() -> None:
        task = asyncio.create_task(loop.sleep_ns(HOUR_NS))
        await asyncio.sleep(0)
        task.cancel()

    loop.run_until_complete(program())
    loop.run_until_complete(asyncio.sleep(1))
    assert loop.time() == 1


def test_a_timer_in_the_past_fires_now(loop: VirtualLoop) -> None:
    loop.run_until_complete(asyncio.sleep(5))
    seen: list[float] = []
    loop.call_at(1, lambda: seen.append(loop.time()))
    loop.call_later(-math.inf, lambda: seen.append(loop.time()))
    loop.run_until_complete(asyncio.sleep(0.5))
    assert seen == [5, 5]


def test_a_timer_at_infinity_never_fires_and_can_be_cancelled(loop: VirtualLoop) -> None:
    timers = [loop.call_later(math.inf, pytest.fail), loop.call_at(math.inf, pytest.fail)]
    loop.run_until_complete(asyncio.sleep(3600))
    assert [timer.when() for timer in timers] == [math.inf, math.inf]
    for timer in timers:
        timer.cancel()
        assert timer.cancelled()


def test_time_ends_where_64_bits_might_not_hold_it(loop: VirtualLoop) -> None:
    last_s = clock.TIME_NS_MAX // clock.NS_PER_S
    loop.run_until_complete(asyncio.wait_for(asyncio.sleep(last_s), timeout=HOUR_NS))
    assert loop.time_ns() == last_s * clock.NS_PER_S
    with pytest.raises(ProgramError, match=r"virtual time ends at 4611686018\.4"):
        loop.run_until_complete(asyncio.sleep(1))


def test_no_time_is_no_deadline(loop: VirtualLoop) -> None:
    with pytest.raises(ValueError, match="NaN"):
        loop.call_later(math.nan, print)


def test_a_clock_can_be_read_after_the_loop_was_closed() -> None:
    loop = VirtualLoop()
    loop.run_until_complete(asyncio.sleep(2))
    loop.close()
    assert loop.time_ns() == 2 * clock.NS_PER_S


def test_cancelled_timers_do_not_pile_up(loop: VirtualLoop) -> None:
    async def program() -> int:
        most = 0
        for _ in range(5_000):
            async with asyncio.timeout(HOUR_NS):
                await asyncio.sleep(0.001)
            most = max(most, len(loop._timers.heap))
        return most

    assert loop.run_until_complete(program()) < 200


def test_the_heap_keeps_its_order_when_it_is_compacted(loop: VirtualLoop) -> None:
    order: list[int] = []
    timers = [loop.call_later(number % 7, order.append, number) for number in range(1_000)]
    for number, timer in enumerate(timers):
        if number % 10:
            timer.cancel()
    loop.call_later(8, loop.stop)
    loop.run_forever()
    assert order == sorted(range(0, 1_000, 10), key=lambda number: (number % 7, number))


def test_a_spinning_program_can_be_bounded(loop: VirtualLoop) -> None:
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    loop.turns_per_instant_max = 100
    with pytest.raises(ProgramError, match=r"^at 0: .* took 100 turns, and time did not"):
        loop.run_until_complete(spin())
    loop.run_until_complete(_cancel_all())


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


# Tasks


def test_task_names_start_anew_in_every_loop() -> None:
    async def program() -> list[str]:
        tasks = [asyncio.current_task(), asyncio.create_task(asyncio.sleep(0))]
        return [task.get_name() for task in tasks if task is not None]

    assert [run(program) for _ in range(3)] == [["Task-1", "Task-2"]] * 3


def test_one_order_for_sets_of_tasks_whatever_the_heap_looks_like() -> None:
    async def program() -> list[str]:
        order: list[str] = []

        async def worker(name: str) -> None:
            try:
                await forever()
            finally:
                order.append(name)

        async def fail() -> None:
            raise ValueError

        with contextlib.suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for number in range(12):
                    group.create_task(worker(f"group {number}"))
                group.create_task(fail())
        tasks = [asyncio.create_task(asyncio.sleep(0), name=f"wait {n}") for n in range(12)]
        done, _ = await asyncio.wait(tasks)
        order.extend(task.get_name() for task in done)
        return order

    stories, ballast = set(), []
    for number in range(30):
        ballast.append([object() for _ in range(number * 37 % 101)])
        stories.add(tuple(run(program)))
    assert len(stories) == 1
    assert next(iter(stories))[:12] == tuple(f"group {number}" for number in range(12))


def test_pending_tasks_come_in_creation_order(loop: VirtualLoop) -> None:
    async def program() -> list[str]:
        tasks = [asyncio.create_task(forever(), name=str(number)) for number in range(300)]
        for task in tasks[:295]:
            task.cancel()
        await asyncio.sleep(0)
        names = [task.get_name() for task in loop.pending_tasks()]
        await _cancel_all()
        return names

    assert loop.run_until_complete(program()) == ["Task-1", "295", "296", "297", "298", "299"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_an_eager_task_is_named_and_numbered_before_it_starts(loop: VirtualLoop) -> None:
    async def program() -> list[str]:
        names: list[str] = []

        async def child() -> None:
            task = asyncio.current_task()
            assert task is not None
            names.append(f"{task.get_name()} {hash(task)}")

        eager_task_factory: Any = vars(asyncio)["eager_task_factory"]
        loop.set_task_factory(eager_task_factory)
        await asyncio.create_task(child())
        await asyncio.create_task(child())
        return names

    assert loop.run_until_complete(program()) == ["Task-2 1", "Task-3 2"]


def test_a_finished_task_is_not_kept_alive(loop: VirtualLoop) -> None:
    async def program() -> weakref.ref[asyncio.Task[None]]:
        task = asyncio.create_task(asyncio.sleep(1))
        await task
        return weakref.ref(task)

    reference = loop.run_until_complete(program())
    loop.run_until_complete(asyncio.sleep(0))
    gc.collect()
    assert reference() is None


def test_open_generators_are_closed_in_the_order_of_their_start() -> None:
    closed: list[int] = []
    kept: list[AsyncIterator[int]] = []

    async def numbers(name: int) -> AsyncIterator[int]:
        try:
            yield name
        finally:
            closed.append(name)

    async def program() -> None:
        kept.extend(numbers(name) for name in range(30))
        for generator in reversed(kept):
            await anext(generator)

    run(program)
    assert closed == list(reversed(range(30)))


def test_a_generator_that_fails_to_close_is_reported(loop: VirtualLoop) -> None:
    contexts: list[dict[str, Any]] = []
    kept: list[AsyncIterator[int]] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            raise ValueError("no")

    async def program() -> None:
        kept.append(numbers())
        await anext(kept[0])

    loop.set_exception_handler(lambda _, context: contexts.append(context))
    loop.run_until_complete(program())
    loop.run_until_complete(loop.shutdown_asyncgens())
    (context,) = contexts
    assert context["message"].endswith("numbers failed")
    assert str(context["exception"]) == "no"


# Work in an executor


def test_an_executors_function_is_a_step_of_its_own_on_this_thread(loop: VirtualLoop) -> None:
    async def program() -> list[object]:
        order: list[object] = []
        job = loop.run_in_executor(None, lambda: order.append(threading.get_ident()))
        order.append("program")
        await job
        return order

    assert loop.run_until_complete(program()) == ["program", threading.get_ident()]


def test_a_job_that_was_cancelled_in_time_does_not_run(loop: VirtualLoop) -> None:
    async def program() -> None:
        loop.run_in_executor(None, pytest.fail, "ran").cancel()
        await asyncio.sleep(0)

    loop.run_until_complete(program())


def test_stop_iteration_from_a_job_arrives_as_a_runtime_error(loop: VirtualLoop) -> None:
    async def program() -> None:
        await asyncio.to_thread(next, iter(()))

    with pytest.raises(RuntimeError, match="StopIteration") as caught:
        loop.run_until_complete(program())
    assert isinstance(caught.value.__cause__, StopIteration)


# Threads


def test_a_foreign_thread_that_calls_in_is_waited_for_and_counted(loop: VirtualLoop) -> None:
    async def program() -> tuple[str, int]:
        future = loop.create_future()
        late = loop.call_later(3_600, pytest.fail, "the clock jumped")

        def work() -> None:
            release.wait()
            loop.call_soon_threadsafe(future.set_result, "from the thread")

        release = threading.Event()
        thread = threading.Thread(target=work)
        with loop.external():
            thread.start()
            release.set()
            value = await future
        thread.join()
        late.cancel()
        return value, loop.time_ns()

    assert loop.run_until_complete(program()) == ("from the thread", 0)
    assert loop.outsiders.calls == 1


def test_a_coroutine_can_be_submitted_from_another_thread(loop: VirtualLoop) -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def program() -> list[int]:
        results: list[int] = []
        finished = asyncio.Event()

        def work() -> None:
            for number in range(20):
                future = asyncio.run_coroutine_threadsafe(double(number), loop)
                results.append(future.result(timeout=10))
            loop.call_soon_threadsafe(finished.set)

        thread = threading.Thread(target=work)
        with loop.external():
            thread.start()
            await finished.wait()
        thread.join()
        return results

    assert loop.run_until_complete(program()) == [2 * number for number in range(20)]
    assert loop.outsiders.calls == 21


def test_ctrl_c_reaches_a_loop_that_waits_for_threads() -> None:
    async def program() -> None:
        with running().external():
            threading.Timer(0.02, signal.raise_signal, [signal.SIGINT]).start()
            await forever()

    with pytest.raises(KeyboardInterrupt):
        run(program)


def test_calls_on_the_loops_own_thread_are_not_foreign(loop: VirtualLoop) -> None:
    loop.call_soon_threadsafe(lambda: None)

    async def program() -> None:
        loop.call_soon_threadsafe(lambda: None)
        await asyncio.to_thread(loop.call_soon_threadsafe, lambda: None)

    loop.run_until_complete(program())
    assert loop.outsiders.calls == 0


def test_when_the_last_external_work_ends_time_goes_on(loop: VirtualLoop) -> None:
    async def program() -> None:
        entered = threading.Event()

        def work() -> None:
            with loop.external():
                entered.set()

        thread = threading.Thread(target=work)
        thread.start()
        entered.wait()
        await asyncio.sleep(3_600)
        thread.join()

    loop.run_until_complete(program())
    assert loop.time() == 3_600


def test_a_loop_may_run_on_another_thread_than_it_was_made_on(loop: VirtualLoop) -> None:
    async def program() -> None:
        loop.call_soon_threadsafe(lambda: None)
        await asyncio.sleep(1)

    thread = threading.Thread(target=lambda: loop.run_until_complete(program()))
    thread.start()
    thread.join()
    assert (loop.time(), loop.outsiders.calls) == (1, 0)


# Deadlock (its report is tested in test_deadlock.py)


def test_a_deadlock_leaves_the_loop_through_the_runner_which_cleans_up() -> None:
    ended: list[str] = []

    async def program() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(1)
            ended.append("cleaned up")

    with pytest.raises(DeadlockError):
        run(program)
    assert ended == ["cleaned up"]


def test_sleeping_for_ever_is_a_deadlock_and_not_the_end_of_time(loop: VirtualLoop) -> None:
    loop.call_later(2, lambda: None)
    with pytest.raises(DeadlockError, match="deadlock at 2 s"):
        loop.run_until_complete(asyncio.sleep(math.inf))
    assert loop.time() == 2
    loop.run_until_complete(_cancel_all())


def test_a_loop_with_nothing_at_all_to_do_is_a_deadlock(loop: VirtualLoop) -> None:
    with pytest.raises(DeadlockError, match="no timer is left, 0 tasks wait"):
        loop.run_forever()


# Messages


def test_a_message_about_a_failed_callback_holds_no_address(loop: VirtualLoop) -> None:
    class Callback:
        def __call__(self) -> None:
            raise ValueError

    messages: list[str] = []
    loop.set_exception_handler(lambda _, context: messages.append(context["message"]))
    loop.call_soon(Callback())
    loop.call_soon(int, "x")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert messages[0].endswith("Callback")
    assert messages[1] == "Exception in callback int"
