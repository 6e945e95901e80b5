"""What was asked of a connection, how often it was not so, and what was found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from replay_ws.compliance.profile import Profile
from replay_ws.compliance.report import Check, Finding
from replay_ws.compliance.rules import Rule, Severity
from replay_ws.text import clean, cut

MESSAGE_MAX = 1_000
"""Characters that a finding has: a payload or a type can be as long as it likes."""

FINDINGS_MAX = 1_000
"""Findings of one check on one connection that are kept; the others are counted."""


class Seen(NamedTuple):
    """An event, as far as findings speak of it."""

    type: str
    number: int
    time_ns: int


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """A check, as rules speak of it: what breaking it means is settled when it is made.

    A profile's checker has one object for each.
    """

    rule: Rule
    subject: str
    severity: Severity
    must: bool


class Tally:
    """The answers and findings of one connection; of several, once they are included."""

    def __init__(self, profile: Profile, connection: str = "") -> None:
        self.profile = profile
        self.connection = connection
        self.findings: list[Finding] = []
        self.total: Counter[Asked] = Counter()
        self.lost: Counter[Asked] = Counter()
        self.told: Counter[Asked] = Counter()

    def ask(self, asked: Asked, times: int = 1) -> None:
        """Count what was asked so often; what was not so is then lost."""
        if times and asked.severity is not Severity.OK:
            self.total[asked] += times

    def lose(
        self, asked: Asked, message: str, at: Seen | None, run: str = "", times: int = 1
    ) -> None:
        """Count what was not so, and add a finding; ``at`` is the event that shows it."""
        if asked.severity is Severity.OK:
            return
        self.lost[asked] += times
        self.find(asked, message, at, run)

    def find(self, asked: Asked, message: str, at: Seen | None, run: str = "") -> None:
        """Add a finding that costs nothing more."""
        if asked.severity is Severity.OK:
            return
        self.told[asked] += 1
        if self.told[asked] > FINDINGS_MAX:
            return
        if not message.isprintable():  # a type that a wildcard stands for can be anything
            message = clean(message)
        self.findings.append(self._finding(asked, cut(message, MESSAGE_MAX), at, run))

    def finish(self) -> None:
        """Say how many findings were not kept."""
        for asked, count in self.told.items():
            if count > FINDINGS_MAX:
                more = f"{count - FINDINGS_MAX:,} more like these"
                self.findings.append(self._finding(asked, more))

    def _finding(
        self, asked: Asked, message: str, at: Seen | None = None, run: str = ""
    ) -> Finding:
        number, time_ns = (at.number, at.time_ns) if at else (None, None)
        severity = Severity.ERROR if asked.must else asked.severity
        place = (self.connection, run, number, time_ns, asked.subject)
        return Finding(asked.rule, severity, message, *place)

    def include(self, other: Tally) -> None:
        """Add the answers and findings of another connection."""
        self.total.update(other.total)
        self.lost.update(other.lost)
        self.findings.extend(other.findings)

    def checks(self) -> tuple[Check, ...]:
        """What was asked, rule by rule."""
        order = {rule: number for number, rule in enumerate(Rule)}
        weight = self.profile.weight_of
        return tuple(
            Check(
                asked.rule,
                asked.subject,
                total - self.lost[asked],
                total,
                weight(asked.rule, asked.subject),
                asked.must,
            )
            for asked, total in sorted(
                self.total.items(), key=lambda item: (order[item[0].rule], item[0].subject)
            )
        )
