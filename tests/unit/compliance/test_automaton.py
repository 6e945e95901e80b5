"""A protocol as a regular expression over event types: what it accepts, and what it would mend."""

from __future__ import annotations

import pytest

from replay_ws.compliance import alignment
from replay_ws.compliance.automaton import Automaton
from replay_ws.compliance.states import ROW_MAX
from replay_ws.errors import ConfigError

SESSION = """
    session.start run.started
    (token | tool.start tool.progress* tool.end)*
    message.end run.finished session.end
"""
GOOD = [
    *("session.start", "run.started", "token", "tool.start", "tool.progress", "tool.end", "token"),
    *("message.end", "run.finished", "session.end"),
]


def accepts(expression: str, stream: str, types: tuple[str, ...] = ()) -> bool:
    return Automaton.compile(expression, types).accepts(stream.split())


def told(stream: list[str], expression: str = SESSION) -> list[str]:
    return [str(edit) for edit in Automaton.compile(expression).diagnosis(stream)]


# --- what an expression describes ----------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "yes", "no"),
    [
        ("a b", ["a b"], ["", "a", "b a", "a b b"]),
        ("a | b c", ["a", "b c"], ["a c", "b"]),
        ("a*", ["", "a", "a a a"], ["b", "a b"]),
        ("a+", ["a", "a a"], [""]),
        ("a?b", ["a b", "b"], ["a", "a a b"]),
        ("(a b)*", ["", "a b a b"], ["a b a"]),
        (".", ["a", "z"], ["", "a a"]),
        ("any* a", ["a", "z a", "a z a"], ["", "a z"]),
        ("a* & any any", ["a a"], ["a", "a a a", "a b"]),
        ("!a", ["", "b", "a a"], ["a"]),
        ("!!a", ["a"], ["", "b"]),
        ("!a*", ["b", "a b"], ["", "a", "a a"]),
        ("(any & !a)*", ["", "b z b"], ["a", "b a"]),
        ("a | b & c", ["a"], ["b", "c"]),
        ("()", [""], ["a"]),
        ("() | a", ["", "a"], ["a a"]),
    ],
)
def test_an_expression_describes_some_streams_and_not_others(
    expression: str, yes: list[str], no: list[str]
) -> None:
    assert [stream for stream in yes if not accepts(expression, stream)] == []
    assert [stream for stream in no if accepts(expression, stream)] == []


@pytest.mark.parametrize("type", ["session.start", "agent-1/x", "run:finished", "TOOL_CALL_END"])
def test_a_type_is_a_word_with_the_signs_that_types_have(type: str) -> None:
    assert accepts(f"{type}* done", f"{type} {type} done")


def test_what_is_in_quotes_is_a_type_as_it_stands() -> None:
    automaton = Automaton.compile("""'any' "two words" 'data-*' """)
    assert automaton.accepts(["any", "two words", "data-*"])
    assert not automaton.accepts(["other", "two words", "data-x"])


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("response.*", ["response.done", "response.text.delta"], ["response", "session.done"]),
        ("data-*", ["data-weather", "data-"], ["data", "metadata-x"]),
        ("TOOL_CALL_*", ["TOOL_CALL_END"], ["TOOL_CALL"]),
        ("response.*.delta", ["response.text.delta"], ["response.text.done", "response.delta"]),
    ],
)
def test_a_wildcard_stands_for_known_and_unknown_types(
    pattern: str, fits: list[str], fits_not: list[str]
) -> None:
    for types in ([], [*fits, *fits_not]):
        automaton = Automaton.compile(f"{pattern} end", types)
        assert [type for type in fits if not automaton.accepts([type, "end"])] == []
        assert [type for type in fits_not if automaton.accepts([type, "end"])] == []


def test_overlapping_wildcards_are_told_apart() -> None:
    automaton = Automaton.compile("(a.* & !a.*.z) (a.* & a.*.z)")
    assert automaton.accepts(["a.b", "a.b.z"])
    assert not automaton.accepts(["a.b.z", "a.b.z"])
    assert not automaton.accepts(["a.b", "a.b"])


def test_a_state_walks_with_one_look_up_and_says_where_it_stands() -> None:
    automaton = Automaton.compile("a b")
    state = automaton.step(automaton.start, "a")
    assert state is automaton.start["a"]
    assert not automaton.accepting(state)
    assert automaton.expected(state) == ["b"]
    assert automaton.accepting(state["b"])
    assert state["z"].dead
    assert not state.dead
    assert repr(state["z"]["a"]) == repr(state["z"])


def test_a_stream_of_unknown_types_does_not_fill_the_memory() -> None:
    automaton = Automaton.compile("any*")
    assert automaton.accepts(f"type-{number}" for number in range(ROW_MAX + 10))
    assert len(automaton.start) == ROW_MAX


# --- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("", "column 1: expected a type, '(', '!' or 'any', found the end"),
        ("a | | b", "column 5: expected a type, '(', '!' or 'any', found '|'"),
        ("a )", "column 3: expected a type, an operator or the end, found ')'"),
        ("(a b", "column 5: expected an operator or ')', found the end"),
        ("a\n  ; b", "line 2, column 3: expected a type, an operator or the end, found ';'"),
        ("a 'b", 'column 3: expected a type, an operator or the end, found "\'"; a quote'),
        ("*a", "column 1: expected a type, '(', '!' or 'any', found '*'"),
        ("(" * 50 + "a" + ")" * 50, "column 41: groups are nested deeper than 40"),
        ("a & b", "no stream keeps the expression"),
        ("any* a" + " any" * 30, "more than 2000 states"),
        (" ".join(f"a{n}.*" for n in range(9)), "more than 8 wildcards"),
    ],
)
def test_what_is_no_use_as_an_expression_is_refused_and_says_where(
    expression: str, what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Automaton.compile(expression, where="p.toml: protocol")
    assert what in caught.value.what
    assert caught.value.where == "p.toml: protocol"
    assert caught.value.mend


# --- how far a stream is from it -----------------------------------------------------------


def test_a_stream_that_keeps_the_protocol_has_fitness_one_and_no_edits() -> None:
    assert Automaton.compile(SESSION).fitness(GOOD) == 1.0
    assert told(GOOD) == []


def test_what_is_missing_is_put_in_where_it_would_stand() -> None:
    assert told([type for type in GOOD if type != "tool.end"]) == ["insert tool.end after #4"]
    assert told(GOOD[1:]) == ["insert session.start at the beginning"]
    assert told(GOOD[:-1]) == ["insert session.end after #8"]


def test_what_is_too_much_is_taken_out() -> None:
    assert told([*GOOD[:8], "run.finished", *GOOD[8:]]) in (
        ["delete run.finished #8"],
        ["delete run.finished #9"],
    )
    assert told([*GOOD, "token", "odd"]) == ["delete token #10", "delete odd #11"]


def test_fitness_is_the_edits_over_the_events_and_those_of_the_shortest_stream() -> None:
    automaton = Automaton.compile(SESSION)
    assert automaton.fitness([]) == 0.0
    assert automaton.fitness(GOOD[:-1]) == 1 - 1 / (9 + 5)
    assert automaton.fitness(["odd"]) == 0.0
    assert Automaton.compile("a*").fitness([]) == 1.0


def test_an_edit_names_all_that_would_do() -> None:
    assert told(["start"], "start (end | error)") == ["insert end or error after #0"]
    assert told(["start"], "start data-*") == ["insert data-* after #0"]
    assert told([], "any") == ["insert any other event at the beginning"]


def test_an_edit_counts_events_as_the_caller_does() -> None:
    (edit,) = Automaton.compile("start end").diagnosis(["start"])
    assert edit.told([411]) == "insert end after #411"


def test_events_of_other_letters_far_apart_cost_what_they_cost() -> None:
    """The way that looks cheaper for a hundred events is the dearer one in the end."""
    automaton = Automaton.compile("a x* | b y*")
    stream = ["a", *["x"] * 100, *["y"] * 200]
    assert automaton.aligned.cost(stream) == 102
    assert len(automaton.diagnosis(stream)) == 102


def test_when_the_work_is_bounded_the_edits_mend_but_may_not_be_the_fewest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alignment, "WORK_MAX", 1)
    automaton = Automaton.compile("a x* | b y*")
    stream = ["a", *["x"] * 100, *["y"] * 200]
    edits = automaton.diagnosis(stream)
    assert len(edits) == automaton.aligned.cost(stream) >= 102
    gone = {edit.at for edit in edits if edit.kind == "delete"}
    assert automaton.accepts(type for at, type in enumerate(stream) if at not in gone)


def test_a_long_stream_with_many_faults_is_measured_exactly() -> None:
    stream = GOOD[:2] + ["token", "tool.start", "tool.end", "tool.end"] * 2_000 + GOOD[-3:]
    assert Automaton.compile(SESSION).aligned.cost(stream) == 2_000
