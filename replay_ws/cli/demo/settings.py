"""The settings of the demonstration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay_ws.faults.modes import MockBehaviorMode as Mode

SEED = 7

SETTINGS: Mapping[Mode, Mapping[str, Any]] = {
    Mode.NORMAL: {"latency_ms": 5.0},
    Mode.NETWORK_PARTITION: {
        "partition_start_probability": 0.1,
        "partition_duration_ms_min": 50.0,
        "partition_duration_ms_max": 200.0,
    },
    Mode.SLOW_NETWORK: {"latency_ms": 200.0, "jitter_ms": 100.0},
    Mode.PACKET_LOSS: {"packet_loss_rate": 0.15, "duplicate_rate": 0.1},
    Mode.MEMORY_PRESSURE: {"message_queue_size": 4, "consume_rate": 20.0},
    Mode.CONNECTION_LIMIT: {"connection_limit": 1},
    Mode.MALFORMED_DATA: {
        "malformed_rate": 0.15,
        "malformed_kinds": ["truncate_json", "missing_field", "wrong_type", "wrong_case"],
    },
    Mode.TIMEOUT_PRONE: {
        "timeout_probability": 0.25,
        "timeout_ms_min": 50.0,
        "timeout_ms_max": 150.0,
        "max_retries": 1,
    },
    Mode.AUTHENTICATION_FAILURE: {"auth_failure_rate": 0.2},
    Mode.RACE_CONDITIONS: {"race_rate": 0.5, "race_delay_ms_max": 40.0},
}
"""Per mode, values under which it changes what small sessions deliver, or when."""
