"""``replay-ws profile``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from replay_ws import compliance
from replay_ws.api import check
from replay_ws.cli import options
from replay_ws.cli.cassettes import session_at
from replay_ws.cli.console import DIFFERENT, SAME, show, to_json
from replay_ws.cli.files import save_text
from replay_ws.compliance import load_profile, profile_names
from replay_ws.errors import unknown
from replay_ws.report.compliance import Compliance
from replay_ws.report.profiles import Inference, Profiles, Trial, summary
from replay_ws.report.terminal import draw

_recordings = click.argument(
    "cassettes",
    type=click.Path(path_type=Path),
    nargs=-1,
    required=True,
    metavar="CASSETTE...",
)


@click.group("profile")
def command() -> None:
    """List, show, try and propose profiles: the rules of protocols."""


@command.command("list")
@options.as_json
def list_command(as_json: bool) -> int:
    """List the built-in profiles."""
    show(Profiles([load_profile(name) for name in profile_names()]), as_json=as_json)
    return SAME


@command.command("show")
@click.argument("name")
@options.as_json
def show_command(name: str, as_json: bool) -> int:
    """Print a built-in profile as the file it is, to start one's own from."""
    from importlib.resources import files

    if name not in profile_names():
        raise unknown("profile", name, profile_names())
    text = files(compliance).joinpath("profiles", f"{name}.toml").read_text("utf-8")
    if as_json:
        print(to_json({**summary(load_profile(name)), "toml": text}, indent=2))
    else:
        print(text, end="")
    return SAME


@command.command("test")
@click.argument("profile")
@_recordings
@options.as_json
def test_command(profile: str, cassettes: tuple[Path, ...], as_json: bool) -> int:
    """Judge cassettes by a profile: a file, or the name of a built-in one.

    What is no cassette is read as `replay-ws import` would: a HAR file, or JSON lines. A mistake in
    the profile is told with its line and key, and the exit code is 2; it is 1 if a cassette has an
    error.
    """
    rules = load_profile(profile)
    results = [Compliance(str(one), check(session_at(one), profile=rules)) for one in cassettes]
    trial = Trial(profile, rules, results)
    show(trial, as_json=as_json)
    return SAME if trial.ok else DIFFERENT


@command.command("infer")
@_recordings
@click.option("--name", default="inferred", show_default=True, help="What the profile is called.")
@options.output(required=False)
@options.force
@options.as_json
def infer_command(
    cassettes: tuple[Path, ...], name: str, output: Path | None, force: bool, as_json: bool
) -> int:
    """Propose a profile from goldens: what all of them have in common.

    Each golden keeps it. The more goldens, the less of it is chance.
    """
    from replay_ws.compliance.infer import infer

    if output is not None:
        options.refuse_to_replace(output, force=force)
    sessions = [session_at(one) for one in cassettes]
    proposal = infer([session.delivered() for session in sessions], name=name)
    profile, text = proposal.profile, proposal.toml()
    judged = zip(cassettes, sessions, strict=True)
    goldens = [Compliance(str(one), check(session, profile=profile)) for one, session in judged]
    view = Inference(goldens, proposal, str(output or ""))
    if output is not None:
        save_text(output, text)
    if output is not None or as_json:
        show(view, as_json=as_json)
    else:
        print(text, end="")
        draw(view.blocks(), sys.stderr)
    return SAME
