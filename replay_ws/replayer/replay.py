"""``replay``: a session's intents go out again, at their recorded times, and no user code runs."""

from __future__ import annotations

import dataclasses

from replay_ws.errors import ConfigError
from replay_ws.events.log import Log
from replay_ws.events.model import Plan
from replay_ws.faults.chance import Chance, Dice
from replay_ws.faults.configuration import MockConfiguration, recorded, require_configuration
from replay_ws.faults.modes import ModeChoice
from replay_ws.faults.pipeline import BUILT_IN, toxics_by_name
from replay_ws.faults.plans import FaultPlan, plan_from
from replay_ws.playback import play
from replay_ws.session import Session


def replay(
    source: Session,
    *,
    mode: ModeChoice | None = None,
    seed: int | None = None,
    config: MockConfiguration | None = None,
    plan: Plan | FaultPlan | None = None,
) -> Session:
    """The session that ``source`` becomes under another mode, seed, configuration or plan.

    With none of them it comes back bit for bit. ``config`` replaces the recorded configuration,
    ``mode`` replaces it by the mode's own values (or gives ``config`` that mode). A ``plan`` of
    decisions decides instead of the seed; a fault plan says itself what it changes, where neither
    ``config`` nor ``mode`` does. Raises ConfigError for an unknown mode, and for a plan that is
    about a connection or a toxic which the session has not.
    """
    if config is not None:
        require_configuration(config)
    plan = plan_from(plan)
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
    if seed is None:
        seed = plan.seed
    if config is not None:
        config = plan.applied(config.replace(seed=None))
    header = source.log.header
    reseeded = seed not in (None, header.seed)
    if seed is not None:
        header = dataclasses.replace(header, seed=seed)

    def config_for(_: int, old: MockConfiguration) -> MockConfiguration:
        new = config or plan.amended(old)
        return new.replace(seed=None) if reseeded else new

    def chance_for(_: int, used: MockConfiguration, log: Log) -> Chance:
        own_seed = header.seed if used.seed is None else used.seed
        return plan.chance(Dice(own_seed, toxics_by_name(used), log))

    before = [recorded(channel.config) for channel in source.log.channels]
    after = [config_for(number, old) for number, old in enumerate(before)]
    plan.require_connections(source.connections)
    plan.require_toxics(BUILT_IN.union(*map(toxics_by_name, after)))
    changed = reseeded or after != before
    # A session that was looked at while it went on ends where it was looked at, unless it
    # became another one: then what is on its way arrives.
    drain = changed or source.end["status"] != "open"
    return Session(*play(source.log, header, chance_for, config_for, drain=drain))
