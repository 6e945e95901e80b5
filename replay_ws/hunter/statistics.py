"""What so many runs, of which so many failed, say about a program, and what they do not.

A failure rate is given with the exact interval of Clopper and Pearson (Biometrika 26, 1934): the
usual approximations are wrong just where failures are rare. It is the range of rates under which
what was seen is no odder than 5 %. The chance of something new is Good's (Biometrika 40, 1953):
what was seen once only stands for what was not seen yet.
"""

from __future__ import annotations

from array import array
from itertools import groupby
from math import ceil, exp, inf, lgamma, log, log1p
from typing import NamedTuple

CONFIDENCE = 0.95

_STEPS_MAX = 500
_TINY = 1e-300
_PRECISION = 1e-12


class Interval(NamedTuple):
    """A range of rates, 0.0 to 1.0."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{percent(self.low)} to {percent(self.high)}"


NO_IDEA = Interval(0.0, 1.0)
"""Before the first run."""


def percent(rate: float) -> str:
    """``0.28 %``: three digits."""
    value = 100 * rate
    if value in (0, 100):
        return f"{value:.0f} %"
    return f"{value:.3g} %"


def interval(failures: int, runs: int, confidence: float = CONFIDENCE) -> Interval:
    """The failure rates that fit what was seen.

    With no failure it is one-sided, 0 to about 3 / runs, and so it is where every run failed.
    """
    if runs <= 0:
        return NO_IDEA
    missed = 1 - confidence
    if failures == 0:
        return Interval(0.0, 1 - missed ** (1 / runs))
    if failures == runs:
        return Interval(missed ** (1 / runs), 1.0)
    low = _beta_quantile(missed / 2, failures, runs - failures + 1)
    high = _beta_quantile(1 - missed / 2, failures + 1, runs - failures)
    return Interval(low, high)


def rate(failures: int, runs: int, *, stopped_at_failure: bool = False) -> float:
    """The failure rate, without bias also where the last failure was what ended the runs.

    To divide as usual would then give several times too much: of the first failure, always a run
    too many is one that fails (Haldane, Biometrika 33, 1945).
    """
    if stopped_at_failure:
        return (failures - 1) / (runs - 1) if runs > 1 else 1.0
    return failures / runs if runs else 0.0


def runs_to_see(rate: float, confidence: float = CONFIDENCE) -> float:
    """After how many runs without a failure this rate can be ruled out; infinite for none."""
    if rate >= 1:
        return 1
    return ceil(log1p(-confidence) / log1p(-rate)) if rate > 0 else inf


class Behaviours:
    """How many different things the runs did, from 64 bits of each, 8 bytes a run."""

    def __init__(self) -> None:
        self._seen = array("Q")
        self._counted = (0, 0, 0)

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, seen: array[int]) -> None:
        """Take in further runs."""
        self._seen.extend(seen)

    def count(self, runs: int | None = None) -> tuple[int, int]:
        """How many there were, and how many of them once only, among the first ``runs``."""
        runs = len(self._seen) if runs is None else runs
        if self._counted[0] != runs:
            sizes = [sum(1 for _ in alike) for _, alike in groupby(sorted(self._seen[:runs]))]
            self._counted = (runs, len(sizes), sizes.count(1))
        return self._counted[1:]

    def chance_of_new(self, runs: int | None = None) -> float:
        """How likely the next run does something new; 1.0 before the first."""
        runs = len(self._seen) if runs is None else runs
        return self.count(runs)[1] / runs if runs else 1.0


# --- the beta distribution ---------------------------------------------------------------------


def _beta_quantile(wanted: float, a: float, b: float) -> float:
    """Where the distribution function of beta(a, b) takes the value ``wanted``, by bisection."""
    low, high = 0.0, 1.0
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _beta_distribution(middle, a, b) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_distribution(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges quickly on the other side
        return 1 - _beta_distribution(1 - x, b, a)
    front = exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b)) / a
    return front * _continued_fraction(x, a, b)


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Lentz's way, from the front."""
    value = upper = 1.0
    lower = 0.0
    for step in range(_STEPS_MAX):
        half = step // 2
        if step == 0:
            term = 1.0
        elif step % 2 == 0:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        else:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        lower = 1 / ((1 + term * lower) or _TINY)
        upper = (1 + term / upper) or _TINY
        value *= lower * upper
        if step and abs(1 - lower * upper) < _PRECISION:
            break
    return value - 1  # the 1 that it began with
