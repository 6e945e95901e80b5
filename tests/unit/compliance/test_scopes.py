"""Spans that open, go on and close."""

from __future__ import annotations

from typing import Any

import pytest

from replay_ws.clock import ms
from replay_ws.compliance import Report, Severity, check, parse_profile
from replay_ws.errors import ConfigError
from tests.helpers import event

TEXT = """
name = "p"
[[scopes]]
name = "text"
open = ["start"]
cont = ["more"]
close = ["end"]
by = ["/id"]
"""


def judged(profile: str, *stories: str | dict[str, Any]) -> Report:
    """``"type/id"``, or a payload."""
    payloads = []
    for story in stories:
        if isinstance(story, str):
            name, _, id = story.partition("/")
            story = {"type": name, **({"id": id} if id else {})}
        payloads.append(story)
    events = [event(at=ms(n), **payload) for n, payload in enumerate(payloads)]
    return check(events, profile=parse_profile(profile))


def told(report: Report) -> list[tuple[int | None, str, str]]:
    return [(f.number, f.subject, f.message) for f in report.findings]


def test_scopes_side_by_side_are_told_apart_by_name() -> None:
    report = judged(
        TEXT, "start/a", "start/b", "more/a", "more/b", "end/a", "end/b", "start/a", "end/a"
    )
    assert report.ok
    assert report.score == 1.0
    assert [(check.subject, check.ok, check.total) for check in report.checks] == [
        ("text", 3, 3),
        ("text at end", 3, 3),
        ("text reopened", 3, 3),
    ]


def test_what_goes_on_or_closes_must_be_open() -> None:
    report = judged(TEXT, "start/a", "end/a", "more/a", "end/b", "end")
    assert told(report) == [
        (2, "text", 'more "a" came, but no such text is open'),
        (3, "text", 'end "b" came, but no such text is open'),
        (4, "text", "end came, but no text is open"),
    ]
    assert report.score == pytest.approx((1 / 4 + 1 + 1) / 3)


def test_what_opens_while_it_is_open_is_as_the_profile_says() -> None:
    stream = ("start/a", "start/a", "end/a")
    message = 'start "a" opens a text that is open since #0'
    assert told(judged(TEXT, *stream)) == [(1, "text reopened", message)]
    warned = judged(TEXT + 'reopen = "warning"', *stream)
    assert [finding.severity for finding in warned.findings] == [Severity.WARNING]
    assert warned.ok
    assert warned.score < 1.0
    assert judged(TEXT + 'reopen = "ok"', *stream).score == 1.0


def test_a_name_may_be_used_once_only() -> None:
    report = judged(
        TEXT + "reuse = false", "start/a", "end/a", "start/b", "end/b", "start/a", "end/a"
    )
    assert told(report) == [(4, "text reused", 'start "a" opens a text again that was closed')]


def test_what_stays_open_is_named_where_it_opened() -> None:
    report = judged(TEXT, "start/a", "start/b", "end/b")
    assert told(report) == [(0, "text at end", 'text "a" was never closed')]
    assert judged(TEXT + 'at_end = "warning"', "start/a").ok
    assert judged(TEXT + 'at_end = "ok"', "start/a").findings == ()


def test_what_must_be_closed_before_a_type_is_told_when_it_comes() -> None:
    profile = TEXT + 'must_close_before = ["done"]\nmust_close_severity = "warning"'
    report = judged(profile, "start/a", "done", "end/a")
    late = (1, "text closed", 'text "a", open since #0, was not closed before done')
    assert told(report) == [late]
    assert report.ok
    assert told(judged(profile, "start/a", "done", "done")) == [late]
    assert judged(profile, "start/a", "end/a", "done").score == 1.0


def test_a_scope_can_be_opened_by_what_goes_on() -> None:
    profile = TEXT + "implicit = true"
    assert judged(profile, "more/a", "more/a", "end/a", "end/b").score == 1.0
    assert told(judged(profile, "more/a")) == [(0, "text at end", 'text "a" was never closed')]


NESTED = """
name = "p"
[[scopes]]
name = "item"
open = ["item.added"]
close = ["item.done"]
by = ["/item_id"]
[[scopes]]
name = "part"
open = ["part.added"]
close = ["part.done"]
by_all = ["/item_id", "/index"]
inside = "item"
inside_by = ["/item_id"]
must_close_before = ["item.done"]
"""


def test_a_scope_is_inside_of_the_one_that_it_names() -> None:
    def part(type: str, item: str, index: int = 0) -> dict[str, Any]:
        return {"type": type, "item_id": item, "index": index}

    items = [{"type": "item.added", "item_id": item} for item in "ab"]
    ends = [{"type": "item.done", "item_id": item} for item in "ab"]
    whole = [part(t, "a", index) for t in ("part.added", "part.done") for index in (0, 1)]
    assert judged(NESTED, *items, *whole, *ends).score == 1.0
    stray = judged(NESTED, *items[:1], part("part.added", "b"), part("part.done", "b"), *ends[:1])
    assert told(stray) == [(1, "part inside", 'part.added "b 0" came, but no item "b" is open')]


def test_only_what_is_inside_of_what_ends_must_be_closed_before() -> None:
    added = [{"type": "item.added", "item_id": item} for item in "ab"]
    parts = [{"type": "part.added", "item_id": item, "index": 0} for item in "ab"]
    closed = {"type": "part.done", "item_id": "a", "index": 0}
    ends = [{"type": "item.done", "item_id": item} for item in "ab"]
    report = judged(NESTED, *added, *parts, closed, *ends)
    assert [(finding.number, finding.subject) for finding in report.findings] == [
        (6, "part closed")
    ]


def test_a_scope_inside_of_one_that_nothing_names_needs_any() -> None:
    profile = TEXT + 'inside = "run"\n[[scopes]]\nname = "run"\nopen = ["run"]\nclose = ["done"]'
    assert judged(profile, "run", "start/a", "end/a", "done").score == 1.0
    report = judged(profile, "run", "done", "start/a", "end/a")
    assert told(report) == [(2, "text inside", 'start "a" came, but no run is open')]


def test_several_places_can_name_together_what_a_scope_is_inside_of() -> None:
    profile = """
    name = "p"
    [[scopes]]
    name = "part"
    open = ["part"]
    close = ["part.end"]
    by_all = ["/item", "/index"]
    [[scopes]]
    name = "text"
    cont = ["more"]
    close = ["end"]
    by_all = ["/item", "/index"]
    implicit = true
    inside = "part"
    inside_by_all = ["/item", "/index"]
    must_close_before = ["part.end"]
    """

    def of(type: str, index: int) -> dict[str, Any]:
        return {"type": type, "item": "a", "index": index}

    begun = [of("part", 0), of("part", 1), of("more", 0), of("more", 1), of("end", 0)]
    report = judged(profile, *begun, of("part.end", 0), of("more", 0), of("part.end", 1))
    assert told(report) == [
        (6, "text inside", 'more "a 0" came, but no part "a 0" is open'),
        (6, "text at end", 'text "a 0" was never closed'),
        (7, "text closed", 'text "a 1", open since #3, was not closed before part.end'),
    ]
    unnamed = told(judged(profile, {"type": "more"}, {"type": "end"}))
    assert unnamed == []


def test_a_scope_inside_of_one_that_was_open_will_do_where_the_profile_says_so() -> None:
    profile = TEXT + 'inside = "text"\ninside_by = "/in"\n'
    stream = ("start/a", "end/a", {"type": "start", "id": "b", "in": "a"}, "end/b")
    message = 'start "b" came, but no text "a" is open'
    assert told(judged(profile, *stream)) == [(2, "text inside", message)]
    assert judged(profile + "inside_closed = true", *stream).ok
    report = judged(profile + "inside_closed = true", *stream[2:])
    assert told(report) == [(0, "text inside", 'start "b" came, but no text "a" was open')]


def test_nothing_is_inside_of_itself() -> None:
    profile = TEXT + 'inside = "text"\ninside_by = "/in"\n'
    report = judged(profile, {"type": "start", "id": "a", "in": "a"}, "end/a")
    assert [finding.subject for finding in report.findings] == ["text inside"]


CONCAT = TEXT + 'concat = { delta = "/delta", full = "/text" }'


def test_pieces_joined_are_the_whole() -> None:
    def story(text: str) -> list[str | dict[str, Any]]:
        more = [{"type": "more", "id": "a", "delta": piece} for piece in ("Hel", "lo")]
        return ["start/a", *more, {"type": "end", "id": "a", "text": text}]

    assert judged(CONCAT, *story("Hello")).score == 1.0
    assert told(judged(CONCAT, *story("Help"))) == [
        (
            3,
            "text concat",
            (
                'end "a": the whole (4 characters) is not what its pieces make (5 characters); '
                'after 3 it goes on with "p", they with "lo"'
            ),
        )
    ]
    (longer,) = told(judged(CONCAT, *story("Hello you")))
    assert longer[2].endswith('after 5 it goes on with " you", they with nothing')


def test_pieces_joined_can_be_asked_to_be_json() -> None:
    profile = TEXT + 'concat = { delta = "/delta", json = true }'
    half = {"type": "more", "id": "a", "delta": '{"q": '}
    rest = {"type": "more", "id": "a", "delta": "1}"}
    assert judged(profile, "start/a", half, rest, "end/a").score == 1.0
    assert [f.subject for f in judged(profile, "start/a", half, "end/a").findings] == [
        "text concat"
    ]


def test_what_must_stay_the_same_is_compared_with_what_opened() -> None:
    profile = TEXT + 'same = ["/owner"]'
    first = {"type": "start", "id": "a", "owner": "x"}
    more = {"type": "more", "id": "a", "owner": "y"}
    report = judged(profile, first, more, {"type": "end", "id": "a", "owner": "x"})
    assert told(report) == [(1, "text same", 'more "a": /owner is "y", and was "x" when it opened')]


def test_a_wildcard_stands_for_types() -> None:
    profile = TEXT.replace('"more"', '"more.*"') + 'must_close_before = ["done*"]'
    report = judged(profile, "start/a", "more.1/a", "more/a", "done.all")
    assert [f.subject for f in report.findings] == ["text closed"]
    wide = 'name = "p"\nknown = ["data-*"]\nignored = ["x-*"]\nrequired = ["data-*"]'
    assert judged(wide, "data-1", "x-1").score == 1.0
    assert told(judged(wide, "other")) == [
        (0, "", 'unknown type "other"'),
        (None, "data-*", "data-* never came"),
    ]


def test_a_scope_that_costs_score_only_is_a_warning() -> None:
    report = judged(TEXT + 'severity = "warning"', "end/a")
    assert report.ok
    assert report.score == 0.0


def test_a_must_fails_the_verdict_whatever_the_score() -> None:
    lenient = TEXT + 'severity = "warning"\nmust = true'
    assert not judged("min_score = 0.0" + lenient, "end/a").ok
    assert not judged(lenient, "end/a").ok
    assert judged("min_score = 0.0" + TEXT, "end/a").ok
    named = 'min_score = 0.0\nmust = ["scopes text"]' + TEXT
    assert not judged(named, "end/a").ok
    assert judged(named, "start/a").ok


def test_a_score_that_is_asked_for_decides_the_verdict() -> None:
    stream = ("start/a", "end/a", "start/b")
    assert judged("min_score = 0.8" + TEXT, *stream).ok
    report = judged("min_score = 0.9" + TEXT, *stream)
    assert not report.ok
    assert "failed (min_score 0.9)" in report.lines()[0]


def test_severities_and_weights_can_be_said_of_one_check() -> None:
    tables = '[severity]\n"scopes text at end" = "ok"\n[weights]\n"scopes text" = 3\nscopes = 1\n'
    report = judged(TEXT.replace("[[scopes]]", tables + "[[scopes]]"), "start/a", "end/a", "end/a")
    assert [(check.subject, check.weight) for check in report.checks] == [
        ("text", 3),
        ("text reopened", 1),
    ]
    assert report.score == pytest.approx((3 * 1 / 2 + 1) / 4)


@pytest.mark.parametrize(
    "key",
    ['must = ["scopes tex"]', 'severity = { "scopes tex" = "ok" }', 'weights = { "scopes t" = 2 }'],
)
def test_a_check_that_there_is_not_is_refused_with_those_that_there_are(key: str) -> None:
    with pytest.raises(ConfigError, match="unknown check") as caught:
        judged(key + TEXT, "start/a")
    assert "scopes text" in str(caught.value)


def test_scopes_begin_anew_with_the_next_run() -> None:
    profile = 'terminal = ["done"]\nrestart = ["go"]\n' + TEXT + "reuse = false"
    assert judged(profile, "go", "start/a", "end/a", "done", "go", "start/a", "end/a", "done").ok
