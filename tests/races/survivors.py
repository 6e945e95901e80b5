"""Agents that claim to survive every mode: what they send arrives in the end, once and in order."""

from __future__ import annotations

import asyncio
from asyncio import gather
from typing import Any

from replay_ws import MockWebSocketManager
from replay_ws.events.log import Direction

STORY = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")
ROUNDS_MAX = 60


async def reliable_agents() -> None:
    """Two users are told a story each; events are numbered, acknowledged, and sent again."""
    mock = MockWebSocketManager()
    await gather(told(mock, "ada"), told(mock, "bob"))


async def told(mock: MockWebSocketManager, thread: str) -> None:
    """Send what is not acknowledged, more and more patiently, until all of it is."""
    wait_s = 0.1
    for _ in range(ROUNDS_MAX):
        known = {ack["n"] for ack in arrived(mock, thread, Direction.UPSTREAM)}
        if len(known) == len(STORY):
            break
        for number, type in enumerate(STORY):
            if number not in known:
                await mock.send_to_thread(thread, {"type": type, "n": number})
        await acknowledge(mock, thread, known)
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, 10)
    else:
        raise AssertionError(f"{thread} was not told all of it")
    assert shown(mock, thread) == [*STORY], f"{thread} was shown {shown(mock, thread)}"


async def acknowledge(mock: MockWebSocketManager, thread: str, known: set[int]) -> None:
    """Play the client: say what came, as often as the server does not know it."""
    await mock.settle()
    for number in sorted({each["n"] for each in arrived(mock, thread, Direction.DOWNSTREAM)}):
        if number not in known:
            await mock.receive_from_thread(thread, {"type": "ack", "n": number})


def shown(mock: MockWebSocketManager, thread: str) -> list[str]:
    """What a client shows: each number once, in order."""
    came = {each["n"]: each["type"] for each in arrived(mock, thread, Direction.DOWNSTREAM)}
    return [came[number] for number in sorted(came)]


def arrived(mock: MockWebSocketManager, thread: str, way: Direction) -> list[dict[str, Any]]:
    """What arrived whole: a frame that was cut off is no object, and is passed over."""
    return [
        event.payload
        for event in mock.session().delivered()
        if (event.connection, event.direction) == (thread, way)
        if isinstance(event.payload, dict) and "n" in event.payload
    ]
