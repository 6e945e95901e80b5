"""Named starting points for a mock; keyword arguments override a scenario's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay_ws.errors import unknown
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.modes import MockBehaviorMode

SCENARIOS: Mapping[str, Mapping[str, Any]] = {
    "basic": {},
    "compliance": {"enforce_event_order": False, "validate_message_format": True},
    "performance": {"enable_metrics": True, "track_timing": True, "track_memory": True},
    "resilience": {
        "mode": MockBehaviorMode.NETWORK_PARTITION,
        "partition_start_probability": 0.02,
        "partition_policy": "hold",
        "packet_loss_rate": 0.1,
        "timeout_probability": 0.2,
        "timeout_ms_min": 500.0,
        "timeout_ms_max": 1_000.0,
        "max_retries": 3,
    },
    "concurrency": {"mode": MockBehaviorMode.RACE_CONDITIONS, "strict_threading": True},
    "resource_limits": {
        "mode": MockBehaviorMode.MEMORY_PRESSURE,
        "memory_limit": 512 * 1024,
        "connection_limit": 10,
        "message_queue_size": 50,
    },
    "slow_network": {"mode": MockBehaviorMode.SLOW_NETWORK, "latency_ms": 200.0},
    "auth_testing": {"mode": MockBehaviorMode.AUTHENTICATION_FAILURE, "auth_failure_rate": 0.3},
}


def scenario(name: str, **overrides: Any) -> MockConfiguration:
    """The configuration of a scenario; raises ConfigError for an unknown name or field."""
    if name not in SCENARIOS:
        raise unknown("scenario", name, SCENARIOS)
    return MockConfiguration(**{**SCENARIOS[name], **overrides})
