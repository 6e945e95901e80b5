"""What constructors of hand-written mocks were given, as fields of our configuration.

Some of their names mean a field of ours, some mean a row of them, and some mean nothing that a
network could do: these are refused with what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay_ws.errors import ConfigError, known
from replay_ws.faults.configuration import MockConfiguration

USUAL = MockConfiguration(
    semantics="legacy",
    partition_policy="reject",
    validate_message_format=False,
    timeout_ms_min=1.0,
    timeout_ms_max=1.0,
    max_message_size=None,
)
"""Hand-written mocks take what has no type and what is large, say False to a message that nobody
answers for and are quick about it, and forget what an outage kept away."""

RENAMED: Mapping[str, str] = {
    "loss_rate": "packet_loss_rate",
    "fail_rate": "failure_rate",
    "max_size": "max_message_size",
    "max_connections": "connection_limit",
    "queue_size": "message_queue_size",
}
"""Their name for a field of ours."""

MEND: Mapping[str, str] = {
    "skew_seconds": "the clock is virtual and everybody's: put the skewed time into the message",
    "redis_manager": "a session store is the test's own: keep one beside the mock",
    "connection_id": "a manager has many connections: LegacyMockWebSocket is one",
    "user_id": "a manager has many connections: LegacyMockWebSocket is one",
}
"""What a mock of ours has no place for."""


def legacy_configuration(
    config: MockConfiguration | None, given: Mapping[str, Any]
) -> MockConfiguration:
    """The configuration of a legacy mock: usual, unless ``config`` or ``given`` say otherwise.

    Raises ConfigError for a name that means nothing here.
    """
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name in MEND:
            raise ConfigError(f"a mock takes no {name}", mend=MEND[name])
        for field, meant in _meant(name, value).items():
            if fields.setdefault(field, meant) != meant:
                same = known(each for each in given if field in _meant(each, given[each]))
                raise ConfigError(
                    f"{field} was given twice", mend=f"give one: {same} mean the same"
                )
    base = USUAL if config is None else config.over(USUAL)
    return base.replace(**fields) if fields else base


def _meant(name: str, value: Any) -> dict[str, Any]:
    if name == "ack_delay_range":
        try:
            low, high = value
            return {"latency_ms": low * 1_000, "jitter_ms": (high - low) * 1_000}
        except (TypeError, ValueError):
            mend = "it must be a pair of seconds: (0.1, 1.0)"
            raise ConfigError(f"ack_delay_range is {value!r:.60}", mend=mend) from None
    return {RENAMED.get(name, name): value}
