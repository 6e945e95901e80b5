"""Real threads inside a run: the loop waits for them, and no clock and no report goes wrong."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.errors import EscapeError, EscapeWarning, ProgramError
from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program
from replay_ws.sim.world.boundary import guarded, guards
from replay_ws.sim.world.foreign import waits_for_others


def run_free(program: Callable[[], Awaitable[Any]], **options: Any) -> tuple[Any, VirtualLoop]:
    """The value of ``program``, and the loop that it ran on."""
    loop = VirtualLoop()
    with guards(), guarded(loop, threads="free", **options):
        return run_program(program, loop=loop), loop


def started(target: Callable[[], object], **options: Any) -> threading.Thread:
    thread = threading.Thread(target=target, **options)
    thread.start()
    return thread


def test_the_clock_stands_still_while_a_thread_is_busy() -> None:
    async def program() -> tuple[bool, float]:
        loop = asyncio.get_running_loop()
        seen: list[float] = []

        def busy() -> None:
            time.sleep(0.05)
            loop.call_soon_threadsafe(lambda: seen.append(loop.time()))

        thread = started(busy)
        await asyncio.sleep(3600)
        return thread.is_alive(), seen[0]

    (is_alive, called_at), loop = run_free(program)
    assert (is_alive, called_at) == (False, 0.0)
    assert loop.outsiders.calls == 1


def test_time_passes_for_a_thread_that_waits_for_the_loop() -> None:
    async def program() -> list[object]:
        loop = asyncio.get_running_loop()
        results: list[object] = []

        def ask() -> None:
            waiting = asyncio.run_coroutine_threadsafe(asyncio.sleep(3600, "slept"), loop)
            results.append(waiting.result())

        started(ask)
        await asyncio.sleep(7200)
        return results

    assert run_free(program)[0] == ["slept"]


def test_a_thread_that_waits_is_told_from_one_that_was_woken() -> None:
    condition = threading.Condition()
    woken = threading.Event()

    def wait() -> None:
        with condition:
            condition.wait()
        woken.set()

    thread = started(wait)
    assert thread.ident is not None
    while not waits_for_others(thread.ident):
        time.sleep(0)
    with condition:
        condition.notify()
        assert not waits_for_others(thread.ident)  # though it cannot go on yet
    woken.wait()
    thread.join()


def test_a_program_that_waits_for_threads_only_is_no_deadlock() -> None:
    async def program() -> str:
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def answer() -> None:
            time.sleep(0.05)
            loop.call_soon_threadsafe(future.set_result, "answer")

        started(answer)
        result: str = await future
        return result

    assert run_free(program)[0] == "answer"


def test_pools_and_threads_of_threads_are_free_as_well() -> None:
    async def program() -> list[int]:
        results: list[int] = []

        def outer() -> None:
            thread = started(lambda: results.append(1))
            thread.join()

        thread = started(outer)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results += pool.map(abs, [-2, -3])
        thread.join()
        return sorted(results)

    assert run_free(program)[0] == [1, 2, 3]


def test_what_a_thread_reaches_for_is_guarded_but_it_may_sleep() -> None:
    async def program() -> list[str]:
        words: list[str] = []

        def reach() -> None:
            time.sleep(0.001)
            try:
                os.system("true")
            except EscapeError as error:
                words.append(error.what)

        started(reach).join()
        return words

    (words, _) = run_free(program)
    assert words[0].startswith("os.system() reaches for a real process")


def test_threads_end_before_the_run_does() -> None:
    ended: list[str] = []

    async def program() -> None:
        def late() -> None:
            time.sleep(0.05)
            ended.append(threading.current_thread().name)

        started(late, name="late")

    run_free(program)
    assert ended == ["late"]


def test_a_thread_that_never_ends_is_named_with_its_place() -> None:
    let_go = threading.Event()

    async def program() -> None:
        started(let_go.wait, name="endless")

    try:
        with pytest.raises(ProgramError, match=r"its threads do not, after 0\.05 s") as caught:
            run_free(program, thread_wait_s=0.05)
        assert f"endless at {threading.__file__}:" in str(caught.value)
    finally:
        let_go.set()


def test_a_thread_that_never_ends_does_not_hide_why_the_program_failed() -> None:
    let_go = threading.Event()

    def endless() -> None:
        while not let_go.wait(0.001):
            pass

    async def program() -> None:
        started(endless, name="endless")
        raise ValueError("why")

    try:
        with pytest.raises(ValueError, match="why") as caught:
            run_free(program, thread_wait_s=0.05)
        assert "endless at" in caught.value.__notes__[0]
        assert __file__ in caught.value.__notes__[0]
    finally:
        let_go.set()


THREADS, MESSAGES = 8, 40


def fates(seed: int, speak: Callable[[MockWebSocketManager, int], None]) -> dict[str, list[str]]:
    """What became of each connection's messages, sent by a thread for each of them."""

    async def program() -> None:
        mock = MockWebSocketManager(mode="packet_loss", packet_loss_rate=0.3)
        gate = threading.Barrier(THREADS)

        def work(number: int) -> None:
            gate.wait()
            speak(mock, number)

        threads = [started(lambda number=number: work(number)) for number in range(THREADS)]
        while any(thread.is_alive() for thread in threads):
            await asyncio.sleep(0.001)

    session = run(program, seed=seed, threads="free").session
    by_connection: dict[str, list[str]] = {}
    for event in session.events:
        if event.type == "token":
            by_connection.setdefault(event.connection, []).append(str(event.outcome))
    return by_connection


def on_its_own_loop(mock: MockWebSocketManager, number: int) -> None:
    async def talk() -> None:
        for n in range(MESSAGES):
            await mock.send(f"t{number}", {"type": "token", "n": n})

    asyncio.run(talk())


def on_no_loop(mock: MockWebSocketManager, number: int) -> None:
    for n in range(MESSAGES):
        sending = mock.send(f"t{number}", {"type": "token", "n": n})
        with contextlib.suppress(StopIteration):
            while True:
                sending.send(None)


@pytest.mark.parametrize("speak", [on_its_own_loop, on_no_loop])
def test_the_fates_of_what_threads_send_follow_from_the_seed(
    speak: Callable[[MockWebSocketManager, int], None],
) -> None:
    first = fates(7, speak)
    assert len(first) == THREADS
    assert {len(each) for each in first.values()} == {MESSAGES}
    assert len(Counter(fate for each in first.values() for fate in each)) == 2
    for _ in range(4):
        assert fates(7, speak) == first
    assert fates(8, speak) != first


def test_on_the_runs_loop_a_thread_sends_in_virtual_time() -> None:
    async def program() -> float:
        loop = asyncio.get_running_loop()
        mock = MockWebSocketManager(mode="slow_network")

        def work() -> None:
            for n in range(20):
                sending = mock.send("t1", {"type": "token", "n": n})
                asyncio.run_coroutine_threadsafe(sending, loop).result()

        thread = started(work)
        while thread.is_alive():
            await asyncio.sleep(0.1)
        return loop.time()

    assert run(program, threads="free").value > 0.1


def test_a_mock_that_a_thread_makes_belongs_to_the_run() -> None:
    async def program() -> None:
        def work() -> None:
            on_no_loop(MockWebSocketManager(), 1)

        started(work).join()

    assert len(run(program, threads="free").session.delivered()) == MESSAGES


def test_the_session_says_that_it_cannot_be_replayed() -> None:
    async def threads() -> None:
        started(int).join()

    async def process() -> None:
        os.system("true")

    async def neither() -> None:
        pass

    session = run(threads, threads="free").session
    assert (session.replayable, session.end["because"]) == (False, ["real threads ran"])
    with pytest.warns(EscapeWarning):
        session = run(process, escapes="warn").session
    assert not session.replayable
    line = process.__code__.co_firstlineno + 1
    assert session.end["because"] == [f"os.system() at test_foreign.py:{line}"]
    assert run(neither).session.replayable


def test_threads_are_refused_unless_they_are_asked_for() -> None:
    async def program() -> None:
        started(int).join()

    with pytest.raises(EscapeError, match="a real thread"):
        run(program)
    assert run(program, threads="managed").value is None
    with pytest.warns(EscapeWarning):
        run(program, escapes="warn")
