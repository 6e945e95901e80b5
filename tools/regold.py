"""Make the golden cassettes from their recipes: programs, and recordings of real streams.

    python tools/regold.py            make all goldens and the digest table, say what changed
    python tools/regold.py --check    change nothing; exit 1 at the first golden that would change
    python tools/regold.py --table    make only the table of digests of their replays

A recipe gives the same bytes every time and on every machine, so a golden that changed means that
replay_ws changed. Read what moved before you commit it; ``cassettes/NOTICE.md`` says where the
sources come from.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from importlib import import_module
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import replay_ws
from replay_ws.cassette.format import encode
from replay_ws.clock import time_text
from replay_ws.recorder.importers import import_file
from replay_ws.report.events import stable_lines

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # run as a script: cassettes/programs lie here

CASSETTES = ROOT / "cassettes"
SOURCES = CASSETTES / "sources"
TABLE = ROOT / "tests" / "data" / "digests.json"

SHOWN, SHOWN_BEFORE = 200, 80
"""Characters of a row that differs, and how many of them before the difference."""

SEED = 7
"""Seed of every recorded program; it is only said, since a calm network draws nothing."""
TABLE_SEEDS = (7, 2026)
GAP_MS = 20
"""Between two events of a stream that was kept without its times."""

# golden -> the program in cassettes/programs/ that it is a recording of
PROGRAMS = {
    "agent_with_a_tool": "agents:with_a_tool",
    "agent_without_tools": "agents:without_tools",
    "agent_with_a_tool_that_fails": "agents:with_a_tool_that_fails",
    "three_agents_at_once": "agents:three_at_once",
}


class Stream(NamedTuple):
    """A real stream: its file in cassettes/sources/, and how it becomes a session."""

    file: str
    connection: str
    gap_ms: int = 0


# golden -> the stream that it is imported from
STREAMS = {
    "agui_parallel_tools": Stream("agui_parallel_tools.jsonl", "agui", GAP_MS),
    "anthropic_web_search": Stream("anthropic_web_search_chunks.jsonl", "anthropic", GAP_MS),
    "browser_echo": Stream("chromium_echo.har", ""),
    "gemini_live_tool_call": Stream("gemini_live_tool_call.jsonl", "gemini"),
    "openai_agents_two_tools": Stream("openai_agents_two_tools.jsonl", "agents", GAP_MS),
    "openai_realtime_on_the_wire": Stream("openai_realtime_on_the_wire.jsonl", "realtime"),
    "openai_realtime_tool_call": Stream("openai_realtime_tool_call.jsonl", "realtime"),
    "three_sockets_of_a_page": Stream("piesocket_three_connections.har", ""),
    "xai_realtime_closed_1011": Stream("xai_realtime_closed_1011.jsonl", "realtime"),
}


# --- recipes -------------------------------------------------------------------------------


def recipes() -> dict[str, Callable[[], replay_ws.Session]]:
    """What makes each golden, by name."""
    return {
        **{name: partial(record, place) for name, place in PROGRAMS.items()},
        **{name: partial(imported, stream) for name, stream in STREAMS.items()},
    }


def record(place: str) -> replay_ws.Session:
    """The session of a program, named ``module:function``."""
    module, _, function = place.partition(":")
    program: Callable[[], Awaitable[Any]]
    program = getattr(import_module(f"cassettes.programs.{module}"), function)
    return replay_ws.run(program, seed=SEED, profile="agent5").session


def imported(stream: Stream, **options: Any) -> replay_ws.Session:
    """The session of a stream; ``options`` are those of its importer."""
    if stream.gap_ms:
        options["gap_ms"] = stream.gap_ms
    return import_file(SOURCES / stream.file, connection=stream.connection, **options)


def path_of(name: str) -> Path:
    """Where the golden of that name lies."""
    return CASSETTES / f"{name}.rws"


# --- goldens -------------------------------------------------------------------------------


class Change(NamedTuple):
    """A golden that its recipe would change, and the first line that tells how."""

    name: str
    how: str


def changes() -> Iterator[tuple[Change, bytes]]:
    """Each golden whose recipe gives other bytes, and these; those without a recipe at the end."""
    made = recipes()
    for name, recipe in sorted(made.items()):
        session, path = recipe(), path_of(name)
        data = encode(session.log)
        if not path.exists():
            yield Change(name, "it does not exist yet"), data
        elif path.read_bytes() != data:
            yield Change(name, _first_difference(path, session)), data
    for path in sorted(CASSETTES.glob("*.rws")):
        if path.stem not in made:
            yield Change(path.stem, "no recipe makes it"), b""


def _first_difference(path: Path, session: replay_ws.Session) -> str:
    """The first row in which a golden and the session that its recipe made differ."""
    try:
        golden = replay_ws.load(path)
    except replay_ws.CassetteError as error:
        return f"it cannot be read: {error.what}"
    pairs = zip_longest(_timed_lines(golden), _timed_lines(session), fillvalue="nothing")
    for row, (old, new) in enumerate(pairs):
        if old != new:
            # Rows can be long: show where they part.
            parts = (at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
            start = max(0, next(parts, min(len(old), len(new))) - SHOWN_BEFORE)
            was, now = (line[start : start + SHOWN] for line in (old, new))
            return f"row {row} was\n    {was}\n  and is\n    {now}"
    return f"its header was\n    {golden.log.header}\n  and is\n    {session.log.header}"


def _timed_lines(session: replay_ws.Session) -> Iterator[str]:
    """The rows of a session as lines, each with its time."""
    lines = islice(stable_lines(session), 1, None)  # behind what it says of itself
    for time_ns, line in zip(session.log.times, lines, strict=True):
        yield f"{time_text(time_ns)}  {line}"


def remake() -> None:
    """Write every golden that changed, and say which."""
    count = 0
    for change, data in changes():
        count += 1
        print(f"{path_of(change.name).relative_to(ROOT)}: {change.how}")
        if data:
            path_of(change.name).write_bytes(data)
        else:
            path_of(change.name).unlink()
    print(f"{len(recipes())} goldens, {count} changed")


def check() -> int:
    """1, naming the first golden that its recipe would change; else 0."""
    for change, _ in changes():
        print(f"{path_of(change.name).relative_to(ROOT)}: {change.how}")
        print("  mend: python tools/dev.py regold, read what moved (git diff), and commit it")
        return 1
    print(f"{len(recipes())} goldens come out of their recipes as they are")
    return 0


# --- the digest table ----------------------------------------------------------------------


def table() -> dict[str, dict[str, list[str]]]:
    """Golden -> mode -> digest of its replay for each of TABLE_SEEDS."""
    return {name: digests_of(path_of(name)) for name in sorted(recipes())}


def digests_of(path: Path) -> dict[str, list[str]]:
    """Mode -> digest of the replay of one cassette for each of TABLE_SEEDS."""
    session = replay_ws.load(path)
    return {
        mode.value: [replay_ws.replay(session, mode=mode, seed=s).digest for s in TABLE_SEEDS]
        for mode in replay_ws.MockBehaviorMode
    }


def remake_table() -> None:
    """Write the table, and say how many digests changed."""
    old = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    new = table()
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8", newline="\n")
    pairs = [(name, mode) for name in new for mode in new[name]]
    changed = [(n, m) for n, m in pairs if old.get(n, {}).get(m) != new[n][m]]
    print(f"{len(pairs)} rows in {TABLE.relative_to(ROOT)}, {len(changed)} changed")


def main(arguments: list[str]) -> int:
    """Do what the arguments ask for; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="change nothing, exit 1 if it would")
    what.add_argument("--table", action="store_true", help="make only the table of digests")
    chosen = parser.parse_args(arguments)
    if chosen.check:
        return check()
    if not chosen.table:
        remake()
    remake_table()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
