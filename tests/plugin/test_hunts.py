"""A hunt of a test: fixtures and all, under any seeds and modes, with nothing left behind."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.commands import ROOT, data, replay_ws, said

SUITE = """
import asyncio
import os
import subprocess
import sys
from pathlib import Path
import pytest
import replay_ws as rws

@pytest.fixture(scope="module")
def shared():
    with Path("shared").open("a") as file:
        file.write("+")
        file.flush()
        yield
        file.write("-")

@pytest.fixture
async def mock(tmp_path):
    await asyncio.sleep(1)
    yield rws.MockWebSocketManager()

@pytest.mark.replay_ws(profile="agent5")
async def test_order(mock, shared):
    print("on stdout")
    done = []
    async def agent(name):
        await mock.send_to_thread("t1", {"type": "agent_started", "agent": name})
        done.append(name)
    await asyncio.gather(agent("a"), agent("b"))
    await asyncio.sleep(10)
    assert mock.session().ledger.delivered == 2, "a message is missing"
    assert done == ["a", "b"]

def test_plain():
    pass

@pytest.mark.replay_ws(seeds=3, modes=["normal", "packet_loss"])
@pytest.mark.parametrize("steps", [1, 2])
async def test_modes(steps, mock):
    for step in range(steps):
        await mock.send_to_thread("t1", {"type": f"step {step}"})
    await asyncio.sleep(10)
    assert mock.session().ledger.delivered == steps, "a message is missing"

@pytest.mark.replay_ws(seeds=3)
def test_many():
    pass

@pytest.mark.replay_ws
def test_skipped():
    pytest.skip("not today")

@pytest.mark.replay_ws
def test_without_fixture(nowhere):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_app.py").write_text(SUITE)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    return tmp_path


def test_a_test_is_hunted_like_a_program(folder: Path) -> None:
    modes = ("--mode", "normal", "--mode", "packet_loss")
    found = data("hunt", "test_app.py::test_order", "--seeds", "40", *modes, cwd=folder, code=1)
    assert found["runs"] == 80
    messages = {group["signature"]["message"]: group["by_mode"] for group in found["groups"]}
    assert set(messages) == {'assert done == ["a", "b"]', "a message is missing"}
    assert list(messages["a message is missing"]) == ["packet_loss"]


def test_the_command_that_is_told_fails_in_the_same_way(folder: Path) -> None:
    told = said("hunt", "test_app.py::test_order", "--stop", "first", cwd=folder, code=1)
    assert "on stdout" not in told
    (again,) = (line for line in told.splitlines() if "again:" in line)
    assert "pytest test_app.py::test_order --ws-seed=" in again


@pytest.mark.parametrize(
    ("name", "modes"),
    [
        ("test_modes[mode=packet_loss-2]", ()),
        ("test_modes[mode=normal-2]", ("--mode", "packet_loss+slow_network")),
    ],
)
def test_a_test_with_parameters_is_told_by_the_name_that_it_has_then(
    folder: Path, name: str, modes: tuple[str, ...]
) -> None:
    told = said("hunt", f"test_app.py::{name}", "--seeds", "50", *modes, cwd=folder, code=1)
    (line,) = (line for line in told.splitlines() if "again: pytest " in line)
    _, *words = shlex.split(line.partition("again: ")[2])
    assert "test_app.py::test_modes[2]" in words
    assert "1 failed" in pytest_in(folder, *words)


def test_the_seeds_of_a_marker_make_way_for_those_of_the_hunt(folder: Path) -> None:
    assert data("hunt", "test_app.py::test_many", "--seeds", "9", cwd=folder)["runs"] == 9


@pytest.mark.parametrize(
    ("settings", "conftest", "what"),
    [
        ("", "import nowhere", "No module named 'nowhere'"),
        ("", "raise SystemExit(3)", "SystemExit: 3"),
        ("", "def pytest_configure(): 1 / 0", "ZeroDivisionError: division by zero"),
        ("addopts = '--nowhere'", "", "unrecognized arguments: --nowhere"),
        ("nonsense = [", "", "Invalid"),
    ],
)
def test_what_of_a_suite_prevents_a_hunt_is_said_in_a_line(
    folder: Path, settings: str, conftest: str, what: str
) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{settings}\n")
    (folder / "conftest.py").write_text(conftest)
    for engine in (["--engine", "here"], ["-j", "2"]):
        done = replay_ws("hunt", "test_app.py::test_order", *engine, cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        first, mend = done.stderr.splitlines()
        assert first.startswith("error: test_app.py::test_order: pytest cannot collect it: ")
        assert what in first
        assert "see what `pytest test_app.py::test_order` says" in mend


def test_a_suite_that_makes_errors_of_warnings_is_hunted(folder: Path) -> None:
    settings = 'filterwarnings = ["error"]\nasyncio_default_fixture_loop_scope = "function"\n'
    (folder / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{settings}")
    options = ("--seeds", "30", "--schedule", "fifo")
    assert said("hunt", "test_app.py::test_order", *options, cwd=folder)


def test_what_outlives_a_run_is_set_up_once_in_a_process_and_torn_down(folder: Path) -> None:
    options = ("--seeds", "30", "--engine", "here", "--schedule", "fifo")
    assert said("hunt", "test_app.py::test_order", *options, cwd=folder)
    assert (folder / "shared").read_text() == "+-"
    assert not (folder / ".replay_ws").exists()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("test_plain", "not marked"),
        ("test_modes", "these are 4 tests: test_modes[mode=normal-1]"),
        ("test_modes[seed=2-mode=normal-1]", "test_app.py::test_modes[mode=normal-1]"),
        ("test_skipped", "was skipped: not today"),
        ("test_without_fixture", "fixture 'nowhere' not found"),
        ("test_nowhere", "not found"),
    ],
)
def test_what_cannot_be_hunted_is_said(folder: Path, name: str, what: str) -> None:
    done = replay_ws("hunt", f"test_app.py::{name}", "--engine", "here", cwd=folder)
    assert done.returncode == 2
    assert what in done.stderr
    assert "Traceback" not in done.stderr


def test_a_repro_of_a_test_fails_in_pytest_until_the_test_is_mended(folder: Path) -> None:
    hunted = ("hunt", "test_app.py::test_order", "--mode", "packet_loss", "--schedule", "fifo")
    said(*hunted, "--seeds", "40", "-o", "lost.rws", cwd=folder, code=1)
    done = pytest_in(folder, "test_app.py::test_order", "--ws-repro=lost.rws")
    assert "AssertionError: a message is missing" in done
    assert "1 failed" in done
    said("repro", "lost.rws", cwd=folder, code=1)
    text = (folder / "test_app.py").read_text()
    (folder / "test_app.py").write_text(text.replace("delivered == 2", "delivered < 3"))
    assert "1 passed" in pytest_in(folder, "test_app.py::test_order", "--ws-repro=lost.rws")
    assert "fixed" in said("repro", "lost.rws", cwd=folder)


def pytest_in(folder: Path, *words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
