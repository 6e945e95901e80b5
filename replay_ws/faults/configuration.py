"""The configuration of a mock: every number that shapes its behaviour, with its range.

A field that was not given takes its value from the mode's row in ``MODES``, else its own default.
What was given stays, also an explicit 0 or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from replay_ws.errors import ConfigError, known, unknown
from replay_ws.faults.malformed import KINDS
from replay_ws.faults.modes import MODES, MockBehaviorMode, mode_of

UNSET: Final[Any] = type("Unset", (), {"__repr__": lambda _: "<from the mode>"})()


# --- what a field may hold -----------------------------------------------------------------

Check = Callable[[Any], Any]
"""Returns the value as the field keeps it; raises ValueError with the rule that it breaks."""


def _number(low: float, high: float, unit: str) -> Check:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"a number ({unit})")
        if not low <= value <= high:  # also refuses NaN
            raise ValueError(f"within {low:g}..{high:g} ({unit})")
        return float(value)

    return check


def _integer(low: int, high: int, unit: str) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"a whole number ({unit})")
        if not low <= value <= high:
            raise ValueError(f"within {low}..{high} ({unit})")
        return int(value)

    return check


_SEED = _integer(-(1 << 127), 1 << 127, "a seed")


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def _choice(*names: str) -> Check:
    def check(value: Any) -> str:
        if value not in names:
            raise ValueError(f"one of: {known(names)}")
        return names[names.index(value)]

    return check


def _names(*names: str) -> Check:
    def check(value: Any) -> tuple[str, ...]:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list | tuple) or not given or any(n not in names for n in given):
            raise ValueError(f"one or more of: {known(names)}")
        return tuple(names[names.index(name)] for name in given)

    return check


_rate = _number(0, 1, "a probability")
_latency = _number(0, 10_000, "milliseconds")
_duration = _number(0, 86_400_000, "milliseconds")
_size = _integer(1, 1 << 40, "bytes")
_count = _integer(1, 1 << 31, "how many")


def _field(default: Any, check: Check) -> Any:
    """A field with its value where neither caller nor mode gives one, and what it may hold."""
    return field(default=UNSET, metadata={"default": default, "check": check})


_RANGES = ("timeout_ms", "partition_duration_ms", "race_delay_ms")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MockConfiguration:
    """How a mock behaves. ConfigError for an unknown mode or a value that a field cannot hold.

    Times are milliseconds of virtual time, rates probabilities 0..1, sizes bytes. ``None`` means
    "no limit" (``seed``: the run's seed, else 0).
    """

    mode: MockBehaviorMode | str = UNSET
    """Where values come from that were not given; ``normal`` if it was not given itself."""
    seed: int | None = _field(None, _optional(_SEED))
    link: str = _field("message", _choice("message"))
    """What harm is possible: ``message`` may lose, duplicate and reorder single messages."""

    latency_ms: float = _field(0.0, _latency)
    """Each message takes this long, and so does the sender's await."""
    jitter_ms: float = _field(0.0, _latency)
    """Up to this much more, drawn per message; the order within a connection stays."""
    bandwidth_limit: float | None = _field(None, _optional(_number(1, 1e12, "bytes per second")))
    """Bytes per second and direction of a connection."""

    packet_loss_rate: float = _field(0.0, _rate)
    """An attempt is lost; without retries nobody notices and the message is lost."""
    duplicate_rate: float = _field(0.0, _rate)
    """A message arrives twice."""
    failure_rate: float = _field(0.0, _rate)
    """An attempt fails and the sender is told."""
    timeout_probability: float = _field(0.0, _rate)
    """An attempt gets no answer for ``timeout_ms_min..max``."""
    timeout_ms_min: float = _field(5_000.0, _duration)
    timeout_ms_max: float = _field(10_000.0, _duration)
    max_retries: int = _field(0, _integer(0, 100, "attempts beyond the first"))
    """Attempts after the first one that was lost, failed or timed out."""
    retry_delay_ms: float = _field(100.0, _duration)
    reject_delay_ms: float = _field(1.0, _number(0.001, 86_400_000, "milliseconds"))
    """What a rejected send takes, so that a loop that tries again reaches the end of an outage."""

    partition_start_probability: float = _field(0.0, _rate)
    """A message starts an outage of its connection for ``partition_duration_ms_min..max``."""
    partition_duration_ms_min: float = _field(1_000.0, _duration)
    partition_duration_ms_max: float = _field(3_000.0, _duration)
    partition_policy: str = _field("reject", _choice("reject", "hold", "drop"))
    """What an outage does with messages: ``reject``, ``hold`` until it heals, or ``drop``."""

    memory_limit: int | None = _field(None, _optional(_size))
    """Bytes that may be on their way per connection and direction; a larger message is too big."""
    message_queue_size: int | None = _field(None, _optional(_count))
    """Messages that may be on their way per connection and direction."""
    consume_rate: float | None = _field(None, _optional(_number(0.001, 1e9, "messages per second")))
    """Messages per second that the receiver takes."""
    overflow: str = _field(
        "drop_oldest", _choice("drop_oldest", "drop_newest", "reject", "block", "close_1013")
    )
    """What gives way when the queue is full."""
    max_message_size: int | None = _field(1 << 20, _optional(_size))

    connection_limit: int | None = _field(None, _optional(_count))
    """Connections open at a time; a further one is refused."""

    malformed_rate: float = _field(0.0, _rate)
    """A message arrives damaged, in one of ``malformed_kinds``."""
    malformed_kinds: tuple[str, ...] = _field(("truncate_json",), _names(*KINDS))

    should_authenticate: bool = _field(True, _flag)
    """False: nobody gets in."""
    auth_failure_rate: float = _field(0.0, _rate)
    """Refused per ``auth_when``: each message, or the handshake."""
    auth_when: str = _field("message", _choice("message", "handshake"))

    race_rate: float = _field(0.0, _rate)
    """A message is held back for ``race_delay_ms_min..max``: other connections overtake it."""
    race_delay_ms_min: float = _field(1.0, _latency)
    race_delay_ms_max: float = _field(5.0, _latency)
    reorder_within_thread: bool = _field(False, _flag)
    """A message that is late may also be overtaken by its own connection."""
    close_overtakes: bool = _field(False, _flag)
    """Closing a connection leaves what is on its way in doubt."""

    enforce_event_order: bool = _field(False, _flag)
    """Reject an agent event that breaks the order of its run."""
    validate_message_format: bool = _field(True, _flag)
    """Reject an object that is no dict or has no ``type``."""
    strict_threading: bool = _field(False, _flag)
    """Inside a run, a send from a foreign OS thread raises EscapeError."""

    enable_metrics: bool = _field(True, _flag)
    track_timing: bool = _field(True, _flag)
    track_memory: bool = _field(True, _flag)

    given: frozenset[str] = field(init=False, compare=False, default=frozenset())
    """The fields that the caller gave; the others follow the mode."""
    _plain: Mapping[str, Any] = field(init=False, compare=False, default_factory=dict)
    _hash: int = field(init=False, compare=False, default=0)

    def __new__(cls, **given: Any) -> Self:
        """Refuses an unknown field in our words."""
        for name in given:
            if name != "mode" and name not in FIELDS:
                raise unknown("configuration field", name, ["mode", *FIELDS])
        return object.__new__(cls)

    def __post_init__(self) -> None:
        given = frozenset(n for n in ("mode", *FIELDS) if getattr(self, n) is not UNSET)
        object.__setattr__(self, "given", given)
        mode = mode_of(self.mode) if "mode" in given else MockBehaviorMode.NORMAL
        object.__setattr__(self, "mode", mode)
        row = MODES[mode]
        for name, (default, check) in FIELDS.items():
            value = getattr(self, name) if name in given else row.get(name, default)
            try:
                object.__setattr__(self, name, check(value))
            except ValueError as error:
                raise _broken(name, value, error, "MockConfiguration") from None
        for name in _RANGES:
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise ConfigError(
                    f"{name}_min is {low:g}, above {name}_max {high:g}",
                    where="MockConfiguration",
                    mend="swap the two",
                )

        values = {name: getattr(self, name) for name in ("mode", *FIELDS)}
        # Mocks are made by the thousand from the same configuration.
        object.__setattr__(self, "_hash", hash(tuple(values.values())))
        values["mode"] = str(self.mode)
        values["malformed_kinds"] = list(self.malformed_kinds)
        object.__setattr__(self, "_plain", values)

    def __hash__(self) -> int:
        return self._hash

    def values(self) -> dict[str, Any]:
        """All fields as plain data, in a fixed order: what a cassette keeps."""
        return dict(self._plain)

    def replace(self, **changes: Any) -> MockConfiguration:
        """The given fields with ``changes``; the rest follows the mode, also a new one."""
        return MockConfiguration(**{**self._own(), **changes})

    def over(self, base: MockConfiguration) -> MockConfiguration:
        """The given fields of this configuration, and for the rest those of ``base``."""
        return base.replace(**self._own())

    def _own(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("mode", *FIELDS) if name in self.given}

    def __repr__(self) -> str:
        own = {"mode": self.mode, **self._own()}
        shown = (f"{name}={_shown(value)}" for name, value in own.items())
        return f"MockConfiguration({', '.join(shown)})"


def _shown(value: Any) -> str:
    return repr(str(value)) if isinstance(value, str) else repr(value)


FIELDS: Mapping[str, tuple[Any, Check]] = {
    own.name: (own.metadata["default"], own.metadata["check"])
    for own in fields(MockConfiguration)
    if own.metadata
}
"""Field -> its default and what it may hold; all but ``mode``."""


def _broken(name: str, value: object, rule: ValueError, where: str = "") -> ConfigError:
    return ConfigError(f"{name} is {value!r}", where=where, mend=f"it must be {rule}")


def require_seed(value: int) -> int:
    """``value``, if it is a seed. Raises ConfigError."""
    try:
        return int(_SEED(value))
    except ValueError as error:
        raise _broken("seed", value, error) from None


def require_configuration(value: object) -> None:
    """Raises ConfigError when ``value`` is no configuration, as a mode's name is none."""
    if not isinstance(value, MockConfiguration):
        raise ConfigError(
            f"{value!r} is no configuration",
            mend="pass a MockConfiguration, or its fields by name: mode='packet_loss'",
        )


DEFAULT = MockConfiguration()
"""What a mock follows that was given nothing."""
