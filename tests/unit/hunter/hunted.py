"""Programs to hunt; at the top of a module, for workers find them by name."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import replay_ws as rws

WATCHED = "REPLAY_WS_TEST_FOLDER"
"""A folder in which a program of the tests leaves what outlives its process."""


async def fails_sometimes() -> None:
    """One seed in eight fails; in two ways."""
    drawn = random.randrange(64)
    mock = rws.MockWebSocketManager()
    await mock.send_to_thread("thread-1", {"type": "token", "n": drawn % 5})
    if drawn < 6:
        raise ValueError(f"{drawn} is too little")
    assert drawn < 62, "too much"


async def never_fails() -> None:
    await asyncio.sleep(1)


async def prints() -> None:
    print("a program speaks")


async def loses_a_message() -> None:
    mock = rws.MockWebSocketManager()
    for number in range(5):
        await mock.send_to_thread("thread-1", {"type": "token", "n": number})
    await asyncio.sleep(60)
    assert mock.session().ledger.delivered == 5, "a message is missing"


async def ends_its_process() -> None:
    """Seed 37 ends the process; others are well."""
    if random.random() == _drawn(37):
        sys.stderr.close()
        os._exit(3)


async def is_killed_once() -> None:
    """The first run with seed 50 or more ends its process, as a kill from outside would."""
    marker = Path(os.environ[WATCHED]) / "killed"
    if random.random() in {_drawn(seed) for seed in range(50, 60)} and not marker.exists():
        marker.touch()
        os._exit(9)


_DRAWN: dict[int, float] = {}


def _drawn(seed: int) -> float:
    """What the first draw of a run with this seed is; learned in runs of its own, beforehand."""
    return _DRAWN[seed]


async def _draws() -> float:
    return random.random()


def learn() -> None:
    """Fill in what the programs above compare with, in every process that loads this module."""
    for seed in (37, *range(50, 60)):
        _DRAWN[seed] = rws.run(_draws, seed=seed).value


learn()
