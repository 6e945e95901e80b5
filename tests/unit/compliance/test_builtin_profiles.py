"""One mistake in a recorded stream: which rule of its profile finds it, and at which event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import pytest

from replay_ws.compliance import Severity, check
from replay_ws.events.log import Direction
from replay_ws.events.model import Event
from tests.unit.compliance.recorded import (
    mutants,
    of_agents_sdk,
    realtime,
    renamed,
    renumbered,
    sent,
    stream,
    types_of,
)

Remade: TypeAlias = Callable[[Sequence[Event]], list[Event]]
"""What makes events of a mistake that its sender made: with numbers and ids that fit."""


def served(name: str) -> list[Event]:
    """What the server says on the first connection of a recorded session."""
    events = realtime(name)[0]
    return [each for each in events if each.direction is Direction.DOWNSTREAM]


# A line: what goes wrong with the first event of a type, and the first error, or warning, that is
# found: the check, and the event that it is found at. ``.done`` is ``response.done``.
#
# What is not there is not found. Nothing says that the configuration of a session or the end of an
# item is told (session.updated, conversation.item.done), nor that the work of a task is
# (status, values); of audio, and of what is appended to an artifact, there is no whole to compare
# with; and of neighbours that say nothing of one another either may be first.

TALK = """
lost session.created: first at session.updated
doubled session.created: at_most_once at session.created
swapped session.created: first at session.updated
lost conversation.item.added: names item at conversation.item.done
swapped conversation.item.added: names item at conversation.item.done
lost .created: scopes item inside at .output_item.added
doubled .created: scopes response reopened at .created
swapped .created: scopes item inside at .output_item.added
lost .output_item.added: scopes arguments inside at .function_call_arguments.delta
doubled .output_item.added: scopes item reopened at .output_item.added
lost .function_call_arguments.delta: scopes arguments concat at .function_call_arguments.done
doubled .function_call_arguments.delta: scopes arguments concat at .function_call_arguments.done
swapped .function_call_arguments.delta: scopes arguments concat at .function_call_arguments.done
lost .function_call_arguments.done: scopes arguments closed at .output_item.done
doubled .function_call_arguments.done: scopes arguments reused at .function_call_arguments.done
lost .output_item.done: scopes item closed at .done
doubled .output_item.done: scopes item at .output_item.done
swapped .output_item.done: scopes item closed at .done
lost .done: scopes response at end at .created
doubled .done: scopes response at .done
lost .content_part.added: scopes text inside at .output_text.delta
doubled .content_part.added: scopes part reopened at .content_part.added
swapped .content_part.added: scopes text inside at .output_text.delta
lost .output_text.delta: scopes text concat at .output_text.done
doubled .output_text.delta: scopes text concat at .output_text.done
swapped .output_text.delta: scopes text concat at .output_text.done
lost .output_text.done: scopes text closed at .content_part.done
doubled .output_text.done: scopes text reused at .output_text.done
swapped .output_text.done: scopes text closed at .content_part.done
lost .content_part.done: scopes part closed at .output_item.done
doubled .content_part.done: scopes part at .content_part.done
"""

VOICE = """
lost session.created: first at session.updated
doubled session.created: at_most_once at session.created
swapped session.created: first at session.updated
lost conversation.item.added: names item at conversation.item.done
swapped conversation.item.added: names item at conversation.item.done
lost .created: scopes item inside at .output_item.added
doubled .created: scopes response reopened at .created
swapped .created: scopes item inside at .output_item.added
lost .output_item.added: scopes part inside at .content_part.added
doubled .output_item.added: scopes item reopened at .output_item.added
lost .content_part.added: scopes transcript inside at .output_audio_transcript.delta
doubled .content_part.added: scopes part reopened at .content_part.added
swapped .content_part.added: scopes transcript inside at .output_audio_transcript.delta
lost .output_audio_transcript.delta: scopes transcript concat at .output_audio_transcript.done
doubled .output_audio_transcript.delta: scopes transcript concat at .output_audio_transcript.done
swapped .output_audio_transcript.delta: scopes transcript concat at .output_audio_transcript.done
lost .output_audio.done: scopes audio closed at .content_part.done
doubled .output_audio.done: scopes audio reused at .output_audio.done
lost .output_audio_transcript.done: scopes transcript closed at .content_part.done
doubled .output_audio_transcript.done: scopes transcript reused at .output_audio_transcript.done
swapped .output_audio_transcript.done: scopes transcript closed at .content_part.done
lost .content_part.done: scopes part closed at .output_item.done
doubled .content_part.done: scopes part at .content_part.done
lost .output_item.done: scopes item closed at .done
doubled .output_item.done: scopes item at .output_item.done
swapped .output_item.done: scopes item closed at .done
lost .done: scopes response at end at .created
doubled .done: scopes response at .done
"""

MCP = """
lost .created: first at .in_progress
doubled .created: at_most_once at .created
swapped .created: first at .in_progress
doubled .in_progress: at_most_once at .in_progress
lost .output_item.added: scopes item at .output_item.done
doubled .output_item.added: scopes item reopened at .output_item.added
swapped .output_item.added: scopes call inside at .mcp_list_tools.in_progress
lost .mcp_list_tools.in_progress: scopes call at .mcp_list_tools.completed
doubled .mcp_list_tools.in_progress: scopes call reopened at .mcp_list_tools.in_progress
swapped .mcp_list_tools.in_progress: scopes call at .mcp_list_tools.completed
lost .mcp_list_tools.completed: scopes call closed at .output_item.done
doubled .mcp_list_tools.completed: scopes call at .mcp_list_tools.completed
swapped .mcp_list_tools.completed: scopes call closed at .output_item.done
lost .output_item.done: scopes item closed at .completed
doubled .output_item.done: scopes item at .output_item.done
lost .mcp_call.in_progress: scopes call at .mcp_call.completed
doubled .mcp_call.in_progress: scopes call reopened at .mcp_call.in_progress
lost .mcp_call_arguments.delta: scopes mcp arguments concat at .mcp_call_arguments.done
doubled .mcp_call_arguments.delta: scopes mcp arguments concat at .mcp_call_arguments.done
swapped .mcp_call_arguments.delta: scopes mcp arguments concat at .mcp_call_arguments.done
lost .mcp_call_arguments.done: scopes mcp arguments closed at .output_item.done
doubled .mcp_call_arguments.done: scopes mcp arguments reused at .mcp_call_arguments.done
lost .mcp_call.completed: scopes call closed at .output_item.done
doubled .mcp_call.completed: scopes call at .mcp_call.completed
swapped .mcp_call.completed: scopes call closed at .output_item.done
lost .content_part.added: scopes text inside at .output_text.delta
doubled .content_part.added: scopes part reopened at .content_part.added
swapped .content_part.added: scopes text inside at .output_text.delta
lost .output_text.delta: scopes text concat at .output_text.done
doubled .output_text.delta: scopes text concat at .output_text.done
swapped .output_text.delta: scopes text concat at .output_text.done
lost .output_text.done: scopes text closed at .content_part.done
doubled .output_text.done: scopes text reused at .output_text.done
swapped .output_text.done: scopes text closed at .content_part.done
lost .content_part.done: scopes part closed at .output_item.done
doubled .content_part.done: scopes part at .content_part.done
swapped .content_part.done: scopes part closed at .output_item.done
lost .completed: terminal at .output_item.done
doubled .completed: after_terminal at .completed
"""

TASK = """
lost task: scopes task at status
doubled task: scopes task reopened at task
swapped task: scopes task at status
lost artifact: scopes artifact at artifact.more
swapped artifact: scopes artifact at artifact.more
swapped artifact.more: scopes artifact at artifact.more
doubled artifact.last: scopes artifact at artifact.last
swapped artifact.last: after_terminal at artifact.last
lost status.end: protocol at artifact.last
doubled status.end: after_terminal at status.end
"""

GRAPH = """
lost message-start: scopes block inside at content-block-start
doubled message-start: scopes message reopened at message-start
swapped message-start: scopes block inside at content-block-start
lost content-block-start: scopes block at content-block-delta
doubled content-block-start: scopes block reopened at content-block-start
swapped content-block-start: scopes block at content-block-delta
lost content-block-delta: scopes block concat at content-block-finish
doubled content-block-delta: scopes block concat at content-block-finish
lost content-block-finish: scopes block closed at message-finish
doubled content-block-finish: scopes block at content-block-finish
swapped content-block-finish: scopes block closed at message-finish
lost message-finish: scopes message at end at message-start
doubled message-finish: scopes message at message-finish
"""

STORIES: dict[str, tuple[str, list[Event], Remade, str]] = {
    "a realtime session with a tool": (
        "openai-realtime",
        served("openai_ws__test_tool_call_round.yaml"),
        partial(renamed, key="event_id"),
        TALK,
    ),
    "a realtime answer that is spoken": (
        "openai-realtime",
        served("openai_ws__test_text_in_audio_out_turn.yaml"),
        partial(renamed, key="event_id"),
        VOICE,
    ),
    "a response with MCP calls": (
        "openai-responses-stream",
        stream("responses/openai-mcp-tool.1.chunks.txt"),
        partial(renumbered, key="sequence_number", start=0),
        MCP,
    ),
    "an A2A task": ("a2a-stream", stream("a2a/a2a_stream.jsonl"), list, TASK),
    "a graph with parallel nodes": (
        "langgraph-v3",
        stream("langgraph/events_v3.jsonl"),
        partial(renumbered, key="seq", start=1),
        GRAPH,
    ),
}


def first_fault(profile: str, events: list[Event]) -> str:
    """The check that finds the first error, or else warning, and the type it is found at."""
    findings = check(events, profile=profile).findings
    found = min(findings, key=lambda found: found.severity is not Severity.ERROR, default=None)
    if found is None:
        return ""
    type = types_of(events, profile)[found.number] if found.number is not None else "the end"
    return f"{found.rule.value} {found.subject}".strip() + f" at {type}"


@pytest.mark.parametrize("story", STORIES)
def test_a_mistake_of_the_sender_is_found_by_the_rule_that_it_breaks(story: str) -> None:
    profile, events, remade, expected = STORIES[story]
    types = types_of(events, profile)
    told = []
    for type in dict.fromkeys(types):
        for mistake, made in mutants(events, types.index(type)):
            fault = first_fault(profile, remade(made))
            if fault:
                told.append(f"{mistake} {type}: {fault}".replace(" response.", " ."))
    assert told == expected.split("\n")[1:-1]


# --- what goes wrong on the way -------------------------------------------------------------------

NUMBERED = {
    "responses": ("openai-responses-stream", of_agents_sdk()[-9:]),
    "a graph": ("langgraph-v3", stream("langgraph/events_v3.jsonl")),
}


@pytest.mark.parametrize("name", NUMBERED)
def test_nothing_of_a_stream_with_numbers_is_lost_doubled_or_late_unseen(name: str) -> None:
    profile, events = NUMBERED[name]
    assert check(events, profile=profile).score == 1.0
    unseen = [
        f"{mistake} {at}"
        for at in range(len(events))
        for mistake, made in mutants(events, at)
        if check(made, profile=profile).ok
    ]
    # A graph says nothing when it is done, so its last event can be lost.
    assert unseen == {"responses": [], "a graph": ["lost 37"]}[name]


def test_no_event_of_a_realtime_server_is_doubled_unseen() -> None:
    events = served("openai_ws__test_text_in_audio_out_turn.yaml")
    for at in range(len(events)):
        made = dict(mutants(events, at))["doubled"]
        findings = check(made, profile="openai-realtime").findings
        assert at + 1 in [found.number for found in findings if found.subject == "event_id unique"]


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("responses", {"type": "response.thought.delta"}),
        ("a graph", {"type": "event", "method": "thoughts", "params": {}}),
    ],
)
def test_an_event_of_a_type_that_is_new_is_a_warning_and_no_gap(
    name: str, new: dict[str, Any]
) -> None:
    profile, events = NUMBERED[name]
    key, start = {"responses": ("sequence_number", 0), "a graph": ("seq", 1)}[name]
    made = renumbered([*events[:4], sent(new), *events[4:]], key, start=start)
    report = check(made, profile=profile)
    assert [(found.rule.value, found.number) for found in report.findings] == [("known", 4)]
    assert report.ok


# --- rules that no recorded stream comes near -----------------------------------------------------


def said(*messages: dict[str, Any]) -> list[Event]:
    """What a client says."""
    return [sent(message, upstream=True) for message in messages]


APPEND = {"type": "input_audio_buffer.append", "audio": "AAAA"}
COMMIT = {"type": "input_audio_buffer.commit"}
CLIENT = {
    "commits nothing": ([COMMIT], "scopes audio buffer at input_audio_buffer.commit"),
    "commits twice": (
        [APPEND, COMMIT, COMMIT],
        "scopes audio buffer at input_audio_buffer.commit",
    ),
    "misspells": ([{"type": "response.craete"}], "known at response.craete"),
    "speaks as a server": ([{"type": "response.created"}], "known at response.created"),
    "appends no audio": ([{**APPEND, "audio": None}], "fields at input_audio_buffer.append"),
    "creates no item": (
        [{"type": "conversation.item.create", "item": {"type": "massage"}}],
        "fields at conversation.item.create",
    ),
    "truncates at no place": (
        [{"type": "conversation.item.truncate", "item_id": "i", "content_index": 0}],
        "fields at conversation.item.truncate",
    ),
    "names two events alike": (
        [
            {"type": "response.create", "event_id": "1"},
            {"type": "response.cancel", "event_id": "1"},
        ],
        "fields event_id unique at response.cancel",
    ),
}


@pytest.mark.parametrize("mistake", CLIENT)
def test_a_mistake_of_a_realtime_client_is_found(mistake: str) -> None:
    messages, fault = CLIENT[mistake]
    assert first_fault("openai-realtime-client", said(*messages)) == fault


def test_a_realtime_client_may_append_and_commit_as_often_as_it_likes() -> None:
    turn = [APPEND, APPEND, COMMIT, {"type": "response.create"}]
    report = check(said(*turn, *turn, APPEND), profile="openai-realtime-client")
    assert report.score == 1.0


def test_names_of_the_realtime_beta_are_judged_as_those_of_today() -> None:
    today = served("openai_ws__test_tool_call_round.yaml")
    old = {
        "response.output_text.delta": "response.text.delta",
        "response.output_text.done": "response.text.done",
    }
    beta = [
        sent({**e.payload, "type": old.get(e.payload["type"], e.payload["type"])}) for e in today
    ]
    assert check(beta, profile="openai-realtime").score == 1.0
    at = [each.payload["type"] for each in beta].index("response.text.delta")
    lost = dict(mutants(beta, at))["lost"]
    fault = first_fault("openai-realtime", lost)
    assert fault == "scopes text concat at response.output_text.done"


def updates(*states: str) -> list[Event]:
    """A task, and what becomes of it; of another task after a ``!``."""
    task = {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_SUBMITTED"}}
    return [sent({"task": task})] + [
        sent(
            {
                "statusUpdate": {
                    "taskId": "other" if state.startswith("!") else "t",
                    "contextId": "c",
                    "status": {"state": f"TASK_STATE_{state.removeprefix('!')}"},
                }
            }
        )
        for state in states
    ]


WORKING = "TASK_STATE_WORKING"
A2A: dict[str, tuple[list[Event], str]] = {
    "a task that is done": (updates("WORKING", "COMPLETED"), ""),
    "a task that asks": (updates("WORKING", "INPUT_REQUIRED"), ""),
    "a task that waits for a login": (updates("AUTH_REQUIRED"), ""),
    "a task that goes on after a login": (updates("AUTH_REQUIRED", "WORKING", "FAILED"), ""),
    "a task that is done at once": (
        [sent({"task": {"id": "t", "status": {"state": "TASK_STATE_COMPLETED"}}})],
        "",
    ),
    "a message": ([sent({"message": {"messageId": "m", "parts": []}})], ""),
    "two messages": ([sent({"message": {"messageId": "m"}})] * 2, ""),
    "two tasks, one after the other": (updates("COMPLETED") * 2, ""),
    "a task without an end": (updates("WORKING"), "protocol at status"),
    "an end that is none": (updates("CANCELED", "WORKING"), "after_terminal at status"),
    "another task": (updates("!WORKING", "COMPLETED"), "scopes task at status"),
    "an update that is none": (
        [*updates(), sent({"statusUpdate": {"taskId": "t", "status": {}}}), *updates("FAILED")[1:]],
        "fields at status",
    ),
    "a state that is none": (updates("BUSY", "FAILED"), "fields at status"),
    "another context": (
        [
            *updates(),
            sent(
                {
                    "statusUpdate": {
                        "taskId": "t",
                        "contextId": "d",
                        "status": {"state": WORKING},
                    }
                }
            ),
            *updates("FAILED")[1:],
        ],
        "scopes task same at status",
    ),
    "none of the four": ([*updates("FAILED"), sent({"kind": "task"})], "format at "),
}


@pytest.mark.parametrize("story", A2A)
def test_a_stream_of_a_task_is_judged_by_its_states(story: str) -> None:
    events, fault = A2A[story]
    assert first_fault("a2a-stream", events) == fault


@pytest.mark.parametrize("story", [story for story in A2A if story != "none of the four"])
def test_a_stream_of_a_task_may_come_as_results_of_json_rpc(story: str) -> None:
    events, fault = A2A[story]
    results = [sent({"jsonrpc": "2.0", "id": 1, "result": each.payload}) for each in events]
    assert first_fault("a2a-stream", results) == fault


@pytest.mark.parametrize("before", [[], updates("WORKING")])
def test_an_error_of_json_rpc_ends_the_stream_of_a_task(before: list[Event]) -> None:
    error = sent({"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "no"}})
    assert first_fault("a2a-stream", [*before, error]) == ""
    late = [*before, error, *updates("WORKING")[1:]]
    assert first_fault("a2a-stream", late) == "after_terminal at status"
