"""The values of a comparison: what it reads, a divergence, a diff.

Every value here has a mirror image: the same comparison with the sides exchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from operator import attrgetter
from typing import Any, Protocol

from replay_ws.clock import time_text
from replay_ws.events.log import Direction
from replay_ws.events.model import Event
from replay_ws.text import NAME_MAX, clean, cut


class Deliveries(Protocol):
    """What ``compare`` reads of a session."""

    def delivered(self) -> Sequence[Event]:
        """What receivers saw, in the order in which they saw it."""

    @property
    def events(self) -> Sequence[Event]:
        """Every message as it was sent, with its outcome, in sending order."""


class Category(StrEnum):
    """In which way two sessions differ in one place."""

    MISSING = "missing"  # the golden delivered it, the run did not
    EXTRA = "extra"  # the run delivered it, the golden did not
    MOVED = "moved"  # the same events, past others that they keep their order with
    CHANGED = "changed"  # same lane, type and place; another payload
    IDENTITY = "identity"  # equal, but it names another call, run or secret than its partner did
    RETYPED = "retyped"  # the same payload, as another type, opcode or subprotocol
    TIMING = "timing"  # the same event, delivered later or earlier
    CLOSE = "close"  # the connection ended otherwise: code, reason, who, or not at all
    FRAMING = "framing"  # pings and pongs
    COMPLIANCE = "compliance"  # a rule of the protocol is kept to another degree
    TRUNCATED = "truncated"  # one side ends where the other goes on
    FATE = "fate"  # sent in both, delivered in neither, for different reasons

    def mirrored(self) -> Category:
        """What it is called when the sides are exchanged."""
        return _MIRROR.get(self, self)


_MIRROR = {Category.MISSING: Category.EXTRA, Category.EXTRA: Category.MISSING}

ALLOWED = (Category.FRAMING,)
"""Categories that do not make sessions different unless that is asked for."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One difference within a pair of payloads: where (a JSON path), and both values as shown.

    A side that has nothing there is None; with neither it is a remark.
    """

    path: str
    golden: str | None = None
    run: str | None = None

    def mirrored(self) -> Detail:
        """The same with the sides exchanged."""
        return Detail(self.path, self.run, self.golden)

    def __str__(self) -> str:
        if self.golden is None and self.run is None:
            return self.path
        golden, run = ("nothing" if side is None else side for side in (self.golden, self.run))
        return f"{self.path}: {golden} -> {run}"


@dataclass(frozen=True, slots=True)
class Divergence:
    """One difference between two sessions.

    ``golden`` and ``run`` number the event among what each side delivered, from 0; None where a
    side did not deliver it. ``golden_place`` and ``run_place`` are the same number, or else that of
    the last event before the place where it would stand (-1 at the start).
    ``text`` shows an event that one side lacks; ``why`` is the fate of its intent there.
    A moved block is ``count`` events; ``distance`` is how many others they moved past (negative
    where they come earlier). What was truncated is ``count`` events of one lane, from the one
    that is told on to the lane's end.

    ``root`` is False for what can follow from another divergence, one that happened before it.
    ``rule`` is the rule that allows it: with one, it does not make the sessions different.
    """

    category: Category
    connection: str
    direction: Direction
    type: str
    golden: int | None
    run: int | None
    golden_place: int
    run_place: int
    golden_ns: int | None
    run_ns: int | None
    text: str = ""
    why: str = ""
    count: int = 1
    distance: int = 0
    details: tuple[Detail, ...] = ()
    root: bool = True
    rule: str = ""

    def mirrored(self) -> Divergence:
        """The same with the sides exchanged."""
        return Divergence(  # in words rather than by `replace`: of a long diff, every one is
            category=self.category.mirrored(),
            connection=self.connection,
            direction=self.direction,
            type=self.type,
            golden=self.run,
            run=self.golden,
            golden_place=self.run_place,
            run_place=self.golden_place,
            golden_ns=self.run_ns,
            run_ns=self.golden_ns,
            text=self.text,
            why=self.why,
            count=self.count,
            distance=-self.distance,
            details=tuple([detail.mirrored() for detail in self.details]),
            root=self.root,
            rule=self.rule,
        )

    def following(self) -> Divergence:
        """The same, as one that can follow from another."""
        return Divergence(*(*_VALUES(self)[:-2], False, self.rule))

    @property
    def drift_ns(self) -> int:
        """How much later the run has the event; 0 where one side has none."""
        if self.golden_ns is None or self.run_ns is None:
            return 0
        return self.run_ns - self.golden_ns

    @property
    def number(self) -> int | None:
        """The number by which a reader finds it: the golden's, for an extra event the run's."""
        return self.run if self.golden is None else self.golden

    def line(self, *, name_connection: bool = False) -> str:
        """One line for a reader: ``missing #2 < 'token b': lost (loss)``."""
        words = [
            self.category.value,
            *([f"#{self.number}"] if self.number is not None else []),
            *([clean(cut(self.connection, NAME_MAX))] if name_connection else []),
            self.direction.sign,
            *filter(None, [clean(cut(self.type, NAME_MAX)), self.text]),
        ]
        facts = "; ".join(self.facts())
        return f"{' '.join(words)}: {facts}" if facts else " ".join(words)

    def facts(self) -> list[str]:
        """What there is to say of it besides which event it is."""
        facts = [self.why] if self.why else []
        match self.category:
            case Category.MOVED:
                if self.count > 1:
                    facts.append(f"{self.count} events")
                if self.distance:
                    side = "earlier" if self.distance < 0 else "later"
                    facts.append(f"{abs(self.distance)} {side}")
                facts.extend(map(str, self.details))
            case Category.TIMING:
                word = "late" if self.drift_ns > 0 else "early"
                facts.append(f"{time_text(abs(self.drift_ns))} {word}")
            case Category.TRUNCATED:
                side = "run" if self.run is None else "golden"
                facts.append(f"the {side} ends here, {self.count:,} events short")
            case _:
                facts.extend(map(str, self.details))
        return facts

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data for JSON."""
        return {
            "category": self.category.value,
            "connection": self.connection,
            "direction": self.direction.name.lower(),
            "type": self.type,
            "golden": self.golden,
            "run": self.run,
            "golden_ns": self.golden_ns,
            "run_ns": self.run_ns,
            "text": self.text,
            "why": self.why,
            "count": self.count,
            "distance": self.distance,
            "root": self.root,
            "rule": self.rule,
            "details": [
                {"path": detail.path, "golden": detail.golden, "run": detail.run}
                for detail in self.details
            ],
        }


_VALUES = attrgetter(*(each.name for each in fields(Divergence)))


@dataclass(frozen=True, slots=True)
class Diff:
    """All differences between a golden session and a run, in golden order.

    Every delivered event is counted once: ``matched``, moved, changed, retyped, missing and
    truncated ones and those of another identity make up ``golden_count``; with extra in the place
    of missing they make up ``run_count``. Mistimed events are among the matched ones.

    ``unrelated`` says that the sessions have next to nothing in common: little was aligned.
    """

    order: str
    golden_count: int
    run_count: int
    matched: int
    connections: tuple[str, ...]
    divergences: tuple[Divergence, ...]
    unrelated: bool = False

    @property
    def same(self) -> bool:
        """Whether nothing differs but what a rule allows.

        Timing counts, within the tolerance that was asked for.
        """
        return all(divergence.rule for divergence in self.divergences)

    @property
    def roots(self) -> tuple[Divergence, ...]:
        """The divergences that follow from no other, of those that no rule allows."""
        return tuple(found for found in self.divergences if found.root and not found.rule)

    @property
    def first(self) -> Divergence | None:
        """The first divergence that no rule allows, of those that follow from no other."""
        counted = [found for found in self.divergences if not found.rule]
        return next((found for found in counted if found.root), next(iter(counted), None))

    @property
    def counts(self) -> dict[str, int]:
        """Events per category, all categories in a fixed order; without what a rule allows."""
        return self._counts(allowed=False)

    @property
    def allowed(self) -> dict[str, int]:
        """The same of what a rule allows."""
        return self._counts(allowed=True)

    def _counts(self, *, allowed: bool) -> dict[str, int]:
        counts = {category.value: 0 for category in Category}
        for divergence in self.divergences:
            if bool(divergence.rule) is allowed:
                counts[divergence.category.value] += divergence.count
        return counts

    def mirrored(self) -> Diff:
        """The diff with the sides exchanged."""
        exchanged = [divergence.mirrored() for divergence in self.divergences]
        return replace(
            self,
            golden_count=self.run_count,
            run_count=self.golden_count,
            divergences=in_golden_order(exchanged),
        )

    def lines(self) -> list[str]:
        """One line per divergence; with several connections each names its own."""
        several = len(self.connections) > 1
        return [divergence.line(name_connection=several) for divergence in self.divergences]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data for JSON."""
        return {
            "same": self.same,
            "unrelated": self.unrelated,
            "order": self.order,
            "golden_count": self.golden_count,
            "run_count": self.run_count,
            "matched": self.matched,
            "counts": self.counts,
            "allowed": self.allowed,
            "roots": len(self.roots),
            "divergences": [divergence.to_dict() for divergence in self.divergences],
        }


def in_golden_order(divergences: Iterable[Divergence]) -> tuple[Divergence, ...]:
    """``divergences`` sorted by where the golden has, or would have, their events.

    Equal ones (intents of one moment) keep their order, also when a diff is mirrored twice.
    """
    return tuple(sorted(divergences, key=_golden_order))


def _golden_order(found: Divergence) -> tuple[object, ...]:
    places = (found.golden_place, found.golden is None, found.run_place, found.run is None)
    return (*places, found.category, found.connection, found.direction, found.type)
