"""Vector clocks say what a search through the edges says, for any program and any schedule.

A program is a table: for each lane the operations that it does, in order. It runs on real asyncio
objects under a policy, and a log takes down what happened. Two things follow from the log alone, by
brute force: which step comes before which, by the transitive closure of the edges as the theory
lists them; and which accesses a strict watch must report.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from replay_ws.race import Race
from replay_ws.sim.races.causality import Causality, followed
from replay_ws.sim.races.edges import asyncio_edges
from replay_ws.sim.races.watching import Watcher, watch
from replay_ws.sim.runner import run_program
from replay_ws.sim.schedule import Schedule
from replay_ws.sim.scheduling import loop_with_lanes
from replay_ws.sim.world.patches import patched

LOCKS, EVENTS, QUEUES = 2, 1, 1
PLACES = ("a", "b")


class Op(NamedTuple):
    """What a lane does: ``what`` to the object number ``which``."""

    what: str
    which: int = 0


OPS = st.one_of(
    st.just(Op("sleep")),
    st.builds(Op, st.sampled_from(["read", "write"]), st.integers(0, len(PLACES) - 1)),
    st.builds(Op, st.sampled_from(["take", "drop"]), st.integers(0, LOCKS - 1)),
    st.builds(Op, st.sampled_from(["set", "wait"]), st.integers(0, EVENTS - 1)),
    st.builds(Op, st.sampled_from(["put", "get"]), st.integers(0, QUEUES - 1)),
    st.builds(Op, st.sampled_from(["spawn", "join"]), st.integers(1, 3)),
)
PROGRAMS = st.lists(st.lists(OPS, max_size=12), min_size=2, max_size=5)

Moment = tuple[str, int, int]
"""A lane's path, how many of its steps had begun, and what it took in since then in that step."""


@dataclass
class Log:
    """What happened in a run, as moments, and the edges that it had.

    An edge leaves a step at its end, and comes in where the step takes it in.
    """

    moments: list[Moment] = field(default_factory=list)
    edges: set[tuple[Moment, Moment]] = field(default_factory=set)
    lock_edges: set[tuple[Moment, Moment]] = field(default_factory=set)
    accesses: list[tuple[Moment, str, str]] = field(default_factory=list)
    clocks: list[tuple[Moment, int, int, dict[int, int]]] = field(default_factory=list)

    @property
    def now(self) -> Moment:
        return self.moments[-1]

    def begin(self, path: str, step: int, cause: Moment | None) -> None:
        self.moments.append((path, step, 0))
        if cause is not None:
            self.edges.add((cause, self.now))

    def take_in(self, before: Moment, *, by_lock: bool = False) -> None:
        path, step, count = self.now
        self.moments.append((path, step, count + 1))
        (self.lock_edges if by_lock else self.edges).add((before, self.now))

    def predecessors(self, *, in_every_order: bool = False) -> dict[Moment, set[Moment]]:
        """For each moment all that come before it; edges only lead forward in the log."""
        ends = {moment[:2]: moment for moment in self.moments}
        causes = defaultdict(set)
        for before, after in self.edges | (set() if in_every_order else self.lock_edges):
            if before[:2] != after[:2]:
                causes[after].add(ends[before[:2]])
        known: dict[Moment, set[Moment]] = {}
        last: dict[str, Moment] = {}
        for moment in self.moments:
            direct = causes[moment] | ({last[moment[0]]} if moment[0] in last else set())
            known[moment] = direct.union(*(known[cause] for cause in direct))
            last[moment[0]] = moment
        return known


class Watch:
    """An observer that takes down steps and the edges that the queue makes."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.causes: dict[int, Moment | None] = {}
        self.hands_on_a_lock = False

    def queued(self, handle: Any, lane: Any) -> None:
        if not isinstance(handle, asyncio.TimerHandle):
            self.causes[id(handle)] = None if self.hands_on_a_lock else self.log.now

    def armed(self, timer: Any) -> None:
        self.causes[id(timer)] = self.log.now

    def begins(self, handle: Any, lane: Any) -> None:
        path = lane.path or f"callback {len(self.log.moments)}"
        self.log.begin(path, lane.steps, self.causes.pop(id(handle), None))


class Machine:
    """Runs a table of operations on real asyncio objects, and logs the edges without a wake-up."""

    def __init__(self, table: list[list[Op]], log: Log, causality: Causality | None) -> None:
        self.table = table
        self.log = log
        self.causality = causality
        self.watch = Watch(log)
        self.shared = Shared()
        self.locks = [asyncio.Lock() for _ in range(LOCKS)]
        self.events = [asyncio.Event() for _ in range(EVENTS)]
        self.queues = [asyncio.Queue[int]() for _ in range(QUEUES)]
        self.releases: dict[int, list[Moment]] = defaultdict(list)
        self.sets: dict[int, Moment] = {}
        self.puts: dict[int, Moment] = {}
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.ends: dict[int, Moment] = {}
        self.items = 0

    async def lane(self, number: int) -> None:
        held: list[int] = []
        for op in self.table[number]:
            await self.do(op, number, held)
        for which in held:
            self.drop(which)
        self.ends[number] = self.log.now

    def spawn(self, number: int) -> None:
        if number not in self.tasks:
            self.tasks[number] = asyncio.create_task(self.lane(number))

    def drop(self, which: int) -> None:
        self.releases[which].append(self.log.now)
        self.watch.hands_on_a_lock = True
        self.locks[which].release()
        self.watch.hands_on_a_lock = False

    async def do(self, op: Op, number: int, held: list[int]) -> None:
        what, which = op
        match what:
            case "sleep":
                await asyncio.sleep(0)
            case "read" | "write":
                self.access(what, which)
            case "take" if which not in held and not (held and which < max(held)):
                await self.locks[which].acquire()
                held.append(which)
                for release in self.releases[which]:
                    self.log.take_in(release, by_lock=True)
            case "drop" if which in held:
                held.remove(which)
                self.drop(which)
            case "set":
                if not self.events[which].is_set():
                    self.sets[which] = self.log.now
                self.look(which)
                self.events[which].set()
            case "wait" if self.events[which].is_set():
                self.look(which)
                await self.events[which].wait()
            case "put":
                self.items += 1
                self.puts[self.items] = self.log.now
                self.queues[which].put_nowait(self.items)
            case "get" if not self.queues[which].empty():
                item = self.queues[which].get_nowait()
                self.log.take_in(self.puts[item])
            case "spawn" if 0 < which < len(self.table):
                self.spawn(which)
            case "join" if which in self.tasks and which in self.ends:
                await self.tasks[which]
                self.log.take_in(self.ends[which])

    def look(self, which: int) -> None:
        """To find an event set is to come after who set it."""
        if self.events[which].is_set():
            self.log.take_in(self.sets[which])

    def access(self, what: str, which: int) -> None:
        place = PLACES[which]
        if what == "read":
            getattr(self.shared, place)
        else:
            setattr(self.shared, place, 0)
        self.log.accesses.append((self.log.now, place, what))
        if self.causality is not None and (step := self.causality.step) is not None:
            self.causality.number(step)
            self.log.clocks.append((self.log.now, step.strand.number, step.tick, dict(step.clock)))


class Shared:
    def __init__(self) -> None:
        self.a = self.b = self.c = 0


def run_table(
    table: list[list[Op]], schedule: str, seed: int, *, is_watched: bool
) -> tuple[Log, tuple[Race, ...]]:
    log = Log()
    loop = loop_with_lanes(Schedule(schedule).resolved(seed), seed)

    async def program() -> None:
        if is_watched:
            machine = Machine(table, log, None)
            machine.shared = watch(machine.shared, strict=True, report="collect")
            await run_lanes(machine)
            return
        with followed(loop) as causality, patched(asyncio_edges(causality)):
            await run_lanes(Machine(table, log, causality))

    async def run_lanes(machine: Machine) -> None:
        loop.observe(machine.watch)
        log.begin("main", 0, None)
        await machine.lane(0)
        for number in range(1, len(table)):
            machine.spawn(number)
        await asyncio.wait(machine.tasks.values())

    with Watcher(loop) as watcher:
        run_program(program, loop=loop)
    return log, watcher.races


SEEDS = st.integers(0, 5)
POLICIES = st.sampled_from(["fifo", "pos", "random"])


@settings(max_examples=400)
@given(PROGRAMS, POLICIES, SEEDS)
def test_clocks_agree_with_the_transitive_closure_of_the_edges(
    table: list[list[Op]], schedule: str, seed: int
) -> None:
    log, _ = run_table(table, schedule, seed, is_watched=False)
    before, always = log.predecessors(), log.predecessors(in_every_order=True)
    for early, late in combinations(log.clocks, 2):
        (step, number, tick, _), (their_step, their_number, _, clock) = early, late
        if number != their_number:
            known, always_known = clock.get(number, 0) >= tick, clock.get(-number, 0) >= tick
            assert known == comes_before(log, before, step, their_step)
            assert always_known == comes_before(log, always, step, their_step)


def comes_before(log: Log, before: dict[Moment, set[Moment]], early: Moment, late: Moment) -> bool:
    """Also the step in which somebody first watches, which comes before everything after it."""
    is_base = early[:2] == log.moments[0][:2]
    return early in before[late] or is_base


@settings(max_examples=400)
@given(PROGRAMS, POLICIES, SEEDS)
def test_a_strict_watch_reports_exactly_the_places_with_unordered_accesses(
    table: list[list[Op]], schedule: str, seed: int
) -> None:
    log, races = run_table(table, schedule, seed, is_watched=True)
    before = log.predecessors()
    assert {race.what for race in races} == set(unordered_places(log, before))


def unordered_places(log: Log, before: dict[Moment, set[Moment]]) -> Iterator[str]:
    for (step, place, what), (other, other_place, other_what) in combinations(log.accesses, 2):
        if place != other_place or "write" not in (what, other_what):
            continue
        if step[0] != other[0] and not comes_before(log, before, step, other):
            yield f"Shared.{place}"
