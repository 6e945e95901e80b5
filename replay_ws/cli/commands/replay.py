"""``replay-ws replay``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from replay_ws.api import compare, load, replay, save
from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, show
from replay_ws.errors import ConfigError
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.report.summaries import Replayed
from replay_ws.session import Session


@click.command("replay")
@options.cassette()
@options.mode
@options.seed
@options.settings
@options.output(required=False)
@options.force
@options.as_json
def command(
    cassette: Path,
    mode: str | None,
    seed: int | None,
    settings: Sequence[str],
    output: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """Send a cassette's messages again, under a mode or a seed.

    No code of the recorded program runs. Without options the session must come back bit for bit;
    if it does not, the exit code is 1. --set without --mode changes fields of the recorded
    configuration; with --mode it goes with the mode's own values.
    """
    if output is not None:
        options.refuse_to_replace(output, force=force)
    source = load(cassette)
    config = _configuration(source, mode, settings)
    session = replay(source, mode=mode, seed=seed, config=config)
    if output is not None:
        save(session, output)
    view = Replayed(
        str(cassette),
        options.given(mode, seed, settings),
        source.digest,
        session,
        compare(source, session),
        "" if output is None else str(output),
    )
    show(view, as_json=as_json)
    return SAME if view.how or view.came_back else DIFFERENT


def _configuration(
    source: Session, mode: str | None, settings: Sequence[str]
) -> MockConfiguration | None:
    """What replaces the recorded configuration; None where nothing was asked for."""
    fields = options.fields_of(settings)
    if not fields:
        return None
    if mode is not None:
        return MockConfiguration(**{"mode": mode, **fields})
    recorded = [channel.config for channel in source.log.channels]
    if any(config != recorded[0] for config in recorded):
        raise ConfigError(
            "the mocks of this session have different configurations",
            where="--set",
            mend="say --mode too; it replaces them all",
        )
    return MockConfiguration(**{**(recorded[0] if recorded else {}), **fields})
