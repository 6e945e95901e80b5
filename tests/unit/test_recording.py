"""A session in the making."""

from __future__ import annotations

import asyncio
import threading

import pytest

from replay_ws import run
from replay_ws.cassette.redaction import Redactor
from replay_ws.errors import ConfigError, ProgramError
from replay_ws.events.log import Header
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.recording import LoopClock, OwnClock, Recording
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program


def recording(seed: int = 0) -> Recording:
    return Recording(Header(seed=seed), OwnClock(), Redactor())


# --- clocks --------------------------------------------------------------------------------


def test_the_clock_of_a_stock_loop_moves_by_what_sends_take() -> None:
    clock = OwnClock()

    async def program() -> None:
        await asyncio.gather(clock.take(0, 5), clock.take(0, 9), clock.take(0, 0))

    asyncio.run(program())
    assert clock.now_ns() == 9


def test_the_clock_of_a_stock_loop_never_goes_back() -> None:
    clock, seen = OwnClock(), []

    async def program() -> None:
        for step in range(300):
            await clock.take(step, 10)
            seen.append(clock.now_ns())

    workers = [threading.Thread(target=lambda: asyncio.run(program())) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert clock.now_ns() == 309 == max(seen)


def test_the_clock_of_a_run_sleeps_in_virtual_time() -> None:
    loop = VirtualLoop()
    clock = LoopClock(loop)

    async def program() -> list[int]:
        await clock.take(0, 7)
        since = clock.now_ns()
        await asyncio.sleep(0.000001)
        await clock.take(since, 500)  # already past
        return [since, clock.now_ns()]

    assert run_program(program, loop=loop) == [7, 1_007]


def test_a_clock_knows_who_is_foreign_to_its_loop() -> None:
    loop = VirtualLoop()
    clock = LoopClock(loop)
    assert clock.is_foreign()

    async def program() -> bool:
        return clock.is_foreign()

    assert not run_program(program, loop=loop)
    assert not OwnClock().is_foreign()


# --- sessions ------------------------------------------------------------------------------


def test_a_seed_that_is_the_sessions_is_said_once() -> None:
    session = recording(seed=7)
    for number, seed in enumerate((7, 8, None)):
        session.join(str(number), MockConfiguration(seed=seed))
    assert [channel.config.get("seed") for channel in session.log.channels] == [None, 8, None]


def test_two_mocks_cannot_have_one_name() -> None:
    session = recording()
    session.join("a", MockConfiguration())
    with pytest.raises(ConfigError, match="a mock named 'a' exists"):
        session.join("a", MockConfiguration())


def test_a_snapshot_is_apart_from_what_follows() -> None:
    session = recording()
    session.join("", MockConfiguration())
    before = session.snapshot()
    rows = len(before.log)
    session.mark("later")
    assert len(before.log) == rows
    assert before.end == {"status": "open"}


def test_looking_at_a_session_changes_nothing_in_it() -> None:
    looked, other = recording(), recording()
    for session in (looked, other):
        session.join("", MockConfiguration())
    looked.snapshot()
    looked.snapshot()
    assert looked.finish().digest == other.finish().digest


def test_a_session_that_ended_does_not_change() -> None:
    session = recording()
    whole = session.finish()
    rows = len(whole.log)
    assert session.snapshot() is whole
    session.mark("late")
    assert len(whole.log) == rows
    with pytest.raises(ProgramError, match="after the run"):
        session.is_over()


def test_an_end_by_error_names_it_without_addresses_or_secrets() -> None:
    error = ValueError(f"lost {object()!r} with password=hunter2hunter2")
    end = recording().finish(error).end
    assert (end["status"], end["error"]) == ("error", "ValueError")
    assert "0x…" in end["message"]
    assert "hunter2" not in end["message"]


def test_an_error_that_cannot_be_shown_still_ends_a_session() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert recording().finish(Broken()).end["message"] == ""


@pytest.mark.parametrize(
    "said",
    [
        "at /home/me/my project/agent.py:7 it hangs",
        "at C:\\Users\\me\\agent.py:7 it hangs",
        "at agent.py:7 it hangs",
        "at /tmp/agent.py:7 it hangs",
    ],
)
def test_an_ending_names_files_without_their_folders(said: str) -> None:
    async def program() -> None:
        raise RuntimeError(said)

    with pytest.raises(RuntimeError) as caught:
        run(program)
    assert caught.value.session.end["message"] == "at agent.py:7 it hangs"  # type: ignore[attr-defined]


def test_the_ending_of_a_group_names_its_members() -> None:
    async def fail() -> None:
        raise ValueError("no such order")

    async def program() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    with pytest.raises(ExceptionGroup) as caught:
        run(program)
    said = caught.value.session.end["message"]  # type: ignore[attr-defined]
    assert said.endswith("(1 sub-exception): ValueError: no such order")
