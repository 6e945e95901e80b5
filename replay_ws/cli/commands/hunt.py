"""``replay-ws hunt``."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay_ws.api import hunt, shrink
from replay_ws.cassette.redaction import Redactor
from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, hunting, say, show
from replay_ws.cli.files import save_text
from replay_ws.cli.targets import named
from replay_ws.errors import ConfigError, DeterminismError, ProgramError
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.hunter.view import LETTERS, Hunted, Shrinking, found_by
from replay_ws.report.annotations import add_step_summary, annotation, junit_of

if TYPE_CHECKING:
    from replay_ws.hunter.failure import Signature
    from replay_ws.hunter.hunt import Hunt
    from replay_ws.hunter.targets import Target
    from replay_ws.running import Escapes, Threads


_OF_A_PROGRAM = (
    *("preset", "plan", "settings", "threads", "escapes", "profile"),
    *("redact_keys", "keep_keys"),
)
"""Options under which a program is run; those of a test are its own."""


def _stop(_: click.Context, __: click.Parameter, value: str | None) -> str | int | None:
    return int(value) if value is not None and value.isdecimal() else value


@click.command("hunt")
@click.argument("target")
@click.option(
    "--seeds", default="0..1000", show_default=True, metavar="A..B", help="Seeds, without B."
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    metavar="MODE",
    help="Hunt in this mode too; may be repeated, a+b is two at once, all is each there is.",
)
@options.preset
@options.plan
@options.settings
@click.option(
    "--schedule",
    default="portfolio",
    show_default=True,
    metavar="POLICY",
    help="Which ready task goes next: fifo, legal, pos, urw, pct, random or portfolio.",
)
@options.threads
@options.escapes
@click.option("--profile", default="agent5", show_default=True, help="Protocol that it speaks.")
@options.redact_keys
@options.keep_keys
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Workers; one per CPU.")
@click.option(
    "--engine",
    default="process",
    show_default=True,
    metavar="E",
    help="Where: here, process, loky, dask, dask:tcp://HOST:PORT, mpi, ray.",
)
@click.option(
    "--stop",
    callback=_stop,
    metavar="RULE",
    help="End early: first (failure), N (failures of one kind), saturation.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="End after S seconds.",
)
@click.option(
    "--shrink",
    "shrinks",
    is_flag=True,
    help="Shrink the first failure of each group to what it takes, and say why it fails.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keep what was shrunk as a repro; of further groups as FILE-B, FILE-C, ...",
)
@options.force
@click.option(
    "--history",
    "history_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep what is found in this SQLite file, which `history` reads.",
)
@options.junit
@options.github
@options.as_json
def command(
    target: str,
    seeds: str,
    modes: Sequence[str],
    preset: str | None,
    plan: Path | None,
    settings: Sequence[str],
    schedule: str,
    threads: Threads,
    escapes: Escapes,
    profile: str,
    redact_keys: Sequence[str],
    keep_keys: Sequence[str],
    jobs: int | None,
    engine: str,
    stop: str | int | None,
    budget: float | None,
    shrinks: bool,
    output: Path | None,
    force: bool,
    history_file: Path | None,
    junit: Path | None,
    github: bool,
    as_json: bool,
) -> int:
    """Run TARGET under many seeds and modes, and group what fails.

    TARGET is package.module:function, path/to/file.py:function, or a pytest node id. What it prints
    is not shown. The result is the same for any engine and number of workers. The exit code is 1
    when something failed. Ctrl-C shows what was found until then; if that is nothing, the code is
    130.
    """
    if output is not None:
        options.refuse_to_replace(output, force=force)
    hunted = named(target)
    if not isinstance(hunted, str) and (words := options.said(*_OF_A_PROGRAM)):
        raise ConfigError(
            f"{words[0]} is for programs, and a test has its own",
            where=target,
            mend="say it in the marker of the test, or in [tool.replay_ws] of pyproject.toml",
        )
    with hunting() as progress:
        found = hunt(
            hunted,
            seeds=seeds,
            modes="all" if "all" in modes else modes,
            plan=plan,
            config=MockConfiguration(**options.behaviour_of((), preset, settings)),
            schedule=schedule,
            threads=threads,
            escapes=escapes,
            profile=profile,
            redactor=Redactor(redact_keys, keep_keys),
            stop=stop,  # type: ignore[arg-type]  # checked there
            budget=budget,
            executor=engine,
            jobs=jobs,
            quiet=True,
            progress=progress,
        )
    repros = _shrunk(hunted, found, output) if shrinks or output is not None else {}
    held = None
    if history_file is not None:
        found, held = _kept(history_file, found)
    view = Hunted(found, repros, options.said(*_OF_A_PROGRAM))
    if junit is not None:
        save_text(junit, junit_of("hunt", view.cases()))
    show(view, as_json=as_json)
    if github:
        for case in view.cases():
            if case.kind and not held:
                (say if as_json else print)(annotation(case.name, case.message))
        add_step_summary(view, "hunt")
    if found.ended == "interrupted" and not found.groups:
        raise KeyboardInterrupt
    return DIFFERENT if found.groups and not held else SAME


def _kept(path: Path, found: Hunt) -> tuple[Hunt, bool]:
    """Put a hunt into a history; it says so if its target is in quarantine, and whether it is."""
    from replay_ws.hunter.history import History  # for who keeps one
    from replay_ws.hunter.trends import quarantine_text

    now = datetime.now(UTC)
    history = History(path)
    history.add(found, now)
    quarantine = history.quarantine_of(found.target)
    if quarantine is None or not found.groups:
        return found, False
    told = quarantine_text(quarantine, now.date())
    return replace(found, notes=(*found.notes, told)), not quarantine.is_over(now.date())


def _shrunk(hunted: Target | str, found: Hunt, output: Path | None) -> dict[Signature, Shrinking]:
    """What is left of each group's first failure; one that cannot be shrunk is told on stderr."""
    repros: dict[Signature, Shrinking] = {}
    for letter, group in zip(LETTERS, found.groups, strict=False):
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                repro = shrink(hunted, group.first)
            except (DeterminismError, ProgramError) as error:
                say(f"{letter} cannot be shrunk: {error}")
                continue
        repro = replace(repro, facts={**repro.facts, "hunt": found_by(found, group)})
        path = ""
        if output is not None:
            named_so = output.with_stem(f"{output.stem}-{letter}") if repros else output
            repro.save(named_so)
            path = str(named_so)
        repros[group.signature] = Shrinking(repro, path)
    return repros
