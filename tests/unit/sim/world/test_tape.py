"""A tape gives back what was drawn, and counts what it has not."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from replay_ws.sim.world.tape import Tape, keyed_words

purposes = st.lists(st.tuples(st.sampled_from(["uuid", "urandom"]), st.integers(0, 20)))


def drawn(tape: Tape, seed: int, asked: list[tuple[str, int]]) -> list[list[int]]:
    words = tape.words(seed)
    return [list(islice(words(purpose), count)) for purpose, count in asked]


@given(purposes, st.integers(0, 5))
def test_a_new_tape_gives_what_the_seed_gives(asked: list[tuple[str, int]], seed: int) -> None:
    keyed = [list(islice(keyed_words(seed)(purpose), count)) for purpose, count in asked]
    assert drawn(Tape(), seed, asked) == keyed


@given(purposes, st.integers(0, 5), st.integers(6, 9))
def test_a_tape_gives_the_same_under_any_seed(
    asked: list[tuple[str, int]], seed: int, other: int
) -> None:
    tape = Tape()
    first = drawn(tape, seed, asked)
    played = Tape(tape.packed())
    assert drawn(played, other, asked) == first
    assert played.beyond == {}


def test_what_is_asked_beyond_a_tape_comes_from_the_seed_and_is_counted() -> None:
    tape = Tape()
    drawn(tape, 1, [("uuid", 3)])
    played = Tape(tape.packed())
    (words,) = drawn(played, 2, [("uuid", 5)])
    assert words[:3] == list(islice(keyed_words(1)("uuid"), 3))
    assert words[3:] == list(islice(keyed_words(2)("uuid"), 5))[3:]
    assert played.beyond == {"uuid": 2}
