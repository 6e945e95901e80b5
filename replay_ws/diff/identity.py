"""Whether events that answer each other are about the same things, and hold what they may.

Alignment sees every name (of a call, a run, a secret) as the same. Here the names are unified, one
to one in each domain: the partners that most events agree on, and among equals those that came
first. Nothing is numbered, so that one missing call shifts nothing. An event that has another
partner for a name than the others have answers another call: its identity differs.

Where that happens, alignment may have been what erred, since calls with equal arguments look
the same without their names. So events are aligned once more with the names that were
found, and what has fewer differences is kept.

The other volatile values are judged pair by pair: a value that is not what its rule says, and not
its partner's either, has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from replay_ws.diff import show
from replay_ws.diff.checks import Check, clock_reading, epoch_unit_ns, is_name, is_number
from replay_ws.diff.ignoring import path_text
from replay_ws.diff.keys import data, has_secret, placeholders, secrets, texts_of
from replay_ws.diff.model import Category, Detail
from replay_ws.diff.pairing import Pair, Pairing, intern
from replay_ws.diff.sides import Side
from replay_ws.diff.volatile import Place, Volatile
from replay_ws.events.model import Event

SECRET = "secret"
"""The domain of the placeholders that redaction leaves."""

Name: TypeAlias = "tuple[str, Any]"
"""A domain, and a name in it."""


class Break(NamedTuple):
    """Two events that answer each other and are equal, but for volatile values."""

    pair: Pair
    category: Category
    why: str
    details: tuple[Detail, ...]


class Bijection:
    """Which name of the left session is which of the right one, per domain."""

    def __init__(self, known: Mapping[str, Mapping[Any, Any]] | None = None) -> None:
        self.ours: dict[Name, Any] = {}
        self.theirs: dict[Name, Any] = {}
        self.is_contradicted = False
        self._votes: dict[tuple[str, Any, Any], int] = {}
        for domain, partners in (known or {}).items():
            for own, other in partners.items():
                self.ours[domain, own], self.theirs[domain, other] = other, own

    def vote(self, domain: str, own: Any, other: Any) -> None:
        """One event has it that these two are the same."""
        key = (domain, own, other)
        self._votes[key] = self._votes.get(key, 0) + 1

    def decide(self) -> None:
        """Settle what was voted on since the last time; what was settled then stays."""
        ranked = sorted(self._votes.items(), key=lambda item: -item[1])
        for (domain, own, other), _ in ranked:
            if (domain, own) in self.ours or (domain, other) in self.theirs:
                self.is_contradicted |= not self.agrees(domain, own, other)
            else:
                self.ours[domain, own], self.theirs[domain, other] = other, own
        self._votes = {}

    def agrees(self, domain: str, own: Any, other: Any) -> bool:
        """Whether these two are the same, as far as is known."""
        partners = self.ours.get((domain, own), other), self.theirs.get((domain, other), own)
        return partners == (other, own)

    def remark(self, domain: str, own: Any, other: Any) -> tuple[Detail, ...]:
        """Who the partners of the two are."""
        known = [
            f"{show.value(left)} is {show.value(right)}"
            for left, right in (
                (own, self.ours.get((domain, own))),
                (self.theirs.get((domain, other)), other),
            )
            if left is not None and right is not None
        ]
        return (Detail(f"elsewhere {' and '.join(known)}"),) if known else ()


def settle(
    left: Side,
    right: Side,
    pair_up: Callable[[Side, Side], Pairing],
    rules: Volatile,
    known: Mapping[str, Mapping[Any, Any]] | None = None,
) -> tuple[Pairing, Agreement]:
    """Pair two sides and unify their names; what is kept of two ways is the one that errs less.

    ``known`` holds partners that are settled beforehand, per domain.
    """
    pairing = pair_up(left, right)
    agreement = agree(left, right, pairing, rules, known)
    if not rules or not agreement.conflict_count:
        return pairing, agreement
    table: dict[Hashable, int] = {}
    again = pair_up(
        left._replace(ids=intern(table, _named(left, rules, None))),
        right._replace(ids=intern(table, _named(right, rules, agreement.names))),
    )
    second = agree(left, right, again, rules, known)
    better = second.conflict_count < agreement.conflict_count and _loose(again) <= _loose(pairing)
    return (again, second) if better else (pairing, agreement)


def _values(side: Side, number: int, rules: Volatile) -> tuple[list[Any], list[Check]]:
    columns = side.columns
    type = columns.types[columns.kinds[number]]
    return rules.values(columns.ops[number], type, columns.bodies[number])


def _loose(pairing: Pairing) -> int:
    """How many events have no equal in their place."""
    moved = sum(move.length for move in pairing.moved)
    return len(pairing.missing) + len(pairing.extra) + len(pairing.changed) + moved


def _named(side: Side, rules: Volatile, names: Bijection | None) -> Iterator[Hashable]:
    """What makes events equal, and the names in them: those of the right as the left has them."""
    for number, id in enumerate(side.ids):
        values, checks = _values(side, number, rules)
        named = [
            (check.domain, value)
            for check, value in zip(checks, values, strict=True)
            if check.domain and is_name(value)
        ]
        if names is not None:
            named = [(d, names.theirs.get((d, value), (value,))) for d, value in named]
        yield (id, *named)


@dataclass(slots=True)
class Agreement:
    """The pairs of equal events that agree in everything, and those that do not."""

    same: Collection[Pair]
    breaks: list[Break]
    names: Bijection
    rules: Volatile

    @property
    def conflict_count(self) -> int:
        """How many pairs answer another."""
        return sum(found.category is Category.IDENTITY for found in self.breaks)

    def payloads(self, golden: Event, run: Event) -> tuple[Any, Any]:
        """Two payloads as data, to be explained: what may differ is the same in both."""
        old, new = data(golden), data(run)
        if self.rules:
            ours, theirs = _by_steps(self.rules, golden), _by_steps(self.rules, run)
            for steps in ours.keys() & theirs.keys():
                if self._may_differ(ours[steps].check, ours[steps].value, theirs[steps].value):
                    _put(old, steps, f"<{ours[steps].check.text}>")
                    _put(new, steps, f"<{ours[steps].check.text}>")
        return old, new

    def _may_differ(self, check: Check, own: Any, other: Any) -> bool:
        if check.domain and is_name(own) and is_name(other):
            return self.names.agrees(check.domain, own, other)
        return _equal(own, other) or check.near(own, other)


def agree(
    left: Side,
    right: Side,
    pairing: Pairing,
    rules: Volatile,
    known: Mapping[str, Mapping[Any, Any]] | None = None,
) -> Agreement:
    """Unify the names of two sessions and judge what else is volatile in them.

    ``known`` holds partners that are settled beforehand, per domain.
    """
    judge = _Judge(left, right, rules, Bijection(known))
    concerned = judge.concerned(pairing.same)
    judge.hear(concerned)
    judge.names.decide()
    for pair in pairing.changed:
        judge.hear_changed(pair)
    moved = ((m.left + n, m.right + n) for m in pairing.moved for n in range(m.length))
    judge.hear(judge.concerned(moved), judges=False)
    contradicted = judge.names.is_contradicted
    judge.names.decide()
    conflicts = set(judge.conflicts(concerned)) if contradicted else set()
    broken = sorted(conflicts | judge.unfit.keys())
    if not broken:
        return Agreement(pairing.same, [], judge.names, rules)
    apart = set(broken)
    same = [pair for pair in pairing.same if pair not in apart]
    return Agreement(same, [judge.break_of(pair) for pair in broken], judge.names, rules)


@dataclass(slots=True)
class _Judge:
    """What pairs of events say of names, and whether their other volatile values fit."""

    left: Side
    right: Side
    rules: Volatile
    names: Bijection
    holding: frozenset[int] = field(init=False)
    unfit: dict[Pair, dict[int, str]] = field(default_factory=dict)
    clocks: _Clocks = field(default_factory=lambda: _Clocks())

    def __post_init__(self) -> None:
        self.holding = frozenset(self.left.with_secrets)

    def concerned(self, pairs: Iterable[Pair]) -> list[Pair]:
        """The pairs in which anything volatile can be, in order."""
        if not self.rules.is_any:
            return sorted(pairs)
        holding = self.holding
        return sorted(pair for pair in pairs if pair[0] in holding) if holding else []

    def hear(self, pairs: Iterable[Pair], *, judges: bool = True) -> None:
        """Count what pairs of equal events say of names, and judge their other values."""
        vote, holding = self.names.vote, self.holding
        for pair in pairs:
            for number, (check, own, other) in enumerate(self._volatile(pair)):
                if check.domain and is_name(own) and is_name(other):
                    vote(check.domain, own, other)
                elif judges and (why := self._why_not(check, own, other, pair[0])):
                    self.unfit.setdefault(pair, {})[number] = why
            if pair[0] in holding:
                for own, other in secrets(*self._events(pair), self.rules):
                    vote(SECRET, own, other)

    def _events(self, pair: Pair) -> tuple[Event, Event]:
        return self.left.events[pair[0]], self.right.events[pair[1]]

    def hear_changed(self, pair: Pair) -> None:
        """Count what two events say of names that may have little else in common."""
        if self.rules:
            ours, theirs = (_by_steps(self.rules, event) for event in self._events(pair))
            for steps, place in ours.items():
                other = theirs[steps].value if steps in theirs else None
                if place.check.domain and is_name(place.value) and is_name(other):
                    self.names.vote(place.check.domain, place.value, other)

    def _volatile(self, pair: Pair) -> Iterable[tuple[Check, Any, Any]]:
        if self.rules.is_any:
            return ()
        ours, checks = _values(self.left, pair[0], self.rules)
        if not ours:
            return ()
        return zip(checks, ours, _values(self.right, pair[1], self.rules)[0], strict=False)

    def _why_not(self, check: Check, own: Any, other: Any, number: int) -> str:
        if check.is_clock:
            lane = self.left.columns.lane_numbers[number]
            return self.clocks.why_not(check, own, other, lane)
        if _equal(own, other) or check.near(own, other):
            return ""
        return f"not {check.text}"

    def conflicts(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """The pairs that have another partner for a name than the others have."""
        for pair in pairs:
            if any(not self.names.agrees(*name) for name in self._names(pair)):
                yield pair

    def _names(self, pair: Pair) -> Iterator[tuple[str, Any, Any]]:
        for check, own, other in self._volatile(pair):
            if check.domain and is_name(own) and is_name(other):
                yield check.domain, own, other
        if pair[0] in self.holding:
            for own, other in secrets(*self._events(pair), self.rules):
                yield SECRET, own, other

    def break_of(self, pair: Pair) -> Break:
        """What is wrong with a pair."""
        golden, run = self._events(pair)
        whys, details = dict[str, None](), list[Detail]()
        category = Category.CHANGED
        unfit = self.unfit.get(pair, {})
        ours, theirs = (self.rules.places(e.op, e.type, e.body) for e in (golden, run))
        for number, (place, partner) in enumerate(zip(ours, theirs, strict=False)):
            own, other, domain = place.value, partner.value, place.check.domain
            why, remark = unfit.get(number, ""), tuple[Detail, ...]()
            if (
                domain
                and is_name(own)
                and is_name(other)
                and not self.names.agrees(domain, own, other)
            ):
                category, why = Category.IDENTITY, f"answers another {domain}"
                remark = self.names.remark(domain, own, other)
            if why:
                whys[why] = None
                details += [Detail(place.path, show.value(own), show.value(other)), *remark]
        if other_secrets := list(self._other_secrets(golden, run)):
            category, whys[f"answers another {SECRET}"] = Category.IDENTITY, None
            details += other_secrets
        return Break(pair, category, ", ".join(whys), tuple(details))

    def _other_secrets(self, golden: Event, run: Event) -> Iterator[Detail]:
        """Where a secret stands that is not its partner's."""
        if not has_secret(golden.body):
            return
        others = {o for o in secrets(golden, run, self.rules) if not self.names.agrees(SECRET, *o)}
        texts = dict(texts_of(data(run)))
        for steps, own in texts_of(data(golden)):
            other = texts.get(steps, own)
            if others & set(zip(placeholders(own), placeholders(other), strict=False)):
                yield Detail(path_text(steps), show.value(own), show.value(other))


class _Clocks:
    """Whether the clocks of two sessions go on together, one per rule and lane."""

    def __init__(self) -> None:
        self._first: dict[Check, tuple[float, float]] = {}
        self._last: dict[tuple[Check, object], tuple[float, float]] = {}

    def why_not(self, check: Check, own: Any, other: Any, lane: object) -> str:
        """What is wrong with two readings; empty if nothing is."""
        golden, run = clock_reading(own), clock_reading(other)
        if golden is None or run is None or is_number(own) is not is_number(other):
            return "" if _equal(own, other) else f"not {check.text}"
        before = self._last.get((check, lane))
        self._last[check, lane] = (golden, run)
        if before is not None and (golden < before[0]) is not (run < before[1]):
            return "a clock goes back"
        if check.within is not None:
            first = self._first.setdefault(check, (golden, run))
            drift = (run - first[1]) - (golden - first[0])
            if abs(drift) * _unit_ns(check, own) > check.within:
                return f"not {check.text}"
        return ""


def _unit_ns(check: Check, reading: Any) -> float:
    """What to multiply a distance between readings with, to hold it against a tolerance.

    A text is read in nanoseconds; its own unit is a second. A number since 1970 shows its unit by
    its size, of others a float is seconds and a whole number milliseconds.
    """
    if not is_number(reading):
        return 1 if check.in_ns else 1e-9
    if not check.in_ns:
        return 1
    return epoch_unit_ns(reading) or (10**9 if isinstance(reading, float) else 10**6)


def _equal(own: Any, other: Any) -> bool:
    return type(own) is type(other) and bool(own == other or (own != own and other != other))


def _by_steps(rules: Volatile, event: Event) -> dict[tuple[str | int, ...], Place]:
    return {place.steps: place for place in rules.places(event.op, event.type, event.body)}


def _put(payload: Any, steps: Sequence[str | int], value: Any) -> None:
    *ahead, last = steps
    for step in ahead:
        payload = payload[step]
    if not isinstance(payload, tuple):
        payload[last] = value
