"""A run's clocks and chance, through the front door."""

from __future__ import annotations

import asyncio
import os
import queue
import random
import secrets
import subprocess
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.clock import EPOCH_UNIX_NS

EPOCH_S = EPOCH_UNIX_NS // 10**9


async def agent(events: rws.MockWebSocketManager) -> None:
    """Stamps what it sends with the time, and with identities of its own."""
    for _ in range(3):
        await asyncio.sleep(random.uniform(0.1, 0.2))
        event = {
            "type": "agent_thinking",
            "at": datetime.now(UTC).isoformat(),
            "took": monotonic(),
            "id": str(uuid.uuid4()),
            "nonce": secrets.token_hex(4),
        }
        await events.send_to_thread("thread", event)


async def program() -> list[Any]:
    mock = rws.MockWebSocketManager()
    async with asyncio.TaskGroup() as group:
        group.create_task(agent(mock))
        group.create_task(agent(mock))
    return [random.random(), uuid.uuid4(), os.urandom(4), datetime.now(UTC), time.time()]


@pytest.mark.parametrize("schedule", ["fifo", "pos", "random"])
def test_one_seed_tells_one_story_with_its_times_and_identities(schedule: str) -> None:
    first, *others = [rws.run(program, seed=7, schedule=schedule) for _ in range(5)]
    assert {out.digest for out in others} == {first.digest}
    assert [out.value for out in others] == [first.value] * 4
    assert rws.run(program, seed=8, schedule=schedule).digest != first.digest


def test_all_clocks_of_a_run_follow_its_loop() -> None:
    async def look() -> None:
        loop = asyncio.get_running_loop()
        for delay_s in (0, 0.25, 3600):
            await asyncio.sleep(delay_s)
            assert monotonic() == time.perf_counter() == loop.time()
            assert time.time() == EPOCH_S + loop.time()
            assert datetime.now(UTC).timestamp() == time.time()

    rws.run(look)


def test_real_time_and_chance_are_back_after_a_run_that_failed() -> None:
    async def fail() -> None:
        random.seed(5)
        raise KeyboardInterrupt

    state, clock = random.getstate(), time.time
    with pytest.raises(KeyboardInterrupt):
        rws.run(fail)
    assert random.getstate() == state
    assert time.time is clock
    assert len({uuid.uuid4() for _ in range(9)}) == 9
    assert monotonic() <= time.monotonic()


def test_managed_threads_have_the_clocks_and_the_chance_of_their_run() -> None:
    async def start() -> list[Any]:
        told: queue.Queue[Any] = queue.Queue()

        def work(number: int) -> None:
            time.sleep(number)
            told.put((number, time.time() - EPOCH_S, monotonic(), str(uuid.uuid4())))

        threads = [threading.Thread(target=work, args=(number,)) for number in (3, 1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [told.get() for _ in threads]

    first, *others = [rws.run(start, threads="managed", seed=7).value for _ in range(4)]
    assert others == [first] * 3
    assert [told[:3] for told in first] == [(1, 1.0, 1.0), (2, 2.0, 2.0), (3, 3.0, 3.0)]


def test_a_users_own_clock_works_inside_a_run_with_many_tasks() -> None:
    freeze_time = pytest.importorskip("freezegun").freeze_time

    async def other() -> float:
        await asyncio.sleep(5)
        return time.time()

    async def look() -> list[Any]:
        task = asyncio.create_task(other())
        with freeze_time("2020-02-03"):
            await asyncio.sleep(1)
            frozen = datetime.now(UTC).isoformat()
        return [frozen, time.time() - EPOCH_S, await task - EPOCH_S]

    assert rws.run(look).value == ["2020-02-03T00:00:00+00:00", 1.0, 5.0]


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import replay_ws as rws
from test_clocks_and_chance import program
for _ in range(2):
    out = rws.run(program, seed=7, schedule="pos")
    print(out.digest, out.value)
"""


def test_processes_agree_on_a_story_whatever_their_hash_seed() -> None:
    told = set()
    for hash_seed in ("1", "2", "random"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        told.update(done.stdout.splitlines())
    assert len(told) == 1
