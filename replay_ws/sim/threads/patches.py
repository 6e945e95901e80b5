"""Which names of other people's modules mean something else while threads are managed.

The threading module looks its own locks up by name, so a handful of names there make all of it
managed. What a module took from it by ``from threading import Lock`` is changed in that module.
Locks that stand in a module since before the run are real; the modules' own are replaced as well,
and logging's, for else a thread that waits its turn with one in hand would block everybody.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from replay_ws.sim.threads.actors import current_actor, sync_point
from replay_ws.sim.threads.hub import Hub
from replay_ws.sim.threads.pools import ordered_pools
from replay_ws.sim.threads.primitives import Lock, RLock, Signal, SimpleQueue, sleep
from replay_ws.sim.world.patches import Patch

_REPLACED = {
    threading.Lock: Lock,
    time.sleep: sleep,
    queue.SimpleQueue: SimpleQueue,
}
_REPLACED_INSTANCES = {type(threading.Lock()): Lock, type(threading.RLock()): RLock}


def managed_names(hub: Hub) -> Iterator[Patch]:
    """What to patch so that the threads of ``hub`` are managed."""
    virtual_time = hub.loop.time
    yield Patch(threading, "Lock", Lock)
    yield Patch(threading, "_CRLock", RLock)  # what threading.RLock() calls
    yield Patch(threading, "_allocate_lock", Signal)
    yield Patch(threading, "_time", virtual_time)
    yield Patch(threading, "_counter", count(1).__next__)  # Thread-1, Thread-2, ...
    yield from _thread_methods(hub)
    yield Patch(queue, "time", virtual_time)
    yield Patch(queue, "SimpleQueue", SimpleQueue)
    yield Patch(time, "sleep", sleep)
    yield from _logging_locks()
    yield from ordered_pools()
    yield from _users_names()


def _thread_methods(hub: Hub) -> Iterator[Patch]:
    real_start, real_join = threading.Thread.start, threading.Thread.join
    real_is_alive = threading.Thread.is_alive

    def start(self: threading.Thread) -> None:
        actor = current_actor()
        is_new = self._initialized and not self._started.is_set()  # type: ignore[attr-defined]
        if actor is None or actor.baton is not hub or not is_new:
            real_start(self)  # or the error that it is
            return
        hub.start(self)
        actor.sync()

    def join(self: threading.Thread, timeout: float | None = None) -> None:
        actor, other = current_actor(), hub.actor_of(self)
        if actor is None or other is None or other is actor:
            real_join(self, timeout)
            return
        actor.sync()
        other.wait_for_end(actor, timeout)

    def is_alive(self: threading.Thread) -> bool:
        sync_point()
        return real_is_alive(self)

    for function in (start, join, is_alive):
        yield Patch(threading.Thread, function.__name__, function)


def _logging_locks() -> Iterator[Patch]:
    yield Patch(logging, "_lock", RLock())
    for reference in logging._handlerList:  # type: ignore[attr-defined]
        handler = reference()
        if handler is not None and handler.lock is not None:
            yield Patch(handler, "lock", RLock())


def _users_names() -> Iterator[Patch]:
    """Aliases and locks in the modules of users and their libraries."""
    replaced: dict[int, object] = {id(real): managed for real, managed in _REPLACED.items()}
    for module_name, module in list(sys.modules.items()):
        if _is_ours_or_pythons(module_name):
            continue
        for name, value in list(getattr(module, "__dict__", {}).items()):
            make = _REPLACED_INSTANCES.get(type(value))
            if make is not None and id(value) not in replaced and not _is_held(value):
                replaced[id(value)] = make()  # one for all modules that share it
            if id(value) in replaced:
                yield Patch(module, name, replaced[id(value)])


def _is_ours_or_pythons(name: str) -> bool:
    package = name.partition(".")[0]
    return package == "replay_ws" or package in sys.stdlib_module_names


def _is_held(lock: Any) -> bool:
    if not lock.acquire(blocking=False):
        return True
    lock.release()
    return False
