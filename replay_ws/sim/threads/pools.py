"""``concurrent.futures`` in one order: its own sets go by address, which no run repeats."""

from __future__ import annotations

import concurrent.futures
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, _base, thread
from itertools import count
from typing import Any

from replay_ws.errors import EscapeError
from replay_ws.sim.places import place_of_caller
from replay_ws.sim.threads.actors import current_actor
from replay_ws.sim.threads.primitives import Lock
from replay_ws.sim.world.patches import Patch

_WORKERS = 32
"""Of a pool that does not say how many: as on a big machine, and on every machine alike."""


def ordered_pools() -> Iterator[Patch]:
    """What to patch; numbers start anew with each table."""
    numbers = count()

    class NumberedFuture(Future[Any]):
        """Hashes by its place in the order of creation."""

        def __init__(self) -> None:
            super().__init__()
            self._number = next(numbers)

        def __hash__(self) -> int:
            return self._number

    NumberedFuture.__name__ = NumberedFuture.__qualname__ = "Future"
    NumberedFuture.__module__ = Future.__module__

    for owner in (concurrent.futures, _base):
        yield Patch(owner, "Future", NumberedFuture)
    yield Patch(_base, "_AcquireFutures", _AcquireInOrder)
    yield Patch(ThreadPoolExecutor, "__init__", _init_pool)
    yield Patch(ThreadPoolExecutor, "submit", _submit)
    yield Patch(ThreadPoolExecutor, "_counter", count().__next__)
    # Pools wake their threads while they hold it, and that is a sync point.
    yield Patch(thread, "_global_shutdown_lock", Lock())


class _AcquireInOrder(_base._AcquireFutures):
    def __init__(self, futures: Any) -> None:
        self.futures = sorted(futures, key=hash)


class _Threads(dict[Any, None]):
    """A set in order of arrival, as far as a pool needs one."""

    def add(self, thread: Any) -> None:
        self[thread] = None


_stock_init_pool = ThreadPoolExecutor.__init__
_stock_submit = ThreadPoolExecutor.submit


def _init_pool(self: Any, max_workers: int | None = None, *args: Any, **options: Any) -> None:
    _stock_init_pool(self, _WORKERS if max_workers is None else max_workers, *args, **options)
    self._threads = _Threads()


def _submit(self: Any, function: Any, /, *args: Any, **options: Any) -> Any:
    if current_actor() is not None and not isinstance(self._threads, _Threads):
        raise EscapeError(
            "a pool of threads that was made before the run is asked for work",
            where=place_of_caller(sys._getframe(1)),
            mend="make the pool inside of the run",
        )
    return _stock_submit(self, function, *args, **options)
