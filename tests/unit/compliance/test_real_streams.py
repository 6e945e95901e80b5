"""Streams that others recorded or made, each judged by the profile of its protocol."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from replay_ws.compliance import Report, check, load_profile
from replay_ws.diff import compare
from replay_ws.diff.causality import causes_of
from replay_ws.events.columns import Columns
from replay_ws.events.log import Direction
from replay_ws.events.model import Event
from tests.helpers import session
from tests.unit.compliance.recorded import STREAMS, of_agents_sdk, realtime, stream

REALTIME = sorted(
    path.name
    for path in (STREAMS / "realtime").iterdir()
    if path.suffix in (".yaml", ".jsonl") and not path.name.startswith("google")
)

PING = 'unknown type "ping"'
AUDIO = "audio was not closed before response.content_part.done"
DIALECTS = {
    "xai_ws__test_session_resumption_after_drop.yaml": [[PING, AUDIO], [PING, AUDIO]],
    "xai_ws__test_tool_call_round.yaml": [[PING, AUDIO, AUDIO]],
}
"""What is right to warn of, for each connection.

xAI's server keeps a connection alive by events of its own, where others use frames of WebSocket,
and it ends a part of an item before the audio of it. A client that throws a part away when it ends
loses the end of the audio there. OpenAI, Azure and Azure Voice Live do neither.
"""


def told(report: Report) -> list[str]:
    """What was found, without names and numbers."""
    return [re.sub(r' ".* 0", open since #\d+,', "", found.message) for found in report.findings]


@pytest.mark.parametrize("name", REALTIME)
def test_each_realtime_server_keeps_the_protocol(name: str) -> None:
    reports = [check(events, profile="openai-realtime") for events in realtime(name)]
    assert [told(report) for report in reports] == DIALECTS.get(name, [[]] * len(reports))
    assert all(report.ok for report in reports)


@pytest.mark.parametrize("name", REALTIME)
def test_each_realtime_client_keeps_the_protocol(name: str) -> None:
    for events in realtime(name):
        report = check(events, profile="openai-realtime-client")
        assert told(report) == []
        assert report.score == 1.0


def test_a_session_of_gemini_speaks_another_protocol_and_each_message_says_so() -> None:
    """Its messages have no type, but a key that says what they are: ``serverContent``."""
    ((*events,),) = realtime("google_ws__test_tool_call_round.yaml")
    answers = [each for each in events if each.direction is Direction.DOWNSTREAM]
    report = check(events, profile="openai-realtime")
    assert not report.ok
    assert told(report) == ["the message has no type"] * len(answers)


OTHERS: dict[str, tuple[str, list[Event]]] = {
    "scripted responses": ("openai-responses-stream", of_agents_sdk()),
    "a response with MCP calls": (
        "openai-responses-stream",
        stream("responses/openai-mcp-tool.1.chunks.txt"),
    ),
    "a graph with parallel nodes": ("langgraph-v3", stream("langgraph/events_v3.jsonl")),
    "an A2A task": ("a2a-stream", stream("a2a/a2a_stream.jsonl")),
}


@pytest.mark.parametrize("name", OTHERS)
def test_each_recorded_stream_keeps_its_protocol(name: str) -> None:
    profile, events = OTHERS[name]
    report = check(events, profile=profile)
    assert told(report) == []
    assert report.score == 1.0


@pytest.mark.parametrize("name", OTHERS)
def test_a_stream_of_another_protocol_is_refused(name: str) -> None:
    own, events = OTHERS[name]
    for profile in {profile: None for profile, _ in OTHERS.values()}:
        assert check(events, profile=profile).ok == (profile == own)


# --- what differs from run to run -----------------------------------------------------------------

IDS = re.compile(r'"(?:\w+_)?(?:id|ns|\w+Id)": "([^"]{4,})"')
TIMES = re.compile(r'("(?:ts|timestamp|expires_at|created_at)": )(?:(\d+)|"(\d+)-)')


def another_run(events: list[Event]) -> list[Event]:
    """The same events, but for ids and times."""
    text = json.dumps([each.payload for each in events])
    for number, id in enumerate(sorted({*IDS.findall(text)}, key=len, reverse=True)):
        text = text.replace(id, f"other-{number:06}")
    text = TIMES.sub(lambda at: at[1] + (f"{int(at[2]) + 9}" if at[2] else '"2031-'), text)
    payloads = json.loads(text)
    return [replace(one, body=json.dumps(new)) for one, new in zip(events, payloads, strict=True)]


RUNS: dict[str, tuple[str, list[Event]]] = {
    **OTHERS,
    **{name: ("openai-realtime", realtime(name)[0]) for name in REALTIME},
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_with_other_ids_and_times_is_the_same_by_its_profile(name: str) -> None:
    profile, events = RUNS[name]
    golden, run = session(*events), session(*another_run(events))
    assert not compare(golden, run).same
    assert compare(golden, run, profile=load_profile(profile)).lines() == []


def test_what_one_side_of_a_realtime_session_says_follows_from_what_the_other_said() -> None:
    """So a tool's result that is sent before its call arrived is another session."""
    told = session(*realtime("openai_ws__test_tool_call_round.yaml")[0])
    profile = load_profile("openai-realtime")
    types = [each.payload["type"] for each in told.delivered()]
    causes = causes_of(Columns.of(told.delivered()), profile)
    assert [
        f"{types[effect]} after {types[cause]}" for effect, (cause,) in sorted(causes.items())
    ] == [
        "session.updated after session.update",
        "response.created after response.create",
        "conversation.item.create after response.function_call_arguments.done",
        "response.created after response.create",
    ]
