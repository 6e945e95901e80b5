"""An answer that is lost, for repros that are kept and run on every Python.

``tests/data/repros`` has one that was made on each; this makes that of the Python that runs it::

    python -m tests.races.answers
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path
from uuid import uuid4

import replay_ws as rws

REPROS = Path(__file__).parents[1] / "data" / "repros"


async def flaky() -> None:
    """An answer is lost, and a watchdog that draws its patience from chance looks too early."""
    mock = rws.MockWebSocketManager()
    answered = asyncio.Event()

    async def answer() -> None:
        await asyncio.sleep(random.expovariate(2))
        await mock.send_to_thread("thread-1", {"type": "answer", "id": str(uuid4())})
        answered.set()

    async def watchdog() -> None:
        patience_s = random.uniform(1, 2)
        try:
            async with asyncio.timeout(patience_s):
                await answered.wait()
        except TimeoutError:
            await mock.send_to_thread("thread-1", {"type": "sorry", "after": patience_s})
        await mock.settle()

    await asyncio.gather(answer(), watchdog())
    assert mock.session().delivered(), "neither an answer nor an excuse"


def made_on(minor: str) -> Path:
    return REPROS / f"python-{minor}.rws"


def make() -> None:
    """The repro of this Python."""
    found = rws.hunt(flaky, seeds=range(500), modes=["packet_loss"], executor="here", quiet=True)
    rws.shrink(flaky, found.failures[0]).save(made_on("{}.{}".format(*sys.version_info)))


if __name__ == "__main__":
    from tests.races import answers  # by its own name, which a repro keeps

    answers.make()
