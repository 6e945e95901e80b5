"""``replay-ws cat``."""

from __future__ import annotations

from pathlib import Path

import click

from replay_ws.cli import options
from replay_ws.cli.cassettes import read_whole
from replay_ws.cli.console import DIFFERENT, SAME, say, show
from replay_ws.errors import CassetteError
from replay_ws.report.events import Listing, stable_lines


@click.command("cat")
@options.cassette()
@options.limit
@click.option("--delivered", is_flag=True, help="What was delivered, numbered as diff does.")
@click.option(
    "--textconv", is_flag=True, help="Lines for git: nothing in them moves with another event."
)
@options.as_json
def command(
    cassette: Path, limit: int | None, delivered: bool, textconv: bool, as_json: bool
) -> int:
    """Print a cassette, one line per event.

    Columns: number, seconds of virtual time, connection, < to the client or > to the server,
    type, what became of it unless it was delivered, payload. Lines are as wide as the terminal. Of
    a damaged cassette what is whole is printed, and the exit code is 1.
    """
    if textconv:
        return _print_for_git(cassette)
    reading = read_whole(cassette)
    show(Listing(reading.session, delivered, limit), as_json=as_json)
    if reading.damage:
        say(f"{cassette}: {reading.damage}\n  mend: {reading.mend}")
        return DIFFERENT
    return SAME


def _print_for_git(cassette: Path) -> int:
    """Never fails: git gives up a whole log when one file cannot be converted."""
    try:
        reading = read_whole(cassette)
    except CassetteError as error:
        print(f"not a cassette: {error.what}")
        return SAME
    for line in stable_lines(reading.session):
        print(line)
    if reading.damage:
        print(f"damaged: {reading.damage}")
    return SAME
