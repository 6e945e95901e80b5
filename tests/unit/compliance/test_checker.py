"""What the checker finds, and what it costs."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from replay_ws.clock import ms
from replay_ws.compliance import (
    Finding,
    Report,
    Severity,
    check,
    parse_profile,
    required_events,
    required_share,
)
from replay_ws.errors import ConfigError
from replay_ws.events.encoding import encode
from replay_ws.events.log import Op
from replay_ws.events.model import Event
from tests.helpers import event

FIVE = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]


def told(*types: str) -> list[Event]:
    """Events of these types, of one tool; ``type/name`` gives another."""
    events = []
    for at, text in enumerate(types):
        name, _, tool = text.partition("/")
        events.append(event(name, at=ms(at), data={"tool_name": tool or "search"}))
    return events


def judged(*types: str) -> Report:
    report = check(told(*types), profile="agent5")
    json.dumps(report.to_dict())
    return report


def rules(report: Report) -> list[str]:
    return [finding.rule.value for finding in report.findings]


def test_a_whole_run_scores_one() -> None:
    report = judged(*FIVE)
    assert report.score == 1.0
    assert report.ok
    assert report.findings == ()
    assert report.by_connection == {"t1": 1.0}
    assert report.lines() == ["agent5 1.000: 16.00 of 16 checks; no findings"]


def test_nothing_scores_nothing() -> None:
    report = judged()
    assert report.score == report.required_share == 0.0
    assert not report.ok
    assert rules(report) == ["required"] * 5
    assert report.by_connection == {}


START, THINK, TOOL, DONE, END = FIVE


@pytest.mark.parametrize(
    ("story", "required", "broken"),
    [
        ([START, TOOL, DONE, END], 0.8, {"required"}),
        ([START, THINK, TOOL], 0.6, {"required", "pairs", "terminal"}),
        ([START, THINK, DONE, TOOL, END], 1.0, {"order", "pairs"}),
        ([START, THINK, TOOL, DONE, TOOL, END], 1.0, {"pairs"}),
        ([*FIVE, END], 1.0, {"at_most_once", "after_terminal"}),
        ([*FIVE, THINK], 1.0, {"after_terminal"}),
        ([THINK, START, TOOL, DONE, END], 1.0, {"first", "order"}),
        (FIVE[::-1], 1.0, {"first", "order", "pairs", "required", "terminal", "after_terminal"}),
        ([START, THINK, "x", "y", "z", TOOL, DONE, END], 1.0, {"known"}),
        ([START, *[THINK] * 1000, TOOL, DONE, TOOL, END], 1.0, {"pairs"}),
    ],
    ids=[
        "a required event is missing",
        "the end is missing",
        "a tool completes before it executes",
        "a tool never completes",
        "the end comes twice",
        "something follows the end",
        "the start is not first",
        "everything is reversed",
        "unknown events",
        "one lost event among a thousand",
    ],
)
def test_every_bad_story_is_told_from_the_good_one(
    story: list[str], required: float, broken: set[str]
) -> None:
    report = judged(*story)
    assert set(rules(report)) == broken
    assert report.score < 0.99
    assert report.required_share == required
    assert report.ok is (broken == {"known"})


def test_a_profile_that_only_requires_scores_the_share_of_what_came() -> None:
    profile = parse_profile(f'name = "five"\nrequired = {json.dumps(FIVE)}')
    for count in range(6):
        report = check(told(*FIVE[:count]), profile=profile)
        assert report.score == report.required_share == count / 5


def test_the_required_share_is_that_of_a_set_of_types() -> None:
    assert required_share(["agent_started", "agent_started", "x"], "agent5") == 0.2
    assert required_events([END, THINK], "agent5") == {name: name in (END, THINK) for name in FIVE}


def test_a_finding_names_its_event_and_time() -> None:
    (found,) = judged(*FIVE, THINK).findings
    assert (found.number, found.connection, found.time_ns) == (5, "t1", ms(5))
    assert str(found) == (
        "error after_terminal (#5, t1, at 5 ms): agent_thinking came after the end"
    )


def test_a_tool_that_never_completes_is_named_where_it_began() -> None:
    (found,) = judged(START, THINK, TOOL, DONE, "tool_executing/fetch", END).findings
    assert (found.number, found.message) == (4, 'tool_executing "fetch" was never closed')


def test_a_tool_error_closes_its_tool() -> None:
    assert judged(*FIVE[:4], TOOL, "tool_error", END).score == 1.0


def test_tools_pair_by_name_also_side_by_side() -> None:
    calls = ["tool_executing/a", "tool_executing/b", "tool_completed/a", "tool_completed/b"]
    assert judged(START, THINK, *calls, END).ok
    assert rules(judged(START, THINK, *calls[:2], calls[2], calls[2], END)) == ["pairs", "pairs"]


def test_a_tool_without_a_name_pairs_with_any_and_is_a_warning() -> None:
    events = told(*FIVE)
    events[3] = event(DONE, data={})
    report = check(events, profile="agent5")
    assert [(f.rule.value, f.severity, f.message) for f in report.findings] == [
        ("fields", Severity.WARNING, "tool_completed has no tool name")
    ]
    assert report.ok
    assert 0.9 < report.score < 1.0


def test_a_second_run_begins_after_the_end_of_the_first() -> None:
    assert judged(*FIVE, *FIVE).score == 1.0
    assert judged(*FIVE, "final_report", *FIVE).score == 1.0


def test_runs_are_told_apart_by_their_ids_wherever_they_stand() -> None:
    def of(run: str) -> list[Event]:
        flat = [event(t, run_id=run, tool_name="x", payload={}) for t in FIVE[:3]]
        return flat + [event(t, data={"run_id": run, "tool": "x"}) for t in FIVE[3:]]

    mixed = [one for pair in zip(of("r1"), of("r2"), strict=True) for one in pair]
    assert check(mixed, profile="agent5").score == 1.0
    twice = [*of("r1")[:1], *of("r1")]
    (found,) = check(twice, profile="agent5").findings
    assert (found.rule.value, found.run, found.number) == ("at_most_once", "r1", 1)


def test_events_without_a_run_id_belong_to_the_run_of_their_thread() -> None:
    events = told(*FIVE)
    for number in (0, 4):
        events[number] = event(FIVE[number], payload={"run_id": "r1"})
    assert check(events, profile="agent5").score == 1.0
    late = [event(START, payload={}), *events[1:]]
    assert check(late, profile="agent5").score == 1.0


def test_connections_are_scored_each_and_together() -> None:
    whole = told(*FIVE)
    half = [event(t, connection="t2", data={"tool_name": "x"}) for t in FIVE[:2]]
    report = check([*whole, *half], profile="agent5")
    assert report.by_connection["t1"] == 1.0
    assert report.by_connection["t2"] < report.score < 1.0
    assert report.required_share == 1.0
    assert {finding.connection for finding in report.findings} == {"t2"}


def test_an_envelope_is_opened() -> None:
    events = [
        event("system_message", event=t, payload={"run_id": "r1", "tool_name": "x"}) for t in FIVE
    ]
    assert check(events, profile="agent5").score == 1.0


def test_traffic_of_the_transport_is_passed_over() -> None:
    assert judged("ping", *FIVE, "heartbeat").score == 1.0


def test_what_a_client_asks_is_not_judged() -> None:
    asked = event("user_message", upstream=True)
    assert check([asked, *told(*FIVE)], profile="agent5").score == 1.0
    assert check([asked], profile="agent5").by_connection == {}


def test_control_frames_are_not_judged() -> None:
    ping = event(op=Op.PING, body=b"")
    assert check([ping, *told(*FIVE)], profile="agent5").score == 1.0


@pytest.mark.parametrize(
    ("op", "body", "message"),
    [
        (Op.TEXT, "{", "the message is no JSON object"),
        (Op.TEXT, '["agent_started"]', "the message is no JSON object"),
        (Op.TEXT, '{"type": 7}', "the message has no type"),
        (
            Op.TEXT,
            '{"type": "agent_thinking", "n": NaN}',
            "agent_thinking holds the number nan, which JSON cannot say",
        ),
        (
            Op.OBJECT,
            encode({"type": THINK, "at": datetime(2026, 1, 1)}),
            "agent_thinking holds a datetime, which JSON cannot say",
        ),
        (Op.OBJECT, b"\xc1", "the message is no JSON object"),
        (Op.OBJECT, encode(None), "the message is no JSON object"),
    ],
)
def test_a_malformed_event_is_an_error(op: Op, body: str | bytes, message: str) -> None:
    report = check([*told(*FIVE[:2]), event(op=op, body=body), *told(*FIVE[2:])], profile="agent5")
    (found,) = report.findings
    assert (found.rule.value, found.severity, found.number) == ("format", Severity.ERROR, 2)
    assert found.message == message


def test_an_unknown_type_is_one_warning_however_often_it_comes() -> None:
    (found,) = judged(START, THINK, TOOL, DONE, *["\x1b[31m"] * 3, END).findings
    assert found.severity is Severity.WARNING
    assert found.message == 'unknown type "\\u001b[31m" (3 times)'


def test_aliases_severities_and_weights_are_the_profiles_own() -> None:
    profile = parse_profile(
        """
        name = "mine"
        format = true
        required = ["a", "b"]
        at_most_once = ["a"]
        [aliases]
        A = "a"
        [severity]
        at_most_once = "warning"
        [weights]
        required = 3
        format = 0
        """
    )
    report = check(told("A", "a", "b"), profile=profile)
    assert report.ok
    assert report.required == {"a": True, "b": True}
    assert report.score == pytest.approx((3 + 3 + 0.5) / 7)


def test_a_profile_without_rules_about_events_scores_zero_for_none() -> None:
    assert check([], profile=parse_profile('name = "empty"')).score == 0.0


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="agent5"):
        check([], profile="agent6")


def test_a_finding_without_a_place_still_reads() -> None:
    found = judged().findings[0]
    assert isinstance(found, Finding)
    assert str(found) == "error required: agent_started never came"
