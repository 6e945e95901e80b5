"""Digests from a process of its own: ``python -m replay_ws.cli.demo.fresh SEED CASSETTE...``.

Prints one JSON object, cassette -> mode -> digest. What differs between two processes (hash seed,
heap, msgpack's back end) must not show in them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from replay_ws.api import load, replay
from replay_ws.cli.demo.settings import SETTINGS
from replay_ws.errors import ConfigError, ReplayWsError
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.modes import MockBehaviorMode
from replay_ws.session import Session

Digests = dict[str, dict[str, str]]
PACKAGE_PARENT = Path(__file__).resolve().parents[3]


def replay_under(source: Session, mode: MockBehaviorMode, seed: int) -> Session:
    """``source`` as the demonstration replays it under ``mode``."""
    return replay(source, seed=seed, config=MockConfiguration(mode=mode, **SETTINGS[mode]))


def start(seed: int, paths: Sequence[Path]) -> subprocess.Popen[str]:
    """Start the process; it works while we do."""
    search = [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]
    hash_seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, search)),
        "PYTHONHASHSEED": hash_seed,
        "MSGPACK_PUREPYTHON": "1",
    }
    command = [sys.executable, "-m", __name__, str(seed), *map(str, paths)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> Digests:
    """Wait for the digests."""
    said, _ = process.communicate()
    if process.returncode != 0:
        raise ConfigError(
            f"it ended with exit code {process.returncode}",
            where="the fresh process of the demo",
            mend="read what it said above",
        )
    digests: Digests = json.loads(said)
    return digests


def main(seed: str, *paths: str) -> None:
    """What the process does."""
    digests: Digests = {}
    for path in paths:
        source = load(path)
        digests[path] = {
            mode.value: replay_under(source, mode, int(seed)).digest for mode in SETTINGS
        }
    print(json.dumps(digests))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ReplayWsError:  # who started this process reads the same files, and tells
        sys.exit(2)
