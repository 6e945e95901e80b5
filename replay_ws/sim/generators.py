"""Asynchronous generators of a loop, closed in the order in which they were first iterated.

asyncio keeps them in a WeakSet, whose order is that of addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import warnings
from collections.abc import AsyncGenerator, Iterator
from typing import Any
from weakref import WeakKeyDictionary, ref

from replay_ws.sim.places import name_of


class OpenGenerators:
    """The asynchronous generators that were started on ``loop`` and are not exhausted."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = ref(loop)  # for the loop has us, and a run leaves no circle behind
        self._open: WeakKeyDictionary[AsyncGenerator[Any, Any], None] = WeakKeyDictionary()
        self._accepts = True

    @contextlib.contextmanager
    def hooked(self) -> Iterator[None]:
        """While open, generators that start in this thread are ours."""
        before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._started, finalizer=self._dropped)
        try:
            yield
        finally:
            sys.set_asyncgen_hooks(*before)

    def _started(self, generator: AsyncGenerator[Any, Any]) -> None:
        if not self._accepts:
            warnings.warn(
                f"asynchronous generator {name_of(generator)} was started "
                "after the loop shut its generators down",
                ResourceWarning,
                stacklevel=2,
                source=self._loop(),
            )
        self._open[generator] = None

    def _dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._open.pop(generator, None)
        loop = self._loop()
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(loop.create_task, generator.aclose())

    def __bool__(self) -> bool:
        return bool(self._open)

    async def close(self) -> None:
        """Close those that are still open, the oldest first, and accept no more."""
        self._accepts = False
        loop = asyncio.get_running_loop()
        generators = list(self._open)
        self._open.clear()
        outcomes = await asyncio.gather(
            *(generator.aclose() for generator in generators), return_exceptions=True
        )
        for generator, outcome in zip(generators, outcomes, strict=True):
            if isinstance(outcome, Exception):
                loop.call_exception_handler(
                    {
                        "message": f"closing asynchronous generator {name_of(generator)} failed",
                        "exception": outcome,
                        "asyncgen": generator,
                    }
                )
