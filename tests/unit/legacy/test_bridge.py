"""A bridge that agents notify, over the one mock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

import replay_ws as rws
from replay_ws import ConfigError, Fate
from replay_ws import LegacyMockWebSocketBridge as Bridge


def do(*calls: Awaitable[Any]) -> list[Any]:
    async def main() -> list[Any]:
        return [await call for call in calls]

    return asyncio.run(main())


def five(bridge: Bridge) -> list[Any]:
    return do(
        bridge.notify_agent_started("run", "triage"),
        bridge.notify_agent_thinking("run", "triage", "hm", 1),
        bridge.notify_tool_executing("run", "triage", "search", {"q": "x"}),
        bridge.notify_tool_completed("run", "triage", "search", {"hits": 1}, 12),
        bridge.notify_agent_completed("run", "triage", {"ok": True}, 30),
    )


FIVE = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]


@pytest.mark.parametrize("returns", [None, True])
def test_notifications_are_events_of_the_mock_and_answer_as_asked(returns: Any) -> None:
    bridge = Bridge(returns=returns)
    assert five(bridge) == [returns] * 5
    assert [event["type"] for event in bridge.events] == FIVE
    assert [event.type for event in bridge.session().delivered()] == FIVE
    assert bridge.mock.get_compliance_score("run") == 1.0


def test_the_network_gets_what_was_given_and_the_events_have_every_spelling() -> None:
    bridge = Bridge()
    do(bridge.notify_agent_thinking("run", "a", reasoning="because", trace_id="x"))
    [sent] = bridge.session().events
    about = {"type": "agent_thinking", "run_id": "run", "agent_name": "a", "trace_id": "x"}
    assert sent.payload == {**about, "reasoning": "because"}
    [event] = bridge.events
    spelt = {"thought": "because", "message": "because", "reasoning": "because"}
    assert event == {**about, **spelt, "step_number": None, "progress_percentage": None}


@pytest.mark.parametrize("name", ["thought", "message", "reasoning"])
def test_a_thought_goes_by_three_names(name: str) -> None:
    bridge = Bridge()
    do(bridge.notify_agent_thinking("run", "a", **{name: "hm"}))
    assert bridge.events[0]["thought"] == "hm"


def test_a_thought_is_needed() -> None:
    with pytest.raises(TypeError, match="needs a thought"):
        do(Bridge().notify_agent_thinking("run", "a"))


@pytest.mark.parametrize("name", ["execution_time_ms", "duration_ms"])
def test_a_duration_goes_by_two_names(name: str) -> None:
    bridge = Bridge()
    do(bridge.notify_agent_completed("run", "a", "done", **{name: 7}))
    do(bridge.notify_tool_completed("run", "a", "search", "done", **{name: 7}))
    for event in bridge.events:
        assert (event["execution_time_ms"], event["duration_ms"]) == (7, 7)
    assert bridge.session().events[0].payload[name] == 7


def test_errors_deaths_and_progress_are_told() -> None:
    bridge = Bridge()
    do(
        bridge.notify_agent_error("run", "a", "broken", "ValueError"),
        bridge.notify_error("run", "a", error_message="broken"),
        bridge.notify_agent_death("run", "a", "timeout", {"after": 3}),
        bridge.notify_progress("run", "a", "half", False),
    )
    types = ["agent_error", "agent_error", "agent_death", "agent_progress"]
    assert [event["type"] for event in bridge.events] == types
    assert bridge.events[0]["error_message"] == bridge.events[1]["error"] == "broken"
    assert bridge.events[2]["death_type"] == "timeout"


def test_what_is_emitted_is_of_the_bridges_own_run() -> None:
    bridge = Bridge(run_id="run-7", agent_name="triage")
    do(
        bridge.emit_agent_started("go"),
        bridge.emit_thinking("hm"),
        bridge.emit_tool_executing("search"),
        bridge.emit_tool_completed("search", 1),
        bridge.emit_agent_completed("done"),
        bridge.emit_error("late"),
        bridge.emit_progress("half"),
        bridge.send_agent_event("custom", {"n": 1}),
    )
    types = [event["type"] for event in bridge.get_events_for_run("run-7")]
    assert types == [*FIVE, "agent_error", "agent_progress", "custom"]
    assert {event["agent_name"] for event in bridge.events} == {"triage"}


@pytest.mark.parametrize("when_lost", ["raise", "return_false", "ignore"])
def test_a_lost_connection_is_an_error_a_no_or_nothing(when_lost: Any) -> None:
    bridge = Bridge(when_lost=when_lost)
    bridge.simulate_connection_failure()
    assert (bridge.is_connected, bridge.connected, bridge.state) == (False, False, "disconnected")
    if when_lost == "raise":
        with pytest.raises(ConnectionError):
            do(bridge.notify_agent_started("run", "a"))
    else:
        answer = False if when_lost == "return_false" else None
        assert do(bridge.notify_agent_started("run", "a")) == [answer]
    assert bridge.events == []
    assert bridge.connection_failures == 1
    bridge.restore_connection()
    do(bridge.notify_agent_started("run", "a"))
    assert len(bridge.events_captured) == 1
    outcomes = [event.outcome for event in bridge.session().events]
    assert outcomes == [Fate.REJECTED_FAILURE, Fate.DELIVERED]


@pytest.mark.parametrize("switch", ["should_fail", "is_connected", "connected"])
def test_the_connection_can_be_switched_by_attribute(switch: str) -> None:
    bridge = Bridge()
    setattr(bridge, switch, switch == "should_fail")
    with pytest.raises(ConnectionError):
        do(bridge.notify_agent_started("run", "a"))


def test_events_are_found_by_type_and_run_and_forgotten() -> None:
    bridge = Bridge()
    five(bridge)
    do(bridge.notify_agent_started("other", "a"))
    assert len(bridge.get_events_by_type("agent_started")) == 2
    assert len(bridge.get_events_for_run("other")) == 1
    bridge.clear_events()
    assert bridge.events == bridge.events_sent == []
    assert len(bridge.session().events) == 6


def test_two_bridges_on_one_mock_fail_apart() -> None:
    mock = rws.MockWebSocketManager()
    broken, whole = Bridge(mock, should_fail=True, when_lost="return_false"), Bridge(mock)
    do(broken.notify_agent_started("one", "a"), whole.notify_agent_started("two", "a"))
    assert (broken.events, len(whole.events)) == ([], 1)
    assert broken.session().digest == whole.session().digest


def test_a_bridge_takes_the_fields_of_a_mock() -> None:
    bridge = Bridge(latency_ms=500)
    five(bridge)
    assert bridge.now == 2.5


@pytest.mark.parametrize(
    "wrong",
    [
        {"returns": False},
        {"when_lost": "maybe"},
        {"mock": object()},
        {"mock": rws.MockWebSocketManager(), "latency_ms": 3},
        {"colour": "red"},
    ],
)
def test_a_wrong_option_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        Bridge(**wrong)
