"""One run of a protocol: what comes first, last and in order, and the parts of its judgement."""

from __future__ import annotations

from typing import Any

from replay_ws.compliance.dispatch import Plan, Rules
from replay_ws.compliance.parts import RunState, any_of
from replay_ws.compliance.rules import fits
from replay_ws.compliance.tally import Asked, Seen, Tally

NAMELESS = "an event without a type"


class Run(RunState):
    """A run that is judged as it comes."""

    __slots__ = ("profile", "rules")

    def __init__(self, rules: Rules, tally: Tally, name: str = "") -> None:
        super().__init__(tally, name, rules.parts)
        self.rules = rules
        self.profile = rules.profile

    def take(self, plan: Plan, payload: Any, number: int, time_ns: int) -> None:
        """Judge an event of this run."""
        type = plan.type
        if self.last is None:
            self._begin(plan, number, time_ns)
        if self.ended:
            self._go_on(plan, number, time_ns)
        for step in plan.steps:
            step(self, payload, number, time_ns)
        entry = self.came.get(type)
        if entry is None:
            self.came[type] = [1, number, time_ns]
        else:
            entry[0] += 1
        self.last = (type, number, time_ns)
        if plan.terminal:
            self.ended = type

    def pass_by(self, plan: Plan, payload: Any, number: int, time_ns: int) -> None:
        """Judge only the place of an event, of whose type nothing is known, and its number."""
        if self.last is None:
            self._begin(plan, number, time_ns)
        if self.ended:
            self._go_on(plan, number, time_ns)
        for step in plan.steps:
            step(self, payload, number, time_ns)
        self.last = (plan.type, number, time_ns)

    def finish(self) -> None:
        """Judge what can be told only when no more of this run comes."""
        tally, rules = self.tally, self.rules
        for name, asked in rules.required.items():
            self._require(name, asked, "never came")
        for (cause, name), asked in rules.required_if.items():
            if self._first(cause):
                self._require(name, asked, f"never came, although {cause} did")
        for (one, two), asked in rules.order.items():
            before, after = self._first(one), self._first(two)
            if before and after:
                tally.ask(asked)
                if before.number >= after.number:
                    tally.lose(asked, f"{two} came before {one}", after, self.name)
        for part in rules.parts:
            part.finish(self)
        if self.last and self.profile.terminal:
            tally.ask(rules.terminal)
            if not self.ended:
                seen = Seen(*self.last)
                message = (
                    f"ends with {seen.type or NAMELESS}, without {any_of(self.profile.terminal)}"
                )
                tally.lose(rules.terminal, message, seen, self.name)

    def _begin(self, plan: Plan, number: int, time_ns: int) -> None:
        first = self.profile.first
        if first:
            self.tally.ask(self.rules.first)
            if not plan.first:
                message = f"begins with {plan.type or NAMELESS}, not with {any_of(first)}"
                seen = Seen(plan.type, number, time_ns)
                self.tally.lose(self.rules.first, message, seen, self.name)

    def _go_on(self, plan: Plan, number: int, time_ns: int) -> None:
        """Something comes after the end."""
        self.tally.ask(self.rules.after_terminal)
        allowed = self.profile.after_terminal.items()
        if not any(fits(self.ended, (end,)) and fits(plan.type, names) for end, names in allowed):
            seen = Seen(plan.type, number, time_ns)
            message = f"{plan.type or NAMELESS} came after the end"
            self.tally.lose(self.rules.after_terminal, message, seen, self.name)

    def _require(self, name: str, asked: Asked, fault: str) -> None:
        self.tally.ask(asked)
        if name not in self.came and not self._first(name):
            self.tally.lose(asked, f"{name} {fault}", None, self.name)

    def _first(self, name: str) -> Seen | None:
        """The first event of a type, or of those that a wildcard stands for."""
        if "*" not in name:
            entry = self.came.get(name)
            return Seen(name, entry[1], entry[2]) if entry else None
        came = [Seen(t, e[1], e[2]) for t, e in self.came.items() if fits(t, (name,))]
        return min(came, key=lambda seen: seen.number, default=None)
