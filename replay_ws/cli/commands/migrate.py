"""``replay-ws migrate``."""

from __future__ import annotations

from pathlib import Path

import click

from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, TROUBLE, show, working
from replay_ws.legacy.migration.files import migrate_file, sources
from replay_ws.legacy.migration.rewriting import cst_module
from replay_ws.report.migration import Migration


@click.command("migrate")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option("--write", is_flag=True, help="Change the files; without it nothing is written.")
@click.option(
    "--report",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to say what was done; json is what --json says.",
)
@options.as_json
def command(paths: tuple[Path, ...], write: bool, report: str, as_json: bool) -> int:
    """Replace hand-written WebSocket mocks in tests by ours, where safe.

    A mock class is replaced only if ours answers all calls as it does: both are tried, side by
    side, and nothing else of your files runs. The rest stays, to the byte, with the reason.
    Without --write the changes are shown as a diff and the exit code is 1 if there are any.
    """
    cst_module()
    files = sources(paths)
    results = []
    with working("files", len(files)) as step:
        for file in files:
            results.append(migrate_file(file, write=write))
            step()
    told = tuple(result for result in results if result.findings or result.trouble)
    view = Migration(tuple(map(str, paths)), told, len(files), written=write)
    show(view, as_json=as_json or report == "json")
    if view.troubled:
        return TROUBLE
    return DIFFERENT if view.changed and not write else SAME
