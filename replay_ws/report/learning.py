"""What was learned about volatile values, for a reader and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from replay_ws.diff import Diff
from replay_ws.diff.learning import Lesson
from replay_ws.report.blocks import Block, Line, Tone, capped, command, plural

DOUBTS_MAX = 10
"""Doubts that are listed."""


@dataclass(frozen=True, slots=True)
class Learning:
    """Rules learned from runs, and how each run compares with the first one under them."""

    runs: Sequence[str]
    lesson: Lesson
    diffs: Sequence[Diff]
    output: str = ""

    def blocks(self) -> Iterator[Block]:
        """The count of rules, what is in doubt, and how the runs compare under the rules."""
        lesson = self.lesson
        rules, pairs = plural(len(lesson.rules), "rule"), plural(lesson.pair_count, "pair")
        yield Line(f"{rules} from {len(self.runs)} runs, {pairs} of events", Tone.HEAD)
        if lesson.doubts:
            yield Line("real differences? no rule was made of them", Tone.BAD)
            yield from capped([str(doubt) for doubt in lesson.doubts], DOUBTS_MAX)
        for run, diff in zip(self.runs[1:], self.diffs, strict=True):
            found = "the same" if diff.same else _counted(diff)
            tone = Tone.GOOD if diff.same else Tone.BAD
            yield Line(f"{run} under these rules: {found}", tone)
        if self.output:
            words = (*self.runs[:2], "--volatile", self.output)
            yield Line(f"next: {command('diff', *words)}")

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "runs": list(self.runs),
            "output": self.output,
            "pairs": self.lesson.pair_count,
            "places": self.lesson.place_count,
            "volatile": self.lesson.table,
            "rules": [asdict(rule) for rule in self.lesson.rules],
            "doubts": [asdict(doubt) for doubt in self.lesson.doubts],
            "same": [diff.same for diff in self.diffs],
            "counts": [diff.counts for diff in self.diffs],
        }


def _counted(diff: Diff) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in diff.counts.items() if count)
