"""What was asked of a connection, how often it was so, and what was found."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from replay_ws.compliance.profile import Profile, Rule
from replay_ws.compliance.report import Check, Finding


class Seen(NamedTuple):
    """An event, as far as findings speak of it."""

    type: str
    number: int
    time_ns: int


class Tally:
    """The answers and findings of one connection; of several, once they are included."""

    def __init__(self, profile: Profile, connection: str = "") -> None:
        self.profile = profile
        self.connection = connection
        self.findings: list[Finding] = []
        self.ok: Counter[tuple[Rule, str]] = Counter()
        self.total: Counter[tuple[Rule, str]] = Counter()

    def count(self, rule: Rule, subject: str = "", *, ok: bool) -> None:
        """Add one answer."""
        self.total[rule, subject] += 1
        self.ok[rule, subject] += ok

    def find(self, rule: Rule, message: str, at: Seen | None, run: str = "") -> None:
        """Add a finding; ``at`` is the event that shows it."""
        number, time_ns = (at.number, at.time_ns) if at else (None, None)
        severity = self.profile.severity_of(rule)
        self.findings.append(
            Finding(rule, severity, message, self.connection, run, number, time_ns)
        )

    def include(self, other: Tally) -> None:
        """Add the answers and findings of another connection."""
        self.ok.update(other.ok)
        self.total.update(other.total)
        self.findings.extend(other.findings)

    def checks(self) -> tuple[Check, ...]:
        """What was asked, rule by rule."""
        weights = self.profile.weights
        return tuple(
            Check(rule, subject, self.ok[rule, subject], total, weights.get(rule, 1))
            for asked in Rule
            for (rule, subject), total in sorted(self.total.items())
            if rule is asked
        )
