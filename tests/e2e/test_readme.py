"""The README says what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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
