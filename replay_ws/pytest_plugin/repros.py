"""Repros as regression tests: each file of ``[tool.replay_ws] repros`` is a test that it is fixed.

Each runs in a process of its own, as ``replay-ws repro`` would: a repro of a test collects that
test, which no run of pytest can do within another one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_ENDS = {
    "fails": "it still fails",
    "other": "it fails in another way",
    "stale": "it passes, but not all that made it fail happened: make it anew, or delete it",
}


class NotFixed(Exception):
    """What a repro's run said."""


class ReproFile(pytest.File):
    """A repro."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test."""
        yield Repro.from_parent(self, name="fixed")


class Repro(pytest.Item):
    """Passes where what was shrunk once does not fail any more, although all of it happens."""

    def runtest(self) -> None:
        """Run it in a process of its own."""
        command = [sys.executable, "-m", "replay_ws", "repro", str(self.path), "--json"]
        done = subprocess.run(
            command, cwd=self.config.rootpath, capture_output=True, text=True, encoding="utf-8"
        )
        if done.returncode:
            raise NotFixed(_told(done.stdout) or done.stderr)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the run said, without our own lines."""
        if isinstance(excinfo.value, NotFixed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it is, and what it is called."""
        return self.path, None, self.path.name


def _told(text: str) -> str:
    """What is said of a repro's end; empty where there was no run."""
    try:
        (found,) = json.loads(text)["repros"]
    except (ValueError, KeyError):
        return ""
    sign = found["now"] or found["signature"]
    lines = [
        f"{found['target']}: {_ENDS[found['state']]}",
        f"  {sign['kind']}: {sign['message']} in {sign['place']}",
        *(f"  finds nothing to strike: {each}" for each in found["missing"]),
        f"  again: replay-ws repro {found['file']}",
    ]
    return "\n".join(lines)
