"""What a mock knows of a thread: its connection, who is on it, and where that stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MockWebSocketState(StrEnum):
    """Where a connection of a mock stands."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"
    DISCONNECTED = "disconnected"
    ERROR = "error"
    RECONNECTING = "reconnecting"


@dataclass(slots=True)
class Thread:
    """One thread; changed under the recording's lock only.

    ``moving`` is where the connection stands while it is being opened or closed.
    """

    number: int
    user: str = ""
    handshakes: int = 0
    moving: MockWebSocketState | None = None

    def state(self, standing: str) -> MockWebSocketState:
        """Where the connection stands, given where the network has it."""
        return self.moving or MockWebSocketState(standing)
