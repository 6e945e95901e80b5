"""CPython's own tests of locks and what is built on them, run by managed threads."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import time
import unittest
from types import SimpleNamespace
from typing import Any

import pytest

from replay_ws.api import run

lock_tests: Any = pytest.importorskip(
    "test.lock_tests", reason="this Python came without its tests"
)

KINDS = {
    "LockTests": ("locktype", "Lock"),
    "RLockTests": ("locktype", "RLock"),
    "EventTests": ("eventtype", "Event"),
    "ConditionTests": ("condtype", "Condition"),
    "SemaphoreTests": ("semtype", "Semaphore"),
    "BoundedSemaphoreTests": ("semtype", "BoundedSemaphore"),
    "BarrierTests": ("barriertype", "Barrier"),
}

# They ask for the address in repr(), which ours leaves out, for it differs from run to run.
NOT_SO = {"LockTests": {"test_repr", "test_locked_repr"}}


@pytest.mark.parametrize("schedule", ["fifo", "pos", "random"])
@pytest.mark.parametrize("name", KINDS)
def test_they_pass(name: str, schedule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(function: Any, args: tuple[Any, ...]) -> None:
        threading.Thread(target=function, args=args).start()

    async def program() -> str:
        attribute, kind = KINDS[name]
        loop = asyncio.get_running_loop()
        virtual = SimpleNamespace(monotonic=loop.time, time=loop.time, sleep=time.sleep)
        monkeypatch.setattr(lock_tests, "time", virtual)
        monkeypatch.setattr(lock_tests, "start_new_thread", start)  # else it is one of _thread's
        make = staticmethod(lambda *args, **options: getattr(threading, kind)(*args, **options))
        # Around each test they count the threads of the process, of which others have some.
        helper = lock_tests.threading_helper
        monkeypatch.setattr(helper, "wait_threads_exit", contextlib.nullcontext)
        monkeypatch.setattr(helper, "threading_setup", lambda: ())
        monkeypatch.setattr(helper, "threading_cleanup", lambda *before: None)
        case = type(name, (getattr(lock_tests, name),), {attribute: make})
        tests = set(unittest.defaultTestLoader.getTestCaseNames(case)) - NOT_SO.get(name, set())
        suite = unittest.TestSuite(case(test) for test in sorted(tests))
        told = io.StringIO()
        outcome = unittest.TextTestRunner(told).run(suite)
        assert outcome.testsRun > 5
        return "" if outcome.wasSuccessful() else told.getvalue()

    assert run(program, threads="managed", schedule=schedule, seed=1).value == ""
