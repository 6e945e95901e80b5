"""One seed tells one story in every process, whatever strings hash to there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stories import STORIES, told

ROOT = Path(__file__).resolve().parents[2]
SCHEDULES = ("fifo", "pos", "random")

TELL = f"""
import json
from tests.stories import STORIES, told
names = sorted(STORIES)
print(json.dumps({{s: {{name: told(name, s) for name in names}} for s in {SCHEDULES}}}))
"""


@pytest.mark.slow
def test_ten_fresh_processes_tell_what_this_one_tells() -> None:
    here = {each: {name: [*told(name, each)] for name in STORIES} for each in SCHEDULES}
    for hash_seed in range(10):
        said = subprocess.run(
            [sys.executable, "-c", TELL],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert json.loads(said) == here, f"PYTHONHASHSEED={hash_seed}"
