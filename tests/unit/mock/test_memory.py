"""What a mock keeps in memory."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable

import pytest

from replay_ws import LegacyMockWebSocketManager, MockWebSocketManager

MAKERS = [MockWebSocketManager, LegacyMockWebSocketManager]


def kept_bytes(make: Callable[[], MockWebSocketManager], count: int) -> tuple[int, int]:
    """What a mock holds after so many events on ten threads, and its payloads of that."""
    messages = [{"type": "token", "n": n, "text": "x" * 20} for n in range(count)]

    async def send_all(mock: MockWebSocketManager) -> None:
        for message in messages:
            await mock.send_to_thread(f"t{message['n'] % 10}", message)  # type: ignore[operator]

    asyncio.run(send_all(make()))  # what is made once is there now
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        mock = make()
        asyncio.run(send_all(mock))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before, sum(event.body.__sizeof__() for event in mock.session().events)


@pytest.mark.parametrize("make", MAKERS)
def test_a_test_with_a_thousand_events_keeps_less_than_a_megabyte(
    make: Callable[[], MockWebSocketManager],
) -> None:
    held, _ = kept_bytes(make, 1_000)
    assert held < 1 << 20


def test_an_event_costs_at_most_three_hundred_bytes_beside_its_payload() -> None:
    held, payloads = kept_bytes(MockWebSocketManager, 10_000)
    assert held - payloads < 300 * 10_000


@pytest.mark.parametrize("make", MAKERS)
def test_a_test_with_five_events_keeps_next_to_nothing(
    make: Callable[[], MockWebSocketManager],
) -> None:
    held, _ = kept_bytes(make, 5)
    assert held < 1 << 16
