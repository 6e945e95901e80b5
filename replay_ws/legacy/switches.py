"""Numbers and switches that a legacy mock was given, as attributes that can be set."""

from __future__ import annotations

from typing import Any

from replay_ws.legacy.settings import RENAMED, legacy_configuration

FAILING = ("failure_rate", "simulate_failures", "should_fail")
"""These three say together how often a send fails."""


class Switch:
    """One of them, under the name that hand-written mocks have for it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, mock: Any, _: object = None) -> Any:
        if mock is None:
            return self
        field = RENAMED.get(self._name, self._name)
        return mock._switched.get(self._name, getattr(mock.config, field, None))

    def __set__(self, mock: Any, value: Any) -> None:
        mock._switch(self._name, value)


def meant(name: str, switched: dict[str, Any]) -> dict[str, Any]:
    """The fields of the configuration that a switch decides, given where all switches stand."""
    if name in FAILING:
        return {"failure_rate": rate_of(*(switched[each] for each in FAILING))}
    wanted = legacy_configuration(None, {name: switched[name]})
    ranged = name == "ack_delay_range"
    fields = ("latency_ms", "jitter_ms") if ranged else (RENAMED.get(name, name),)
    return {field: getattr(wanted, field) for field in fields}


def rate_of(failure_rate: float, simulate_failures: bool | None, should_fail: bool) -> float:
    """How often a send fails: ``simulate_failures=False`` switches the rate off."""
    if should_fail:
        return 1.0
    return 0.0 if simulate_failures is False else failure_rate
