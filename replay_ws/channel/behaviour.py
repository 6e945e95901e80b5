"""How the connections of one channel behave: its configuration, its chance, and who is open."""

from __future__ import annotations

from replay_ws.channel.terms import Terms, terms_of
from replay_ws.faults.chance import Chance
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.pipeline import pipeline_of, place
from replay_ws.faults.toxics import Toxic


class Behaviour:
    """One channel: what its lanes start from."""

    __slots__ = ("chance", "config", "number", "open", "partitioned", "static")

    def __init__(self, number: int, config: MockConfiguration, chance: Chance) -> None:
        self.number = number
        self.config = config
        self.chance = chance
        begun = (fault.toxic for fault in config.faults)
        own = {toxic.name for toxic in (*config.toxics, *begun) if toxic is not None}
        self.static = pipeline_of(config, chance.active - own)
        """The toxics that work from the beginning."""
        self.partitioned = False
        """A program cut the channel off by hand."""
        self.open: dict[int, None] = {}
        """The connections that are open, the oldest first."""

    def terms(self, toxics: tuple[Toxic, ...]) -> Terms:
        """The terms of a lane on which ``toxics`` work, whose order here is of no account."""
        return terms_of(self.config, tuple(sorted(toxics, key=place)))
