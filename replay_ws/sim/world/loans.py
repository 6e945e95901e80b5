"""A run's loop, lent to plain functions that would make a loop of their own.

A plain function may call ``asyncio.run``, use an ``asyncio.Runner``, or make a loop and close it,
any number of times. Inside a run all of these get the loop of the run, which stays open until the
run itself is over; what was started before the loan goes on after it.
"""

from __future__ import annotations

import asyncio
import signal
from asyncio import runners
from collections.abc import Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import cancel_pending
from replay_ws.sim.world.patches import Patch


def loans(loop: VirtualLoop) -> Iterator[Patch]:
    """With these, who asks asyncio for a loop gets ``loop``, and no borrower can close it."""
    older: list[asyncio.Task[Any]] = []

    def borrow() -> asyncio.AbstractEventLoop:
        older[:] = loop.pending_tasks()
        return loop

    def current() -> asyncio.AbstractEventLoop:
        return asyncio._get_running_loop() or loop

    async def nothing(*_: object, **__: object) -> None:
        pass

    for module in (asyncio, asyncio.events):
        yield Patch(module, "new_event_loop", borrow)
        yield Patch(module, "get_event_loop", current)
        yield Patch(module, "set_event_loop", lambda _: None)
    yield Patch(runners, "_cancel_all_tasks", lambda _: cancel_pending(loop, older))
    # A Runner asks whether it should handle Ctrl-C; a run does that itself.
    yield Patch(runners, "signal", _WITHOUT_HANDLERS)
    yield Patch(loop, "close", lambda: None)
    yield Patch(loop, "shutdown_asyncgens", nothing)
    yield Patch(loop, "shutdown_default_executor", nothing)


def orders(loop: VirtualLoop) -> Iterator[Patch]:
    """The same where the plain function is in a managed thread, beside the loop that runs."""

    def run(main: Coroutine[Any, Any, Any], **_: object) -> Any:
        return asyncio.run_coroutine_threadsafe(main, loop).result()

    yield Patch(asyncio, "run", run)
    yield Patch(runners, "run", run)


_WITHOUT_HANDLERS = SimpleNamespace(
    SIGINT=signal.SIGINT,
    default_int_handler=signal.default_int_handler,
    getsignal=lambda _: None,
)
