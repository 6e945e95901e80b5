"""Profiles for a reader: which there are, how cassettes keep one, and one that is proposed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from replay_ws.compliance import Finding, Profile, Severity
from replay_ws.compliance.proposal import Proposal
from replay_ws.report.blocks import (
    Block,
    Cell,
    Column,
    Line,
    Table,
    Tone,
    capped,
    capped_table,
    command,
    plural,
)
from replay_ws.report.compliance import Compliance
from replay_ws.text import clean

CASSETTES_MAX = 20
FINDINGS_MAX = 5
"""Findings that are listed of each cassette."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The built-in profiles."""

    profiles: Sequence[Profile]

    def blocks(self) -> Iterator[Block]:
        rows = tuple(
            (
                Cell(profile.name),
                Cell(clean(profile.title)),
                Cell(str(len(profile.types))),
                Cell(str(len(profile.required))),
            )
            for profile in self.profiles
        )
        numbers = (Column("types", is_number=True), Column("required", is_number=True))
        yield Table((Column("profile"), Column("title"), *numbers), rows)
        yield Line(f"next: {command('profile', 'show', self.profiles[0].name)}")

    def to_dict(self) -> dict[str, Any]:
        return {"profiles": [summary(profile) for profile in self.profiles]}


def summary(profile: Profile) -> dict[str, Any]:
    """What a list says of a profile."""
    return {
        "name": profile.name,
        "title": profile.title,
        "types": sorted(profile.types),
        "required": list(profile.required),
    }


def _size(profile: Profile) -> str:
    required = f", {len(profile.required)} required" if profile.required else ""
    return plural(len(profile.types), "type") + required


def _distinct(findings: Sequence[Finding]) -> list[str]:
    """A line for each message, where it came first, and how often."""
    counts = Counter((found.severity, found.rule, found.message) for found in findings)
    lines = []
    for found in findings:
        count = counts.pop((found.severity, found.rule, found.message), 0)
        if count:
            lines.append(f"{found} ({count} times)" if count > 1 else str(found))
    return lines


@dataclass(frozen=True, slots=True)
class Trial:
    """How cassettes keep a profile, which is called ``name`` on the command line."""

    name: str
    profile: Profile
    results: Sequence[Compliance]

    @property
    def ok(self) -> bool:
        """Whether no error was found in any of them."""
        return all(result.report.ok for result in self.results)

    def blocks(self) -> Iterator[Block]:
        kept = sum(result.report.ok for result in self.results)
        said = f"{kept} of {plural(len(self.results), 'cassette')} kept {self.name}"
        yield Line(f"{said} ({_size(self.profile)})", Tone.GOOD if self.ok else Tone.BAD)
        yield self._table()
        for result in self.results[:CASSETTES_MAX]:
            found = sorted(result.report.findings, key=lambda one: one.severity)
            if found:
                yield Line(result.name, Tone.HEAD)
                # Whole: an edit that mends stands at the end of its line.
                yield from (
                    replace(line, cut=False) for line in capped(_distinct(found), FINDINGS_MAX)
                )

    def _table(self) -> Table:
        rows = []
        for result in self.results:
            kinds = [finding.severity for finding in result.report.findings]
            counts = [kinds.count(kind) for kind in (Severity.ERROR, Severity.WARNING)]
            verdict = Cell("ok", Tone.GOOD) if result.report.ok else Cell("broken", Tone.BAD)
            score = Cell(f"{result.report.score:.3f}")
            rows.append((Cell(clean(result.name)), verdict, score, *(Cell(str(n)) for n in counts)))
        numbers = (Column(name, is_number=True) for name in ("score", "errors", "warnings"))
        return capped_table((Column("cassette"), Column(""), *numbers), rows, CASSETTES_MAX)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "profile": summary(self.profile),
            "ok": self.ok,
            "results": [result.to_dict() for result in self.results],
        }


@dataclass(frozen=True, slots=True)
class Inference:
    """A profile proposed from goldens, and how each of them keeps it."""

    goldens: Sequence[Compliance]
    proposal: Proposal
    output: str = ""

    def blocks(self) -> Iterator[Block]:
        proposal, profile = self.proposal, self.proposal.profile
        seen = f"{plural(proposal.run_count, 'run')}, {plural(proposal.event_count, 'event')}"
        said = f"proposed from {plural(len(self.goldens), 'golden')}, {seen}"
        rules = f"{plural(len(profile.types), 'type')}, {len(profile.required)} required"
        spans = f"{plural(len(profile.pairs), 'pair')}, {plural(len(profile.scopes), 'scope')}"
        yield Line(f"{said}: {rules}, {spans}", Tone.HEAD)
        for golden in self.goldens:
            tone = Tone.GOOD if golden.report.ok else Tone.BAD
            yield Line(f"  {golden.name} keeps it: {golden.report.score:.3f}", tone)
        if self.output:
            yield Line(f"next: {command('profile', 'test', self.output, 'OTHER.rws')}")

    def to_dict(self) -> dict[str, Any]:
        return {
            "goldens": [golden.name for golden in self.goldens],
            "scores": [golden.report.score for golden in self.goldens],
            "runs": self.proposal.run_count,
            "events": self.proposal.event_count,
            "profile": summary(self.proposal.profile),
            "toml": self.proposal.toml(),
            "output": self.output,
        }
