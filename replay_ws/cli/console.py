"""What every command shares with the screen: exit codes, results, talk, complaints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from replay_ws.errors import ReplayWsError
from replay_ws.report.blocks import Tone, View
from replay_ws.report.terminal import draw, paint, progress, steady_progress, wants_colour

if TYPE_CHECKING:
    from replay_ws.hunter.hunt import Progress

SAME, DIFFERENT, TROUBLE = 0, 1, 2
"""Exit codes, as diff has them."""


def show(view: View, *, as_json: bool) -> None:
    """Print a result on stdout, for a reader or as one JSON document."""
    if as_json:
        print(to_json(view.to_dict(), indent=2))
    else:
        draw(view.blocks(), sys.stdout)


def to_json(value: Any, *, indent: int | None = None) -> str:
    """``value`` as JSON in ASCII, which every pipe can carry."""
    return json.dumps(value, indent=indent)


def say(text: str) -> None:
    """Talk to the user on stderr; stdout stays free for results."""
    print(text, file=sys.stderr, flush=True)


def complain(text: str) -> None:
    """Say what went wrong."""
    say(paint("error:", Tone.BAD, colour=wants_colour(sys.stderr)) + f" {text}")


class ProgramFailed(Exception):
    """A program failed with ``error`` and left ``view``; both are to be told, as one document."""

    def __init__(self, error: ReplayWsError, view: View) -> None:
        super().__init__(error, view)
        self.error = error
        self.view = view


def print_error(what: str, where: str, mend: str, **result: Any) -> None:
    """An error as one JSON document on stdout, beside what there is of a ``result``."""
    try:
        print(to_json({**result, "error": {"what": what, "where": where, "mend": mend}}, indent=2))
        sys.stdout.flush()
    except OSError:  # stderr says it too
        release_stdout()


def working(label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
    """A progress bar on stderr, where that is a terminal; gives what to call after each step."""
    return progress(label, total, sys.stderr)


@contextmanager
def hunting() -> Iterator[Callable[[Progress], None]]:
    """How far a hunt is, on stderr; gives what the hunt tells it to."""
    with steady_progress(sys.stderr) as tell:
        yield lambda at: tell(at.runs, at.trials, _progress_text(at))


def _progress_text(at: Progress) -> str:
    speed = at.runs / at.seconds if at.seconds else 0.0
    return (
        f"{at.runs:,} of {at.trials:,} runs, {speed:,.0f}/s, {at.behaviours:,} behaviours, "
        f"{at.failed:,} failed in {at.groups} groups"
    )


def release_stdout() -> None:
    """Drop what stdout cannot take any more, so that nothing fails again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
