"""``replay-ws repro``."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, TROUBLE, show
from replay_ws.cli.targets import target_named
from replay_ws.errors import ConfigError
from replay_ws.hunter.repro import Repro, State, Verdict, load_repro
from replay_ws.hunter.view import Repeated

_CODES = {
    State.FAILS: DIFFERENT,
    State.OTHER: DIFFERENT,
    State.FIXED: SAME,
    State.STALE: TROUBLE,
}
"""One that is stale has shown nothing, neither that it is fixed nor that it is not."""


@click.command("repro")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("target", required=False)
@options.as_json
def command(file: Path, target: str | None, as_json: bool) -> int:
    """Run what a repro says: does it still fail?

    FILE is a repro, or a folder of them; TARGET is a program or a test in the place of the one that
    the repro names. The exit code is 1 while one fails, 0 when all are fixed, and 2 when one is
    stale: it passes, but some of what made it fail finds nothing to strike any more.
    """
    results = [(str(path), repro, _run(repro, target)) for path, repro in _repros(file)]
    show(Repeated(results), as_json=as_json)
    codes = {_CODES[verdict.state] for _, _, verdict in results}
    return next(code for code in (DIFFERENT, TROUBLE, SAME) if code in codes)


def _repros(file: Path) -> list[tuple[Path, Repro]]:
    paths = sorted(file.glob("**/*.rws")) if file.is_dir() else [file]
    if not paths:
        raise ConfigError(
            "there is no repro in this folder", where=str(file), mend="replay-ws shrink makes one"
        )
    return [(path, load_repro(path)) for path in paths]


def _run(repro: Repro, target: str | None) -> Verdict:
    with contextlib.redirect_stdout(sys.stderr):
        return repro.run(target_named(target or repro.target))
