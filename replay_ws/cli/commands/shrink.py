"""``replay-ws shrink``."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from replay_ws.api import load, shrink
from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, show
from replay_ws.cli.targets import target_named
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.hunter.failure import conditions_of
from replay_ws.hunter.shrink import RUNS_MAX, failure_under
from replay_ws.hunter.view import Shrinking
from replay_ws.sim.schedule import Schedule


@click.command("shrink")
@click.argument("target")
@options.output(required=True)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="SESSION",
    help="The cassette of the failed run, instead of its seed, mode and schedule.",
)
@options.modes
@options.preset
@options.seed
@options.settings
@options.schedule
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=RUNS_MAX,
    show_default=True,
    metavar="N",
    help="Runs that may be made.",
)
@options.force
@options.as_json
def command(
    target: str,
    output: Path,
    source: Path | None,
    modes: Sequence[str],
    preset: str | None,
    seed: int | None,
    settings: Sequence[str],
    schedule: str,
    runs: int,
    force: bool,
    as_json: bool,
) -> int:
    """Shrink a failure of TARGET to what it takes; keep it as a repro.

    TARGET is package.module:function, path/to/file.py:function, or a pytest node id; the failure is
    the one with this --seed, --mode and --schedule, or that of a kept session. Faults and delays
    that are not needed are dropped as long as it fails in the same way.
    """
    options.refuse_to_replace(output, force=force)
    hunted = target_named(target)
    if source is not None:
        base = hunted.within(lambda runner: runner.base)
        conditions = conditions_of(load(source), base)
    else:
        config = options.behaviour_of(modes, preset, settings)
        conditions = hunted.within(lambda runner: runner.base)
        conditions = replace(
            conditions,
            seed=conditions.seed if seed is None else seed,
            config=MockConfiguration(**config) if config else conditions.config,
            schedule=Schedule(schedule),
        )
    with contextlib.redirect_stdout(io.StringIO()):  # a hundred runs say it a hundred times
        repro = shrink(hunted, failure_under(hunted, conditions), runs_max=runs)
    repro.save(output)
    show(Shrinking(repro, str(output)), as_json=as_json)
    return DIFFERENT
