"""``replay-ws check``."""

from __future__ import annotations

from pathlib import Path

import click

from replay_ws.api import check
from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, show
from replay_ws.report.compliance import Compliance


@click.command("check")
@options.cassette()
@click.option(
    "--profile",
    metavar="NAME|FILE",
    help="Whose rules. [default: those that the cassette names, else agent5]",
)
@options.as_json
def command(cassette: Path, profile: str | None, as_json: bool) -> int:
    """Check what was delivered against the rules of a protocol.

    The score is the share of the checks that hold, 0.0 to 1.0. The exit code is 1 if an error was
    found; warnings only cost score.
    """
    report = check(cassette, profile=profile)
    show(Compliance(str(cassette), report), as_json=as_json)
    return SAME if report.ok else DIFFERENT
