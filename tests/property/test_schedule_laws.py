"""The laws of the schedule: one seed one order, holds that repeat it, and draws that stay put."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import replay_ws as rws
from replay_ws.sim.schedule import POLICIES
from tests.property.strategies import seeds

# A step of a worker: yield, sleep for so many ms, put, get, or start a child.
steps = st.one_of(
    st.just(("yield", 0)),
    st.tuples(st.just("sleep"), st.integers(1, 5)),
    st.tuples(st.sampled_from(["put", "get", "send", "child"]), st.just(0)),
)
programs = st.lists(st.lists(steps, max_size=6), min_size=1, max_size=5)
policies = st.sampled_from(POLICIES)

Program = Callable[[], Coroutine[Any, Any, list[Any]]]


def program_of(workers: list[list[tuple[str, int]]], *, more: bool = False) -> Program:
    """The coroutine function that runs ``workers`` together and returns what they did, in order."""

    async def program() -> list[Any]:
        order: list[Any] = []
        queue: asyncio.Queue[str] = asyncio.Queue(1)
        mock = rws.MockWebSocketManager()

        async def worker(name: str, todo: list[tuple[str, int]]) -> None:
            for number, (what, amount) in enumerate(todo):
                order.append((name, number))
                match what:
                    case "yield":
                        await asyncio.sleep(0)
                    case "sleep":
                        await asyncio.sleep(amount / 1000)
                    case "put":
                        await asyncio.wait([asyncio.ensure_future(queue.put(name))], timeout=0.002)
                    case "get":
                        await asyncio.wait([asyncio.ensure_future(queue.get())], timeout=0.002)
                    case "send":
                        await mock.send_to_thread(name, {"type": "step", "number": number})
                    case "child":
                        await asyncio.create_task(worker(f"{name}.{number}", [("yield", 0)] * 2))

        tasks = [asyncio.create_task(worker(str(n), todo)) for n, todo in enumerate(workers)]
        if more:
            tasks.append(asyncio.create_task(asyncio.sleep(0.001), name="bystander"))
        await asyncio.wait(tasks)
        return order

    return program


@given(programs, policies, seeds)
def test_one_seed_is_one_story(workers: Any, policy: str, seed: int) -> None:
    program = program_of(workers)
    first = rws.run(program, seed=seed, schedule=policy, mode="packet_loss")
    again = rws.run(program, seed=seed, schedule=policy, mode="packet_loss")
    assert again.value == first.value
    assert again.digest == first.digest


@given(programs, policies, seeds)
def test_a_plan_brings_a_run_back_without_policy_and_seed(
    workers: Any, policy: str, seed: int
) -> None:
    program = program_of(workers)
    first = rws.run(program, seed=seed, schedule=policy, mode="packet_loss")
    again = rws.run(program, plan=first.session.plan, mode="packet_loss")
    assert again.value == first.value
    assert again.session.fingerprint == first.session.fingerprint
    assert again.session.plan == first.session.plan
    told = rws.run(program, seed=seed, schedule=policy, mode="packet_loss", plan=first.session.plan)
    assert told.digest == first.digest


@given(programs, policies, seeds)
def test_a_session_with_a_schedule_replays_to_the_same_bytes(
    workers: Any, policy: str, seed: int
) -> None:
    session = rws.run(program_of(workers), seed=seed, schedule=policy).session
    assert rws.replay(session).digest == session.digest


@given(programs, seeds)
def test_the_order_of_a_stock_loop_needs_no_plan(workers: Any, seed: int) -> None:
    program = program_of(workers)
    plain = rws.run(program, seed=seed)
    empty = rws.run(program, seed=seed, plan=rws.Plan())
    assert plain.session.plan == rws.Plan()
    assert empty.value == plain.value
    assert empty.digest == plain.digest


@given(programs, seeds)
def test_a_bystander_moves_no_lateness_of_others(workers: Any, seed: int) -> None:
    """Draws are keyed by path: who comes along later changes what is late only by what follows."""
    alone = rws.run(program_of([workers[0]]), seed=seed, schedule="legal").session
    accompanied = rws.run(program_of([workers[0]], more=True), seed=seed, schedule="legal").session

    def amounts(session: rws.Session, kind: str) -> dict[Any, int]:
        ours = [d for d in session.plan if d.toxic == kind and "worker" in d.connection]
        return {(d.connection, d.index): d.amount for d in ours}

    assert amounts(accompanied, "late") == amounts(alone, "late")
    # The loop may reach a timer on its way to, or late from, another one's.
    both = amounts(accompanied, "stall").keys() & amounts(alone, "stall").keys()
    for key in both:
        assert amounts(accompanied, "stall")[key] == amounts(alone, "stall")[key]


@given(st.lists(st.integers(1, 10**7), min_size=2, max_size=20), seeds)
def test_a_legal_order_fires_timers_by_their_deadlines(delays: list[int], seed: int) -> None:
    async def program() -> list[int]:
        order: list[int] = []
        loop = asyncio.get_running_loop()
        for delay in delays:
            loop.call_later(delay / 1000, order.append, delay)
        await asyncio.sleep(20_000)
        return order

    assert rws.run(program, seed=seed, schedule="legal").value == sorted(delays)
