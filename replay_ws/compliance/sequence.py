"""Sequences: a number in the events that grows by the same step, without gaps and duplicates."""

from __future__ import annotations

from collections import Counter
from typing import Any

from replay_ws.compliance.parts import Context, Part, RunState, Step
from replay_ws.compliance.reading import NOTHING
from replay_ws.compliance.rules import Rule, SequenceRule, Severity, fits
from replay_ws.compliance.tally import Seen
from replay_ws.text import quoted


class Streams:
    """The sequences of a run, by what ``per`` names."""

    __slots__ = ("asked", "expected")

    def __init__(self) -> None:
        self.expected: dict[str, int] = {}
        self.asked: Counter[str] = Counter()


class Sequence(Part):
    """One number that grows."""

    takes_strangers = True

    def __init__(self, rule: SequenceRule, context: Context) -> None:
        self.rule = rule
        self.value = context.getter(rule.at)
        self.per = context.namer(rule.per)
        self.gap = context.asked(Rule.SEQUENCE, f"{rule.name} gap".strip(), rule.gap)
        name = f"{rule.name} duplicate".strip()
        self.duplicate = context.asked(Rule.SEQUENCE, name, rule.duplicate)

    def begin(self) -> Streams:
        """No stream has begun."""
        return Streams()

    def step(self, type: str) -> Step | None:
        """Compare the number of an event with what comes next."""
        if not fits(type, self.rule.of):
            return None
        place, per, value_of, width = self.place, self.per, self.value, self.rule.step

        def count(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            streams: Streams = run.states[place]
            name, value = per(payload), value_of(payload)
            expected = streams.expected.get(name, self.rule.start)
            streams.asked[""] += 1
            if value.__class__ is int and (expected is None or value == expected):
                streams.expected[name] = value + width
            else:
                self._fault(run, streams, name, value, expected, Seen(type, number, time_ns))

        return count

    def finish(self, run: RunState) -> None:
        """Every event was one question about gaps, and one about duplicates."""
        count = run.states[self.place].asked[""]
        run.tally.ask(self.gap, count)
        if self.duplicate.severity is not Severity.OK:
            run.tally.ask(self.duplicate, count)

    def _fault(
        self,
        run: RunState,
        streams: Streams,
        name: str,
        value: Any,
        expected: int | None,
        seen: Seen,
    ) -> None:
        number = f"number {value}" if value is not NOTHING else "no number"
        of = f" of {quoted(name)}" if name else ""
        if not isinstance(value, int) or isinstance(value, bool):
            told = "no number" if value is NOTHING else "a number that is no integer"
            run.tally.lose(self.gap, f"{seen.type}{of} has {told}", seen, run.name)
            return
        step = self.rule.step
        assert expected is not None, "the first number of a stream is never a fault"
        if (value - expected) * step < 0:
            message = f"{seen.type}{of} has {number} again, where {expected} comes next"
            run.tally.lose(self.duplicate, message, seen, run.name)
            return
        message = f"{seen.type}{of} has {number}, where {expected} comes next"
        run.tally.lose(self.gap, message, seen, run.name)
        streams.expected[name] = value + step
