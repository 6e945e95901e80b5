"""Figures that were worked out elsewhere, and what holds for all."""

from __future__ import annotations

from array import array
from math import comb, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_ws.hunter.statistics import Behaviours, interval, percent, rate, runs_to_see


@pytest.mark.parametrize(
    ("failures", "runs", "low", "high"),
    [(7, 1_000, 0.00282, 0.01437), (1, 20, 0.00127, 0.24873), (5, 10, 0.18709, 0.81291)],
)
def test_intervals_are_those_of_clopper_and_pearson(
    failures: int, runs: int, low: float, high: float
) -> None:
    assert interval(failures, runs) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize(("runs", "high"), [(100, 0.0295), (1_000, 0.00299), (10_000, 0.0003)])
def test_no_failure_rules_out_three_in_so_many_runs(runs: int, high: float) -> None:
    assert interval(0, runs) == pytest.approx((0, high), rel=2e-3)


def test_a_million_runs_have_an_interval_too() -> None:
    low, high = interval(500_000, 1_000_000)
    assert low < 0.5 < high < low + 0.003


def tail(failures: int, runs: int, chance: float) -> float:
    """How likely at least so many of the runs fail."""
    terms = (
        comb(runs, k) * chance**k * (1 - chance) ** (runs - k) for k in range(failures, runs + 1)
    )
    return sum(terms)


@given(st.integers(2, 60).flatmap(lambda runs: st.tuples(st.integers(1, runs - 1), st.just(runs))))
def test_at_the_ends_of_an_interval_what_was_seen_is_one_in_forty(seen: tuple[int, int]) -> None:
    failures, runs = seen
    low, high = interval(failures, runs)
    assert tail(failures, runs, low) == pytest.approx(0.025, abs=1e-6)
    assert 1 - tail(failures + 1, runs, high) == pytest.approx(0.025, abs=1e-6)


def test_runs_that_ended_with_a_failure_are_not_counted_as_usual() -> None:
    assert rate(1, 50) == 0.02
    assert rate(1, 50, stopped_at_failure=True) == 0
    assert rate(5, 401, stopped_at_failure=True) == 0.01
    assert rate(1, 1, stopped_at_failure=True) == 1
    assert rate(0, 0) == 0


@pytest.mark.parametrize(
    ("chance", "runs"), [(0.1, 29), (0.05, 59), (0.01, 299), (0.001, 2_995), (0, inf), (1, 1)]
)
def test_how_many_clean_runs_rule_a_rate_out(chance: float, runs: float) -> None:
    assert runs_to_see(chance) == runs


def test_what_was_seen_once_only_stands_for_what_was_not_seen_yet() -> None:
    seen = Behaviours()
    assert seen.chance_of_new() == 1
    seen.add(array("Q", [1, 2, 2, 3]))
    assert (len(seen), seen.count(), seen.chance_of_new()) == (4, (3, 2), 0.5)
    assert seen.count(2) == (2, 2)
    seen.add(array("Q", [1, 3]))
    assert seen.count() == (3, 0)


@pytest.mark.parametrize(
    ("share", "text"), [(0.0028, "0.28 %"), (0.123, "12.3 %"), (1, "100 %"), (0, "0 %")]
)
def test_a_rate_reads_with_at_most_three_digits(share: float, text: str) -> None:
    assert percent(share) == text
