"""``replay-ws diff``."""

from __future__ import annotations

from pathlib import Path

import click

from replay_ws.api import compare, load
from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, say, show
from replay_ws.cli.files import read_volatile, save_text
from replay_ws.clock import ms
from replay_ws.compliance import load_profile
from replay_ws.diff import ORDERS
from replay_ws.diff.model import ALLOWED
from replay_ws.errors import ConfigError
from replay_ws.report.annotations import add_step_summary, github_error, junit_text
from replay_ws.report.differences import LINES_MAX, Difference
from replay_ws.report.kept import read_kept
from replay_ws.report.tree import Tree


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
    type=options.Milliseconds(),
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
@options.categories("--allow", help="What may differ, e.g. timing,moved: told, and no difference.")
@click.option("--tree", is_flag=True, help="Count events by connection, direction, type and tool.")
@click.option(
    "--limit",
    type=click.IntRange(min=10),
    default=LINES_MAX,
    show_default=True,
    metavar="N",
    help="Show at most N lines; --json always has every difference.",
)
@options.junit
@options.github
@options.as_json
def command(
    golden: Path,
    run: Path,
    order: str,
    tolerance_ms: float,
    volatile: Path | None,
    profile: str | None,
    allow: tuple[str, ...],
    tree: bool,
    limit: int,
    junit: Path | None,
    github: bool,
    as_json: bool,
) -> int:
    """Say how RUN differs from GOLDEN, the first divergence first.

    Compared is what was delivered: which events, in which order, with which payload, when; and of
    what was not delivered, why. Pings may differ, and what --allow names; only other differences
    make the exit code 1.
    """
    if junit is not None and junit.resolve() in (golden.resolve(), run.resolve()):
        raise ConfigError("this is a cassette", where=str(junit), mend="name another file")
    rules = load_profile(profile) if profile is not None else None
    ours, theirs = load(golden), load(run)
    diff = compare(
        ours,
        theirs,
        order=order,
        tolerance_ns=ms(tolerance_ms),
        volatile=read_volatile(volatile) if volatile is not None else None,
        profile=rules,
        allow=[*ALLOWED, *allow],
    )
    kept = read_kept(run)
    rerun = kept.rerun if kept else ""
    difference = Difference(str(golden), str(run), ours, theirs, diff, rules, rerun, limit)
    if junit is not None:
        save_text(junit, junit_text(difference))
    show(Tree(difference) if tree else difference, as_json=as_json)
    if github:
        _tell_github(difference, as_json=as_json)
    return SAME if diff.same else DIFFERENT


def _tell_github(difference: Difference, *, as_json: bool) -> None:
    """Annotate, and add to the summary of the step where there is one."""
    if not difference.diff.same:
        # GitHub reads both streams; with --json stdout holds one document and nothing else.
        (say if as_json else print)(github_error(difference))
    add_step_summary(difference)
