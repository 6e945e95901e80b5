"""Who strikes, how often and how hard."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from replay_ws.clock import NS_PER_MS, ms
from replay_ws.errors import ConfigError
from replay_ws.events.log import Channel, Connection, Direction, Log
from replay_ws.events.model import SCHEDULING, Decision, Plan
from replay_ws.faults import checks
from replay_ws.faults.chance import Dice, Forced, Script, floor_ns, require_plan, rule_of
from replay_ws.faults.toxics import Toxic
from replay_ws.faults.types import TYPES
from replay_ws.rng import WORD, Stream, below

WITH_A_RATE = [
    name
    for name, type_ in TYPES.items()
    if "rate" in type_.attributes and type_.attributes["rate"].check is checks.rate
]


def log_of(*connections: str) -> Log:
    log = Log()
    log.add_channel(Channel("", {}), 0)
    for name in connections:
        log.add_connection(Connection(name, "message", 0), 0)
    log.kind("token", 0)
    log.kind("tool", 0)
    return log


def dice(*toxics: Toxic, seed: int = 0, connections: Iterable[str] = ("a", "b")) -> Dice:
    return Dice(seed, {toxic.name: toxic for toxic in toxics}, log_of(*connections))


def amounts(toxic: Toxic, count: int, seed: int = 0) -> list[int]:
    chance = dice(toxic, seed=seed)
    return [chance.strike(toxic.name, 0, 1, index) for index in range(count)]


def jitter(high: float) -> Toxic:
    return Toxic("latency", name="jitter", latency=high / 2, jitter=high / 2)


# --- rules -----------------------------------------------------------------------------------


def test_a_probability_is_chance_and_a_rate_per_second_is_not() -> None:
    assert {"loss", "partition", "auth", "connect", "reorder"} <= set(WITH_A_RATE)
    for name in ("bandwidth", "consumer", "rate_limit"):
        assert rule_of(Toxic(name, rate=0.5)) is None


@pytest.mark.parametrize("name", WITH_A_RATE)
def test_a_rate_of_one_strikes_every_message_and_of_zero_none(name: str) -> None:
    assert dice(Toxic(name, rate=1)).active == {name}
    assert all(amounts(Toxic(name, rate=1), 50))
    assert dice(Toxic(name, rate=0)).active == frozenset()
    assert not any(amounts(Toxic(name, rate=0), 50))


@pytest.mark.parametrize("name", [n for n in TYPES if n not in WITH_A_RATE])
def test_without_a_rate_only_an_amount_that_varies_is_chance(name: str) -> None:
    own = TYPES[name].attributes
    needed = {need: 1 for need in TYPES[name].needs if own[need].default is None}
    assert (rule_of(Toxic(name, **needed)) is not None) == (name == "slicer")


def test_a_toxic_that_is_for_no_connection_never_strikes() -> None:
    assert dice(Toxic("loss", toxicity=0)).active == frozenset()


@pytest.mark.parametrize(
    ("toxic", "low", "high"),
    [
        (Toxic("timeout", timeout_min=3, timeout_max=4), 3, 4),
        (Toxic("race", delay_min=1, delay_max=2), 1, 2),
        (Toxic("partition"), 1_000, 3_000),
        (Toxic("drain", stagger=7), 0, 7),
        (jitter(8), 0, 8),
        (Toxic("latency", latency=100, jitter=10), 0, 20),
        (Toxic("latency", latency=10, jitter=40), 0, 50),
    ],
    ids=repr,
)
def test_an_amount_covers_its_range_and_no_more(toxic: Toxic, low: int, high: int) -> None:
    struck = amounts(toxic, 500)
    assert min(struck) >= low * NS_PER_MS
    assert max(struck) <= high * NS_PER_MS
    assert max(struck) - min(struck) > (high - low) * NS_PER_MS * 8 // 10


def test_a_position_is_wide_enough_for_any_message() -> None:
    assert max(amounts(Toxic("corrupt"), 50)).bit_length() == 48


def test_a_range_of_zero_still_strikes() -> None:
    assert amounts(Toxic("timeout", timeout_min=0, timeout_max=0), 1) == [1]


def test_a_delay_of_nothing_beyond_the_floor_is_no_strike() -> None:
    assert set(amounts(jitter(0.000001), 50)) == {0, 1}
    assert rule_of(Toxic("latency", latency=5)) is None
    assert rule_of(Toxic("latency", latency=5, distribution="pareto")) is None


@pytest.mark.parametrize(
    ("latency", "spread", "distribution", "floor_ms"),
    [
        (200, 50, "uniform", 150),
        (20, 50, "uniform", 0),
        (200, 50, "normal", 0),
        (200, 40, "normal", 40),
        (200, 0, "normal", 200),
        (200, 50, "pareto", 200 - 50 * 4730 / 8192),
        (200, 50, "paretonormal", 200 - 50 * (32768 + 3 * 4730) / 4 / 8192),
    ],
)
def test_the_floor_is_the_least_that_a_message_can_take(
    latency: float, spread: float, distribution: str, floor_ms: float
) -> None:
    toxic = Toxic("latency", latency=latency, jitter=spread, distribution=distribution)
    assert abs(floor_ns(toxic) - ms(floor_ms)) <= spread * NS_PER_MS // 8192
    assert min(amounts(toxic, 300)) >= 0


# --- keys ------------------------------------------------------------------------------------


def test_a_draw_is_keyed_by_what_it_is_about() -> None:
    lane = dice(jitter(10), seed=5).strike("jitter", 3, 2, 7)
    draw = Stream(5, "jitter.amount:upstream:tool:0", "b").draw(7)
    assert lane == below(draw, 10 * NS_PER_MS + 1)


def test_whether_a_toxic_strikes_is_keyed_by_its_name() -> None:
    toxic = Toxic("loss", name="wifi", rate=0.5)
    stream = Stream(0, "wifi:downstream:token:0", "a")
    assert amounts(toxic, 50) == [int(stream.draw(index) < WORD // 2) for index in range(50)]


def test_a_connection_draws_by_its_name_not_by_its_number() -> None:
    first, second = dice(jitter(10)), dice(jitter(10), connections=["b"])
    assert first.strike("jitter", 2, 1, 0) == second.strike("jitter", 0, 1, 0)


@pytest.mark.parametrize("other", [(1, 1, 0, 0), (0, 2, 0, 0), (0, 1, 1, 0), (0, 1, 0, 1)])
def test_lane_type_index_and_attempt_tell_draws_apart(other: tuple[int, int, int, int]) -> None:
    one = dice(jitter(10_000))
    assert one.strike("jitter", 0, 1, 0, 0) != one.strike("jitter", *other)


def test_another_seed_or_name_draws_otherwise() -> None:
    other = Toxic("latency", name="other", latency=4.5, jitter=4.5)
    first = amounts(jitter(9), 1, seed=1)
    assert first not in (amounts(jitter(9), 1, seed=2), amounts(other, 1, seed=1))


def test_one_more_attribute_moves_no_other_draw() -> None:
    plain = amounts(Toxic("corrupt", rate=0.3), 200)
    bursts = amounts(Toxic("corrupt", rate=0.3, correlation=0.5), 200)
    fresh = [n for n in range(1, 200) if bursts[n] != bursts[n - 1]]
    assert len(fresh) > 30
    assert [bursts[n] for n in fresh] == [plain[n] for n in fresh]


EXAMPLES = {
    "connect": [{"rate": 0.5}],
    "auth": [{"rate": 0.5}],
    "drain": [{"stagger": 250}],
    "partition": [{"rate": 0.5}],
    "failure": [{"rate": 0.5}],
    "timeout": [{"rate": 0.5}],
    "loss": [
        {"rate": 0.1},
        {"rate": 0.3, "correlation": 0.75},
        {"rate": 0.9, "model": "gemodel", "p": 0.1, "r": 0.3, "1-h": 0.7, "1-k": 0.01},
        {"model": "state", "p13": 0.1, "p31": 0.2, "p32": 0.3, "p23": 0.4, "p14": 0.05},
    ],
    "latency": [
        {"latency": 200, "jitter": 50, "correlation": 0.25, "distribution": distribution}
        for distribution in ("uniform", "normal", "pareto", "paretonormal")
    ],
    "slicer": [{}],
    "race": [{"rate": 0.5}],
    "reorder": [{"rate": 0.5, "correlation": 0.5}],
    "malformed": [{"rate": 0.5}],
    "corrupt": [{"rate": 0.5, "correlation": 0.5}],
    "duplicate": [{"rate": 0.5, "correlation": 0.5}],
}


def test_every_type_with_a_rule_draws_the_same_everywhere_and_for_good() -> None:
    drawn = {
        name: [amounts(Toxic(name, toxicity=0.5, **values), 64, seed=7) for values in examples]
        for name, examples in EXAMPLES.items()
    }
    digest = sha256(repr(drawn).encode()).hexdigest()[:12]
    assert digest == "d95e78ce950e"


def test_there_is_an_example_of_every_type_with_a_rule() -> None:
    varying = {name for name, type_ in TYPES.items() if type_.amount}
    assert set(EXAMPLES) == varying | set(WITH_A_RATE)


# --- toxicity --------------------------------------------------------------------------------


def test_toxicity_is_a_question_where_some_connections_are_hit_and_others_not() -> None:
    assert dice(Toxic("loss", toxicity=0.5)).active == {"loss", "loss.toxicity"}
    assert dice(Toxic("idle", toxicity=0.5)).active == {"idle.toxicity"}
    assert dice(Toxic("loss", toxicity=1)).active == {"loss"}


def test_toxicity_is_drawn_for_each_lane() -> None:
    names = [f"c{number}" for number in range(40)]
    chance = dice(Toxic("idle", toxicity=0.5), connections=names)
    asked = [chance.strike("idle.toxicity", lane, 0, 0) for lane in range(80)]
    assert set(asked) == {0, 1}
    draws = [Stream(0, "idle.toxicity:downstream::0", name).draw(0) for name in names]
    assert asked[::2] == [int(draw < WORD // 2) for draw in draws]


# --- plans -----------------------------------------------------------------------------------

DECISION = Decision("timeout", "b", Direction.UPSTREAM, "tool", 4, 1, 77)
ELSEWHERE = ((2, 2, 4, 1), (1, 2, 4, 1), (3, 1, 4, 1), (3, 2, 5, 1), (3, 2, 4, 0))


def test_a_script_strikes_what_stands_in_it_and_nothing_else() -> None:
    script = Script([DECISION], log_of("a", "b"))
    assert script.active == {"timeout"}
    assert script.strike("timeout", 3, 2, 4, 1) == 77
    for about in ELSEWHERE:
        assert script.strike("timeout", *about) == 0
    assert script.strike("loss", 3, 2, 4, 1) == 0


def test_beside_a_forced_decision_chance_goes_on() -> None:
    chance = dice(Toxic("timeout", rate=0.5), Toxic("loss", rate=0.5))
    forced = Forced([DECISION, replace(DECISION, toxic="duplicate")], chance)
    assert forced.active == {"timeout", "loss", "duplicate"}
    assert forced.strike("timeout", 3, 2, 4, 1) == 77
    assert forced.strike("duplicate", 3, 2, 4, 1) == 77
    for toxic in ("timeout", "loss", "duplicate"):
        for about in ELSEWHERE:
            assert forced.strike(toxic, *about) == chance.strike(toxic, *about)
    assert any(forced.strike("timeout", 0, 1, index) for index in range(20))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"toxic": "2 fast"}, "toxic is '2 fast'"),
        ({"toxic": "loss.amount"}, "toxic is 'loss.amount'"),
        ({"toxic": ""}, "toxic is ''"),
        ({"toxic": 7}, "toxic is 7"),
        ({"index": -1}, "index is -1"),
        ({"amount": 0}, "amount is 0"),
        ({"amount": 1.5}, "amount is 1.5"),
        ({"amount": 10**30}, "amount is 1000"),
        ({"attempt": True}, "attempt is True"),
    ],
)
def test_a_plan_with_a_decision_that_no_run_takes_is_refused(
    changes: dict[str, Any], said: str
) -> None:
    good = Decision("hold", "main/worker", Direction.DOWNSTREAM, "", 0, 0, 1)
    with pytest.raises(ConfigError, match=f"decision 1 of the plan: {re.escape(said)}"):
        require_plan(Plan((good, replace(good, **changes))))


@pytest.mark.parametrize(
    "name", ["loss", "my-wifi_2", "my-wifi_2.toxicity", "cut.every", *SCHEDULING]
)
def test_a_plan_may_name_any_toxic(name: str) -> None:
    require_plan(Plan((Decision(name, "a", Direction.DOWNSTREAM, "", 0, 0, 1),)))


def test_a_plan_of_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no Decision"):
        require_plan(Plan((1,)))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="plan is"):
        require_plan([])  # type: ignore[arg-type]
