"""A diff for a reader: the answer, the counts, the first divergence in its place, the rest.

Never more than some forty lines; what is left out is counted, and ``--json`` has it all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from replay_ws.clock import NS_PER_MS
from replay_ws.diff.model import Category, Diff, Divergence
from replay_ws.report.blocks import Block, Line, Tone, capped, command, plural
from replay_ws.report.events import delivery_line, name_width
from replay_ws.report.ledger import ledger_dict, ledger_text
from replay_ws.session import Session

CONTEXT = 3
"""Events shown before and after the first divergence."""
EXTRAS_MAX = 3
"""Extra events shown in one place."""
LISTED_MAX = 12
"""Divergences listed after the first."""

_SIGNS = {
    Category.MISSING: "-",
    Category.EXTRA: "+",
    Category.MOVED: "↕",
    Category.CHANGED: "~",
    Category.IDENTITY: "≠",
    Category.RETYPED: "~",
    Category.TIMING: "»",
    Category.CLOSE: "x",
    Category.FRAMING: "·",
    Category.COMPLIANCE: "§",
    Category.TRUNCATED: "-",
    Category.FATE: "!",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """How the cassette ``run_name`` differs from ``golden_name``."""

    golden_name: str
    run_name: str
    golden: Session
    run: Session
    diff: Diff

    def blocks(self) -> Iterator[Block]:
        names = f"{self.golden_name} and {self.run_name}"
        count = plural(self.diff.golden_count, "event")
        if self.diff.same:
            yield Line(f"same: {names} deliver the same {count}", Tone.GOOD)
            if self.golden.digest == self.run.digest:
                yield Line(f"  bit for bit: digest {self.run.digest}")
            return
        yield Line(f"different: {names}", Tone.BAD)
        yield self.counts()
        yield from self.ledgers()
        yield Line()
        yield from self.first()
        yield from self.others(LISTED_MAX)
        yield Line()
        yield Line(f"next: {self._next()}")

    def counts(self) -> Line:
        """How many events differ in which way, and how many do not."""
        counts = " · ".join(f"{n:,} {name}" for name, n in self.diff.counts.items() if n)
        golden = plural(self.diff.golden_count, "event")
        matched = f"{self.diff.matched:,} of {golden} match, order {self.diff.order}"
        return Line(f"  {counts}   ({matched})")

    def ledgers(self) -> Iterator[Line]:
        """Where the messages ended on both sides, if that is not the same."""
        if self.golden.ledger != self.run.ledger:
            yield Line(f"  golden  {ledger_text(self.golden.ledger)}")
            yield Line(f"  run     {ledger_text(self.run.ledger)}")

    def others(self, limit: int) -> Iterator[Line]:
        """At most ``limit`` divergences after the first, and how many there are beyond them."""
        rest = self.diff.divergences[1:]
        if not rest:
            return
        yield Line()
        yield Line("then", Tone.HEAD)
        lines = [short_line(self.diff, divergence) for divergence in rest[:limit]]
        yield from capped([*lines, *[""] * (len(rest) - limit)], limit)

    def first(self) -> Iterator[Line]:
        """The first divergence, among what was delivered around it."""
        first = self.diff.first
        assert first is not None
        yield Line(f"first divergence: {short_line(self.diff, first)}", Tone.HEAD)
        events = self.golden.delivered()
        width = name_width(self.diff.connections)
        by_golden, by_place = self._marks()
        start = max(0, first.golden_place - CONTEXT + 1)
        if first.golden is not None:
            start = max(0, first.golden - CONTEXT)
        stop = min(len(events), max(start, first.golden_place + 1) + CONTEXT)
        yield from self._extras(by_place.get(-1, []) if start == 0 else [], width)
        for number in range(start, stop):
            divergence = by_golden.get(number)
            yield _marked(delivery_line(number, events[number], width), divergence)
            yield from self._extras(by_place.get(number, []), width)

    def _marks(self) -> tuple[dict[int, Divergence], dict[int, list[Divergence]]]:
        """Divergences by the golden event that they are about, and extra ones by their place."""
        by_golden: dict[int, Divergence] = {}
        by_place: dict[int, list[Divergence]] = {}
        for divergence in self.diff.divergences:
            if divergence.golden is not None:
                for number in range(divergence.golden, divergence.golden + divergence.count):
                    by_golden.setdefault(number, divergence)
            elif divergence.category is Category.EXTRA:
                by_place.setdefault(divergence.golden_place, []).append(divergence)
        return by_golden, by_place

    def _extras(self, extras: list[Divergence], width: int) -> Iterator[Line]:
        for divergence in extras[:EXTRAS_MAX]:
            assert divergence.run is not None
            event = self.run.delivered()[divergence.run]
            yield _marked(delivery_line(divergence.run, event, width), divergence)
        if len(extras) > EXTRAS_MAX:
            yield Line(f"  … and {len(extras) - EXTRAS_MAX} more extra here", Tone.QUIET)

    def _next(self) -> str:
        """The command that most likely tells more."""
        categories = {divergence.category for divergence in self.diff.divergences}
        pair = [self.golden_name, self.run_name]
        if categories == {Category.TIMING}:
            drift_ns = max(abs(divergence.drift_ns) for divergence in self.diff.divergences)
            allowed = f"{-(-drift_ns // NS_PER_MS)}"
            return command("diff", *pair, "--tolerance-ms", allowed)
        if categories <= {Category.MOVED, Category.TIMING}:
            return command("diff", *pair, "--order", "bag")
        if len(self.diff.divergences) > LISTED_MAX + 1:
            return command("diff", *pair, "--json") + "   (all of them)"
        return command("cat", self.run_name) + "   (what was decided)"

    def to_dict(self) -> dict[str, Any]:
        return {
            "golden": self.golden_name,
            "run": self.run_name,
            "golden_digest": self.golden.digest,
            "run_digest": self.run.digest,
            "golden_ledger": ledger_dict(self.golden.ledger),
            "run_ledger": ledger_dict(self.run.ledger),
            **self.diff.to_dict(),
        }


def short_line(diff: Diff, divergence: Divergence) -> str:
    """A divergence on one line; the type of an event stands for its payload where it has one."""
    short = replace(divergence, text="") if divergence.type else divergence
    return short.line(name_connection=len(diff.connections) > 1)


def _marked(text: str, divergence: Divergence | None) -> Line:
    """An event with the sign and the name of what is different about it."""
    if divergence is None:
        return Line(f"  {'':9} {text}", cut=True)
    category = divergence.category
    tone = Tone.GOOD if category is Category.EXTRA else Tone.BAD
    return Line(f"  {_SIGNS[category]} {category.value:7} {text}", tone, cut=True)
