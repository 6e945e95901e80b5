"""Where anyio orders two steps without waking anybody: what to patch if the program uses it.

As ``edges`` for asyncio. Its locks are its own; its events and conditions are made of what is
followed already. A name that another version of anyio does not have is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from replay_ws.sim.races.causality import Causality
from replay_ws.sim.races.edges import after, around, before
from replay_ws.sim.world.patches import Patch

_LOCKS = ("Lock", "Semaphore", "CapacityLimiter")


def anyio_edges(causality: Causality) -> Iterator[Patch]:
    """Everything to patch so that ``causality`` hears of it; nothing if nobody imported anyio."""
    if "anyio" not in sys.modules:
        return
    backend: Any = import_module("anyio._backends._asyncio")  # anyio itself does so when used
    for name in _LOCKS:
        if (lock := getattr(backend, name, None)) is not None:
            yield from _lock(lock, causality)
    yield from _memory_streams(import_module("anyio.streams.memory"), causality)


def _lock(lock: type, causality: Causality) -> Iterator[Patch]:
    def acquire(lock: object) -> None:
        causality.acquire(lock, always=False)

    yield around(lock, "acquire", after=acquire)
    yield after(lock, "acquire_nowait", acquire)
    yield before(lock, "release", causality.release)


def _memory_streams(streams: Any, causality: Causality) -> Iterator[Patch]:
    def send(stream: Any) -> None:
        causality.release(stream._state)

    def receive(stream: Any) -> None:
        causality.acquire(stream._state)

    for name in ("send", "send_nowait"):
        yield before(streams.MemoryObjectSendStream, name, send)
    yield after(streams.MemoryObjectReceiveStream, "receive_nowait", receive)
