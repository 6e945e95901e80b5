"""``replay-ws history``."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click

from replay_ws.cli import options
from replay_ws.cli.console import SAME, say, show
from replay_ws.errors import ConfigError
from replay_ws.hunter.history import History, since_text
from replay_ws.hunter.trends import Trends


@click.command("history")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("target", required=False)
@click.option("--since", metavar="WHEN", help="Only what was hunted since: 7d, 12h, 2026-11-23.")
@click.option(
    "--quarantine", metavar="DAY", help="Let TARGET fail until the end of DAY (2026-12-24)."
)
@click.option("--reason", default="", metavar="TEXT", help="Why, for who reads it.")
@click.option("--release", is_flag=True, help="End the quarantine of TARGET.")
@options.as_json
def command(
    file: Path,
    target: str | None,
    since: str | None,
    quarantine: str | None,
    reason: str,
    release: bool,
    as_json: bool,
) -> int:
    """Say what hunts found over time, and what seems fixed.

    FILE is what `hunt --history FILE` and `pytest --ws-history FILE` write; without TARGET, all of
    it is told. A target in quarantine is run as ever, and its failures fail no hunt and no test
    until the day is over.
    """
    if (quarantine or release) and target is None:
        raise ConfigError("a quarantine is of one target", mend="name it behind the file")
    if quarantine and release:
        raise ConfigError("--quarantine and --release", mend="leave one of them out")
    if not file.exists():
        raise ConfigError(
            "there is no history here", where=str(file), mend="replay-ws hunt ... --history FILE"
        )
    now = datetime.now(UTC)
    history = History(file)
    if target is not None and quarantine:
        history.quarantine(target, _day(quarantine), reason)
    if target is not None and release and not history.release(target):
        say(f"{target} was in no quarantine")
    records = history.records(target, since_text(since, now) if since else None)
    held = [each for each in history.quarantines() if target in (None, each.target)]
    show(Trends(str(file), records, held, now.date()), as_json=as_json)
    return SAME


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r:.40} is no day", mend="write it as 2026-12-24") from None
