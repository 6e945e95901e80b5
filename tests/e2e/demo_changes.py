"""What the demonstration's modes change in each golden, as lines.

``demo_changes.txt`` holds them. When goldens or modes moved on purpose, make it anew::

    python -m tests.e2e.demo_changes > tests/e2e/demo_changes.txt
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from replay_ws import api
from replay_ws.cli.demo import fresh
from replay_ws.cli.demo.settings import SEED
from replay_ws.faults.modes import MockBehaviorMode

STORED = Path(__file__).with_suffix(".txt")
GOLDENS = sorted((Path(__file__).parents[2] / "cassettes").glob("*.rws"))


def changes() -> Iterator[tuple[str, MockBehaviorMode, str]]:
    """Golden, mode, and what the mode changed: ``missing 2, late 7``, or nothing."""
    for golden in GOLDENS:
        session = api.load(golden)
        for mode in MockBehaviorMode:
            diff = api.compare(session, fresh.replay_under(session, mode, SEED))
            counts = [f"{name} {count}" for name, count in diff.counts.items() if count]
            yield golden.stem, mode, ", ".join(counts)


def lines() -> list[str]:
    """One line per golden and mode."""
    return [f"{golden}  {mode}: {what or 'nothing'}" for golden, mode, what in changes()]


if __name__ == "__main__":
    print("\n".join(lines()))
