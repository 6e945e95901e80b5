"""The loops that one suite runs over: a stock one and ours, with and without lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from replay_ws.sim.lanes import LaneQueue
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.schedule import Fifo, RandomWalk

Loop = asyncio.AbstractEventLoop
MakeLoop = Callable[[], Loop]
Run = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]

LOOPS: dict[str, MakeLoop] = {
    "stock": asyncio.SelectorEventLoop,
    "virtual": VirtualLoop,
    "lanes": lambda: VirtualLoop(LaneQueue(Fifo())),
    "random": lambda: VirtualLoop(LaneQueue(RandomWalk(), seed=7, jitter=True)),
}

in_order = pytest.mark.parametrize(
    "make_loop", [name for name in LOOPS if name != "random"], indirect=True
)
"""For a test that expects the order of arrival."""


def run_on(make_loop: MakeLoop, program: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """The value of ``program()`` on a loop of its own, as ``asyncio.run`` gives it."""
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(program())
