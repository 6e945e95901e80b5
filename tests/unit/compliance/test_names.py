"""What events of a run speak of by name."""

from __future__ import annotations

import pytest

from replay_ws.compliance import parse_profile
from replay_ws.errors import ConfigError
from tests.unit.compliance.test_scopes import judged, told

NAMES = """
name = "p"
[[names]]
name = "text"
by = ["/id"]
owner = ["/of"]
first = ["start"]
then = ["more"]
anew = ["again"]
"""

CALLS = """
[[names]]
name = "call"
by = ["/call"]
owner = ["/of"]
first = ["call"]
inside = "text"
inside_by = ["/in"]
"""


def test_what_is_said_of_an_owner_later_is_what_was_said_first() -> None:
    mine = {"type": "start", "id": "a", "of": "me"}
    assert judged(NAMES, mine, {"type": "more", "id": "a", "of": "me"}, "more/a", "start/a").ok
    yours = {"type": "more", "id": "a", "of": "you"}
    message = 'more "a" is said to belong to "you", but belongs to "me"'
    assert told(judged(NAMES, mine, yours)) == [(1, "text", message)]


def test_what_nobody_was_said_to_own_belongs_to_nobody_in_particular() -> None:
    report = judged(NAMES, "start/a", {"type": "more", "id": "a", "of": "me"})
    message = 'more "a" is said to belong to "me", but belongs to nobody'
    assert told(report) == [(1, "text", message)]


def test_an_event_without_a_name_speaks_of_what_has_none() -> None:
    mine, yours = ({"of": who} for who in ("me", "you"))
    report = judged(NAMES, {"type": "start", **mine}, {"type": "more", **yours})
    assert told(report) == [(1, "text", 'more is said to belong to "you", but belongs to "me"')]


def test_what_is_brought_up_anew_may_belong_to_another() -> None:
    mine, yours = ({"id": "a", "of": who} for who in ("me", "you"))
    report = judged(
        NAMES, {"type": "start", **mine}, {"type": "again", **yours}, {"type": "more", **yours}
    )
    assert report.ok


def test_what_was_never_brought_up_is_an_error_where_it_must_be_known() -> None:
    assert judged(NAMES, "more/a").ok
    report = judged(NAMES + "known = true", "start/a", "more/a", "more/b")
    assert told(report) == [(2, "text", 'more "b" came, but no such text did')]
    assert [(check.ok, check.total) for check in report.checks] == [(2, 3)]


def test_what_is_part_of_something_belongs_to_whom_that_belongs() -> None:
    mine = {"type": "start", "id": "a", "of": "me"}
    inside = {"type": "call", "call": "c", "in": "a"}
    assert judged(NAMES + CALLS, mine, inside, {**inside, "of": "me"}).ok
    report = judged(NAMES + CALLS, mine, {**inside, "of": "you"})
    message = 'call "c" is said to belong to "you", but is in what belongs to "me"'
    assert told(report) == [(1, "call", message)]
    report = judged(NAMES + CALLS, mine, inside, "start/b", {**inside, "in": "b"})
    message = 'call "c" belongs to "me", but is in what belongs to nobody'
    assert told(report) == [(3, "call", message)]


def test_lists_bring_up_their_items_also_those_of_lists_in_them() -> None:
    profile = NAMES + "known = true"
    for place, items in (
        ("/all", [{"id": "a"}, 5]),
        ("/all/*/each", [{"each": [{"id": "a"}]}, {}, {"each": 5}]),
    ):
        listed = f'[[names]]\nname = "text"\nby = "/id"\nlisted = "{place}"\nfirst = ["list"]'
        assert judged(f"{profile}\n{listed}", {"type": "list", "all": items}, "more/a").ok
        assert not judged(f"{profile}\n{listed}", {"type": "list", "all": items}, "more/b").ok


def test_a_table_can_be_about_some_values_only() -> None:
    either = NAMES + 'known = true\nwhen = { "/kind" = ["x", "y"] }'
    events = [{"type": "more", "id": kind, "kind": kind} for kind in "xyz"]
    assert [finding[0] for finding in told(judged(either, *events))] == [0, 1]
    one = NAMES + 'known = true\nwhen = { "/kind" = "z" }'
    assert [finding[0] for finding in told(judged(one, *events))] == [2]


def test_names_are_forgotten_when_a_run_is_over() -> None:
    runs = 'terminal = ["end"]\nrestart = ["begin"]\n'
    profile = NAMES.replace("[[names]]", runs + "[[names]]") + "known = true"
    assert judged(profile, "begin", "start/a", "more/a", "end").ok
    report = judged(profile, "begin", "start/a", "end", "begin", "more/a", "end")
    assert [finding[0] for finding in told(report)] == [4]


def test_what_it_is_part_of_must_be_a_kind_that_there_is() -> None:
    with pytest.raises(ConfigError, match=r"line 7, \[\[names\]\] inside: unknown kind of names"):
        parse_profile('name = "p"' + CALLS)
