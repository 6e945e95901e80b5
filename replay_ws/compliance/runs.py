"""One run of a protocol: the rules about what comes first, last, once, in order, and in pairs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from replay_ws.compliance.profile import KINDS, PairRule, Rule
from replay_ws.compliance.reading import NOTHING, find, name_at
from replay_ws.compliance.tally import Seen, Tally
from replay_ws.text import quoted


class Run:
    """What is remembered of a run: where each type came first, and what is open."""

    def __init__(self, tally: Tally, name: str = "") -> None:
        self.tally = tally
        self.profile = tally.profile
        self.name = name
        self.first: dict[str, Seen] = {}
        self.last: Seen | None = None
        self.ended = False
        self.open: tuple[dict[str, list[Seen]], ...] = tuple({} for _ in self.profile.pairs)

    def take(self, seen: Seen, payload: Any) -> None:
        """Judge an event of this run."""
        profile = self.profile
        if self.last is None and profile.first:
            expected = _any_of(profile.first)
            begins = seen.type in profile.first
            self._ask(Rule.FIRST, begins, f"begins with {seen.type}, not with {expected}", seen)
        if self.ended:
            allowed = seen.type in profile.after_terminal
            self._ask(Rule.AFTER_TERMINAL, allowed, f"{seen.type} came after the end", seen)
        if seen.type in profile.at_most_once:
            self._ask(
                Rule.AT_MOST_ONCE, seen.type not in self.first, f"{seen.type} came again", seen
            )
        for rule, waiting in zip(profile.pairs, self.open, strict=True):
            self._pair(rule, waiting, seen, payload)
        self._fields(seen, payload)
        self.first.setdefault(seen.type, seen)
        self.last = seen
        self.ended = self.ended or seen.type in profile.terminal

    def finish(self) -> None:
        """Judge what can be told only when no more of this run comes."""
        profile, first = self.profile, self.first
        for name in profile.required:
            self._ask(Rule.REQUIRED, name in first, f"{name} never came", None, name)
        for one, two in pairwise(profile.order):
            if one in first and two in first:
                rises = first[one].number < first[two].number
                message = f"{two} came before {one}"
                self._ask(Rule.ORDER, rises, message, first[two], f"{one} -> {two}")
        for rule, waiting in zip(profile.pairs, self.open, strict=True):
            for name, opened in waiting.items():
                for seen in opened:
                    message = f"{_called(seen, name)} was never closed"
                    self._ask(Rule.PAIRS, False, message, seen, rule.name)
        if self.last and profile.terminal:
            message = f"ends with {self.last.type}, without {_any_of(profile.terminal)}"
            self._ask(Rule.TERMINAL, self.ended, message, self.last)

    def _ask(self, rule: Rule, ok: bool, message: str, at: Seen | None, subject: str = "") -> None:
        self.tally.count(rule, subject, ok=ok)
        if not ok:
            self.tally.find(rule, message, at, self.name)

    def _pair(
        self, rule: PairRule, waiting: dict[str, list[Seen]], seen: Seen, payload: Any
    ) -> None:
        """Open or close. What has no name closes the last that opened, and is closed by any."""
        if seen.type in rule.open:
            waiting.setdefault(name_at(payload, rule.by, self.profile), []).append(seen)
        elif seen.type in rule.close:
            name = name_at(payload, rule.by, self.profile)
            closed = name if name in waiting else "" if name else next(reversed(waiting), "")
            found = closed in waiting
            message = f"{_called(seen, name)} closes nothing that is open"
            self._ask(Rule.PAIRS, found, message, seen, rule.name)
            if found:
                waiting[closed].pop()
                if not waiting[closed]:
                    del waiting[closed]

    def _fields(self, seen: Seen, payload: Any) -> None:
        faults = []
        rules = [rule for rule in self.profile.fields if seen.type in rule.of]
        for rule in rules:
            value = find(payload, rule.at, self.profile)
            if value is NOTHING and rule.required:
                faults.append(f"{seen.type} has no {rule.name}")
            elif value is not NOTHING and not KINDS[rule.kind](value):
                faults.append(f"the {rule.name} of {seen.type} is no {rule.kind}")
        if rules:
            self._ask(Rule.FIELDS, not faults, "; ".join(faults), seen)


def _any_of(types: tuple[str, ...]) -> str:
    return " or ".join(filter(None, [", ".join(types[:-1]), types[-1]]))


def _called(seen: Seen, name: str) -> str:
    return f"{seen.type} {quoted(name)}" if name else seen.type
