"""What a configuration accepts, and where its values come from."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any

import pytest

from replay_ws.errors import ConfigError
from replay_ws.faults import configuration
from replay_ws.faults.configuration import FIELDS, MockConfiguration, recorded
from replay_ws.faults.modes import MODES, MockBehaviorMode, mode_of
from replay_ws.faults.presets import preset_row

RATES = [
    name for name in FIELDS if name.endswith(("_rate", "_probability")) and name != "consume_rate"
]
TIMES = [name for name in FIELDS if "_ms" in name]
OPTIONAL = {name for name, (default, _) in FIELDS.items() if default is None}
FLAGS = [name for name, (default, _) in FIELDS.items() if isinstance(default, bool)]
COUNTS = ["memory_limit", "message_queue_size", "max_message_size", "connection_limit"]
RANGES = ["timeout_ms", "partition_duration_ms", "race_delay_ms"]


# --- modes and values ----------------------------------------------------------------------


def test_there_are_ten_modes_and_each_has_a_row() -> None:
    assert len(MockBehaviorMode) == len(MODES) == 10


@pytest.mark.parametrize("mode", MockBehaviorMode)
def test_a_mode_may_be_given_by_name(mode: MockBehaviorMode) -> None:
    assert MockConfiguration(mode=mode.value) == MockConfiguration(mode=mode)
    assert str(mode) == mode.value
    assert mode_of(mode) is mode


@pytest.mark.parametrize("mode", list(MockBehaviorMode)[1:])
def test_no_mode_is_a_no_op(mode: MockBehaviorMode) -> None:
    own, normal = MockConfiguration(mode=mode), MockConfiguration()
    differing = {name for name in FIELDS if getattr(own, name) != getattr(normal, name)}
    assert differing == set(MODES[mode]) == own.values().keys() - {"mode"}
    assert differing


def test_modes_compose_and_a_preset_goes_over_them() -> None:
    both = MockConfiguration(mode=["slow_network", "packet_loss"], preset="3g", jitter_ms=1)
    assert both.modes == (MockBehaviorMode.SLOW_NETWORK, MockBehaviorMode.PACKET_LOSS)
    preset = preset_row("3g")
    assert (both.latency_ms, both.packet_loss_rate) == tuple(
        preset[name] for name in ("latency_ms", "packet_loss_rate")
    )
    assert both.jitter_ms == 1.0
    assert recorded(both.values()) == both == eval(repr(both))


def test_a_recorded_configuration_does_not_follow_what_a_mode_says_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = MockConfiguration(mode="packet_loss").values()
    later = {**MODES, MockBehaviorMode.PACKET_LOSS: {"packet_loss_rate": 0.5, "jitter_ms": 5.0}}
    monkeypatch.setattr(configuration, "MODES", later)
    again = recorded(plain)
    assert (again.packet_loss_rate, again.jitter_ms) == (0.1, 0.0)


def test_a_value_that_was_not_given_comes_from_the_mode() -> None:
    assert MockConfiguration().packet_loss_rate == 0.0
    assert MockConfiguration(mode="packet_loss").packet_loss_rate == 0.1
    assert MockConfiguration(mode="slow_network").latency_ms == 200.0


def test_a_value_that_was_given_stays_also_an_explicit_zero_or_none() -> None:
    assert MockConfiguration(mode="packet_loss", packet_loss_rate=0).packet_loss_rate == 0.0
    assert MockConfiguration(mode="slow_network", bandwidth_limit=None).bandwidth_limit is None
    slow = MockConfiguration(mode="slow_network", jitter_ms=0)
    assert slow.jitter_ms == 0.0
    assert slow.replace(mode="slow_network", latency_ms=1).jitter_ms == 0.0
    assert slow.given == {"mode", "jitter_ms"}


def test_a_new_mode_brings_its_own_values_for_what_was_not_given() -> None:
    slow = MockConfiguration(mode="slow_network", latency_ms=7)
    lossy = slow.replace(mode="packet_loss")
    assert (lossy.latency_ms, lossy.jitter_ms, lossy.packet_loss_rate) == (7.0, 0.0, 0.1)


def test_what_was_given_goes_over_a_base() -> None:
    base = MockConfiguration(mode="packet_loss", latency_ms=3, seed=9)
    own = MockConfiguration(latency_ms=5).over(base)
    assert (own.mode, own.latency_ms, own.seed) == (MockBehaviorMode.PACKET_LOSS, 5.0, 9)
    assert MockConfiguration(mode="normal").over(base).packet_loss_rate == 0.0


def test_values_come_back_from_their_plain_form() -> None:
    config = MockConfiguration(
        mode="malformed_data", malformed_kinds=["bom", "null_field"], seed=-5
    )
    assert recorded(config.values()) == config
    assert hash(recorded(config.values())) == hash(config)
    assert config.values() == {
        "mode": "malformed_data",
        "seed": -5,
        "malformed_rate": 0.1,
        "malformed_kinds": ["bom", "null_field"],
    }


def test_a_configuration_shows_what_was_given() -> None:
    shown = repr(MockConfiguration(mode="packet_loss", latency_ms=5, seed=1))
    assert shown == "MockConfiguration(mode='packet_loss', seed=1, latency_ms=5.0)"
    assert eval(shown, {"MockConfiguration": MockConfiguration}) == MockConfiguration(
        mode="packet_loss", latency_ms=5, seed=1
    )


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(AttributeError):
        MockConfiguration().latency_ms = 5  # type: ignore[misc]


def test_plain_values_are_a_copy() -> None:
    config = MockConfiguration(latency_ms=5)
    config.values()["latency_ms"] = 99
    assert config.values()["latency_ms"] == 5.0


def test_subclasses_of_plain_types_are_kept_as_the_plain_types() -> None:
    class Size(IntEnum):
        TEN = 10

    class Policy(StrEnum):
        HOLD = "hold"

    config = MockConfiguration(
        message_queue_size=Size.TEN, partition_policy=Policy.HOLD, seed=Size.TEN
    )
    assert type(config.message_queue_size) is type(config.seed) is int
    assert type(config.partition_policy) is str
    assert (
        config.values()
        == MockConfiguration(message_queue_size=10, partition_policy="hold", seed=10).values()
    )


# --- refusals ------------------------------------------------------------------------------


def refused(**given: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        MockConfiguration(**given)
    return caught.value


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), float("inf"), "0.5", True, None])
def test_a_rate_is_a_number_from_0_to_1(name: str, value: Any) -> None:
    error = refused(**{name: value})
    assert (error.what, error.where) == (f"{name} is {value!r}", "MockConfiguration")
    assert error.mend.startswith("it must be ")


def test_a_rate_may_be_0_or_1() -> None:
    assert MockConfiguration(failure_rate=0, packet_loss_rate=1).packet_loss_rate == 1.0


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("value", [-1, 86_400_001, float("nan"), "5", None, False])
def test_a_time_is_a_number_of_milliseconds_in_range(name: str, value: Any) -> None:
    if value is None and name in OPTIONAL:
        assert getattr(MockConfiguration(**{name: value}), name) is None
    else:
        assert refused(**{name: value}).what == f"{name} is {value!r}"


@pytest.mark.parametrize("name", ["latency_ms", "jitter_ms"])
def test_latency_is_at_most_ten_seconds(name: str) -> None:
    assert "10000" in refused(**{name: 10_001}).mend
    assert MockConfiguration(**{name: 10_000})


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_a_limit_is_a_whole_number_above_0_or_none(name: str, value: Any) -> None:
    assert refused(**{name: value}).what == f"{name} is {value!r}"
    assert MockConfiguration(**{name: None})


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", [0, 1, "yes", None])
def test_a_flag_is_true_or_false(name: str, value: Any) -> None:
    assert refused(**{name: value}).mend == "it must be True or False"


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("overflow", "drop", "block, close_1013, drop_newest, drop_oldest, reject"),
        ("partition_policy", "whitehole", "blackhole, drop, hold, refuse, reject, reset"),
        ("auth_when", "later", "first_message, handshake, message"),
        ("link", "udp", "bytes, message, tcp"),
        ("malformed_kinds", "bitflop", "bom, double_encoded"),
        ("malformed_kinds", [], "bom, double_encoded"),
        ("malformed_kinds", 5, "bom, double_encoded"),
        ("malformed_kinds", [["bom"]], "bom, double_encoded"),
    ],
)
def test_a_choice_lists_what_there_is(name: str, value: Any, mend: str) -> None:
    assert mend in refused(**{name: value}).mend


@pytest.mark.parametrize("name", ["bandwidth_limit", "consume_rate"])
def test_a_rate_of_nothing_per_second_is_refused(name: str) -> None:
    assert refused(**{name: 0}).what == f"{name} is 0"


@pytest.mark.parametrize("name", ["max_retries"])
def test_a_count_of_attempts_is_bounded(name: str) -> None:
    assert refused(**{name: 101}).what == f"{name} is 101"
    assert refused(**{name: -1})


@pytest.mark.parametrize("seed", ["7", 1.5, True, 1 << 200])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    assert refused(seed=seed).what == f"seed is {seed!r}"


@pytest.mark.parametrize("name", RANGES)
def test_a_range_begins_before_it_ends(name: str) -> None:
    error = refused(**{f"{name}_min": 9, f"{name}_max": 8})
    assert error.what == f"{name}_min is 9, above {name}_max 8"
    assert error.mend == "swap the two"
    assert MockConfiguration(**{f"{name}_min": 9, f"{name}_max": 9})


@pytest.mark.parametrize("mode", ["packetloss", "", None, 3, [], "NORMAL"])
def test_an_unknown_mode_lists_the_ten(mode: Any) -> None:
    error = refused(mode=mode)
    near = "; did you mean 'packet_loss'?" if mode == "packetloss" else ""
    assert error.what == f"unknown mode {mode!r}{near}"
    assert all(name.value in error.mend for name in MockBehaviorMode)


def test_an_unknown_field_lists_the_known_ones() -> None:
    error = refused(latency=5)
    assert error.what == "unknown configuration field 'latency'; did you mean 'latency_ms'?"
    assert "latency_ms" in error.mend
    with pytest.raises(ConfigError, match="unknown configuration field"):
        MockConfiguration().replace(latency=5)
