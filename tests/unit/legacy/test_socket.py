"""One socket, over the one mock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from enum import Enum, IntEnum
from typing import Any

import pytest

import replay_ws as rws
from replay_ws import ConfigError, Fate
from replay_ws import LegacyMockWebSocket as Socket

HELLO = {"type": "hello", "n": 1}


def do(*calls: Awaitable[Any]) -> list[Any]:
    async def main() -> list[Any]:
        return [await call for call in calls]

    return asyncio.run(main())


# --- sending -------------------------------------------------------------------------------


@pytest.mark.parametrize("returns", [None, True])
def test_what_is_sent_is_remembered_and_in_the_session(returns: Any) -> None:
    socket = Socket("user", "conn", returns=returns)
    answers = do(socket.send_json(HELLO), socket.send_text("plain"), socket.send(HELLO))
    assert answers == [returns] * 3
    assert socket.messages_sent == [HELLO, "plain", HELLO]
    assert socket.messages_sent is socket.sent_messages is socket.messages is socket.sent_events
    assert (socket.user_id, socket.connection_id, socket.send_count) == ("user", "conn", 3)
    assert [event.connection for event in socket.session().delivered()] == ["conn"] * 3


def test_records_can_say_when() -> None:
    async def program() -> list[Any]:
        socket = Socket(records="dict", latency_ms=250)
        begun = time.time()
        await socket.send_json(HELLO)
        return [{**row, "timestamp": row["timestamp"] - begun} for row in socket.messages_sent]

    assert rws.run(program).value == [{"data": HELLO, "timestamp": 0.25}]


@pytest.mark.parametrize("alias", [False, True])
def test_what_is_sent_is_copied_unless_an_alias_is_asked_for(alias: bool) -> None:
    socket, message = Socket(alias_messages=alias), dict(HELLO)
    do(socket.send_json(message))
    message["n"] = 2
    assert socket.messages_sent[0]["n"] == (2 if alias else 1)


@pytest.mark.parametrize("when_closed", ["raise", "return_false", "ignore"])
def test_a_send_on_a_closed_socket_is_an_error_a_no_or_nothing(when_closed: Any) -> None:
    socket = Socket(when_closed=when_closed)
    do(socket.close(1001, "going away"))
    assert (socket.close_code, socket.close_reason) == (1001, "going away")
    if when_closed == "raise":
        with pytest.raises(ConnectionError, match="closed"):
            do(socket.send_json(HELLO))
    else:
        answer = False if when_closed == "return_false" else None
        assert do(socket.send_json(HELLO)) == [answer]
    assert socket.messages_sent == ([HELLO] if when_closed == "ignore" else [])


def test_the_error_can_be_another_one() -> None:
    socket = Socket(error=RuntimeError)
    do(socket.close())
    for call in (socket.send_json(HELLO), socket.ping(), socket.receive_json()):
        with pytest.raises(RuntimeError):
            do(call)


def test_a_failing_socket_fails_and_the_session_says_so() -> None:
    socket = Socket(should_fail=True)
    with pytest.raises(ConnectionError):
        do(socket.send_json(HELLO))
    socket.should_fail = False
    do(socket.send_json(HELLO))
    assert socket.messages_sent == [HELLO]
    outcomes = [event.outcome for event in socket.session().events]
    assert outcomes == [Fate.REJECTED_FAILURE, Fate.DELIVERED]


def test_it_fails_after_so_many_sends() -> None:
    socket = Socket(fail_after=2, when_closed="return_false", returns=True)
    assert do(*(socket.send_json(HELLO) for _ in range(4))) == [True, True, False, False]


def test_a_failure_rate_is_met_and_comes_back_with_its_seed() -> None:
    def failed(seed: int) -> list[Any]:
        socket = Socket(failure_rate=0.5, when_closed="return_false", returns=True, seed=seed)
        return do(*(socket.send_json(HELLO) for _ in range(100)))

    assert failed(1) == failed(1) != failed(2)
    assert 30 < failed(1).count(False) < 70


def test_latency_takes_virtual_time_and_a_timeout_notices_it() -> None:
    socket = Socket(latency_ms=2_000)
    do(socket.send_json(HELLO, timeout=3))
    assert socket.now == 2
    with pytest.raises(TimeoutError):
        do(socket.send_json(HELLO, timeout=1))
    socket.latency_ms = 0
    do(socket.send_json(HELLO, timeout=1))
    assert socket.now == 4


# --- receiving -----------------------------------------------------------------------------


def test_what_was_queued_is_received_in_order_and_in_the_session() -> None:
    socket = Socket()
    for message in (HELLO, '{"type": "text"}', HELLO, "raw"):
        socket.add_received_message(message)
    assert do(
        socket.receive_json(), socket.receive_json(), socket.receive_text(), socket.receive()
    ) == [HELLO, {"type": "text"}, '{"type": "hello", "n": 1}', "raw"]
    assert socket.messages_received[0] == HELLO
    assert len(socket.session().events) == 4
    assert {event.direction.name for event in socket.session().events} == {"UPSTREAM"}


def test_receiving_nothing_is_an_error_or_waits() -> None:
    with pytest.raises(ConnectionError, match="no message was queued"):
        do(Socket().receive_json())

    async def program() -> Any:
        socket = Socket(when_empty="wait")
        receiving = asyncio.create_task(socket.receive_json())
        await asyncio.sleep(10)
        socket.add_received_message(HELLO)
        received = await receiving
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=5)
        closing = asyncio.create_task(socket.receive())
        await asyncio.sleep(1)
        await socket.close()
        with pytest.raises(ConnectionError, match="closed"):
            await closing
        return received

    assert rws.run(program).value == HELLO


# --- where it stands -----------------------------------------------------------------------


class WebSocketState(Enum):
    CONNECTING = 0
    CONNECTED = 1
    DISCONNECTED = 2


class Numbered(IntEnum):
    CONNECTED = 1
    DISCONNECTED = 3


@pytest.mark.parametrize("name", ["state", "client_state", "application_state"])
def test_a_state_equals_what_tests_call_it(name: str) -> None:
    socket = Socket()
    connected = ["connected", "CONNECTED", "open", 1, WebSocketState.CONNECTED, Numbered.CONNECTED]
    gone = ["disconnected", "Disconnected", "closed", 2, WebSocketState.DISCONNECTED]
    for state in connected:
        assert getattr(socket, name) == state
        assert state == getattr(socket, name)
    for state in (*gone, True, None, 1.0, "CONNECTING"):
        assert getattr(socket, name) != state
    assert getattr(socket, name).name == "CONNECTED"
    assert getattr(socket, name).value == str(getattr(socket, name)) == "connected"
    assert getattr(socket, name)() == "connected"
    do(socket.close())
    for state in gone:
        assert getattr(socket, name) == state


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", WebSocketState.DISCONNECTED),
        ("client_state", "DISCONNECTED"),
        ("application_state", 2),
        ("closed", True),
        ("is_closed", True),
        ("connected", False),
        ("is_connected", False),
        ("is_open", False),
    ],
)
def test_setting_any_of_its_flags_closes_the_socket(name: str, value: Any) -> None:
    socket = Socket()
    setattr(socket, name, value)
    assert (socket.closed, socket.is_closed, socket.connected) == (True, True, False)
    with pytest.raises(ConnectionError):
        do(socket.send_json(HELLO))


def test_a_state_of_the_tests_own_making_stays_what_it_is() -> None:
    socket, own = Socket(), object()
    socket.client_state = own
    assert socket.client_state is own
    assert socket.connected


def test_it_connects_accepts_closes_and_comes_back() -> None:
    socket = Socket("u")
    assert do(socket.close(), socket.connect(), socket.disconnect(), socket.accept()) == [
        None,
        True,
        None,
        None,
    ]
    assert socket.connected
    socket.simulate_disconnect()
    assert (socket.close_code, socket.closed) == (1006, True)
    assert socket.mock.get_connection_state("u") is rws.MockWebSocketState.DISCONNECTED
    socket.simulate_reconnect()
    do(socket.send_json(HELLO))
    assert (socket.reconnect_count, socket.messages_sent) == (1, [HELLO])


def test_who_is_not_let_in_is_not_connected() -> None:
    socket = Socket("u", should_authenticate=False)
    assert do(socket.connect()) == [False]
    with pytest.raises(ConnectionError, match="refused"):
        do(socket.accept())


@pytest.mark.parametrize("code", [1000, 1006, 1011, 4000])
def test_any_close_code_is_taken(code: int) -> None:
    socket = Socket()
    do(socket.send_json(HELLO), socket.close(code), socket.close(1000))
    assert socket.close_code == code


def test_pings_are_answered_while_it_is_open() -> None:
    socket = Socket(returns=True)
    assert do(socket.ping(), socket.pong()) == [True, None]
    assert socket.ping_count == 1
    do(socket.close())
    for call in (socket.ping(), socket.pong()):
        with pytest.raises(ConnectionError):
            do(call)


# --- several of them -----------------------------------------------------------------------


def test_sockets_of_one_mock_have_connections_of_their_own() -> None:
    mock = rws.LegacyMockWebSocketManager()
    sockets = [Socket("user", mock=mock, latency_ms=n * 10) for n in range(3)]
    assert [socket.thread_id for socket in sockets] == ["user", "user-2", "user-3"]
    do(*(socket.send_json(HELLO) for socket in sockets))
    assert mock.now == 0.03
    do(sockets[1].close())
    do(sockets[2].send_json(HELLO))
    assert [len(socket.messages_sent) for socket in sockets] == [1, 1, 2]
    assert len(mock.messages) == 4


def test_a_subclass_may_override_send() -> None:
    class Counting(Socket):
        def __init__(self, user_id: str) -> None:
            super().__init__(user_id)
            self.call_count = 0

        async def send_json(self, data: Any, timeout: float | None = None) -> bool | None:
            self.call_count += 1
            return await super().send_json(data, timeout)

    socket = Counting("u")
    do(socket.send_json(HELLO), socket.send_text("x"))
    assert socket.call_count == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"returns": False},
        {"when_closed": "maybe"},
        {"when_empty": "maybe"},
        {"records": "tuple"},
        {"mock": object()},
        {"colour": "red"},
    ],
)
def test_a_wrong_option_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        Socket(**wrong)
