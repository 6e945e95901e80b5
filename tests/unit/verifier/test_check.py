"""The determinism check as a whole: what passes it, and what is said of what does not."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

import pytest

import replay_ws as rws
from replay_ws.errors import ConfigError, DeterminismError, ProgramError
from replay_ws.session import RunResult
from tests.races.real_world import REAL_WORLD
from tests.unit.verifier import programs
from tests.unit.verifier.programs import STEADY, Program


def verified(program: Program) -> RunResult[object]:
    return rws.run(program, seed=3, verify=True)


def parted(program: Program) -> DeterminismError:
    with pytest.raises(DeterminismError) as caught:
        verified(program)
    return caught.value


def name_of(program: object) -> str:
    return getattr(program, "__name__", "partial")


# --- what does the same again ------------------------------------------------------------------


@pytest.mark.parametrize("program", STEADY, ids=name_of)
def test_a_program_that_does_the_same_again_is_verified(program: Program) -> None:
    result = verified(program)
    assert result.verified is not None
    assert result.verified.checked == ("heap", "hash seed")
    assert result.verified.notes == ()
    assert result.verified.events >= result.verified.steps > 0


@pytest.mark.parametrize("program", REAL_WORLD, ids=name_of)
def test_a_program_of_the_kind_that_people_write_is_verified(program: Program) -> None:
    result = rws.run(program, seed=11, schedule="pos", verify=True)
    assert result.verified is not None
    assert result.verified.checked == ("heap", "hash seed")


def test_a_verified_run_is_the_run_that_there_would_have_been() -> None:
    program = programs.tasks_that_are_aborted
    plain, checked = rws.run(program, seed=3), verified(program)
    assert plain.verified is None
    assert (checked.value, checked.digest) == (plain.value, plain.digest)


@pytest.mark.parametrize("schedule", ["legal", "pos", "urw", "pct", "random"])
def test_every_schedule_can_be_verified(schedule: str) -> None:
    result = rws.run(
        programs.whoever_is_first, seed=5, schedule=schedule, mode="race_conditions", verify=True
    )
    assert result.verified is not None
    assert len(result.verified.checked) == 2


def test_a_program_that_always_fails_fails_as_it_would_have(tmp_path: Path) -> None:
    path = tmp_path / "x.rws"
    with pytest.raises(ValueError, match="10") as caught:
        rws.run(programs.fails_after_a_second, verify=True, record=path)
    assert caught.value.session.end["error"] == "ValueError"  # type: ignore[attr-defined]
    assert caught.value.verified.checked == ("heap", "hash seed")  # type: ignore[attr-defined]
    assert rws.load(path).digest == caught.value.session.digest  # type: ignore[attr-defined]


def test_one_cassette_is_written_once_all_runs_agree(tmp_path: Path) -> None:
    path = tmp_path / "x.rws"
    result = rws.run(partial(programs.tell, (1, 2)), verify=True, record=path)
    assert rws.load(path).digest == result.digest
    assert list(tmp_path.iterdir()) == [path]


def test_a_program_that_differs_leaves_no_cassette(tmp_path: Path) -> None:
    with pytest.raises(DeterminismError):
        rws.run(programs.counts_its_runs, verify=True, record=tmp_path / "x.rws")
    assert list(tmp_path.iterdir()) == []


def test_a_program_without_a_name_is_not_run_in_another_process() -> None:
    async def closure() -> int:
        return len(STEADY)

    for program in (closure, lambda: asyncio.sleep(1)):
        result = verified(program)
        assert result.verified is not None
        assert result.verified.checked == ("heap",)
        (note,) = result.verified.notes
        assert note.startswith("hash seed: the program has no name in another process")


def test_a_check_inside_a_running_loop_is_refused() -> None:
    async def main() -> None:
        verified(STEADY[0])

    with pytest.raises(ConfigError, match="inside a running event loop"):
        asyncio.run(main())


def test_another_process_that_gives_no_answer_is_an_error() -> None:
    with pytest.raises(ProgramError, match="ended with code 3 and no answer"):
        verified(programs.dies_elsewhere)


def test_ctrl_c_ends_the_check() -> None:
    runs = []

    async def program() -> None:
        runs.append(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verified(program)
    assert runs == [1]


# --- what does not -----------------------------------------------------------------------------


SOURCES = [
    (programs.walks_through_a_set_of_objects, "heap", "iteration over `workers`, a set of Worker"),
    (programs.wakes_a_set_of_waiters, "heap", "iteration over `set(events)`, a set"),
    (programs.sorts_by_address, "heap", "`id`, used at"),
    (programs.counts_its_runs, "heap", "`COUNT` was"),
    (programs.waits_as_long_as_it_worked, "heap", "`process_time`, used at"),
    (programs.leaves_garbage_behind, "heap", "Circle.__del__()"),
    (programs.is_told_of_garbage, "heap", "a callback of weakref.finalize"),
    (programs.leaves_a_generator_as_garbage, "heap", "the closing of an asynchronous generator"),
    (programs.reads_a_file_that_grows, "heap", "`read_text`, used at"),
    (programs.sends_the_repr_of_an_object, "heap", "this looks like an address"),
    (programs.walks_through_a_set_of_text, "hash seed", "iteration over `names`, a set of str"),
    (programs.uses_the_hash_of_a_text, "hash seed", "`hash`, used at"),
    (programs.says_which_process_it_is, "process", "`getpid`, used at"),
]


@pytest.mark.parametrize(
    ("program", "varied", "likely"), SOURCES, ids=[name_of(program) for program, *_ in SOURCES]
)
def test_the_likely_source_of_a_difference_is_named(
    program: Program, varied: str, likely: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(programs.FILE, str(tmp_path / "grows"))
    error = parted(program)
    assert likely in error.likely, str(error)
    assert error.varied == varied
    assert error.events[0] != error.events[1]


def test_what_was_set_in_this_process_only_is_told_apart_from_hashes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "SETTING", 2)
    error = parted(programs.follows_a_setting)
    assert error.varied == "parent process"
    assert error.likely.startswith("this process: other processes agree with each other")


def test_calls_from_real_threads_are_told() -> None:
    with pytest.raises(DeterminismError) as caught:
        rws.run(programs.waits_for_a_real_thread, threads="free", verify=True)
    assert caught.value.likely.startswith("real threads: 1 call came in")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None has one hash since Python 3.12")
def test_a_hash_of_none_differs_from_process_to_process() -> None:
    error = parted(programs.walks_through_a_set_with_none)
    assert "the hash of None is an address before Python 3.12" in error.likely


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the hash of None is an address")
def test_a_hash_of_none_is_the_same_everywhere() -> None:
    assert verified(programs.walks_through_a_set_with_none).verified is not None


def test_a_difference_says_step_time_lane_both_events_both_stacks_and_the_mend() -> None:
    error = parted(programs.wakes_a_set_of_waiters)
    assert (error.time_ns, error.lane) == (1_000_000_000, "main")
    assert error.step > programs.MANY
    for event, stack in zip(error.events, error.stacks, strict=True):
        assert event.startswith("makes ready main/")
        assert any("in wakes_a_set_of_waiters" in line for line in stack)
    text = str(error)
    assert "wakes_a_set_of_waiters: a second run, with other addresses, differs" in text
    assert "first run: makes ready main/" in text
    assert "other run: makes ready main/" in text
    assert "programs.py:" in text
    assert "what follows is the same in both, in another order" in text
    assert text.splitlines()[-1].startswith("  mend: sort the members")


def test_what_one_run_leaves_to_the_next_is_told_with_its_values() -> None:
    count = 0

    async def program() -> int:
        nonlocal count
        count += 1
        return count

    error = parted(program)
    assert error.events == ("ends with 2", "ends with 3")
    assert "`count` was 1 when the first run began, and 2 when the second did" in error.likely


def test_a_secret_in_the_outcome_is_not_told() -> None:
    count = 0

    async def program() -> str:
        nonlocal count
        count += 1
        return f"Authorization: Bearer {count}bcdef0123456789abcdef0123456789"

    error = parted(program)
    assert "bcdef0123456789" not in str(error)
    assert "<secret-" in error.events[0]
