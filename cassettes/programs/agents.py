"""Agents that tell a thread's client what they do: the programs behind the agent goldens.

Each is an ordinary program, as a test would hold it, and can be run as one::

    replay-ws record cassettes/programs/agents.py:with_a_tool -o own.rws

The events have the shape that agent back ends send in production: the run, the thread and the agent
on top, and a payload whose keys depend on the type. Times come from the mock's clock, so that a run
tells the same story on every day.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from replay_ws import MockWebSocketManager
from replay_ws.clock import EPOCH_UNIX_NS

_EPOCH = datetime.fromtimestamp(EPOCH_UNIX_NS // 10**9, UTC)


class Agent:
    """One run of an agent, as the thread's client sees it."""

    def __init__(self, manager: MockWebSocketManager, name: str, thread_id: str) -> None:
        self._manager = manager
        self._name = name
        self._thread_id = thread_id
        self._started = manager.now

    async def emit(self, type: str, **payload: Any) -> None:
        """Send one event of this run."""
        time = _EPOCH + timedelta(microseconds=round(self._manager.now * 1e6))
        event = {
            "type": type,
            "run_id": f"run-{self._thread_id}",
            "thread_id": self._thread_id,
            "agent_name": self._name,
            "timestamp": time.isoformat(timespec="milliseconds"),
            "payload": payload,
        }
        await self._manager.send_to_thread(self._thread_id, event)

    async def start(self, task: str) -> None:
        """Say that the run began."""
        await self.emit("agent_started", status="started", message=task)

    async def think(self, thought: str, step: int, *, for_ms: int) -> None:
        """Share a thought, then think it."""
        await self.emit("agent_thinking", thought=thought, step_number=step)
        await asyncio.sleep(for_ms / 1000)

    async def use(self, tool: str, *, result: Any, for_ms: int, **parameters: Any) -> None:
        """Use a tool that takes ``for_ms`` and gives ``result``."""
        await self.emit("tool_executing", tool_name=tool, parameters=parameters)
        await asyncio.sleep(for_ms / 1000)
        await self.emit("tool_completed", tool_name=tool, result=result, execution_time_ms=for_ms)

    async def complete(self, result: str) -> None:
        """Say what came of it."""
        await self.emit(
            "agent_completed", status="completed", result=result, duration_ms=self._elapsed_ms
        )

    async def fail(self, message: str) -> None:
        """Say that nothing came of it."""
        await self.emit(
            "agent_error", status="error", error_message=message, duration_ms=self._elapsed_ms
        )

    @property
    def _elapsed_ms(self) -> int:
        return round((self._manager.now - self._started) * 1000)


async def with_a_tool() -> None:
    """The five events of a run that uses one tool."""
    manager = MockWebSocketManager()
    await manager.connect_user("user-1", thread_id="thread-1")
    agent = Agent(manager, "data_agent", "thread-1")
    await agent.start("How did sales do in March?")
    await agent.think("The sales database knows.", 1, for_ms=120)
    await agent.use(
        "query_database", table="sales", month="2025-03", result={"rows": 31}, for_ms=340
    )
    await agent.think("Thirty-one days, no gap.", 2, for_ms=80)
    await agent.complete("Sales rose by 4 % in March.")
    await manager.disconnect_user("user-1")


async def without_tools() -> None:
    """A run that thinks and answers."""
    manager = MockWebSocketManager()
    await manager.connect_user("user-1", thread_id="thread-1")
    agent = Agent(manager, "triage_agent", "thread-1")
    await agent.start("Hello!")
    await agent.think("A greeting.", 1, for_ms=60)
    await agent.think("No tool is needed to answer it.", 2, for_ms=45)
    await agent.complete("Hello! What can I do for you?")
    await manager.disconnect_user("user-1")


async def with_a_tool_that_fails() -> None:
    """A tool fails, a second try times out, and the agent gives up."""
    manager = MockWebSocketManager()
    await manager.connect_user("user-1", thread_id="thread-1")
    agent = Agent(manager, "data_agent", "thread-1")
    await agent.start("What is the weather in Atlantis?")
    await agent.think("A weather service may know.", 1, for_ms=70)
    for attempt, (waited_ms, error) in enumerate([(150, "not found"), (2000, "timeout")], start=1):
        await agent.emit("tool_executing", tool_name="get_weather", parameters={"city": "Atlantis"})
        await asyncio.sleep(waited_ms / 1000)
        await agent.emit("tool_error", tool_name="get_weather", error=error, attempt=attempt)
    await agent.think("Nobody knows that.", 2, for_ms=50)
    await agent.fail("get_weather failed twice: not found, timeout")
    await manager.disconnect_user("user-1")


async def three_at_once() -> None:
    """Three agents with tools of their own, side by side; one client leaves with its last event."""
    manager = MockWebSocketManager()

    async def research() -> None:
        agent = Agent(manager, "research_agent", "thread-1")
        await agent.start("Find what is known about tides.")
        await agent.think("Two sources are better than one.", 1, for_ms=30)
        await agent.use("search_web", query="tides", result={"hits": 12}, for_ms=110)
        await agent.use("read_page", url="https://example.org/tides", result="…", for_ms=90)
        await agent.think("They agree.", 2, for_ms=40)
        await agent.complete("The Moon does most of it.")

    async def compute() -> None:
        agent = Agent(manager, "math_agent", "thread-2")
        await agent.start("How high is the tide at noon?")
        await agent.think("A sum of six waves.", 1, for_ms=55)
        await agent.use("calculate", formula="M2+S2+N2", result=2.31, for_ms=20)
        await agent.use("calculate", formula="K1+O1+P1", result=0.42, for_ms=20)
        await agent.complete("2.73 m")

    async def book() -> None:
        agent = Agent(manager, "booking_agent", "thread-3")
        await agent.start("Book a boat.")
        await agent.think("Low tide is at six.", 1, for_ms=25)
        await agent.use("find_boats", at="06:00", result=["Heron", "Tern"], for_ms=60)
        await agent.use("book_boat", name="Tern", result={"confirmed": True}, for_ms=75)
        await agent.complete("The Tern is yours at six.")
        await manager.disconnect_user("user-3")

    for number in (1, 2, 3):
        await manager.connect_user(f"user-{number}", thread_id=f"thread-{number}")
    async with asyncio.TaskGroup() as agents:
        for work in (research, compute, book):
            agents.create_task(work())
    await manager.disconnect_user("user-1")
    await manager.disconnect_user("user-2")
