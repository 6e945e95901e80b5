"""Who strikes, how often and how hard."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from replay_ws.clock import NS_PER_MS
from replay_ws.errors import ConfigError
from replay_ws.events.log import Channel, Connection, Direction, Log
from replay_ws.events.model import Decision, Plan
from replay_ws.faults.configuration import FIELDS, MockConfiguration
from replay_ws.faults.toxics import NAMES, TOXICS, Dice, Script, require_plan
from replay_ws.rng import Stream, below


def log_of(*connections: str) -> Log:
    log = Log()
    log.add_channel(Channel("", {}), 0)
    for name in connections:
        log.add_connection(Connection(name, "message", 0), 0)
    log.kind("token", 0)
    log.kind("tool", 0)
    return log


def dice(seed: int = 0, **fields: Any) -> Dice:
    return Dice(seed, MockConfiguration(**fields), log_of("a", "b"))


def test_every_toxic_takes_its_numbers_from_fields_that_exist() -> None:
    for toxic in TOXICS:
        assert not toxic.rate or toxic.rate in FIELDS
        assert toxic.amount in ("", "position", "jitter_ms") or f"{toxic.amount}_min" in FIELDS
    assert len(NAMES) == len(TOXICS)


def test_nothing_strikes_where_nothing_is_asked_for() -> None:
    calm = dice()
    assert calm.active == frozenset()
    assert not any(calm.strike(name, 0, 1, 0) for name in NAMES)


@pytest.mark.parametrize("toxic", [toxic for toxic in TOXICS if toxic.rate], ids=lambda t: t.name)
def test_a_rate_of_one_strikes_every_message(toxic: Any) -> None:
    certain = dice(**{toxic.rate: 1.0})
    assert certain.active == {toxic.name}
    assert all(certain.strike(toxic.name, 0, 1, index) > 0 for index in range(50))


@pytest.mark.parametrize(
    ("fields", "toxic", "low", "high"),
    [
        ({"timeout_probability": 1, "timeout_ms_min": 3, "timeout_ms_max": 4}, "timeout", 3, 4),
        ({"race_rate": 1, "race_delay_ms_min": 1, "race_delay_ms_max": 2}, "race", 1, 2),
        ({"partition_start_probability": 1}, "partition", 1_000, 3_000),
        ({"jitter_ms": 8}, "jitter", 0, 8),
    ],
)
def test_an_amount_covers_its_range_and_no_more(
    fields: dict[str, Any], toxic: str, low: int, high: int
) -> None:
    struck = [dice(**fields).strike(toxic, 0, 1, index) for index in range(500)]
    assert min(struck) >= low * NS_PER_MS
    assert max(struck) <= high * NS_PER_MS
    assert max(struck) - min(struck) > (high - low) * NS_PER_MS * 9 // 10


def test_a_range_of_zero_still_strikes() -> None:
    certain = dice(timeout_probability=1, timeout_ms_min=0, timeout_ms_max=0)
    assert certain.strike("timeout", 0, 1, 0) == 1


def test_a_jitter_of_nothing_is_no_strike() -> None:
    least = dice(jitter_ms=0.000001)
    assert {least.strike("jitter", 0, 1, index) for index in range(50)} == {0, 1}


def test_a_draw_is_keyed_by_what_it_is_about() -> None:
    config = MockConfiguration(jitter_ms=10)
    lane = Dice(5, config, log_of("a", "b")).strike("jitter", 3, 2, 7)
    draw = Stream(5, "jitter.amount:upstream:tool:0", "b").draw(7)
    assert lane == below(draw, 10 * NS_PER_MS + 1)


def test_a_connection_draws_by_its_name_not_by_its_number() -> None:
    config = MockConfiguration(jitter_ms=10)
    first, second = Dice(5, config, log_of("a", "b")), Dice(5, config, log_of("b"))
    assert first.strike("jitter", 2, 1, 0) == second.strike("jitter", 0, 1, 0)


@pytest.mark.parametrize("other", [(1, 1, 0, 0), (0, 2, 0, 0), (0, 1, 1, 0), (0, 1, 0, 1)])
def test_lane_type_index_and_attempt_tell_draws_apart(other: tuple[int, int, int, int]) -> None:
    one = dice(jitter_ms=10_000)
    assert one.strike("jitter", 0, 1, 0, 0) != one.strike("jitter", *other)


def test_another_seed_draws_otherwise() -> None:
    assert dice(1, jitter_ms=9).strike("jitter", 0, 1, 0) != dice(2, jitter_ms=9).strike(
        "jitter", 0, 1, 0
    )


def test_a_script_strikes_what_stands_in_it_and_nothing_else() -> None:
    decision = Decision("timeout", "b", Direction.UPSTREAM, "tool", 4, 1, 77)
    script = Script([decision], log_of("a", "b"))
    assert script.active == {"timeout"}
    assert script.strike("timeout", 3, 2, 4, 1) == 77
    for about in ((2, 2, 4, 1), (1, 2, 4, 1), (3, 1, 4, 1), (3, 2, 5, 1), (3, 2, 4, 0)):
        assert script.strike("timeout", *about) == 0
    assert script.strike("loss", 3, 2, 4, 1) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"toxic": "los"}, "did you mean 'loss'"),
        ({"toxic": "holds"}, "did you mean 'hold'"),
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
    require_plan(Plan((good,)))
    with pytest.raises(ConfigError, match=re.escape(said)):
        require_plan(Plan((good, replace(good, **changes))))


def test_a_plan_of_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no Decision"):
        require_plan(Plan((1,)))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="plan is"):
        require_plan([])  # type: ignore[arg-type]
