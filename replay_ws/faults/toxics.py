"""Toxics: keyed chances to harm one message, and the two ways to decide whether they strike.

``Dice`` draws from the seed. ``Script`` reads a plan instead: what stands in it strikes, everything
else does not. A channel asks either of them the same question, so that a run and its replay
from the plan take the same way through the same code.

A strike is an *amount*, an integer above 0: nanoseconds for an outage, a timeout or a delay, a
position for a damaged payload, 1 where there is nothing to measure. 0 is "no strike".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from replay_ws.clock import ms
from replay_ws.errors import ConfigError, unknown
from replay_ws.events.log import Direction, Log
from replay_ws.events.model import SCHEDULING, Decision, Plan
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.rng import WORD, Stream, below, threshold


@dataclass(frozen=True, slots=True)
class Toxic:
    """A row of the table: which field is its rate, and from which range its amount comes.

    ``amount`` names the fields of a range in milliseconds, ``<name>_min`` and ``<name>_max``;
    a toxic without a rate always strikes when its range is not empty.
    """

    name: str
    rate: str = ""
    amount: str = ""


TOXICS = (
    Toxic("failure", rate="failure_rate"),
    Toxic("timeout", rate="timeout_probability", amount="timeout_ms"),
    Toxic("loss", rate="packet_loss_rate"),
    Toxic("auth", rate="auth_failure_rate"),
    Toxic("partition", rate="partition_start_probability", amount="partition_duration_ms"),
    Toxic("malformed", rate="malformed_rate", amount="position"),
    Toxic("duplicate", rate="duplicate_rate"),
    Toxic("jitter", amount="jitter_ms"),
    Toxic("race", rate="race_rate", amount="race_delay_ms"),
)

NAMES = frozenset(toxic.name for toxic in TOXICS)

_POSITIONS = 1 << 48


def _range(toxic: Toxic, config: MockConfiguration) -> tuple[int, int]:
    """The lowest and highest amount; only jitter may be 0, which is then no strike."""
    match toxic.amount:
        case "":
            return 1, 1
        case "position":
            return 1, _POSITIONS
        case "jitter_ms":
            return 0, ms(config.jitter_ms)
        case name:
            low, high = (ms(getattr(config, f"{name}_{end}")) for end in ("min", "max"))
            return max(1, low), max(1, high)


@lru_cache(maxsize=256)
def _rules(config: MockConfiguration) -> Mapping[str, tuple[int, int, int]]:
    """For each toxic that may strike: its rate as a threshold, lowest amount, number of amounts."""
    rules = {}
    for toxic in TOXICS:
        rate = threshold(getattr(config, toxic.rate)) if toxic.rate else WORD
        low, high = _range(toxic, config)
        if rate and high:
            rules[toxic.name] = (rate, low, high - low + 1)
    return rules


class Chance(Protocol):
    """Who decides whether a toxic strikes."""

    active: frozenset[str]
    """Names of the toxics that may strike at all."""

    def strike(self, toxic: str, lane: int, kind: int, index: int, attempt: int = 0) -> int:
        """The amount with which ``toxic`` strikes a message, or 0."""
        ...


class Dice:
    """Chance from a seed: every draw is keyed by what it is about (see ``replay_ws.rng``)."""

    def __init__(self, seed: int, config: MockConfiguration, log: Log) -> None:
        self._seed = seed
        self._log = log
        self._rules = _rules(config)
        self.active = frozenset(self._rules)
        self._streams: dict[tuple[str, int, int, int], tuple[Stream, Stream]] = {}

    def strike(self, toxic: str, lane: int, kind: int, index: int, attempt: int = 0) -> int:
        rule = self._rules.get(toxic)
        if rule is None:
            return 0
        rate, low, span = rule
        key = (toxic, lane, kind, attempt)
        streams = self._streams.get(key)
        if streams is None:
            streams = self._streams[key] = self._open(*key)
        if rate < WORD and streams[0].draw(index) >= rate:
            return 0
        return low + below(streams[1].draw(index), span) if span > 1 else low

    def _open(self, toxic: str, lane: int, kind: int, attempt: int) -> tuple[Stream, Stream]:
        """The streams of one toxic: whether it strikes, and how hard."""
        connection = self._log.connections[lane >> 1].name
        about = f"{Direction(lane & 1).name.lower()}:{self._log.kinds[kind]}:{attempt}"
        return (
            Stream(self._seed, f"{toxic}:{about}", connection),
            Stream(self._seed, f"{toxic}.amount:{about}", connection),
        )


_AMOUNT_MAX = (1 << 63) - 1


def require_plan(plan: Plan) -> None:
    """Raises ConfigError when a decision of ``plan`` is none that a run could have taken."""
    if not isinstance(plan, Plan):
        raise ConfigError(f"plan is {plan!r:.60}", mend="pass the plan of a session")
    for number, decision in enumerate(plan):
        where = f"decision {number} of the plan"
        if not isinstance(decision, Decision):
            raise ConfigError(f"{decision!r:.60} is no Decision", where=where, mend="leave it out")
        if decision.toxic not in NAMES and decision.toxic not in SCHEDULING:
            raise unknown("toxic", decision.toxic, [*NAMES, *SCHEDULING])
        for name, low in (("index", 0), ("attempt", 0), ("amount", 1)):
            value = getattr(decision, name)
            if type(value) is not int or not low <= value <= _AMOUNT_MAX:
                raise ConfigError(
                    f"{name} is {value!r:.60}", where=where, mend=f"a whole number from {low}"
                )


class Script:
    """Chance from a plan: the decisions that stand in it, and no others."""

    def __init__(self, decisions: Iterable[Decision], log: Log) -> None:
        self._amounts = {decision.key: decision.amount for decision in decisions}
        self._log = log
        self.active = frozenset(key[0] for key in self._amounts)

    def strike(self, toxic: str, lane: int, kind: int, index: int, attempt: int = 0) -> int:
        if toxic not in self.active:
            return 0
        connection = self._log.connections[lane >> 1].name
        key = (toxic, connection, lane & 1, self._log.kinds[kind], index, attempt)
        return self._amounts.get(key, 0)
