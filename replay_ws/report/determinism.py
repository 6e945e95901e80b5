"""A program that does not do the same again: where two of its runs part, and likely why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from replay_ws.errors import DeterminismError
from replay_ws.report.blocks import Block, Line, Tone
from replay_ws.text import clean


@dataclass(frozen=True, slots=True)
class Parted:
    """What the determinism check found out about ``program``."""

    program: str
    error: DeterminismError

    def blocks(self) -> Iterator[Block]:
        error = self.error
        yield Line(clean(f"different: {self.program}: {error.what}"), Tone.BAD)
        yield from (Line(f"  {clean(line)}") for line in error.lines)
        yield Line(clean(f"likely: {error.likely}"), Tone.HEAD)
        yield Line("no cassette was written", Tone.QUIET)
        yield Line(clean(f"mend: {error.mend}"))

    def to_dict(self) -> dict[str, Any]:
        error = self.error
        return {
            "program": self.program,
            "verified": False,
            "varied": error.varied,
            "step": error.step,
            "time_ns": error.time_ns,
            "lane": error.lane,
            "runs": [
                {"event": event, "stack": list(stack)}
                for event, stack in zip(error.events, error.stacks, strict=True)
            ],
            "likely": error.likely,
            "mend": error.mend,
        }
