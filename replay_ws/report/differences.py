"""A diff for a reader: the answer, what it costs, the first divergence in its place, the rest.

Never more than forty lines; what is left out is counted, and ``--json`` has it all (its schema is
``schemas/diff.schema.json`` beside this file).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from replay_ws.clock import NS_PER_MS
from replay_ws.compliance import Profile
from replay_ws.diff.model import Category, Diff
from replay_ws.events.columns import Columns
from replay_ws.report.blocks import Block, Line, Tone, command, plural
from replay_ws.report.ledger import ledger_dict, ledger_text
from replay_ws.report.places import WIDTH, Places, place_text, short_line
from replay_ws.report.standing import Standing, conditions_of_both, standing
from replay_ws.session import Session
from replay_ws.text import NAME_MAX, clean, cut, padded

LINES_MAX = 40
"""Lines of a page, whatever the sessions are."""
FIRST_MAX = 15
"""Lines about the first divergence."""
FIRST_MIN = 5
"""Lines that a short page keeps beside its figures: the head, the first divergence, what is cut."""
ALLOWED_MAX = 3
"""Allowed divergences shown one by one."""
ROOTS_MAX = 3
"""Root causes named by number."""
TYPES_MAX = 12
"""Types counted where two sessions have nothing in common."""
CLOSING_MAX = 10
HEAD_MAX = 200
"""Columns of a line that holds a sentence."""

FORMAT = 1
"""Version of ``to_dict``: it goes up when a key loses its meaning."""


@dataclass(frozen=True)
class Difference:
    """How the cassette ``run_name`` differs from ``golden_name``.

    ``profile`` is the protocol that both are judged by; without, the one that they name. ``rerun``
    is the command that makes the run again, where that is known. A page has ``lines_max`` lines.
    """

    golden_name: str
    run_name: str
    golden: Session
    run: Session
    diff: Diff
    profile: Profile | None = None
    rerun: str = ""
    lines_max: int = LINES_MAX

    @cached_property
    def standing(self) -> Standing | None:
        """What both are worth under their protocol; None where none is known."""
        return standing(self.golden, self.run, self.profile)

    def blocks(self) -> Iterator[Block]:
        names = f"{self.golden_name} and {self.run_name}"
        if self.diff.same:
            same = f"deliver the same {plural(self.diff.golden_count, 'event')}"
            told = "differ in what is allowed only" if self.diff.divergences else same
            yield Line(f"same: {names} {told}", Tone.GOOD)
            if self.golden.digest == self.run.digest:
                yield Line(f"  bit for bit: digest {self.run.digest}")
            yield from self._allowed(self.lines_max // 2)
            return
        verdict = "different session" if self.diff.unrelated else "different"
        made = conditions_of_both(self.golden, self.run)
        yield from self.page(f"{verdict}: {names}   ({made})", self._closing())

    def page(self, head: str, closing: Iterable[str]) -> list[Line]:
        """``head``, what the difference costs, where it begins, and ``closing``.

        For sessions that differ; ``lines_max`` lines at most.
        """
        end = [Line(f"  {line}") for line in closing][:CLOSING_MAX]
        end = [Line(), *end] if end else []
        lines = list(self._body(head, self.lines_max - len(end)))
        more = len(lines) - self.lines_max + len(end)
        if more > 0:
            lines[-more - 1 :] = [Line(f"  … and {more + 1:,} more lines", Tone.QUIET)]
        return [*lines, *end]

    def _body(self, head: str, room: int) -> Iterator[Line]:
        """What differs, with as many of the others as there is room for."""
        figures = list(self._figures())[: max(1, room - FIRST_MIN)]
        top = [Line(cut(head, 2 * HEAD_MAX), Tone.BAD), *figures, Line()]
        places = Places(self.golden, self.run, self.diff)
        middle = [*(self._types() if self.diff.unrelated else self._first(places))]
        allowed = list(self._allowed(ALLOWED_MAX))
        room -= len(top) + len(middle) + len(allowed)
        others = [] if self.diff.unrelated else list(self._others(places, room))
        yield from (*top, *middle, *others, *allowed)

    # --- the parts of a page -----------------------------------------------------------------

    def _figures(self) -> Iterator[Line]:
        """How much differs, how much is allowed, where it comes from, and what it costs."""
        diff = self.diff
        share = f" ({_percent(diff.matched, diff.golden_count)})" if diff.golden_count else ""
        match = f"{diff.matched:,}/{diff.golden_count:,} events match{share}, order {diff.order}"
        yield Line(f"  {_counted(diff.counts)}   {match}")
        if any(diff.allowed.values()):
            yield Line(f"  allowed: {_counted(diff.allowed)}", Tone.QUIET)
        if roots := self._roots():
            yield Line(f"  {roots}")
        if self.standing and self.standing.golden != self.standing.run:
            yield Line(cut(f"  compliance {self.standing.text}", HEAD_MAX))
        if self.golden.ledger != self.run.ledger:
            yield Line(f"  golden  {ledger_text(self.golden.ledger)}")
            yield Line(f"  run     {ledger_text(self.run.ledger)}")

    def _roots(self) -> str:
        """``root causes: 1   (the other 3 differences are downstream of #412)``."""
        roots = self.diff.roots
        others = sum(not found.rule for found in self.diff.divergences) - len(roots)
        if not roots or not others:
            return ""
        numbers = {found.number: None for found in roots if found.number is not None}
        # A number may be the golden's and the run's, and a close has none.
        named = [f"#{number}" for number in [*numbers][:ROOTS_MAX]]
        named += ["…"] * (len(numbers) > ROOTS_MAX or any(found.number is None for found in roots))
        what = "difference is" if others == 1 else f"{others:,} differences are"
        return f"root causes: {len(roots):,}   (the other {what} downstream of {', '.join(named)})"

    def _first(self, places: Places) -> Iterator[Line]:
        """The first divergence: what it is, where, and what stands around it."""
        first = self.diff.first
        assert first is not None
        told = cut(f"first divergence: {short_line(self.diff, first)}", HEAD_MAX)
        lines = [Line(told, Tone.HEAD), Line(f"  {place_text(first)}"), *places.around(first)]
        yield from lines if len(lines) <= FIRST_MAX else [*lines[: FIRST_MAX - 1], Line("  ⋮")]

    def _others(self, places: Places, room: int) -> Iterator[Line]:
        """The divergences beside the first one, on at most ``room`` lines."""
        assert self.diff.first is not None
        lines = list(places.others(self.diff.first, max(1, room - 2)))
        if lines:
            yield from (Line(), Line("then", Tone.HEAD), *lines)

    def _allowed(self, limit: int) -> Iterator[Line]:
        """What differs and is allowed, with the rules that say so."""
        allowed = [found for found in self.diff.divergences if found.rule]
        if not allowed:
            return
        places = Places(self.golden, self.run, self.diff)
        yield Line()
        yield Line("allowed", Tone.HEAD)
        for found in allowed[:limit]:
            rule = cut(clean(found.rule), NAME_MAX)
            yield Line(f"{cut(places.line(found).text, WIDTH)}   ({rule})", Tone.QUIET)
        if len(allowed) > limit:
            yield Line(f"  … and {len(allowed) - limit:,} more", Tone.QUIET)

    def _types(self) -> Iterator[Line]:
        """What there is of each type on both sides, the most frequent first."""
        ours, theirs = (_types_of(each.columns()) for each in (self.golden, self.run))
        names = sorted(ours | theirs, key=lambda name: (-(ours[name] + theirs[name]), name))
        yield Line("the sessions have next to nothing in common; events by type", Tone.HEAD)
        for name in names[:TYPES_MAX]:
            shown = padded(cut(clean(name) or "(no type)", NAME_MAX), 24)
            yield Line(f"  {shown}  {ours[name]:>9,} -> {theirs[name]:,}")
        if len(names) > TYPES_MAX:
            yield Line(f"  … and {len(names) - TYPES_MAX:,} more types", Tone.QUIET)
        if self.diff.first:
            yield Line()
            told = f"first divergence: {short_line(self.diff, self.diff.first)}"
            yield Line(cut(told, HEAD_MAX), Tone.HEAD)
            yield Line(f"  {place_text(self.diff.first)}")

    def _closing(self) -> Iterator[str]:
        """What to run next: to see more, to make the run again, to let it be the golden."""
        yield f"see     {self._see()}"
        yield f"accept  {command('accept', self.run_name, self.golden_name)}"
        if self.rerun:
            yield f"rerun   {self.rerun}"

    def _see(self) -> str:
        """The command that most likely tells more."""
        counted = [found for found in self.diff.divergences if not found.rule]
        categories = {found.category for found in counted}
        pair = [self.golden_name, self.run_name]
        if categories == {Category.TIMING}:
            drift_ns = max(abs(found.drift_ns) for found in counted)
            return command("diff", *pair, "--tolerance-ms", f"{-(-drift_ns // NS_PER_MS)}")
        if categories <= {Category.MOVED, Category.TIMING}:
            return command("diff", *pair, "--order", "bag")
        if len(counted) > TYPES_MAX + 1:
            return command("diff", *pair, "--tree") + "   (or --json: all of them)"
        return command("cat", self.run_name) + "   (what was decided)"

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "golden": self.golden_name,
            "run": self.run_name,
            "golden_digest": self.golden.digest,
            "run_digest": self.run.digest,
            "golden_ledger": ledger_dict(self.golden.ledger),
            "run_ledger": ledger_dict(self.run.ledger),
            "compliance": self.standing.to_dict() if self.standing else None,
            **self.diff.to_dict(),
        }


def _counted(counts: Mapping[str, int]) -> str:
    return " · ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _percent(part: int, whole: int) -> str:
    """``99.7 %``; rounded down, so that 100 % is all of it."""
    per_mille = part * 1000 // whole
    return f"{per_mille // 10}.{per_mille % 10} %"


def _types_of(columns: Columns) -> Counter[str]:
    counts = Counter(columns.kinds)
    return Counter({columns.types[kind]: count for kind, count in counts.items()})
