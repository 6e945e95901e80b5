"""What is different about a run in which threads take their turns, in one context."""

from __future__ import annotations

import contextlib
import os
from asyncio import BaseEventLoop as Stock
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import thread
from contextvars import Context, ContextVar
from types import MethodType
from typing import Any

from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.threads.actors import ThreadActor, current_actor, is_an_actors
from replay_ws.sim.threads.hub import Hub
from replay_ws.sim.threads.patches import managed_names
from replay_ws.sim.threads.preemption import Lines
from replay_ws.sim.world.patches import Patch, patched


@contextlib.contextmanager
def managed_threads(
    loop: VirtualLoop,
    *,
    preempt: Sequence[str | os.PathLike[str]] = (),
    carried: Sequence[ContextVar[Any]] = (),
) -> Iterator[None]:
    """While open, threads that this one starts are lanes of ``loop``, which has lanes.

    ``preempt`` names files whose every line is a sync point: paths, whole or from the right, with
    ``*`` where they vary. ``carried`` are context variables whose values a new thread takes over.
    """
    lines = Lines(preempt)
    hub = Hub(loop, carried=carried, enter=lines.enter_thread)
    names = [*managed_names(hub), *_loop_methods(hub, lines)]
    with patched(names), hub.open(), lines.watched():
        yield


def _loop_methods(hub: Hub, lines: Lines) -> Iterator[Patch]:
    """What the loop does otherwise when there are threads."""
    loop = hub.loop
    loops_own_call_soon_threadsafe = loop.call_soon_threadsafe
    loops_own_callback_failed = loop._callback_failed

    def call_soon_threadsafe(
        callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Ready:
        actor = current_actor()
        if not isinstance(actor, ThreadActor) or actor.baton is not hub:
            return loops_own_call_soon_threadsafe(callback, *args, context=context)
        loop._check_closed()
        handle = Ready(callback, args, loop, context)
        hub.lanes.append(handle)
        actor.sync()
        return handle

    def callback_failed(handle: Ready | Timer, error: BaseException) -> None:
        if is_an_actors(handle):  # it only hands the baton over, so the failure is our own word
            raise error
        loops_own_callback_failed(handle, error)

    def report_deadlock() -> None:
        raise hub.deadlock()

    async def finish_threads() -> None:
        _dismiss_idle_workers(hub)
        await hub.finish()
        lines.require_seen()

    yield Patch(loop, "call_soon_threadsafe", call_soon_threadsafe)
    yield Patch(loop, "_callback_failed", callback_failed)
    yield Patch(loop, "_report_deadlock", report_deadlock)
    yield Patch(loop, "finish_threads", finish_threads)
    for stock in (Stock.run_in_executor, Stock.shutdown_default_executor):
        yield Patch(loop, stock.__name__, MethodType(stock, loop))
    yield Patch(thread, "_shutdown", False)


def _dismiss_idle_workers(hub: Hub) -> None:
    """What the interpreter does at its exit with the workers of pools that nobody shut down."""
    thread._shutdown = True
    for worker, queue in list(thread._threads_queues.items()):
        if hub.actor_of(worker) is not None:
            queue.put(None)
