"""``replay-ws recover``."""

from __future__ import annotations

from pathlib import Path

import click

from replay_ws.cassette.recovery import recover, verify
from replay_ws.cli import options
from replay_ws.cli.cassettes import condition_of
from replay_ws.cli.console import SAME, show
from replay_ws.report.condition import Recovered


@click.command("recover")
@options.cassette()
@options.output(required=True)
@options.as_json
def command(cassette: Path, output: Path, as_json: bool) -> int:
    """Save what is whole of a damaged or unfinished cassette.

    Every event in the result is one that was recorded; a mark stands where something is missing.
    The damaged file stays as it is, and FILE must not exist.
    """
    problems = verify(cassette).problems
    condition = condition_of(str(cassette), recover(cassette, output), problems)
    show(Recovered(condition, str(output)), as_json=as_json)
    return SAME
