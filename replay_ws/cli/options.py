"""Options that several commands share, so that each is spelt and explained once."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from replay_ws.errors import ConfigError

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")

seed = click.option("--seed", type=int, metavar="N", help="Seed of every draw.")

modes = click.option(
    "--mode",
    "modes",
    multiple=True,
    metavar="MODE",
    help="Behaviour mode, e.g. packet_loss or slow_network; several together if repeated.",
)

preset = click.option(
    "--preset", metavar="NAME", help="A network as people know it, e.g. 3g, wifi or satellite."
)

plan = click.option(
    "--plan",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A fault plan in TOML: modes, faults on a timeline, exact decisions.",
)

settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A field of the configuration, e.g. packet_loss_rate=0.2; may be repeated.",
)

schedule = click.option(
    "--schedule",
    default="fifo",
    show_default=True,
    metavar="POLICY",
    help="Which ready task goes next: fifo, legal, pos, urw, pct, random or portfolio.",
)

threads = click.option(
    "--threads",
    type=click.Choice(["refuse", "managed", "free"]),
    default="refuse",
    show_default=True,
    help="Threads that the program starts: an error, part of the schedule, or real.",
)

escapes = click.option(
    "--escapes",
    type=click.Choice(["error", "warn"]),
    default="error",
    show_default=True,
    help="What to do about a call that leaves the run, e.g. to a real socket.",
)

force = click.option("--force", is_flag=True, help="Replace the output if it exists.")

redact_keys = click.option(
    "--redact-key",
    "redact_keys",
    multiple=True,
    metavar="K",
    help="A key whose value is a secret, besides the usual ones; may be repeated.",
)

keep_keys = click.option(
    "--keep-key",
    "keep_keys",
    multiple=True,
    metavar="K",
    help="A key whose value is no secret, e.g. token where text streams; may be repeated.",
)

limit = click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help="Show at most N lines and count the rest.",
)

junit = click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the result as JUnit XML too.",
)

github = click.option(
    "--github",
    is_flag=True,
    help="Annotate in a GitHub workflow, and add to the summary of its step.",
)


Function = TypeVar("Function", bound=Callable[..., Any])


def output(*, required: bool) -> Callable[[Function], Function]:
    """``-o FILE``."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        required=required,
        metavar="FILE",
        help="Where the result goes.",
    )


def categories(name: str, *, help: str) -> Callable[[Function], Function]:
    """Categories of differences, several with commas between them or in options of their own."""
    return click.option(name, multiple=True, metavar="C[,C..]", callback=_split, help=help)


def _split(_ctx: click.Context, _option: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for text in given for name in text.split(","))
    if not all(names):
        # An unset variable of a shell, and "only nothing" must not become "anything".
        raise click.BadParameter("a category has a name")
    return names


class Milliseconds(click.FloatRange):
    """From 0 up, and a number: NaN is in every range, and infinity is no time."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no number of milliseconds", param, ctx)
        return number


def cassette(name: str = "cassette") -> Callable[[Function], Function]:
    """An argument that names a cassette."""
    return click.argument(name, type=click.Path(path_type=Path), metavar=name.upper())


def behaviour_of(
    modes: Sequence[str], preset: str | None, settings: Iterable[str]
) -> dict[str, Any]:
    """Fields of a configuration, as ``--mode``, ``--preset`` and ``--set`` give them."""
    asked = {"mode": tuple(modes), "preset": preset}
    return {name: value for name, value in asked.items() if value} | fields_of(settings)


def fields_of(settings: Iterable[str]) -> dict[str, Any]:
    """``field=value`` pairs as a configuration takes them; a value is JSON, else plain text."""
    fields = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(
                f"{setting!r} has no value",
                where="--set",
                mend="write --set FIELD=VALUE, e.g. --set packet_loss_rate=0.2",
            )
        try:
            fields[name.strip()] = json.loads(text)
        except ValueError:
            fields[name.strip()] = text
    return fields


def refuse_to_replace(path: Path, *, force: bool) -> None:
    """A file that exists is replaced only on demand: it may be a golden.

    What is there and no file is left to the writer, which refuses it in any case.
    """
    if path.is_file() and not force:
        raise ConfigError(
            "this file exists, and it may be a golden",
            where=str(path),
            mend="name another file, or say --force to replace it",
        )


def given(
    modes: Sequence[str] = (),
    seed: int | None = None,
    settings: Iterable[str] = (),
    *,
    preset: str | None = None,
    plan: Path | None = None,
) -> tuple[str, ...]:
    """The options as they stand on a command line, to be said again."""
    options = [
        *(("--mode", mode) for mode in modes),
        *([("--preset", preset)] if preset is not None else []),
        *([("--plan", str(plan))] if plan is not None else []),
        *([("--seed", str(seed))] if seed is not None else []),
        *(("--set", setting) for setting in settings),
    ]
    return tuple(word for option in options for word in option)


def said(*names: str) -> tuple[str, ...]:
    """Of these options of the command that is run, those that were given, to be said again."""
    context = click.get_current_context()
    words: list[str] = []
    for option in context.command.params:
        name = option.name or ""
        if name in names and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            for each in value if isinstance(value, tuple) else (value,):
                words += [option.opts[-1], str(each)]
    return tuple(words)
