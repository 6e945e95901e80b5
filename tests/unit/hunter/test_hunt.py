"""A hunt finds the same with any engine, ends by its rule, and loses no seed with a worker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.errors import ConfigError
from replay_ws.hunter.dispatch import DIED
from replay_ws.hunter.hunt import Hunt, Progress, hunt
from replay_ws.hunter.sweep import Trials
from replay_ws.hunter.targets import ProgramTarget
from replay_ws.pytest_plugin.nodes import node_target
from tests.unit.hunter import hunted

ENGINES: tuple[dict[str, Any], ...] = ({}, {"jobs": 2}, {"jobs": 4}, {"executor": "loky"})
STOPS = (None, "first", 5, "saturation")


def hunted_with(program: Any, seeds: range = range(400), **options: Any) -> Hunt:
    modes = options.pop("modes", ())
    return hunt(ProgramTarget(program), Trials(seeds, modes), **options)


# --- what is found ------------------------------------------------------------------------------


def test_failures_are_grouped_and_the_first_of_each_is_told() -> None:
    found = hunted_with(hunted.fails_sometimes)
    assert [str(group.signature) for group in found.groups] == [
        "ValueError: N is too little in fails_sometimes",
        "AssertionError: too much in fails_sometimes",
    ]
    assert found.runs == 400
    assert found.failed == sum(fails(seed) for seed in range(400))
    assert found.failures[0].seed == next(seed for seed in range(400) if fails(seed))
    assert found.behaviours == 12  # five numbers well, five too little, two too much


def fails(seed: int) -> bool:
    try:
        rws.run(hunted.fails_sometimes, seed=seed)
    except (ValueError, AssertionError):
        return True
    return False


def test_a_failure_brings_its_conditions() -> None:
    found = hunted_with(hunted.loses_a_message, modes=("normal", "packet_loss", "slow_network"))
    failure = found.failures[0]
    assert (failure.mode, failure.seed) == ("packet_loss", failure.number // 3)
    assert failure.message == "a message is missing"
    with pytest.raises(AssertionError, match="is missing"):
        rws.run(hunted.loses_a_message, seed=failure.seed, mode=failure.mode)


def test_a_correct_program_gives_no_failure_and_a_bound() -> None:
    found = hunted_with(hunted.never_fails, range(100))
    assert (found.groups, found.failures, found.ended) == ((), (), "done")
    assert found.interval == pytest.approx((0, 0.0295), abs=1e-4)
    assert (found.behaviours, found.novelty) == (1, 0)


@pytest.mark.parametrize("stop", STOPS)
def test_every_engine_and_number_of_workers_finds_the_same(stop: Any) -> None:
    found = [hunted_with(hunted.fails_sometimes, stop=stop, **engine) for engine in ENGINES]
    assert all(each == found[0] for each in found)


# --- when it ends --------------------------------------------------------------------------------


def test_a_hunt_for_the_first_failure_ends_with_it_and_claims_no_rate() -> None:
    found = hunted_with(hunted.fails_sometimes, stop="first", jobs=2)
    assert found.ended == "first"
    assert found.runs == found.failures[0].number + 1
    assert found.groups[0].rate is None


def test_a_hunt_for_so_many_failures_gives_a_rate_without_bias() -> None:
    found = hunted_with(hunted.fails_sometimes, range(4_000), stop=20)
    (group,) = (group for group in found.groups if group.count == 20)
    assert (found.ended, group.rate) == ("count", 19 / (found.runs - 1))
    assert len(group.failures) == 20


def test_a_hunt_ends_when_runs_show_nothing_new() -> None:
    found = hunted_with(hunted.fails_sometimes, range(100_000), stop="saturation")
    assert (found.ended, found.runs) == ("saturation", 400)
    assert found.novelty < 0.01


def test_a_hunt_ends_when_its_time_is_over() -> None:
    found = hunted_with(hunted.fails_sometimes, range(10**9), budget_s=0.2)
    assert found.ended == "budget"
    assert 0 < found.runs < 10**9


def test_what_is_of_a_program_is_refused_for_a_test() -> None:
    test = node_target("test_app.py::test_it")
    with pytest.raises(ConfigError, match="threads is for programs, and a test has its own"):
        rws.hunt(test, threads="free")


async def interrupts() -> None:
    if random.randrange(5) == 0:
        raise KeyboardInterrupt


@pytest.mark.parametrize("executor", ["here", "process"])
def test_a_program_that_interrupts_itself_ends_the_hunt(executor: str) -> None:
    found = rws.hunt(interrupts, seeds=range(60), executor=executor, jobs=2)
    assert (found.ended, found.groups) == ("interrupted", ())
    assert found.runs < 60


def test_an_interrupted_hunt_tells_what_it_found() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.runs > 100:
            raise KeyboardInterrupt

    found = hunted_with(hunted.fails_sometimes, jobs=2, progress=interrupt)
    assert found.ended == "interrupted"
    assert found.groups


# --- engines and their workers ------------------------------------------------------------------


def test_an_executor_of_the_callers_own_is_used_and_left_open() -> None:
    with ProcessPoolExecutor(2) as pool:
        found = hunted_with(hunted.fails_sometimes, executor=pool)
        assert pool.submit(len, "open").result() == 4
    assert found == hunted_with(hunted.fails_sometimes)


def test_a_trial_that_ends_its_process_is_found_and_the_others_are_run() -> None:
    found = hunted_with(hunted.ends_its_process, range(100), jobs=2)
    assert found.runs == 100
    (failure,) = found.failures
    assert (failure.seed, failure.signature) == (37, DIED)
    assert any("a worker died" in note for note in found.notes)


def test_a_worker_that_is_killed_loses_no_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hunted.WATCHED, str(tmp_path))
    found = hunted_with(hunted.is_killed_once, range(300), jobs=2)
    assert (tmp_path / "killed").exists()
    assert (found.runs, found.groups) == (300, ())
    assert len(found.notes) == 1


def test_a_broken_executor_of_the_callers_own_is_replaced() -> None:
    with ProcessPoolExecutor(2) as pool:
        found = hunted_with(hunted.ends_its_process, range(100), executor=pool)
    assert [failure.seed for failure in found.failures] == [37]
    assert any("is broken" in note for note in found.notes)


def test_no_more_is_under_way_than_two_pieces_for_each_worker() -> None:
    class Counting(ThreadPoolExecutor):
        under_way = most = 0

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            type(self).under_way += 1
            type(self).most = max(self.most, self.under_way)
            future = super().submit(fn, *args, **kwargs)
            future.add_done_callback(self.ended)
            return future

        def ended(self, _: object) -> None:
            type(self).under_way -= 1

    with Counting(1) as pool:
        hunted_with(hunted.fails_sometimes, range(1_000), executor=pool)
    assert Counting.most == 2


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seeds": range(0)}, "no seeds"),
        ({"stop": "never"}, "stop is 'never'"),
        ({"stop": 0}, "stop is 0"),
        ({"budget_s": -1}, "budget is -1"),
        ({"jobs": 0}, "jobs is 0"),
        ({"executor": "proces"}, "engine 'proces'"),
        ({"executor": "loky:tcp://x"}, "loky has no address"),
        ({"executor": 3}, "executor is 3"),
    ],
)
def test_an_option_that_cannot_be_kept_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(rws.ConfigError, match=said):
        hunted_with(hunted.never_fails, **options)


def test_a_program_that_workers_cannot_find_is_refused_before_anything_runs() -> None:
    with pytest.raises(rws.ConfigError, match="cannot be sent"):
        hunted_with(lambda: asyncio.sleep(0), jobs=2)


def test_a_program_that_is_none_is_told_in_its_own_words() -> None:
    with pytest.raises(rws.ProgramError, match="no such file"):
        hunted_with("nowhere.py:main", jobs=2)


def test_what_a_program_prints_can_be_kept_to_itself(capfd: pytest.CaptureFixture[str]) -> None:
    hunted_with(hunted.prints, range(10), quiet=True)
    assert capfd.readouterr().out == ""
    hunted_with(hunted.prints, range(1))
    assert capfd.readouterr().out == "a program speaks\n"
