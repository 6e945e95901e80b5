"""Rules for volatile values, learned from runs of one scenario.

Two runs of one scenario differ in what is volatile, and in what went otherwise. Events are aligned
by their type and by those places whose values both runs have in common; then every place of every
type is classified by how it differs from the first run to the others (see
``replay_ws.diff.classes``). What never differs is exact; what differs rarely, or in no way that is
known, is told, and no rule is made of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from replay_ws.diff import lanes, show
from replay_ws.diff.checks import is_whole
from replay_ws.diff.classes import (
    Seen,
    Steps,
    Verdict,
    Where,
    are_names,
    classify,
    domain_name,
    groups,
    in_order,
    is_bijective,
    is_rare,
    recur,
)
from replay_ws.diff.ignoring import path_text
from replay_ws.diff.model import Deliveries
from replay_ws.diff.pairing import ORDERS, pair
from replay_ws.diff.sides import Numbering, columns_of
from replay_ws.diff.volatile import CONNECTION, NO_RULES, Volatile, volatile_of
from replay_ws.errors import ConfigError
from replay_ws.events.columns import Columns
from replay_ws.events.encoding import encode
from replay_ws.events.model import payload_of
from replay_ws.text import clean, toml

COMMON = 0.5
"""The share of values that two runs have in common where a place can tell events apart."""


@dataclass(frozen=True, slots=True)
class Learned:
    """One rule, and how sure it is."""

    key: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A place that differs, but not as volatile values do: perhaps a real difference."""

    key: str
    differing: int
    count: int
    golden: str
    run: str

    def __str__(self) -> str:
        often = f"{self.differing} of {self.count} differ"
        return f"{clean(self.key)}: {often}, as in {self.golden} -> {self.run}"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learned from ``run_count`` runs, of which ``pair_count`` pairs of events were held
    against each other."""

    rules: tuple[Learned, ...]
    doubts: tuple[Doubt, ...]
    run_count: int
    pair_count: int
    place_count: int

    @property
    def table(self) -> dict[str, str]:
        """The rules, as ``compare(volatile=...)`` takes them."""
        return {rule.key: rule.value for rule in self.rules}

    def toml(self) -> str:
        """The rules as the ``[volatile]`` table of a profile, with a comment on each."""
        entries = [(f"{toml(r.key)} = {toml(r.value)}", r.why) for r in self.rules]
        width = max((len(entry) for entry, _ in entries), default=0)
        lines = ["[volatile]", *(f"{entry:<{width}}  # {why}" for entry, why in entries)]
        if self.doubts:
            lines += ["", "# Real differences? No rule was made of them."]
            lines += [f"#   {doubt}" for doubt in self.doubts]
        return "\n".join(lines) + "\n"


def learn(sessions: Sequence[Deliveries]) -> Lesson:
    """What differs between runs of one scenario without meaning anything.

    The first session is held against each of the others. Raises ConfigError for less than two.
    """
    if len(sessions) < 2:
        raise ConfigError("one run shows no differences", mend="name two runs of one scenario")
    columns = [columns_of(session) for session in sessions]
    study = _Study()
    first = columns[0]
    for run, other in enumerate(columns[1:], start=1):
        study.hold(first, other, run)
    return study.lesson(len(sessions))


@dataclass(slots=True)
class _Study:
    """What was seen in each place; ``renamed`` says whether connections had other names."""

    seen: dict[Where, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    connections: list[tuple[str, str, int]] = field(default_factory=list)
    pair_count: int = 0

    def hold(self, first: Columns, other: Columns, run: int) -> None:
        """Hold the first run against another one."""
        names = lanes.renamed(first, other, NO_RULES, by=_by_type)
        self.connections += [(own, theirs, run) for theirs, own in names.items()]
        other = lanes.under(other, names) if names else other
        numbering = Numbering(_unlike(first, other))
        left, right = numbering.side(first), numbering.side(other)
        pairing = pair(left, right, ORDERS["causal"])
        moved = [(m.left + n, m.right + n) for m in pairing.moved for n in range(m.length)]
        for a, b in sorted([*pairing.same, *pairing.changed, *moved]):
            self.pair_count += 1
            lane = first.lanes[first.lane_numbers[a]]
            type = first.types[first.kinds[a]]
            payloads = _payload(first, a), _payload(other, b)
            for steps, own, theirs in _leaves(*payloads, ()):
                seen = Seen(own, theirs, run, (lane.connection, lane.direction))
                self.seen[Where(type, steps)].append(seen)

    def lesson(self, run_count: int) -> Lesson:
        """What follows."""
        differing = {w: seen for w, seen in self.seen.items() if any(s.differs for s in seen)}
        rare = {w for w, seen in differing.items() if is_rare(seen)}
        found: dict[Where, Verdict] = {}
        unsure = []
        domains = self._domains({w: s for w, s in differing.items() if w not in rare})
        for where, seen in differing.items():
            if where in rare:
                unsure.append(where)
            elif verdict := classify(seen, domains.get(where, "")):
                found[where] = verdict
            else:
                unsure.append(where)
        rules = [*self._renaming(), *_joined(found, self.seen)]
        doubts = [_doubt(where, differing[where]) for where in sorted(unsure, key=in_order)]
        return Lesson(tuple(rules), tuple(doubts), run_count, self.pair_count, len(self.seen))

    def _renaming(self) -> Iterator[Learned]:
        if self.connections:
            count = len(self.connections)
            why = f"{count} connections have another name" if count > 1 else "one has another name"
            yield Learned(CONNECTION, f"id:{CONNECTION}", why)

    def _domains(self, candidates: dict[Where, list[Seen]]) -> dict[Where, str]:
        """The domain of each place whose values are names: one for places that share names, and
        for places of one field where that is one to one, too."""

        def one_to_one(group: list[Where]) -> bool:
            return is_bijective(seen for where in group for seen in candidates[where])

        values = {w: {s.own for s in seen} for w, seen in candidates.items() if are_names(seen)}
        called: dict[str, list[list[Where]]] = defaultdict(list)
        for group in groups(values):
            parts = [group] if one_to_one(group) else [[w] for w in group if one_to_one([w])]
            for part in parts:
                names = set().union(*(values[where] for where in part))
                if recur(part, candidates) or not any(map(is_whole, names)):
                    of_connections = names <= {own for own, _, _ in self.connections}
                    called[CONNECTION if of_connections else domain_name(part)].append(part)
        domains: dict[Where, str] = {}
        for name, parts in called.items():
            together = [where for part in parts for where in part]
            for number, part in enumerate([together] if one_to_one(together) else parts, start=1):
                domains |= dict.fromkeys(part, name if number == 1 else f"{name}-{number}")
        return domains


def _by_type(op: int, type: str, body: str | bytes, rules: Volatile) -> str:
    return type


# --- what is seen --------------------------------------------------------------------------


def _payload(columns: Columns, number: int) -> Any:
    return payload_of(columns.ops[number], columns.bodies[number])


def _leaves(own: Any, other: Any, steps: Steps) -> Iterator[tuple[Steps, Any, Any]]:
    """What stands in the same places; where something has other parts, it as a whole."""
    if isinstance(own, dict) and isinstance(other, dict):
        for name in (name for name in own if name in other):
            yield from _leaves(own[name], other[name], (*steps, name))
        if own.keys() != other.keys():
            yield steps, sorted(map(str, own)), sorted(map(str, other))
    elif isinstance(own, (list, tuple)) and isinstance(other, (list, tuple)):
        for mine, theirs in zip(own, other, strict=False):
            yield from _leaves(mine, theirs, (*steps, None))
        if len(own) != len(other):
            yield steps, own, other
    else:
        yield steps, own, other


def _unlike(first: Columns, other: Columns) -> Volatile:
    """Rules that leave exact only the places of which both runs have most values in common."""
    counts = [_values_by_place(columns) for columns in (first, other)]
    table = {}
    for where, mine in counts[0].items():
        theirs = counts[1].get(where, Counter())
        if where.steps and (mine & theirs).total() < COMMON * max(mine.total(), theirs.total()):
            table[where.key] = "any"
    return volatile_of(table)


def _values_by_place(columns: Columns) -> dict[Where, Counter[Any]]:
    found: dict[Where, Counter[Any]] = defaultdict(Counter)
    for number, kind in enumerate(columns.kinds):
        payload = _payload(columns, number)
        for steps, value, _ in _leaves(payload, payload, ()):
            key = value if isinstance(value, str) else encode(value)
            found[Where(columns.types[kind], steps)][key] += 1
    return found


# --- rules ---------------------------------------------------------------------------------


def _joined(found: dict[Where, Verdict], seen: dict[Where, list[Seen]]) -> Iterator[Learned]:
    """One rule for all places of one name, or of one path, where all of them are alike."""
    left = sorted(found, key=in_order)
    same: tuple[tuple[Callable[[Where], str], Callable[[Where], str]], ...] = (
        (lambda w: w.name, lambda w: f"$..{path_text((w.name,)).lstrip('$.')}"),
        (lambda w: w.path, lambda w: w.path),
        (lambda w: w.key, lambda w: w.key),
    )
    for likeness, key in same:
        groups: dict[str, list[Where]] = defaultdict(list)
        for where in left:
            groups[likeness(where)].append(where)
        for name, group in groups.items():
            values = {found[where].value for where in group}
            everywhere = {where for where in seen if likeness(where) == name}
            if name and len(values) == 1 and everywhere == set(group):
                yield _rule(key(group[0]), [found[where] for where in group])
                left = [where for where in left if where not in group]


def _rule(key: str, found: list[Verdict]) -> Learned:
    if key.startswith("$.."):
        key = f"**.{key[3:]}"
    differing, seen = (sum(v.differing for v in found), sum(v.seen for v in found))
    sure = max((verdict.sure for verdict in found), key=("unsure", "likely", "sure").index)
    note = found[0].note if len({verdict.note for verdict in found}) == 1 else ""
    places = f" in {len(found)} places" if len(found) > 1 else ""
    return Learned(key, found[0].value, f"{sure}: {differing} of {seen} differ{places}{note}")


def _doubt(where: Where, seen: list[Seen]) -> Doubt:
    first = next(s for s in seen if s.differs)
    shown = show.value(first.own), show.value(first.other)
    return Doubt(where.key, sum(s.differs for s in seen), len(seen), *shown)
