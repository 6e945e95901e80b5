"""Threads and tasks are steps of one schedule, on one clock."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.sim.threads.actors import current_actor, sync_point


def managed(program: Callable[[], Awaitable[Any]], **options: Any) -> Any:
    return run(program, threads="managed", **options).value


def started(*functions: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    return threads


def joined(*functions: Callable[[], object]) -> None:
    for thread in started(*functions):
        thread.join()


async def letters() -> str:
    """Three threads write their letter three times, with a sync point before each."""
    written: list[str] = []

    def write(letter: str) -> None:
        for _ in range(3):
            sync_point()
            written.append(letter)

    joined(*(lambda letter=letter: write(letter) for letter in "abc"))  # type: ignore[misc]
    return "".join(written)


def test_in_arrival_order_threads_take_turns() -> None:
    assert managed(letters) == "aababcbcc"


def test_one_seed_gives_one_order_and_seeds_give_many() -> None:
    orders = {seed: managed(letters, schedule="pos", seed=seed) for seed in range(10)}
    assert orders == {seed: managed(letters, schedule="pos", seed=seed) for seed in range(10)}
    assert len(set(orders.values())) > 5


@pytest.mark.parametrize("schedule", ["pos", "urw", "pct", "random", "legal"])
def test_a_run_comes_back_from_its_plan(schedule: str) -> None:
    first = run(letters, threads="managed", schedule=schedule, seed=3)
    assert managed(letters, plan=first.session.plan) == first.value


def test_sleeps_end_in_the_order_of_virtual_time() -> None:
    async def program() -> tuple[list[float], float]:
        woken: list[float] = []

        def sleeper(delay: float) -> None:
            time.sleep(delay)
            woken.append(delay)

        async def task(delay: float) -> None:
            await asyncio.sleep(delay)
            woken.append(delay)

        threads = started(lambda: sleeper(3600), lambda: sleeper(1), lambda: sleeper(0.3))
        await asyncio.gather(task(0.5), task(2))
        await asyncio.to_thread(threads[0].join)
        return woken, asyncio.get_running_loop().time()

    assert managed(program) == ([0.3, 0.5, 1, 2, 3600], 3600)


def test_a_thread_that_sleeps_for_nothing_lets_others_go() -> None:
    async def program() -> list[str]:
        seen: list[str] = []

        def write(letter: str) -> None:
            for _ in range(3):
                seen.append(letter)
                time.sleep(0)

        joined(lambda: write("a"), lambda: write("b"))
        return seen

    assert managed(program) == ["a", "a", "b", "a", "b", "b"]


def test_what_blocks_in_a_coroutine_holds_up_the_loop_and_not_the_threads() -> None:
    async def program() -> list[str]:
        seen: list[str] = []

        async def ticker() -> None:
            while True:
                await asyncio.sleep(1)
                seen.append("tick")

        def worker() -> None:
            for _ in range(3):
                time.sleep(1)
                seen.append("work")

        task = asyncio.create_task(ticker())
        await asyncio.sleep(0)
        joined(worker)
        seen.append("joined")
        await asyncio.sleep(0.5)
        task.cancel()
        return seen

    assert managed(program) == ["work", "work", "work", "joined", "tick"]


def test_time_sleep_in_a_coroutine_lets_threads_run_until_it_ends() -> None:
    async def program() -> list[str]:
        seen: list[str] = []

        def worker() -> None:
            for _ in range(3):
                time.sleep(1)
                seen.append("work")

        (thread,) = started(worker)
        time.sleep(2.5)
        seen.append("slept")
        thread.join()
        return seen

    assert managed(program) == ["work", "work", "slept", "work"]


def test_the_loops_own_thread_takes_part_in_races() -> None:
    async def program() -> list[str]:
        seen: list[str] = []
        lock = threading.Lock()

        def take(name: str) -> None:
            with lock:
                seen.append(name)

        (thread,) = started(lambda: take("thread"))
        take("loop")
        thread.join()
        return seen

    orders = {tuple(managed(program, schedule="pos", seed=seed)) for seed in range(20)}
    assert orders == {("thread", "loop"), ("loop", "thread")}


def test_threads_and_tasks_talk_through_the_loop() -> None:
    async def program() -> tuple[list[tuple[int, float]], int]:
        loop = asyncio.get_running_loop()
        requests: asyncio.Queue[tuple[int, asyncio.Future[int]]] = asyncio.Queue()
        answers: list[tuple[int, float]] = []

        async def server() -> None:
            while True:
                number, answer = await requests.get()
                await asyncio.sleep(1)
                answer.set_result(number * number)

        async def ask(number: int) -> int:
            answer = loop.create_future()
            await requests.put((number, answer))
            return await answer  # type: ignore[no-any-return]

        def client(number: int) -> None:
            answer = asyncio.run_coroutine_threadsafe(ask(number), loop).result()
            answers.append((answer, loop.time()))

        task = asyncio.create_task(server())
        clients = (asyncio.to_thread(client, number) for number in (2, 3, 4))
        await asyncio.gather(*clients)
        task.cancel()
        return answers, loop.outsiders.calls  # type: ignore[attr-defined]

    assert managed(program) == ([(4, 1.0), (9, 2.0), (16, 3.0)], 0)


def test_a_callback_from_a_thread_runs_on_the_loop() -> None:
    async def program() -> bool:
        loop = asyncio.get_running_loop()
        ran_in = loop.create_future()
        joined(lambda: loop.call_soon_threadsafe(lambda: ran_in.set_result(threading.get_ident())))
        return await ran_in == threading.get_ident()

    assert managed(program) is True


def test_threads_are_as_the_threading_module_says() -> None:
    async def program() -> list[Any]:
        local = threading.local()
        local.value = "loop"
        found: list[Any] = []

        def worker() -> None:
            me = threading.current_thread()
            found.append((me.name, me.is_alive(), me.daemon, hasattr(local, "value")))
            found.append(me.ident == threading.get_ident() and me in threading.enumerate())

        thread = threading.Thread(target=worker)
        found.append(thread.is_alive())
        thread.start()
        thread.join()
        return [*found, thread.is_alive(), threading.active_count()]

    alone = threading.active_count()
    expected = [False, ("Thread-1 (worker)", True, False, False), True, False, alone]
    assert managed(program) == expected
    assert managed(program) == expected  # numbers begin anew


def test_a_thread_of_a_class_of_its_own_runs_its_run() -> None:
    class Worker(threading.Thread):
        result = 0

        def run(self) -> None:
            time.sleep(1)
            self.result = 42

    async def program() -> tuple[int, str]:
        worker = Worker(name="own")
        worker.start()
        worker.join()
        return worker.result, worker.name

    assert managed(program) == (42, "own")


def test_a_thread_begins_with_no_context_but_the_runs() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    async def program() -> list[str]:
        seen: list[str] = []
        variable.set("program's")
        joined(lambda: seen.append(variable.get()))
        await asyncio.to_thread(lambda: seen.append(variable.get()))
        return seen

    assert managed(program) == ["none", "program's"]


def test_a_second_start_and_an_early_join_are_the_usual_errors() -> None:
    async def program() -> None:
        thread = threading.Thread(target=lambda: None)
        with pytest.raises(RuntimeError, match="before it is started"):
            thread.join()
        thread.start()
        with pytest.raises(RuntimeError, match="only be started once"):
            thread.start()
        thread.join()

        def joins_itself() -> None:
            with pytest.raises(RuntimeError, match="cannot join current thread"):
                threading.current_thread().join()

        joined(joins_itself)

    managed(program)


def test_a_join_with_a_timeout_waits_that_long() -> None:
    async def program() -> list[Any]:
        (thread,) = started(lambda: time.sleep(10))
        loop, seen = asyncio.get_running_loop(), []
        for timeout in (0, 4, 100):
            thread.join(timeout)
            seen.append((thread.is_alive(), loop.time()))
        return seen

    assert managed(program) == [(True, 0), (True, 4), (False, 10)]


def test_an_exception_in_a_thread_goes_to_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []

    def hook(args: threading.ExceptHookArgs) -> None:
        assert args.thread is not None
        told.append((args.thread.name, repr(args.exc_value)))

    monkeypatch.setattr(threading, "excepthook", hook)

    async def program() -> bool:
        def worker() -> None:
            raise ValueError("mine")

        (thread,) = started(worker)
        thread.join()
        return thread.is_alive()

    assert managed(program) is False
    assert told == [("Thread-1 (worker)", "ValueError('mine')")]


def test_a_thread_of_a_thread_is_joined_by_it() -> None:
    async def program() -> list[str]:
        seen: list[str] = []

        def inner() -> None:
            time.sleep(1)
            seen.append("inner")

        def outer() -> None:
            joined(inner)
            seen.append("outer")

        joined(outer)
        return seen

    assert managed(program) == ["inner", "outer"]


def test_nobody_is_an_actor_outside_of_a_run() -> None:
    assert current_actor() is None
    sync_point()
    managed(letters)
    assert current_actor() is None
