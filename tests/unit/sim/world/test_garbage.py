"""Cyclic garbage is collected at fixed turns, and everything is as before afterwards."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable

import pytest

import replay_ws as rws
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.world.garbage import steady_collection

_kept: list[object] = []


class Cycle:
    def __init__(self, seen: list[int]) -> None:
        self.me = self
        self.seen = seen

    def __del__(self) -> None:
        self.seen.append(len(self.seen))


def test_finalizers_of_cycles_run_at_the_same_turn_in_every_run() -> None:
    async def program() -> list[int]:
        seen: list[int] = []
        freed_at = []
        for turn in range(9000):
            if turn % 10 == 0:
                Cycle(seen)
            before = len(seen)
            await asyncio.sleep(0)
            if len(seen) > before:
                freed_at.append(turn)
        return freed_at

    found = set()
    for size in range(5):
        _kept.append([bytearray(100) for _ in range(size * 1000)])
        found.add(tuple(rws.run(program).value))
    assert len(found) == 1
    assert len(found.pop()) == 2


def test_what_a_long_run_keeps_is_looked_through_whenever_its_turns_have_doubled() -> None:
    looked: list[int] = []

    def look(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            looked.append(info["generation"])

    async def program() -> list[int]:
        for _ in range(4096 * 9):
            await asyncio.sleep(0)
        return looked.copy()

    gc.callbacks.append(look)
    try:
        generations = rws.run(program).value
    finally:
        gc.callbacks.remove(look)
    assert generations[-9:] == [2, 2, 1, 2, 1, 1, 1, 2, 1]


def test_a_generator_that_is_lost_in_a_cycle_is_closed_before_the_run_ends() -> None:
    closed = []

    async def program() -> None:
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                closed.append(True)

        class Holder:
            pass

        holder = Holder()
        holder.me, holder.generator = holder, numbers()  # type: ignore[attr-defined]
        await holder.generator.__anext__()  # type: ignore[attr-defined]

    rws.run(program)
    assert closed == [True]


def test_a_run_leaves_nothing_to_the_collector() -> None:
    async def program() -> None:
        await rws.MockWebSocketManager().send_to_thread("thread-1", {"type": "agent_started"})
        await asyncio.sleep(1)

    rws.run(program, schedule="pos")
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            rws.run(program, schedule="pos")
        assert gc.collect() < 10
    finally:
        gc.enable()


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was_found(enabled: bool) -> None:
    was_enabled, before = gc.isenabled(), gc.get_freeze_count()
    try:
        (gc.enable if enabled else gc.disable)()
        loop = VirtualLoop()
        with steady_collection(loop):
            assert not gc.isenabled()
            assert gc.get_freeze_count() > 0
        assert gc.isenabled() is enabled
        assert gc.get_freeze_count() <= before
        loop.close()
    finally:
        (gc.enable if was_enabled else gc.disable)()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("change", [gc.enable, gc.disable])
def test_what_a_program_says_to_the_collector_ends_with_its_run(
    enabled: bool, change: Callable[[], None]
) -> None:
    async def program() -> None:
        change()

    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        rws.run(program)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def test_what_the_user_set_aside_stays_aside() -> None:
    gc.freeze()
    count = gc.get_freeze_count()
    try:
        rws.run(lambda: asyncio.sleep(1))
        assert gc.get_freeze_count() == pytest.approx(count, rel=0.01)
    finally:
        gc.unfreeze()


def test_what_failed_runs_leave_behind_is_collected_in_time() -> None:
    # What a run allocates and its exception holds: enough to show in a process of any size.
    ballast: list[list[int]] = [[] for _ in range(sys.getallocatedblocks() // 1_000)]

    async def program() -> None:
        mine = [[*each] for each in ballast]
        raise ValueError(mine)

    runs = 2_000
    before = len(gc.get_objects())
    for _ in range(runs):
        with pytest.raises(ValueError, match=r"\["):
            rws.run(program)
    assert len(gc.get_objects()) - before < runs * len(ballast) / 2
