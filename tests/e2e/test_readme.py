"""The README says what happens."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from replay_ws.faults.modes import MODES
from replay_ws.faults.types import TYPES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The cells of the table's rows below the one that begins with ``heading``."""
    _, _, below = README.partition(f"| {heading} |")
    rows = below.partition("\n\n")[0].splitlines()[2:]
    return [row.strip("|").split("|") for row in rows]


def test_every_example_prints_what_the_readme_says() -> None:
    command = [sys.executable, str(ROOT / "tools" / "readme.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_tests_and_keeps_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    steps = yaml.safe_load(text)["jobs"]["tests"]["steps"]
    (command,) = (step["run"] for step in steps if step.get("run", "").startswith("pytest"))
    (kept,) = (step["with"]["path"] for step in steps if step.get("if") == "failure()")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.replay_ws(golden='refund')\n"
        "async def test_it(mock_websocket_manager):\n"
        "    await mock_websocket_manager.send_to_thread('t', {'type': 'agent_started'})\n"
    )
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    words = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "::error file=test_it.py,line=2,title=test_it::there is no golden" in done.stdout
    assert list((tmp_path / kept / "failed").rglob("session.rws"))
    assert json.loads((tmp_path / kept / "report.json").read_text())["tests"][0]["kept"]


def test_the_toxics_stand_there_in_the_order_of_the_pipeline() -> None:
    named = [name for _, types in table("where") for name in re.findall(r"`(\w+)`", types)]
    assert named == list(TYPES)


def test_every_mode_stands_there_with_its_own_values() -> None:
    rows = {mode.strip(" `"): fields for mode, _, fields in table("mode")}
    assert list(rows) == [str(mode) for mode in MODES]
    for mode, values in MODES.items():
        said = dict(re.findall(r"`(\w+)=([\w.]+)`", rows[str(mode)]))
        for name, value in values.items():
            assert said[name] == (f"{value:g}" if type(value) is float else str(value))
