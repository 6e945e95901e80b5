"""``replay-ws accept``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from replay_ws.api import compare, load, save
from replay_ws.cli import options
from replay_ws.cli.console import SAME, show
from replay_ws.diff.model import Category, Diff
from replay_ws.errors import ConfigError, unknown
from replay_ws.report.acceptance import Acceptance
from replay_ws.report.blocks import command as line
from replay_ws.report.kept import Kept, is_ci, read_kept


@click.command("accept")
@options.cassette("run")
@click.argument("golden", type=click.Path(path_type=Path), required=False)
@options.categories("--only", help="What may differ, e.g. changed,moved; else nothing is written.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the line that commits it.")
@options.as_json
def command(
    run: Path, golden: Path | None, only: tuple[str, ...], reason: str, as_json: bool
) -> int:
    """Make RUN the golden.

    GOLDEN is the one that a failed test was compared with, where RUN is the session that the test
    left. A damaged run is none, and CI accepts nothing.
    """
    _refuse_in_ci()
    for name in only:
        if name not in set(Category):
            raise unknown("category", name, [category.value for category in Category])
    kept = read_kept(run) or Kept()
    target = golden or kept.golden
    if target is None:
        what = "no test left this run because of its golden, so its golden is not known"
        raise ConfigError(what, where=str(run), mend=line("accept", str(run), "GOLDEN"))
    theirs = load(run)
    diff = compare(load(target), theirs, **kept.how)
    _refuse_others(diff, only, run, target)
    if not diff.same:
        save(theirs, target)
    show(Acceptance(str(target), str(run), diff, reason), as_json=as_json)
    return SAME


def _refuse_in_ci() -> None:
    if is_ci():
        what = "CI is set, and a golden is what somebody read"
        raise ConfigError(what, where="accept", mend="accept it where somebody reads it")


def _refuse_others(diff: Diff, only: Iterable[str], run: Path, golden: Path) -> None:
    """Raise ConfigError where something differs in a way that was not asked for."""
    wanted = set(only)
    others = {name: count for name, count in diff.counts.items() if count and name not in wanted}
    if wanted and others:
        counted = ", ".join(f"{count:,} {name}" for name, count in others.items())
        mend = f"read them: {line('diff', str(golden), str(run))}"
        raise ConfigError(f"more than that differs: {counted}", where=str(run), mend=mend)
