"""``replay-ws verify``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from replay_ws.cassette.recovery import Verification, verify
from replay_ws.cli import options
from replay_ws.cli.cassettes import condition_of
from replay_ws.cli.console import DIFFERENT, SAME, show
from replay_ws.report.condition import Condition, Verified


@click.command("verify")
@click.argument(
    "cassettes", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CASSETTE..."
)
@options.as_json
def command(cassettes: Sequence[Path], as_json: bool) -> int:
    """Say whether every byte of a cassette is as it was written.

    Several may be named. The exit code is 1 if one of them is damaged or unfinished.
    """
    view = Verified([_condition(verify(cassette)) for cassette in cassettes])
    show(view, as_json=as_json)
    return SAME if view.ok else DIFFERENT


def _condition(found: Verification) -> Condition:
    return condition_of(found.where, found.salvage, found.problems, found.digest)
