"""Tables of quantiles, and the delays that draws stand for."""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist, fmean

import pytest

from replay_ws.faults.distributions import KNOTS, SCALE, TABLES, Spread
from replay_ws.rng import WORD

CUT = 4.0


def normal(u: float) -> float:
    return min(CUT, max(-CUT, NormalDist().inv_cdf(u))) if 0 < u < 1 else CUT * (1 if u else -1)


def pareto(u: float) -> float:
    return min(CUT, ((1 - u) ** (-1 / 3) - 1.5) / 0.75**0.5) if u < 1 else CUT


QUANTILES = {
    "normal": normal,
    "pareto": pareto,
    "paretonormal": lambda u: 0.25 * normal(u) + 0.75 * pareto(u),
}


@pytest.mark.parametrize("name", QUANTILES)
def test_a_table_holds_the_quantiles_of_its_distribution_at_the_knots(name: str) -> None:
    for at, value in zip(KNOTS, TABLES[name], strict=True):
        assert abs(value - QUANTILES[name](at / 65_536) * SCALE) <= 1.25


def test_all_tables_ascend_over_knots_that_ascend() -> None:
    assert set(TABLES) == set(QUANTILES)
    assert all(low < high for low, high in pairwise(KNOTS))
    for table in TABLES.values():
        assert all(low <= high for low, high in pairwise(table))


@pytest.mark.parametrize(
    ("name", "mean", "deviation"),
    [("normal", 0, 1), ("pareto", -0.02, 0.74), ("paretonormal", -0.02, 0.77)],
)
def test_mean_and_deviation_are_those_that_the_module_names(
    name: str, mean: float, deviation: float
) -> None:
    spread = Spread(10 * SCALE, SCALE, TABLES[name])
    drawn = [spread.delay_ns((2 * n + 1) * WORD // 40_000) / SCALE - 10 for n in range(20_000)]
    assert abs(fmean(drawn) - mean) < 0.005
    assert abs(fmean((value - mean) ** 2 for value in drawn) ** 0.5 - deviation) < 0.005


@pytest.mark.parametrize("name", TABLES)
def test_between_knots_a_delay_goes_in_a_straight_line(name: str) -> None:
    table = TABLES[name]
    spread = Spread(10_000_000, 1_000_000, table)
    for at in range(len(KNOTS) - 1):
        middle = spread.delay_ns((KNOTS[at] + KNOTS[at + 1]) << 47)
        assert middle == 10_000_000 + 1_000_000 * (table[at] + table[at + 1]) // (2 * SCALE)


@pytest.mark.parametrize("name", TABLES)
def test_a_larger_draw_is_never_a_smaller_delay(name: str) -> None:
    spread = Spread(2_000, 999, TABLES[name])
    delays = [spread.delay_ns(n * (WORD - 1) // 5_000) for n in range(5_001)]
    assert delays == sorted(delays)
    assert delays[0] >= 0
    assert delays[-1] <= 2_000 + 4 * 999


def test_the_ends_of_the_table_are_the_ends_of_the_delay() -> None:
    spread = Spread(1_000_000, 100_000, TABLES["normal"])
    assert spread.delay_ns(0) == 600_000
    assert spread.delay_ns(WORD // 2) == 1_000_000
    assert spread.delay_ns(WORD - 1) == 1_400_000


def test_no_delay_is_below_zero() -> None:
    assert Spread(1_000, 1_000, TABLES["normal"]).delay_ns(0) == 0
