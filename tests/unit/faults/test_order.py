"""One agent run at a time per connection."""

from __future__ import annotations

import pytest

from replay_ws.faults.order import RunOrder


def after(*events: str) -> RunOrder:
    order = RunOrder()
    for event in events:
        assert order.allows(event), event
        order.note(event)
    return order


WHOLE = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")


def test_a_whole_run_may_be_followed_by_another() -> None:
    after(*WHOLE, *WHOLE)


@pytest.mark.parametrize("event", WHOLE[1:])
def test_nothing_of_a_run_comes_before_its_start(event: str) -> None:
    assert not after().allows(event)
    assert not after(*WHOLE).allows(event)


def test_a_run_does_not_start_twice() -> None:
    assert not after("agent_started").allows("agent_started")


def test_a_tool_completes_only_as_often_as_it_was_executing() -> None:
    assert not after("agent_started").allows("tool_completed")
    assert not after("agent_started", "tool_executing", "tool_completed").allows("tool_completed")
    assert after("agent_started", "tool_executing", "tool_executing", "tool_error").allows(
        "tool_completed"
    )


def test_open_tools_do_not_reach_into_the_next_run() -> None:
    order = after("agent_started", "tool_executing", "agent_error", "agent_started")
    assert not order.allows("tool_completed")


@pytest.mark.parametrize("event", ["", "token", "agent_update"])
def test_other_types_are_free(event: str) -> None:
    assert after().allows(event)
    assert after("agent_started").allows(event)


def test_asking_changes_nothing() -> None:
    order = after()
    assert order.allows("agent_started")
    assert order.allows("agent_started")
