"""Networks by name: what a preset says, and what stays the user's."""

from __future__ import annotations

import pytest

from replay_ws.errors import ConfigError
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.presets import PRESETS, preset_row


def test_there_are_eight_networks() -> None:
    assert list(PRESETS) == ["gprs", "edge", "3g", "dialup", "dsl_poor", "dsl", "wifi", "satellite"]


def test_a_rate_in_kilobits_becomes_bytes_and_per_cent_a_probability() -> None:
    assert preset_row("3g") == {
        "latency_ms": 250.0,
        "bandwidth_limit": 93_750.0,
        "packet_loss_rate": 0.015,
    }


def test_a_satellite_has_no_limit_of_its_rate() -> None:
    assert preset_row("satellite")["bandwidth_limit"] is None


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_takes_every_preset(name: str) -> None:
    config = MockConfiguration(preset=name)
    assert {field: getattr(config, field) for field in PRESETS[name]} == PRESETS[name]


def test_what_was_given_stays_beside_a_preset() -> None:
    assert MockConfiguration(preset="3g", packet_loss_rate=0).packet_loss_rate == 0.0
    assert MockConfiguration(preset="3g", packet_loss_rate=0).latency_ms == 250.0


@pytest.mark.parametrize("name", ["3G", "", None, ["3g"]])
def test_an_unknown_preset_is_refused_with_the_known_ones(name: object) -> None:
    with pytest.raises(ConfigError, match="unknown preset") as caught:
        preset_row(name)
    assert "dialup" in caught.value.mend


def test_the_nearest_preset_is_named() -> None:
    with pytest.raises(ConfigError, match="did you mean 'satellite'"):
        preset_row("satelite")
