"""What is replaced during a run with managed threads, and that all of it is put back."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import logging.handlers
import os
import queue
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import _base, thread
from threading import Lock, RLock, Thread
from time import sleep
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.errors import DeadlockError

module_lock = threading.Lock()
module_rlock = threading.RLock()

OWNERS = [
    threading,
    threading.Thread,
    queue,
    time,
    logging,
    asyncio,
    concurrent.futures,
    concurrent.futures.ThreadPoolExecutor,
    _base,
    thread,
    sys.modules[__name__],
]


def managed(program: Callable[[], Awaitable[Any]], **options: Any) -> Any:
    return run(program, threads="managed", **options).value


def joined(*functions: Callable[[], object]) -> None:
    threads = [Thread(target=function) for function in functions]
    for started in threads:
        started.start()
    for started in threads:
        started.join()


def names() -> list[dict[str, object]]:
    return [dict(vars(owner)) for owner in OWNERS]


async def succeeds() -> None:
    joined(lambda: sleep(1))


async def fails() -> None:
    joined(lambda: sleep(1))
    raise ValueError("as it should")


async def deadlocks() -> None:
    threading.Event().wait()


@pytest.mark.parametrize("program", [succeeds, fails, deadlocks])
def test_every_name_is_put_back(program: Callable[[], Awaitable[None]]) -> None:
    run(succeeds, threads="managed")  # so that everything is imported
    before, trace = names(), sys.gettrace()
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    with contextlib.suppress(ValueError, DeadlockError):
        run(program, threads="managed", preempt=[__file__])
    assert names() == before
    assert sys.gettrace() is trace
    if affinity is not None:
        assert os.sched_getaffinity(0) == affinity


def test_names_that_a_module_imported_are_managed_too() -> None:
    async def program() -> float:
        lock, rlock = Lock(), RLock()

        def holder() -> None:
            with lock, rlock:
                sleep(2)

        joined(holder, holder)
        return asyncio.get_running_loop().time()

    assert managed(program) == 4


def test_locks_that_stand_in_a_module_are_replaced() -> None:
    stood = module_lock, module_rlock

    async def program() -> float:
        def holder() -> None:
            with module_lock, module_rlock:
                sleep(2)

        joined(holder, holder)
        return asyncio.get_running_loop().time()

    assert managed(program) == 4
    assert (module_lock, module_rlock) == stood


def test_a_log_handler_may_come_to_a_sync_point() -> None:
    records: queue.Queue[Any] = queue.Queue()
    logger = logging.Logger("own")
    handler = logging.handlers.QueueHandler(records)
    logger.addHandler(handler)

    async def program() -> int:
        inside: queue.Queue[Any] = queue.Queue()
        handler.queue = inside
        joined(*[lambda: logger.warning("told")] * 5)
        return inside.qsize()

    assert managed(program, schedule="pos", seed=1) == 5
    handler.close()
