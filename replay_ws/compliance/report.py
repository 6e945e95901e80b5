"""What a check finds: findings, the checks that they cost, and the score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import fsum
from typing import Any

from replay_ws.clock import time_text
from replay_ws.compliance.rules import Rule, Severity
from replay_ws.text import NAME_MAX, clean, cut, quoted


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule, and the event that shows it.

    ``number`` counts the events that were checked, from 0; it and ``time_ns`` are None where the
    fault is that something never came. ``run`` is the run's own name for itself.
    """

    rule: Rule
    severity: Severity
    message: str
    connection: str = ""
    run: str = ""
    number: int | None = None
    time_ns: int | None = None
    subject: str = ""

    def __str__(self) -> str:
        where = [
            f"#{self.number}" if self.number is not None else "",
            clean(cut(self.connection, NAME_MAX)),
            f"run {quoted(self.run)}" if self.run else "",
            f"at {time_text(self.time_ns)}" if self.time_ns is not None else "",
        ]
        place = ", ".join(filter(None, where))
        head = f"{self.severity.value} {self.rule.value}"
        return f"{head} ({place}): {self.message}" if place else f"{head}: {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data for JSON."""
        return {**asdict(self), "rule": self.rule.value, "severity": self.severity.value}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was asked, how often, and how often it was so.

    Of a latency the unit is not the time but the nanosecond: those of the budget, of those it took.
    A ``must`` fails the verdict when it is broken, whatever the score.
    """

    rule: Rule
    subject: str
    ok: int
    total: int
    weight: int = 1
    must: bool = False

    @property
    def share(self) -> float:
        """0.0 to 1.0."""
        return self.ok / self.total


def score(checks: tuple[Check, ...]) -> float:
    """Weighted mean of the shares; 0.0 where nothing could be checked.

    A check counts, not an event, so that a thousand good tokens do not hide one lost tool call.
    """
    weight = sum(check.weight for check in checks)
    return _points(checks) / weight if weight else 0.0


def _points(checks: tuple[Check, ...]) -> float:
    # Since Python 3.12 sum() adds floats in another way than before; fsum is exact on all.
    return fsum(check.weight * check.share for check in checks)


@dataclass(frozen=True, slots=True)
class Report:
    """How well a session keeps the rules of a profile.

    ``required`` tells which required types came at all, on whichever connection. Each check adds
    up all runs of all connections, so a run with a fault costs its part of that check;
    ``by_connection`` is the score that each connection has by itself.
    """

    profile: str
    checks: tuple[Check, ...]
    required: Mapping[str, bool]
    findings: tuple[Finding, ...]
    by_connection: Mapping[str, float]
    min_score: float | None = None

    @property
    def score(self) -> float:
        """0.0 to 1.0: the share of the checks that hold."""
        return score(self.checks)

    @property
    def required_share(self) -> float:
        """Which part of the required types came; nothing else counts here."""
        return share(self.required)

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings cost score only.

        Where the profile has a ``min_score``: whether it is reached, and no ``must`` is broken.
        """
        if self.min_score is not None:
            broken = any(check.must and check.ok < check.total for check in self.checks)
            return self.score >= self.min_score and not broken
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    def lines(self) -> list[str]:
        """The verdict, then one line per finding."""
        total = sum(check.weight for check in self.checks)
        tally = Counter(finding.severity for finding in self.findings)
        counts = ", ".join(
            f"{tally[kind]} {kind.value}{'s' if tally[kind] > 1 else ''}"
            for kind in Severity
            if tally[kind]
        )
        kept = f"{_points(self.checks):.2f} of {total} checks" if total else "nothing was asked"
        head = f"{self.profile} {self.score:.3f}: {kept}"
        if self.min_score is not None:
            reached = "ok" if self.ok else "failed"
            head += f", {reached} (min_score {self.min_score:g})"
        return [f"{head}; {counts or 'no findings'}", *map(str, self.findings)]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data for JSON."""
        return {
            "profile": self.profile,
            "ok": self.ok,
            "score": self.score,
            "min_score": self.min_score,
            "required_share": self.required_share,
            "required": dict(self.required),
            "by_connection": dict(self.by_connection),
            "checks": [{**asdict(check), "rule": check.rule.value} for check in self.checks],
            "findings": [finding.to_dict() for finding in self.findings],
        }


def share(required: Mapping[str, bool]) -> float:
    """Which part of ``required`` holds; 1.0 where nothing is required."""
    return sum(required.values()) / len(required) if required else 1.0
