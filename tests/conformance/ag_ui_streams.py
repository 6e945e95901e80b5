"""AG-UI streams of what recorded ones lack: subagents, chunks, several runs, errors, old names."""

from __future__ import annotations

from typing import Any

from tests.conformance.mutants import Stream


def told(*lines: str) -> Stream:
    """``"TEXT_MESSAGE_START messageId=m1 subagentRunId=s1"`` as an event."""
    return [_event(*line.split()) for line in lines]


def _event(type: str, *fields: str) -> dict[str, Any]:
    values: dict[str, Any] = {"type": type}
    for key, _, value in (field.partition("=") for field in fields):
        values[key] = WHOLE.get(value, value)
    return values


WHOLE: dict[str, Any] = {
    "NOTHING": {},
    "NO_PATCH": [],
    "NULL": None,
    "SUCCESS": {"type": "success"},
    "INTERRUPT": {"type": "interrupt", "interrupts": [{"id": "i", "subagentRunId": None}]},
    "HISTORY": [
        {"id": "m1", "role": "assistant", "toolCalls": [{"id": "c1", "type": "function"}]},
        {"id": "m2", "role": "assistant", "subagentRunId": "s1"},
        {"id": "q1", "role": "reasoning", "subagentRunId": "s1"},
        {"id": "a1", "role": "activity", "subagentRunId": "s2"},
    ],
}
"""Values that are more than a word."""

BEGIN, END = "RUN_STARTED threadId=t runId=r", "RUN_FINISHED threadId=t runId=r"

SUBAGENTS = (
    "TEXT_MESSAGE_START messageId=m1",
    "TEXT_MESSAGE_CONTENT messageId=m1 delta=a",
    "TEXT_MESSAGE_END messageId=m1",
    "TOOL_CALL_START toolCallId=c1 toolCallName=task parentMessageId=m1",
    "TOOL_CALL_ARGS toolCallId=c1 delta={}",
    "TOOL_CALL_END toolCallId=c1",
    "STEP_STARTED stepName=tools",
    "SUBAGENT_STARTED subagentRunId=s1 name=n parentToolCallId=c1",
    "STEP_STARTED stepName=tools subagentRunId=s1",
    "TEXT_MESSAGE_START messageId=m2 subagentRunId=s1",
    "TEXT_MESSAGE_CONTENT messageId=m2 delta=b subagentRunId=s1",
    "SUBAGENT_STARTED subagentRunId=s2 name=n parentSubagentRunId=s1",
    "REASONING_START messageId=q1 subagentRunId=s2",
    "REASONING_MESSAGE_START messageId=q1 role=reasoning subagentRunId=s2",
    "REASONING_MESSAGE_CONTENT messageId=q1 delta=x",
    "REASONING_MESSAGE_END messageId=q1 subagentRunId=s2",
    "REASONING_END messageId=q1",
    "REASONING_ENCRYPTED_VALUE subtype=message entityId=q1 encryptedValue=z subagentRunId=s2",
    "ACTIVITY_SNAPSHOT messageId=a1 activityType=P content=NOTHING subagentRunId=s2",
    "ACTIVITY_DELTA messageId=a1 activityType=P patch=NO_PATCH subagentRunId=s2",
    "TEXT_MESSAGE_END messageId=m2",
    "TOOL_CALL_START toolCallId=c2 toolCallName=x parentMessageId=m2 subagentRunId=s1",
    "TOOL_CALL_ARGS toolCallId=c2 delta={} subagentRunId=s1",
    "TOOL_CALL_END toolCallId=c2 subagentRunId=s1",
    "REASONING_ENCRYPTED_VALUE subtype=tool-call entityId=c2 encryptedValue=z subagentRunId=s1",
    "TOOL_CALL_RESULT messageId=m3 toolCallId=c2 content=ok subagentRunId=s1",
    "SUBAGENT_FINISHED subagentRunId=s2 outcome=SUCCESS",
    "STEP_FINISHED stepName=tools subagentRunId=s1",
    "SUBAGENT_ERROR subagentRunId=s1 message=m code=c",
    "STEP_FINISHED stepName=tools",
    "SUBAGENT_STARTED subagentRunId=s3 name=late parentSubagentRunId=s1",
    "SUBAGENT_FINISHED subagentRunId=s3",
    "TOOL_CALL_RESULT messageId=m4 toolCallId=c1 content=ok",
)

CHUNKS = (
    "TEXT_MESSAGE_CHUNK messageId=k1 role=assistant delta=a",
    "TEXT_MESSAGE_CHUNK delta=b",
    "TEXT_MESSAGE_CHUNK messageId=k1 delta=c",
    "TOOL_CALL_CHUNK toolCallId=k2 toolCallName=x parentMessageId=k1 delta={",
    "TOOL_CALL_CHUNK delta=}",
    "TOOL_CALL_CHUNK toolCallId=k2 delta=",
    "STATE_SNAPSHOT snapshot=NOTHING",
    "REASONING_MESSAGE_CHUNK messageId=k3 delta=a",
    "REASONING_MESSAGE_CHUNK delta=b",
    "TEXT_MESSAGE_START messageId=k4",
    "TEXT_MESSAGE_CONTENT messageId=k4 delta=c",
    "TEXT_MESSAGE_END messageId=k4",
    "TEXT_MESSAGE_CHUNK messageId=k5 delta=a",
)

LANES = (
    "SUBAGENT_STARTED subagentRunId=s1 name=n",
    "SUBAGENT_STARTED subagentRunId=s2 name=n",
    "TEXT_MESSAGE_CHUNK messageId=k1 delta=a subagentRunId=s1",
    "TEXT_MESSAGE_CHUNK messageId=k2 delta=a subagentRunId=s2",
    "TEXT_MESSAGE_CHUNK delta=b subagentRunId=s1",
    "RAW event=NOTHING",
    "TEXT_MESSAGE_CHUNK messageId=k2 delta=b",
    "TOOL_CALL_CHUNK toolCallId=k3 toolCallName=x delta={} subagentRunId=s1",
    "TEXT_MESSAGE_CHUNK delta=c",
    "TEXT_MESSAGE_CHUNK messageId=k4 delta=a",
    "TEXT_MESSAGE_CHUNK delta=b",
    "SUBAGENT_FINISHED subagentRunId=s1",
    "SUBAGENT_ERROR subagentRunId=s2 message=m",
)

RETIRED = told(
    BEGIN,
    "THINKING_START title=x",
    "THINKING_TEXT_MESSAGE_START",
    "THINKING_TEXT_MESSAGE_CONTENT delta=a",
    "THINKING_TEXT_MESSAGE_CONTENT delta=b",
    "THINKING_TEXT_MESSAGE_END",
    "THINKING_END",
    "THINKING_START",
    "THINKING_END",
    END,
)
"""Reasoning by its names before 1.0."""

WRITTEN: dict[str, Stream] = {
    "subagents": told(BEGIN, *SUBAGENTS, END),
    "chunks": told(BEGIN, *CHUNKS, END),
    "chunks in lanes": told(BEGIN, *LANES, END),
    "history": told(
        BEGIN,
        "MESSAGES_SNAPSHOT messages=HISTORY",
        "TOOL_CALL_RESULT messageId=m3 toolCallId=c1 content=x",
        "TEXT_MESSAGE_START messageId=m2 subagentRunId=s1",
        "TEXT_MESSAGE_END messageId=m2",
        "REASONING_ENCRYPTED_VALUE subtype=message entityId=q1 encryptedValue=z subagentRunId=s1",
        "ACTIVITY_DELTA messageId=a1 activityType=P patch=NO_PATCH subagentRunId=s2",
        END,
    ),
    "two runs": told(
        BEGIN, *SUBAGENTS, END, BEGIN, *CHUNKS, "SUBAGENT_STARTED subagentRunId=s9 name=n"
    ),
    "a run after one that failed": told(
        BEGIN, "TEXT_MESSAGE_START messageId=m1", "RUN_ERROR message=m", BEGIN, END
    ),
    "a run that failed when it was over": told(BEGIN, END, "RUN_ERROR message=m", BEGIN, END),
    "a run that failed at once": told("RUN_ERROR message=m", BEGIN, END),
    "a type of the future": told(BEGIN, "FUTURE", "STATE_SNAPSHOT snapshot=NOTHING", END),
}

OTHERWISE: dict[str, Stream] = {
    "a retired name opens twice: it has no id, and the client makes up one each time": told(
        BEGIN, "THINKING_START", "THINKING_START", "THINKING_END", END
    ),
    "null is an id, and not the one of what has none; to us both name nothing": told(
        BEGIN, "TEXT_MESSAGE_START", "TEXT_MESSAGE_END messageId=NULL", END
    ),
    "a call of the history is the parent's, as is its message; we know only the message": told(
        BEGIN,
        "MESSAGES_SNAPSHOT messages=HISTORY",
        "TOOL_CALL_START toolCallId=c1 toolCallName=x subagentRunId=s1",
        "TOOL_CALL_END toolCallId=c1",
        END,
    ),
    "a result takes the id of a message that chunks are still making": told(
        BEGIN,
        "TEXT_MESSAGE_CHUNK messageId=k1 delta=a subagentRunId=s1",
        "TOOL_CALL_RESULT messageId=k1 toolCallId=c1 content=x",
        "TEXT_MESSAGE_CHUNK delta=b subagentRunId=s1",
        END,
    ),
    "an interrupt in the outcome of a run has null for its subagent": told(
        BEGIN, "RUN_FINISHED threadId=t runId=r outcome=INTERRUPT"
    ),
}
"""Streams on which the client decides otherwise than the profile, by what is otherwise."""
