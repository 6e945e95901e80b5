"""How far a stream is from those that an automaton accepts, and by which edits.

A column holds, for each state, the fewest edits with which the stream so far can lead there: taking
an event out costs one, putting one in costs one. Columns are kept relative to their smallest cost,
so that a stream that goes well meets the same few again and again: they are linked as the states of
the automaton are, and an event costs one look-up.

What lies more than ``slack`` above the smallest cost is left out, and noted. If the result is not
above what was left out it is the smallest there is; if it is, the slack is doubled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from replay_ws.compliance.states import State

SLACK = 16
"""How much dearer than the cheapest way a way may be, at first."""

WORK_MAX = 4_000_000
"""Cells computed for one stream; beyond that a cheap way is good enough, not the cheapest."""

NAMES_MAX = 3
"""How many types an edit names."""

FAR = 1 << 60
"""The cost of what cannot be reached."""


class Edit(NamedTuple):
    """One event to put in or take out.

    ``at`` is the event that is taken out, or the one after which one is put in, -1 at the
    beginning; ``type`` is the type, or what may stand there.
    """

    kind: Literal["insert", "delete"]
    type: str
    at: int

    def told(self, numbers: Sequence[int] | None = None) -> str:
        """The edit in words; ``numbers`` says how the events of the stream are numbered."""
        number = numbers[self.at] if numbers and self.at >= 0 else self.at
        if self.kind == "delete":
            return f"delete {self.type} #{number}"
        place = f"after #{number}" if self.at >= 0 else "at the beginning"
        return f"insert {self.type} {place}"

    def __str__(self) -> str:
        return self.told()


class Alignment:
    """The edits between streams and an automaton of live ``states``, the first one first."""

    def __init__(self, states: Sequence[State]) -> None:
        self._states = states
        self._tables: dict[int, _Table] = {}
        self._ends = [place for place, state in enumerate(states) if state.accepting]
        self.shortest = self._way(()).cost
        """Events of the shortest stream that is accepted."""

    def cost(self, types: Sequence[str]) -> int:
        """How many events must be put in or taken out."""
        return 0 if self._accepts(types) else self._way(types).cost

    def fitness(self, types: Sequence[str]) -> float:
        """1.0 for what is accepted; 0.0 where all must go, and the shortest be put in."""
        cost = self.cost(types)
        return 1 - cost / (len(types) + self.shortest) if cost else 1.0

    def diagnosis(self, types: Sequence[str]) -> tuple[Edit, ...]:
        """The cheapest edits, in order; as early as they can be."""
        if self._accepts(types):
            return ()
        edits = [*self._edits(types, self._way(types))]
        return tuple(reversed(edits))

    def _accepts(self, types: Sequence[str]) -> bool:
        state = self._states[0]
        for type in types:
            state = state[type]
        return state.accepting

    def _way(self, types: Sequence[str]) -> _Way:
        """The cheapest way that the work allowed finds."""
        slack = SLACK
        best: _Way | None = None
        while True:
            if slack not in self._tables or self._tables[slack].work > WORK_MAX:
                self._tables[slack] = _Table(self._states, slack)
            way = self._along(types, self._tables[slack], give_up=best is not None)
            if way is not None and way.cost < FAR:
                best = way
            if best and (way is None or way.is_cheapest):
                return best
            slack *= 2

    def _along(self, types: Sequence[str], table: _Table, *, give_up: bool) -> _Way | None:
        column, total, left_out = table.first, 0, table.first.left_out
        columns = [column]
        for type in types:
            rise, column = column[type]
            total += rise
            columns.append(column)
            if column.left_out < FAR:
                left_out = min(left_out, total + column.left_out)
                if give_up and table.work > WORK_MAX:
                    return None
        ends = [(total + column.costs[place], place) for place in self._ends]
        cost, place = min(ends)
        return _Way(min(cost, FAR), place, columns, table, is_cheapest=cost <= left_out)

    def _edits(self, types: Sequence[str], way: _Way) -> Iterator[Edit]:
        """The edits of a way, walked from its end."""
        table, place, at = way.table, way.end, len(types)
        while at or way.columns[0].costs[place]:
            column = way.columns[at]
            if at:
                before, type = way.columns[at - 1], types[at - 1]
                wanted = column.costs[place] + before[type][0]
                sources = table.sources(type, place)
                source = next((s for s in sources if before.costs[s] == wanted), -1)
                if source >= 0:
                    at, place = at - 1, source
                    continue
                if before.costs[place] + 1 == wanted:
                    at -= 1
                    yield Edit("delete", type, at)
                    continue
            source, letters = table.cheaper(column, place)
            yield Edit("insert", self._called(letters), at - 1)
            place = source

    def _called(self, letters: Sequence[int]) -> str:
        names = [name for letter in letters for name in self._states[0].letters.names(letter)]
        more = ["..."] if len(names) > NAMES_MAX else []
        return " or ".join([*names[:NAMES_MAX], *more])


class _Way(NamedTuple):
    """What it costs to lead a stream to an end, and the columns after each event."""

    cost: int
    end: int
    columns: Sequence[_Column]
    table: _Table
    is_cheapest: bool


class _Column(dict[str, "tuple[int, _Column]"]):
    """Costs by state, the smallest 0; by type, how much the smallest rises, and the next column."""

    __slots__ = ("costs", "left_out", "table")

    def __init__(self, costs: tuple[int, ...], left_out: int, table: _Table) -> None:
        super().__init__()
        self.costs = costs
        self.left_out = left_out
        """The smallest cost that was left out here."""
        self.table = table

    def __missing__(self, type: str) -> tuple[int, _Column]:
        found = self[type] = self.table.following(self, self.table.letters.of(type))
        return found


class _Table:
    """The columns met so far, under one slack."""

    def __init__(self, states: Sequence[State], slack: int) -> None:
        places = {state: place for place, state in enumerate(states)}
        self.slack = slack
        self.work = 0
        self.letters = states[0].letters
        self.steps = [
            [places.get(state.rows[letter], -1) for state in states]
            for letter in range(len(self.letters))
        ]
        self.onward = [sorted({places[s] for s in state.rows if not s.dead}) for state in states]
        self._sources: dict[tuple[str, int], list[int]] = {}
        self.columns: dict[tuple[tuple[int, ...], int], _Column] = {}
        costs = [FAR] * len(states)
        costs[0] = 0
        _, self.first = self._column(costs)

    def sources(self, type: str, place: int) -> list[int]:
        """The states that an event of ``type`` leads from to ``place``; that itself first."""
        if (type, place) not in self._sources:
            steps = self.steps[self.letters.of(type)]
            found = [source for source, step in enumerate(steps) if step == place]
            self._sources[type, place] = sorted(found, key=lambda source: source != place)
        return self._sources[type, place]

    def cheaper(self, column: _Column, place: int) -> tuple[int, list[int]]:
        """The state from which one event that is put in leads to ``place``, and its letters."""
        for source, cost in enumerate(column.costs):
            if cost == column.costs[place] - 1 and place in self.onward[source]:
                return source, [n for n, steps in enumerate(self.steps) if steps[source] == place]
        raise AssertionError("a cost that no edit explains")

    def following(self, column: _Column, letter: int) -> tuple[int, _Column]:
        """What an event of ``letter`` makes of a column."""
        costs = [cost + 1 for cost in column.costs]
        for cost, step in zip(column.costs, self.steps[letter], strict=True):
            if step >= 0 and cost < costs[step]:
                costs[step] = cost
        return self._column(costs)

    def _column(self, costs: list[int]) -> tuple[int, _Column]:
        self._insert(costs)
        self.work += len(costs)
        rise = min(costs)
        relative = [cost - rise for cost in costs]
        over = [cost for cost in relative if self.slack < cost < FAR // 2]
        kept = tuple(cost if cost <= self.slack else FAR for cost in relative)
        left_out = min(over, default=FAR)
        key = kept, left_out
        column = self.columns.get(key)
        if column is None:
            column = self.columns[key] = _Column(kept, left_out, self)
        return rise, column

    def _insert(self, costs: list[int]) -> None:
        """Reach states by events that are put in, the cheapest first."""
        by_cost: dict[int, list[int]] = {}
        for place, cost in enumerate(costs):
            by_cost.setdefault(cost, []).append(place)
        level = min(costs)
        while by_cost:
            for place in by_cost.pop(level, ()):
                if costs[place] == level:
                    for reached in self.onward[place]:
                        if costs[reached] > level + 1:
                            costs[reached] = level + 1
                            by_cost.setdefault(level + 1, []).append(reached)
            level = level + 1 if level + 1 in by_cost else min(by_cost, default=FAR)
