"""Stories: what programs do to a network, under configurations of every kind.

A story is a list of steps at absolute times. ``told`` makes a session of it, through the same
recording that mocks use, so that the laws can be asked of any story without an event loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from replay_ws.cassette.redaction import Redactor
from replay_ws.clock import NS_PER_MS
from replay_ws.events.log import Connection, Direction, Header, Op
from replay_ws.faults import types
from replay_ws.faults.configuration import FIELDS, MockConfiguration
from replay_ws.faults.frames import FRAME_KINDS
from replay_ws.faults.malformed import KINDS
from replay_ws.faults.modes import MockBehaviorMode
from replay_ws.faults.presets import PRESETS
from replay_ws.faults.timeline import AT_A_HANDSHAKE, BEYOND_A_MESSAGE, MOMENTARY, Fault
from replay_ws.faults.toxics import Toxic
from replay_ws.recording import Recording
from replay_ws.session import Session

CONNECTIONS = ("a", "a", "a", "b", "c")
TYPES = ("token", "token", "agent_started", "tool_executing", "agent_completed", "token", "")


@dataclass(frozen=True)
class Step:
    """One thing that a program does: ``send``, or something to a connection or the network."""

    at_ns: int
    do: str
    connection: str = "a"
    upstream: bool = False
    type: str = "token"
    size: int = 0


Story = list[Step]

_chances = st.integers(0, (1 << 32) - 1).map(Random)
"""Long stories and full configurations; drawn item by item, most of them would be empty."""

# --- steps ---------------------------------------------------------------------------------

_GAPS_NS = (0, 0, 0, 0, 1, NS_PER_MS, 7 * NS_PER_MS, 300 * NS_PER_MS)
_ACTIONS = ("send",) * 20 + ("close", "drop", "connect", "cut", "heal", "heal", "reset")
_SIZES = (0, 1, 30, 30, 400)


def stories(
    *, connections: Sequence[str] = CONNECTIONS, types: Sequence[str] = TYPES
) -> st.SearchStrategy[Story]:
    """Steps with many ties, on both directions of several connections."""

    def story(length: int, chance: Random) -> Story:
        steps, at_ns = [], 0
        for _ in range(length):
            at_ns += chance.choice(_GAPS_NS)
            about = (connections, (False, False, True), types, _SIZES)
            steps.append(Step(at_ns, chance.choice(_ACTIONS), *map(chance.choice, about)))
        return steps

    return st.builds(story, st.integers(0, 50), _chances)


def together(*stories: Story) -> Story:
    """Stories that are told at the same time."""
    return sorted((step for story in stories for step in story), key=lambda step: step.at_ns)


_OF_TYPES, _STREAMS = types.TYPES, types.STREAMS
TYPES_ALL = tuple(_OF_TYPES)

# --- toxics --------------------------------------------------------------------------------

_rates = (0.5, 0.1, 0.0, 1.0)
_rarely = (0.0, 0.0, 0.1, 0.3)
_delays = (0.0, 1.0, 5.5, 250.0)
_CORRELATIONS = (0.0, 0.3, 0.9)
_SPREADS = ("uniform", "normal", "pareto", "paretonormal")
_OUTAGES = ("reject", "hold", "drop", "blackhole", "reset", "refuse")
_POLICIES = (
    "http_503",
    "http_429",
    "accept_then_close_1013",
    "close_1008",
    "backlog_hang",
    "evict_oldest",
)
_OVERFLOWS = {
    "message": ("drop_oldest", "drop_newest", "reject", "block", "close_1013"),
    "tcp": ("reject", "block", "close_1013"),
    "bytes": ("reject", "block", "close_1013"),
}
_HARM = {
    "message": (KINDS, KINDS[4:5], KINDS[:2]),
    "tcp": (KINDS, KINDS[:2]),
    "bytes": (KINDS + FRAME_KINDS, FRAME_KINDS, KINDS[:2]),
}
_ATTRIBUTES: dict[str, dict[str, Sequence[Any]]] = {
    "connect": {
        "rate": _rarely,
        "delay": (0.0, 5.0, 12_000.0),
        "refuse": (None, "http_401", "http_429", "http_503", "refuse", "rst", "hang"),
    },
    "connection_limit": {
        "limit": (1, 2),
        "per_user": (None, 1, 2),
        "policy": _POLICIES,
        "retry_after": (1.0, 1_000.0),
    },
    "auth": {
        "rate": _rarely,
        "when": ("message", "first_message", "handshake"),
        "status": (401, 403),
        "code": (4401, 1008),
    },
    "token": {"ttl": (300.0, 5_000.0), "code": (4401,), "renewable": (True, True, False)},
    "heartbeat": {"ping_interval": (100.0, 5_000.0), "ping_timeout": (0.0, 500.0)},
    "idle": {"timeout": (50.0, 5_000.0)},
    "reset_peer": {"timeout": (1.0, 900.0), "how": ("rst", "fin", "blackhole")},
    "limit_data": {"bytes": (None, 100, 1_000), "messages": (1, 5), "how": ("rst", "fin")},
    "drain": {"code": (1001, 1012), "stagger": (0.0, 20.0)},
    "slow_close": {"delay": (1.0, 12_000.0)},
    "rate_limit": {
        "rate": (1.0, 100.0),
        "burst": (1, 3),
        "policy": ("reject", "reject", "close"),
        "code": (1008,),
        "penalty": (0.0, 20.0),
    },
    "partition": {
        "rate": _rarely,
        "duration_min": (0.0, 1.0),
        "duration_max": (1.0, 20.0, 1_000.0),
        "kind": (None, *_OUTAGES),
        "direction": tuple(_STREAMS),
        "rto_min": (1.0, 200.0),
        "rto_max": (200.0, 120_000.0),
    },
    "failure": {"rate": _rarely},
    "timeout": {
        "rate": _rarely,
        "timeout_min": (0.0, 2.0),
        "timeout_max": (2.0, 100.0),
        "kind": ("reject", "late_ack", "stall"),
    },
    "loss": {
        "rate": _rarely,
        "correlation": _CORRELATIONS,
        "model": ("random", "gemodel", "state"),
        "p": (0.1, 0.5),
        "r": (0.3, 1.0),
        "1-h": (1.0, 0.5),
        "1-k": (0.0, 0.1),
        "p13": (0.1, 0.4),
        "p31": (0.3, 0.5),
        "p32": (0.0, 0.2),
        "p23": (0.0, 0.7),
        "p14": (0.0, 0.2),
    },
    "latency": {
        "latency": _delays,
        "jitter": _delays,
        "correlation": _CORRELATIONS,
        "distribution": _SPREADS,
    },
    "slicer": {
        "average_size": (1, 16, 1_024),
        "size_variation": (0, 8, 2_000),
        "delay": (0.0, 0.5, 900.0),
    },
    "race": {"rate": _rates, "delay_min": (0.0, 1.0), "delay_max": (1.0, 50.0)},
    "reorder": {"rate": _rates, "gap": (1, 3), "correlation": _CORRELATIONS},
    "malformed": {"rate": _rarely, "kinds": ()},
    "corrupt": {"rate": _rarely, "correlation": _CORRELATIONS},
    "duplicate": {"rate": _rates, "correlation": _CORRELATIONS},
    "queue": {
        "messages": (1, 3),
        "bytes": (None, 100, 1_000),
        "low_water": (None, 0, 1),
        "overflow": (),
    },
    "bandwidth": {"rate": (0.1, 1.0, 50.0), "burst": (0, 64, 1_000)},
    "consumer": {"rate": (100.0, 0.5)},
    "gc": {"threshold": (1, 200), "pause": (0.0, 50.0)},
}
assert {name: set(own) for name, own in _ATTRIBUTES.items()} == {
    name: set(own.attributes) for name, own in _OF_TYPES.items()
}, "a new attribute has its values here, so that laws cover it"

ON_THE_WAY = ("failure", "loss", "latency", "slicer", "race", "reorder")
ON_THE_WAY += ("malformed", "corrupt", "duplicate")
"""Types that are about one message each: none depends on what became of another one."""


def _valid_toxic(
    chance: Random, link: str, name: str, types: Sequence[str], **common: Any
) -> Toxic:
    """A toxic of one of ``types`` that there is on ``link``."""
    type_ = chance.choice([name for name in types if link in _OF_TYPES[name].links])
    values: dict[str, Sequence[Any]] = dict(_ATTRIBUTES[type_])
    if type_ == "malformed":
        values["kinds"] = _HARM[link]
    if type_ == "queue":
        values["overflow"] = (None, *_OVERFLOWS[link])
    own = {key: chance.choice(some) for key, some in values.items()}
    usual = {
        "stream": chance.choice(tuple(_STREAMS)),
        "toxicity": chance.choice((1.0, 1.0, 0.5, 0.0)),
        "connection": chance.choice(("*", "*", "a", "[bc]")),
    }
    return Toxic(type_, name=name, **{**usual, **common, **own})


def toxics(
    types: Sequence[str] = TYPES_ALL, *, link: str = "message", name: str = "extra", **common: Any
) -> st.SearchStrategy[Toxic]:
    """One toxic of some type, with attributes of every kind; ``common`` ones are as given."""
    return _chances.map(lambda chance: _valid_toxic(chance, link, name, types, **common))


_FOR_A_MESSAGE = tuple(name for name in _OF_TYPES if name not in BEYOND_A_MESSAGE)
_FOR_A_HANDSHAKE = tuple(name for name in _OF_TYPES if name in AT_A_HANDSHAKE)
_WHILES_NS = tuple(n * NS_PER_MS for n in (1, 50, 900))
_WHERE = ({}, {}, {"text": ""}, {"text": "x"})


def _valid_fault(chance: Random, link: str, name: str, types: Sequence[str]) -> Fault:
    """A fault that begins by the clock, or with a message or a handshake."""

    def toxic(those: Sequence[str]) -> Toxic:
        return _valid_toxic(
            chance, link, name, [type_ for type_ in those if type_ in types] or types
        )

    for_ns = chance.choice(_WHILES_NS)
    match chance.choice(("at", "at", "every", "event", "event", "connect")):
        case "at":
            at_ns = chance.choice((0, 5 * NS_PER_MS, 700 * NS_PER_MS))
            return Fault(at_ns=at_ns, for_ns=chance.choice((None, for_ns)), toxic=toxic(TYPES_ALL))
        case "every":
            chosen = toxic(TYPES_ALL)
            return Fault(
                every_ns=chance.choice((1_100, 10_000)) * NS_PER_MS,
                jitter_ns=chance.choice((0, 100)) * NS_PER_MS,
                for_ns=None if chosen.type in MOMENTARY else for_ns,
                toxic=chosen,
            )
        case "event":
            alone = toxic(_FOR_A_MESSAGE)
            once = chance.random() < 0.5 and alone.type not in BEYOND_A_MESSAGE
            return Fault(
                event=chance.choice(("*", "token", "agent_started")),
                nth=chance.choice(((), (1,), (2, 5))),
                where=tuple(chance.choice(_WHERE).items()),
                for_ns=None if once else for_ns,
                toxic=alone,
            )
        case _:
            alone = toxic(_FOR_A_HANDSHAKE)
            once = chance.random() < 0.5 and alone.type in AT_A_HANDSHAKE
            return Fault(
                connect=chance.choice(((1,), (1, 2), (3,))),
                for_ns=None if once else for_ns,
                toxic=alone,
            )


def _planned(
    chance: Random, link: str, size: int, types: Sequence[str], names: Sequence[str]
) -> tuple[Fault, ...]:
    """Faults, each with a name of its own, and perhaps one that heals something."""
    planned = [_valid_fault(chance, link, f"fault-{number}", types) for number in range(size)]
    if chance.random() < 0.3:
        at_ns = chance.choice(_WHILES_NS)
        planned.append(Fault(at_ns=at_ns, heal=chance.choice(("all", *names))))
    return tuple(planned)


def faults(
    types: Sequence[str] = TYPES_ALL, *, link: str = "message"
) -> st.SearchStrategy[tuple[Fault, ...]]:
    """What a plan file may hold."""
    return st.builds(
        lambda size, chance: _planned(chance, link, size, types, ()), st.integers(0, 3), _chances
    )


# --- configurations ------------------------------------------------------------------------

_FIELDS: dict[str, Sequence[Any]] = {
    "preset": (None, *PRESETS),
    "seed": (None,),
    "link": ("message",),
    "semantics": ("exact", "exact", "legacy"),
    "latency_ms": _delays,
    "jitter_ms": _delays,
    "latency_distribution": _SPREADS,
    "latency_correlation": _CORRELATIONS,
    "bandwidth_limit": (1_000.0, 10.0, 51_200.5, None),
    "bandwidth_burst": (0, 64, 1_000),
    "packet_loss_rate": _rarely,
    "loss_correlation": _CORRELATIONS,
    "duplicate_rate": _rates,
    "failure_rate": _rarely,
    "timeout_probability": _rarely,
    "timeout_ms_min": (0.0, 2.0),
    "timeout_ms_max": (2.0, 100.0),
    "timeout_kind": ("reject", "late_ack", "stall"),
    "max_retries": (0, 0, 1, 3),
    "retry_delay_ms": _delays,
    "retry_backoff": (1.0, 2.0),
    "ack_timeout_ms": (None, None, 10.0),
    "reject_delay_ms": _delays[1:],
    "rate_limit": (None, None, 1.0, 100.0),
    "rate_limit_burst": (1, 3),
    "partition_start_probability": _rarely,
    "partition_duration_ms_min": (0.0, 1.0),
    "partition_duration_ms_max": (1.0, 20.0, 1_000.0),
    "partition_policy": _OUTAGES,
    "partition_direction": tuple(_STREAMS),
    "memory_limit": (1_000, 100, None),
    "message_queue_size": (3, 1, None),
    "queue_low_water": (None, 0, 1),
    "consume_rate": (100.0, 0.5, None),
    "overflow": (),
    "max_message_size": (None, 1 << 20, 300),
    "gc_threshold": (None, 1, 200),
    "gc_pause_ms": (0.0, 50.0),
    "connection_limit": (None, None, 2, 1),
    "connections_per_user": (None, None, 2, 1),
    "connection_policy": _POLICIES,
    "retry_after_ms": (1.0, 1_000.0),
    "ping_interval_ms": (None, 100.0, 5_000.0),
    "ping_timeout_ms": (0.0, 500.0),
    "reconnect": ("on_send", "auto", "never"),
    "reconnect_delay_ms": (0.0, 10.0),
    "reconnect_backoff": (1.0, 2.0),
    "resume": ("none", "none", "last_id", "last_seq", "full_replay"),
    "resume_ack_every": (1, 3),
    "malformed_rate": _rates,
    "malformed_kinds": (),
    "should_authenticate": (True,) * 9 + (False,),
    "auth_failure_rate": _rarely,
    "auth_when": ("message", "handshake", "first_message"),
    "auth_status": (401, 403),
    "auth_close_code": (4401, 1008),
    "token_ttl_ms": (None, None, 300.0, 5_000.0),
    "token_renewable": (True, True, False),
    "race_rate": _rates,
    "race_delay_ms_min": (0.0, 1.0),
    "race_delay_ms_max": (1.0, 50.0),
    "reorder_within_thread": (False, True),
    "close_overtakes": (False, True),
    "toxics": ((),),
    "faults": ((),),
    "heal_at_end": (True, True, False),
    "enforce_event_order": (False, False, True),
    "validate_message_format": (False, True),
    "strict_threading": (False, True),
    "enable_metrics": (False, True),
    "track_timing": (False, True),
    "track_memory": (False, True),
}
_NAMES = sorted(_FIELDS.keys() - {"link", "toxics", "faults"})
assert _FIELDS.keys() == FIELDS.keys(), "a new field has its values here, so that laws cover it"

CALM: dict[str, Any] = {
    "partition_start_probability": 0.0,
    "timeout_probability": 0.0,
    "auth_failure_rate": 0.0,
    "should_authenticate": True,
    "rate_limit": None,
    "connection_limit": None,
    "connections_per_user": None,
    "token_ttl_ms": None,
    "ping_interval_ms": None,
    "message_queue_size": None,
    "memory_limit": None,
    "enforce_event_order": False,
    "resume": "none",
}
"""Fields under which no message's chances depend on what became of another one."""


def _field_values(link: str, name: str) -> Sequence[Any]:
    """Values of a field that there are on ``link``."""
    if name == "overflow":
        return _OVERFLOWS[link]
    if name == "malformed_kinds":
        return _HARM[link]
    if link != "message" and name in ("duplicate_rate", "reorder_within_thread"):
        return (_FIELDS[name][0] and 0.0,)
    return _FIELDS[name]


def configurations(
    *,
    links: Sequence[str] = ("message", "message", "message", "tcp", "bytes"),
    types: Sequence[str] = TYPES_ALL,
    most: int = 3,
    **fixed: Any,
) -> st.SearchStrategy[MockConfiguration]:
    """One mode or several, some of the fields, up to ``most`` toxics and as many faults, both of
    ``types``; ``fixed`` fields are as given.
    """

    def configuration(
        modes: list[MockBehaviorMode], size: int, chance: Random
    ) -> MockConfiguration:
        link = chance.choice(links)
        names = chance.sample(_NAMES, size)
        for low in ("timeout_ms_min", "partition_duration_ms_min", "race_delay_ms_min"):
            high = low.replace("_min", "_max")
            if (low in names) != (high in names):
                names += [name for name in (low, high) if name not in names]
        chosen = {name: chance.choice(_field_values(link, name)) for name in names}
        static = [type_ for type_ in types if type_ != "drain"]
        more = [
            _valid_toxic(chance, link, f"toxic-{n}", static) for n in range(chance.randint(0, most))
        ]
        planned = _planned(
            chance, link, chance.randint(0, most), types, [toxic.name for toxic in more]
        )
        if not most or chance.random() < 0.3:
            more, planned = [], ()
        own = {"link": link, "toxics": more, "faults": planned}
        return MockConfiguration(**{"mode": modes, **chosen, **own, **fixed})

    modes = st.lists(st.sampled_from(MockBehaviorMode), min_size=1, max_size=3)
    return st.builds(configuration, modes, st.integers(0, len(_NAMES)), _chances)


seeds = st.integers(0, 1 << 64)


# --- telling -------------------------------------------------------------------------------


class SetClock:
    """A clock that the story sets."""

    def __init__(self) -> None:
        self.time_ns = 0

    def now_ns(self) -> int:
        return self.time_ns

    async def take(self, since_ns: int, duration_ns: int) -> None:
        raise AssertionError("a story waits for nobody")

    def is_foreign(self) -> bool:
        return False


USERS = {"a": "ann", "b": "ann"}
"""Connections of which somebody asks by name."""


class Teller:
    """Tells a story step by step; in between anything can be asked of ``recording``."""

    def __init__(self, config: MockConfiguration, seed: int) -> None:
        self.clock = SetClock()
        self.recording = Recording(Header(seed=seed), self.clock, Redactor())
        self.channel = self.recording.join("", config)
        self.numbers: dict[str, int] = {}
        self.epochs: dict[int, int] = {}
        """Row of an intent -> how often its connection had been opened."""
        self._handshakes: dict[int, int] = {}
        self._link = config.link

    def advance(self, time_ns: int) -> None:
        self.clock.time_ns = time_ns
        self.recording.network.advance(time_ns)

    def tell(self, step: Step) -> None:
        now_ns = step.at_ns
        self.advance(now_ns)
        log, network = self.recording.log, self.recording.network
        if step.do in ("cut", "heal", "reset"):
            network.control(step.do, self.channel, now_ns)
            return
        number = self.numbers.get(step.connection)
        if number is None:
            connection = Connection(step.connection, self._link, self.channel)
            number = self.numbers[step.connection] = network.add_connection(connection, now_ns)
        match step.do:
            case "close" if network.is_open(number):
                network.close(Op.CLOSE, number << 1, now_ns, log.encode([1000, ""]))
            case "drop" if network.is_open(number):
                network.close(Op.DROPPED, number << 1, now_ns, log.encode({"how": "rst"}))
            case "connect":
                self._connect(number, USERS.get(step.connection, ""))
            case "send":
                self._send(step, number)

    def _connect(self, number: int, user: str = "") -> None:
        log, network = self.recording.log, self.recording.network
        if network.is_open(number):
            return
        index = self._handshakes.get(number, 0)
        self._handshakes[number] = index + 1
        lane = number << 1 | Direction.UPSTREAM
        body = log.encode({"user": user} if user else {})
        network.connect(lane, self.clock.time_ns, index, body, user)

    def _send(self, step: Step, number: int) -> None:
        log, network = self.recording.log, self.recording.network
        if network.is_closed(number):
            self._connect(number)
        if step.type not in log.kind_numbers:
            network.advance(step.at_ns)  # as a replay does before it names one
        kind = log.kind(step.type, step.at_ns)
        lane = number << 1 | step.upstream
        index = log.next_index(lane, kind)
        body = log.encode({"type": step.type, "text": "x" * step.size})
        verdict = network.send(Op.OBJECT, lane, step.at_ns, kind, index, body)
        self.epochs[verdict.row] = network._core.sockets[number].epoch


def told(story: Story, config: MockConfiguration, seed: int = 0) -> Session:
    """The whole session of a story."""
    teller = Teller(config, seed)
    for step in story:
        teller.tell(step)
    return teller.recording.finish()


def seen(story: Story, config: MockConfiguration, seed: int, until_ns: int) -> Session:
    """What a story came to by a time at which it still goes on.

    The end of a session ends outages, and waits for what is on its way. So a story that goes on
    for longer has other ends; until any one instant two stories are comparable.
    """
    teller = Teller(config, seed)
    for step in story:
        teller.tell(step)
    teller.advance(until_ns)
    return teller.recording.snapshot()


def telling(story: Story, config: MockConfiguration, seed: int = 0) -> Iterator[Teller]:
    """The teller after each step of a story."""
    teller = Teller(config, seed)
    for step in story:
        teller.tell(step)
        yield teller


def later(story: Story, by_ns: int) -> Story:
    """The same story, begun later."""
    return [replace(step, at_ns=step.at_ns + by_ns) for step in story]
