"""What goldens have in common, proposed as a profile."""

from __future__ import annotations

import pytest

from replay_ws.compliance import Profile, check
from replay_ws.compliance.chains import chain
from replay_ws.compliance.infer import infer
from replay_ws.compliance.rules import Concat, PairRule
from replay_ws.errors import ConfigError
from replay_ws.events.model import Event
from tests.helpers import event

START, END = event("run.started"), event("run.finished")


def call(name: str, *, closed: str = "tool.end") -> list[Event]:
    return [event(type, data={"call": name}) for type in ("tool.start", closed)]


def proposed(*goldens: list[Event], name: str = "inferred") -> Profile:
    profile = infer(goldens, name=name).profile
    assert [check(golden, profile=profile).score for golden in goldens] == [1.0] * len(goldens)
    return profile


def test_what_is_in_all_runs_is_required_and_the_rest_is_known() -> None:
    profile = proposed([START, event("token"), END], [START, END])
    assert profile.required == ("run.started", "run.finished")
    assert profile.known == ("token",)


def test_how_runs_begin_end_and_go_is_proposed() -> None:
    profile = proposed([START, event("token"), event("token"), END], [START, event("token"), END])
    assert profile.first == ("run.started",)
    assert profile.terminal == ("run.finished",)
    assert profile.order == ("run.started", "token", "run.finished")
    assert profile.at_most_once == ("run.started", "run.finished")


def test_an_order_that_one_golden_does_not_keep_is_not_proposed() -> None:
    a, b = event("a"), event("b")
    profile = proposed([START, a, b, END], [START, b, a, END])
    assert profile.order == ("run.started", "a", "run.finished")


def test_what_opens_and_closes_under_a_name_is_a_pair_with_all_that_closes_it() -> None:
    opened, closed = zip(call("c1"), call("c2", closed="tool.error"), strict=True)
    profile = proposed([START, *opened, *closed, END], [START, *call("c3"), END])
    assert profile.pairs == (
        PairRule("tool", ("tool.start",), ("tool.end", "tool.error"), (("data", "call"),)),
    )


def test_of_several_ids_the_one_that_speaks_of_what_opens_is_its_name() -> None:
    ids = [{"response_id": f"r{n}", "item": {"id": f"i{n}"}} for n in range(2)]
    types = ("response.item.added", "response.item.done")
    stream = [event(type, **found) for found in ids for type in types]
    (pair,) = proposed([START, *stream, END]).pairs
    assert pair == PairRule("response.item", types[:1], types[1:], (("item", "id"),))


def test_what_opens_and_is_not_always_closed_is_no_pair() -> None:
    assert proposed([START, *call("c1"), call("c2")[0], *call("c3"), END]).pairs == ()


@pytest.mark.parametrize(
    ("opening", "closing", "failing", "stem"),
    [
        ("toolStart", "toolEnd", "toolError", "tool"),
        ("tool_executing", "tool_completed", "tool_error", "tool"),
        ("TOOL_CALL_START", "TOOL_CALL_END", "TOOL_CALL_ERROR", "TOOL_CALL"),
        ("tool.started", "tool.finished", "tool.failed", "tool"),
    ],
)
def test_without_names_types_pair_by_their_words(
    opening: str, closing: str, failing: str, stem: str
) -> None:
    first, second, third = map(event, (opening, closing, failing))
    pairs = proposed([START, first, second, first, third, END]).pairs
    assert pairs == (PairRule(stem, (opening,), (closing, failing)),)


def test_types_of_alike_words_that_are_not_balanced_are_no_pair() -> None:
    assert proposed([START, event("tool.start"), END]).pairs == ()
    assert proposed([START, event("tool.end"), event("tool.start"), END]).pairs == ()


def test_what_goes_on_between_makes_a_scope_and_its_pieces_are_the_whole() -> None:
    def part(type: str, **fields: str) -> Event:
        return event(f"TEXT_{type}", messageId="m1", **fields)

    pieces = [part("CONTENT", delta=delta) for delta in ("Hel", "", "lo")]
    (scope,) = proposed(
        [START, part("START"), *pieces, part("END", text="Hello"), part("SHOWN"), END]
    ).scopes
    assert (scope.name, scope.open, scope.by) == ("TEXT", ("TEXT_START",), (("messageId",),))
    assert (scope.cont, scope.close) == (("TEXT_CONTENT",), ("TEXT_END",))
    assert scope.concat == Concat((("delta",),), (("text",),))


@pytest.mark.parametrize(
    ("numbers", "rules"),
    [
        ([0, 1, 2], [(0, 1)]),
        ([10, 8, 6, 4], [(10, -2)]),
        ([1, 2, 4], []),
        ([5, 5, 5], []),
        ([1, 2], []),
    ],
)
def test_numbers_that_grow_by_one_step_are_a_sequence(
    numbers: list[int], rules: list[tuple[int, int]]
) -> None:
    stream = [event("chunk", seq=number) for number in numbers]
    found = proposed([START, *stream, END]).sequence
    assert [(rule.start, rule.step) for rule in found] == rules


def test_a_sequence_that_begins_anywhere_has_no_start() -> None:
    streams = [[event("chunk", seq=first + n) for n in range(3)] for first in (1, 7)]
    (rule,) = proposed(*streams).sequence
    assert (rule.of, rule.at, rule.start) == (("chunk",), (("seq",),), None)


def test_a_short_expression_is_proposed_and_a_long_one_is_not() -> None:
    assert proposed([START, event("token"), END], [START, END]).protocol == (
        "run.started token? run.finished"
    )
    assert proposed([event(f"type-{n}") for n in range(20)]).protocol == ""


def test_what_opens_and_closes_without_anything_between_is_told_as_one() -> None:
    piece = event("tool.piece", data={"call": "c1"})
    opened, closed = call("c1")
    profile = proposed([START, event("token"), opened, piece, closed, *call("c2"), END])
    assert profile.protocol == ("run.started token (tool.start tool.piece? tool.end)+ run.finished")
    woven = [one for pair in zip(call("c1"), call("c2"), strict=True) for one in pair]
    assert (
        proposed([START, *woven, END]).protocol == "run.started tool.start+ tool.end+ run.finished"
    )


def test_one_text_that_is_the_same_in_two_places_is_no_piece_of_the_other() -> None:
    called = {"data": {"call": "c1"}}
    going = [event("tool.ready", city="Oslo", **called), event("tool.seen", **called)]
    end = event("tool.end", city="Oslo", **called)
    (scope,) = proposed([START, *call("c2"), call("c1")[0], *going, end, END]).scopes
    assert scope.concat is None


def test_a_connection_that_carries_run_after_run_restarts() -> None:
    run = [START, event("token"), END]
    profile = proposed([*run, *run])
    assert profile.restart == ("run.started",)
    assert profile.at_most_once == ("run.started", "token", "run.finished")


def test_runs_side_by_side_are_told_apart_by_what_names_them() -> None:
    def of(run: str, type: str) -> Event:
        return event(type, run_id=run)

    types = ["run.started", "token", "run.finished"]
    woven = [of(run, type) for type in types for run in ("r1", "r2")]
    profile = proposed(woven)
    assert profile.run == (("run_id",),)
    assert profile.order == tuple(types)


def test_the_place_of_the_type_is_found() -> None:
    def told(kind: str) -> Event:
        return event(body=f'{{"event": "{kind}"}}')

    profile = proposed([told("hello"), told("bye")])
    assert profile.type == (("event",),)
    assert profile.format
    assert profile.required == ("hello", "bye")


def test_a_message_without_a_type_asks_for_no_format() -> None:
    assert not proposed([START, event(body="ping"), END]).format


@pytest.mark.parametrize("golden", [[], [event(body="hello")], [event("ask", upstream=True)]])
def test_goldens_that_say_nothing_are_refused(golden: list[Event]) -> None:
    with pytest.raises(ConfigError, match="says what it is"):
        infer([golden])


def test_the_file_is_readable_and_says_what_speaks_for_each_key() -> None:
    proposal = infer([[START, *call("c1"), *call("c2"), END], [START, END]], name="mine")
    assert (
        proposal.toml()
        == """\
# Proposed from 2 streams, 2 runs, 8 events: what they have in common.
# Take away what is chance, and add what they do not show.
# replay_ws/compliance/profile.py says what the keys mean.

name = "mine"

# where an event says what it is
type = ["/type"]

# every message is a JSON object with a type
format = true

# in all 2 runs
required = ["run.started", "run.finished"]

# every run begins so
first = ["run.started"]

# every run ends so, and nothing comes after it
terminal = ["run.finished"]

# the first of each, in all 2 runs
order = ["run.started", "run.finished"]

# exactly once in all 2 runs
at_most_once = ["run.started", "run.finished"]

# all that came
known = ["run.started", "tool.start", "tool.end", "run.finished"]

# what comes in which order, and how often
protocol = "run.started (tool.start tool.end)* run.finished"

# twice, each under a name of its own
[[pairs]]
name = "tool"
open = ["tool.start"]
close = ["tool.end"]
by = ["/data/call"]
"""
    )


def test_odd_types_are_quoted_as_toml_has_them() -> None:
    odd = 'a "b"\n\x7f ☃'
    assert proposed([event(odd)], name=odd).required == (odd,)


@pytest.mark.parametrize(
    ("streams", "links"),
    [
        ([["a", "b"], ["a"]], ["a", "b?"]),
        ([["a", "b", "c", "b", "d"], ["a", "d"]], ["a", "(b | c)*", "d"]),
        ([["a", "a"], ["a"]], ["a+"]),
        ([["any", "two words"]], ["'any'", "'two words'"]),
        ([], []),
    ],
)
def test_a_chain_says_what_comes_in_which_order_and_how_often(
    streams: list[list[str]], links: list[str]
) -> None:
    assert chain(streams) == links
