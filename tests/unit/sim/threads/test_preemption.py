"""Lines of chosen files are sync points, and races between sync points come into the open."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.errors import ConfigError

counter = 0


def add_one() -> None:
    global counter
    value = counter
    counter = value + 1


async def lost_update() -> int:
    global counter
    counter = 0
    threads = [threading.Thread(target=add_one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counter


def counts(**options: Any) -> list[int]:
    return [
        run(lost_update, threads="managed", schedule="pos", seed=seed, **options).value
        for seed in range(25)
    ]


def test_without_it_a_step_is_whole() -> None:
    assert set(counts()) == {2}


@pytest.mark.parametrize("pattern", [__file__, Path(__file__).name, "threads/test_*.py"])
def test_with_it_an_update_is_lost_under_some_seeds(pattern: str) -> None:
    found = counts(preempt=[pattern])
    assert set(found) == {1, 2}
    assert found == counts(preempt=[pattern])


def test_a_lock_around_the_lines_mends_it() -> None:
    async def program() -> int:
        global counter
        counter = 0
        lock = threading.Lock()

        def add_one_locked() -> None:
            with lock:
                add_one()

        threads = [threading.Thread(target=add_one_locked) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return counter

    for seed in range(25):
        found = run(program, threads="managed", schedule="pos", seed=seed, preempt=[__file__])
        assert found.value == 2


def test_lines_of_the_loops_own_thread_are_sync_points_too() -> None:
    async def program() -> int:
        global counter
        counter = 0
        thread = threading.Thread(target=add_one)
        thread.start()
        add_one()
        thread.join()
        return counter

    found = {
        run(program, threads="managed", schedule="pos", seed=seed, preempt=[__file__]).value
        for seed in range(25)
    }
    assert found == {1, 2}


def test_a_file_of_which_no_line_ran_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"preempt names 'no_such\.py'"):
        run(lost_update, threads="managed", preempt=["no_such.py"])


def test_it_is_for_managed_threads() -> None:
    with pytest.raises(ConfigError, match="preempt is for managed threads"):
        run(lost_update, preempt=[__file__])


def test_a_trace_function_that_was_there_still_sees_the_lines() -> None:
    if sys.version_info >= (3, 12):
        pytest.skip("from Python 3.12 on no trace function is used")
    seen: list[str] = []

    def trace(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code is add_one.__code__:
            seen.append(event)
            return trace
        return None

    async def program() -> None:
        add_one()

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run(program, threads="managed", preempt=[__file__])
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)
    assert seen == ["call", "line", "line", "return"]
