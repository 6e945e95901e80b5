"""Sequences, latencies, schemas, protocols and envelopes."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from replay_ws.clock import ms
from replay_ws.compliance import Checker, Report, Severity, check, parse_profile
from replay_ws.errors import ConfigError
from tests.helpers import event


def judged(profile: str, *payloads: str | dict[str, Any], gap_ms: int = 1) -> Report:
    """A string is a type."""
    plain = [{"type": each} if isinstance(each, str) else each for each in payloads]
    events = [event(at=ms(n * gap_ms), **payload) for n, payload in enumerate(plain)]
    return check(events, profile=parse_profile(f'name = "p"\n{profile}'))


def told(report: Report) -> list[tuple[int | None, str]]:
    return [(finding.number, finding.message) for finding in report.findings]


# --- sequences -----------------------------------------------------------------------------

SEQUENCE = '[sequence]\nof = ["chunk"]\nat = "/n"\nstart = 0\n'


def chunks(*numbers: Any, of: str = "a") -> list[dict[str, Any]]:
    return [{"type": "chunk", "n": number, "of": of} for number in numbers]


def test_a_sequence_grows_by_its_step() -> None:
    assert judged(SEQUENCE, *chunks(0, 1, 2)).score == 1.0
    assert judged(SEQUENCE + "step = 2", *chunks(0, 2, 4)).score == 1.0
    assert judged(SEQUENCE.replace("start = 0", ""), *chunks(7, 8)).score == 1.0


def test_a_gap_is_told_once_and_then_counted_from() -> None:
    report = judged(SEQUENCE, *chunks(0, 2, 3, 7))
    assert told(report) == [
        (1, "chunk has number 2, where 1 comes next"),
        (3, "chunk has number 7, where 4 comes next"),
    ]
    assert report.score == pytest.approx((2 / 4 + 1) / 2)


def test_a_duplicate_is_as_the_profile_says() -> None:
    again = chunks(0, 1, 1, 0, 2)
    assert [finding.subject for finding in judged(SEQUENCE, *again).findings] == ["duplicate"] * 2
    assert judged(SEQUENCE + 'duplicate = "warning"', *again).ok
    assert judged(SEQUENCE + 'duplicate = "ok"', *again).score == 1.0


def test_streams_are_counted_each() -> None:
    one, two = chunks(0, 1), chunks(0, 1, of="b")
    mixed = [each for pair in zip(one, two, strict=True) for each in pair]
    assert judged(SEQUENCE + 'per = "/of"', *mixed).score == 1.0
    assert not judged(SEQUENCE, *mixed).ok


def test_an_event_without_its_number_is_a_gap() -> None:
    report = judged(SEQUENCE, "chunk", *chunks("1", 0))
    assert told(report) == [
        (0, "chunk has no number"),
        (1, "chunk has a number that is no integer"),
    ]


# --- latencies -----------------------------------------------------------------------------


def test_a_latency_is_worth_the_budget_by_what_it_took() -> None:
    report = judged("[latency]\nmax_gap_ms = 5", *["a", "b", "c"], gap_ms=20)
    assert report.score == 0.25
    assert told(report) == [(1, "the wait for b took 20 ms, more than 5 ms")]


def test_a_budget_that_is_kept_is_worth_one() -> None:
    profile = 'known = ["a", "b"]\n[latency]\nmax_gap_ms = 20\ntotal_ms = 40'
    assert judged(profile, *["a", "b", "a"], gap_ms=20).score == 1.0
    report = judged(profile, *["a", "b", "a", "b"], gap_ms=20)
    assert told(report) == [(3, "the run took 60 ms, more than 40 ms")]


def test_the_time_between_two_types_has_a_budget() -> None:
    profile = '[latency]\nfirst_token = { from = ["ask"], to = ["token"], within_ms = 10 }'
    assert judged(profile, "ask", "token", "token", gap_ms=10).score == 1.0
    report = judged(profile, "ask", "ask", "token", gap_ms=10)
    assert (report.score, told(report)) == (0.5, [(2, "first_token took 20 ms, more than 10 ms")])
    assert judged(profile, "token").checks == ()


# --- schemas -------------------------------------------------------------------------------

SCHEMA = '[schema]\na = { type = "object", properties = { n = { type = "integer" } } }'


def test_events_keep_the_schema_of_their_type() -> None:
    assert judged(SCHEMA, {"type": "a", "n": 1}).score == 1.0
    report = judged(SCHEMA, {"type": "a", "n": 1}, {"type": "a", "n": "x"})
    (found,) = report.findings
    assert (found.number, found.rule.value, found.subject) == (1, "schema", "a")
    assert found.message.startswith("a does not keep its schema; /n: ")
    assert report.score == 0.5


def test_schemas_of_a_wildcard_hold_for_its_types_too() -> None:
    schemas = '[schema]\n"a.*" = { required = ["n"] }\n"a.x" = { required = ["m"] }'
    assert judged(schemas, {"type": "a.x", "n": 1, "m": 1}, {"type": "a.y", "n": 1}).score == 1.0
    report = judged(schemas, {"type": "a.x", "m": 1})
    assert [finding.subject for finding in report.findings] == ["a.*"]


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="schema a is no JSON Schema"):
        judged('[schema]\na = { type = "text" }', "a")


def test_what_a_finding_quotes_is_short_and_safe_to_print() -> None:
    wide = 'at_most_once = ["x*"]'
    (found,) = judged(wide, *["x\x1b[31m" * 1_000] * 2).findings
    assert len(found.message) <= 1_000
    assert found.message.isprintable()
    schema = "[schema]\na = { properties = { n = { enum = [1] } } }"
    (found,) = judged(schema, {"type": "a", "n": "\x1b[31m" * 1_000}).findings
    assert len(found.message) < 300
    assert found.message.isprintable()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_no_schema_can_speak_of_is_a_fault_of_the_event(value: float) -> None:
    (found,) = judged(SCHEMA, {"type": "a", "n": value}).findings
    assert found.rule.value == "schema"


def test_a_profile_with_schemas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    with pytest.raises(ConfigError, match=r"pip install 'replay-ws\[schema\]'"):
        judged(SCHEMA, "a")


# --- what must come if something else did --------------------------------------------------


def test_a_type_can_be_required_if_another_came() -> None:
    profile = '[required_if]\ncall = ["result", "cost"]'
    assert judged(profile, "call", "result", "cost").score == 1.0
    assert judged(profile, "result").checks == ()
    report = judged(profile, "call", "result")
    assert told(report) == [(None, "cost never came, although call did")]
    assert [check.subject for check in report.checks] == ["call -> cost", "call -> result"]


# --- after the end -------------------------------------------------------------------------


def test_what_may_follow_the_end_can_depend_on_the_end() -> None:
    profile = (
        'terminal = ["done", "error"]\nrestart = ["go"]\n'
        '[after_terminal]\ndone = ["error", "go"]\nerror = ["go"]'
    )
    assert judged(profile, "go", "done", "error", "go", "done").score == 1.0
    assert told(judged(profile, "go", "error", "done")) == [(2, "done came after the end")]


# --- protocols -----------------------------------------------------------------------------

CALLS = 'protocol = "start (call result)* end"'


def test_a_stream_that_keeps_the_protocol_scores_one() -> None:
    assert judged(CALLS, "start", "call", "result", "end").score == 1.0


def test_a_stream_that_does_not_is_told_how_to_mend_it() -> None:
    report = judged(CALLS, "start", "call", "end")
    assert report.score == pytest.approx(1 - 1 / (3 + 2))
    assert told(report) == [(2, "end came where result may come; to mend: delete call #1")]


def test_a_stream_that_ends_early_is_told_what_is_missing() -> None:
    report = judged(CALLS, "start", "call", "result")
    message = "ends where call or end may come; to mend: insert end after #2"
    assert told(report) == [(2, message)]


def test_nothing_may_come_after_the_end_of_a_protocol() -> None:
    report = judged('protocol = "start end"', "start", "end", "end")
    assert told(report) == [(2, "end came where nothing more may come; to mend: delete end #1")]


def test_streams_of_a_run_keep_the_protocol_each() -> None:
    streams = [{"type": t, "of": of} for t in ("start", "end") for of in "ab"]
    assert judged(CALLS + '\nper = "/of"', *streams).score == 1.0
    report = judged(CALLS + '\nper = "/of"', *streams[:3])
    assert [f.message.partition(";")[0] for f in report.findings] == [
        'ends where call or end may come in "b"'
    ]


def test_a_type_of_the_protocol_is_known() -> None:
    report = judged(CALLS + '\nknown = ["note"]', "start", "other", "end")
    assert [(f.rule.value, f.severity) for f in report.findings] == [("known", Severity.WARNING)]


def test_a_stream_too_long_to_be_aligned_is_judged_by_its_first_fault() -> None:
    checker = Checker(parse_profile(f'name = "p"\n{CALLS}'))
    for type in ("start", *["call", "result"] * 50_000, "result", "end"):
        checker.see(type, {})
    (found,) = checker.finish().findings
    assert (found.number, found.message) == (100_001, "result came where call or end may come")


STRANGERS = """strangers = true
first = ["begin"]
terminal = ["end"]
restart = ["begin"]
known = ["more"]
"""


def test_strangers_may_not_be_first_or_after_the_end_if_they_are_events_of_a_run() -> None:
    story = ("a", "begin", "b", "end", "c")
    report = judged(STRANGERS, *story)
    errors = [(f.number, f.message) for f in report.findings if f.severity is Severity.ERROR]
    assert errors == [(0, "begins with a, not with begin"), (4, "c came after the end")]
    assert [f.number for f in report.findings if f.rule.value == "known"] == [0, 2, 4]
    known = next(check for check in report.checks if check.rule.value == "known")
    assert (known.ok, known.total) == (2, 5)
    assert judged(STRANGERS.replace("true", "false"), *story).ok


def test_an_event_without_a_type_is_a_stranger() -> None:
    report = judged(STRANGERS, {"type": ""}, "begin", "end", {"type": 5})
    assert told(report) == [
        (0, "begins with an event without a type, not with begin"),
        (3, "an event without a type came after the end"),
    ]


def test_a_sequence_counts_strangers_if_they_are_events_of_a_run() -> None:
    numbered = STRANGERS + '[sequence]\nof = ["*"]\nat = ["/n"]'
    story = [{"type": type, "n": n} for n, type in enumerate(("begin", "odd", "more", "end"))]
    assert judged(numbered, *story).ok
    assert told(judged(numbered, *story[:1], *story[2:])) == [
        (1, "more has number 2, where 1 comes next")
    ]
    alone = numbered.replace("true", "false")
    assert (2, "more has number 2, where 1 comes next") in told(judged(alone, *story))


def test_what_is_ignored_is_no_stranger() -> None:
    assert judged(STRANGERS + 'ignored = ["ping"]', "ping", "begin", "end", "ping").ok


def test_unknown_types_are_told_apart_up_to_a_bound() -> None:
    report = judged('known = ["a"]', *[f"x{n}" for n in range(520)])
    assert len(report.findings) == 501
    assert report.findings[-1].message == "more of them (20 times)"
    assert (report.checks[0].ok, report.checks[0].total) == (0, 520)


# --- directions ----------------------------------------------------------------------------


def test_a_profile_can_be_about_one_direction() -> None:
    events = [event("a.ask", upstream=True), event("a.tell"), event("b", upstream=True)]
    text = 'name = "p"\nfirst = ["a.tell"]\nknown = ["a.*"]\n'
    assert not check(events, profile=parse_profile(text)).ok
    assert check(events, profile=parse_profile(text + 'direction = "server"')).score == 1.0
    client = check(events, profile=parse_profile(text + 'direction = "client"'))
    assert [finding.rule.value for finding in client.findings] == ["first", "known"]


# --- many findings -------------------------------------------------------------------------


def test_of_many_findings_the_first_are_kept_and_the_others_counted() -> None:
    report = judged('at_most_once = ["a"]', *["a"] * 1_501)
    assert len(report.findings) == 1_001
    assert (report.findings[-1].number, report.findings[-1].message) == (
        None,
        "500 more like these",
    )
    assert report.checks[0].ok == 1


# --- envelopes -----------------------------------------------------------------------------


def test_an_envelope_can_say_what_an_event_is_by_what_it_has() -> None:
    profile = """
    required = ["task", "artifact.last"]
    known = ["artifact"]
    [[envelopes]]
    has = ["/task"]
    as = "task"
    [[envelopes]]
    when = { "/artifact/last" = true }
    as = "artifact.last"
    [[envelopes]]
    has = "/artifact"
    as = "artifact"
    """
    stream = [{"task": {}}, {"artifact": {"id": 1}}, {"artifact": {"id": 1, "last": True}}]
    assert judged(profile, *[{"type": 0, **each} for each in stream]).score == 1.0


def test_an_envelope_can_say_where_the_event_in_it_is() -> None:
    profile = """
    [[envelopes]]
    when = { "/type" = "chunk" }
    type = "/chunk/type"
    body = "/chunk"
    [[pairs]]
    name = "text"
    open = ["text-start"]
    close = ["text-end"]
    by = "/id"
    """
    stream = [
        {"type": "chunk", "chunk": {"type": t, "id": "1"}} for t in ("text-start", "text-end")
    ]
    assert judged(profile, *stream).score == 1.0
    assert 'text-start "1" was never closed' in str(judged(profile, stream[0]).findings)


# --- fields --------------------------------------------------------------------------------

FIELD = '[[fields]]\nof = ["a"]\nname = "role"\nat = "/role"\nis = "value"\n'


def test_a_field_that_is_a_value_is_not_null() -> None:
    assert judged(FIELD, {"type": "a", "role": 5}, {"type": "a"}).ok
    report = judged(FIELD, {"type": "a", "role": None})
    assert told(report) == [(0, "the role of a is no value")]


def test_a_field_can_be_among_some_values_only() -> None:
    profile = FIELD + 'among = ["user", 5]'
    assert judged(profile, {"type": "a", "role": "user"}, {"type": "a", "role": 5}).ok
    report = judged(profile, {"type": "a", "role": "robot"})
    assert told(report) == [(0, "the role of a is none of user, 5")]


UNIQUE = """[[fields]]
of = ["*"]
name = "id"
at = ["/id"]
is = "string"
unique = true
"""


def test_a_field_that_is_unique_has_a_value_once_in_a_run() -> None:
    events = [{"type": "a", "id": "1"}, {"type": "b", "id": "2"}, {"type": "a", "id": "1"}]
    assert told(judged(UNIQUE, *events)) == [(2, 'a has the id "1" of #0')]
    assert judged(UNIQUE, *events[:2], {"type": "a"}, {"type": "a"}).ok


def test_whether_a_field_is_unique_is_a_check_of_its_own() -> None:
    lenient = UNIQUE + '[severity]\n"fields id unique" = "warning"'
    report = judged(lenient, {"type": "a", "id": "1"}, {"type": "a", "id": "1"})
    assert [(f.subject, f.severity) for f in report.findings] == [("id unique", Severity.WARNING)]


ENVELOPE = """known = ["wrapped", "ended"]
[[envelopes]]
when = { "/type" = ["note", "message"] }
as = "wrapped"

[[envelopes]]
when = { "/state" = ["done", "failed"] }
as = "ended"
"""


def test_an_envelope_is_told_by_one_of_several_values() -> None:
    events = [{"type": "note"}, {"type": "message"}, {"type": "x", "state": "failed"}]
    assert told(judged(ENVELOPE, *events)) == []
    report = judged(ENVELOPE, {"type": "x", "state": "open"}, {"type": "other"})
    assert [f.message for f in report.findings] == ['unknown type "x"', 'unknown type "other"']


WITHIN = """within = ["/result", "/params"]
first = ["start"]
terminal = ["end"]
[[fields]]
of = ["start"]
name = "id"
at = ["/id"]
is = "string"
required = true
"""


def test_an_event_may_be_within_the_message() -> None:
    start, end = {"type": "start", "id": "a"}, {"type": "end"}
    for story in (
        [{"id": 1, "result": start}, {"result": end}],
        [{"params": start, "type": "call"}, {"params": end}],
        [start, end],
    ):
        assert told(judged(WITHIN, *story)) == []
    assert told(judged(WITHIN, {"type": "end", "result": start})) == [
        (0, "ends with start, without end")
    ]
