"""A manager with the members of hand-written ones, over the one mock."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import AsyncMock

import pytest

import replay_ws as rws
from replay_ws import ConfigError, Fate, MockWebSocketManager
from replay_ws import LegacyMockWebSocketManager as Manager

STARTED = {"type": "agent_started", "n": 1}


def on_loop(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    async def main() -> list[Any]:
        return [await call() for call in calls]

    return asyncio.run(main())


def send(mock: Any, message: Any = STARTED, thread: str = "t") -> bool:
    [answer] = on_loop(lambda: mock.send_to_thread(thread, message))
    assert isinstance(answer, bool)
    return answer


# --- records -------------------------------------------------------------------------------


def test_a_record_says_thread_message_type_time_and_agent() -> None:
    mock = Manager()
    assert send(mock, {**STARTED, "agent_name": "triage"})
    [record] = mock.messages
    assert record["timestamp"] > 1_700_000_000
    del record["timestamp"]
    message = {**STARTED, "agent_name": "triage"}
    about = {"event_type": "agent_started", "agent_name": "triage", "sequence": 0}
    assert record == {"thread_id": "t", "message": message, **about}


@pytest.mark.parametrize("runner", [rws.run, lambda program: asyncio.run(program())])
def test_timestamps_fit_the_clock_that_a_test_looks_at(runner: Any) -> None:
    times: list[float] = []

    async def program() -> None:
        mock = Manager(latency_ms=500)
        times.append(time.time())
        for _ in range(2):
            await mock.send_to_thread("t", STARTED)
        times.extend(record["timestamp"] for record in mock.messages)

    runner(program)
    begun, first, second = times
    assert 0.5 <= first - begun < 30
    assert 0.5 <= second - first < 30


@pytest.mark.parametrize(
    ("records", "shown"),
    [
        ("tuple", ("t", STARTED)),
        ("message", STARTED),
        ("dict", {"thread_id": "t", "message": STARTED}),
    ],
)
def test_records_have_the_shape_that_was_asked_for(records: Any, shown: Any) -> None:
    mock = Manager(records=records)
    send(mock)
    for kept in (mock.messages, mock.sent_messages, mock.events):
        [record] = kept
        if records == "dict":
            shown = {**shown, "timestamp": record["timestamp"]}
        assert record == shown


@pytest.mark.parametrize("records", [None, "record", "dict", "tuple", "message"])
def test_questions_are_answered_whatever_the_shape(records: Any) -> None:
    mock = Manager(records=records)
    send(mock, {"type": "tool_executing", "thread_id": "t", "tool_name": "s"})
    send(mock, {"type": "tool_completed", "thread_id": "t", "tool_name": "s"})
    send(mock, {"type": "other", "thread_id": "u", "run_id": "r"}, "u")
    assert mock.get_event_types_for_thread("t") == ["tool_executing", "tool_completed"]
    assert mock.get_event_types() == ["tool_executing", "tool_completed", "other"]
    assert len(mock.get_events_for_thread("t")) == mock.get_thread_message_count("t") == 2
    assert [m["type"] for m in mock.get_messages_for_thread("u")] == ["other"]
    assert mock.get_thread_messages("u") == mock.get_messages_for_thread("u")
    assert len(mock.get_events_by_type("other")) == mock.get_event_count("other") == 1
    assert mock.get_event_count() == 3
    assert [m["run_id"] for m in mock.get_messages_by_type("other")] == ["r"]
    assert len(mock.get_events_for_run("r")) == 1
    assert len(mock.get_tool_events_for_thread("t")) == 2
    [(begin, end)] = mock.get_tool_event_pairs("t")
    assert begin != end
    assert mock.event_counts == {"tool_executing": 1, "tool_completed": 1, "other": 1}
    assert [m["type"] for m in mock.message_history["t"]] == ["tool_executing", "tool_completed"]


def test_records_keep_what_was_sent_and_the_session_only_what_is_redacted() -> None:
    mock = Manager()
    message = {"type": "x", "api_key": "sk-live-51H8xTqP0vLmN2", "items": (1, 2)}
    send(mock, message)
    assert mock.messages[0]["message"] == message
    [event] = mock.session().events
    assert event.payload["api_key"] == "<secret-1>"


def test_a_record_is_a_copy_unless_an_alias_is_asked_for() -> None:
    for alias in (False, True):
        mock, message = Manager(alias_messages=alias), dict(STARTED)
        send(mock, message)
        message["n"] = 2
        assert mock.messages[0]["message"]["n"] == (2 if alias else 1)


def test_a_list_that_a_test_holds_follows() -> None:
    mock = Manager()
    held = mock.messages
    send(mock)
    assert len(held) == 1
    mock.clear_messages()
    assert held == []


def test_tests_may_empty_fill_and_replace_the_lists() -> None:
    mock = Manager()
    send(mock)
    mock.messages.clear()
    mock.messages.append({"thread_id": "t", "message": {"type": "own"}, "event_type": "own"})
    assert mock.get_event_types_for_thread("t") == ["own"]
    mock.messages = []
    send(mock, {"type": "later"})
    assert mock.get_event_types("t") == ["later"]


def test_what_is_lost_is_in_no_list_and_the_sender_is_told() -> None:
    mock = Manager(loss_rate=1.0)
    assert send(mock) is False
    assert mock.messages == []
    assert [event.outcome for event in mock.session().events] == [Fate.LOST_LOSS]


def test_what_arrived_damaged_is_shown_damaged() -> None:
    mock = Manager(malformed_rate=1.0)
    send(mock, {"type": "token", "text": "x" * 50})
    assert mock.messages[0]["message"] != {"type": "token", "text": "x" * 50}


@pytest.mark.parametrize("inside", [False, True])
def test_messages_are_cleared_inside_and_outside_of_a_loop(inside: bool) -> None:
    mock = Manager()
    send(mock)

    async def clear() -> None:
        mock.clear_messages()

    asyncio.run(clear()) if inside else mock.clear_messages()
    assert (mock.messages, mock.sent_messages, mock.events) == ([], [], [])
    send(mock)
    assert len(mock.messages) == 1


def test_clearing_everything_forgets_connections_and_troubles() -> None:
    mock = Manager()
    on_loop(lambda: mock.connect_user("u", None, "t"))
    mock.set_connection_failure("t")
    mock.clear_all()
    assert (mock.connections, mock.connection_failures) == ({}, set())
    assert send(mock)


# --- strictness ----------------------------------------------------------------------------


@pytest.mark.parametrize("message", [[1], 7, {"type": "x", "of": object()}])
def test_strict_mode_refuses_what_is_no_message_and_otherwise_it_is_taken(message: Any) -> None:
    strict, lenient = Manager(), Manager(strict_mode=False)
    assert send(strict, message) is False
    assert send(lenient, message) is True
    assert strict.messages == []
    assert len(lenient.messages) == 1
    session = lenient.session()
    assert rws.replay(session).digest == session.digest


@pytest.mark.parametrize("strict", [False, True])
def test_a_message_without_a_type_is_unknown_and_taken(strict: bool) -> None:
    mock = Manager(strict_mode=strict)
    assert send(mock, {"data": 1})
    assert mock.get_event_types("t") == ["unknown"]


def test_a_message_that_holds_itself_is_refused_or_named() -> None:
    message: dict[str, Any] = {"type": "x"}
    message["self"] = message
    assert send(Manager(), message) is False
    mock = Manager(strict_mode=False)
    assert send(mock, message)
    assert mock.messages[0]["message"]["self"]["type"] == "x"
    assert mock.session().events[0].payload == {"type": "x", "message": "<dict>"}


# --- recording by hand ---------------------------------------------------------------------


def test_record_takes_the_thread_that_an_event_names() -> None:
    mock = Manager()
    assert mock.record({**STARTED, "thread_id": "t"})
    assert mock.record(STARTED, "u")
    assert mock.record(STARTED)
    assert [record["thread_id"] for record in mock.messages] == ["t", "u", "default"]
    assert mock.events[1] == STARTED


def test_record_says_when_an_event_was_refused() -> None:
    mock = Manager(failure_rate=1.0)
    assert mock.record(STARTED) is False
    assert mock.events == []
    assert mock.event_counts == {}


# --- who is there --------------------------------------------------------------------------


def test_connections_are_a_dict_of_the_tests() -> None:
    mock, peer = Manager(), object()
    assert on_loop(lambda: mock.connect_user("u", peer, "t")) == [None]
    assert mock.connections == {"t": {"user_id": "u", "websocket": peer, "connected": True}}
    assert mock.user_connections == {"u": peer}
    assert mock.get_connection_state("t") is rws.MockWebSocketState.CONNECTED
    on_loop(lambda: mock.disconnect_user("u", peer, "t"))
    assert mock.connections["t"]["connected"] is False
    assert mock.get_connection_state("t") is rws.MockWebSocketState.DISCONNECTED
    mock.connections["other"] = peer
    assert mock.connections.get("other") is peer


def test_a_limit_refuses_a_connection() -> None:
    mock = Manager(max_connections=1)
    calls = [lambda n=n: mock.connect_user(f"u{n}", None, f"t{n}") for n in range(2)]
    assert on_loop(*calls) == [True, False]
    assert list(mock.connections) == ["t0"]


@pytest.mark.parametrize(
    ("args", "named", "name"),
    [
        (("user-1", "peer"), {}, "user-1"),
        (("user-1", "peer", {"session": 1}), {}, "user-1"),
        (("conn-1",), {}, "conn-1"),
        ((), {"connection_id": "conn-1", "connection": "peer"}, "conn-1"),
        ((rws.LegacyMockWebSocket("u", "conn-2"),), {}, "conn-2"),
    ],
)
def test_a_connection_is_added_however_it_is_given(args: Any, named: Any, name: str) -> None:
    mock = Manager()
    assert on_loop(lambda: mock.add_connection(*args, **named)) == [name]
    assert mock.connections[name]["connected"]
    assert mock.get_connection(name) is mock.get_all_connections()[name]
    assert (mock.get_connection_count(), mock.get_connection("nobody")) == (1, None)
    assert on_loop(lambda: mock.remove_connection(name)) == [True]
    assert on_loop(lambda: mock.remove_connection(name)) == [False]
    assert mock.connections == {}


def test_closing_closes_every_connection() -> None:
    mock = Manager()
    on_loop(lambda: mock.connect_user("u", None, "t"), mock.close)
    assert mock.closed
    assert mock.get_connection_state("t") is rws.MockWebSocketState.DISCONNECTED


def test_connect_and_disconnect_by_user() -> None:
    mock = Manager()
    assert on_loop(lambda: mock.connect("u", None), lambda: mock.disconnect("u")) == [True, None]
    assert mock.connections["u"]["connected"] is False


# --- who gets what -------------------------------------------------------------------------


def threads_of(mock: Manager) -> list[str]:
    return [record["thread_id"] for record in mock.messages]


def test_a_broadcast_goes_to_every_connection_or_is_found_all_the_same() -> None:
    mock = Manager()
    assert on_loop(lambda: mock.broadcast(STARTED)) == [True]
    assert threads_of(mock) == ["broadcast"]
    mock = Manager()
    on_loop(*(lambda n=n: mock.connect_user(f"u{n}", None, f"t{n}") for n in range(3)))
    assert on_loop(lambda: mock.broadcast(STARTED)) == [True]
    assert threads_of(mock) == ["t0", "t1", "t2"]
    on_loop(lambda: mock.broadcast_message(STARTED, exclude_connection="t0"))
    on_loop(lambda: mock.broadcast_message(STARTED, exclude_connections=["t0", "t1"]))
    assert threads_of(mock)[3:] == ["t1", "t2", "t2"]


def test_a_user_is_reached_on_all_threads() -> None:
    mock = Manager()
    on_loop(*(lambda n=n: mock.connect_user("u", None, f"t{n}") for n in range(2)))
    on_loop(lambda: mock.send_to_user("u", STARTED), lambda: mock.send_message("v", STARTED))
    on_loop(lambda: mock.send_message({**STARTED, "thread_id": "w"}))
    assert threads_of(mock) == ["t0", "t1", "v", "w"]


def test_rooms() -> None:
    mock = Manager()
    on_loop(lambda: mock.join_room("a", "room"), lambda: mock.join_room("b", "room"))
    assert on_loop(lambda: mock.leave_room("b", "room")) == [True]
    assert on_loop(lambda: mock.leave_room("b", "room")) == [False]
    on_loop(lambda: mock.broadcast_to_room("room", STARTED))
    assert threads_of(mock) == ["a"]


# --- trouble -------------------------------------------------------------------------------


def test_a_thread_that_is_switched_off_gets_nothing_and_the_session_says_so() -> None:
    mock = Manager()
    mock.set_connection_status("bad", False)
    assert (send(mock, thread="bad"), send(mock, thread="good")) == (False, True)
    mock.set_connection_status("bad", True)
    assert send(mock, thread="bad")
    outcomes = [event.outcome for event in mock.session().events]
    assert outcomes == [Fate.REJECTED_FAILURE, Fate.DELIVERED, Fate.DELIVERED]
    assert rws.replay(mock.session()).digest == mock.session().digest


@pytest.mark.parametrize("name", ["x*", "a?", "[b]", "plain", "id-ÿ"])
def test_trouble_is_for_the_thread_of_that_very_name(name: str) -> None:
    mock = Manager()
    mock.connection_failures.add(name)
    assert send(mock, thread=name) is False
    assert send(mock, thread="xy") is send(mock, thread="ab") is send(mock, thread="b") is True


def test_delays_of_a_thread_add_up_in_virtual_time() -> None:
    mock = Manager()
    mock.set_send_delay("slow", 3)
    mock.set_delivery_delay("slow", 2)
    send(mock, thread="slow")
    assert mock.now == 5
    send(mock, thread="quick")
    assert mock.now == 5


def test_a_failure_mode_fails_while_it_is_true() -> None:
    mock = Manager()
    mock.set_failure_mode("t", "disconnect")
    assert send(mock) is False
    mock.set_failure_mode("t", None)
    assert send(mock) is True


@pytest.mark.parametrize("recover", [True, False])
def test_what_an_outage_kept_away_is_forgotten_or_sent_again(recover: bool) -> None:
    mock = Manager()
    mock.partition_active = True
    assert send(mock) is False
    if recover:
        assert on_loop(mock.recover_from_partition) == [1]
    else:
        mock.partition_active = False
    assert len(mock.messages) == recover
    assert not mock.partition_active


def test_with_hold_a_send_says_false_and_arrives_when_the_outage_ends() -> None:
    mock = Manager(partition_policy="hold")
    mock.enable_partition()
    assert send(mock) is False
    mock.disable_partition()
    assert [record["message"] for record in mock.messages] == [STARTED]


def test_a_timeout_is_a_quick_no_unless_it_is_given_a_length() -> None:
    mock = Manager(timeout_probability=1.0)
    assert send(mock) is False
    assert mock.now <= 0.001
    mock = Manager(timeout_probability=1.0, timeout_ms_min=100, timeout_ms_max=100)
    assert send(mock) is False
    assert mock.now == 0.1


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"loss_rate": 0.3}, "packet_loss_rate", 0.3),
        ({"max_size": 1_024}, "max_message_size", 1_024),
        ({"max_connections": 10}, "connection_limit", 10),
        ({"queue_size": 20}, "message_queue_size", 20),
        ({"memory_limit": 1_024}, "memory_limit", 1_024),
        ({"latency_ms": 200}, "latency_ms", 200),
        ({"ack_delay_range": (0.1, 1.0)}, "jitter_ms", 900),
        ({"simulate_failures": True, "failure_rate": 0.5}, "failure_rate", 0.5),
        ({"simulate_failures": False, "failure_rate": 0.5}, "failure_rate", 0),
        ({"should_fail": True}, "failure_rate", 1),
    ],
)
def test_a_name_of_theirs_is_a_field_of_ours_and_can_be_read_back(
    given: dict[str, Any], field: str, value: Any
) -> None:
    mock = Manager(**given)
    assert getattr(mock.config, field) == value
    assert {name: getattr(mock, name) for name in given} == given


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ({"skew_seconds": 30.0}, "clock is virtual"),
        ({"redis_manager": object()}, "session store"),
        ({"connection_id": "c"}, "LegacyMockWebSocket is one"),
        ({"loss_rate": 0.1, "packet_loss_rate": 0.2}, "loss_rate, packet_loss_rate mean"),
        ({"ack_delay_range": 3}, "a pair of seconds"),
        ({"records": "list"}, "dict, message, record, tuple"),
        ({"strict_mode": "yes"}, "True or False"),
        ({"colour": "red"}, "use one of"),
    ],
)
def test_what_means_nothing_here_is_refused_with_what_to_do(given: Any, mend: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Manager(**given)
    assert mend in caught.value.mend


def test_a_switch_can_be_set_while_the_mock_is_in_use() -> None:
    mock = Manager()
    mock.failure_rate = 1.0
    assert send(mock) is False
    mock.simulate_failures = False
    assert send(mock) is True
    mock.should_fail = True
    assert send(mock) is False
    mock.should_fail = False
    mock.latency_ms = 500
    before = mock.now
    assert send(mock) is True
    assert mock.now - before == 0.5
    assert rws.replay(mock.session()).digest == mock.session().digest


# --- subclasses ----------------------------------------------------------------------------


def test_a_subclass_may_override_send_and_call_super() -> None:
    class Truncating(Manager):
        def __init__(self, max_length: int = 3) -> None:
            super().__init__()
            self.max_length = max_length
            self.truncated: list[Any] = []

        async def send_to_thread(self, thread_id: str, message: Any) -> bool:
            if len(message["text"]) > self.max_length:
                self.truncated.append(message)
                message = {**message, "text": message["text"][: self.max_length]}
            return await super().send_to_thread(thread_id, message)

    mock = Truncating()
    assert send(mock, {"type": "x", "text": "abcdef"})
    assert mock.messages[0]["message"]["text"] == "abc"
    on_loop(lambda: mock.broadcast({"type": "x", "text": "ghijk"}))
    assert len(mock.truncated) == 2


@pytest.mark.parametrize("name", ["loss_rate", "failure_rate", "latency_ms", "memory_limit"])
def test_a_number_of_a_subclass_of_its_own_does_nothing_to_the_network(name: str) -> None:
    class Mine(Manager):
        def __init__(self) -> None:
            super().__init__()
            setattr(self, name, 1)

        async def send_to_thread(self, thread_id: str, message: Any) -> bool:
            return getattr(self, name) == 1 and await super().send_to_thread(thread_id, message)

    mock = Mine()
    assert send(mock)
    assert mock.now == 0


def test_a_subclass_keeps_records_of_its_own() -> None:
    class Mine(Manager):
        def __init__(self) -> None:
            super().__init__()
            self.messages = []
            self.attempts = 0

        async def send_to_thread(self, thread_id: str, message: Any) -> bool:
            self.attempts += 1
            self.messages.append({"thread_id": thread_id, "message": message, "own": True})
            return True

    mock = Mine()
    send(mock)
    assert mock.get_events_for_thread("t") == mock.messages
    assert mock.messages[0]["own"]


def test_a_method_may_be_replaced_by_a_mock() -> None:
    mock = Manager()
    mock.send_to_thread = AsyncMock(return_value=True)  # type: ignore[method-assign]
    assert send(mock)
    mock.send_to_thread.assert_awaited_once_with("t", STARTED)


def test_locks_serve_both_kinds_of_with() -> None:
    mock = Manager()

    async def both() -> bool:
        async with mock.event_lock:
            with mock.event_lock, mock.lock:
                return mock.event_lock.locked()

    assert asyncio.run(both())


# --- the same mock -------------------------------------------------------------------------


def test_it_is_our_mock_in_a_run_with_seed_clock_and_session() -> None:
    async def program() -> list[Any]:
        mock = Manager(loss_rate=0.5)
        for number in range(20):
            await mock.send_to_thread("t", {"type": "token", "n": number})
            await asyncio.sleep(1)
        return [record["message"]["n"] for record in mock.messages]

    first, second = rws.run(program, seed=4), rws.run(program, seed=4)
    assert first.value == second.value
    assert 0 < len(first.value) < 20
    assert first.digest == second.digest
    assert rws.replay(first).digest == first.digest


def test_assertions_and_simulators_take_it() -> None:
    mock = Manager()
    on_loop(lambda: rws.simulate_agent_execution_flow(mock, "t"))
    rws.WebSocketAssertions(mock).assert_required_events_sent("t")
    rws.WebSocketAssertions(mock).assert_connection_established("t")
    with pytest.raises(AssertionError, match="never opened"):
        rws.WebSocketAssertions(mock).assert_connection_established("nobody")
    on_loop(lambda: rws.simulate_network_issues(mock, "t", "connection_limit"))
    assert mock.get_failure_analysis()["by_outcome"] == {"rejected (connection limit)": 5}


def test_it_overrides_our_mock_without_asking_for_more() -> None:
    for name in ("send_to_thread", "connect_user", "disconnect_user", "close", "clear_messages"):
        ours = inspect.signature(getattr(MockWebSocketManager, name)).parameters
        theirs = inspect.signature(getattr(Manager, name)).parameters
        assert list(theirs)[: len(ours)] == list(ours)


def test_what_is_left_after_a_run_is_what_was_there() -> None:
    kept: list[Manager] = []

    async def program() -> None:
        kept.append(Manager())
        await kept[0].send_to_thread("t", STARTED)

    rws.run(program)
    assert [record["message"] for record in kept[0].messages] == [STARTED]
