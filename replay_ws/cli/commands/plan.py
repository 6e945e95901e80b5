"""``replay-ws plan``."""

from __future__ import annotations

from pathlib import Path

import click

from replay_ws.api import load
from replay_ws.cli import options
from replay_ws.cli.console import SAME, show, to_json
from replay_ws.cli.files import save_text
from replay_ws.report.blocks import command as call
from replay_ws.report.blocks import plural
from replay_ws.report.plans import plan_dict, plan_text
from replay_ws.report.summaries import Done


@click.command("plan")
@options.cassette()
@options.output(required=False)
@options.force
@options.as_json
def command(cassette: Path, output: Path | None, force: bool, as_json: bool) -> int:
    """Print what a session left to chance, as the plan of a replay.

    One [[decision]] for each message that was struck, and for each choice of the schedule. A replay
    of the cassette with --plan takes these decisions and no others: with all of them the session
    comes back bit for bit, without one it differs in that one and in what follows from it.
    """
    if output is not None:
        options.refuse_to_replace(output, force=force)
    session = load(cassette)
    if output is None:
        print(to_json(plan_dict(session), indent=2) if as_json else plan_text(session))
        return SAME
    save_text(output, plan_text(session))
    many = plural(len(session.plan), "decision")
    facts = {"cassette": str(cassette), "output": str(output), "decisions": len(session.plan)}
    following = call("replay", str(cassette), "--plan", str(output))
    show(Done(f"wrote {many} of {cassette} to {output}", facts, following), as_json=as_json)
    return SAME
