"""What a step of a run costs: by policy and number of ready tasks, in threads, over websockets."""

from __future__ import annotations

import asyncio
import math
import sys
import threading as threading_module
from collections.abc import Callable, Iterator
from typing import Any

import replay_ws as rws
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.schedule import POLICIES, Profile, Schedule
from replay_ws.sim.scheduling import loop_with_lanes
from tools.figures import Figure, cpu_s, paired

_READY_MIN = 10


def _lanes(policy: str) -> VirtualLoop:
    """A loop whose queue has lanes; what its policy chooses is written down."""
    return loop_with_lanes(Schedule(policy).resolved(1), 1, Profile({}, {}))


def _turns(tasks: int, turns: int, new_loop: Callable[[], Any]) -> Callable[[], None]:
    """``tasks`` that are ready together, each for so many turns."""

    async def spin() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def program() -> None:
        await asyncio.gather(*(spin() for _ in range(tasks)))

    def work() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(program())

    return work


def schedule(quick: bool) -> Iterator[Figure]:
    """A step among n ready tasks, for each policy; and a loop that writes its choices down."""
    rounds = 3 if quick else 5
    chains = (chain(asyncio.new_event_loop), chain(lambda: _lanes("pos")))
    yield Figure("call_soon chain, stock / pos", paired(*chains, rounds), "x", 1.0, at_least=True)
    for count in (2, 100):
        turns = (40_000 if quick else 200_000) // count
        loops = (
            _turns(count, turns, asyncio.new_event_loop),
            _turns(count, turns, lambda: _lanes("pos")),
        )
        ratios = paired(*loops, rounds)
        yield Figure(f"{count} tasks that yield, stock / pos", ratios, "x", at_least=True)
    for policy in POLICIES:
        base: tuple[float, ...] = ()
        for count in (_READY_MIN, 100, 1_000, 10_000):
            turns = max((20_000 if quick else 60_000) // count, 5)
            costs = tuple(_us_per_step(policy, count, turns) for _ in range(rounds))
            if not base:
                base = costs
                yield Figure(f"{policy}: a step among {count} tasks", costs, "us")
                continue
            growth = tuple(cost / least for cost, least in zip(costs, base, strict=True))
            bound = 1.5 * math.log(count) / math.log(_READY_MIN)
            yield Figure(f"{policy}: among {count:,} / among {_READY_MIN}", growth, "x", bound)


def _us_per_step(policy: str, tasks: int, turns: int) -> float:
    """Without what making the tasks costs."""
    many = cpu_s(_turns(tasks, turns + 5, lambda: _lanes(policy)))
    few = cpu_s(_turns(tasks, 5, lambda: _lanes(policy)))
    return (many - few) / (tasks * turns) * 1e6


def chain(new_loop: Callable[[], Any], steps: int = 50_000) -> Callable[[], None]:
    """So many callbacks on a loop of its own, each of which calls for the next."""

    def work() -> None:
        running = new_loop()
        left = steps

        def step() -> None:
            nonlocal left
            left -= 1
            if left:
                running.call_soon(step)
            else:
                running.stop()

        running.call_soon(step)
        running.run_forever()
        running.close()

    return work


def threads(quick: bool) -> Iterator[Figure]:
    """100 managed threads with 20 sync points each."""
    orders: set[tuple[int, ...]] = set()

    async def program() -> None:
        order: list[int] = []
        lock = threading_module.Lock()

        def work(number: int) -> None:
            for _ in range(10):  # to take a lock and to give it back are a sync point each
                with lock:
                    order.append(number)

        workers = [threading_module.Thread(target=work, args=(number,)) for number in range(100)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        orders.add(tuple(order))

    def run() -> None:
        rws.run(program, seed=7, schedule="pos", threads="managed")

    run()
    costs = tuple(cpu_s(run) * 1_000 for _ in range(20))
    yield Figure("100 managed threads x 20 sync points", costs, "ms", 100)
    yield Figure("orders in 20 runs of them", (float(len(orders)),), "", 1)


def websockets(quick: bool) -> Iterator[Figure]:
    """Unmodified ``websockets``: 20 clients with keep-alive pings, 610 virtual seconds."""
    try:
        from websockets.asyncio.client import connect
        from websockets.asyncio.server import ServerConnection, serve
    except ImportError:
        print("skipped: websockets (python tools/dev.py setup)", file=sys.stderr)
        return

    traces: set[tuple[tuple[int, str], ...]] = set()

    async def program() -> None:
        heard: list[tuple[int, str]] = []
        now_ns = asyncio.get_running_loop().time_ns  # type: ignore[attr-defined]  # a VirtualLoop

        async def answer(connection: ServerConnection) -> None:
            async for message in connection:
                heard.append((now_ns(), str(message)))
                await connection.send(message)

        async def client(number: int) -> None:
            async with connect("ws://agents.test:8765") as connection:
                for turn in range(10):
                    await asyncio.sleep(60)
                    await connection.send(f"{number}-{turn}")
                    assert await connection.recv() == f"{number}-{turn}"
                await asyncio.sleep(10)

        async with serve(answer, "agents.test", 8765):
            await asyncio.gather(*(client(number) for number in range(20)))
        traces.add(tuple(heard))

    def run() -> None:
        rws.run(program, seed=7, schedule="pos")

    run()
    costs = tuple(cpu_s(run) for _ in range(3 if quick else 10))
    yield Figure("websockets, 20 clients x 610 virtual s", costs, "s", 1.0)
    yield Figure("traces of those runs", (float(len(traces)),), "", 1)
