"""``replay-ws import``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from replay_ws.api import save
from replay_ws.cassette.redaction import Redactor
from replay_ws.cli import options
from replay_ws.cli.console import SAME, show
from replay_ws.compliance import load_profile
from replay_ws.recorder.importers import FORMATS, import_file
from replay_ws.report.summaries import Recorded


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@options.output(required=True)
@click.option(
    "--format",
    type=click.Choice(sorted(FORMATS)),
    help="What FILE is; by default its suffix says so.",
)
@click.option("--profile", default="", help="Protocol that the recording speaks.")
@click.option(
    "--gap-ms",
    type=options.Milliseconds(),
    metavar="X",
    help="Virtual time between plain events, which have none of their own. [default: 0]",
)
@options.redact_keys
@options.keep_keys
@options.force
@options.as_json
def command(
    file: Path,
    output: Path,
    format: str | None,
    profile: str,
    gap_ms: float | None,
    redact_keys: Sequence[str],
    keep_keys: Sequence[str],
    force: bool,
    as_json: bool,
) -> int:
    """Make a cassette from a recording of another tool.

    FILE is a HAR file as browsers and Playwright save it, or JSON lines. The first line says which:

    \b
    {"type": ...}          plain events: all to the client, on one connection
                           "stream", --gap-ms apart
    {"t", "d", "op", "x"}  a wire tap: nanoseconds; < to the client, > from
                           it; t text or b binary; the frame
    {"connection", "direction", "op", "sent_ns", ...}
                           what `replay-ws export` prints

    Secrets are redacted on the way in.
    """
    options.refuse_to_replace(output, force=force)
    if profile:  # an empty one claims no protocol
        load_profile(profile)
    more = {} if gap_ms is None else {"gap_ms": gap_ms}
    redactor = Redactor(redact_keys, keep_keys)
    session = import_file(file, format=format, profile=profile, redactor=redactor, **more)
    save(session, output)
    show(Recorded(str(output), session, "imported"), as_json=as_json)
    return SAME
