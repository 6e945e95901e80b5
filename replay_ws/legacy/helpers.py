"""Helper functions that tests of hand-written mocks import, and what they promise."""

from __future__ import annotations

from collections.abc import Iterable

from replay_ws.mock.assertions import WebSocketAssertions
from replay_ws.mock.manager import MockWebSocketManager


def reset_mock_for_test(mock: MockWebSocketManager) -> None:
    """As new: no records, scores, metrics or outages; the session keeps what happened."""
    mock.reset_behavior_state()
    mock.clear_messages()


def assert_websocket_events(
    mock: MockWebSocketManager, thread_id: str, expected: Iterable[str] | None = None
) -> WebSocketAssertions:
    """The thread's client saw the expected types, by default the five agent events.

    Returns assertions about the mock, to go on with.
    """
    assertions = WebSocketAssertions(mock)
    assertions.assert_required_events_sent(thread_id, expected)
    return assertions
