"""The ready queue with lanes: order within them, choice between them, and what is written down."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.lanes import LaneQueue
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program
from replay_ws.sim.schedule import Fifo, Held, Lane, PartialOrder, RandomWalk


async def many_workers() -> list[Any]:
    """Tasks, timers and callbacks that get in each other's way."""
    order: list[Any] = []
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[int] = asyncio.Queue(2)

    async def worker(number: int) -> None:
        for round_number in range(4):
            order.append((number, round_number))
            loop.call_soon(order.append, ("callback", number, round_number))
            await asyncio.sleep(0 if round_number % 2 else 0.001 * number)
            await queue.put(number)

    async def eater() -> None:
        for _ in range(20):
            number = await queue.get()
            order.append(("eaten", number))

    async with asyncio.TaskGroup() as group:
        group.create_task(eater())
        for number in range(5):
            group.create_task(worker(number))
    return order


def ran(lanes: LaneQueue | None) -> list[Any]:
    return run_program(many_workers, loop=VirtualLoop(lanes))


def test_lanes_in_arrival_order_run_exactly_as_the_plain_queue_does() -> None:
    lanes = LaneQueue(Fifo())
    assert ran(lanes) == ran(None)
    assert lanes.departures == {}


def test_plain_callbacks_keep_their_order_under_every_policy() -> None:
    for seed in range(20):
        order: list[int] = []

        async def program(order: list[int] = order) -> None:
            loop = asyncio.get_running_loop()
            for number in range(30):
                loop.call_soon(order.append, number)
                if number % 7 == 0:
                    await asyncio.sleep(0)
            while len(order) < 30:
                await asyncio.sleep(0)

        run_program(program, loop=VirtualLoop(LaneQueue(RandomWalk(), seed=seed)))
        assert order == sorted(order)


def test_a_policy_changes_the_order_and_holds_repeat_it() -> None:
    orders = set()
    for seed in range(10):
        chosen = LaneQueue(PartialOrder(), seed=seed, jitter=True)
        order = ran(chosen)
        told: dict[str, dict[tuple[str, int], int]] = {"hold": {}, "late": {}, "stall": {}}
        for (kind, path), pairs in chosen.departures.items():
            amounts = zip(pairs[::2], pairs[1::2], strict=True)
            told[kind] |= {(path, nth): amount for nth, amount in amounts}
        repeated = LaneQueue(Held(told["hold"]), planned=told)
        assert ran(repeated) == order
        assert repeated.departures == chosen.departures
        orders.add(str(order))
    assert len(orders) == 10


def test_a_queue_without_a_choice_writes_nothing_down() -> None:
    lanes = LaneQueue(PartialOrder(), seed=3)

    async def alone() -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    run_program(alone, loop=VirtualLoop(lanes))
    assert lanes.departures == {}


def test_taking_from_an_empty_queue_is_an_error() -> None:
    with pytest.raises(IndexError):
        LaneQueue(Fifo()).popleft()


def test_a_cleared_queue_is_empty_and_can_be_filled_again() -> None:
    loop = VirtualLoop()
    lanes = LaneQueue(RandomWalk())
    for _ in range(3):
        lanes.append(Ready(print, (), loop, None))
    lanes.clear()
    assert len(lanes) == 0
    again = Ready(print, (), loop, None)
    lanes.append(again)
    assert lanes.popleft() is again
    loop.close()


class Watcher:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.timers = 0

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        self.seen.append(("queued", lane.path))

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        self.seen.append(("begins", lane.path))

    def armed(self, timer: Timer) -> None:
        self.timers += 1


def test_an_observer_sees_every_step_also_of_a_loop_that_had_no_lanes() -> None:
    for loop in (VirtualLoop(), VirtualLoop(LaneQueue(RandomWalk()))):
        watcher = Watcher()
        loop.observe(watcher)
        run_program(many_workers, loop=loop)
        begun = [path for what, path in watcher.seen if what == "begins"]
        assert {"", "main", "main/many_workers.<locals>.eater"} >= {"", "main"}
        assert "main" in begun
        assert "main/worker#4" in begun
        assert watcher.timers > 0


def test_observing_in_the_middle_of_a_run_changes_no_order() -> None:
    watcher = Watcher()

    async def program(observed: bool) -> list[Any]:
        task = asyncio.create_task(many_workers())
        for _ in range(3):
            await asyncio.sleep(0)
        if observed:
            asyncio.get_running_loop().observe(watcher)  # type: ignore[attr-defined]
        return await task

    plain = run_program(lambda: program(False), loop=VirtualLoop())
    assert run_program(lambda: program(True), loop=VirtualLoop()) == plain
    assert ("begins", "main/worker") in watcher.seen


def test_eager_tasks_have_lanes_too() -> None:
    if not hasattr(asyncio, "eager_task_factory"):
        pytest.skip("eager tasks came with Python 3.12")

    async def program() -> list[Any]:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        return await many_workers()

    orders = {
        str(run_program(program, loop=VirtualLoop(LaneQueue(PartialOrder(), seed=seed))))
        for seed in range(8)
    }
    assert len(orders) > 4
