"""What a mock counts."""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import Any

import pytest

from replay_ws import MockWebSocketManager, WebSocketMetrics, run
from tests.helpers import TOKEN


def measured(program: Any) -> WebSocketMetrics:
    async def main() -> WebSocketMetrics:
        metrics = (await program()).metrics
        assert metrics is not None
        return metrics

    return run(main).value


def test_messages_and_bytes_are_counted_by_direction() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager()
        await mock.send_to_thread("t", "abc")
        await mock.send_to_thread("t", b"de")
        await mock.receive_from_thread("t", "f")
        return mock

    metrics = measured(program)
    assert (metrics.messages_sent, metrics.bytes_sent) == (2, 5)
    assert (metrics.messages_received, metrics.bytes_received) == (1, 1)
    assert metrics.errors_count == metrics.timeouts_count == 0


def test_refusals_are_errors_and_timeouts_are_counted_apart() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager(timeout_probability=1)
        await mock.send_to_thread("t", TOKEN)
        await mock.send_to_thread("t", {"no": "type"})
        return mock

    metrics = measured(program)
    assert (metrics.messages_sent, metrics.errors_count, metrics.timeouts_count) == (0, 2, 1)


def switches(*senders: int) -> int:
    """Context switches where each task sends so many messages."""

    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager()

        async def sender(number: int, count: int) -> None:
            for _ in range(count):
                await mock.send_to_thread(f"t{number}", TOKEN)

        await asyncio.gather(*(sender(*each) for each in enumerate(senders)))
        return mock

    return measured(program).context_switches


def test_one_task_does_not_switch() -> None:
    assert switches() == 0
    assert switches(5) == 0


def test_tasks_that_take_turns_switch_at_each_send() -> None:
    assert switches(3, 3) == 5
    assert switches(1, 1, 1) == 2


def test_tasks_of_which_one_follows_the_other_switch_once() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager()

        async def twice() -> None:
            await mock.send_to_thread("t", TOKEN)
            await mock.send_to_thread("t", TOKEN)

        await asyncio.create_task(twice())
        await asyncio.create_task(twice())
        return mock

    assert measured(program).context_switches == 1


def test_switches_between_os_threads_count() -> None:
    mock = MockWebSocketManager()

    async def send() -> None:
        await mock.send_to_thread("t", TOKEN)

    for _ in range(3):
        thread = threading.Thread(target=lambda: asyncio.run(send()))
        thread.start()
        thread.join()
    assert mock.get_performance_metrics()["context_switches"] == 2


def test_switches_start_anew_when_messages_are_cleared() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager()
        await asyncio.gather(*(mock.send_to_thread("t", TOKEN) for _ in range(4)))
        assert mock.get_performance_metrics()["context_switches"] == 3
        mock.clear_messages()
        await mock.send_to_thread("t", TOKEN)
        return mock

    assert measured(program).context_switches == 0


def test_a_mock_keeps_no_task_alive() -> None:
    async def program() -> None:
        mock = MockWebSocketManager()
        task = asyncio.create_task(mock.send_to_thread("t", TOKEN))
        await task
        gone = weakref.ref(task)
        del task
        await asyncio.sleep(0)  # the loop lets go of it
        assert gone() is None
        assert mock.metrics is not None

    run(program)


def test_only_connections_that_opened_were_made() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager(connection_limit=2)
        for user in "abcd":
            await mock.connect_user(user)
        await mock.disconnect_user("a")
        mock.drop("b")
        return mock

    metrics = measured(program)
    assert (metrics.connections_made, metrics.connections_dropped) == (2, 2)


def test_latency_is_from_send_to_arrival() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager(consume_rate=10)
        await asyncio.gather(*(mock.send_to_thread("t", TOKEN) for _ in range(2)))
        await asyncio.sleep(1)
        return mock

    metrics = measured(program)
    assert metrics.average_latency == pytest.approx(0.15)
    assert metrics.max_latency == 0.2


def test_latency_is_told_as_a_distribution() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager(consume_rate=10)
        await asyncio.gather(*(mock.send_to_thread("t", TOKEN) for _ in range(10)))
        await asyncio.sleep(1)
        return mock

    assert measured(program).latency == {
        "count": 10,
        "min": 0.1,
        "mean": 0.55,
        "p50": 0.5,
        "p90": 0.9,
        "p99": 1.0,
        "max": 1.0,
    }


def test_the_fullest_queue_is_told() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager(consume_rate=10)
        sends = [mock.send_to_thread(thread, "abc") for thread in "aaabb"]
        await asyncio.gather(*sends)
        await asyncio.sleep(1)
        return mock

    metrics = measured(program)
    assert (metrics.queue_peak, metrics.queue_peak_bytes) == (3, 9)


def test_what_is_not_tracked_is_not_told() -> None:
    mock = MockWebSocketManager(track_timing=False, track_memory=False)
    told = mock.get_performance_metrics()
    untold = {"latency", "throughput", "average_latency", "max_latency", "uptime_seconds"}
    assert not told.keys() & {*untold, "memory_usage"}
    assert MockWebSocketManager(enable_metrics=False).get_performance_metrics() == {}


def test_only_what_came_after_clearing_is_counted() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager(consume_rate=10)
        await mock.send_to_thread("t", TOKEN)
        await asyncio.sleep(1)
        mock.clear_messages()
        await mock.send_to_thread("t", TOKEN)
        await mock.settle()
        return mock

    metrics = measured(program)
    assert metrics.messages_sent == 1
    assert metrics.latency is not None
    assert metrics.latency["count"] == 1


def test_throughput_does_not_fall_with_idle_time() -> None:
    async def program() -> MockWebSocketManager:
        await asyncio.sleep(50)
        mock = MockWebSocketManager(latency_ms=100)
        for _ in range(10):
            await mock.send_to_thread("t", "12345")
        await asyncio.sleep(1_000)
        return mock

    metrics = measured(program)
    assert metrics.throughput == {"messages_per_second": 10.0, "bytes_per_second": 50.0}
    assert metrics.uptime_seconds == 1_051


def test_throughput_counts_what_arrived() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager(consume_rate=10, message_queue_size=2, overflow="drop_newest")
        await asyncio.gather(*(mock.send_to_thread("t", "12345") for _ in range(9)))
        await asyncio.sleep(1)
        return mock

    metrics = measured(program)
    assert metrics.messages_sent == 9
    assert metrics.throughput == {"messages_per_second": 10.0, "bytes_per_second": 50.0}


def test_sends_that_go_on_at_the_same_time_are_counted() -> None:
    async def program() -> list[int]:
        mock = MockWebSocketManager(latency_ms=10)
        sends = [asyncio.create_task(mock.send_to_thread("t", TOKEN)) for _ in range(5)]
        await asyncio.sleep(0.005)
        during = mock.metrics
        sends.pop().cancel()
        await asyncio.gather(*sends)
        after = mock.metrics
        assert during is not None
        assert after is not None
        return [during.concurrent_operations, after.concurrent_operations, after.max_concurrent]

    assert run(program).value == [5, 0, 5]


def test_a_mock_counts_what_is_its_own() -> None:
    async def program() -> MockWebSocketManager:
        mock, other = MockWebSocketManager(), MockWebSocketManager()
        await other.send_to_thread("t", TOKEN)
        await mock.send_to_thread("t", TOKEN)
        return mock

    metrics = measured(program)
    assert (metrics.messages_sent, metrics.connections_made) == (1, 1)


def test_a_mock_that_did_nothing_counts_nothing() -> None:
    metrics = MockWebSocketManager().metrics
    assert metrics is not None
    told = metrics.to_dict()
    assert told.pop("throughput") == {"messages_per_second": 0.0, "bytes_per_second": 0.0}
    assert set(told.pop("latency").values()) == {0}
    assert set(told.values()) == {0}


def test_a_mock_with_a_seed_of_its_own_says_so() -> None:
    async def program() -> list[int]:
        mocks = [MockWebSocketManager(), MockWebSocketManager(seed=99)]
        return [mock.get_network_simulation_stats()["seed"] for mock in mocks]

    assert run(program, seed=7).value == [7, 99]
