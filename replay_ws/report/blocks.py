"""The few things that a report is made of: lines and tables, in tones.

A view knows one result. ``to_dict`` gives it as plain data for JSON, ``blocks`` gives the same for
a reader; how blocks become characters is ``replay_ws.report.terminal``'s business. A tone only
repeats what a word in the text already says.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Tone(StrEnum):
    """What a piece of text is about."""

    PLAIN = "plain"
    HEAD = "head"  # the answer, a title
    GOOD = "good"
    BAD = "bad"
    QUIET = "quiet"  # there for completeness


@dataclass(frozen=True, slots=True)
class Line:
    """One line. ``cut`` shortens it to the width of a terminal instead of wrapping it."""

    text: str = ""
    tone: Tone = Tone.PLAIN
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; ``narrow`` is the title where space is short, ``\\n`` breaks it."""

    title: str
    narrow: str = ""
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under titles; ``more`` counts rows that were left out."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: int = 0


Block = Line | Table


class View(Protocol):
    """One result, ready to be shown."""

    def blocks(self) -> Iterable[Block]:
        """For a reader."""

    def to_dict(self) -> dict[str, Any]:
        """For a program."""


def capped_table(
    columns: tuple[Column, ...], rows: Sequence[tuple[Cell, ...]], limit: int
) -> Table:
    """A table of at most ``limit`` rows, which counts the rest."""
    return Table(columns, tuple(rows[:limit]), more=max(0, len(rows) - limit))


def capped(lines: list[str], limit: int) -> list[Line]:
    """At most ``limit`` lines, indented; a last one counts the rest."""
    shown = [Line(f"  {text}", cut=True) for text in lines[:limit]]
    more = len(lines) - limit
    return [*shown, Line(f"  … and {more} more", Tone.QUIET)] if more > 0 else shown


def command(*words: str) -> str:
    """``replay-ws`` with these words, quoted for a shell."""
    return shlex.join(["replay-ws", *words])


def plural(count: int, noun: str) -> str:
    """``1 event``, ``2 events``, ``1,204 events``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
