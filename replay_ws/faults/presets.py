"""Networks as people know them: what latency, rate and loss a name stands for.

A preset is a row of fields of the configuration, like a mode: it says what a field is that was not
given. It does nothing else, so ``preset="3g", packet_loss_rate=0`` is a 3g network that loses
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from replay_ws.errors import unknown


class _Network(NamedTuple):
    """A row as it is published: milliseconds, kilobits (of 1,000 bits) per second, per cent."""

    latency_ms: int
    kbit_per_s: int | None
    loss_percent: float


# Source: the table "Network Condition Profiles" in the README of Comcast (github.com/tylertreat/
# comcast), whose names are behind each row.
_NETWORKS: Mapping[str, _Network] = {
    "gprs": _Network(500, 50, 2),  # GPRS (good)
    "edge": _Network(300, 250, 1.5),  # EDGE (good)
    "3g": _Network(250, 750, 1.5),  # 3G/HSDPA (good)
    "dialup": _Network(185, 40, 2),  # DIAL-UP (good)
    "dsl_poor": _Network(70, 2_000, 2),  # DSL (poor)
    "dsl": _Network(40, 8_000, 0.5),  # DSL (good)
    "wifi": _Network(40, 30_000, 0.2),  # WIFI (good)
    "satellite": _Network(1_500, None, 0.2),  # Satellite
}


def _row(network: _Network) -> Mapping[str, Any]:
    rate = network.kbit_per_s
    return {
        "latency_ms": float(network.latency_ms),
        "bandwidth_limit": None if rate is None else rate * 1_000 / 8,
        "packet_loss_rate": network.loss_percent / 100,
    }


PRESETS: Mapping[str, Mapping[str, Any]] = {name: _row(row) for name, row in _NETWORKS.items()}
"""Preset -> values of the fields of a configuration: bytes per second, probabilities 0..1."""


def preset_row(name: Any) -> Mapping[str, Any]:
    """What the preset ``name`` says; raises ConfigError that lists the known ones."""
    if not isinstance(name, str) or name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]
