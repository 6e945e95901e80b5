"""A target is a program by name, sent to workers as a value."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

import replay_ws as rws
from replay_ws.hunter.targets import ProgramTarget, Runner
from replay_ws.running import Conditions


async def program() -> int:
    await asyncio.sleep(1)
    return 7


def values(runner: Runner) -> list[object]:
    variants = (replace(runner.base, seed=seed) for seed in range(3))
    return [outcome.result.value for outcome in runner(variants) if outcome.result]


def test_a_target_runs_its_program_under_conditions() -> None:
    assert ProgramTarget(program).within(values) == [7, 7, 7]


def test_the_conditions_of_a_target_are_where_its_runner_starts() -> None:
    target = ProgramTarget(program, Conditions(seed=5))
    assert target.within(lambda runner: runner.base.seed) == 5


def test_a_target_that_was_sent_runs_the_same_program() -> None:
    sent = pickle.loads(pickle.dumps(ProgramTarget(program)))
    assert sent.within(values) == [7, 7, 7]


def test_a_program_in_a_file_is_loaded_once_for_all_that_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "hunted_once.py"
    path.write_text("import asyncio\nLOADED = object()\nasync def main():\n    return LOADED\n")
    targets = [pickle.loads(pickle.dumps(ProgramTarget(f"{path}:main"))) for _ in range(2)]
    first, second = (target.within(values) for target in targets)
    assert first[0] is second[0]


def test_a_target_is_called_as_on_the_command_line() -> None:
    assert ProgramTarget(program).name == f"{__name__}:program"
    assert ProgramTarget("app.py:main").name == "app.py:main"


def test_a_program_that_no_other_process_finds_is_refused_with_a_way_out() -> None:
    ProgramTarget(program).require_sendable()
    with pytest.raises(rws.ConfigError, match="cannot be sent") as refused:
        ProgramTarget(lambda: asyncio.sleep(0)).require_sendable()
    assert "top of a module" in refused.value.mend


def test_a_name_that_stands_for_nothing_is_named() -> None:
    with pytest.raises(rws.ProgramError, match="no such file"):
        ProgramTarget("nowhere.py:main").within(values)
