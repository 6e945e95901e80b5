"""Fewest items that still fail: how many runs it takes, and what is always so."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_ws.hunter.minimise import Minimiser, lowest

SIZE = 1_000
INSTANCES = 20

Fails = Callable[[Sequence[int]], bool]
Chance = random.Random


def needs(culprits: set[int]) -> Fails:
    return lambda items: culprits <= set(items)


def some(chance: Chance, count: int) -> set[int]:
    return set(chance.sample(range(SIZE), count))


def burst(chance: Chance) -> Fails:
    first = chance.randrange(SIZE - 8)
    return needs(set(range(first, first + 8)))


def two_or_three(chance: Chance) -> Fails:
    two, three = needs(some(chance, 2)), needs(some(chance, 3))
    return lambda items: two(items) or three(items)


def five_of_a_region(chance: Chance) -> Fails:
    first = chance.randrange(SIZE - 50)
    return lambda items: sum(first <= item < first + 50 for item in items) >= 5


def masked(chance: Chance) -> Fails:
    """One item hides the failure, unless another is there."""
    culprits, (mask, key) = needs(some(chance, 2)), sorted(some(chance, 2))
    return lambda items: culprits(items) and (mask not in items or key in items)


def parity(chance: Chance) -> Fails:
    """Of four items an even number must be there, so that single ones cannot be dropped."""
    culprits, odd = needs(some(chance, 2)), some(chance, 4)
    return lambda items: culprits(items) and len(odd.intersection(items)) % 2 == 0


# What fails, and in how many runs (median) a set without a needless item is to be found.
KINDS: dict[str, tuple[Callable[[Chance], Fails], float]] = {
    "one": (lambda chance: needs(some(chance, 1)), 18 * 1.2),
    "three": (lambda chance: needs(some(chance, 3)), 48 * 1.2),
    "eight scattered": (lambda chance: needs(some(chance, 8)), 127 * 1.2),
    "burst of eight": (burst, 68 * 1.2),
    "two or three": (two_or_three, 43 * 1.2),
    "five of a region": (five_of_a_region, 40 * 1.2),
    "masked": (masked, 38 * 1.2),
    "parity": (parity, 55 * 1.2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_few_runs_find_a_set_without_a_needless_item(kind: str) -> None:
    make, runs_max = KINDS[kind]
    runs = []
    for number in range(INSTANCES):
        fails = make(random.Random(number))
        minimiser = Minimiser(range(SIZE), fails)
        refuse_needless(minimiser.minimal(), fails)
        runs.append(minimiser.runs)
    assert median(runs) <= runs_max


def refuse_needless(found: Sequence[int], fails: Fails) -> None:
    assert fails(found)
    assert not any(fails([other for other in found if other != item]) for item in found)


@given(st.integers(1, 12), st.integers(), st.floats(0, 1))
def test_whatever_fails_no_item_of_the_result_can_be_dropped(
    size: int, seed: int, share: float
) -> None:
    def fails(items: Sequence[int]) -> bool:
        whole = len(items) == size
        return whole or random.Random(f"{seed} {items}").random() < share

    minimiser = Minimiser(range(size), fails)
    refuse_needless(minimiser.minimal(), fails)


def test_nothing_is_tried_first() -> None:
    minimiser = Minimiser(range(SIZE), lambda _: True)
    assert (minimiser.minimal(), minimiser.runs) == ([], 1)


def test_nothing_is_asked_twice_and_items_keep_their_order() -> None:
    asked: list[tuple[int, ...]] = []

    def fails(items: Sequence[int]) -> bool:
        asked.append(tuple(items))
        return {3, 30, 77} <= set(items)

    assert Minimiser(range(100), fails).minimal() == [3, 30, 77]
    assert len(set(asked)) == len(asked)
    assert all(list(items) == sorted(items) for items in asked)


def test_who_stops_has_the_best_so_far() -> None:
    def fails(items: Sequence[int]) -> bool:
        if minimiser.runs > 5:
            raise TimeoutError
        return {3, 30, 77} <= set(items)

    minimiser = Minimiser(range(100), fails)
    with pytest.raises(TimeoutError):
        minimiser.minimal()
    assert {3, 30, 77} <= set(minimiser.best)


@given(st.integers(1, 1_000), st.integers(1, 1_000))
def test_the_lowest_amount_is_found_by_halves(bound: int, more: int) -> None:
    asked: list[int] = []

    def fails(amount: int) -> bool:
        asked.append(amount)
        return amount >= bound

    assert bound <= lowest(bound + more, fails) <= bound * 33 / 32 + 1
    assert len(asked) <= 12
