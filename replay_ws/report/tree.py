"""Two sessions as a tree of counts: connection > direction > type, on some thirty lines.

Of a hundred thousand events it says at a glance where they differ: ``tool_executing[search]  41 ->
40``. Branches that differ stand first, and connections that differ in the same way stand together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from replay_ws.diff.lanes import renamed
from replay_ws.diff.model import Diff
from replay_ws.diff.volatile import volatile_of
from replay_ws.events.columns import Columns
from replay_ws.events.log import Direction
from replay_ws.events.model import Event
from replay_ws.report.blocks import Block, Line, Tone, command, plural
from replay_ws.report.differences import Difference
from replay_ws.text import clean, columns, cut, padded

LINES_MAX = 30
NAME_WIDTH = 40
NAMING = ("tool_name", "toolName", "tool", "name")
"""Where an event says which tool it is about: in itself, or in its ``data``."""

_WAYS = {Direction.DOWNSTREAM: "< to the client", Direction.UPSTREAM: "> to the server"}


class Leaf(NamedTuple):
    """The events of one type and name that one lane delivered on both sides.

    ``differing`` counts divergences by category.
    """

    direction: Direction
    type: str
    name: str
    golden: int
    run: int
    differing: tuple[tuple[str, int], ...] = ()

    @property
    def label(self) -> str:
        """``tool_executing[search]``."""
        name = f"[{clean(self.name)}]" if self.name else ""
        return cut(f"{clean(self.type) or '(no type)'}{name}", NAME_WIDTH)

    @property
    def weight(self) -> int:
        """How much there is to say of it."""
        return abs(self.golden - self.run) + sum(count for _, count in self.differing)


class Branch(NamedTuple):
    """What one connection delivered; ``run_name`` is what the run calls it."""

    name: str
    run_name: str
    leaves: tuple[Leaf, ...]

    @property
    def weight(self) -> int:
        """How much differs on it."""
        return sum(leaf.weight for leaf in self.leaves)


@dataclass(frozen=True)
class Tree:
    """How many events of each kind either session delivered, and how many of them differ."""

    difference: Difference

    @property
    def diff(self) -> Diff:
        """What was compared."""
        return self.difference.diff

    def blocks(self) -> Iterator[Block]:
        ours, theirs = self.diff.golden_count, self.diff.run_count
        verdict = "same" if self.diff.same else "different"
        tone = Tone.GOOD if self.diff.same else Tone.BAD
        names = f"{self.difference.golden_name} -> {self.difference.run_name}"
        yield Line(f"{verdict}: {names}: {_change(ours, theirs)} events", tone)
        lines = [line for group in self._groups() for line in _group_lines(group)]
        room = min(LINES_MAX, self.difference.lines_max) - 2
        if len(lines) <= room:
            yield from lines
        else:
            yield from lines[: room - 1]
            yield Line(f"  … and {plural(len(lines) - room + 1, 'line')} more", Tone.QUIET)
        if not self.diff.same:
            yield Line(
                f"see     {command('diff', self.difference.golden_name, self.difference.run_name)}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Every leaf, those without a difference too."""
        return {
            "golden": self.difference.golden_name,
            "run": self.difference.run_name,
            "same": self.diff.same,
            "golden_count": self.diff.golden_count,
            "run_count": self.diff.run_count,
            "connections": [_branch_dict(branch) for branch in self.branches],
        }

    @cached_property
    def branches(self) -> list[Branch]:
        """Every connection, those that differ most first, else in the order of the golden."""
        ours, theirs = self.difference.golden.columns(), self.difference.run.columns()
        names = renamed(ours, theirs, volatile_of(None, None))
        naming = _naming_types(ours) | _naming_types(theirs)
        golden, run = _counts(ours, naming, {}), _counts(theirs, naming, names)
        own_name = {name: other for other, name in names.items()}
        differing = self._differing(names, naming)
        leaves: dict[str, list[Leaf]] = defaultdict(list)
        for key in dict.fromkeys([*golden, *run]):
            counts = tuple(sorted(differing[key].items()))
            connection, direction, kind, name = key
            leaf = Leaf(direction, kind, name, golden[key], run[key], counts)
            leaves[connection].append(leaf)
        found = [
            Branch(name, own_name.get(name, name), tuple(sorted(each, key=_leaf_order)))
            for name, each in leaves.items()
        ]
        return sorted(found, key=lambda branch: -branch.weight)

    def _differing(self, names: Mapping[str, str], naming: set[str]) -> Mapping[Key, Counter[str]]:
        """Divergences of events that both have, by leaf: the others show in the counts."""
        found: dict[Key, Counter[str]] = defaultdict(Counter)
        events = self.difference.golden.columns().events
        for each in self.diff.divergences:
            if each.golden is not None and each.run is not None and each.rule == "":
                event = events[each.golden]
                name = _name_of(event) if event.type in naming else ""
                key = (event.connection, event.direction, event.type, name)
                found[key][each.category.value] += each.count
        return found

    def _groups(self) -> list[list[Branch]]:
        """Connections, with those together that deliver the same and differ in the same."""
        groups: dict[tuple[Leaf, ...], list[Branch]] = defaultdict(list)
        for branch in self.branches:
            groups[branch.leaves].append(branch)
        return list(groups.values())


Key = tuple[str, Direction, str, str]
"""A leaf: connection, direction, type, name."""


def _counts(sessions: Columns, naming: set[str], names: Mapping[str, str]) -> Counter[Key]:
    """Events by leaf; connections are called as ``names`` says."""
    lanes = [
        (names.get(lane.connection, lane.connection), lane.direction) for lane in sessions.lanes
    ]
    types = sessions.types
    counts: Counter[Key] = Counter()
    plain = Counter(zip(sessions.lane_numbers, sessions.kinds, strict=True))
    for (lane, kind), count in plain.items():
        if types[kind] not in naming:
            counts[(*lanes[lane], types[kind], "")] += count
    if naming:
        pairs = zip(sessions.lane_numbers, sessions.kinds, strict=True)
        for number, (lane, kind) in enumerate(pairs):
            if types[kind] in naming:
                counts[(*lanes[lane], types[kind], _name_of(sessions.events[number]))] += 1
    return counts


def _naming_types(sessions: Columns) -> set[str]:
    """Types whose first event names a tool."""
    first: dict[int, int] = {}
    for number, kind in enumerate(sessions.kinds):
        first.setdefault(kind, number)
    return {
        sessions.types[kind] for kind, number in first.items() if _name_of(sessions.events[number])
    }


def _name_of(event: Event) -> str:
    """The tool that an event names; empty if none."""
    payload = event.payload
    if not isinstance(payload, dict):
        return ""
    data = payload.get("data")
    for place in (payload, data if isinstance(data, dict) else {}):
        for key in NAMING:
            if isinstance(name := place.get(key), str) and name:
                return name
    return ""


def _leaf_order(leaf: Leaf) -> tuple[object, ...]:
    return (leaf.direction, -leaf.weight, -leaf.golden, leaf.type, leaf.name)


# --- as lines ------------------------------------------------------------------------------


def _change(golden: int, run: int) -> str:
    return f"{golden:,} -> {run:,}"


def _group_lines(group: list[Branch]) -> Iterator[Line]:
    """One connection, or several of the same leaves, with what differs; the rest is folded."""
    first = group[0]
    names = [first.name] if first.name == first.run_name else [first.name, first.run_name]
    shown = " ≙ ".join(cut(clean(name), NAME_WIDTH) for name in names)
    more = f" and {len(group) - 1:,} more like it" if len(group) > 1 else ""
    golden, run = (sum(getattr(leaf, side) for leaf in first.leaves) for side in ("golden", "run"))
    if not first.weight:
        yield Line(f"  {shown}{more}  {_change(golden, run)}, alike", Tone.QUIET)
        return
    yield Line(f"  {shown}{more}  {_change(golden, run)}", Tone.HEAD)
    for direction, way in _WAYS.items():
        leaves = [leaf for leaf in first.leaves if leaf.direction is direction]
        if leaves:
            ours, theirs = sum(leaf.golden for leaf in leaves), sum(leaf.run for leaf in leaves)
            yield Line(f"    {way}  {_change(ours, theirs)}")
            yield from _leaf_lines(leaves)


def _leaf_lines(leaves: list[Leaf]) -> Iterator[Line]:
    differing = [leaf for leaf in leaves if leaf.weight]
    width = max((columns(leaf.label) for leaf in differing), default=0)
    for leaf in differing:
        counts = "".join(f"   {count:,} {name}" for name, count in leaf.differing)
        change = _change(leaf.golden, leaf.run)
        yield Line(f"      {padded(leaf.label, width)}  {change}{counts}", Tone.BAD)
    alike = [leaf for leaf in leaves if not leaf.weight]
    if alike:
        events = sum(leaf.golden for leaf in alike)
        yield Line(
            f"      ⋮ {plural(len(alike), 'type')} alike, {plural(events, 'event')}", Tone.QUIET
        )


def _branch_dict(branch: Branch) -> dict[str, Any]:
    leaves = [
        {
            "direction": leaf.direction.name.lower(),
            "type": leaf.type,
            "name": leaf.name,
            "golden": leaf.golden,
            "run": leaf.run,
            "differing": dict(leaf.differing),
        }
        for leaf in branch.leaves
    ]
    return {"connection": branch.name, "run_connection": branch.run_name, "types": leaves}
