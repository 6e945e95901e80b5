"""Runs of the race suite per second, beside other tools that explore schedules.

Each tool is driven through its own call for exploring. A program survives its own failure, for
some tools stop at the first; the two whose bug is a deadlock are left out, which none can survive.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import replay_ws as rws
from replay_ws.running import Conditions, executions
from replay_ws.sim.schedule import Schedule
from tests.races.suite import PLAIN_RACES, Program, Race
from tools.figures import Figure, cpu_s

_MINOR = "{}.{}".format(*sys.version_info)
PEERS_PLACE = Path(__file__).resolve().parent.parent / ".venvs" / f"peers-{_MINOR}"
PEERS = ("detangle==0.1.0", "simloom==0.5.0", "simloop==0.2.2", "seedloop==0.4.1")

_DEADLOCKS = {"deadlock_two_locks", "missed_wakeup"}

Sweep = Callable[[Program, int], object]
"""Runs a program under so many schedules."""


def install_peers() -> int:
    """Install each peer that this Python can have, in a folder apart from our environments."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--no-deps"]
    codes = [subprocess.call([*pip, "--target", str(PEERS_PLACE), peer]) for peer in PEERS]
    return max(codes)


def _ours(program: Program, count: int) -> None:
    """A sweep, which is how a hunt runs its seeds."""
    conditions = Conditions(schedule=Schedule("portfolio"))
    for _ in executions(program, (replace(conditions, seed=n) for n in range(1, count + 1))):
        pass


def _ours_one_by_one(program: Program, count: int) -> None:
    for seed in range(1, count + 1):
        rws.run(program, seed=seed, schedule="portfolio")


def _detangle(explorer: Any, jitter: float = 0.0) -> Sweep:
    options = {"shrink": False, "database": False, "timer_jitter": jitter}
    return lambda program, count: explorer.explore(program, runs=count, seed=1, **options)


def _simloom(explorer: Any) -> Sweep:
    return lambda program, count: explorer.explore(program, runs=count, stop_on_failure=False)


def _simloop(explorer: Any) -> Sweep:
    return lambda program, count: explorer.explore(program, range(count))


def _seedloop(explorer: Any) -> Sweep:
    return lambda program, count: explorer.check(lambda world: program(), seeds=count)


_SWEEPS: tuple[tuple[str, str, Callable[[Any], Sweep], float | None], ...] = (
    ("detangle", "detangle", _detangle, 1.5),
    ("detangle, timer_jitter=.02", "detangle", functools.partial(_detangle, jitter=0.02), 3.0),
    ("simloom", "simloom", _simloom, None),
    ("simloop", "simloop", _simloop, None),
    ("seedloop (order of arrival)", "seedloop", _seedloop, None),
)
"""What it is called, its module, how to drive it, and how many times as fast we mean to be."""


def races(quick: bool) -> Iterator[Figure]:
    """Runs per second on the race suite, with the schedule recorded."""
    suite = [_surviving(race) for race in PLAIN_RACES if race.name not in _DEADLOCKS]
    runs, rounds = (20, 3) if quick else (100, 5)
    ours = functools.partial(_sweep_all, _ours, suite, runs)
    ours()
    one_by_one = functools.partial(_sweep_all, _ours_one_by_one, suite, runs)
    for what, sweep in (("in a sweep", ours), ("one by one", one_by_one)):
        rates = tuple(runs * len(suite) / cpu_s(sweep) for _ in range(rounds))
        yield Figure(f"runs of the race suite, {what}", rates, "runs/s")
    for what, module, sweep_of, bound in _SWEEPS:
        explorer = _peer(module)
        if explorer is None:
            continue
        theirs = functools.partial(_sweep_all, sweep_of(explorer), suite, runs)
        theirs()
        ratios = tuple(cpu_s(theirs) / cpu_s(ours) for _ in range(rounds))
        yield Figure(f"races, ours / {what}", ratios, "x", bound, at_least=True)


def _sweep_all(sweep: Sweep, suite: list[Program], runs: int) -> None:
    for program in suite:
        sweep(program, runs)


def _surviving(race: Race) -> Program:
    @functools.wraps(race.program)
    async def program() -> None:
        try:
            await race.program()
        except AssertionError:
            await asyncio.sleep(0)

    return program


def _peer(module: str) -> Any:
    """The module of a peer, or None, said on stderr."""
    if str(PEERS_PLACE) not in sys.path:
        sys.path.append(str(PEERS_PLACE))
    try:
        return importlib.import_module(module)
    except ImportError:
        print(f"skipped: {module} (python tools/bench.py --peers)", file=sys.stderr)
        return None
