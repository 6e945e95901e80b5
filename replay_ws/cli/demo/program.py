"""The program that the demonstration records live: three agents with tools, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from replay_ws.mock.manager import MockWebSocketManager

Tool = tuple[str, int]
"""A tool's name and how many milliseconds it takes."""

AGENTS: dict[str, Sequence[Tool]] = {
    "planner": [("read_calendar", 40), ("find_slot", 15), ("send_invite", 60)],
    "researcher": [("search_web", 120), ("read_page", 80)],
    "writer": [("load_draft", 20), ("check_style", 35), ("check_links", 90), ("save_draft", 25)],
}


async def three_agents() -> None:
    """Each agent tells its own thread what it does, and leaves right after its last event."""
    async with MockWebSocketManager() as mock, asyncio.TaskGroup() as agents:
        for name, tools in AGENTS.items():
            await mock.connect_user(name, thread_id=f"thread-{name}")
            agents.create_task(_agent(mock, name, tools))


async def _agent(mock: MockWebSocketManager, name: str, tools: Sequence[Tool]) -> None:
    async def tell(event: str, **data: object) -> None:
        message = {"type": event, "run_id": f"run-{name}", "agent_name": name, "payload": data}
        await mock.send_to_thread(f"thread-{name}", message)

    await tell("agent_started")
    for tool, duration_ms in tools:
        await tell("agent_thinking", thought=f"next: {tool}")
        await tell("tool_executing", tool_name=tool)
        await asyncio.sleep(duration_ms / 1000)
        await tell("tool_completed", tool_name=tool, result="ok")
    await tell("agent_completed", result=f"{len(tools)} tools used")
    await mock.disconnect_user(name)
