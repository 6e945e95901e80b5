"""``replay-ws diff``."""

from __future__ import annotations

from pathlib import Path

import click

from replay_ws.api import compare, load
from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, show
from replay_ws.cli.files import read_volatile
from replay_ws.clock import ms
from replay_ws.diff import ORDERS
from replay_ws.report.differences import Difference


@click.command("diff")
@options.cassette("golden")
@options.cassette("run")
@click.option(
    "--order",
    type=click.Choice(list(ORDERS)),
    default="causal",
    show_default=True,
    help="Which events must keep their order: all, those of one connection, those of one "
    "connection and direction, none.",
)
@click.option(
    "--tolerance-ms",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    metavar="X",
    help="What comes up to X ms late or early is on time.",
)
@click.option(
    "--volatile",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A TOML file whose [volatile] table says which values differ from run to run, "
    "e.g. what `learn` wrote.",
)
@click.option(
    "--profile",
    metavar="NAME",
    help="A protocol: its causes, its volatile values and its checks are known.",
)
@options.as_json
def command(
    golden: Path,
    run: Path,
    order: str,
    tolerance_ms: float,
    volatile: Path | None,
    profile: str | None,
    as_json: bool,
) -> int:
    """Say how RUN differs from GOLDEN, the first divergence first.

    Compared is what was delivered: which events, in which order, with which payload, when; and of
    what was not delivered, why.
    """
    ours, theirs = load(golden), load(run)
    diff = compare(
        ours,
        theirs,
        order=order,
        tolerance_ns=ms(tolerance_ms),
        volatile=read_volatile(volatile) if volatile is not None else None,
        profile=profile,
    )
    show(Difference(str(golden), str(run), ours, theirs, diff), as_json=as_json)
    return SAME if diff.same else DIFFERENT
