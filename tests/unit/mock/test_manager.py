"""The mock as a test meets it: inside a run, on a stock loop, from threads."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest

from replay_ws import (
    ConfigError,
    Fate,
    MockBehaviorMode,
    MockConfiguration,
    MockWebSocketManager,
    MockWebSocketState,
    ProgramError,
    replay,
    run,
)
from replay_ws.clock import NS_PER_MS
from replay_ws.events.log import Op
from tests.helpers import TOKEN, tokens

AGENT = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")

Program = Callable[[], Awaitable[Any]]


def in_run(program: Program) -> Any:
    return run(program).value


def on_stock_loop(program: Program) -> Any:
    async def main() -> Any:
        return await program()

    return asyncio.run(main())


@pytest.fixture(params=[in_run, on_stock_loop], ids=["in a run", "on a stock loop"])
def go(request: pytest.FixtureRequest) -> Callable[[Program], Any]:
    """Runs a program; what it returns comes back."""
    return request.param


Go = Callable[[Program], Any]


# --- sending -------------------------------------------------------------------------------


def test_what_was_sent_is_there_afterwards(go: Go) -> None:
    async def program() -> list[dict[str, Any]]:
        mock = MockWebSocketManager()
        assert await mock.send_to_thread("t", {"type": "token", "n": 1}) is True
        return mock.get_events_for_thread("t")

    [record] = go(program)
    assert record["message"] == {"type": "token", "n": 1}
    assert (record["thread_id"], record["event_type"], record["sequence"]) == ("t", "token", 0)


def test_a_record_is_a_snapshot_of_the_message(go: Go) -> None:
    async def program() -> list[dict[str, Any]]:
        mock = MockWebSocketManager()
        message = {"type": "token", "data": [1]}
        await mock.send_to_thread("t", message)
        message["data"].append(2)  # type: ignore[attr-defined]
        message["type"] = "other"
        mock.messages[0]["message"]["data"].append(3)
        return mock.messages

    [record] = go(program)
    assert record["message"] == {"type": "token", "data": [1]}


def test_a_hundred_slow_messages_cost_milliseconds_and_show_their_latency(go: Go) -> None:
    async def program() -> tuple[float, Any]:
        mock = MockWebSocketManager(mode="slow_network", jitter_ms=0, bandwidth_limit=None)
        for message in tokens(100):
            await mock.send_to_thread("t", message)
        return mock.now, mock.session()

    began = time.perf_counter()
    now, session = go(program)
    assert time.perf_counter() - began < 1
    assert now == 20.0
    assert {e.time_ns - e.sent_ns for e in session.delivered()} == {200 * NS_PER_MS}


def test_timeouts_cost_milliseconds_and_take_their_time(go: Go) -> None:
    async def program() -> tuple[float, Any]:
        mock = MockWebSocketManager(mode="timeout_prone", seed=3)
        for message in tokens(100):
            await mock.send_to_thread("t", message)
        return mock.now, mock.session()

    began = time.perf_counter()
    now, session = go(program)
    assert time.perf_counter() - began < 1
    timeouts = sum(event.outcome is Fate.REJECTED_TIMEOUT for event in session.events)
    assert timeouts > 5
    assert 5 * timeouts <= now <= 10 * timeouts


def test_concurrent_sends_wait_side_by_side(go: Go) -> None:
    async def program() -> tuple[list[bool], float, int]:
        mock = MockWebSocketManager(latency_ms=200)
        sends = (mock.send_to_thread(f"t{n % 3}", message) for n, message in enumerate(tokens(30)))
        return await asyncio.gather(*sends), mock.now, mock.metrics.max_concurrent  # type: ignore[union-attr]

    assert go(program) == ([True] * 30, 0.2, 30)


@pytest.mark.parametrize("by_hand", [False, True])
def test_who_tries_again_during_an_outage_gets_through(go: Go, by_hand: bool) -> None:
    async def program() -> tuple[int, float]:
        probability = 0.0 if by_hand else 0.2
        mock = MockWebSocketManager(partition_start_probability=probability, seed=1)
        if by_hand:
            mock.enable_partition()
        refused = 0
        for message in tokens(10):
            while not await mock.send_to_thread("t", message):
                refused += 1
                if by_hand and refused == 100:
                    mock.disable_partition()
        assert len(mock.get_events_for_thread("t")) == 10
        return refused, mock.now

    refused, now = go(program)
    assert refused >= 100
    assert now == pytest.approx(refused / 1_000)


def test_a_rejected_message_never_arrives(go: Go) -> None:
    async def program() -> Any:
        mock = MockWebSocketManager(failure_rate=0.5, seed=2)
        accepted = [m for m in tokens(50) if await mock.send_to_thread("t", m)]
        return accepted, [record["message"] for record in mock.messages]

    accepted, arrived = go(program)
    assert accepted == arrived
    assert 0 < len(arrived) < 50


def test_send_tells_the_whole_result(go: Go) -> None:
    async def program() -> Any:
        mock = MockWebSocketManager()
        return await mock.send("t", TOKEN), await mock.send("t", {"no": "type"})

    good, bad = go(program)
    assert good
    assert (good.outcome, good.reason) == (Fate.DELIVERED, "")
    assert not bad
    assert (bad.outcome, bad.reason) == (Fate.REJECTED_INVALID, "invalid")
    assert good.message_id != bad.message_id


def test_the_client_can_be_played_too(go: Go) -> None:
    async def program() -> Any:
        mock = MockWebSocketManager()
        await mock.receive_from_thread("t", TOKEN)
        return mock.messages, mock.metrics

    messages, metrics = go(program)
    assert messages == []  # what clients saw
    assert (metrics.messages_sent, metrics.messages_received) == (0, 1)


class Kind(Enum):
    TOKEN = "token"


class Name(str, Enum):  # noqa: UP042  # as most programs have it
    TOKEN = "token"


@dataclass
class Token:
    type: str = "token"


@pytest.mark.parametrize(
    "message",
    [TOKEN, {"type": Kind.TOKEN}, {"type": Name.TOKEN}, Token(), '{"type": "token"}'],
    ids=["dict", "enum", "str enum", "dataclass", "text"],
)
def test_a_type_is_one_type_however_it_was_given(message: object) -> None:
    async def program() -> None:
        mock = MockWebSocketManager()
        assert await mock.send_to_thread("t", message)
        assert await mock.send_to_thread("t", TOKEN)

    session = run(program).session
    assert session.log.kinds == ["", "token"]
    assert [event.payload["type"] for event in session.events] == ["token", "token"]
    assert replay(session).digest == session.digest


@pytest.mark.parametrize(
    "message", ["\ud800", object(), {"type": "x", "f": lambda: None}], ids=range(3)
)
def test_what_cannot_be_recorded_is_invalid_and_spoils_nothing(message: object) -> None:
    async def program() -> str:
        mock = MockWebSocketManager(latency_ms=1)
        reason = (await mock.send("t", message)).reason
        await mock.send("t", TOKEN)
        return reason

    out = run(program)
    assert out.value == "invalid"
    assert len(out.digest) == 64
    assert out.session.ledger.delivered == 1


def test_secrets_in_the_names_of_threads_and_types_stay_out() -> None:
    secret = "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCD"

    async def program() -> int:
        mock = MockWebSocketManager()
        for _ in range(2):
            await mock.send_to_thread(f"Bearer {secret}", {"type": secret})
        return len(mock.get_events_for_thread(f"Bearer {secret}"))

    out = run(program)
    assert out.value == 2
    assert out.session.connections == ("Bearer <secret-1>",)
    assert out.session.log.kinds == ["", "<secret-1>"]
    assert [event.payload for event in out.session.events] == [{"type": "<secret-1>"}] * 2
    assert replay(out.session).digest == out.digest


def test_who_gives_up_waiting_has_sent_all_the_same(go: Go) -> None:
    """On a stock loop nothing waits, so nobody gives up."""

    async def program() -> Any:
        mock = MockWebSocketManager(latency_ms=200)
        sending = asyncio.create_task(mock.send_to_thread("t", TOKEN))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])
        return mock.session().ledger

    assert go(program).accepted == 1


# --- connections ---------------------------------------------------------------------------


def test_connections_open_close_and_open_again(go: Go) -> None:
    async def program() -> list[MockWebSocketState]:
        mock = MockWebSocketManager()
        states = [mock.get_connection_state("t")]
        assert await mock.connect_user("user", object(), "t")
        states.append(mock.get_connection_state("t"))
        await mock.disconnect_user("user", None, "t")
        states.append(mock.get_connection_state("t"))
        await mock.send_to_thread("t", TOKEN)
        states.append(mock.get_connection_state("t"))
        return states

    state = MockWebSocketState
    assert go(program) == [
        state.DISCONNECTED,
        state.CONNECTED,
        state.DISCONNECTED,
        state.CONNECTED,
    ]


def test_disconnecting_a_user_closes_all_of_its_threads(go: Go) -> None:
    async def program() -> dict[str, str]:
        mock = MockWebSocketManager()
        for user, thread in (("u", "a"), ("u", "b"), ("v", "c")):
            await mock.connect_user(user, thread_id=thread)
        await mock.disconnect_user("u")
        await mock.disconnect_user("nobody")
        return {thread: state.value for thread, state in mock.connections.items()}

    assert go(program) == {"a": "disconnected", "b": "disconnected", "c": "connected"}


@pytest.mark.parametrize("how", ["fin", "rst", "blackhole"])
def test_a_dropped_connection_leaves_what_is_on_its_way_in_doubt(how: str) -> None:
    async def program() -> Fate:
        mock = MockWebSocketManager(latency_ms=10)
        sending = asyncio.create_task(mock.send("t", TOKEN))
        await asyncio.sleep(0.005)
        mock.drop("t", how)
        await sending
        return mock.session().events[0].outcome

    out = run(program)
    assert out.value is Fate.IN_DOUBT
    assert Op.DROPPED in out.session.log.ops


def test_an_unknown_way_to_drop_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown way to drop 'crash'") as caught:
        MockWebSocketManager().drop("t", "crash")
    assert caught.value.mend == "use one of: blackhole, fin, rst"


def test_leaving_the_context_closes_every_connection(go: Go) -> None:
    async def program() -> list[str]:
        with MockWebSocketManager(name="sync") as one:
            await one.send_to_thread("t", TOKEN)
        async with MockWebSocketManager(name="async") as other:
            await other.send_to_thread("t", TOKEN)
        return [mock.get_connection_state("t").value for mock in (one, other)]

    assert go(program) == ["disconnected", "disconnected"]


def test_what_is_raised_inside_the_context_comes_out(go: Go) -> None:
    async def program() -> None:
        async with MockWebSocketManager():
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        go(program)


# --- outages by hand -----------------------------------------------------------------------


def test_an_outage_in_normal_mode_rejects_and_then_heals(go: Go) -> None:
    async def program() -> list[Any]:
        mock = MockWebSocketManager()
        mock.enable_partition()
        cut = [mock.partition_active, await mock.send_to_thread("t", TOKEN)]
        mock.disable_partition()
        return [*cut, mock.partition_active, await mock.send_to_thread("t", TOKEN)]

    assert go(program) == [True, False, False, True]


@pytest.mark.parametrize("heal", ["disable_partition", "simulate_recovery", "reset_behavior_state"])
def test_what_an_outage_held_is_delivered_when_it_heals(go: Go, heal: str) -> None:
    async def program() -> list[Any]:
        mock = MockWebSocketManager(partition_policy="hold")
        mock.enable_partition()
        accepted = [await mock.send_to_thread("t", message) for message in tokens(3)]
        assert mock.messages == []
        getattr(mock, heal)()
        return [*accepted, *(record["message"]["n"] for record in mock.messages)]

    assert go(program) == [True, True, True, 0, 1, 2]


def test_recovery_keeps_the_history_of_failures(go: Go) -> None:
    async def program() -> int:
        mock = MockWebSocketManager()
        mock.enable_partition()
        await mock.send_to_thread("t", TOKEN)
        mock.simulate_recovery()
        return mock.get_failure_analysis()["total_failures"]

    assert go(program) == 1


def test_a_reset_forgets_where_a_run_stands(go: Go) -> None:
    async def program() -> list[bool]:
        mock = MockWebSocketManager(enforce_event_order=True)
        start = {"type": "agent_started"}
        first = [await mock.send_to_thread("t", start), await mock.send_to_thread("t", start)]
        mock.reset_behavior_state()
        return [*first, await mock.send_to_thread("t", start)]

    assert go(program) == [True, False, True]


# --- queries -------------------------------------------------------------------------------


async def agent(mock: MockWebSocketManager, thread: str = "t", *, without: str = "") -> None:
    for event in AGENT:
        if event != without:
            await mock.send_to_thread(thread, {"type": event})


def test_compliance_is_the_share_of_the_five_events(go: Go) -> None:
    async def program() -> Any:
        mock = MockWebSocketManager()
        await agent(mock, "whole")
        await agent(mock, "part", without="tool_completed")
        return (
            mock.get_required_event_compliance("part"),
            mock.get_all_compliance_scores(),
            mock.get_compliance_score("nobody"),
            list(mock.connections),
        )

    required, scores, nobody, threads = go(program)
    assert required == {event: event != "tool_completed" for event in AGENT}
    assert scores == {"whole": 1.0, "part": 0.8}
    assert nobody == 0.0
    assert threads == ["whole", "part"]  # asking makes no thread


def test_compliance_counts_what_the_client_could_read(go: Go) -> None:
    async def program() -> list[float]:
        scores = []
        for kind in ("missing_field", "unknown_event", "truncate_json"):
            mock = MockWebSocketManager(malformed_rate=1, malformed_kinds=kind, name=kind)
            for event in AGENT:
                await mock.send_to_thread("t", {"type": event, "data": 1})
            scores.append(mock.get_compliance_score("t"))
        return scores

    assert go(program) == [1.0, 0.0, 0.0]


def test_messages_of_all_threads_come_in_the_order_of_their_arrival(go: Go) -> None:
    async def program() -> Any:
        mock = MockWebSocketManager()
        for number, thread in enumerate("abab"):
            await mock.send_to_thread(thread, {"type": "token", "n": number})
        return mock.messages, mock.get_events_for_thread("b"), mock.get_events_for_thread("zzz")

    everything, b, nobody = go(program)
    assert [record["message"]["n"] for record in everything] == [0, 1, 2, 3]
    assert [record["message"]["n"] for record in b] == [1, 3]
    assert [record["sequence"] for record in everything] == [0, 1, 2, 3]
    assert nobody == []


def test_failures_are_analysed_by_outcome_and_thread(go: Go) -> None:
    async def program() -> Any:
        mock = MockWebSocketManager(packet_loss_rate=1)
        await mock.send_to_thread("a", TOKEN)
        await mock.send_to_thread("b", {"no": "type"})
        await mock.send_to_thread("b", TOKEN)
        return mock.get_failure_analysis()

    told = go(program)
    assert told["total_failures"] == 3
    assert told["by_outcome"] == {"lost (loss)": 2, "rejected (invalid)": 1}
    assert told["by_thread"] == {"a": 1, "b": 2}
    assert [failure["event_type"] for failure in told["failures"]] == ["token", "", "token"]


def test_network_statistics_add_up(go: Go) -> None:
    async def program() -> dict[str, Any]:
        mock = MockWebSocketManager(mode="packet_loss", seed=4, packet_loss_rate=0.5)
        for message in tokens(20):
            await mock.send_to_thread("t", message)
        return mock.get_network_simulation_stats()

    told = go(program)
    assert (told["mode"], told["partition_active"], told["sent"]) == ("packet_loss", False, 20)
    assert told["delivered"] + told["lost"] == 20
    assert told["by_outcome"] == {"delivered": told["delivered"], "lost (loss)": told["lost"]}


def test_clearing_starts_records_anew_and_keeps_the_session(go: Go) -> None:
    async def program() -> Any:
        mock = MockWebSocketManager(failure_rate=0.5, seed=1)
        for message in tokens(20):
            await mock.send_to_thread("t", message)
        mock.clear_messages()
        cleared = (
            mock.messages,
            mock.get_compliance_score("t"),
            mock.get_failure_analysis()["total_failures"],
            mock.metrics.messages_sent,  # type: ignore[union-attr]
            mock.get_network_simulation_stats()["sent"],
        )
        while not await mock.send_to_thread("t", TOKEN):
            pass
        return cleared, len(mock.messages), mock.session()

    cleared, after, session = go(program)
    assert cleared == ([], 0.0, 0, 0, 0)
    assert after == 1
    assert session.ledger.sent >= 21
    assert Op.MARK in session.log.ops


def test_messages_can_be_cleared_outside_of_any_loop() -> None:
    mock = MockWebSocketManager()
    asyncio.run(mock.send_to_thread("t", TOKEN))
    mock.clear_messages()
    assert mock.messages == []
    with mock:
        pass


# --- whose seed, mode and clock ------------------------------------------------------------


def test_a_mock_follows_its_run_in_what_it_was_not_given() -> None:
    async def program() -> list[Any]:
        mocks = [
            MockWebSocketManager(name="bare"),
            MockWebSocketManager(MockConfiguration(latency_ms=5), name="fields"),
            MockWebSocketManager(mode="normal", name="mode"),
            MockWebSocketManager(MockConfiguration(mode="packet_loss"), name="both"),
        ]
        return [(mock.config.mode.value, mock.config.latency_ms) for mock in mocks]

    assert run(program, mode="slow_network").value == [
        ("slow_network", 200.0),
        ("slow_network", 5.0),
        ("normal", 0.0),
        ("packet_loss", 0.0),
    ]


def test_a_run_gives_its_seed_to_mocks_that_have_none() -> None:
    async def program() -> None:
        mocks = [MockWebSocketManager(), MockWebSocketManager(seed=3), MockWebSocketManager(seed=7)]
        for mock in mocks:
            await mock.send_to_thread("t", TOKEN)

    session = run(program, seed=7).session
    assert session.seed == 7
    assert [channel.config.get("seed") for channel in session.log.channels] == [None, 3, None]


def test_several_mocks_of_a_run_share_one_session_and_one_clock() -> None:
    async def program() -> list[float]:
        slow, fast = MockWebSocketManager(latency_ms=10), MockWebSocketManager()
        await slow.send_to_thread("t", TOKEN)
        await fast.send_to_thread("t", TOKEN)
        return [slow.now, fast.now, len(slow.messages), len(fast.messages)]

    out = run(program)
    assert out.value == [0.01, 0.01, 1, 1]
    assert out.session.connections == ("t", "mock-2/t")
    assert [channel.name for channel in out.session.log.channels] == ["", "mock-2"]


def test_names_tell_mocks_apart() -> None:
    async def program() -> None:
        for name in ("mock-2", "", "", "a"):
            MockWebSocketManager(name=name)
        with pytest.raises(ConfigError, match="a mock named 'a' exists"):
            MockWebSocketManager(name="a")

    channels = run(program).session.log.channels
    assert [channel.name for channel in channels] == ["mock-2", "mock-3", "mock-4", "a"]


def test_mocks_on_a_stock_loop_have_sessions_of_their_own() -> None:
    one, other = MockWebSocketManager(seed=1), MockWebSocketManager(seed=2)
    asyncio.run(one.send_to_thread("t", TOKEN))
    assert (one.session().ledger.sent, other.session().ledger.sent) == (1, 0)
    assert (one.session().seed, other.session().seed) == (1, 2)


def test_a_run_and_a_stock_loop_tell_the_same_story() -> None:
    async def send(mock: MockWebSocketManager) -> None:
        for message in tokens(30):
            await mock.send_to_thread("t", message)

    async def program() -> None:
        await send(MockWebSocketManager(mode="packet_loss", jitter_ms=5))

    live = run(program, seed=9).session
    mock = MockWebSocketManager(mode="packet_loss", jitter_ms=5, seed=9)
    asyncio.run(send(mock))
    assert mock.session().plan == live.plan
    assert mock.session().fingerprint == live.fingerprint


# --- after the run -------------------------------------------------------------------------


def test_a_mock_that_outlives_its_run_answers_from_its_session() -> None:
    async def program() -> MockWebSocketManager:
        mock = MockWebSocketManager(latency_ms=5)
        await mock.send_to_thread("t", TOKEN)
        return mock

    out = run(program)
    rows = list(out.session.log.rows())
    mock = out.value
    assert len(mock.messages) == 1
    assert mock.session() is out.session
    mock.clear_messages()
    with mock:
        assert mock.messages == []
    for late in (
        lambda: asyncio.run(mock.send_to_thread("t", TOKEN)),
        lambda: asyncio.run(mock.connect_user("t")),
        mock.enable_partition,
        lambda: mock.drop("t"),
    ):
        with pytest.raises(ProgramError, match="after the run"):
            late()
    assert list(out.session.log.rows()) == rows


# --- threads -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields", [{}, {"strict_threading": True}, {"latency_ms": 1, "jitter_ms": 3}], ids=str
)
def test_thirty_two_threads_lose_nothing(fields: dict[str, Any]) -> None:
    threads, sends = 32, 200
    mock = MockWebSocketManager(**fields)
    errors: list[BaseException] = []

    def work(name: str) -> None:
        async def program() -> None:
            for message in tokens(sends):
                assert await mock.send_to_thread(name, message)
                if message["n"] % 50 == 0:
                    mock.get_performance_metrics()
                    mock.get_events_for_thread(name)
                    mock.session()

        try:
            asyncio.run(program())
        except BaseException as error:
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        workers = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
    finally:
        sys.setswitchinterval(before)
    assert errors == []
    session = mock.session()
    assert session.ledger.sent == session.ledger.accepted == threads * sends
    assert list(session.log.times) == sorted(session.log.times)
    sequences = [record["sequence"] for record in mock.messages]
    assert len(set(sequences)) == len(sequences) == session.ledger.delivered
    for number in range(threads):
        numbers = [record["message"]["n"] for record in mock.get_events_for_thread(f"t{number}")]
        assert numbers == list(range(len(numbers)))
    assert replay(session).digest == session.digest


@pytest.mark.parametrize("mode", MockBehaviorMode, ids=str)
def test_a_mock_shows_itself(mode: MockBehaviorMode) -> None:
    assert repr(MockWebSocketManager(mode=mode)) == f"<MockWebSocketManager {mode} 0 connections>"


def test_a_connection_is_seen_on_its_way_up_and_down() -> None:
    async def program() -> list[str]:
        mock = MockWebSocketManager()
        seen = []

        async def watch() -> None:
            seen.append(mock.get_connection_state("t"))

        for step in (mock.connect_user, mock.disconnect_user, mock.connect_user):
            await asyncio.gather(step("t"), watch())
            seen.append(mock.get_connection_state("t"))
        return [str(state) for state in seen]

    story = ["connecting", "connected", "disconnecting", "disconnected"]
    assert run(program).value == [*story, "reconnecting", "connected"]


def test_a_secret_in_what_cannot_be_recorded_stays_out() -> None:
    mock = MockWebSocketManager()
    asyncio.run(mock.send_to_thread("t", {"type": "x", "api_key": "sk-live-51H8xTqP0vLmN2"}))
    odd = type("sk-live-51H8xTqP0vLmN2", (), {})
    assert not asyncio.run(mock.send_to_thread("t", {"type": "x", "data": odd()}))
    assert not any("sk-live" in str(body) for body in mock.session().log.bodies)


def test_a_mode_given_as_the_configuration_is_an_error_that_says_how_to_name_it() -> None:
    with pytest.raises(ConfigError, match="mode='packet_loss'"):
        MockWebSocketManager("packet_loss")  # type: ignore[arg-type]


def test_a_thread_may_be_named_by_any_value_that_has_a_text() -> None:
    thread = uuid.UUID(int=7)
    mock = MockWebSocketManager()
    assert asyncio.run(mock.send_to_thread(thread, TOKEN))  # type: ignore[arg-type]
    assert [record["thread_id"] for record in mock.get_events_for_thread(thread)] == [thread]  # type: ignore[arg-type]
    assert mock.session().connections == (str(thread),)


@pytest.mark.parametrize("mode", ["memory_pressure", "slow_network", "race_conditions"])
def test_everything_has_arrived_once_the_mock_has_settled(mode: str) -> None:
    async def program() -> tuple[int, int]:
        mock = MockWebSocketManager(mode=mode, seed=2)
        for each in tokens(5):
            await mock.send_to_thread("t", each)
        await mock.settle()
        return len(mock.get_events_for_thread("t")), mock.session().ledger.pending

    assert asyncio.run(program()) == run(program).value == (5, 0)


def test_leaving_a_mock_settles_it() -> None:
    async def program() -> int:
        async with MockWebSocketManager(mode="memory_pressure") as mock:
            for each in tokens(5):
                await mock.send_to_thread("t", each)
        return len(mock.get_events_for_thread("t"))

    assert asyncio.run(program()) == run(program).value == 5


def test_settling_does_not_wait_for_an_outage_that_nobody_ends() -> None:
    async def program() -> int:
        mock = MockWebSocketManager(partition_policy="hold")
        mock.enable_partition()
        await mock.send_to_thread("t", TOKEN)
        await mock.settle()
        return mock.session().ledger.pending

    assert asyncio.run(program()) == run(program).value == 1
