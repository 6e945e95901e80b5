"""What the tests of commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.line import Line

PROGRAM = """
import random
import replay_ws as rws

async def fails():
    print("on stdout")
    assert random.randrange(20), "drew a zero"

async def works():
    print("on stdout")
"""


@pytest.fixture
def line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Line:
    monkeypatch.chdir(tmp_path)
    return Line(tmp_path, capsys)


@pytest.fixture
def hunted(line: Line) -> Line:
    """With a program that fails, and one that does not."""
    (line.folder / "hunted_app.py").write_text(PROGRAM)
    return line
