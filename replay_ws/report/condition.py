"""In which condition a cassette is: verified, damaged, recovered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from replay_ws.report.blocks import Block, Line, Tone, capped, command, plural

PROBLEMS_MAX = 12


@dataclass(frozen=True, slots=True)
class Condition:
    """What is right and wrong with one cassette.

    ``verified`` rows are vouched for by a checksum, ``unverified`` ones are merely whole, and
    ``missing`` counts the bytes that belong to neither.
    """

    cassette: str
    problems: tuple[str, ...]
    verified: int
    unverified: int
    missing: int
    digest: str = ""

    @property
    def text(self) -> str:
        """``812 rows verified, 3 whole but unverified, 96 bytes lost``."""
        parts = [f"{plural(self.verified, 'row')} verified"]
        parts += [f"{self.unverified:,} whole but unverified"] * (self.unverified > 0)
        parts += [f"{plural(self.missing, 'byte')} lost"] * (self.missing > 0)
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Verified:
    """The condition of some cassettes."""

    conditions: Sequence[Condition]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with any of them."""
        return not any(condition.problems for condition in self.conditions)

    def blocks(self) -> Iterator[Block]:
        for condition in self.conditions:
            if not condition.problems:
                yield Line(f"intact: {condition.cassette}: {condition.text}", Tone.GOOD)
                yield Line(f"  digest {condition.digest}")
                continue
            yield Line(f"damaged: {condition.cassette}: {condition.text}", Tone.BAD)
            yield from capped(list(condition.problems), PROBLEMS_MAX)
            if condition.verified or condition.unverified:
                recover = command("recover", condition.cassette, "-o", "recovered.rws")
                yield Line(f"next: {recover}")
            else:
                yield Line("mend: record the session again; no row is whole")

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "cassettes": [asdict(condition) for condition in self.conditions]}


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was saved of a damaged cassette, and where it is now."""

    condition: Condition
    output: str

    def blocks(self) -> Iterator[Block]:
        yield Line(
            f"recovered {self.output} from {self.condition.cassette}: {self.condition.text}",
            Tone.GOOD,
        )
        yield from capped(list(self.condition.problems), PROBLEMS_MAX)
        yield Line(f"next: {command('cat', self.output)}")

    def to_dict(self) -> dict[str, Any]:
        return {"output": self.output, **asdict(self.condition)}
