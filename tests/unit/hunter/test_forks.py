"""When a failure became inevitable: the step and the event that decided it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.hunter.forks import Forks, fork
from replay_ws.hunter.hunt import hunt
from replay_ws.hunter.shrink import Shrunk, shrink
from replay_ws.hunter.sweep import trials_of
from replay_ws.hunter.targets import ProgramTarget
from replay_ws.sim.schedule import Schedule

Program = Callable[[], Any]


def shrunk(program: Program, *modes: str, schedule: Schedule | None = None) -> Shrunk:
    target = ProgramTarget(program)
    trials = trials_of(range(1, 3_000), modes, schedule or Schedule("portfolio"))
    return shrink(target, hunt(target, trials, stop="first").failures[0])


def forked(program: Program, *modes: str, schedule: Schedule | None = None) -> Forks:
    return fork(ProgramTarget(program), shrunk(program, *modes, schedule=schedule))


async def send_tokens(mock: rws.MockWebSocketManager, count: int) -> set[int]:
    for number in range(count):
        await mock.send_to_thread("thread-1", {"type": "token", "n": number})
    await asyncio.sleep(60)
    return {event.payload["n"] for event in mock.session().delivered()}


async def needs_the_third() -> None:
    seen = await send_tokens(rws.MockWebSocketManager(), 20)
    assert 2 in seen, "no third token"


async def has_a_seed_of_its_own() -> None:
    config = rws.MockConfiguration(mode="packet_loss", seed=3)
    seen = await send_tokens(rws.MockWebSocketManager(config), 40)
    assert len(seen) == 40, "a token is missing"


async def notices_late() -> None:
    """The two meet in the first steps; what comes of it is seen a hundred steps later."""
    told: list[str] = []

    async def tells(name: str) -> None:
        await asyncio.sleep(0)
        told.append(name)

    await asyncio.gather(tells("first"), tells("second"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert told == ["first", "second"], "the wrong way round"


async def cannot_be_cancelled() -> None:
    async def works() -> None:
        for _ in range(30):
            await asyncio.sleep(1)

    (end,) = await asyncio.gather(asyncio.create_task(works()), return_exceptions=True)
    assert end is None, "cancelled"


async def always_fails() -> None:
    await asyncio.sleep(1)
    raise ValueError("always")


def test_a_loss_decides_at_the_message_that_is_lost() -> None:
    found = forked(needs_the_third, "packet_loss")
    assert (found.event.type, found.event.index) == ("token", 2)  # type: ignore[union-attr]
    assert (found.before <= 0.4, found.after) == (True, 1.0)
    assert "token on thread-1" in found.text()


def test_an_order_decides_long_before_the_failure_shows() -> None:
    found = forked(notices_late)
    assert found.steps > 100
    assert 0 < found.step < 12
    assert found.taken is not None
    assert found.taken.path.startswith("main/tells")
    assert found.taken.line == "await asyncio.sleep(0)"


def test_a_cancellation_decides_when_it_strikes() -> None:
    result = shrunk(cannot_be_cancelled, schedule=Schedule(cancel_rate=0.02))
    (cancelled,) = result.decisions
    found = fork(ProgramTarget(cannot_be_cancelled), result)
    assert found.taken is not None
    assert (found.taken.path, found.taken.nth) == (cancelled.connection, cancelled.index)
    assert found.after == 1


def test_what_always_fails_is_decided_before_it_begins() -> None:
    found = forked(always_fails)
    assert (found.step, found.taken, found.before, found.after) == (0, None, 1.0, 1.0)
    assert found.text() == "it fails whatever is drawn for order and faults"


def test_what_a_mock_draws_from_a_seed_of_its_own_stays() -> None:
    assert forked(has_a_seed_of_its_own).step == 0


def test_a_failure_that_is_mended_is_said() -> None:
    async def mended() -> None:
        await asyncio.sleep(0)

    result = replace(shrunk(always_fails), target="app.py:main")
    with pytest.raises(rws.ProgramError, match="does not fail any more"):
        fork(ProgramTarget(mended), result)
