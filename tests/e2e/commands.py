"""The command line as a user has it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def replay_ws(*arguments: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """How ``replay-ws ARGUMENTS`` ended in ``cwd``, and what it said."""
    return subprocess.run(
        [sys.executable, "-m", "replay_ws", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def said(*arguments: object, cwd: Path, code: int = 0) -> str:
    """What a command that must end with ``code`` says on stdout."""
    done = replay_ws(*arguments, cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def data(*arguments: object, cwd: Path, code: int = 0) -> Any:
    """The JSON that a command says."""
    return json.loads(said(*arguments, "--json", cwd=cwd, code=code))
