"""``replay-ws hunt``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay_ws.api import hunt
from replay_ws.cassette.redaction import Redactor
from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, hunting, show
from replay_ws.cli.targets import named
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.hunter.view import Hunted

if TYPE_CHECKING:
    from replay_ws.running import Escapes, Threads


def _stop(_: click.Context, __: click.Parameter, value: str | None) -> str | int | None:
    return int(value) if value is not None and value.isdecimal() else value


@click.command("hunt")
@click.argument("target")
@click.option(
    "--seeds", default="0..1000", show_default=True, metavar="A..B", help="Seeds, without B."
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    metavar="MODE",
    help="Hunt in this mode too; may be repeated, a+b is two at once, all is each there is.",
)
@options.preset
@options.plan
@options.settings
@click.option(
    "--schedule",
    default="portfolio",
    show_default=True,
    metavar="POLICY",
    help="Which ready task goes next: fifo, legal, pos, urw, pct, random or portfolio.",
)
@options.threads
@options.escapes
@click.option("--profile", default="agent5", show_default=True, help="Protocol that it speaks.")
@options.redact_keys
@options.keep_keys
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Workers; one per CPU.")
@click.option(
    "--engine",
    default="process",
    show_default=True,
    metavar="E",
    help="Where: here, process, loky, dask, dask:tcp://HOST:PORT, mpi, ray.",
)
@click.option(
    "--stop",
    callback=_stop,
    metavar="RULE",
    help="End early: first (failure), N (failures of one kind), saturation.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="End after S seconds.",
)
@options.as_json
def command(
    target: str,
    seeds: str,
    modes: Sequence[str],
    preset: str | None,
    plan: Path | None,
    settings: Sequence[str],
    schedule: str,
    threads: Threads,
    escapes: Escapes,
    profile: str,
    redact_keys: Sequence[str],
    keep_keys: Sequence[str],
    jobs: int | None,
    engine: str,
    stop: str | int | None,
    budget: float | None,
    as_json: bool,
) -> int:
    """Run TARGET under many seeds and modes, and group what fails by how it does.

    TARGET is package.module:function, path/to/file.py:function, or a pytest node id. What it prints
    is not shown. The result is the same for any engine and number of workers. The exit code is 1
    when something failed. Ctrl-C shows what was found until then.
    """
    with hunting() as progress:
        found = hunt(
            named(target),
            seeds=seeds,
            modes="all" if "all" in modes else modes,
            plan=plan,
            config=MockConfiguration(**options.behaviour_of((), preset, settings)),
            schedule=schedule,
            threads=threads,
            escapes=escapes,
            profile=profile,
            redactor=Redactor(redact_keys, keep_keys),
            stop=stop,  # type: ignore[arg-type]  # checked there
            budget=budget,
            executor=engine,
            jobs=jobs,
            quiet=True,
            progress=progress,
        )
    show(Hunted(found), as_json=as_json)
    return DIFFERENT if found.groups else SAME
