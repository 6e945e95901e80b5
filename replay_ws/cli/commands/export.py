"""``replay-ws export``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click

from replay_ws.api import load
from replay_ws.cassette.writer import PartialFile
from replay_ws.cli import options
from replay_ws.cli.console import SAME, show, to_json
from replay_ws.recorder.importers import export_jsonl
from replay_ws.report.blocks import plural
from replay_ws.report.summaries import Done


@click.command("export")
@options.cassette()
@options.output(required=False)
@options.force
@options.as_json
def command(cassette: Path, output: Path | None, force: bool, as_json: bool) -> int:
    """Print a cassette's events as JSON lines.

    One line per message, in sending order, with what became of it. `replay-ws import` reads them
    again. With --json they are one JSON array; with -o they go to a file.
    """
    if output is not None:
        options.refuse_to_replace(output, force=force)
    lines = export_jsonl(load(cassette))
    if output is None:
        _print(lines, as_json=as_json)
        return SAME
    count = _write(output, lines)
    what = f"exported {plural(count, 'message')} of {cassette} to {output}"
    facts = {"cassette": str(cassette), "output": str(output), "messages": count}
    show(Done(what, facts), as_json=as_json)
    return SAME


def _print(lines: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        print(to_json([json.loads(line) for line in lines], indent=2))
        return
    for line in lines:
        print(line)


def _write(output: Path, lines: Iterable[str]) -> int:
    """Write the lines, all of them or none; returns how many."""
    file = PartialFile(output)
    count = 0
    try:
        for line in lines:
            file.write(f"{line}\n".encode())
            count += 1
        file.commit()
    except BaseException:
        file.discard()
        raise
    return count
