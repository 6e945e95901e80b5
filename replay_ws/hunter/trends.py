"""A history for a reader and for a program: what fails, since when, and what is left to prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Any

from replay_ws.hunter.history import Quarantine, Record, State
from replay_ws.hunter.statistics import percent
from replay_ws.report.blocks import Block, Line, Tone, command, plural
from replay_ws.text import clean, cut

RECORDS_MAX = 30
"""Records that are shown; --json has all of them."""
SEEDS_MAX = 5
TREND_MAX = 24
_WIDTH = 110
_BARS = "▁▂▃▄▅▆▇█"

_TONES = {State.FAILING: Tone.BAD, State.QUIET: Tone.HEAD}


@dataclass(frozen=True, slots=True)
class Trends:
    """What a history knows on a day: its ``records``, and what may fail."""

    name: str
    records: Sequence[Record]
    quarantines: Sequence[Quarantine]
    today: date

    def blocks(self) -> Iterator[Block]:
        """The count of each state, a paragraph for each record, and the quarantines."""
        states = [record.state for record in self.records]
        counts = [f"{states.count(state)} {state}" for state in State if state in states]
        worst = Tone.BAD if State.FAILING in states else Tone.GOOD
        yield Line(f"{self.name}: {', '.join(counts) or 'no hunt yet'}", worst)
        above = None
        for record in self.records[:RECORDS_MAX]:
            if (above, record.state) != (State.CLEAN, State.CLEAN):
                yield Line()
            above = record.state
            yield from _record_lines(record)
        if len(self.records) > RECORDS_MAX:
            more = len(self.records) - RECORDS_MAX
            yield Line(f"… and {more:,} more; --json has all", Tone.QUIET)
        for quarantine in self.quarantines:
            yield Line(quarantine_text(quarantine, self.today), Tone.QUIET)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "history": self.name,
            "records": [_record_dict(record) for record in self.records],
            "quarantine": [
                {
                    "target": each.target,
                    "until": each.until.isoformat(),
                    "reason": each.reason,
                    "over": each.is_over(self.today),
                }
                for each in self.quarantines
            ],
        }


def quarantine_text(quarantine: Quarantine, today: date) -> str:
    """``quarantined until 2026-12-24: TARGET (reason)``; or that it is over."""
    reason = f" ({clean(quarantine.reason)})" if quarantine.reason else ""
    how = "was quarantined" if quarantine.is_over(today) else "quarantined"
    return f"{how} until {quarantine.until}: {clean(quarantine.target)}{reason}"


def _record_lines(record: Record) -> Iterator[Line]:
    tone = _TONES.get(record.state, Tone.GOOD)
    head = cut(f"{record.state.value}  {clean(record.target)}", _WIDTH)
    done = f"{plural(record.runs, 'run')} in {plural(record.hunts, 'hunt')}"
    if record.signature is None or record.seen is None:
        fewer = f"fewer than {percent(record.interval.high)} fail (95 %)"
        yield Line(f"{head}: no failure in {done}, so {fewer}", tone)
        return
    yield Line(head, tone)
    yield Line(f"  {cut(clean(str(record.signature)), _WIDTH)}")
    counted = f"{record.failures:,} of {done}"
    yield Line(f"  {counted}; {record.interval} of the runs fail so, with 95 % confidence")
    first, last = record.seen
    seeds = ", ".join(map(str, record.seeds[-SEEDS_MAX:]))
    yield Line(f"  first {_day(first)}, last {_day(last)}, seeds {seeds}   {_trend_text(record)}")
    if proof := _proof_text(record):
        yield Line(f"  {proof}")


def _proof_text(record: Record) -> str:
    if record.state is State.FAILING or not isfinite(record.needed):
        return ""
    since = f"{plural(record.clean_runs, 'clean run')} since"
    needed = round(record.needed)
    if record.state is State.FIXED:
        return f"{since}, and {needed:,} prove a fix"
    more = needed - record.clean_runs
    seeds = f"{record.next_seed}..{record.next_seed + more}"
    line = command("hunt", record.target, "--seeds", seeds)
    return f"fixed? {since} of {needed:,} that prove it; {more:,} more: {line}"


def _trend_text(record: Record) -> str:
    """A bar for each of the last hunts."""
    shares = record.trend[-TREND_MAX:]
    top = max(shares) or 1.0
    return "".join(_BARS[round(share / top * (len(_BARS) - 1))] for share in shares)


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _record_dict(record: Record) -> dict[str, Any]:
    return {
        "target": record.target,
        "signature": record.signature._asdict() if record.signature else None,
        "state": record.state.value,
        "hunts": record.hunts,
        "runs": record.runs,
        "failures": record.failures,
        "interval": list(record.interval),
        "first_seen": record.seen[0].isoformat() if record.seen else None,
        "last_seen": record.seen[1].isoformat() if record.seen else None,
        "seeds": list(record.seeds),
        "trend": list(record.trend),
        "clean_runs": record.clean_runs,
        "clean_runs_needed": record.needed if isfinite(record.needed) else None,
    }
