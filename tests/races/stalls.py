"""A stock loop on a machine that is kept from its work now and then, without waiting for one.

Only its clock is ours: it jumps to where the loop meant to sleep to, or somewhat further. Ready
queue and timers are asyncio's own, so what fails here can fail anywhere.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from typing import Any

from tests.races.suite import Program

_RESOLUTION_S = 1e-9  # of the loop's clock: timers that are due within it run at once


class _StallingSelector(selectors.SelectSelector):
    """Instead of waiting it moves ``now``, by up to half as much again."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.now = 0.0
        self._chance = chance

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "nothing is left that could wake the loop"
        stalls = self._chance.random() < 0.3
        self.now += timeout * (1 + self._chance.random() / 2 * stalls) + _RESOLUTION_S
        return super().select(0)


class _StallingLoop(asyncio.SelectorEventLoop):
    def __init__(self, seed: int) -> None:
        self._clock = _StallingSelector(random.Random(seed))
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run_on_a_stalling_loop(program: Program, seed: int) -> None:
    """Run ``program()`` on asyncio's own loop, which stalls as ``seed`` says."""

    async def main() -> None:
        await program()

    with asyncio.Runner(loop_factory=lambda: _StallingLoop(seed)) as runner:
        runner.run(main())
