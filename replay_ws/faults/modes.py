"""The ten behaviour modes: each is a row of values for the fields that its name promises.

A mode does nothing by itself. It only says which value a field of the configuration has where none
was given, so ``MockConfiguration(packet_loss_rate=0.2)`` loses messages in every mode, and
``MockConfiguration(mode="packet_loss", packet_loss_rate=0.0)`` loses none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from replay_ws.errors import unknown


class MockBehaviorMode(StrEnum):
    """How a mock behaves; members and their values are accepted alike."""

    NORMAL = "normal"
    NETWORK_PARTITION = "network_partition"
    SLOW_NETWORK = "slow_network"
    PACKET_LOSS = "packet_loss"
    MEMORY_PRESSURE = "memory_pressure"
    CONNECTION_LIMIT = "connection_limit"
    MALFORMED_DATA = "malformed_data"
    TIMEOUT_PRONE = "timeout_prone"
    AUTHENTICATION_FAILURE = "auth_failure"
    RACE_CONDITIONS = "race_conditions"


ModeChoice = MockBehaviorMode | str | Sequence[MockBehaviorMode | str]
"""A mode or its name, or several of them."""


def mode_of(value: MockBehaviorMode | str) -> MockBehaviorMode:
    """The mode named ``value``; raises ConfigError that lists the known ones."""
    try:
        return MockBehaviorMode(value)
    except ValueError:
        raise unknown("mode", value, (mode.value for mode in MockBehaviorMode)) from None


def modes_of(value: Any) -> tuple[MockBehaviorMode, ...]:
    """One mode or a list of them, without repetition; raises ConfigError for an unknown one."""
    if isinstance(value, list | tuple) and value:
        return tuple(dict.fromkeys(mode_of(mode) for mode in value))
    return (mode_of(value),)


# Values follow the mocks that these modes come from, where those had one; else the tool named.
MODES: Mapping[MockBehaviorMode, Mapping[str, Any]] = {
    MockBehaviorMode.NORMAL: {},
    MockBehaviorMode.NETWORK_PARTITION: {"partition_start_probability": 0.1},
    MockBehaviorMode.SLOW_NETWORK: {
        "latency_ms": 200.0,
        "jitter_ms": 100.0,
        "bandwidth_limit": 50 * 1024,
    },
    MockBehaviorMode.PACKET_LOSS: {"packet_loss_rate": 0.1},
    MockBehaviorMode.MEMORY_PRESSURE: {
        "memory_limit": 512 * 1024,
        "message_queue_size": 50,
        "consume_rate": 100.0,
    },
    MockBehaviorMode.CONNECTION_LIMIT: {"connection_limit": 10},
    MockBehaviorMode.MALFORMED_DATA: {"malformed_rate": 0.1},  # toxiproxy's usual toxicity
    MockBehaviorMode.TIMEOUT_PRONE: {"timeout_probability": 0.2},
    MockBehaviorMode.AUTHENTICATION_FAILURE: {"auth_failure_rate": 0.3},
    MockBehaviorMode.RACE_CONDITIONS: {"race_rate": 0.5, "close_overtakes": True},
}
