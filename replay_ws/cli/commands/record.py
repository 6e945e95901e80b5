"""``replay-ws record``."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from replay_ws.api import run
from replay_ws.cassette.redaction import Redactor
from replay_ws.cli import options
from replay_ws.cli.console import DIFFERENT, SAME, ProgramFailed, show
from replay_ws.compliance import load_profile
from replay_ws.errors import DeterminismError, ProgramError, ReplayWsError
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.programs import Program, find_program
from replay_ws.report.determinism import Parted
from replay_ws.report.summaries import Recorded, failure_text
from replay_ws.session import RunResult

if TYPE_CHECKING:
    from replay_ws.running import Escapes, Threads


@click.command("record")
@click.argument("program")
@options.output(required=True)
@options.modes
@options.preset
@options.plan
@options.seed
@options.settings
@options.schedule
@options.threads
@options.escapes
@click.option("--profile", default="agent5", show_default=True, help="Protocol that it speaks.")
@options.redact_keys
@options.keep_keys
@options.force
@click.option(
    "--verify",
    is_flag=True,
    help="Run it five times, two in another process, and record only if all do the same.",
)
@click.option("--traceback", "with_traceback", is_flag=True, help="Show where the program failed.")
@options.as_json
def command(
    program: str,
    output: Path,
    modes: Sequence[str],
    preset: str | None,
    plan: Path | None,
    seed: int | None,
    settings: Sequence[str],
    schedule: str,
    threads: Threads,
    escapes: Escapes,
    profile: str,
    redact_keys: Sequence[str],
    keep_keys: Sequence[str],
    force: bool,
    verify: bool,
    with_traceback: bool,
    as_json: bool,
) -> int:
    """Run PROGRAM on virtual time and keep its session as a cassette.

    PROGRAM is package.module:function or path/to/file.py:function; the function takes no arguments
    and returns an awaitable. Mocks that it makes follow --mode, --preset, --set and --seed, and for
    the rest --plan, unless they were given their own. What it prints goes to stderr.

    If the program fails, the cassette holds everything up to the error, and the exit code is 2. A
    file that exists is refused; with --force it is replaced, but only by a program that ended well:
    the session of one that failed goes to FILE.failed beside it, or FILE.failed.2 and so on.

    With --verify the runs are compared step by step, under other addresses and another hash seed.
    Where they differ, the first event that does is told, and the exit code is 1.
    """
    if profile:  # an empty one claims no protocol
        load_profile(profile)
    options.refuse_to_replace(output, force=force)
    main = find_program(program)
    conditions = {
        "seed": seed,
        "plan": plan,
        "schedule": schedule,
        "config": MockConfiguration(**options.behaviour_of(modes, preset, settings)),
        "profile": profile,
        "redactor": Redactor(redact_keys, keep_keys),
        "threads": threads,
        "escapes": escapes,
        "verify": verify,
    }
    try:
        result = _run(main, output, conditions)
    except DeterminismError as error:
        show(Parted(program, error), as_json=as_json)
        return DIFFERENT
    except BaseException as error:
        _tell_failure(error, program, with_traceback=with_traceback, as_json=as_json)
    show(Recorded(str(output), result.session, verified=result.verified), as_json=as_json)
    return SAME


def _run(program: Program, output: Path, conditions: dict[str, Any]) -> RunResult[Any]:
    with contextlib.redirect_stdout(sys.stderr):
        return run(program, record=output, **conditions)


def _tell_failure(
    error: BaseException, program: str, *, with_traceback: bool, as_json: bool
) -> NoReturn:
    """Raise what the user should read about a program that failed."""
    session, recorded = getattr(error, "session", None), getattr(error, "recorded", None)
    if session is None or recorded is None:  # it never ran
        raise error
    if with_traceback:
        traceback.print_exception(error)
    view = Recorded(str(recorded), session, verified=getattr(error, "verified", None))
    if isinstance(error, KeyboardInterrupt):
        show(view, as_json=as_json)
        raise error
    if isinstance(error, ReplayWsError):
        raise ProgramFailed(error, view) from error
    failure = ProgramError(
        f"the program raised {failure_text(session.end)}",
        where=program,
        mend="correct the program" if with_traceback else "correct it; --traceback shows where",
    )
    raise ProgramFailed(failure, view) from error
