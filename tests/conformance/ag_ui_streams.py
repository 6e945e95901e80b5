"""AG-UI streams of what recorded ones lack: subagents and what is theirs, several runs, errors."""

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
    "SUCCESS": {"type": "success"},
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

WRITTEN: dict[str, Stream] = {
    "subagents": told(BEGIN, *SUBAGENTS, END),
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
        BEGIN, *SUBAGENTS, END, BEGIN, *SUBAGENTS, "SUBAGENT_STARTED subagentRunId=s9 name=n"
    ),
    "a run after one that failed": told(
        BEGIN, "TEXT_MESSAGE_START messageId=m1", "RUN_ERROR message=m", BEGIN, END
    ),
    "a run that failed when it was over": told(BEGIN, END, "RUN_ERROR message=m", BEGIN, END),
    "a run that failed at once": told("RUN_ERROR message=m", BEGIN, END),
    "a type of the future": told(BEGIN, "FUTURE", "STATE_SNAPSHOT snapshot=NOTHING", END),
}
