"""Places in a TOML text: on which line an entry, or a key of it, stands.

A parser of TOML says what a file holds, not where. This looks for headers of tables and for keys at
the beginnings of lines, which is where people write them; what it does not find there has the line
of the nearest thing around it, and at worst the file alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = re.compile(r"\s*(\[\[?)\s*([\w\"'.\- ]+?)\s*\]")
_KEY = re.compile(r"\s*[\"']?([\w-]+)[\"']?\s*[.=]")
_WORD = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Places:
    """Where the entries of ``text`` stand; ``where`` names the text, and may be nothing."""

    where: str = ""
    text: str = ""

    def key(self, key: str, about: str = "") -> str:
        """The place of a key of the file, or in its table of what ``about`` speaks of."""
        lines = _lines(self.text)
        line = _spoken_of(about, key, 0, lines) or lines.get(("", 0, key))
        return self._at(line)

    def entry(self, kind: str, number: int, about: str = "") -> str:
        """The place of an entry, by its number from 0, and in it of what ``about`` speaks of."""
        lines = _lines(self.text)
        line = (
            _spoken_of(about, kind, number, lines)
            or lines.get((kind, number, ""))
            or lines.get(("", 0, kind))
        )
        return ": ".join(filter(None, [self._at(line), f"{kind} {number + 1}"]))

    def _at(self, line: int | None) -> str:
        return self.where if line is None or not self.where else f"{self.where}:{line}"


def _spoken_of(about: str, table: str, number: int, lines: dict[tuple[str, int, str], int]) -> int:
    """The line of the last key that a text speaks of; values, which are quoted, are none."""
    said, *quoted = about.split("'")
    words = _WORD.findall(said) + (quoted[:1] if "unknown" in said else [])
    found = [lines[table, number, word] for word in words if (table, number, word) in lines]
    return found[-1] if found else 0


def _lines(text: str) -> dict[tuple[str, int, str], int]:
    """(table, its number, key) -> line from 1; the key is empty for the table's own line."""
    lines: dict[tuple[str, int, str], int] = {}
    table, number = "", 0
    counts: dict[str, int] = {}
    for at, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            table, _, inner = header[2].partition(".")
            if header[1] == "[[" and not inner:
                counts[table] = counts.get(table, -1) + 1
            number = counts.get(table, 0)
            lines.setdefault((table, number, inner.partition(".")[0]), at)
            lines.setdefault(("", 0, table), at)
        elif key := _KEY.match(line):
            lines.setdefault((table, number, key[1]), at)
    return lines
