"""``replay-ws git-setup``."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import click

from replay_ws.cli import options
from replay_ws.cli.console import SAME, show
from replay_ws.cli.invocation import invocation
from replay_ws.errors import ConfigError
from replay_ws.report.summaries import Done

ATTRIBUTES = "*.rws binary diff=replay_ws merge=binary"
"""For git a cassette is binary: no newline conversion, no line merge; but it has a diff."""


@click.command("git-setup")
@options.as_json
def command(as_json: bool) -> int:
    """Make `git diff` show cassettes as readable lines.

    Adds a line to .gitattributes, which is committed, and two settings to the configuration of
    this clone, which git does not share: every clone needs this command once. Saying it again
    changes nothing.
    """
    root = Path(_git("rev-parse", "--show-toplevel"))
    changed = _add_attributes(root / ".gitattributes")
    for name, value in _settings().items():
        if _git("config", "--local", "--default", "", "--get", name) != value:
            _git("config", "--local", name, value)
            changed.append(f"git config {name}")
    what = f"changed: {', '.join(changed)}" if changed else "git is set up already"
    facts = {"repository": str(root), "changed": changed}
    show(Done(what, facts, next="git diff -- '*.rws'"), as_json=as_json)
    return SAME


def _settings() -> dict[str, str]:
    """What git calls, from any folder."""
    return {
        "diff.replay_ws.textconv": shlex.join([*invocation(), "cat", "--textconv"]),
        "diff.replay_ws.cachetextconv": "true",
    }


def _add_attributes(path: Path) -> list[str]:
    """Add our line unless it is there; returns what was changed."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if ATTRIBUTES in text.splitlines():
        return []
    if text and not text.endswith("\n"):
        text += "\n"
    path.write_text(f"{text}{ATTRIBUTES}\n", encoding="utf-8", newline="\n")
    return [".gitattributes"]


def _git(*arguments: str) -> str:
    """What git answers."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise ConfigError("git is not installed", where="git", mend="install git") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it failed without a word"]
        raise ConfigError(
            said[0].removeprefix("fatal: "),
            where=f"git {arguments[0]}",
            mend="run this inside the repository that holds the cassettes",
        )
    return done.stdout.strip()
