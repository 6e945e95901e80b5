"""Automata against slow ways to say the same: a matcher by splitting, ``re``, all edits."""

from __future__ import annotations

import re
from functools import cache
from itertools import product

from hypothesis import assume, given, reject
from hypothesis import strategies as st

from replay_ws.compliance import expression as ex
from replay_ws.compliance.automaton import Automaton
from replay_ws.compliance.states import State
from replay_ws.errors import ConfigError

TYPES = ("a", "b", "x.1")
OTHER = "unheard"
WORDS = [word for size in range(5) for word in product((*TYPES, OTHER), repeat=size)]

atoms = st.sampled_from([*(ex.Word(type) for type in TYPES), ex.Anything(), ex.Wildcard("x.*")])


def trees(*, classical: bool = False) -> st.SearchStrategy[ex.Expression]:
    def larger(inner: st.SearchStrategy[ex.Expression]) -> st.SearchStrategy[ex.Expression]:
        parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
        kinds = [st.builds(ex.Sequence, parts), st.builds(ex.Either, parts), inner.map(ex.Repeat)]
        more = [] if classical else [st.builds(ex.Both, parts), inner.map(ex.Not)]
        return st.one_of(*kinds, *more)

    leaves = st.one_of(atoms, st.just(ex.NOTHING))
    return st.recursive(leaves, larger, max_leaves=7)


def written(tree: ex.Expression) -> str:
    """The tree as text, with all groups in parentheses."""
    match tree:
        case ex.Word(type):
            return type
        case ex.Wildcard(pattern):
            return pattern
        case ex.Anything():
            return "any"
        case ex.Sequence(parts):
            return f"({' '.join(map(written, parts))})"
        case ex.Either(parts):
            return f"({' | '.join(map(written, parts))})"
        case ex.Both(parts):
            return f"({' & '.join(map(written, parts))})"
        case ex.Not(part):
            return f"(!{written(part)})"
        case ex.Repeat(part):
            return f"({written(part)})*"


@cache
def describes(tree: ex.Expression, word: tuple[str, ...]) -> bool:
    """Whether a word belongs to a tree, by trying all ways to split it."""
    match tree:
        case ex.Word(type):
            return word == (type,)
        case ex.Wildcard():
            return len(word) == 1 and tree.fits(word[0])
        case ex.Anything():
            return len(word) == 1
        case ex.Sequence(()):
            return not word
        case ex.Sequence((first, *rest)):
            ways = range(len(word) + 1)
            others = ex.Sequence(tuple(rest))
            return any(describes(first, word[:n]) and describes(others, word[n:]) for n in ways)
        case ex.Either(parts):
            return any(describes(part, word) for part in parts)
        case ex.Both(parts):
            return all(describes(part, word) for part in parts)
        case ex.Not(part):
            return not describes(part, word)
        case ex.Repeat(part):
            ways = range(1, len(word) + 1)
            return not word or any(
                describes(part, word[:n]) and describes(tree, word[n:]) for n in ways
            )
    raise AssertionError(tree)


def compiled(tree: ex.Expression) -> Automaton:
    """The automaton of a tree that describes something."""
    try:
        return Automaton.compile(written(tree), TYPES)
    except ConfigError as error:
        if error.what != "no stream keeps the expression":
            raise
    assert not any(describes(tree, word) for word in WORDS)
    return reject()


@given(trees())
def test_an_automaton_accepts_what_its_expression_describes(tree: ex.Expression) -> None:
    automaton = compiled(tree)
    for word in WORDS:
        assert automaton.accepts(word) == describes(tree, word)


@given(trees(classical=True))
def test_classical_expressions_mean_what_they_mean_to_re(tree: ex.Expression) -> None:
    chars = {"a": "a", "b": "b", "x.1": "c", OTHER: "z"}
    text = written(tree).replace("x.*", "c").replace("x.1", "c").replace("any", ".")
    pattern = re.compile(text.replace(" ", ""))
    automaton = compiled(tree)
    for word in WORDS:
        spelt = "".join(map(chars.__getitem__, word))
        assert automaton.accepts(word) == bool(pattern.fullmatch(spelt))


@given(trees())
def test_an_automaton_has_no_state_too_many(tree: ex.Expression) -> None:
    automaton = compiled(tree)
    assert reached(automaton.start) == set(automaton.states)
    rows = {state: state.accepting for state in automaton.states}
    pairs = {(s, t) for s in rows for t in rows if rows[s] != rows[t]}
    while more := {
        (s, t)
        for s, t in product(rows, rows)
        if (s, t) not in pairs and any(step in pairs for step in zip(s.rows, t.rows, strict=True))
    }:
        pairs |= more
    assert len(pairs) == len(rows) * (len(rows) - 1), "a stream tells any two states apart"


def reached(start: State) -> set[State]:
    found, waiting = {start}, [start]
    while waiting:
        fresh = set(waiting.pop().rows) - found
        found |= fresh
        waiting += fresh
    return found


@given(trees())
def test_from_a_dead_state_nothing_is_accepted_and_from_others_something(
    tree: ex.Expression,
) -> None:
    for state in compiled(tree).states:
        assert state.dead == (not any(after.accepting for after in reached(state)))


# --- fitness -------------------------------------------------------------------------------

streams = st.lists(st.sampled_from([*TYPES, OTHER]), max_size=4).map(tuple)


def edits_between(one: tuple[str, ...], two: tuple[str, ...]) -> int:
    """How many events are put in or taken out, at least."""
    if not one or not two:
        return len(one) + len(two)
    if one[0] == two[0]:
        return edits_between(one[1:], two[1:])
    return 1 + min(edits_between(one[1:], two), edits_between(one, two[1:]))


@given(trees(), streams)
def test_fitness_is_that_of_the_nearest_stream_described(
    tree: ex.Expression, stream: tuple[str, ...]
) -> None:
    automaton = compiled(tree)
    accepted = [word for word in WORDS if describes(tree, word)]
    assume(accepted)
    nearest = min(edits_between(stream, word) for word in accepted)
    assume(nearest <= 5 - len(stream))  # a stream longer than all of WORDS is no nearer
    shortest = min(map(len, accepted))
    assert automaton.aligned.cost(stream) == nearest
    assert automaton.aligned.shortest == shortest
    expected = 1 - nearest / (len(stream) + shortest) if nearest else 1.0
    assert automaton.fitness(stream) == expected


@given(trees(), st.lists(st.sampled_from([*TYPES, OTHER]), max_size=30))
def test_the_edits_of_a_diagnosis_make_a_stream_that_is_accepted(
    tree: ex.Expression, stream: list[str]
) -> None:
    automaton = compiled(tree)
    edits = automaton.diagnosis(stream)
    assert len(edits) == automaton.aligned.cost(stream)
    assert (automaton.fitness(stream) == 1.0) == automaton.accepts(stream) == (not edits)
    mended: list[str] = []
    left = list(edits)
    for at in range(-1, len(stream)):
        gone = bool(left) and left[0].kind == "delete" and left[0].at == at
        if gone:
            assert left.pop(0).type == stream[at]
        elif at >= 0:
            mended.append(stream[at])
        while left and left[0].kind == "insert" and left[0].at == at:
            mended.append(left.pop(0).type.partition(" or ")[0].replace("any other event", OTHER))
    assert left == []
    assert automaton.accepts(mended)
