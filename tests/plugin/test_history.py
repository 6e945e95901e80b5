"""What tests did is kept as hunts are, and a quarantine lets a test fail until its day is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from replay_ws.hunter.history import History, Record, State
from tests.e2e.commands import data

RACE = """
    @pytest.mark.replay_ws(schedule="portfolio")
    async def test_race(mock_websocket_manager, ws_run):
        async def send(step):
            await asyncio.sleep(0)
            await mock_websocket_manager.send_to_thread("t", {"type": step})

        await asyncio.gather(send("a"), send("b"))
        assert mock_websocket_manager.messages[0]["event_type"] == "a"

    @pytest.mark.replay_ws
    @pytest.mark.parametrize("size", [1, 2])
    async def test_fine(size, mock_websocket_manager):
        if size == 2:
            pytest.skip("not today")
        await mock_websocket_manager.send_to_thread("t", {"type": "a"})

    def test_plain():
        assert False
"""
TODAY = datetime.now(UTC).date()


@pytest.fixture
def suite(project: Callable[..., pytest.Pytester]) -> pytest.Pytester:
    return project(RACE)


def records(suite: pytest.Pytester) -> dict[str, Record]:
    return {each.target: each for each in History(suite.path / "kept.db").records()}


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_every_marked_test_is_kept_by_the_name_that_a_hunt_gives_it(
    suite: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    run = suite.runpytest_subprocess if workers else suite.runpytest
    run("--ws-history=kept.db", "--ws-seeds=0..30", *workers)
    kept = records(suite)
    assert list(kept) == ["test_it.py::test_race", "test_it.py::test_fine[1]"]
    race, fine = kept.values()
    assert (race.state, race.hunts, race.runs) == (State.FAILING, 1, 30)
    assert (fine.state, fine.runs, fine.failures) == (State.CLEAN, 30, 0)
    found = data("hunt", race.target, "--seeds", "30", "--engine", "here", cwd=suite.path, code=1)
    (group,) = found["groups"]
    assert race.signature is not None
    assert (race.signature._asdict(), race.failures) == (group["signature"], group["count"])
    assert race.seeds == (group["first_seed"],)


def test_a_hunt_and_a_run_of_the_tests_are_one_history(suite: pytest.Pytester) -> None:
    suite.runpytest("--ws-history=kept.db", "--ws-seeds=0..30")
    words = ("--seeds", "30..60", "--engine", "here", "--history", "kept.db")
    data("hunt", "test_it.py::test_race", *words, cwd=suite.path, code=1)
    race = records(suite)["test_it.py::test_race"]
    assert (race.hunts, race.runs) == (2, 60)


def test_modes_of_the_command_line_are_told_apart(suite: pytest.Pytester) -> None:
    modes = ("--ws-mode=slow_network", "--ws-mode=normal")
    for asked in (modes, modes[:1]):
        suite.runpytest("--ws-history=kept.db", "-k", "fine", *asked)
    fine = records(suite)["test_it.py::test_fine[1]"]
    assert (fine.hunts, fine.runs) == (3, 3)
    assert fine.interval == pytest.approx((0, 0.776), abs=0.001)  # of two different runs


def test_a_test_in_quarantine_may_fail_until_its_day_is_over(suite: pytest.Pytester) -> None:
    history = History(suite.path / "kept.db")
    race = ("--ws-history=kept.db", "--ws-seeds=2..3", "-k", "race")
    history.quarantine("test_it.py::test_race", TODAY + timedelta(days=1), "being mended")
    held = suite.runpytest("-rx", *race)
    held.assert_outcomes(xfailed=1)
    held.stdout.fnmatch_lines(["*quarantined until *test_race (being mended)*"])
    assert records(suite)["test_it.py::test_race"].failures == 1
    history.quarantine("test_it.py::test_race", TODAY - timedelta(days=2), "being mended")
    suite.runpytest(*race).assert_outcomes(failed=1)


def test_what_a_repro_says_again_is_not_kept(suite: pytest.Pytester) -> None:
    suite.runpytest("--ws-seeds=2..3", "-k", "race")
    (kept,) = Path(suite.path / ".replay_ws").rglob("session.rws")
    suite.runpytest("--ws-history=kept.db", f"--ws-repro={kept}", "-k", "race")
    assert records(suite) == {}


def test_what_is_no_history_is_refused_before_a_test_runs(suite: pytest.Pytester) -> None:
    suite.path.joinpath("kept.db").write_text("no database")
    refused = suite.runpytest("--ws-history=kept.db")
    refused.assert_outcomes()
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*kept.db*no history can be kept here*", "*mend:*"])
