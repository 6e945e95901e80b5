"""Blocks on a terminal: colour, width, tables, nothing heavy where none is needed."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from replay_ws.report.blocks import (
    Block,
    Cell,
    Column,
    Line,
    Table,
    Tone,
    capped,
    capped_table,
    plural,
)
from replay_ws.report.terminal import draw, progress, wants_colour, width_of


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(*blocks: Block, columns: int | None = None, colour: bool = False) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            patch.delenv(name, raising=False)
        patch.setenv("FORCE_COLOR" if colour else "NO_COLOR", "1")
        if columns:
            patch.setenv("COLUMNS", str(columns))
        stream = io.StringIO()
        draw(blocks, stream)
        return stream.getvalue()


TABLE = Table(
    (Column("mode"), Column("delivered", "deliv-\nered", is_number=True), Column("same")),
    ((Cell("packet_loss"), Cell("1,204"), Cell("yes", Tone.GOOD)),),
)


def test_a_line_is_written_as_it_is() -> None:
    assert drawn(Line("a [bold]line[/bold]"), Line()) == "a [bold]line[/bold]\n\n"


def test_a_line_is_cut_only_where_it_may_be_and_must_be() -> None:
    text = "0123456789"
    assert drawn(Line(text, cut=True), columns=6) == "01234…\n"
    assert drawn(Line(text, cut=True), columns=10) == f"{text}\n"
    assert drawn(Line(text, cut=True)) == f"{text}\n", "a file has no width"
    assert drawn(Line(text), columns=6) == f"{text}\n"


def test_colour_repeats_what_the_text_says() -> None:
    assert drawn(Line("different", Tone.BAD), colour=True) == "\x1b[31mdifferent\x1b[0m\n"
    assert drawn(Line("different", Tone.BAD)) == "different\n"
    assert "\x1b[" not in drawn(TABLE)
    assert "\x1b[32myes" in drawn(TABLE, colour=True)


def test_a_table_has_whole_titles_where_there_is_room() -> None:
    assert drawn(TABLE, columns=40).splitlines() == [
        "mode         delivered  same",
        "packet_loss      1,204  yes ",
    ]
    assert drawn(TABLE, columns=25).splitlines() == [
        "            deliv-      ",
        "mode          ered same",
        "packet_loss  1,204 yes ",
    ] or drawn(TABLE, columns=25).splitlines()[-1].split() == ["packet_loss", "1,204", "yes"]


def test_a_table_counts_the_rows_that_it_leaves_out() -> None:
    many = capped_table(TABLE.columns, TABLE.rows * 9, 2)
    assert len(many.rows) == 2
    assert drawn(many).splitlines()[-1] == "… and 7 more"
    assert capped_table(TABLE.columns, TABLE.rows, 2) == TABLE


def test_long_lists_are_capped_with_a_count() -> None:
    assert [line.text for line in capped(["a", "b", "c"], 2)] == ["  a", "  b", "  … and 1 more"]
    assert [line.text for line in capped(["a", "b"], 2)] == ["  a", "  b"]


def test_numbers_and_nouns_agree() -> None:
    assert [plural(count, "event") for count in (0, 1, 1204)] == [
        "0 events",
        "1 event",
        "1,204 events",
    ]


def test_only_a_terminal_has_colour_and_width(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_colour(Terminal())
    assert not wants_colour(io.StringIO())
    assert width_of(io.StringIO()) is None
    monkeypatch.setenv("COLUMNS", "72")
    assert width_of(Terminal()) == 72
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour(Terminal())


def test_progress_is_drawn_on_a_terminal_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for stream, is_drawn in ((Terminal(), True), (io.StringIO(), False)):
        with progress("replaying", 2, stream) as step:
            step()
            step()
        assert ("replaying" in stream.getvalue()) is is_drawn


def test_lines_do_not_load_rich() -> None:
    script = (
        "import sys\n"
        "from replay_ws.report.blocks import Line\n"
        "from replay_ws.report.terminal import draw\n"
        "draw([Line('x')], sys.stdout)\n"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL).returncode == 0
