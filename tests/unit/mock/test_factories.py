"""Eight classes of mocks, under the names by which tests know them."""

from __future__ import annotations

from typing import Any

import pytest

import replay_ws as rws
from replay_ws.mock import factories
from replay_ws.mock.scenarios import SCENARIOS

CLASSES = {name: getattr(factories, f"create_{name}_mock") for name in SCENARIOS}
every_factory = pytest.mark.parametrize("name", CLASSES)


@every_factory
def test_a_factory_makes_a_mock_of_its_scenario(name: str) -> None:
    mock = CLASSES[name]()
    assert isinstance(mock, rws.MockWebSocketManager)
    assert isinstance(mock, CLASSES[name])
    for field, value in SCENARIOS[name].items():
        assert getattr(mock.config, field) == value


@every_factory
def test_it_is_a_public_name(name: str) -> None:
    assert getattr(rws, f"create_{name}_mock") is CLASSES[name]


@every_factory
@pytest.mark.parametrize(
    "fields", [{"packet_loss_rate": 0.77}, {"seed": 5}, {"mode": "timeout_prone"}], ids=str
)
def test_arguments_are_honoured(name: str, fields: dict[str, Any]) -> None:
    config = CLASSES[name](**fields).config
    assert {field: getattr(config, field) for field in fields} == fields


@every_factory
def test_a_configuration_comes_before_the_scenario(name: str) -> None:
    mock = CLASSES[name](config=rws.MockConfiguration(max_retries=7))
    assert mock.config.max_retries == 7
    for field, value in SCENARIOS[name].items():
        assert field == "max_retries" or getattr(mock.config, field) == value


@every_factory
def test_a_subclass_may_override_and_call_super(name: str) -> None:
    class Mine(CLASSES[name]):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(packet_loss_rate=0, enforce_event_order=False)
            self.called: list[str] = []

        async def send_to_thread(self, thread_id: str, message: Any) -> bool:
            self.called.append(thread_id)
            return bool(await super().send_to_thread(thread_id, message))

    async def program() -> list[str]:
        mine = Mine()
        await mine.send_to_thread("t", {"type": "agent_started"})
        assert isinstance(mine, rws.MockWebSocketManager)
        return mine.called

    assert rws.run(program).value == ["t"]


@every_factory
def test_an_unknown_argument_is_refused(name: str) -> None:
    with pytest.raises(rws.ConfigError, match="unknown configuration field 'latency'"):
        CLASSES[name](latency=5)


@every_factory
def test_a_class_of_one_scenario_makes_mocks_of_others_too(name: str) -> None:
    mock = CLASSES[name].create_for_scenario("auth_testing", auth_failure_rate=0.5)
    assert mock.config.mode == "auth_failure"
    assert mock.config.auth_failure_rate == 0.5


@pytest.mark.parametrize("mock", [
    factories.create_slow_network_mock(latency_ms=500),
    factories.create_slow_network_mock(500),
])  # fmt: skip
def test_a_slow_network_is_as_slow_as_asked(mock: rws.MockWebSocketManager) -> None:
    assert mock.config.latency_ms == 500


def test_authentication_fails_as_often_as_asked() -> None:
    async def program() -> int:
        mock = factories.create_auth_testing_mock(failure_rate=0.9)
        return sum([await mock.send_to_thread("t", {"type": "ping"}) for _ in range(1_000)])

    assert 50 <= rws.run(program).value <= 150


def test_a_rate_is_given_under_one_name() -> None:
    assert factories.create_auth_testing_mock(auth_failure_rate=0.4).config.auth_failure_rate == 0.4
    with pytest.raises(rws.ConfigError, match="they are one"):
        factories.create_auth_testing_mock(0.5, auth_failure_rate=0.4)


def test_what_is_no_configuration_is_refused() -> None:
    with pytest.raises(rws.ConfigError, match="is no configuration"):
        factories.create_basic_mock("slow_network")  # type: ignore[arg-type]
