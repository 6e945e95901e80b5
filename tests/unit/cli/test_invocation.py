"""How the tool says that it is called."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from replay_ws.cli.invocation import invocation


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = executable(tmp_path / "project" / ".venv" / "bin" / "python")
    monkeypatch.setattr(sys, "executable", str(path))
    monkeypatch.setenv("PATH", str(tmp_path / "usual"))
    return path


def test_a_command_on_the_path_is_called_by_its_name(tmp_path: Path) -> None:
    executable(tmp_path / "usual" / "replay-ws")
    assert invocation(tmp_path) == ("replay-ws",)


def test_a_command_off_the_path_is_called_by_its_own(tmp_path: Path, python: Path) -> None:
    script = executable(python.with_name("replay-ws"))
    assert invocation(tmp_path / "project") == (".venv/bin/replay-ws",)
    assert invocation(tmp_path / "elsewhere") == invocation() == (str(script),)


def test_without_a_script_the_module_is_run(tmp_path: Path, python: Path) -> None:
    assert invocation() == (str(python), "-m", "replay_ws")
