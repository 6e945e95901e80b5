"""What stands in the loop's queue and in its timer heap.

Both classes are asyncio's own, and behave so, but skip asyncio's constructors: those ask the
loop for its debug flag and may take a traceback, for every callback there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replay_ws.sim.schedule import Lane


class Ready(asyncio.Handle):
    """A callback that runs in its turn."""

    __slots__ = ()

    _callback: Callable[..., object]
    _context: Context
    _loop: asyncio.AbstractEventLoop
    _repr: str | None
    _source_traceback: None

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class Timer(asyncio.TimerHandle):
    """A callback that runs at an instant; ``when()`` gives that in seconds.

    ``origin`` is who set it, where that matters: a lane, the ordinal among its timers, the delay.
    """

    __slots__ = ("origin",)

    origin: tuple[Lane, int, int] | None

    _callback: Callable[..., object]
    _context: Context
    _loop: asyncio.AbstractEventLoop
    _repr: str | None
    _source_traceback: None
    _when: float
    _scheduled: bool

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None
        self._when = when
        self._scheduled = False
        self.origin = None
