"""A class of mock for each scenario, under the names by which tests know them.

They are called like functions and are classes, so that a test can subclass what it was given:
``class Mine(create_compliance_mock)``. Arguments are those of ``MockWebSocketManager``; what is
given comes before what the scenario says.
"""

from __future__ import annotations

from typing import Any, ClassVar

from replay_ws.cassette.redaction import RedactorChoice
from replay_ws.errors import ConfigError
from replay_ws.faults.configuration import MockConfiguration, require_configuration
from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.mock.scenarios import scenario


class _OfScenario(MockWebSocketManager):
    """A mock that starts from a scenario."""

    SCENARIO: ClassVar[str]

    def __init__(
        self,
        config: MockConfiguration | None = None,
        *,
        name: str = "",
        redactor: RedactorChoice = "default",
        **fields: Any,
    ) -> None:
        if config is not None:
            require_configuration(config)
        start = scenario(self.SCENARIO)
        config = start if config is None else config.over(start)
        super().__init__(config, name=name, redactor=redactor, **fields)


class create_basic_mock(_OfScenario):
    """Everything that is sent arrives at once."""

    SCENARIO = "basic"


class create_compliance_mock(_OfScenario):
    """Refuses what is no event."""

    SCENARIO = "compliance"


class create_performance_mock(_OfScenario):
    """Measures times, throughput and memory."""

    SCENARIO = "performance"


class create_resilience_mock(_OfScenario):
    """Outages, loss and timeouts, and retries against them."""

    SCENARIO = "resilience"


class create_concurrency_mock(_OfScenario):
    """Connections race, and a send from a foreign OS thread is refused."""

    SCENARIO = "concurrency"


class create_resource_limits_mock(_OfScenario):
    """Little memory, short queues, few connections."""

    SCENARIO = "resource_limits"


class create_slow_network_mock(_OfScenario):
    """Each message takes ``latency_ms`` (200 unless given), and up to 100 ms more."""

    SCENARIO = "slow_network"

    def __init__(
        self,
        latency_ms: float | None = None,
        *,
        config: MockConfiguration | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(config, **_given(latency_ms=latency_ms), **fields)


class create_auth_testing_mock(_OfScenario):
    """Each message is refused with the probability ``failure_rate`` (0.3 unless given)."""

    SCENARIO = "auth_testing"

    def __init__(
        self,
        failure_rate: float | None = None,
        *,
        config: MockConfiguration | None = None,
        **fields: Any,
    ) -> None:
        if failure_rate is not None and "auth_failure_rate" in fields:
            raise ConfigError(
                "failure_rate and auth_failure_rate were given", mend="they are one: give one"
            )
        super().__init__(config, **_given(auth_failure_rate=failure_rate), **fields)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
