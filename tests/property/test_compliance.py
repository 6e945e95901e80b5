"""Laws of the checker: it tells the same of the same events, however they come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from replay_ws.compliance import Checker, Profile, check, parse_profile
from replay_ws.events.columns import Columns
from replay_ws.events.encoding import encode
from replay_ws.events.log import Op
from replay_ws.events.model import Event
from tests.helpers import event

PROFILE = parse_profile(
    """
    name = "all"
    format = true
    run = "/run"
    required = ["go", "done"]
    known = ["note"]
    first = ["go"]
    order = ["go", "open", "done"]
    terminal = ["done"]
    restart = ["go"]
    at_most_once = ["done"]
    protocol = "go (any & !done)* done"
    per = "/id"
    [required_if]
    open = ["close"]
    [[pairs]]
    name = "pair"
    open = ["open"]
    close = ["close"]
    by = "/id"
    [[scopes]]
    name = "run"
    open = ["go"]
    close = ["done"]
    [[scopes]]
    name = "span"
    open = ["open"]
    cont = ["more"]
    close = ["close"]
    by = "/id"
    inside = "run"
    must_close_before = ["done"]
    reuse = false
    same = "/run"
    concat = { delta = "/n", full = "/text" }
    [sequence]
    of = ["more"]
    at = "/n"
    per = "/id"
    [latency]
    max_gap_ms = 2
    total_ms = 5
    open = { from = ["go"], to = ["open"], within_ms = 1 }
    [[fields]]
    of = ["open", "close"]
    name = "id"
    at = "/id"
    is = "string"
    required = true
    [schema]
    more = { required = ["n"] }
    """
)
TYPES = ["go", "open", "more", "close", "done", "note", "other", ""]
TIME_MAX_NS = 10_000_000

fields: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "run": st.sampled_from(["r1", "r2"]),
        "id": st.sampled_from(["a", "b", 1, None]),
        "n": st.one_of(st.integers(0, 3), st.text(max_size=1)),
        "text": st.text(max_size=2),
    },
)
stories = st.lists(
    st.tuples(st.sampled_from(TYPES), fields, st.sampled_from(["t1", "t2"]), st.booleans()),
    max_size=15,
)


def told(story: list[Any]) -> list[Event]:
    return [
        event(type, connection=connection, at=number * 1_000_000, upstream=upstream, **more)
        for number, (type, more, connection, upstream) in enumerate(story)
    ]


@given(stories)
def test_a_score_lies_between_zero_and_one_and_every_loss_is_named(story: list[Any]) -> None:
    report = check(told(story), profile=PROFILE)
    assert 0.0 <= report.score <= 1.0
    found = {(finding.rule, finding.subject) for finding in report.findings}
    assert found == {(c.rule, c.subject) for c in report.checks if c.ok < c.total}
    assert all(0 <= each.ok <= each.total > 0 for each in report.checks)


@given(stories, st.integers(0, 15))
def test_events_that_come_in_pieces_are_judged_as_one_stream(story: list[Any], cut: int) -> None:
    events = told(story)
    checker = Checker(PROFILE)
    for piece in (events[:cut], events[cut:]):
        for each in piece:
            checker.take(each)
    assert checker.finish() == check(events, profile=PROFILE)


PROFILES = [
    PROFILE,
    parse_profile('name = "p"\nformat = true\nat_most_once = ["go"]\n[aliases]\nopen = "go"'),
    parse_profile(
        """
        name = "p"
        protocol = "go more* done"
        [[envelopes]]
        when = { "/type" = "note" }
        type = "/run"
        """
    ),
]


def packed(one: Event) -> Event:
    body = encode({key: value for key, value in one.payload.items() if value != ""})
    return replace(one, op=Op.OBJECT, body=body)


@given(stories, st.sampled_from(PROFILES))
def test_columns_are_judged_as_their_events_are(story: list[Any], profile: Profile) -> None:
    events = [packed(each) if n % 3 else each for n, each in enumerate(told(story))]
    assert check(Columns.of(events), profile=profile) == check(events, profile=profile)


@given(stories)
def test_the_same_events_are_judged_the_same(story: list[Any]) -> None:
    assert check(told(story), profile=PROFILE) == check(told(story), profile=PROFILE)


@given(st.sets(st.sampled_from(TYPES[:-1]), min_size=1), st.lists(st.sampled_from(TYPES[:-1])))
def test_a_profile_that_only_requires_scores_the_share_of_what_came(
    required: set[str], came: list[str]
) -> None:
    names = sorted(required)
    profile = parse_profile(f'name = "p"\nrequired = {names}')
    report = check([event(type) for type in came], profile=profile)
    share = len(required & {*came}) / len(required)
    assert report.required_share == share
    assert abs(report.score - share) < 1e-12


@given(stories)
def test_what_only_the_profile_does_not_know_costs_only_that(story: list[Any]) -> None:
    events = [each for each in told(story) if each.type in PROFILE.types]
    strange = event("strange", connection="t1", at=TIME_MAX_NS * 10)
    before = {(c.rule.value, c.subject): c.share for c in check(events, profile=PROFILE).checks}
    after = check([*events, strange], profile=PROFILE)
    changed = {
        c.rule.value for c in after.checks if before.get((c.rule.value, c.subject)) != c.share
    }
    assert changed <= {"known", "format", "required"}
