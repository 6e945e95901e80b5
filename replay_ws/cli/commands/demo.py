"""``replay-ws demo``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, say, show, working
from replay_ws.cli.demo.job import demonstrate, goldens_in
from replay_ws.cli.demo.settings import SEED
from replay_ws.faults.modes import MockBehaviorMode


@click.command("demo")
@click.option(
    "--cassettes",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the goldens are. [default: ./cassettes, else those of the source checkout]",
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="Seed of every draw.")
@options.as_json
def command(folder: Path | None, seed: int, as_json: bool) -> int:
    """Do the whole job once: record, replay under ten modes, diff, check.

    Records three agents live and loads every golden; replays each under all ten modes, twice in
    this process and once in a fresh one with another hash seed and the pure-Python msgpack;
    compares every replay with its cassette and checks compliance. The exit code is 1 if two
    replays that should be the same are not.
    """
    started = time.perf_counter()
    place, goldens = goldens_in(folder)
    count = (1 + len(goldens)) * len(MockBehaviorMode)
    with working("replaying", count) as step:
        demo = demonstrate(seed, place, goldens, step)
    show(demo, as_json=as_json)
    say(f"{count} replays, three times each, in {time.perf_counter() - started:.1f} s")
    return SAME if demo.identical else DIFFERENT
