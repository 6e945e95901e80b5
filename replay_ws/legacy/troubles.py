"""Trouble on single threads: what tests of hand-written mocks switch on and off by thread.

Each is a toxic for one connection, so that what is refused or late is so in the session too, and
replays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from replay_ws.faults.toxics import Toxic

if TYPE_CHECKING:
    from replay_ws.mock.manager import MockWebSocketManager


class Trouble(NamedTuple):
    """How often a send to a thread fails, and how long one takes."""

    failure_rate: float = 0.0
    latency_ms: float = 0.0


class Troubles:
    """The troubles of one mock, by who asked for them: the mock itself, sockets, bridges."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        """Who is in front of the mock."""
        self._asked: dict[str, Mapping[str, Trouble]] = {}
        self._toxics: tuple[Toxic, ...] = ()

    def set(self, mock: MockWebSocketManager, who: str, wanted: Mapping[str, Trouble]) -> None:
        """From now on ``who`` wants this trouble on these threads of ``mock``, and no other."""
        wanted = {thread: trouble for thread, trouble in wanted.items() if any(trouble)}
        if wanted == self._asked.get(who, {}):
            return
        self._asked[who] = wanted
        toxics = tuple(
            toxic
            for number, (who, asked) in enumerate(self._asked.items())
            for at, (thread, trouble) in enumerate(asked.items())
            for toxic in _toxics(mock, thread, trouble, f"{number}-{at}")
        )
        others = tuple(toxic for toxic in mock.config.toxics if toxic not in self._toxics)
        reconfigure(mock, toxics=(*others, *toxics))
        self._toxics = toxics


def _toxics(mock: MockWebSocketManager, thread: str, trouble: Trouble, number: str) -> list[Toxic]:
    pattern = re.sub(r"([*?\[])", r"[\1]", mock._prefix + mock._clean(str(thread)))
    toxics = []
    if trouble.failure_rate:
        name = f"failure-{number}"
        toxics.append(Toxic("failure", name=name, connection=pattern, rate=trouble.failure_rate))
    if trouble.latency_ms:
        name = f"latency-{number}"
        toxics.append(Toxic("latency", name=name, connection=pattern, latency=trouble.latency_ms))
    return toxics


def reconfigure(mock: MockWebSocketManager, **changes: object) -> None:
    """A mock that is in use works by these fields from now on; the session says so."""
    mock.config = mock.config.replace(**changes)
    mock._recording.configure(mock._channel, mock.config)


_TROUBLES: WeakKeyDictionary[MockWebSocketManager, Troubles] = WeakKeyDictionary()


def troubles_of(mock: MockWebSocketManager) -> Troubles:
    """The troubles of a mock that several may share."""
    return _TROUBLES.setdefault(mock, Troubles())
