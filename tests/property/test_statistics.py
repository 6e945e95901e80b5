"""Chance keeps its word: over 100,000 messages each number is what was asked for.

Every bound is three standard deviations of what is counted, worked out from the numbers that were
asked for. Seeds are fixed, so a test that passes always passes. Draws come straight from dice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import groupby, pairwise
from math import sqrt
from statistics import NormalDist, fmean
from typing import Any

import pytest

from replay_ws.clock import NS_PER_MS
from replay_ws.events.log import Channel, Connection, Log
from replay_ws.faults import checks
from replay_ws.faults.chance import Dice, floor_ns
from replay_ws.faults.toxics import Toxic
from replay_ws.faults.types import TYPES

N = 100_000
SEEDS = (1, 2)
CUT = 4.0
"""Deviations beyond which no delay goes; those that would are all there."""

every_seed = pytest.mark.parametrize("seed", SEEDS)


def log_of(connections: int) -> Log:
    log = Log()
    log.add_channel(Channel("", {}), 0)
    for number in range(connections):
        log.add_connection(Connection(f"c{number}", "message", 0), 0)
    log.kind("token", 0)
    log.kind("tool", 0)
    return log


def amounts(
    toxic: Toxic, seed: int, count: int = N, *, lane: int = 0, kind: int = 1, attempt: int = 0
) -> list[int]:
    """What ``toxic`` does to the first ``count`` messages."""
    strike = Dice(seed, {toxic.name: toxic}, log_of(2)).strike
    return [strike(toxic.name, lane, kind, index, attempt) for index in range(count)]


def strikes(toxic: Toxic, seed: int, **about: int) -> list[bool]:
    return [amount > 0 for amount in amounts(toxic, seed, **about)]


def assert_share(hits: int, trials: int, share: float) -> None:
    """``hits`` are what independent trials of this probability give."""
    assert abs(hits - trials * share) <= 3 * sqrt(trials * share * (1 - share))


def assert_mean(values: Sequence[float], mean: float, deviation: float) -> None:
    """``values`` are independent, with this mean and deviation."""
    assert abs(fmean(values) - mean) <= 3 * deviation / sqrt(len(values))


def assert_distribution(values: Iterable[float], cumulative: Callable[[float], float]) -> None:
    """Kolmogorov and Smirnov: 1.82 is passed as rarely as three deviations are."""
    ordered = sorted(values)
    count = len(ordered)
    shares = [cumulative(value) for value in ordered if value < CUT]
    apart = max(max(c - at / count, (at + 1) / count - c) for at, c in enumerate(shares))
    assert apart <= 1.82 / sqrt(count)


def runs(fates: Iterable[bool], which: bool) -> list[int]:
    """Lengths of the runs of ``which``, without those that the first and the last message cut."""
    lengths = [(fate, len(list(group))) for fate, group in groupby(fates)]
    return [length for fate, length in lengths[1:-1] if fate is which]


# --- rates -----------------------------------------------------------------------------------

WITH_A_RATE = [
    name
    for name, type_ in TYPES.items()
    if "rate" in type_.attributes and type_.attributes["rate"].check is checks.rate
]


@every_seed
@pytest.mark.parametrize("name", WITH_A_RATE)
def test_a_toxic_strikes_at_its_rate(name: str, seed: int) -> None:
    assert_share(sum(strikes(Toxic(name, rate=0.1), seed)), N, 0.1)


@every_seed
@pytest.mark.parametrize("rate", [0.0005, 0.02, 0.5, 0.999])
def test_small_and_large_rates_are_as_exact(rate: float, seed: int) -> None:
    assert_share(sum(strikes(Toxic("loss", rate=rate), seed)), N, rate)


@every_seed
def test_strikes_in_a_row_are_independent(seed: int) -> None:
    struck = strikes(Toxic("loss", rate=0.3), seed)
    assert_share(sum(map(all, zip(struck[::2], struck[1::2], strict=True))), N // 2, 0.09)


@every_seed
@pytest.mark.parametrize("lane", [1, 2], ids=["direction", "connection"])
def test_lanes_are_independent(lane: int, seed: int) -> None:
    toxic = Toxic("loss", rate=0.3)
    assert_together(strikes(toxic, seed), strikes(toxic, seed, lane=lane))


@every_seed
def test_toxics_kinds_attempts_and_seeds_are_independent(seed: int) -> None:
    toxic = Toxic("loss", rate=0.3)
    one = strikes(toxic, seed)
    assert_together(one, strikes(Toxic("loss", name="wifi", rate=0.3), seed))
    assert_together(one, strikes(Toxic("duplicate", rate=0.3), seed))
    assert_together(one, strikes(toxic, seed, kind=2))
    assert_together(one, strikes(toxic, seed, attempt=1))
    assert_together(one, strikes(toxic, seed + 1))


def assert_together(one: list[bool], other: list[bool]) -> None:
    assert_share(sum(map(all, zip(one, other, strict=True))), N, 0.09)


@every_seed
@pytest.mark.parametrize("toxicity", [0.1, 0.75])
def test_toxicity_is_the_share_of_connections(toxicity: float, seed: int) -> None:
    count = 10_000
    chance = Dice(seed, {"cut": Toxic("loss", name="cut", toxicity=toxicity)}, log_of(count))
    asked = [chance.strike("cut.toxicity", lane, 0, 0) for lane in range(0, 2 * count, 2)]
    assert_share(sum(asked), count, toxicity)


# --- amounts ---------------------------------------------------------------------------------


@every_seed
@pytest.mark.parametrize(
    ("toxic", "low_ns", "high_ns"),
    [
        (Toxic("partition", rate=0.5), 1_000 * NS_PER_MS, 3_000 * NS_PER_MS),
        (Toxic("timeout", rate=0.5), 5_000 * NS_PER_MS, 10_000 * NS_PER_MS),
        (Toxic("race", rate=0.5), 1 * NS_PER_MS, 5 * NS_PER_MS),
        (Toxic("drain", stagger=40), 0, 40 * NS_PER_MS),
        (Toxic("malformed", rate=0.5), 1, 1 << 48),
        (Toxic("corrupt", rate=0.5), 1, 1 << 48),
        (Toxic("slicer"), 1, 1 << 48),
        (Toxic("latency", latency=200, jitter=50), 0, 100 * NS_PER_MS),
    ],
    ids=lambda value: value.type if isinstance(value, Toxic) else "",
)
def test_an_amount_is_spread_evenly_over_its_range(
    toxic: Toxic, low_ns: int, high_ns: int, seed: int
) -> None:
    width = high_ns - low_ns
    struck = [(amount - low_ns) / width for amount in amounts(toxic, seed) if amount]
    assert min(struck) >= 0
    assert max(struck) <= 1
    assert_distribution(struck, lambda share: share)


@every_seed
@pytest.mark.parametrize("name", ["duplicate", "loss", "failure", "auth", "reorder", "connect"])
def test_where_there_is_nothing_to_measure_the_amount_is_one(name: str, seed: int) -> None:
    assert set(amounts(Toxic(name, rate=0.5), seed, 1_000)) == {0, 1}


# --- latency ---------------------------------------------------------------------------------

LATENCY, JITTER = 200.0, 20.0
PARETO_DEVIATION = sqrt(0.75)


def normal(u: float) -> float:
    return min(CUT, max(-CUT, NormalDist().inv_cdf(u)))


def pareto(u: float) -> float:
    value: float = (1 - u) ** (-1 / 3)
    return min(CUT, (value - 1.5) / PARETO_DEVIATION)


QUANTILES: dict[str, Callable[[float], float]] = {
    "uniform": lambda u: 2 * u - 1,
    "normal": normal,
    "pareto": pareto,
    "paretonormal": lambda u: 0.25 * normal(u) + 0.75 * pareto(u),
}


@cache
def moments(distribution: str) -> tuple[float, float, float]:
    """Mean, deviation and the deviation's own, of one jitter, of N messages."""
    values = [QUANTILES[distribution]((2 * n + 1) / 200_000) for n in range(100_000)]
    mean = fmean(values)
    second, fourth = (fmean((value - mean) ** power for value in values) for power in (2, 4))
    return mean, sqrt(second), sqrt((fourth - second**2) / N) / (2 * sqrt(second))


@cache
def delays(distribution: str, seed: int) -> list[float]:
    """What messages take, in jitters from the latency in the middle."""
    toxic = Toxic("latency", latency=LATENCY, jitter=JITTER, distribution=distribution)
    floor = floor_ns(toxic)
    return [((floor + a) / NS_PER_MS - LATENCY) / JITTER for a in amounts(toxic, seed)]


every_distribution = pytest.mark.parametrize("distribution", QUANTILES)


@every_seed
@every_distribution
def test_a_latency_has_the_mean_and_deviation_of_its_distribution(
    distribution: str, seed: int
) -> None:
    drawn = delays(distribution, seed)
    mean, deviation, uncertain = moments(distribution)
    assert_mean(drawn, mean, deviation)
    measured = sqrt(fmean((value - mean) ** 2 for value in drawn))
    assert abs(measured - deviation) <= 3 * uncertain


@every_seed
@every_distribution
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_latency_has_the_quantiles_of_its_distribution(
    distribution: str, share: float, seed: int
) -> None:
    quantile = QUANTILES[distribution](share)
    assert_share(sum(value < quantile for value in delays(distribution, seed)), N, share)


CUMULATIVE: dict[str, Callable[[float], float]] = {
    "uniform": lambda x: (x + 1) / 2,
    "normal": NormalDist().cdf,
    "pareto": lambda x: 1 - (x * PARETO_DEVIATION + 1.5) ** -3,
}


@every_seed
@pytest.mark.parametrize("distribution", CUMULATIVE)
def test_a_latency_is_distributed_as_asked_for(distribution: str, seed: int) -> None:
    assert_distribution(delays(distribution, seed), CUMULATIVE[distribution])


@every_seed
def test_a_latency_that_would_be_below_zero_is_zero(seed: int) -> None:
    toxic = Toxic("latency", latency=20, jitter=20, distribution="normal")
    assert floor_ns(toxic) == 0
    assert_share(amounts(toxic, seed).count(0), N, NormalDist().cdf(-1))


# --- correlation -----------------------------------------------------------------------------

every_correlation = pytest.mark.parametrize("correlation", [0.1, 0.5, 0.9])


@every_seed
@every_correlation
@pytest.mark.parametrize(("name", "rate"), [("loss", 0.2), ("duplicate", 0.05), ("reorder", 0.5)])
def test_a_correlation_is_the_autocorrelation_of_neighbours(
    name: str, rate: float, correlation: float, seed: int
) -> None:
    struck = strikes(Toxic(name, rate=rate, correlation=correlation), seed)
    following: dict[bool, list[bool]] = {False: [], True: []}
    for one, other in pairwise(struck):
        following[one].append(other)
    # Of a chain of two states, that is the difference that the last one makes to the next.
    expected = {last: rate * (1 - correlation) + correlation * last for last in (False, True)}
    for last, share in expected.items():
        assert_share(sum(following[last]), len(following[last]), share)
    variance = sum(p * (1 - p) / len(following[last]) for last, p in expected.items())
    measured = fmean(following[True]) - fmean(following[False])
    assert abs(measured - correlation) <= 3 * sqrt(variance)


@every_seed
@every_correlation
def test_a_correlation_leaves_the_rate_alone(correlation: float, seed: int) -> None:
    struck = strikes(Toxic("loss", rate=0.2, correlation=correlation), seed)
    deviation = sqrt(0.2 * 0.8 * (1 + correlation) / (1 - correlation))
    assert_mean(struck, 0.2, deviation)


@every_seed
@every_correlation
def test_correlated_losses_come_in_bursts(correlation: float, seed: int) -> None:
    ends = (1 - correlation) * (1 - 0.2)
    bursts = runs(strikes(Toxic("loss", rate=0.2, correlation=correlation), seed), True)
    assert_mean(bursts, 1 / ends, sqrt(1 - ends) / ends)


@every_seed
@every_correlation
@every_distribution
def test_a_correlated_latency_is_that_of_the_message_before_so_often(
    distribution: str, correlation: float, seed: int
) -> None:
    toxic = Toxic(
        "latency", latency=200, jitter=20, correlation=correlation, distribution=distribution
    )
    drawn = [delay for delay in amounts(toxic, seed) if delay < 7.9 * CUT * NS_PER_MS]
    again = sum(one == other for one, other in pairwise(drawn))
    assert_share(again, len(drawn) - 1, correlation)


# --- bursts of loss --------------------------------------------------------------------------

GILBERT = [(0.02, 0.2), (0.1, 0.5), (0.005, 0.05)]
Matrix = tuple[tuple[float, ...], ...]


@every_seed
@pytest.mark.parametrize(("p", "r"), GILBERT)
def test_gilbert_bursts_are_one_over_r_long_and_one_over_p_apart(
    p: float, r: float, seed: int
) -> None:
    lost = strikes(Toxic("loss", model="gemodel", p=p, r=r), seed)
    for which, ends in ((True, r), (False, p)):
        assert_mean(runs(lost, which), 1 / ends, sqrt(1 - ends) / ends)
    bursts = runs(lost, True)
    for length in range(1, 5):
        assert_share(bursts.count(length), len(bursts), r * (1 - r) ** (length - 1))


@cache
def long_run(steps: Matrix, lost: tuple[float, ...]) -> tuple[float, float]:
    """The share of messages that a chain loses, and how much each counts for the deviation.

    ``steps`` are its probabilities from state to state, ``lost`` what each state loses.
    """
    states = range(len(steps))
    often = [1 / len(steps)] * len(steps)
    for _ in range(10_000):
        often = [sum(often[i] * steps[i][j] for i in states) for j in states]
    mean = sum(often[i] * lost[i] for i in states)
    variance, ahead = mean * (1 - mean), list(lost)
    for _ in range(10_000):  # messages apart
        ahead = [sum(steps[i][j] * ahead[j] for j in states) for i in states]
        variance += 2 * (sum(often[i] * lost[i] * ahead[i] for i in states) - mean**2)
    return mean, sqrt(variance)


def gilbert_elliott(p: float, r: float) -> Matrix:
    return ((1 - p, p), (r, 1 - r))


@every_seed
@pytest.mark.parametrize(("p", "r"), GILBERT)
@pytest.mark.parametrize(("bad", "good", "rate"), [(1, 0, 1), (0.7, 0.01, 1), (0.7, 0.01, 0.4)])
def test_a_gilbert_elliott_link_loses_its_share(
    p: float, r: float, bad: float, good: float, rate: float, seed: int
) -> None:
    values: dict[str, Any] = {"p": p, "r": r, "1-h": bad, "1-k": good}
    share, deviation = long_run(gilbert_elliott(p, r), (good * rate, bad * rate))
    assert abs(share - rate * (bad * p + good * r) / (p + r)) < 1e-9
    assert_mean(
        strikes(Toxic("loss", model="gemodel", rate=rate, **values), seed), share, deviation
    )


STATES: list[dict[str, Any]] = [
    {"p13": 0.02, "p31": 0.1, "p32": 0.3, "p23": 0.4, "p14": 0.01},
    {"p13": 0.1, "p31": 0.5},
    {"p14": 0.05},
    {"p13": 0.3, "p31": 0.05, "p32": 0.05, "p23": 0.1, "p14": 0.2},
]


def four_states(values: dict[str, Any]) -> Matrix:
    p13, p31, p32, p23, p14 = (
        values.get(name, 0.0) for name in ("p13", "p31", "p32", "p23", "p14")
    )
    return (
        (1 - p13 - p14, 0, p13, p14),
        (0, 1 - p23, p23, 0),
        (p31, p32, 1 - p31 - p32, 0),
        (1, 0, 0, 0),
    )


@every_seed
@pytest.mark.parametrize("rate", [1, 0.4])
@pytest.mark.parametrize("values", STATES, ids=lambda values: "-".join(values))
def test_four_states_lose_their_share(values: dict[str, Any], rate: float, seed: int) -> None:
    share, deviation = long_run(four_states(values), (0, 0, rate, rate))
    assert_mean(strikes(Toxic("loss", model="state", rate=rate, **values), seed), share, deviation)


@every_seed
def test_losses_alone_are_never_two_in_a_row(seed: int) -> None:
    lost = strikes(Toxic("loss", model="state", p14=0.3), seed)
    assert set(runs(lost, True)) == {1}
    assert_mean(runs(lost, False), 1 + 0.7 / 0.3, sqrt(0.7) / 0.3)


@every_seed
def test_within_a_burst_losses_and_passes_take_turns(seed: int) -> None:
    values: dict[str, Any] = {
        "p13": 1.0,
        "p32": 0.4,
        "p23": 0.25,
    }  # once in the burst, never out of it
    lost = strikes(Toxic("loss", model="state", **values), seed)
    assert_mean(runs(lost, True), 1 / 0.4, sqrt(0.6) / 0.4)
    assert_mean(runs(lost, False), 1 / 0.25, sqrt(0.75) / 0.25)


@every_seed
@pytest.mark.parametrize("index", [0, 1, 40])
@pytest.mark.parametrize("correlation", [0, 0.5])
def test_a_gilbert_elliott_link_loses_its_share_of_any_message(
    index: int, correlation: float, seed: int
) -> None:
    count = 5_000
    values: dict[str, Any] = {"model": "gemodel", "p": 0.1, "r": 0.3, "1-h": 0.8, "1-k": 0.1}
    toxic = Toxic("loss", rate=0.6, correlation=correlation, **values)
    chance = Dice(seed, {"loss": toxic}, log_of(count))
    lost = [chance.strike("loss", lane, 1, index) for lane in range(0, 2 * count, 2)]
    assert_share(sum(lost), count, 0.6 * (0.8 * 0.1 + 0.1 * 0.3) / 0.4)


# --- a higher rate ---------------------------------------------------------------------------


@every_seed
@pytest.mark.parametrize("correlation", [0, 0.6])
@pytest.mark.parametrize(
    "values",
    [
        {"model": "random"},
        {"model": "gemodel", "p": 0.1, "r": 0.2, "1-h": 0.9, "1-k": 0.1},
        {"model": "state", "p13": 0.1, "p31": 0.2, "p32": 0.3, "p23": 0.4, "p14": 0.05},
    ],
    ids=lambda values: str(values["model"]),
)
def test_a_higher_rate_strikes_a_superset(
    values: dict[str, Any], correlation: float, seed: int
) -> None:
    def struck(rate: float) -> set[int]:
        toxic = Toxic("loss", rate=rate, correlation=correlation, **values)
        return {at for at, amount in enumerate(amounts(toxic, seed, 5_000)) if amount}

    growing = [struck(rate) for rate in (0, 0.05, 0.1, 0.3, 0.6, 0.95, 1)]
    assert all(fewer < more for fewer, more in pairwise(growing))


@every_seed
@pytest.mark.parametrize("name", ["partition", "timeout", "corrupt"])
def test_a_higher_rate_leaves_the_amounts_of_what_was_struck_alone(name: str, seed: int) -> None:
    fewer, more = (amounts(Toxic(name, rate=rate), seed, 5_000) for rate in (0.2, 0.5))
    assert all(one in (0, other) for one, other in zip(fewer, more, strict=True))
