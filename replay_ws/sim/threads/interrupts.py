"""Ctrl-C in a run with managed threads.

The exception comes wherever the main thread happens to be. In the middle of a hand-over of the
baton that would leave two threads with it, or none; so it waits there until the hand-over is done.
Nor does it come out of a lock that is there for the taking. A real one would not be interrupted
either, and ``Condition.wait`` relies on that: it has to give back the lock that it was called with.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

_Handler = Callable[[int, FrameType | None], Any]

# Those of the module ``signal`` are guarded in a run, and this one may be first imported there.
_real_signal = _signal.signal
_real_getsignal = _signal.getsignal


class Interrupts:
    """While this is entered, the first Ctrl-C waits until it is left; the second does not."""

    def __init__(self) -> None:
        self.are_kept = False
        """Whether what waits goes on to do so until a later ``deliver``."""
        self._depth = 0
        self._handler: _Handler | None = None
        self._waiting: tuple[int, FrameType | None] | None = None

    @contextlib.contextmanager
    def noticed(self) -> Iterator[None]:
        """While open, Ctrl-C comes here first, if it is for this thread and somebody handles it."""
        handler = _real_getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(handler):
            yield
            return
        self._handler = handler
        _real_signal(signal.SIGINT, self._came)
        try:
            yield
        finally:
            _real_signal(signal.SIGINT, handler)
            self.deliver()

    def deliver(self) -> None:
        """Handle what has waited, as it would have been at once."""
        if self._waiting is not None and self._handler is not None and not self.are_kept:
            waiting, self._waiting = self._waiting, None
            self._handler(*waiting)

    def _came(self, number: int, frame: FrameType | None) -> None:
        assert self._handler is not None
        if self._depth and self._waiting is None:
            self._waiting = (number, frame)
        else:
            self._waiting = None
            self._handler(number, frame)

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._depth -= 1
        if not self._depth:
            self.deliver()
