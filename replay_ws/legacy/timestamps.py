"""What time a record says it is."""

from __future__ import annotations

import time

from replay_ws.clock import NS_PER_S
from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.recording import OwnClock


def timestamp(mock: MockWebSocketManager, time_ns: int) -> float:
    """The time of day at ``time_ns`` of the mock's clock, in seconds.

    In a run it is the run's, as ``time.time()`` says it there. Elsewhere tests compare records with
    the host's clock: it is that, and later by the virtual time that sends took.
    """
    if isinstance(mock._recording.clock, OwnClock):
        return time.time() + time_ns / NS_PER_S
    return (mock._recording.log.header.epoch_ns + time_ns) / NS_PER_S
