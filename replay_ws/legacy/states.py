"""Where a single socket stands, equal to whatever its tests call that."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Any


class SocketState(StrEnum):
    """Equal to its name in any case, to its number, and to a member of that name of another enum.

    Tests compare the state of a socket with ``WebSocketState.CONNECTED`` of a web framework, with
    ``"connected"`` or with 1, and some call it: ``socket.client_state()``.
    """

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Enum):
            return other.name.upper() == self.name
        if isinstance(other, str):
            return other.lower() == self.value or (self, other.lower()) in _ALSO
        is_number = isinstance(other, int) and not isinstance(other, bool)
        return is_number and other == _NUMBERS[self.name]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.value)

    def __call__(self) -> SocketState:
        return self

    def __str__(self) -> str:
        return self.value


_NUMBERS = {"CONNECTING": 0, "CONNECTED": 1, "DISCONNECTED": 2}
_ALSO = frozenset(
    {
        (SocketState.CONNECTED, "open"),
        (SocketState.DISCONNECTED, "closed"),
    }
)


def state_of(value: Any) -> SocketState | None:
    """The state that a test means by ``value``; None when it is of its own making."""
    return next((state for state in SocketState if state == value), None)
