"""A step that really blocks is named, once, and the run goes on."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from replay_ws.sim.lanes import LaneQueue
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program
from replay_ws.sim.schedule import Fifo
from replay_ws.sim.world import watchdog
from replay_ws.sim.world.watchdog import watched

SOON_S = 0.02


class Bell:
    """Blocks until the watchdog has reported so many times."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self._heard = threading.Condition()

    def ring(self, report: str) -> None:
        with self._heard:
            self.reports.append(report)
            self._heard.notify_all()

    def block_until_rung(self, times: int = 1) -> None:
        with self._heard:
            while len(self.reports) < times:
                self._heard.wait()


@pytest.fixture
def bell() -> Bell:
    return Bell()


def run_watched(
    program: Callable[[], Awaitable[Any]],
    bell: Bell,
    loop: VirtualLoop | None = None,
    **options: Any,
) -> Any:
    loop = loop or VirtualLoop()
    with watched(loop, blocked_after_s=SOON_S, report=bell.ring, **options):
        return run_program(program, loop=loop)


loops = pytest.mark.parametrize("loop_of", [VirtualLoop, lambda: VirtualLoop(LaneQueue(Fifo()))])


@loops
def test_a_step_that_blocks_is_named_and_the_run_goes_on(
    bell: Bell, loop_of: Callable[[], VirtualLoop]
) -> None:
    async def worker() -> int:
        bell.block_until_rung()
        return 7

    async def program() -> int:
        return await asyncio.create_task(worker(), name="hard worker")

    assert run_watched(program, bell, loop_of()) == 7
    (report,) = bell.reports
    first = worker.__code__.co_firstlineno
    assert report.startswith("replay_ws: a step has blocked its run for 0.02 s of real time\n")
    assert f"hard worker ({worker.__qualname__}) at {__file__}:" in report
    assert f"{__file__}:{first + 1} in {worker.__qualname__}" in report
    assert "in Condition.wait" in report
    assert "replay_ws/sim/loop.py" not in report


def test_each_step_is_named_once(bell: Bell) -> None:
    slower = Bell()

    async def program() -> None:
        slower.block_until_rung()  # when the faster one has looked many times more
        await asyncio.sleep(1)
        bell.block_until_rung(2)

    loop = VirtualLoop()
    with (
        watched(loop, blocked_after_s=10 * SOON_S, report=slower.ring),
        watched(loop, blocked_after_s=SOON_S, report=bell.ring),
    ):
        run_program(program, loop=loop)
    assert len(bell.reports) == 2
    assert len(slower.reports) == 1


def test_a_callback_and_a_function_in_an_executor_are_named_too(bell: Bell) -> None:
    async def program() -> None:
        await asyncio.to_thread(bell.block_until_rung, 1)
        asyncio.get_running_loop().call_soon(bell.block_until_rung, 2)
        await asyncio.sleep(0)

    run_watched(program, bell)
    for report in bell.reports:
        assert f"a callback at {__file__}:" in report


@loops
def test_many_short_steps_are_no_long_one(bell: Bell, loop_of: Callable[[], VirtualLoop]) -> None:
    loop = loop_of()
    watch = watchdog._Watch(loop, 10, list, bell.ring)

    async def worker() -> None:
        for _ in range(20):
            watch.look(4)
            await asyncio.sleep(0)

    async def program() -> None:
        await asyncio.gather(*(worker() for _ in range(5)))
        asyncio.get_running_loop().call_soon(watch.look, 4)

    run_program(program, loop=loop)
    assert bell.reports == []


@loops
def test_a_long_step_is_one_that_several_looks_find(
    bell: Bell, loop_of: Callable[[], VirtualLoop]
) -> None:
    loop = loop_of()
    watch = watchdog._Watch(loop, 10, list, bell.ring)
    reports: list[int] = []

    async def program() -> None:
        asyncio.get_running_loop().call_soon(int)
        for _ in range(9):
            watch.look(4)
            reports.append(len(bell.reports))

    run_program(program, loop=loop)
    assert reports == [0, 0, 0, 1, 1, 1, 1, 1, 1]


def test_time_that_waits_for_threads_is_told_with_their_names(bell: Bell) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)

        def outsider() -> None:
            with loop.external():
                inside.set()
                while not bell.reports:  # a thread that is busy calling in
                    loop.call_soon_threadsafe(int)

        inside = threading.Event()
        thread = threading.Thread(target=outsider)
        thread.start()
        inside.wait()
        await asyncio.sleep(1)
        thread.join()

    run_watched(program, bell, threads=lambda: ["busy at app.py:1"])
    (report,) = bell.reports
    assert report.startswith("replay_ws: virtual time has stood still for 0.02 s")
    assert "\n  busy at app.py:1\n" in report


def test_without_a_reporter_it_is_told_on_stderr(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ear(io.StringIO):
        def flush(self) -> None:
            bell.ring(self.getvalue())

    async def program() -> None:
        bell.block_until_rung()

    loop = VirtualLoop()
    monkeypatch.setattr(sys, "stderr", Ear())
    with watched(loop, blocked_after_s=SOON_S):
        run_program(program, loop=loop)
    assert bell.reports[0].startswith("replay_ws: a step has blocked")


def test_the_watchdog_is_no_thread_that_others_see_and_goes_when_there_is_no_run(
    bell: Bell,
) -> None:
    before = threading.enumerate()

    async def program() -> None:
        bell.block_until_rung()

    run_watched(program, bell)
    assert threading.enumerate() == before
    while watchdog._watchdog.is_running:
        threading.Event().wait(SOON_S)


SCRIPT = """
import os, warnings
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program
from replay_ws.sim.world.watchdog import _watchdog, watched

async def program():
    return 7

for _ in range(3):
    loop = VirtualLoop()
    with watched(loop):
        assert run_program(program, loop=loop) == 7
    assert _watchdog.is_running
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if os.fork() == 0:
            os._exit(0)
        os.wait()
    assert not caught, caught[0].message
    assert not _watchdog.is_running

loop = VirtualLoop()
with watched(loop):
    run_program(program, loop=loop)
assert _watchdog.is_running
print("the end")
"""


def test_it_neither_disturbs_a_fork_nor_keeps_the_process_alive() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=False, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("the end\n", "")
