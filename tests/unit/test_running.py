"""A run ends in one of many ways, and every time the process is as it was before."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import random as chance
from time import monotonic as now
from time import sleep
from typing import Any
from uuid import uuid4

import pytest

import replay_ws as rws
from replay_ws import ConfigError, DeadlockError, ProgramError
from tests.helpers import TOKEN
from tests.process_state import state

moment = datetime.now


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    here = sys.modules[__name__]
    rws.run(lambda: asyncio.sleep(0), seed=1, threads="managed")  # what is loaded once is loaded
    before = state(here)
    yield
    assert before.changes(state(here)) == []


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


# --- how a program ends ------------------------------------------------------------------------


class Odd(BaseException):
    """A program's own way to end, which is no Exception."""


class Unspeakable(Exception):
    """It cannot even say what it is."""

    def __str__(self) -> str:
        raise TypeError("no words")


class Wordless(Exception):
    """What it says is no text."""

    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


@dataclass(frozen=True)
class Frozen(Exception):
    """It takes no attributes."""

    code: int = 7


class Slotted(Exception):
    """It takes no attribute that it does not know."""

    def __setattr__(self, name: str, value: object) -> None:
        raise RuntimeError(f"no {name}")


def ends_with(error: BaseException) -> Callable[[], Awaitable[Any]]:
    async def program() -> None:
        tasks = [asyncio.create_task(forever()) for _ in range(3)]
        assert [
            chance(),
            uuid4(),
            datetime.now(),
            moment(),
            now(),
        ]  # patched names
        await rws.MockWebSocketManager().send_to_thread("t", TOKEN)
        assert not any(task.done() for task in tasks)
        raise error

    return program


def ends_at_the_first_call(error: BaseException) -> Callable[[], Awaitable[Any]]:
    def program() -> Awaitable[Any]:
        raise error

    return program


async def interrupted() -> None:
    signal.raise_signal(signal.SIGINT)
    await forever()


async def deadlocked() -> None:
    await asyncio.gather(forever(), forever())


async def spinning() -> None:
    while True:
        await asyncio.sleep(0)


async def stubborn() -> None:
    async def mule() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await forever()

    kept = asyncio.create_task(mule(), name="mule")
    await asyncio.sleep(0.1)
    assert not kept.done()


async def spinning_whatever_comes() -> None:
    while True:
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await asyncio.sleep(0)


async def breaking_its_loop() -> None:
    asyncio.get_running_loop().stop()
    await forever()


ENDS: dict[str, tuple[Any, type[BaseException]]] = {
    "an exception": (ends_with(ValueError("no")), ValueError),
    "a BaseException": (ends_with(Odd("no")), Odd),
    "SystemExit": (ends_with(SystemExit(3)), SystemExit),
    "KeyboardInterrupt": (ends_with(KeyboardInterrupt()), KeyboardInterrupt),
    "CancelledError": (ends_with(asyncio.CancelledError()), asyncio.CancelledError),
    "GeneratorExit": (ends_with(GeneratorExit()), GeneratorExit),
    "StopAsyncIteration": (ends_with(StopAsyncIteration()), StopAsyncIteration),
    "a group": (ends_with(BaseExceptionGroup("two", [Odd(), ValueError()])), BaseExceptionGroup),
    "no words": (ends_with(Unspeakable()), Unspeakable),
    "no text": (ends_with(Wordless()), Wordless),
    "frozen": (ends_with(Frozen()), Frozen),
    "no attributes": (ends_with(Slotted()), Slotted),
    "the call fails": (ends_at_the_first_call(ValueError("no")), ValueError),
    "the call exits": (ends_at_the_first_call(SystemExit(3)), SystemExit),
    "Ctrl-C": (interrupted, KeyboardInterrupt),
    "a deadlock": (deadlocked, DeadlockError),
    "no end of an instant": (spinning, ProgramError),
    "no end whatever comes": (spinning_whatever_comes, ProgramError),
    "no end of a task": (stubborn, ProgramError),
    "a stopped loop": (breaking_its_loop, RuntimeError),
    "no program": (5, ProgramError),
    "nothing to await": (lambda: 5, ProgramError),
}

WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "scheduled": {"schedule": "pos"},
    "profiled": {"schedule": "urw"},
    "with threads": {"threads": "managed"},
    "free": {"threads": "free"},
    "let out": {"escapes": "warn"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_program_comes_out_and_the_process_is_as_before(end: str, way: str) -> None:
    program, expected = ENDS[end]
    caught: BaseException | None = None
    try:  # pytest.raises would write to an exception that may be frozen
        rws.run(program, turns_per_instant_max=500, **WAYS[way])
    except BaseException as error:
        caught = error
    assert type(caught) is expected


TAKES_NO_ATTRIBUTES = ["frozen", "no attributes"]


@pytest.mark.parametrize("schedule", ["fifo", "urw"])
@pytest.mark.parametrize("end", [end for end in ENDS if end not in TAKES_NO_ATTRIBUTES])
def test_whatever_ends_a_program_has_the_session_and_the_recording(
    end: str, schedule: str, tmp_path: Path
) -> None:
    program, expected = ENDS[end]
    golden = tmp_path / "golden.rws"
    golden.write_bytes(b"golden")
    with pytest.raises(expected) as caught:
        rws.run(program, turns_per_instant_max=500, schedule=schedule, record=golden)
    session: rws.Session = caught.value.session  # type: ignore[attr-defined]
    assert session.end["error"] == expected.__qualname__
    assert golden.read_bytes() == b"golden"
    for path in tmp_path.glob("*.failed"):
        assert rws.load(path).digest == session.digest


@pytest.mark.parametrize("end", TAKES_NO_ATTRIBUTES)
def test_an_exception_that_takes_no_note_is_recorded_all_the_same(end: str, tmp_path: Path) -> None:
    program, expected = ENDS[end]
    golden = tmp_path / "golden.rws"
    golden.write_bytes(b"golden")
    caught: BaseException | None = None
    try:
        rws.run(program, record=golden)
    except BaseException as error:
        caught = error
    assert type(caught) is expected
    assert rws.load(tmp_path / "golden.rws.failed").ledger.delivered == 1


def test_a_task_that_swallows_its_cancellation_hides_no_frozen_exception() -> None:
    async def program() -> None:
        await stubborn()
        raise Frozen

    caught: BaseException | None = None
    try:
        rws.run(program)
    except BaseException as error:
        caught = error
    assert type(caught) is Frozen


# --- where a run cannot start ------------------------------------------------------------------


async def inner() -> None:
    await asyncio.sleep(1)


@pytest.mark.parametrize("way", WAYS)
def test_a_run_in_a_task_of_a_run_is_refused_and_leaves_the_outer_one_whole(way: str) -> None:
    async def nest() -> None:
        with pytest.raises(ConfigError, match="inside a running event loop"):
            rws.run(inner, **WAYS[way])

    async def program() -> float:
        await asyncio.gather(asyncio.create_task(nest()), nest())
        await asyncio.sleep(5)
        return asyncio.get_running_loop().time()

    assert rws.run(program, **WAYS[way]).value >= 5


@pytest.mark.parametrize("way", WAYS)
def test_a_run_inside_a_stock_loop_is_refused(way: str) -> None:
    async def program() -> int:
        with pytest.raises(ConfigError) as caught:
            rws.run(inner, **WAYS[way])
        assert caught.value.mend
        await asyncio.sleep(0)
        return 7

    assert asyncio.run(program()) == 7


@pytest.mark.parametrize("way", ["plain", "scheduled", "let out"])
def test_a_run_in_a_job_of_a_run_is_a_run_of_its_own(way: str) -> None:
    """As in a thread there is no running loop; its session is its own."""

    async def program() -> tuple[int, float]:
        mock = rws.MockWebSocketManager()
        result = await asyncio.to_thread(rws.run, ends_well, seed=5, **WAYS[way])
        await mock.send_to_thread("t", TOKEN)
        assert result.session.seed == 5
        return len(result.session.events), asyncio.get_running_loop().time()

    out = rws.run(program, seed=3, **WAYS[way])
    assert out.value[0] == 2
    assert out.value[1] < 1
    assert (len(out.session.events), out.session.seed) == (1, 3)


async def ends_well() -> str:
    mock = rws.MockWebSocketManager()
    await asyncio.sleep(60)
    for _ in range(2):
        await mock.send_to_thread("t", TOKEN)
    return "value"


def test_a_run_in_a_thread_of_a_run_is_refused() -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            rws.run(inner)
        except BaseException as error:
            errors.append(error)

    async def program() -> None:
        await asyncio.to_thread(work)

    rws.run(program, threads="managed")
    (error,) = errors
    assert isinstance(error, ConfigError)
    assert error.mend


def test_runs_in_several_threads_of_the_process_do_not_meet() -> None:
    digests: list[str] = []
    threads = [
        threading.Thread(target=lambda: digests.append(rws.run(ends_well, seed=3).digest))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests == [rws.run(ends_well, seed=3).digest] * 4


# --- what spins, and what never ends -----------------------------------------------------------


@pytest.mark.parametrize("schedule", ["fifo", "legal", "pos", "urw", "pct", "random"])
def test_a_program_that_spins_in_one_instant_is_stopped_under_every_schedule(
    schedule: str,
) -> None:
    with pytest.raises(ProgramError, match="took 500 turns, and time did not pass") as caught:
        rws.run(spinning, schedule=schedule, turns_per_instant_max=500)
    assert caught.value.where
    assert caught.value.mend


def test_callbacks_that_call_each_other_for_ever_are_stopped() -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_soon(again)

        again()
        await forever()

    with pytest.raises(ProgramError, match="time did not pass"):
        rws.run(program, turns_per_instant_max=500)


@pytest.mark.parametrize("turns", [2, None])
def test_a_program_may_be_given_many_turns_or_any_number(turns: int | None) -> None:
    async def program() -> int:
        for _ in range(turns or 5_000):
            await asyncio.sleep(0)
        return 7

    assert rws.run(program, turns_per_instant_max=turns and turns + 3).value == 7


def test_a_thread_that_never_ends_is_named() -> None:
    async def program() -> None:
        def tick() -> None:
            while True:
                sleep(1)

        threading.Thread(target=tick, name="clock").start()
        await asyncio.sleep(5)

    with pytest.raises(ProgramError, match="clock") as caught:
        rws.run(program, threads="managed")
    assert f"{Path(__file__).name}:" in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_users_own_task_factory_is_used_and_its_tasks_are_ended(way: str) -> None:
    async def program() -> list[str]:
        made: list[str] = []

        def factory(loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
            made.append(coroutine.__name__)
            return asyncio.Task(coroutine, loop=loop, **options)

        asyncio.get_running_loop().set_task_factory(factory)
        left = [asyncio.create_task(forever()) for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(1))
        assert not any(task.done() for task in left)
        return made

    assert rws.run(program, **WAYS[way]).value[:4] == ["forever"] * 3 + ["sleep"]


# --- what a run cannot be given ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"schedule": 5}, "unknown schedule 5"),
        ({"schedule": None}, "unknown schedule None"),
        ({"schedule": "poss"}, "unknown schedule 'poss'; did you mean 'pos'?"),
        ({"threads": "x"}, "unknown choice of threads 'x'"),
        ({"threads": None}, "unknown choice of threads None"),
        ({"threads": ["free"]}, "unknown choice of threads ['free']; did you mean 'free'?"),
        ({"threads": "manage"}, "unknown choice of threads 'manage'; did you mean 'managed'?"),
        ({"escapes": None}, "unknown choice of escapes None"),
        ({"escapes": "ignore"}, "unknown choice of escapes 'ignore'"),
        ({"plan": 5}, "plan is 5"),
        ({"plan": [1]}, "plan is [1]"),
        ({"turns_per_instant_max": -1}, "turns_per_instant_max is -1"),
        ({"turns_per_instant_max": 0}, "turns_per_instant_max is 0"),
        ({"turns_per_instant_max": True}, "turns_per_instant_max is True"),
        ({"turns_per_instant_max": 1.5}, "turns_per_instant_max is 1.5"),
        ({"seed": "7"}, "seed is '7'"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"preempt": "app.py", "threads": "managed"}, "preempt is 'app.py'"),
        ({"preempt": [5], "threads": "managed"}, "preempt is [5]"),
        ({"preempt": ["app.py"]}, "preempt is for managed threads"),
        ({"profile": None}, "profile is None"),
        ({"profile": "agent6"}, "unknown profile 'agent6'; did you mean 'agent5'?"),
        ({"profile": "none.toml"}, "cannot be read: No such file or directory"),
        ({"redactor": 5}, "5 is no redactor"),
        ({"record": 5}, "record is 5"),
        ({"verify": "yes"}, "verify is 'yes'"),
        ({"mode": 5}, "unknown mode 5"),
        ({"config": {"seed": 5}}, "{'seed': 5} is no configuration"),
    ],
    ids=str,
)
def test_what_a_run_cannot_be_given_is_refused_with_the_way_to_mend_it(
    given: dict[str, Any], what: str
) -> None:
    started: list[int] = []

    async def program() -> None:
        started.append(1)

    with pytest.raises(ConfigError) as caught:
        rws.run(program, **given)
    assert caught.value.what == what
    assert caught.value.mend
    assert not started


@pytest.mark.parametrize("seed", [-(2**127), -1, 0, 2**64, 2**127])
def test_large_and_negative_seeds_are_seeds(seed: int) -> None:
    out = rws.run(ends_well, seed=seed, schedule="pos")
    assert out.digest == rws.run(ends_well, seed=seed, schedule="pos").digest
    assert out.session.seed == seed


def test_what_a_run_costs_the_host_is_told_apart_from_its_session() -> None:
    async def program() -> None:
        await asyncio.sleep(3_600)

    first, second = (rws.run(program) for _ in range(2))
    assert 0 < first.host_ns < 3_600 * 10**9
    assert first.digest == second.digest
