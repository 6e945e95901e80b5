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
from replay_ws.faults.configuration import FIELDS, MockConfiguration
from replay_ws.faults.malformed import KINDS
from replay_ws.faults.modes import MockBehaviorMode
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


# --- configurations ------------------------------------------------------------------------

_rates = (0.5, 0.1, 0.0, 1.0)
_rarely = (0.0, 0.0, 0.1, 0.3)
_delays = (0.0, 1.0, 5.5, 250.0)
_FIELDS: dict[str, Sequence[Any]] = {
    "seed": (None,),
    "link": ("message",),
    "latency_ms": _delays,
    "jitter_ms": _delays,
    "bandwidth_limit": (1_000.0, 10.0, 51_200.5, None),
    "packet_loss_rate": _rarely,
    "duplicate_rate": _rates,
    "failure_rate": _rarely,
    "timeout_probability": _rarely,
    "timeout_ms_min": (0.0, 2.0),
    "timeout_ms_max": (2.0, 100.0),
    "max_retries": (0, 0, 1, 3),
    "retry_delay_ms": _delays,
    "reject_delay_ms": _delays[1:],
    "partition_start_probability": _rarely,
    "partition_duration_ms_min": (0.0, 1.0),
    "partition_duration_ms_max": (1.0, 20.0, 1_000.0),
    "partition_policy": ("reject", "hold", "drop"),
    "memory_limit": (1_000, 100, None),
    "message_queue_size": (3, 1, None),
    "consume_rate": (100.0, 0.5, None),
    "overflow": ("drop_oldest", "drop_newest", "reject", "block", "close_1013"),
    "max_message_size": (None, 1 << 20, 300),
    "connection_limit": (None, None, 2, 1),
    "malformed_rate": _rates,
    "malformed_kinds": (KINDS, KINDS[4:5], KINDS[:2]),
    "should_authenticate": (True,) * 9 + (False,),
    "auth_failure_rate": _rarely,
    "auth_when": ("message", "handshake"),
    "race_rate": _rates,
    "race_delay_ms_min": (0.0, 1.0),
    "race_delay_ms_max": (1.0, 50.0),
    "reorder_within_thread": (False, True),
    "close_overtakes": (False, True),
    "enforce_event_order": (False, False, True),
    "validate_message_format": (False, True),
    "strict_threading": (False, True),
    "enable_metrics": (False, True),
    "track_timing": (False, True),
    "track_memory": (False, True),
}
_NAMES = sorted(_FIELDS)
assert _FIELDS.keys() == FIELDS.keys(), "a new field has its values here, so that laws cover it"


def configurations(**fixed: Any) -> st.SearchStrategy[MockConfiguration]:
    """A mode and some of the fields; ``fixed`` fields are as given."""

    def configuration(mode: MockBehaviorMode, size: int, chance: Random) -> MockConfiguration:
        chosen = {name: chance.choice(_FIELDS[name]) for name in chance.sample(_NAMES, size)}
        for low in ("timeout_ms_min", "partition_duration_ms_min", "race_delay_ms_min"):
            high = low.replace("_min", "_max")
            if (low in chosen) != (high in chosen):
                chosen |= {name: chance.choice(_FIELDS[name]) for name in (low, high)}
        return MockConfiguration(**{"mode": mode, **chosen, **fixed})

    return st.builds(
        configuration, st.sampled_from(MockBehaviorMode), st.integers(0, len(_NAMES)), _chances
    )


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


class Teller:
    """Tells a story step by step; in between anything can be asked of ``recording``."""

    def __init__(self, config: MockConfiguration, seed: int) -> None:
        self.clock = SetClock()
        self.recording = Recording(Header(seed=seed), self.clock, Redactor())
        self.channel = self.recording.join("", config)
        self.numbers: dict[str, int] = {}
        self._link = config.link

    def advance(self, time_ns: int) -> None:
        self.clock.time_ns = time_ns
        self.recording.network.advance(time_ns)

    def tell(self, step: Step) -> None:
        self.clock.time_ns = now_ns = step.at_ns
        log, network = self.recording.log, self.recording.network
        if step.do in ("cut", "heal", "reset"):
            network.control(step.do, self.channel, now_ns)
            return
        number = self.numbers.get(step.connection)
        if number is None:
            connection = Connection(step.connection, self._link, self.channel)
            number = self.numbers[step.connection] = network.add_connection(connection, now_ns)
        match step.do:
            case "close":
                network.close(Op.CLOSE, number << 1, now_ns, log.encode([1000, ""]))
            case "drop":
                network.close(Op.DROPPED, number << 1, now_ns, log.encode({"how": "rst"}))
            case "connect":
                self._connect(number)
            case "send":
                self._send(step, number)

    def _connect(self, number: int) -> None:
        log, lane = self.recording.log, number << 1 | Direction.UPSTREAM
        index = log.next_index(-1 - number, 0)
        self.recording.network.connect(lane, self.clock.time_ns, index, log.encode({}))

    def _send(self, step: Step, number: int) -> None:
        log, network = self.recording.log, self.recording.network
        if not network.is_open(number):
            self._connect(number)
        kind = log.kind(step.type, step.at_ns)
        lane = number << 1 | step.upstream
        index = log.next_index(lane, kind)
        body = log.encode({"type": step.type, "text": "x" * step.size})
        network.send(Op.OBJECT, lane, step.at_ns, kind, index, body)


def told(story: Story, config: MockConfiguration, seed: int = 0) -> Session:
    """The whole session of a story."""
    teller = Teller(config, seed)
    for step in story:
        teller.tell(step)
    return teller.recording.finish()


def telling(story: Story, config: MockConfiguration, seed: int = 0) -> Iterator[Teller]:
    """The teller after each step of a story."""
    teller = Teller(config, seed)
    for step in story:
        teller.tell(step)
        yield teller


def later(story: Story, by_ns: int) -> Story:
    """The same story, begun later."""
    return [replace(step, at_ns=step.at_ns + by_ns) for step in story]
