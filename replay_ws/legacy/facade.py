"""What bridge and socket have in common: a mock below, and switches for one thread of it."""

from __future__ import annotations

from collections.abc import Set
from itertools import count
from typing import Any, Literal

from replay_ws.errors import ConfigError, known
from replay_ws.legacy.manager import LegacyMockWebSocketManager
from replay_ws.legacy.troubles import Trouble, troubles_of
from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.session import Session

WhenLost = Literal["raise", "return_false", "ignore"]
"""What a send does that finds no connection, or fails: raise, answer False, or say nothing."""

WHEN_LOST = ("raise", "return_false", "ignore")


def mock_or_new(mock: MockWebSocketManager | None, fields: dict[str, Any]) -> MockWebSocketManager:
    """The mock that was given, else one of its own made with ``fields``."""
    if mock is None:
        return LegacyMockWebSocketManager(**fields)
    if not isinstance(mock, MockWebSocketManager):
        raise ConfigError(f"{mock!r:.60} is no mock", mend="mock=MockWebSocketManager(...)")
    if fields:
        raise ConfigError(
            f"a mock and fields of one were given: {known(fields)}",
            mend="give the fields to the mock",
        )
    return mock


def require_when_lost(name: str, value: str) -> None:
    """Raises ConfigError for something else than the three."""
    if value not in WHEN_LOST:
        raise ConfigError(f"{name} is {value!r:.60}", mend=f"use one of: {known(WHEN_LOST)}")


def _free(name: str, taken: Set[str]) -> str:
    """``name``, else ``name-2`` and so on: sockets of one mock have connections of their own."""
    numbered = (f"{name}-{number}" for number in count(2))
    return name if name not in taken else next(free for free in numbered if free not in taken)


class Facade:
    """Something in front of ``mock``."""

    def __init__(self, mock: MockWebSocketManager, name: str) -> None:
        self.mock = mock
        self._name = _free(name, troubles_of(mock).names | mock._threads.keys())
        troubles_of(mock).names.add(self._name)

    @property
    def now(self) -> float:
        """Virtual seconds since the session began."""
        return self.mock.now

    def session(self) -> Session:
        """The session of the mock below, so far."""
        return self.mock.session()

    def _trouble(self, thread: str, failure_rate: float, latency_ms: float = 0.0) -> None:
        """From now on sends of ours to ``thread`` fail so often, and take so long."""
        wanted = {thread: Trouble(float(failure_rate), float(latency_ms))}
        troubles_of(self.mock).set(self.mock, self._name, wanted)
