"""Shrinking faults and delays; what cannot be shrunk is said."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.hunter.failure import Failure
from replay_ws.hunter.hunt import hunt
from replay_ws.hunter.shrink import Shrunk, shrink
from replay_ws.hunter.sweep import trials_of
from replay_ws.hunter.targets import ProgramTarget
from replay_ws.sim.schedule import Schedule

Program = Callable[[], Any]


def first_failure(program: Program, *modes: str) -> Failure:
    trials = trials_of(range(3_000), modes, Schedule("portfolio"))
    return hunt(ProgramTarget(program), trials, stop="first").failures[0]


def shrunk(program: Program, *modes: str, **options: Any) -> Shrunk:
    return shrink(ProgramTarget(program), first_failure(program, *modes), **options)


async def needs_the_third() -> None:
    """Fails when the third token is lost; many others may be."""
    mock = rws.MockWebSocketManager()
    for number in range(20):
        await mock.send_to_thread("thread-1", {"type": "token", "n": number})
    await asyncio.sleep(60)
    seen = [event.payload["n"] for event in mock.session().delivered()]
    assert 2 in seen, "no third token"


async def needs_two() -> None:
    """Fails when two acknowledgements in a row are lost."""
    mock = rws.MockWebSocketManager()
    for number in range(30):
        await mock.send_to_thread("thread-1", {"type": "ack", "n": number})
    await asyncio.sleep(60)
    seen = {event.payload["n"] for event in mock.session().delivered()}
    missing = [{n, n + 1} - seen == {n, n + 1} for n in range(29)]
    assert not any(missing), "two acknowledgements in a row are missing"


async def needs_loss_and_order() -> None:
    """Fails when the answer is lost and the watchdog looks before the retry."""
    mock = rws.MockWebSocketManager()
    state = {"answered": False}

    async def answer() -> None:
        await mock.send_to_thread("thread-1", {"type": "answer"})
        await asyncio.sleep(0)
        state["answered"] = True

    async def watchdog() -> None:
        for _ in range(6):
            await asyncio.sleep(0)
        was_answered = state["answered"]
        await asyncio.sleep(60)
        if not mock.session().delivered():
            assert was_answered, "nobody answered, and nobody tries again"

    await asyncio.gather(answer(), watchdog())


async def fails_in_two_ways() -> None:
    mock = rws.MockWebSocketManager()
    for number in range(8):
        await mock.send_to_thread("thread-1", {"type": "token", "n": number})
    await asyncio.sleep(60)
    seen = {event.payload["n"] for event in mock.session().delivered()}
    if not {1, 2} & seen:
        raise LookupError("both are missing")
    assert 1 in seen, "the first is missing"


def test_of_many_faults_the_one_that_matters_is_left() -> None:
    found = shrunk(needs_the_third, "packet_loss")
    (decision,) = found.decisions
    assert (decision.toxic, decision.type, decision.index) == ("loss", "token", 2)
    assert found.decisions_before > 1 or found.runs < 10
    assert found.session.ledger.delivered == 19


def test_two_faults_that_are_needed_together_are_both_left() -> None:
    found = shrunk(needs_two, "packet_loss")
    first, second = found.decisions
    assert second.index == first.index + 1
    assert found.schedule == ()


def test_a_fault_and_a_delay_that_are_needed_together_are_both_left() -> None:
    found = shrunk(needs_loss_and_order, "packet_loss")
    assert [decision.toxic for decision in found.faults] == ["loss"]
    assert [decision.toxic for decision in found.schedule] == ["hold"]


def test_another_failure_that_is_met_is_kept_and_not_taken_for_this_one() -> None:
    target = ProgramTarget(fails_in_two_ways)
    found = hunt(target, trials_of(range(2_000), ["packet_loss"]))
    (group,) = (each for each in found.groups if each.signature.kind == "LookupError")
    result = shrink(target, group.first)
    assert len(result.decisions) == 2
    assert [slip.kind for slip in result.slips] == ["AssertionError"]
    (conditions,) = result.slips.values()
    (outcome,) = target.within(lambda runner: list(runner([conditions])))
    assert isinstance(outcome.error, AssertionError)


def test_a_program_that_always_fails_needs_no_decision_and_no_mode() -> None:
    async def fails() -> None:
        await asyncio.sleep(1)
        raise ValueError("always")

    found = shrunk(fails, "slow_network")
    assert (len(found.decisions), found.conditions.config.mode.value) == (0, "normal")  # type: ignore[union-attr]


def test_when_the_runs_are_used_up_the_best_so_far_is_given() -> None:
    found = shrunk(needs_two, "packet_loss", runs_max=6)
    assert not found.is_minimal
    assert found.runs <= 7
    assert len(found.decisions) >= 2


def test_what_does_not_fail_any_more_is_said() -> None:
    failure = first_failure(needs_the_third, "packet_loss")

    async def mended() -> None:
        await asyncio.sleep(0)

    with pytest.raises(rws.ProgramError, match=r"does not fail any more.*it passes"):
        shrink(ProgramTarget(mended), failure)


def test_what_is_not_the_same_twice_is_not_shrunk() -> None:
    counter = itertools.count()

    async def changes() -> None:
        mock = rws.MockWebSocketManager()
        await mock.send_to_thread("thread-1", {"type": "token", "n": next(counter)})
        assert random.random() < 0.5, "unlucky"

    failure = first_failure(changes)
    with pytest.raises(rws.DeterminismError, match="two runs under the same conditions differ"):
        shrink(ProgramTarget(changes), failure)
