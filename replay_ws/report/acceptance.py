"""A run that became the golden: what that changes, and what to write into the commit.

A golden carries nothing of when and why it was accepted: it is the run bit for bit, so that a
replay gives its bytes again, and nothing in it varies with the day. The reason belongs where the
reviewer of the new golden looks, and the date is there already: in the commit.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from replay_ws.diff.model import Diff
from replay_ws.report.blocks import Block, Line, Tone
from replay_ws.report.places import first_and_more


@dataclass(frozen=True)
class Acceptance:
    """``run_name`` stands where ``golden_name`` stood; of equal ones nothing was written."""

    golden_name: str
    run_name: str
    diff: Diff
    reason: str = ""

    def blocks(self) -> Iterator[Block]:
        if self.diff.same:
            yield Line(f"same: {self.golden_name} stays as it is", Tone.GOOD)
            return
        yield Line(f"accepted: {self.golden_name} is now {self.run_name}", Tone.GOOD)
        yield Line(f"  {self._counted()}; first {first_and_more(self.diff)}")
        yield Line()
        message = f"Accept {self.golden_name}: {self.reason or self._counted()}"
        line = shlex.join(["git", "commit", "-m", message, "--", self.golden_name])
        yield Line(f"  keep    {line}")

    def _counted(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in self.diff.counts.items() if count)

    def to_dict(self) -> dict[str, Any]:
        return {
            "golden": self.golden_name,
            "run": self.run_name,
            "written": not self.diff.same,
            "reason": self.reason,
            "counts": self.diff.counts,
        }
