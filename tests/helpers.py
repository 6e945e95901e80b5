"""Events and sessions in one line, so that a test is about its subject."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from replay_ws.api import RunResult, run
from replay_ws.events.log import Direction, Op
from replay_ws.events.model import Event, Fate
from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.mock.results import SendResult


def event(
    type: str = "",
    *,
    connection: str = "t1",
    at: int = 0,
    upstream: bool = False,
    op: Op = Op.TEXT,
    body: str | bytes | None = None,
    outcome: Fate = Fate.DELIVERED,
    **fields: Any,
) -> Event:
    """A JSON text message ``{"type": type, **fields}``, or ``body`` as it is, at ``at`` ns."""
    text = json.dumps({"type": type, **fields}) if body is None else body
    direction = Direction.UPSTREAM if upstream else Direction.DOWNSTREAM
    return Event(op, connection, direction, at, type, 0, text, at, 0, outcome)


@dataclass(frozen=True)
class Told:
    """A session of which nothing but its events is known."""

    events: Sequence[Event]

    def delivered(self) -> Sequence[Event]:
        """The events that arrived."""
        return [event for event in self.events if event.outcome is Fate.DELIVERED]


def session(*items: Event | str) -> Told:
    """A session of ``items``, numbered as a log does; a string is a plain text message."""
    seen: Counter[tuple[str, int, str]] = Counter()
    events: list[Event] = []
    for item in items:
        one = event(body=item) if isinstance(item, str) else item
        lane = (one.connection, one.direction, one.type)
        events.append(replace(one, index=seen[lane], row=len(events)))
        seen[lane] += 1
    return Told(events)


TOKEN = {"type": "token"}


def tokens(count: int, size: int = 0) -> list[dict[str, Any]]:
    """``count`` numbered messages."""
    return [{"type": "token", "n": number, "text": "x" * size} for number in range(count)]


def sent(
    *messages: Any, thread: str = "t1", at_once: bool = False, seed: int = 0, **fields: Any
) -> RunResult[list[SendResult]]:
    """A run whose one mock, made with ``fields``, sends ``messages`` in turn or ``at_once``."""

    async def program() -> list[SendResult]:
        mock = MockWebSocketManager(**fields)
        if at_once:
            return await asyncio.gather(*(mock.send(thread, message) for message in messages))
        return [await mock.send(thread, message) for message in messages]

    return run(program, seed=seed)
