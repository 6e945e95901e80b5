"""How the connections of one channel behave: its configuration, its chance, and who is open."""

from __future__ import annotations

from functools import lru_cache

from replay_ws.channel import tcp
from replay_ws.channel.terms import Terms, terms_of
from replay_ws.clock import ms
from replay_ws.events.log import Direction
from replay_ws.faults.chance import Chance
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.pipeline import pipeline_of, place
from replay_ws.faults.timeline import Fault
from replay_ws.faults.toxics import Toxic
from replay_ws.faults.types import STREAMS

SILENT = frozenset({"hold", "blackhole", "drop", "stall"})
"""Kinds of outages of which neither side hears anything."""


class Outage:
    """A direction (or both) of a connection through which nothing gets."""

    __slots__ = ("directions", "fault", "kind", "toxic", "until_ns")

    def __init__(
        self,
        kind: str,
        toxic: Toxic | None,
        directions: tuple[Direction, ...],
        until_ns: int | None,
        fault: int | None = None,
    ) -> None:
        self.kind = kind
        self.toxic = toxic
        self.directions = directions
        self.until_ns = until_ns
        """When it ends by itself; None: when somebody ends it."""
        self.fault = fault
        """The number of the fault that began it, if one did."""

    def lasts(self, at_ns: int) -> bool:
        """Whether it still goes on then, as far as is known."""
        return self.until_ns is None or at_ns < self.until_ns

    def recovery_ns(self, first_ns: int, healed_ns: int) -> int:
        """When TCP finds out that it is over, which sent in vain since ``first_ns``."""
        return tcp.recovery_ns(first_ns, healed_ns, **self._rto())

    def gives_up_ns(self, first_ns: int) -> int:
        """When TCP gives up."""
        return tcp.gives_up_ns(first_ns, **self._rto())

    def _rto(self) -> dict[str, int]:
        if self.toxic is None or self.toxic.type != "partition":
            return {}
        return {f"rto_{end}_ns": ms(self.toxic[f"rto_{end}"]) for end in ("min", "max")}


class Behaviour:
    """One channel: what its lanes start from."""

    __slots__ = (
        "at_messages",
        "chance",
        "config",
        "configured",
        "number",
        "open",
        "partitioned",
        "static",
    )

    def __init__(self, number: int, config: MockConfiguration, chance: Chance) -> None:
        self.number = number
        self.follow(config, chance)
        self.partitioned = False
        """A program cut the channel off by hand."""
        self.open: dict[int, None] = {}
        """The connections that are open, the oldest first."""

    def follow(self, config: MockConfiguration, chance: Chance) -> None:
        """Work by this configuration from now on."""
        self.config = config
        self.chance = chance
        own, self.at_messages = _given(config)
        """The faults that messages begin, with their numbers and toxics."""
        self.static = pipeline_of(config, chance.active - own)
        """The toxics that work from the beginning, and those that a plan decides about."""
        self.configured = frozenset(pipeline_of(config))
        """Those that the configuration has."""

    def terms(self, toxics: tuple[Toxic, ...]) -> Terms:
        """The terms of a lane on which ``toxics`` work, whose order here is of no account."""
        return terms_of(self.config, tuple(sorted(toxics, key=place)))

    def by_hand(self, direction: Direction, now_ns: int) -> Outage | None:
        """The outage that a program made by hand, if it meets a message in this direction."""
        config = self.config
        directions = STREAMS[config.partition_direction]
        if not self.partitioned or direction not in directions:
            return None
        return Outage(config.outage_kind, None, directions, None)


@lru_cache(maxsize=256)
def _given(
    config: MockConfiguration,
) -> tuple[frozenset[str], tuple[tuple[int, Fault, Toxic], ...]]:
    """Names of the toxics that are given one by one, and the faults that messages begin."""
    begun = [(n, fault, fault.toxic) for n, fault in enumerate(config.faults) if fault.toxic]
    own = frozenset(toxic.name for toxic in (*config.toxics, *(toxic for _, _, toxic in begun)))
    return own, tuple(each for each in begun if each[1].event)
