"""How threads end with their run, and what is said of those that do not."""

from __future__ import annotations

import _thread
import asyncio
import itertools
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.errors import ProgramError
from replay_ws.sim.lanes import LaneQueue
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.schedule import Fifo
from replay_ws.sim.threads import hub
from replay_ws.sim.threads.actors import ThreadActor, ThreadEnd
from replay_ws.sim.threads.managed import managed_threads


def managed(program: Callable[[], Awaitable[Any]], **options: Any) -> Any:
    return run(program, threads="managed", **options).value


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before


def test_a_thread_that_is_no_daemon_comes_to_its_end() -> None:
    seen: list[float] = []

    async def program() -> None:
        loop = asyncio.get_running_loop()

        def worker() -> None:
            time.sleep(10)
            seen.append(loop.time())

        threading.Thread(target=worker).start()

    managed(program)
    assert seen == [10]


def test_a_daemon_ends_where_it_is_and_cleans_up() -> None:
    seen: list[str] = []

    async def program() -> None:
        lock = threading.Lock()

        def daemon() -> None:
            try:
                with lock:
                    while True:
                        time.sleep(1)
                        seen.append("tick")
            finally:
                seen.append("end")

        threading.Thread(target=daemon, daemon=True).start()
        await asyncio.sleep(2.5)

    managed(program)
    assert seen == ["tick", "tick", "end"]


def test_a_daemon_that_waits_for_an_item_ends_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    import queue

    async def program() -> None:
        items: queue.Queue[int] = queue.Queue()
        for _ in range(3):
            threading.Thread(target=items.get, daemon=True).start()
        await asyncio.sleep(1)

    managed(program)
    assert capsys.readouterr() == ("", "")


def test_a_thread_that_never_ends_is_named() -> None:
    async def program() -> None:
        def worker() -> None:
            threading.Event().wait()

        threading.Thread(target=worker, name="waits").start()

    with pytest.raises(ProgramError) as caught:
        managed(program)
    assert "the program has ended, and its threads go on:\n  waits at " in str(caught.value)
    assert str(caught.value).count("waits for threading.Event.wait") == 1


def test_a_program_that_failed_is_told_of_its_threads_in_a_note() -> None:
    async def program() -> None:
        threading.Thread(target=threading.Event().wait, name="waits").start()
        raise ValueError("first of all")

    with pytest.raises(ValueError, match="first of all") as caught:
        managed(program)
    (note,) = caught.value.__notes__
    assert "its threads go on:\n  waits waits for threading.Event.wait" in note


def test_a_thread_that_swallows_its_end_is_left_asleep_and_named() -> None:
    ended: list[str] = []

    async def program() -> None:
        def stubborn() -> None:
            while True:
                try:
                    time.sleep(1)
                except BaseException as error:
                    ended.append(type(error).__name__)

        threading.Thread(target=stubborn, name="stubborn", daemon=True).start()
        await asyncio.sleep(0.5)

    before = threading.enumerate()
    with pytest.raises(ProgramError, match="go on after they were ended:\n  stubborn at "):
        managed(program)
    assert set(ended) == {ThreadEnd.__name__}
    (left,) = set(threading.enumerate()) - set(before)
    assert left.name == "stubborn"
    del threading._active[left.ident]  # type: ignore[attr-defined]  # it sleeps for good


def test_a_thread_that_blocks_for_real_is_named_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "PATIENCE_S", 0.02)
    real_lock = _thread.allocate_lock()

    async def program() -> None:
        def worker() -> None:
            with real_lock:
                time.sleep(1)

        threads = [threading.Thread(target=worker, name=name) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with pytest.raises(ProgramError, match="thread b blocks for real") as caught:
        managed(program)
    assert caught.value.where.startswith(f"{__file__}:")
    assert not real_lock.locked()  # both have unwound


def test_a_thread_that_computes_for_long_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PATIENCE_S", 0.001)

    async def program() -> list[int]:
        results: list[int] = []
        thread = threading.Thread(target=lambda: results.append(sum(range(2_000_000))))
        thread.start()
        thread.join()
        return results

    assert managed(program) == [1_999_999_000_000]


def test_ctrl_c_ends_the_run_once_the_thread_comes_to_a_sync_point() -> None:
    seen: list[str] = []

    async def program() -> None:
        def worker() -> None:
            os.kill(os.getpid(), signal.SIGINT)
            seen.append("goes on to its sync point")
            time.sleep(1)
            seen.append("never")

        threading.Thread(target=worker, daemon=True).start()
        await asyncio.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        managed(program)
    assert seen == ["goes on to its sync point"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 8))
def test_ctrl_c_in_the_middle_of_a_hand_over_comes_when_it_is_done(
    when: str, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_overs = itertools.count(1)
    take_baton = ThreadActor.take_baton

    def interrupted(thread: ThreadActor) -> None:
        is_now = next(hand_overs) == nth
        if is_now and when == "before":
            signal.raise_signal(signal.SIGINT)
        take_baton(thread)
        if is_now and when == "after":
            signal.raise_signal(signal.SIGINT)

    def worker() -> None:
        for _ in range(10):
            time.sleep(1)

    async def program() -> None:
        with ThreadPoolExecutor() as pool:
            pool.submit(worker).result()

    monkeypatch.setattr(ThreadActor, "take_baton", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        managed(program)
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_second_ctrl_c_does_not_wait_for_a_thread_that_computes() -> None:
    caught: list[bool] = []

    async def program() -> None:
        def worker() -> None:
            while not caught:
                os.kill(os.getpid(), signal.SIGINT)

        try:
            threading.Thread(target=worker, daemon=True).start()
        except KeyboardInterrupt:
            caught.append(True)
            raise

    with pytest.raises(KeyboardInterrupt):
        managed(program)
    assert caught


def test_what_was_made_in_a_run_is_plain_after_it() -> None:
    async def program() -> tuple[Any, ...]:
        return threading.Lock(), threading.RLock(), threading.Event(), threading.Condition()

    lock, rlock, event, condition = managed(program)
    with lock:
        assert lock.acquire(False) is False
        assert lock.acquire(timeout=0.001) is False
    with rlock, rlock:
        pass
    thread = threading.Thread(target=event.wait)
    thread.start()
    event.set()
    thread.join()
    with condition:
        assert condition.wait(0.001) is False


def test_who_waits_for_a_thread_while_no_loop_runs_ends_it() -> None:
    loop = VirtualLoop(LaneQueue(Fifo()))
    began: list[bool] = []
    with managed_threads(loop):
        thread = threading.Thread(target=lambda: began.append(True))
        thread.start()
        thread.join()
        assert not thread.is_alive()
    loop.close()
    assert began == []
