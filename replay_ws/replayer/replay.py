"""``replay``: a session's intents go out again, at their recorded times, and no user code runs."""

from __future__ import annotations

import dataclasses

from replay_ws.errors import ConfigError
from replay_ws.events.log import Log
from replay_ws.events.model import Plan
from replay_ws.faults.configuration import MockConfiguration, require_configuration
from replay_ws.faults.modes import MockBehaviorMode
from replay_ws.faults.toxics import Chance, Dice, Script, require_plan
from replay_ws.playback import play
from replay_ws.session import Session


def replay(
    source: Session,
    *,
    mode: MockBehaviorMode | str | None = None,
    seed: int | None = None,
    config: MockConfiguration | None = None,
    plan: Plan | None = None,
) -> Session:
    """The session that ``source`` becomes under another mode, seed, configuration or plan.

    With none of them it comes back bit for bit. ``config`` replaces the recorded configuration,
    ``mode`` replaces it by the mode's own values (or gives ``config`` that mode); ``plan`` decides
    instead of the seed. Raises ConfigError for an unknown mode.
    """
    if config is not None:
        require_configuration(config)
    if plan is not None:
        require_plan(plan)
    if mode is not None:
        config = (config or MockConfiguration()).replace(mode=mode)
    seed = MockConfiguration(seed=seed).seed  # refuses what is no seed
    if config is not None and config.seed is not None:
        if seed not in (None, config.seed):
            raise ConfigError(
                f"seed {seed} and the configuration's seed {config.seed} differ",
                mend="give one of them",
            )
        seed = config.seed
    if config is not None:
        config = config.replace(seed=None)
    header = source.log.header
    reseeded = seed not in (None, header.seed)
    if seed is not None:
        header = dataclasses.replace(header, seed=seed)

    def config_for(_: int, recorded: MockConfiguration) -> MockConfiguration:
        new = config or recorded
        return new.replace(seed=None) if reseeded else new

    def chance_for(_: int, used: MockConfiguration, log: Log) -> Chance:
        if plan is not None:
            return Script(plan, log)
        return Dice(header.seed if used.seed is None else used.seed, used, log)

    recorded = [channel.config for channel in source.log.channels]
    changed = reseeded or (
        config is not None and any(config.values() != values for values in recorded)
    )
    # A session that was looked at while it went on ends where it was looked at, unless it
    # became another one: then what is on its way arrives.
    drain = changed or source.end["status"] != "open"
    return Session(*play(source.log, header, chance_for, config_for, drain=drain))
