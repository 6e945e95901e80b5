"""Eight named starting points, which keyword arguments override."""

from __future__ import annotations

from typing import Any

import pytest

from replay_ws import ConfigError, MockWebSocketManager, run
from replay_ws.mock.scenarios import SCENARIOS, scenario
from tests.helpers import sent, tokens

NAMES = (
    "basic", "compliance", "performance", "resilience",
    "concurrency", "resource_limits", "slow_network", "auth_testing",
)  # fmt: skip


def test_there_are_eight() -> None:
    assert set(SCENARIOS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_makes_a_mock_of_its_values(name: str) -> None:
    mock = MockWebSocketManager.create_for_scenario(name)
    for field, value in SCENARIOS[name].items():
        assert getattr(mock.config, field) == value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "overrides",
    [
        {"mode": "packet_loss"},
        {"latency_ms": 7},
        {"packet_loss_rate": 0},
        {"enable_metrics": False},
        {"strict_threading": False},
        {"connection_limit": None},
        {"seed": 5},
    ],
    ids=lambda overrides: next(iter(overrides)),
)
def test_overrides_are_honoured(name: str, overrides: dict[str, Any]) -> None:
    config = MockWebSocketManager.create_for_scenario(name, **overrides).config
    for field, value in overrides.items():
        assert getattr(config, field) == value


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("resilience", "packet_loss_rate", 0.1),
        ("resilience", "timeout_probability", 0.2),
        ("resilience", "partition_start_probability", 0.02),
        ("resource_limits", "connection_limit", 10),
        ("resource_limits", "memory_limit", 512 * 1024),
        ("resource_limits", "message_queue_size", 50),
        ("slow_network", "latency_ms", 200.0),
        ("slow_network", "bandwidth_limit", 50 * 1024),
        ("auth_testing", "auth_failure_rate", 0.3),
        ("concurrency", "strict_threading", True),
    ],
)
def test_a_scenario_promises_its_numbers(name: str, field: str, value: object) -> None:
    assert getattr(scenario(name), field) == value


def test_an_unknown_scenario_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown scenario 'resiliance'") as caught:
        MockWebSocketManager.create_for_scenario("resiliance")
    assert all(name in caught.value.mend for name in NAMES)


def test_an_unknown_field_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown configuration field 'foo'") as caught:
        MockWebSocketManager.create_for_scenario("basic", foo=1)
    assert "latency_ms" in caught.value.mend


@pytest.mark.parametrize(
    "wrong", [{"latency": 1}, {"packet_loss_rate": 2}, {"mode": "nope"}], ids=str
)
def test_a_mock_refuses_what_a_configuration_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        MockWebSocketManager(**wrong)


async def resilient(**overrides: Any) -> float:
    """The share of a hundred sends that succeeded; what was accepted has arrived afterwards."""
    mock = MockWebSocketManager.create_for_scenario("resilience", **overrides)
    accepted = [await mock.send_to_thread("t", each) for each in tokens(100)]
    await mock.settle()
    assert len(mock.get_events_for_thread("t")) == sum(accepted)
    return sum(accepted) / len(accepted)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_resilient_gets_through_loss_timeouts_and_outages(seed: int) -> None:
    async def program() -> float:
        return await resilient(packet_loss_rate=0.2, timeout_probability=0.15)

    assert run(program, seed=seed).value >= 0.8


@pytest.mark.parametrize("seed", range(20))
def test_with_its_own_numbers_nearly_everything_gets_through(seed: int) -> None:
    assert run(resilient, seed=seed).value >= 0.95


def test_it_is_the_retries_that_make_it_so() -> None:
    harm = {"packet_loss_rate": 0.2, "timeout_probability": 0.15}
    for retries, most in ((0, 80), (3, 100)):
        config = scenario("resilience", **harm, max_retries=retries)
        arrived = sent(*tokens(100), seed=1, config=config).session.ledger.delivered
        assert most - 20 < arrived <= most
