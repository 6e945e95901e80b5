"""What a program keeps from one run to the next."""

from __future__ import annotations

import itertools
import random
import sys

from replay_ws.verifier.carried import carried_state, modules_of

TICKETS = itertools.count(1)
GENERATOR = random.Random(1)
SEEN: list[int] = []


class Counter:
    made = 0


def nothing() -> None:
    pass


def state() -> dict[str, str]:
    return carried_state(modules_of([__file__]), nothing)


def test_globals_class_attributes_iterators_and_generators_are_seen_to_change() -> None:
    before = state()
    next(TICKETS)
    GENERATOR.random()
    SEEN.append(1)
    Counter.made += 1
    after = state()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"TICKETS", "GENERATOR", "SEEN", "Counter.made"}


def test_nothing_changes_by_itself() -> None:
    assert state() == state()


def test_variables_that_the_program_closes_over_are_seen() -> None:
    count = 3

    def program() -> int:
        return count

    assert carried_state([], program) == {"count": "3"}


def test_modules_are_found_by_the_files_of_their_code() -> None:
    assert modules_of([__file__]) == [sys.modules[__name__]]
