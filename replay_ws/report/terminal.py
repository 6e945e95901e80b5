"""Drawing blocks on a terminal, into a pipe or a file.

Lines are written as they are, so that a report without a table costs nothing; rich is loaded for
tables and progress bars alone.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TextIO, assert_never

from replay_ws.report.blocks import Block, Line, Table, Tone
from replay_ws.text import cut

DEFAULT_WIDTH = 80
"""Columns of a table in a file or a pipe."""


class _Style(NamedTuple):
    """How a tone looks: as a code of ECMA-48, and in rich's words."""

    code: str
    rich: str


_STYLES = {
    Tone.PLAIN: _Style("", ""),
    Tone.HEAD: _Style("1", "bold"),
    Tone.GOOD: _Style("32", "green"),
    Tone.BAD: _Style("31", "red"),
    Tone.QUIET: _Style("2", "dim"),
}


def wants_colour(stream: TextIO) -> bool:
    """Whether colour belongs on ``stream``: https://no-color.org, https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width_of(stream: TextIO) -> int | None:
    """Columns of the terminal behind ``stream``; None where lines may be as long as they are."""
    if not stream.isatty() and not os.environ.get("COLUMNS"):
        return None
    return shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns


def draw(blocks: Iterable[Block], stream: TextIO) -> None:
    """Write ``blocks`` to ``stream``, one after the other as they come."""
    colour, width = wants_colour(stream), width_of(stream)
    for block in blocks:
        match block:
            case Line():
                stream.write(_line(block, colour, width) + "\n")
            case Table():
                _draw_table(block, stream, colour, width or DEFAULT_WIDTH)
            case _:
                assert_never(block)


def paint(text: str, tone: Tone, *, colour: bool) -> str:
    """``text`` in the colour of ``tone``, or as it is."""
    code = _STYLES[tone].code
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code and text else text


def _line(line: Line, colour: bool, width: int | None) -> str:
    text = line.text if width is None or not line.cut else cut(line.text, width)
    return paint(text, line.tone, colour=colour)


def _draw_table(table: Table, stream: TextIO, colour: bool, width: int) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    titles = [column.title for column in table.columns]
    if _table_width(table, titles) > width:
        titles = [column.narrow or column.title for column in table.columns]
    gap = 2 if _table_width(table, titles) <= width else 1
    drawn = RichTable(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for column, title in zip(table.columns, titles, strict=True):
        drawn.add_column(
            Text(title, "bold"), justify="right" if column.is_number else "left", vertical="bottom"
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell.text, _STYLES[cell.tone].rich) for cell in row))
    console = Console(
        file=stream,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        highlight=False,
        soft_wrap=False,
    )
    console.print(drawn)
    if table.more:
        stream.write(paint(f"… and {table.more} more", Tone.QUIET, colour=colour) + "\n")


def _table_width(table: Table, titles: list[str]) -> int:
    """Columns that the table takes with two spaces between its own."""
    widths = [max(map(len, title.split("\n"))) for title in titles]
    for row in table.rows:
        widths = [max(width, len(cell.text)) for width, cell in zip(widths, row, strict=True)]
    return sum(widths) + 2 * (len(widths) - 1)


@contextmanager
def progress(label: str, total: int, stream: TextIO) -> Iterator[Callable[[], None]]:
    """A bar on ``stream`` while the body works, if that is a terminal.

    Call what the body is given after each of ``total`` steps.
    """
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(file=stream, no_color=not wants_colour(stream))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)


LINE_EVERY_S = 30
"""How often progress is a line of its own where there is no terminal, as in a log of CI."""


@contextmanager
def steady_progress(stream: TextIO) -> Iterator[Callable[[int, int, str], None]]:
    """A bar with words on ``stream`` while the body works; where that is no terminal, few lines.

    Call what the body is given with how much is done, of how much, and what to say of it.
    """
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield _lines_on(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=stream, no_color=not wants_colour(stream))
    columns = (BarColumn(24), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, text: bar.update(
            task, completed=done, total=total, description=text
        )


def _lines_on(stream: TextIO) -> Callable[[int, int, str], None]:
    said_s = time.monotonic()

    def line(done: int, total: int, text: str) -> None:
        nonlocal said_s
        if time.monotonic() - said_s >= LINE_EVERY_S:
            said_s = time.monotonic()
            print(text, file=stream, flush=True)

    return line
