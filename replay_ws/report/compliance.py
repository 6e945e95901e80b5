"""A compliance report for a reader: the verdict, what it cost, the findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from replay_ws.compliance import Report
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
)
from replay_ws.text import clean

FINDINGS_MAX = 20
CONNECTIONS_MAX = 20


@dataclass(frozen=True, slots=True)
class Compliance:
    """Whether the cassette ``name`` keeps the rules of a protocol."""

    name: str
    report: Report

    def blocks(self) -> Iterator[Block]:
        report = self.report
        head, *findings = report.lines()
        verdict = "compliant" if report.ok else "not compliant"
        yield Line(f"{verdict}: {self.name}: {head}", Tone.GOOD if report.ok else Tone.BAD)
        missing = [name for name, came in report.required.items() if not came]
        if report.required:
            came = f"{report.required_share:.0%} of the required types came"
            yield Line(f"  {came}; missing: {', '.join(missing)}" if missing else f"  {came}")
        if not report.checks:
            yield Line("  no event is one that the profile speaks of")
        yield from capped(findings, FINDINGS_MAX)
        if len(report.by_connection) > 1:
            yield Line()
            yield self._connections()
        if findings:
            yield Line(f"next: {command('cat', self.name, '--delivered')}")

    def _connections(self) -> Table:
        worst = sorted(self.report.by_connection.items(), key=lambda item: item[1])
        rows = [(Cell(clean(name)), Cell(f"{score:.3f}")) for name, score in worst]
        columns = (Column("connection"), Column("score", is_number=True))
        return capped_table(columns, rows, CONNECTIONS_MAX)

    def to_dict(self) -> dict[str, Any]:
        return {"cassette": self.name, **self.report.to_dict()}
