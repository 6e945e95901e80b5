"""Of a conversation that makes a program fail, the messages that matter are left."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

import replay_ws as rws

TALK = [
    *({"type": "user_message", "text": f"question {number}"} for number in range(60)),
    {"type": "stop"},
    *({"type": "user_message", "text": f"more {number}"} for number in range(60)),
    {"type": "resume", "after": 7},
    {"type": "user_message", "text": "and?"},
]


async def server(messages: list[dict[str, Any]]) -> None:
    """A server that cannot be resumed once it was stopped."""
    mock = rws.MockWebSocketManager()
    is_stopped = False
    for message in messages:
        await mock.receive_from_thread("thread-1", message)
        is_stopped |= message["type"] == "stop"
        if message["type"] == "resume":
            assert not is_stopped, "resumed after a stop"


async def forgetful(messages: list[dict[str, Any]]) -> None:
    """A client that does not mind what is lost, unless it is the second message."""
    mock = rws.MockWebSocketManager()
    for message in messages:
        await mock.send_to_thread("thread-1", message)
    lost = [each for each in mock.session().events if each.outcome is not rws.Fate.DELIVERED]
    assert not any(each.payload["n"] == 1 for each in lost), "the second is lost"


def test_only_what_matters_is_left_in_its_order() -> None:
    assert rws.shrink_messages(server, TALK) == [{"type": "stop"}, {"type": "resume", "after": 7}]


def test_a_session_stands_for_what_its_clients_said(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as failed:
        rws.run(partial(server, TALK), record=tmp_path / "talk.rws")
    session = failed.value.session  # type: ignore[attr-defined]
    few = [{"type": "stop"}, {"type": "resume", "after": 7}]
    assert rws.shrink_messages(server, session, failed.value) == few
    assert rws.shrink_messages(server, tmp_path / "talk.rws") == few


def test_the_faults_of_the_failure_stay() -> None:
    messages = [{"type": f"kind-{n}", "n": n} for n in range(20)]
    found = rws.hunt(
        partial(forgetful, messages), seeds=range(200), modes=["packet_loss"], executor="here"
    )
    assert rws.shrink_messages(forgetful, messages, found.failures[0]) == [messages[1]]


def test_a_program_that_passes_with_all_of_them_is_said() -> None:
    with pytest.raises(rws.ProgramError, match="it passes with all 3 messages"):
        rws.shrink_messages(server, TALK[:3])
