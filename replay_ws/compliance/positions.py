"""Where in a TOML text a key stands: a small scan, for messages alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from replay_ws.text import quoted

Path = tuple[str | int, ...]
"""Keys from the top of a file, and the places in arrays of tables."""

_HEADER = re.compile(r"\s*(\[\[?)([^\]]+)\]")
_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w.\s-])+?)\s*=""")
_PART = re.compile(r"""\s*("[^"]*"|'[^']*'|[^.\s]+)\s*\.?""")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|' + r"'[^']*'")
_FENCES = ('"""', "'''")


def line_of(text: str, path: Path) -> int | None:
    """The line of a key, from 1; if it is not there, that of the table that would hold it."""
    lines = dict(_keys(text))
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def shown(path: Path) -> str:
    """A path as the file spells it: ``[[scopes]] close``."""
    if len(path) > 2 and isinstance(path[1], int):
        return f"[[{path[0]}]] {shown(path[2:])}"
    *tables, key = (str(k) if re.fullmatch(r"[\w-]+", str(k)) else quoted(str(k)) for k in path)
    return f"[{'.'.join(tables)}] {key}" if tables else key


def _keys(text: str) -> Iterator[tuple[Path, int]]:
    """Each key and table header with its line; what stands within values is passed over."""
    table: Path = ()
    counts: dict[Path, int] = {}
    depth, fence = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if fence or depth:
            depth, fence = _after(line, depth, fence)
        elif header := _HEADER.match(line):
            table = _split(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield table, number
        elif key := _KEY.match(line):
            yield (*table, *_split(key[1])), number
            depth, fence = _after(line[key.end() :], depth, fence)


def _split(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _after(line: str, depth: int, fence: str) -> tuple[int, str]:
    """How many brackets, and which long string, are open after a line."""
    while True:
        if fence:
            _, found, line = line.partition(fence)
            if not found:
                return depth, fence
        line = line.lstrip()
        fence = next((each for each in _FENCES if each in line), "")
        head = line.partition(fence)[0] if fence else line
        bare = _STRING.sub("", head).partition("#")[0]
        depth += bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")
        if not fence:
            return depth, ""
        line = line.partition(fence)[2]
