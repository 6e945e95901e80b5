"""``replay-ws info``."""

from __future__ import annotations

from pathlib import Path

import click

from replay_ws.cassette.opened import read_facts
from replay_ws.cli import options
from replay_ws.cli.cassettes import read_whole
from replay_ws.cli.console import DIFFERENT, SAME, show
from replay_ws.report.info import Info


@click.command("info")
@options.cassette()
@options.as_json
def command(cassette: Path, as_json: bool) -> int:
    """Sum up a cassette: what it is, what is in it, how it ended.

    Of a damaged cassette what is whole is summed up, and the exit code is 1.
    """
    reading = read_whole(cassette)
    facts = read_facts(cassette)
    view = Info(
        str(cassette),
        reading.session,
        reading.damage,
        size_bytes=facts.size_bytes,
        version=facts.version,
        volatile=facts.volatile,
    )
    show(view, as_json=as_json)
    return DIFFERENT if reading.damage else SAME
