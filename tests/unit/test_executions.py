"""Runs that share a world are the runs that they would have been one by one."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from uuid import uuid1, uuid4

import pytest

import replay_ws as rws
from replay_ws.cassette.redaction import Redactor
from replay_ws.running import Conditions, Outcome, execute, executions
from replay_ws.sim.schedule import Schedule
from tests.helpers import TOKEN
from tests.process_state import state

SEEDS = range(1, 21)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    here = sys.modules[__name__]
    for threads in ("refuse", "managed"):
        rws.run(lambda: asyncio.sleep(0), threads=threads)  # what is loaded once is loaded
    before = state(here)
    yield
    assert before.changes(state(here)) == []


async def everything() -> list[object]:
    """What chance, clocks and order show, told to a mock; some seeds fail."""
    mock = rws.MockWebSocketManager()
    order: list[int] = []

    async def worker(number: int) -> None:
        await asyncio.sleep(0.01)
        order.append(number)

    await asyncio.gather(*(worker(number) for number in range(3)))
    drawn = [random.random(), random.Random().random(), os.urandom(4).hex(), str(uuid4())]
    shown = [str(uuid1()), time.time(), time.monotonic(), order]
    await mock.send_to_thread("thread-1", {"type": "agent_started", "drawn": drawn, "at": shown})
    if order[0] == 2:
        raise ValueError(f"{drawn} {shown}")
    return [*drawn, *shown]


def variants(seeds: Iterable[int], **conditions: Any) -> Iterator[Conditions]:
    return (Conditions(seed=seed, **conditions) for seed in seeds)


def one_by_one(program: Any, seed: int, **conditions: Any) -> tuple[object, str]:
    try:
        out = execute(program, Conditions(seed=seed, **conditions))
    except Exception as error:
        return f"{type(error).__name__}: {error}", error.session.digest  # type: ignore[attr-defined]
    return out.value, out.digest


def told(outcome: Outcome[Any]) -> tuple[object, str]:
    if outcome.result is None:
        return f"{type(outcome.error).__name__}: {outcome.error}", outcome.session.digest
    assert outcome.error is None
    return outcome.result.value, outcome.session.digest


@pytest.mark.parametrize("policy", ["fifo", "portfolio"])
def test_a_run_that_shares_its_world_is_the_run_of_its_seed(policy: str) -> None:
    conditions: dict[str, Any] = {"schedule": Schedule(policy)}
    shared = list(executions(everything, variants(SEEDS, **conditions)))
    assert [outcome.seed for outcome in shared] == list(SEEDS)
    assert [told(each) for each in shared] == [
        one_by_one(everything, seed, **conditions) for seed in SEEDS
    ]
    assert policy == "fifo" or len({outcome.error is None for outcome in shared}) == 2


def test_managed_threads_share_a_world_too() -> None:
    async def program() -> list[object]:
        drawn: list[object] = []

        def work(number: int) -> None:
            time.sleep(random.random())
            drawn.append((number, time.monotonic(), os.urandom(2)))

        workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return drawn

    conditions: dict[str, Any] = {"schedule": Schedule("pos"), "threads": "managed"}
    shared = executions(program, variants(SEEDS, **conditions))
    assert [told(each) for each in shared] == [
        one_by_one(program, seed, **conditions) for seed in SEEDS
    ]


def test_what_a_program_puts_in_the_place_of_a_guard_ends_with_its_run() -> None:
    async def program() -> tuple[object, ...]:
        seen = os.urandom(1), random.Random.seed, os.system
        os.urandom = random.Random.seed = os.system = print  # type: ignore[assignment, method-assign]
        return seen

    shared = list(executions(program, variants(SEEDS)))
    assert [told(each) for each in shared] == [one_by_one(program, seed) for seed in SEEDS]


def test_a_secret_has_the_same_placeholder_in_every_run() -> None:
    async def program() -> None:
        await rws.MockWebSocketManager().send_to_thread(
            "thread-1", {"type": "x", "token": f"{TOKEN}-{random.random()}"}
        )

    shared = executions(program, variants(SEEDS, redactor=Redactor()))
    assert [outcome.session.digest for outcome in shared] == [
        rws.run(program, seed=seed).digest for seed in SEEDS
    ]


def test_who_takes_an_outcome_is_in_the_real_world() -> None:
    kept = random.getstate()
    expected = [random.random() for _ in SEEDS]
    random.setstate(kept)
    before = time.time()
    found = []
    for _ in executions(everything, variants(SEEDS)):
        found.append(random.random())
        assert time.time() >= before
        assert os.system("exit 0") == 0
    random.setstate(kept)
    assert found == expected


def test_who_stops_at_the_first_outcome_has_paid_for_one_run() -> None:
    begun: list[int] = []

    async def program() -> None:
        begun.append(1)

    assert len(list(islice(executions(program, variants(SEEDS)), 1))) == 1
    assert len(begun) == 1


def test_an_interrupt_ends_the_sweep_and_another_ending_is_an_outcome() -> None:
    async def program() -> None:
        raise KeyboardInterrupt if random.random() < 0.2 else SystemExit(random.random())

    outcomes = executions(program, variants(range(1_000)))
    assert isinstance(next(outcomes).error, SystemExit)
    with pytest.raises(KeyboardInterrupt):
        list(outcomes)


def test_a_program_that_is_none_ends_the_sweep_as_it_ends_a_run() -> None:
    outcomes: Iterator[Outcome[None]] = executions(None, variants([1]))  # type: ignore[arg-type]
    assert isinstance(next(outcomes).error, rws.ProgramError)
