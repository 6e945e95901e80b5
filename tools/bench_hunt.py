"""What a hunt costs beside its runs, and how soon it ends once it has found something."""

from __future__ import annotations

import random
import resource
import time
import tracemalloc
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from replay_ws.hunter.hunt import Hunt, _Tally, hunt
from replay_ws.hunter.sweep import Slice, Trials
from replay_ws.hunter.targets import ProgramTarget
from replay_ws.running import Conditions, executions
from tools.figures import Figure

_RUN_S = 0.001


async def busy() -> None:
    """A millisecond of CPU time."""
    until = time.process_time() + _RUN_S
    while time.process_time() < until:
        pass


async def fails_late() -> None:
    """As ``busy``, but one run in 2,000 fails."""
    await busy()
    assert random.randrange(2_000), "found"


def hunts(quick: bool) -> Iterator[Figure]:
    """The parent's share of a hunt with one, two and four workers; memory; the end."""
    runs = 2_000 if quick else 10_000
    for jobs in (1, 2, 4):
        shares = tuple(_beside(runs, jobs) for _ in range(3))
        what = f"hunt, {jobs} workers, 1 ms runs / split by hand"
        yield Figure(what, shares, "x", 1.05 if jobs == 2 else None)
    yield Figure("hunt, CPU of the parent alone, 2 workers", (_parents_share(runs),), "%", 5)
    ends = tuple(_end_s(seed) for seed in range(3))
    yield Figure("hunt, from the first failure to the end", ends, "s", 0.5)
    count = 100_000 if quick else 1_000_000
    yield Figure(f"hunt, parent, {count:,} behaviours", (_memory_mb(count),), "MB", 200)


def _beside(runs: int, jobs: int) -> float:
    """What a hunt takes of the machine, beside the same runs in as many processes."""
    return _cpu_of(lambda: _hunt(busy, runs, jobs)) / _cpu_of(lambda: _split(runs, jobs))


def _split(runs: int, jobs: int) -> None:
    with ProcessPoolExecutor(jobs, get_context("fork")) as pool:
        list(pool.map(_one_by_one, [runs // jobs] * jobs))


def _one_by_one(runs: int) -> None:
    for _ in executions(busy, (Conditions(seed=seed) for seed in range(runs))):
        pass


def _hunt(program: Callable[[], Any], runs: int, jobs: int, **options: Any) -> Hunt:
    trials = Trials(range(options.pop("first", 0), options.pop("last", runs)))
    return hunt(ProgramTarget(program), trials, executor="process", jobs=jobs, **options)


def _cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of this process and all that it started."""
    before = _cpu_s()
    work()
    return _cpu_s() - before


def _cpu_s() -> float:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, whose))


def _parents_share(runs: int) -> float:
    before, own = _cpu_s(), time.process_time()
    _hunt(busy, runs, 2)
    return 100 * (time.process_time() - own) / (_cpu_s() - before)


def _end_s(seed: int) -> float:
    """How long a hunt goes on after the slice has come in that has the first failure."""
    taken: list[float] = []
    horizon = _Tally.horizon

    def timed(self: _Tally, piece: Slice) -> int | None:
        if piece.failures:
            taken.append(time.monotonic())
        return horizon(self, piece)

    _Tally.horizon = timed  # type: ignore[method-assign]
    try:
        _hunt(fails_late, 0, 2, first=seed * 10**6, last=seed * 10**6 + 10**6, stop="first")
    finally:
        _Tally.horizon = horizon  # type: ignore[method-assign]
    return time.monotonic() - taken[0]


def _memory_mb(count: int) -> float:
    """What a hunt holds, at most, when each of so many runs did something else."""
    chance = random.Random(1)
    tally = _Tally(ProgramTarget(busy), Trials(range(count)), None)
    tracemalloc.start()
    for first in range(0, count, 1_000):
        seen = array("Q", (chance.getrandbits(64) for _ in range(1_000)))
        tally.add(Slice(first, first + 1_000, (), seen))
        tally.progress(1.0)
    found = tally.result([], "here", 1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.behaviours == count
    return peak / 1e6
