"""A hundred OS threads send into one mock: nothing is lost, and in a managed run one order."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from replay_ws import LegacyMockWebSocketManager, MockWebSocketManager, RunResult, run
from tests.helpers import tokens

THREADS = 100
EVENTS = 100

Make = Callable[[], MockWebSocketManager]


@pytest.fixture
def contention() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def on_threads(work: Callable[[str], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    return threads


def send_from_threads(mock: MockWebSocketManager) -> list[BaseException]:
    """Each thread sends its events on a loop of its own; returns what went wrong."""
    errors: list[BaseException] = []

    async def send_all(name: str) -> None:
        for message in tokens(EVENTS):
            assert await mock.send_to_thread(name, message)

    def work(name: str) -> None:
        try:
            asyncio.run(send_all(name))
        except BaseException as error:
            errors.append(error)

    for thread in on_threads(work):
        thread.join(60)
        assert not thread.is_alive()
    return errors


def require_all(mock: MockWebSocketManager) -> None:
    records = mock.messages
    assert [record["sequence"] for record in records] == list(range(THREADS * EVENTS))
    for number in range(THREADS):
        numbers = [record["message"]["n"] for record in mock.get_events_for_thread(f"t{number}")]
        assert numbers == list(range(EVENTS))
    assert mock.session().ledger.delivered == THREADS * EVENTS
    assert mock.metrics is not None
    assert mock.metrics.messages_sent == THREADS * EVENTS


@pytest.mark.usefixtures("contention")
@pytest.mark.parametrize("make", [MockWebSocketManager, LegacyMockWebSocketManager])
def test_threads_with_loops_of_their_own_lose_nothing(make: Make) -> None:
    mock = make()
    assert send_from_threads(mock) == []
    require_all(mock)


@pytest.mark.usefixtures("contention")
@pytest.mark.parametrize("make", [MockWebSocketManager, LegacyMockWebSocketManager])
def test_free_threads_of_a_run_lose_nothing(make: Make) -> None:
    async def program() -> MockWebSocketManager:
        mock = make()
        assert send_from_threads(mock) == []
        return mock

    out = run(program, threads="free")
    require_all(out.value)
    assert not out.session.replayable


def managed(events: int, seed: int = 7) -> RunResult[list[Any]]:
    """A run in whose managed threads events are sent through its loop, in the order they came."""

    async def program() -> list[Any]:
        mock, loop = MockWebSocketManager(), asyncio.get_running_loop()

        def work(name: str) -> None:
            for message in tokens(events):
                send = mock.send_to_thread(name, message)
                assert asyncio.run_coroutine_threadsafe(send, loop).result()

        for thread in on_threads(work):
            await asyncio.to_thread(thread.join)
        return [(record["thread_id"], record["message"]["n"]) for record in mock.messages]

    return run(program, seed=seed, schedule="random", threads="managed")


def test_managed_threads_have_one_order_that_the_seed_decides() -> None:
    first, again, other = managed(3), managed(3), managed(3, seed=8)
    assert first.value == again.value != other.value
    assert first.digest == again.digest
    assert sorted(first.value) == sorted((f"t{n}", m) for n in range(THREADS) for m in range(3))


@pytest.mark.slow
def test_managed_threads_have_one_order_in_twenty_runs() -> None:
    digests = {managed(20).digest for _ in range(20)}
    assert len(digests) == 1


@pytest.mark.slow
def test_ten_thousand_events_of_managed_threads_have_one_order() -> None:
    first, again = managed(EVENTS), managed(EVENTS)
    assert len(first.value) == THREADS * EVENTS
    assert first.value == again.value
