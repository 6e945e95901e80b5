"""The configuration of a mock: every number that shapes its behaviour, with its range.

A field that was not given takes its value from the preset's row, else from the modes' rows (of
several modes the last one that has it), else from the link's, else its own default. What was given
stays, also an explicit 0 or None.

Most fields are attributes of toxics under the names that users of mocks know; ``toxics`` adds more
of them, ``faults`` those that come and go. ``replay_ws.faults.pipeline`` makes one list of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from replay_ws.errors import ConfigError, unknown
from replay_ws.faults import checks
from replay_ws.faults.checks import (
    Check,
    choice,
    count,
    flag,
    integer,
    latency,
    milliseconds,
    number,
    optional,
    size,
)
from replay_ws.faults.modes import MODES, MockBehaviorMode, modes_of
from replay_ws.faults.pipeline import require_pipeline
from replay_ws.faults.presets import PRESETS, preset_row
from replay_ws.faults.timeline import FAULTS_MAX, Fault
from replay_ws.faults.toxics import TOXICS_MAX, Toxic
from replay_ws.faults.types import LINKS, TYPES

UNSET: Final[Any] = type("Unset", (), {"__repr__": lambda _: "<from the mode>"})()


def _rows(kind: Any, most: int) -> Check:
    """Values of a class that reads them from plain data, each named by its place."""

    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"a list of {kind.__name__}")
        name = f"{kind.__name__.lower()}s"
        if len(value) > most:
            mend = "leave out what is too many"
            raise ConfigError(f"more than {most} {name}", where=f"{name}[{most}]", mend=mend)
        return tuple(kind.of(item, f"{name}[{at}]") for at, item in enumerate(value))

    return check


def _field(default: Any, check: Check) -> Any:
    """A field with its value where neither caller nor mode gives one, and what it may hold."""
    return field(default=UNSET, metadata={"default": default, "check": check})


def _attribute(default: Any) -> Any:
    """A field that gives a toxic's attribute, and may hold what that may."""
    return field(default=UNSET, metadata={"default": default, "check": None})


_RANGES = ("timeout_ms", "partition_duration_ms", "race_delay_ms")

LINK_ROWS: Mapping[str, Mapping[str, Any]] = {
    "message": {"partition_policy": "reject", "overflow": "drop_oldest"},
    "tcp": {"partition_policy": "blackhole", "overflow": "block"},
    "bytes": {"partition_policy": "blackhole", "overflow": "block"},
}
"""What a field is on a link when neither caller nor mode says so: a stream of bytes that loses
something in its middle is broken, so it blocks."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MockConfiguration:
    """How a mock behaves. ConfigError for an unknown mode or a value that a field cannot hold.

    Times are milliseconds of virtual time, rates probabilities 0..1, sizes bytes. ``None`` means
    "no limit" (``seed``: the run's seed, else 0).
    """

    mode: MockBehaviorMode | str | tuple[MockBehaviorMode | str, ...] = UNSET
    """One mode, or several: where values come from that were not given."""
    preset: str | None = _field(None, optional(choice(*PRESETS)))
    """A network as people know it: ``3g``, ``satellite``, ... (``replay_ws.faults.presets``)."""
    seed: int | None = _field(None, optional(checks.seed))
    link: str = _field("message", choice(*LINKS))
    """What harm is possible: ``message`` may lose, double and reorder single messages, ``tcp`` only
    delays in order and loses the rest when a connection dies, ``bytes`` also harms frames."""
    semantics: str = _field("exact", choice("exact", "legacy"))
    """``legacy``: a send that an outage holds says False, and is delivered all the same."""

    latency_ms: float = _attribute(0.0)
    """Each message takes this long, and so does the sender's await."""
    jitter_ms: float = _field(0.0, latency)
    """Up to this much more, drawn per message; the order within a connection stays."""
    latency_distribution: str = _attribute("uniform")
    """How jitter is spread around its middle; ``jitter_ms`` is then twice the deviation."""
    latency_correlation: float = _attribute(0.0)
    """How often a message takes as long as the one before it."""
    bandwidth_limit: float | None = _field(None, optional(number(1, 1e12, "bytes per second")))
    """Bytes per second and direction of a connection."""
    bandwidth_burst: int = _attribute(0)
    """Bytes that may pass at once after a pause."""

    packet_loss_rate: float = _attribute(0.0)
    """An attempt is lost; without retries nobody notices and the message is lost (on ``tcp``:
    late)."""
    loss_correlation: float = _attribute(0.0)
    """How often an attempt fares as the one of the message before it: losses come in bursts."""
    duplicate_rate: float = _attribute(0.0)
    """A message arrives twice."""
    failure_rate: float = _attribute(0.0)
    """An attempt fails and the sender is told."""
    timeout_probability: float = _attribute(0.0)
    """An attempt gets no answer for ``timeout_ms_min..max``."""
    timeout_ms_min: float = _attribute(5_000.0)
    timeout_ms_max: float = _attribute(10_000.0)
    timeout_kind: str = _attribute("reject")
    """What a timeout means: never sent; sent, but the answer is late; or nothing moves on the
    connection for so long, and then it is lost."""
    max_retries: int = _field(0, integer(0, 100, "attempts beyond the first"))
    """Attempts after the first one that was lost, failed, met an outage or was not answered."""
    retry_delay_ms: float = _field(100.0, milliseconds)
    retry_backoff: float = _field(1.0, number(1, 10, "a factor"))
    """How much longer each delay is than the one before."""
    ack_timeout_ms: float | None = _field(None, optional(number(0.001, checks.DAY_MS, "ms")))
    """How long a sender waits for the answer to an attempt that an outage holds, before it tries
    again; the message then arrives more than once. None: it does not wait."""
    reject_delay_ms: float = _field(1.0, number(0.001, checks.DAY_MS, "milliseconds"))
    """What a rejected send takes, so that a loop that tries again reaches the end of an outage."""
    rate_limit: float | None = _field(None, optional(number(0.001, 1e9, "messages per second")))
    """Messages per second that the server takes on a connection; more are rejected."""
    rate_limit_burst: int = _attribute(1)

    partition_start_probability: float = _attribute(0.0)
    """A message starts an outage of its connection for ``partition_duration_ms_min..max``."""
    partition_duration_ms_min: float = _attribute(1_000.0)
    partition_duration_ms_max: float = _attribute(3_000.0)
    partition_policy: str | None = _attribute(None)
    """What an outage does with messages: ``reject``; ``hold`` until it heals, ``blackhole``, which
    also takes TCP's time to notice that; ``drop``; or the connection is ``reset``, or only new ones
    are refused. By default ``reject`` on a message link, else ``blackhole``."""
    partition_direction: str = _attribute("both")

    memory_limit: int | None = _attribute(None)
    """Bytes that may be on their way per connection and direction; a larger message is too big."""
    message_queue_size: int | None = _attribute(None)
    """Messages that may be on their way per connection and direction."""
    queue_low_water: int | None = _attribute(None)
    """With ``overflow="block"``: a blocked sender goes on when only so many are left."""
    consume_rate: float | None = _field(None, optional(number(0.001, 1e9, "messages per second")))
    """Messages per second that the receiver takes."""
    overflow: str | None = _attribute(None)
    """What gives way when the queue is full; by default ``drop_oldest``, on a stream ``block``."""
    max_message_size: int | None = _field(1 << 20, optional(size))
    gc_threshold: int | None = _attribute(None)
    """Bytes after which a receiver collects garbage, and takes nothing for ``gc_pause_ms``."""
    gc_pause_ms: float = _attribute(50.0)

    connection_limit: int | None = _attribute(None)
    """Connections open at a time; a further one is refused."""
    connections_per_user: int | None = _attribute(None)
    connection_policy: str = _attribute("http_503")
    """How a connection too many is refused, or which one makes room for it."""
    retry_after_ms: float = _attribute(1_000.0)
    """With ``http_429``: no other attempt succeeds before."""
    ping_interval_ms: float | None = _attribute(None)
    """Keepalive: a ping that gets no answer within ``ping_timeout_ms`` ends the connection."""
    ping_timeout_ms: float = _attribute(20_000.0)
    reconnect: str = _field("on_send", choice("on_send", "auto", "never"))
    """When a connection that the network lost opens again: at the next send, by itself, never."""
    reconnect_delay_ms: float = _field(0.0, milliseconds)
    """Not before this; each further time ``reconnect_backoff`` times as long."""
    reconnect_backoff: float = _field(2.0, number(1, 10, "a factor"))
    resume: str = _field("none", choice("none", "last_id", "last_seq", "full_replay"))
    """What a client gets again that comes back: nothing, what it did not get, what it did not
    acknowledge (some of it twice), or everything."""
    resume_ack_every: int = _field(10, count)
    """With ``last_seq``: a client acknowledges each so many messages."""

    malformed_rate: float = _attribute(0.0)
    """A message arrives damaged, in one of ``malformed_kinds``; on a ``bytes`` link also its frame,
    which mostly ends the connection."""
    malformed_kinds: tuple[str, ...] = _attribute(("truncate_json",))

    should_authenticate: bool = _field(True, flag)
    """False: nobody gets in."""
    auth_failure_rate: float = _attribute(0.0)
    """Refused per ``auth_when``: each message, the first one, or the handshake."""
    auth_when: str = _attribute("message")
    auth_status: int = _attribute(401)
    """Of a refused handshake."""
    auth_close_code: int = _attribute(4401)
    """Of a connection that is closed because of its first message, or because its token expired."""
    token_ttl_ms: float | None = _attribute(None)
    """A token expires so long after the handshake."""
    token_renewable: bool = _attribute(True)
    """Whether a connection whose token expired can be opened again."""

    race_rate: float = _attribute(0.0)
    """A message is held back for ``race_delay_ms_min..max``: other connections overtake it."""
    race_delay_ms_min: float = _attribute(1.0)
    race_delay_ms_max: float = _attribute(5.0)
    reorder_within_thread: bool = _field(False, flag)
    """A message that is late may also be overtaken by its own connection."""
    close_overtakes: bool = _field(False, flag)
    """Closing a connection leaves what is on its way in doubt."""

    toxics: tuple[Toxic, ...] = _field((), _rows(Toxic, TOXICS_MAX))
    """More toxics, also of the same types; ``Toxic`` or tables with a ``type``."""
    faults: tuple[Fault, ...] = _field((), _rows(Fault, FAULTS_MAX))
    """Toxics that come and go, as in a plan file."""
    heal_at_end: bool = _field(True, flag)
    """Outages that ``faults`` began end with the session, so that what they hold arrives."""

    enforce_event_order: bool = _field(False, flag)
    """Reject an agent event that breaks the order of its run."""
    validate_message_format: bool = _field(True, flag)
    """Reject an object that is no dict or has no ``type``."""
    strict_threading: bool = _field(False, flag)
    """Inside a run, a send from a foreign OS thread raises EscapeError."""

    enable_metrics: bool = _field(True, flag)
    track_timing: bool = _field(True, flag)
    track_memory: bool = _field(True, flag)

    given: frozenset[str] = field(init=False, compare=False, default=frozenset())
    """The fields that the caller gave; the others follow the mode."""
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
        modes = modes_of(self.mode) if "mode" in given else (MockBehaviorMode.NORMAL,)
        object.__setattr__(self, "mode", modes[0] if len(modes) == 1 else modes)
        preset = self.preset if "preset" in given else None
        row = _row(modes, preset, self.semantics if "semantics" in given else "exact")
        for name, (default, check) in FIELDS.items():
            value = getattr(self, name) if name in given else row.get(name, default)
            try:
                object.__setattr__(self, name, check(value))
            except ConfigError:  # of a toxic or a fault, which says where
                raise
            except ValueError as error:
                raise _broken(name, value, error, "MockConfiguration") from None
        for name, value in LINK_ROWS[self.link].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for name in _RANGES:
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise ConfigError(
                    f"{name}_min is {low:g}, above {name}_max {high:g}",
                    where="MockConfiguration",
                    mend="swap the two",
                )
        # Mocks are made by the thousand from the same configuration.
        values = (self.mode, *(getattr(self, name) for name in FIELDS))
        object.__setattr__(self, "_hash", hash(values))
        if self.toxics or self.faults or self.link != "message":
            require_pipeline(self)

    def __hash__(self) -> int:
        return self._hash

    @property
    def modes(self) -> tuple[MockBehaviorMode, ...]:
        """The modes, also where there is only one."""
        return modes_of(self.mode)

    @property
    def outage_kind(self) -> str:
        """What an outage does where its toxic does not say; the link says what is usual."""
        assert self.partition_policy is not None
        return self.partition_policy

    def values(self) -> dict[str, Any]:
        """What a cassette keeps, as plain data in a fixed order: the mode, and every field that it
        or the preset sets, or that differs from its own default.
        """
        modes = self.modes
        row = _row(modes, self.preset, self.semantics)
        defaults = {name: default for name, (default, _) in FIELDS.items()}
        usual = {**defaults, **LINK_ROWS[self.link]}
        names = list(map(str, modes))
        plain: dict[str, Any] = {"mode": names[0] if len(names) == 1 else names}
        for name in FIELDS:
            value = getattr(self, name)
            if name in row or value != usual[name]:
                plain[name] = _plain(value)
        return plain

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
    """As it can be given again; an enum's member is shown as its value."""
    if isinstance(value, tuple):
        return repr([str(item) if isinstance(item, str) else item for item in value])
    return repr(str(value)) if isinstance(value, str) else repr(value)


def _row(modes: tuple[MockBehaviorMode, ...], preset: Any, semantics: Any) -> Mapping[str, Any]:
    """What modes and preset say together."""
    if len(modes) == 1 and preset is None and semantics != "legacy":
        return MODES[modes[0]]
    row: dict[str, Any] = {"partition_policy": "hold"} if semantics == "legacy" else {}
    for mode in modes:
        row |= MODES[mode]
    return {**row, **(preset_row(preset) if preset is not None else {})}


def _plain(value: Any) -> Any:
    if isinstance(value, Toxic | Fault):
        return value.plain()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def recorded(values: Mapping[str, Any]) -> MockConfiguration:
    """The configuration that a cassette keeps as ``values``.

    A field that is not there has its own default, whatever a mode's row says by now.
    """
    fresh = MODES[MockBehaviorMode.NORMAL]
    modes = modes_of(values.get("mode", MockBehaviorMode.NORMAL))
    row = _row(modes, values.get("preset"), values.get("semantics"))
    missing = {name: FIELDS[name][0] for name in row if name not in values and name not in fresh}
    return MockConfiguration(**{**missing, **values})


_CHECKS = {
    attribute.field: attribute.check
    for type_ in TYPES.values()
    for attribute in type_.attributes.values()
}
FIELDS: Mapping[str, tuple[Any, Check]] = {
    own.name: (own.metadata["default"], own.metadata["check"] or _CHECKS[own.name])
    for own in fields(MockConfiguration)
    if own.metadata
}
"""Field -> its default and what it may hold; all but ``mode``."""


def _broken(name: str, value: object, rule: ValueError, where: str = "") -> ConfigError:
    return ConfigError(f"{name} is {value!r:.100}", where=where, mend=f"it must be {rule}")


def require_seed(value: int) -> int:
    """``value``, if it is a seed. Raises ConfigError."""
    try:
        return int(checks.seed(value))
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
