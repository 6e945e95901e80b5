"""Streams that others recorded or made, each judged by the profile of its protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from replay_ws.compliance import check
from replay_ws.compliance.dispatch import rules_of
from replay_ws.compliance.loading import load_profile
from replay_ws.events.model import Event
from tests.helpers import event

STREAMS = Path(__file__).parents[2] / "data" / "streams"


def sent(message: Any, *, upstream: bool = False) -> Event:
    return event(body=json.dumps(message), upstream=upstream)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


# --- OpenAI Realtime -------------------------------------------------------------------------


def realtime(name: str) -> list[list[Event]]:
    """The connections of a recorded session; a new one begins with its ``session.created``."""
    path = STREAMS / "realtime" / name
    if path.suffix == ".jsonl":  # a tap on the wire
        return [[event(body=row["x"], upstream=row["d"] == ">") for row in lines(path)]]
    messages = yaml.safe_load(path.read_text("utf-8"))["interactions"]
    connections: list[list[Event]] = []
    for message in messages:
        if message["kind"] == "message":
            if message["data"].get("type") == "session.created":
                connections.append([])
            connections[-1].append(sent(message["data"], upstream=message["direction"] == "sent"))
    return connections


REALTIME = sorted(
    path.name for path in (STREAMS / "realtime").iterdir() if path.suffix in (".yaml", ".jsonl")
)


DIALECT = {
    "xai_ws__test_session_resumption_after_drop.yaml": ['unknown type "ping"'],
    "xai_ws__test_tool_call_round.yaml": ['unknown type "ping"'],
}
"""What is right to warn of: one vendor's server keeps the connection alive by events of its own."""


@pytest.mark.parametrize("name", REALTIME)
def test_each_realtime_session_keeps_the_protocol(name: str) -> None:
    for events in realtime(name):
        report = check(events, profile="openai-realtime")
        assert [found.message for found in report.findings] == DIALECT.get(name, [])
        assert report.ok


# --- others --------------------------------------------------------------------------------------


def of_agents_sdk() -> list[Event]:
    """Two responses of the Responses API, as the Agents SDK passes them on."""
    rows = lines(STREAMS / "responses" / "openai_agents_stream.jsonl")
    return [sent(row["data"]) for row in rows if row["type"] == "raw_response_event"]


def of_lines(path: Path) -> list[Event]:
    return [sent(row) for row in lines(path)]


OTHERS = {
    "scripted responses": ("openai-responses-stream", of_agents_sdk()),
    "a response with MCP calls": (
        "openai-responses-stream",
        of_lines(STREAMS / "responses" / "openai-mcp-tool.1.chunks.txt"),
    ),
    "a graph with parallel nodes": (
        "langgraph-v3",
        of_lines(STREAMS / "langgraph" / "events_v3.jsonl"),
    ),
    "an A2A task": ("a2a-stream", of_lines(STREAMS / "a2a" / "a2a_stream.jsonl")),
}


@pytest.mark.parametrize("name", OTHERS)
def test_each_recorded_stream_keeps_its_protocol(name: str) -> None:
    profile, events = OTHERS[name]
    report = check(events, profile=profile)
    assert [str(found) for found in report.findings] == []
    assert report.score == 1.0


# --- what is found when they are broken ----------------------------------------------------------


def broken(profile: str, events: list[Event], mistake: str) -> set[str]:
    """What is found where the first of a type is lost, comes twice, or comes last."""
    done, type = mistake.split()
    types = [rules_of(load_profile(profile)).type_of(each.payload) for each in events]
    at = types.index(type)
    before, one, after = events[:at], events[at], events[at + 1 :]
    made = {
        "lost": [*before, *after],
        "doubled": [*before, one, one, *after],
        "late": [*before, *after, one],
    }
    report = check(made[done], profile=profile)
    return {f"{found.rule.value} {found.subject}".strip() for found in report.findings}


TALK = ("openai-realtime", realtime("openai_ws__test_tool_call_round.yaml")[0])
MCP = OTHERS["a response with MCP calls"]
TASK = OTHERS["an A2A task"]
GRAPH = OTHERS["a graph with parallel nodes"]

MISTAKES = [
    (TALK, "lost session.created", {"first"}),
    (
        TALK,
        "lost response.created",
        {"scopes response", "scopes active response", "scopes item inside"},
    ),
    (TALK, "lost response.done", {"scopes response at end", "scopes active response reopened"}),
    (TALK, "lost response.output_item.added", {"scopes item", "scopes arguments inside"}),
    (TALK, "lost response.output_text.delta", {"scopes text concat"}),
    (TALK, "lost response.function_call_arguments.delta", {"scopes arguments concat"}),
    (TALK, "lost response.content_part.done", {"scopes part closed"}),
    (
        TALK,
        "doubled response.created",
        {"scopes response reopened", "scopes active response reopened"},
    ),
    (TALK, "doubled response.output_text.delta", {"scopes text concat"}),
    (TALK, "late response.output_item.done", {"scopes item closed"}),
    (MCP, "lost response.in_progress", {"sequence gap"}),
    (MCP, "lost response.completed", {"terminal"}),
    (MCP, "doubled response.output_item.done", {"scopes item", "sequence duplicate"}),
    (MCP, "late response.created", {"first", "sequence gap", "terminal"}),
    (TASK, "lost task", {"protocol", "scopes task"}),
    (TASK, "lost status.end", {"protocol"}),
    (TASK, "lost artifact", {"scopes artifact"}),
    (TASK, "late artifact.more", {"after_terminal", "protocol", "scopes artifact", "scopes task"}),
    (GRAPH, "lost content-block-delta", {"sequence gap", "scopes block concat"}),
    (GRAPH, "lost message-start", {"sequence gap", "scopes message", "scopes block inside"}),
    (GRAPH, "doubled values", {"sequence duplicate"}),
]


@pytest.mark.parametrize(("stream", "mistake", "found"), MISTAKES)
def test_one_mistake_in_a_recorded_stream_is_found(
    stream: tuple[str, list[Event]], mistake: str, found: set[str]
) -> None:
    assert broken(*stream, mistake) == found
