"""Latency: how long things take in virtual time, against budgets.

A check is worth the budget / what it took, and at most 1: what takes twice as long costs half.
"""

from __future__ import annotations

from typing import Any

from replay_ws.clock import time_text
from replay_ws.compliance.parts import Context, Part, RunState, Step
from replay_ws.compliance.rules import Rule, Span, fits
from replay_ws.compliance.tally import Asked, Seen


def judge(run: RunState, asked: Asked, took_ns: int, budget_ns: int, what: str, seen: Seen) -> None:
    """Ask for a budget; opportunities are nanoseconds, of which those beyond it are lost."""
    run.tally.ask(asked, max(took_ns, budget_ns))
    if took_ns > budget_ns:
        message = f"{what} took {time_text(took_ns)}, more than {time_text(budget_ns)}"
        run.tally.lose(asked, message, seen, run.name, took_ns - budget_ns)


class Gap(Part):
    """The longest time between two events of a run."""

    reads = False

    def __init__(self, budget_ns: int, context: Context) -> None:
        self.budget_ns = budget_ns
        self.asked = context.asked(Rule.LATENCY, "max_gap")

    def begin(self) -> list[Any]:
        """The longest, and the event after it."""
        return [-1, None]

    def step(self, type: str) -> Step | None:
        """Every event ends a gap."""
        place = self.place

        def gap(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            longest = run.states[place]
            if run.last is not None and time_ns - run.last[2] > longest[0]:
                longest[:] = time_ns - run.last[2], Seen(type, number, time_ns)

        return gap

    def finish(self, run: RunState) -> None:
        """The longest counts."""
        took_ns, seen = run.states[self.place]
        if seen:
            judge(run, self.asked, took_ns, self.budget_ns, f"the wait for {seen.type}", seen)


class Total(Part):
    """How long a run takes."""

    reads = False

    def __init__(self, budget_ns: int, context: Context) -> None:
        self.budget_ns = budget_ns
        self.asked = context.asked(Rule.LATENCY, "total")

    def finish(self, run: RunState) -> None:
        """From its first event to its last."""
        if run.last is not None:
            began_ns = min(entry[2] for entry in run.came.values())
            took_ns = run.last[2] - began_ns
            judge(run, self.asked, took_ns, self.budget_ns, "the run", Seen(*run.last))


class Between(Part):
    """How long it takes from the first of some types to the first of others."""

    reads = False

    def __init__(self, name: str, span: Span, context: Context) -> None:
        self.span = span
        self.name = name
        self.asked = context.asked(Rule.LATENCY, name)

    def begin(self) -> list[Any]:
        """When it began, and whether it is over."""
        return [None, False]

    def step(self, type: str) -> Step | None:
        """Begin or end it."""
        place = self.place
        begins, ends = fits(type, self.span.from_), fits(type, self.span.to)
        if not begins and not ends:
            return None

        def mark(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            state = run.states[place]
            if ends and state[0] is not None and not state[1]:
                state[1] = True
                seen = Seen(type, number, time_ns)
                budget_ns = self.span.within_ns
                judge(run, self.asked, time_ns - state[0], budget_ns, self.name, seen)
            elif begins and state[0] is None:
                state[0] = time_ns

        return mark
