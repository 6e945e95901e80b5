"""The WebSocket chat transport of the AI SDK: requests side by side, each with a sequence."""

from __future__ import annotations

from typing import Any

import pytest

from replay_ws.compliance import check
from replay_ws.compliance.report import Report
from tests.helpers import event

PROFILE = "vercel-ws-chat-transport"
SENT = {"id": "chat-1", "trigger": "submit-message", "headers": {}, "body": {}, "messages": []}


def judged(*frames: tuple[str, str] | tuple[str, str, dict[str, Any]]) -> Report:
    """What the profile says of frames: type, request, and more."""
    return check(
        [
            event(type, requestId=request, **dict(*more), upstream=type in ("send", "resume"))
            for type, request, *more in frames
        ],
        profile=PROFILE,
    )


def chunk(request: str, sequence: int) -> tuple[str, str, dict[str, Any]]:
    part = {"type": "text-delta", "id": "t", "delta": "x"}
    return "chunk", request, {"sequence": sequence, "chunk": part}


GOOD = [
    *(("send", "a", SENT), ("send", "b", SENT), ("start", "a"), chunk("a", 0), ("start", "b")),
    *(chunk("b", 0), chunk("a", 1), ("end", "a"), chunk("b", 1), ("error", "b")),
]


def test_requests_side_by_side_are_told_apart() -> None:
    report = judged(*GOOD)
    assert report.findings == ()
    assert report.score == 1.0


@pytest.mark.parametrize(
    ("lost", "found", "ok"),
    [
        (0, [], True),  # who began to look later
        (2, [], True),  # a chunk says as much as a start
        (3, ["sequence"], False),
        (7, ["terminal"], True),
    ],
)
def test_one_lost_frame_is_found_where_it_matters(lost: int, found: list[str], ok: bool) -> None:
    report = judged(*GOOD[:lost], *GOOD[lost + 1 :])
    assert [finding.rule.value for finding in report.findings] == found
    assert report.ok is ok


def test_a_chunk_that_came_already_is_passed_over_and_a_gap_is_not() -> None:
    assert judged(("start", "a"), chunk("a", 0), chunk("a", 0), ("end", "a")).ok
    gap = judged(("start", "a"), chunk("a", 0), chunk("a", 2), ("end", "a"))
    assert [(each.rule.value, each.number) for each in gap.findings] == [("sequence", 2)]
    assert not gap.ok


def test_what_has_ended_says_no_more() -> None:
    report = judged(("start", "a"), ("end", "a"), chunk("a", 0))
    assert [(each.rule.value, each.number) for each in report.findings] == [("after_terminal", 2)]
    assert report.ok


def test_an_unknown_frame_and_one_without_a_request_are_errors() -> None:
    assert not judged(("begin", "a"), ("end", "a")).ok
    assert not check([event("start"), event("end")], profile=PROFILE).ok
