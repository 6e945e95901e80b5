"""The order that ``enforce_event_order`` enforces: one agent run at a time per connection.

A run opens with ``agent_started`` and ends with ``agent_completed``; thinking and tools happen in
between, and a tool completes only after it was executing. Other types are free. This is admission
at the sender's side; ``compliance`` judges what a receiver saw, in full.
"""

from __future__ import annotations


class RunOrder:
    """Where one connection stands in its agent run."""

    __slots__ = ("_open_tools", "_running")

    def __init__(self) -> None:
        self._running = False
        self._open_tools = 0

    def allows(self, event: str) -> bool:
        """Whether ``event`` may come next."""
        match event:
            case "agent_started":
                return not self._running
            case "agent_thinking" | "tool_executing" | "agent_completed" | "agent_error":
                return self._running
            case "tool_completed" | "tool_error":
                return self._running and self._open_tools > 0
            case _:
                return True

    def note(self, event: str) -> None:
        """``event`` was accepted."""
        match event:
            case "agent_started":
                self._running, self._open_tools = True, 0
            case "agent_completed" | "agent_error":
                self._running = False
            case "tool_executing":
                self._open_tools += 1
            case "tool_completed" | "tool_error":
                self._open_tools -= 1
