"""``LegacyMockWebSocketBridge``: what agents notify, in front of our mock.

A notification becomes an event of the mock: it is sent to the thread named like the run, through
the mock's network, and is in its session.
"""

from __future__ import annotations

from typing import Any

from replay_ws.errors import ConfigError
from replay_ws.legacy.facade import Facade, WhenLost, mock_or_new, require_when_lost
from replay_ws.mock.manager import MockWebSocketManager


class LegacyMockWebSocketBridge(Facade):
    """A bridge with the members of hand-written ones.

    ``returns`` is what a notification answers that got through: None, or True. ``when_lost`` says
    what happens to one that did not: ``raise`` (ConnectionError), ``return_false`` or ``ignore``.
    ``mock`` is a mock to stand on, else it has its own, made with ``fields``.

    ``events`` holds what got through, each with all the names that its parameters go by; the event
    on the network has only what was given.
    """

    def __init__(
        self,
        mock: MockWebSocketManager | None = None,
        *,
        returns: bool | None = None,
        when_lost: WhenLost = "raise",
        should_fail: bool = False,
        run_id: str = "run",
        agent_name: str = "agent",
        **fields: Any,
    ) -> None:
        if returns not in (None, True):
            raise ConfigError(f"returns is {returns!r:.60}", mend="use True or None")
        require_when_lost("when_lost", when_lost)
        super().__init__(mock_or_new(mock, fields), "bridge")
        self.returns = returns
        self.when_lost = when_lost
        self.should_fail = should_fail
        self.run_id = run_id
        """The run that ``emit_*`` and ``send_agent_event`` are of."""
        self.agent_name = agent_name
        self.events: list[dict[str, Any]] = []
        self.connection_failures = 0
        """How many notifications did not get through."""

    # --- the connection --------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        """Whether notifications get through; False is ``should_fail``."""
        return not self.should_fail

    @is_connected.setter
    def is_connected(self, value: bool) -> None:
        self.should_fail = not value

    connected = is_connected

    @property
    def state(self) -> str:
        """``connected`` or ``disconnected``."""
        return "connected" if self.is_connected else "disconnected"

    def simulate_connection_failure(self) -> None:
        """From now on no notification gets through."""
        self.should_fail = True

    def restore_connection(self) -> None:
        """From now on they do again."""
        self.should_fail = False

    # --- notifications ---------------------------------------------------------------------

    async def notify_agent_started(
        self,
        run_id: str,
        agent_name: str,
        message: Any = None,
        *,
        context: Any = None,
        metadata: Any = None,
        **more: Any,
    ) -> bool | None:
        """``agent_started``; what it says goes by ``message``, ``context`` and ``metadata``."""
        about = {"message": message, "context": context, "metadata": metadata}
        return await self._notify("agent_started", run_id, agent_name, about, more)

    async def notify_agent_thinking(
        self,
        run_id: str,
        agent_name: str,
        thought: Any = None,
        step_number: int | None = None,
        progress_percentage: float | None = None,
        *,
        message: Any = None,
        reasoning: Any = None,
        **more: Any,
    ) -> bool | None:
        """``agent_thinking``; the text goes by ``thought``, ``message`` and ``reasoning``."""
        text = {"thought": thought, "message": message, "reasoning": reasoning}
        if not any(value is not None for value in text.values()):
            raise TypeError("notify_agent_thinking() needs a thought, a message or a reasoning")
        steps = {"step_number": step_number, "progress_percentage": progress_percentage}
        return await self._notify("agent_thinking", run_id, agent_name, text, {**steps, **more})

    async def notify_tool_executing(
        self, run_id: str, agent_name: str, tool_name: str, parameters: Any = None, **more: Any
    ) -> bool | None:
        """``tool_executing``."""
        told = {"tool_name": tool_name, "parameters": parameters}
        return await self._notify("tool_executing", run_id, agent_name, {}, {**told, **more})

    async def notify_tool_completed(
        self,
        run_id: str,
        agent_name: str,
        tool_name: str,
        result: Any = None,
        execution_time_ms: float | None = None,
        *,
        duration_ms: float | None = None,
        **more: Any,
    ) -> bool | None:
        """``tool_completed``; how long it took goes by both names."""
        took = {"execution_time_ms": execution_time_ms, "duration_ms": duration_ms}
        told = {"tool_name": tool_name, "result": result}
        return await self._notify("tool_completed", run_id, agent_name, took, {**told, **more})

    async def notify_agent_completed(
        self,
        run_id: str,
        agent_name: str,
        result: Any = None,
        execution_time_ms: float | None = None,
        *,
        duration_ms: float | None = None,
        **more: Any,
    ) -> bool | None:
        """``agent_completed``; how long it took goes by both names."""
        took = {"execution_time_ms": execution_time_ms, "duration_ms": duration_ms}
        told = {"result": result}
        return await self._notify("agent_completed", run_id, agent_name, took, {**told, **more})

    async def notify_agent_error(
        self,
        run_id: str,
        agent_name: str,
        error: Any = None,
        error_type: str | None = None,
        error_details: Any = None,
        *,
        error_message: Any = None,
        **more: Any,
    ) -> bool | None:
        """``agent_error``; what it says goes by ``error`` and ``error_message``."""
        text = {"error": error, "error_message": error_message}
        told = {"error_type": error_type, "error_details": error_details}
        return await self._notify("agent_error", run_id, agent_name, text, {**told, **more})

    notify_error = notify_agent_error

    async def notify_agent_death(
        self,
        run_id: str,
        agent_name: str,
        reason: Any = None,
        details: Any = None,
        *,
        death_type: Any = None,
        **more: Any,
    ) -> bool | None:
        """``agent_death``; its cause goes by ``reason`` and ``death_type``."""
        cause = {"reason": reason, "death_type": death_type}
        told = {"details": details}
        return await self._notify("agent_death", run_id, agent_name, cause, {**told, **more})

    async def notify_progress(
        self, run_id: str, agent_name: str, content: Any, is_complete: bool = False, **more: Any
    ) -> bool | None:
        """``agent_progress``."""
        told = {"content": content, "is_complete": is_complete}
        return await self._notify("agent_progress", run_id, agent_name, {}, {**told, **more})

    # --- the same, of the bridge's own run and agent -----------------------------------------

    async def emit_agent_started(self, message: Any = None) -> bool | None:
        """``notify_agent_started`` of the bridge's own run."""
        return await self.notify_agent_started(self.run_id, self.agent_name, message)

    async def emit_thinking(self, thought: Any, step_number: int | None = None) -> bool | None:
        """``notify_agent_thinking`` of the bridge's own run."""
        return await self.notify_agent_thinking(self.run_id, self.agent_name, thought, step_number)

    async def emit_tool_executing(self, tool_name: str, parameters: Any = None) -> bool | None:
        """``notify_tool_executing`` of the bridge's own run."""
        return await self.notify_tool_executing(self.run_id, self.agent_name, tool_name, parameters)

    emit_tool_started = emit_tool_executing

    async def emit_tool_completed(self, tool_name: str, result: Any = None) -> bool | None:
        """``notify_tool_completed`` of the bridge's own run."""
        return await self.notify_tool_completed(self.run_id, self.agent_name, tool_name, result)

    async def emit_agent_completed(self, result: Any = None) -> bool | None:
        """``notify_agent_completed`` of the bridge's own run."""
        return await self.notify_agent_completed(self.run_id, self.agent_name, result)

    async def emit_progress(self, content: Any, is_complete: bool = False) -> bool | None:
        """``notify_progress`` of the bridge's own run."""
        return await self.notify_progress(self.run_id, self.agent_name, content, is_complete)

    async def emit_error(
        self, error_message: Any, error_type: str | None = None, error_details: Any = None
    ) -> bool | None:
        """``notify_agent_error`` of the bridge's own run."""
        return await self.notify_agent_error(
            self.run_id, self.agent_name, error_message, error_type, error_details
        )

    async def send_agent_event(self, event_type: str, data: Any) -> bool | None:
        """An event of any type, of the bridge's own run, with ``data``."""
        return await self._notify(event_type, self.run_id, self.agent_name, {}, {"data": data})

    async def _notify(
        self,
        type: str,
        run_id: str,
        agent_name: str,
        spellings: dict[str, Any],
        told: dict[str, Any],
    ) -> bool | None:
        """Send an event; ``spellings`` are the names of one fact, of which few are given."""
        head = {"type": type, "run_id": run_id, "agent_name": agent_name}
        first = next((value for value in spellings.values() if value is not None), None)
        said = {name: first if value is None else value for name, value in spellings.items()}
        whole = {**head, **said, **told}
        given = {**spellings, **told}.items()
        event = {**head, **{name: value for name, value in given if value is not None}}
        self._trouble(run_id, failure_rate=float(self.should_fail))
        if await self.mock.send_to_thread(run_id, event):
            self.events.append(whole)
            return self.returns
        self.connection_failures += 1
        if self.when_lost == "raise":
            raise ConnectionError("WebSocket connection lost")
        return False if self.when_lost == "return_false" else self.returns

    # --- what got through ------------------------------------------------------------------

    @property
    def events_captured(self) -> list[dict[str, Any]]:
        """``events``, under another name."""
        return self.events

    events_sent = notifications = events_captured

    def get_events_by_type(self, event_type: str) -> list[dict[str, Any]]:
        """Events of a type."""
        return [event for event in self.events if event["type"] == event_type]

    get_notifications_by_type = get_events_by_type

    def get_events_for_run(self, run_id: str) -> list[dict[str, Any]]:
        """Events of a run."""
        return [event for event in self.events if event["run_id"] == run_id]

    def clear_events(self) -> None:
        """Forget them; the session keeps what happened."""
        self.events.clear()

    clear_notifications = clear_events
