"""Values from a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay_ws.cli.options import behaviour_of, fields_of, given, refuse_to_replace
from replay_ws.errors import ConfigError, ReplayWsError


def test_a_setting_is_json_or_else_text() -> None:
    settings = ["latency_ms=5", "overflow=block", 'malformed_kinds=["bom"]', "memory_limit=null"]
    assert fields_of(settings) == {
        "latency_ms": 5,
        "overflow": "block",
        "malformed_kinds": ["bom"],
        "memory_limit": None,
    }


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="FIELD=VALUE"):
        fields_of(["latency_ms"])


def test_options_are_said_again_as_they_were_given() -> None:
    assert given() == ()
    assert given(["normal"], 0, ["a=1"]) == ("--mode", "normal", "--seed", "0", "--set", "a=1")
    said = given(["packet_loss", "slow_network"], preset="3g", plan=Path("plan.toml"))
    assert " ".join(said) == ("--mode packet_loss --mode slow_network --preset 3g --plan plan.toml")


def test_modes_preset_and_settings_are_one_configuration() -> None:
    assert behaviour_of([], None, []) == {}
    assert behaviour_of(["normal", "packet_loss"], "3g", ["latency_ms=5", "mode=normal"]) == {
        "mode": "normal",
        "preset": "3g",
        "latency_ms": 5,
    }


def test_a_file_that_exists_is_replaced_on_demand_only(tmp_path: Path) -> None:
    golden = tmp_path / "golden.rws"
    refuse_to_replace(golden, force=False)
    golden.touch()
    refuse_to_replace(golden, force=True)
    with pytest.raises(ReplayWsError, match="--force"):
        refuse_to_replace(golden, force=False)
