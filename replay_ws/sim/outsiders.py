"""Real threads that may call into a loop, and what they called for.

A loop on virtual time passes from instant to instant as soon as nothing is ready. While somebody
outside of it may still call in, that would be too early: it waits for them, in host time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from replay_ws.sim.handles import Ready

# A signal handler can call in between a look at the calls and the wait; the wait ends by itself.
_WAIT_S = 0.05

# Where a timer is next: threads that called in may be about to wait for it, and then say nothing.
_GLANCE_S = 0.001


def _never() -> bool:
    return False


class Outsiders:
    """Those for whom a loop waits. Safe to share between threads."""

    def __init__(self) -> None:
        self.count = 0
        """For how many the loop waits."""
        self.calls = 0
        """How many calls came in."""
        self.incoming: deque[Ready] = deque()
        self.all_wait: Callable[[], bool] = _never
        """Whether all of them wait for what the loop does next, so that time may pass."""
        self._changed = threading.Condition()

    def add(self, difference: int) -> None:
        """Change the number of those for whom the loop waits."""
        with self._changed:
            self.count += difference
            self._changed.notify_all()

    def call(self, handle: Ready) -> None:
        """Take a call from another thread."""
        with self._changed:
            self.incoming.append(handle)
            self.calls += 1
            self._changed.notify_all()

    def hold(self, *, has_timers: bool) -> bool:
        """Whether the loop has to wait for them before it lets time pass."""
        return self.count > 0 and not (has_timers and self.all_wait())

    def wait(self, *, has_timers: bool) -> None:
        """Wait a moment, or until something comes in."""
        with self._changed:
            if self.count and not self.incoming:
                self._changed.wait(_GLANCE_S if has_timers else _WAIT_S)
