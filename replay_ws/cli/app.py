"""The front door: a table of commands, each loaded when it is called, and how a call ends.

Exit codes follow ``diff``: 0 same or ok, 1 different or found, 2 trouble. Results go to stdout,
everything else to stderr.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import click

from replay_ws.cli.console import (
    SAME,
    TROUBLE,
    ProgramFailed,
    complain,
    print_error,
    release_stdout,
    show,
)
from replay_ws.errors import ReplayWsError, did_you_mean

INTERRUPTED = 130  # what shells report for SIGINT
PIPE_CLOSED = 141  # and for SIGPIPE, which is how `| head` ends a program

# section -> command -> first line of its help; the module of a command is named like it.
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "The main job": {
        "demo": "Do the whole job once: record, replay under ten modes, diff, check.",
        "record": "Run PROGRAM on virtual time and keep its session as a cassette.",
        "replay": "Send a cassette's messages again, under a mode, a seed or a plan.",
        "plan": "Print what a session left to chance, as the plan of a replay.",
        "diff": "Say how RUN differs from GOLDEN, the first divergence first.",
        "accept": "Make RUN the golden.",
        "learn": "Learn from runs of one scenario which values are volatile.",
        "check": "Check what was delivered against the rules of a protocol.",
        "profile": "List, show, try and propose profiles: the rules of protocols.",
    },
    "Flaky failures": {
        "hunt": "Run TARGET under many seeds and modes, and group what fails.",
        "shrink": "Shrink a failure of TARGET to what it takes; keep it as a repro.",
        "repro": "Run what a repro says: does it still fail?",
        "history": "Say what hunts found over time, and what seems fixed.",
    },
    "Cassettes": {
        "cat": "Print a cassette, one line per event.",
        "info": "Sum up a cassette: what it is, what is in it, how it ended.",
        "verify": "Say whether every byte of a cassette is as it was written.",
        "recover": "Save what is whole of a damaged or unfinished cassette.",
    },
    "Exchange": {
        "import": "Make a cassette from a recording of another tool.",
        "export": "Print a cassette's events as JSON lines.",
        "migrate": "Replace hand-written WebSocket mocks in tests by ours, where safe.",
        "git-setup": "Make `git diff` show cassettes as readable lines.",
    },
}
HELP_OF = {name: line for commands in SECTIONS.values() for name, line in commands.items()}

EPILOG = """\b
Exit codes: 0 same or ok, 1 different or found, 2 trouble.
Every command has --json. A PROGRAM is named package.module:function or
path/to/file.py:function. NO_COLOR turns colour off."""


class LazyGroup(click.Group):
    """A group that imports a command's module only to run it or to show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(HELP_OF)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in HELP_OF:
            return None
        name = cmd_name.replace("-", "_")
        module = import_module(f"replay_ws.cli.commands.{name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in HELP_OF:
            ctx.fail(f"there is no command {args[0]!r}{did_you_mean(args[0], HELP_OF)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(list(commands.items()), col_max=12)


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    subcommand_metavar="COMMAND ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="replay-ws", message="replay-ws %(version)s")
def replay_ws() -> None:
    """Deterministic tests of agent event streams: record, replay, compare, reproduce."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    _have_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what the terminal cannot show is spelt out
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(list(sys.argv[1:] if arguments is None else arguments)))


def _have_streams() -> None:
    """Talk to nowhere if stderr is closed; without a stdout there is no place for a result."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # open as long as we are
    if sys.stdout is None:
        complain("stdout is closed\n  mend: leave it open, or say > /dev/null")
        sys.exit(TROUBLE)


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        return _invoke(arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
    except click.UsageError as error:
        _tell(_usage_error(error), as_json=as_json)
    except ProgramFailed as failure:
        if not as_json:
            show(failure.view, as_json=False)
        _tell(failure.error, as_json=as_json, **failure.view.to_dict())
    except ReplayWsError as error:
        _tell(error, as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        release_stdout()
        return PIPE_CLOSED
    except OSError as error:
        release_stdout()
        where, what = error.filename or "the host", error.strerror or str(error)
        mend = "check the path, its rights and the space that is left"
        _tell(ReplayWsError(what, where=where, mend=mend), as_json=as_json)
    except Exception:
        traceback.print_exc()
        what, mend = "this is a fault of replay_ws itself, not yours", "report the lines above"
        _tell(ReplayWsError(what, mend=mend), as_json=as_json)
    return TROUBLE


def _tell(error: ReplayWsError, *, as_json: bool, **result: Any) -> None:
    """Say an error in words on stderr, and with --json on stdout too."""
    if as_json:
        print_error(error.what, error.where, error.mend, **result)
    complain(str(error))


def _invoke(arguments: list[str]) -> int:
    """The exit code of a command that ended by itself; what it printed has left."""
    try:
        with replay_ws.make_context("replay-ws", arguments) as context:
            code = replay_ws.invoke(context)
    except click.exceptions.Exit as wish:
        code = wish.exit_code
    sys.stdout.flush()
    return code if isinstance(code, int) else SAME


def _usage_error(error: click.UsageError) -> ReplayWsError:
    path = error.ctx.command_path if error.ctx else "replay-ws"
    what = error.format_message().rstrip(".")
    return ReplayWsError(f"{what[:1].lower()}{what[1:]}", where=path, mend=f"{path} --help")
