"""``replay-ws learn``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from replay_ws.api import compare, load
from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, show
from replay_ws.cli.files import save_text
from replay_ws.diff.learning import learn
from replay_ws.report.learning import Learning
from replay_ws.report.terminal import draw


@click.command("learn")
@click.argument(
    "runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN1 RUN2 [RUN3 ...]"
)
@options.output(required=False)
@options.force
@options.as_json
def command(runs: tuple[Path, ...], output: Path | None, force: bool, as_json: bool) -> int:
    """Learn from runs of one scenario which values are volatile.

    Prints the rules as the [volatile] table of a profile, with a comment on how sure each is. What
    differs rarely may be a real difference: it is told, no rule is made of it, and the exit code
    is 1.
    """
    if output is not None:
        options.refuse_to_replace(output, force=force)
    sessions = [load(run) for run in runs]
    lesson = learn(sessions)
    diffs = [compare(sessions[0], run, volatile=lesson.table) for run in sessions[1:]]
    view = Learning([str(run) for run in runs], lesson, diffs, str(output or ""))
    if output is not None:
        save_text(output, lesson.toml())
    if output is not None or as_json:
        show(view, as_json=as_json)
    else:
        print(lesson.toml(), end="")
        draw(view.blocks(), sys.stderr)
    return DIFFERENT if lesson.doubts else SAME
