"""``replay-ws replay``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from replay_ws.api import compare, load, plan_of, replay, save
from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, say, show
from replay_ws.errors import ConfigError
from replay_ws.faults.configuration import MockConfiguration, recorded
from replay_ws.faults.plans import FaultPlan
from replay_ws.report.summaries import Replayed
from replay_ws.session import Session


@click.command("replay")
@options.cassette()
@options.modes
@options.preset
@options.plan
@options.seed
@options.settings
@options.output(required=False)
@options.force
@options.as_json
def command(
    cassette: Path,
    modes: Sequence[str],
    preset: str | None,
    plan: Path | None,
    seed: int | None,
    settings: Sequence[str],
    output: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """Send a cassette's messages again, under a mode, a seed or a plan.

    No code of the recorded program runs. Without options the session must come back bit for bit;
    if it does not, the exit code is 1. --set without --mode or --preset changes fields of the
    recorded configuration; with them it goes with their own values. --plan says what nothing else
    does; what `replay-ws plan` wrote brings its session back.
    """
    if output is not None:
        options.refuse_to_replace(output, force=force)
    source, planned = load(cassette), plan_of(plan)
    config = _configuration(source, planned, options.behaviour_of(modes, preset, settings))
    session = replay(source, seed=seed, config=config, plan=planned)
    if output is not None:
        save(session, output)
    _tell_idle(planned, session)
    view = Replayed(
        str(cassette),
        options.given(modes, seed, settings, preset=preset, plan=plan),
        source.digest,
        session,
        compare(source, session),
        "" if output is None else str(output),
    )
    show(view, as_json=as_json)
    return SAME if view.how or view.came_back else DIFFERENT


def _configuration(
    source: Session, plan: FaultPlan, fields: Mapping[str, Any]
) -> MockConfiguration | None:
    """What replaces the recorded configuration; None where no option asks for it."""
    if not fields:
        return None
    asked = MockConfiguration(**fields)
    if asked.given & {"mode", "preset"}:
        return asked
    configs = [channel.config for channel in source.log.channels]
    if any(config != configs[0] for config in configs):
        raise ConfigError(
            "the mocks of this session have different configurations",
            where="--set",
            mend="say --mode too; it replaces them all",
        )
    return asked.over(plan.amended(recorded(configs[0]))) if configs else asked


def _tell_idle(plan: FaultPlan, session: Session) -> None:
    """Say which decisions were about nothing that happened: a plan for another session, perhaps."""
    idle = plan.idle(session.plan)
    if idle:
        more = f", nor do {len(idle) - 1} others" if len(idle) > 1 else ""
        say(f"{idle[0]}: it strikes nothing{more}")
