"""``LegacyMockWebSocket``: one socket of a server, in front of our mock.

What it sends goes to a thread of the mock, what it receives comes from there, so that both are in
the session. Several sockets may stand on one mock.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Literal

from replay_ws.errors import ConfigError
from replay_ws.legacy.facade import Facade, WhenLost, mock_or_new, require_when_lost
from replay_ws.legacy.records import of_type
from replay_ws.legacy.states import SocketState, state_of
from replay_ws.legacy.timestamps import timestamp
from replay_ws.mock.manager import MockWebSocketManager

NEVER_SENT = (1005, 1006, 1015)
"""Close codes that no endpoint sends (RFC 6455 7.4.1): the connection was lost."""

WhenEmpty = Literal["raise", "wait"]


class LegacyMockWebSocket(Facade):
    """A socket with the members of hand-written ones; it is connected when it is made.

    ``returns`` is what a send answers that was taken: None, or True. ``when_closed`` says what one
    does that finds the socket closed or fails: ``raise`` an ``error`` (ConnectionError), answer
    False (``return_false``), or ``ignore``: then nothing is looked at, and a send after ``close``
    is remembered as any other. ``when_empty``: receiving what nobody queued raises an ``error``, or
    waits for it. ``fail_after`` sends fail all further ones. ``mock`` is a mock to stand on, else
    it has its own, made with ``fields``.
    """

    def __init__(
        self,
        user_id: str | None = None,
        connection_id: str | None = None,
        *,
        mock: MockWebSocketManager | None = None,
        returns: bool | None = None,
        when_closed: WhenLost = "raise",
        when_empty: WhenEmpty = "raise",
        error: type[Exception] = ConnectionError,
        records: Literal["message", "dict"] = "message",
        alias_messages: bool = False,
        should_fail: bool = False,
        fail_after: int | None = None,
        failure_rate: float = 0.0,
        latency_ms: float = 0,
        headers: Mapping[str, str] | None = None,
        query_params: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> None:
        if returns not in (None, True):
            raise ConfigError(f"returns is {returns!r:.60}", mend="use True or None")
        require_when_lost("when_closed", when_closed)
        if when_empty not in ("raise", "wait"):
            raise ConfigError(f"when_empty is {when_empty!r:.60}", mend="use 'raise' or 'wait'")
        if records not in ("message", "dict"):
            raise ConfigError(f"records is {records!r:.60}", mend="use 'message' or 'dict'")
        name = str(connection_id or user_id or "websocket")
        super().__init__(mock_or_new(mock, fields), name)
        self.user_id = user_id
        self.connection_id = connection_id
        self.returns = returns
        self.when_closed = when_closed
        self.when_empty = when_empty
        self.error = error
        self.records = records
        self.alias_messages = alias_messages
        self.should_fail = should_fail
        self.fail_after = fail_after
        self.failure_rate = failure_rate
        self.latency_ms = latency_ms
        self.headers = dict(headers or {})
        self.query_params = dict(query_params or {})
        self.messages_sent: list[Any] = []
        self.received_messages: list[Any] = []
        """What was queued and not received yet."""
        self.messages_received: list[Any] = []
        self.send_count = 0
        self.ping_count = 0
        self.reconnect_count = 0
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._state: Any = SocketState.CONNECTED
        self._waiting: list[asyncio.Event] = []

    @property
    def thread_id(self) -> str:
        """The thread of the mock that this socket is the connection of."""
        return self._name

    # --- where it stands -------------------------------------------------------------------

    @property
    def state(self) -> Any:
        """Where the socket stands; a test may set it, also to something of its own."""
        return self._state

    @state.setter
    def state(self, value: Any) -> None:
        known = state_of(value)
        self._state = value if known is None else known

    client_state = application_state = state

    @property
    def closed(self) -> bool:
        """Whether it is closed; setting it changes the state."""
        return bool(self._state == SocketState.DISCONNECTED)

    @closed.setter
    def closed(self, value: bool) -> None:
        self._state = SocketState.DISCONNECTED if value else SocketState.CONNECTED

    is_closed = closed

    @property
    def connected(self) -> bool:
        """Whether it is open; setting it changes the state."""
        return not self.closed

    @connected.setter
    def connected(self, value: bool) -> None:
        self.closed = not value

    is_connected = is_open = is_active = connected

    async def connect(self) -> bool:
        """Open the socket; whether it was let in."""
        entry = await self.mock.connect_user(self.user_id or self._name, self, self._name)
        self.connected = entry is not False
        return self.connected

    async def accept(self, subprotocol: str | None = None) -> None:
        """Open the socket, as a server does."""
        if not await self.connect():
            self._lost("the handshake was refused")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket; a second time does nothing."""
        if self.closed:
            return
        self._note_close(code, reason)
        if code in NEVER_SENT:
            self.mock.drop(self._name)
        else:
            await self.mock.close(self._name, code, reason)

    disconnect = close

    def simulate_disconnect(self, code: int = 1006, reason: str = "") -> None:
        """The connection is lost: what is on its way is in doubt."""
        self._note_close(code, reason)
        self.mock.drop(self._name)

    def simulate_reconnect(self) -> None:
        """The connection is there again."""
        self.connected = True
        self.reconnect_count += 1

    def _note_close(self, code: int, reason: str) -> None:
        self.closed, self.close_code, self.close_reason = True, code, reason
        for waiting in self._waiting:
            waiting.set()

    # --- sending ---------------------------------------------------------------------------

    async def send_json(self, data: Any, timeout: float | None = None) -> bool | None:
        """Send an object. Raises TimeoutError when that takes longer than ``timeout`` seconds."""
        if self.closed and self.when_closed != "ignore":
            return self._lost("WebSocket is closed")
        over = self.fail_after is not None and self.send_count >= self.fail_after
        rate = 1.0 if self.should_fail or over else self.failure_rate
        self._trouble(self._name, failure_rate=rate, latency_ms=self.latency_ms)
        begun = self.now
        sent = data if self.alias_messages else deepcopy(data)
        if not await self.mock.send_to_thread(self._name, data):
            return self._lost("WebSocket connection lost")
        self.send_count += 1
        self.messages_sent.append(
            sent if self.records == "message" else {"data": sent, "timestamp": self._time()}
        )
        if timeout is not None and self.now - begun > timeout:
            raise TimeoutError(f"a send took {self.now - begun:g} s")
        return self.returns

    async def send_text(self, data: str) -> bool | None:
        """Send text, or anything else."""
        return await self.send_json(data)

    send = send_message = send_event = send_text

    async def ping(self, data: bytes = b"") -> bool | None:
        """A ping is answered while the socket is open; it is no message."""
        if self.should_fail or (self.closed and self.when_closed != "ignore"):
            return self._lost("WebSocket is closed")
        self.ping_count += 1
        return self.returns

    async def pong(self, data: bytes = b"") -> None:
        """The answer to a ping of the client; it is no message."""
        if self.closed and self.when_closed != "ignore":
            self._lost("WebSocket is closed")

    def _time(self) -> float:
        return timestamp(self.mock, self.mock._recording.clock.now_ns())

    def _lost(self, why: str) -> bool | None:
        if self.when_closed == "raise":
            raise self.error(why)
        return False if self.when_closed == "return_false" else self.returns

    # --- receiving -------------------------------------------------------------------------

    def add_received_message(self, message: Any) -> None:
        """Queue what the client says; receiving takes it, the oldest first."""
        self.received_messages.append(message)
        for waiting in self._waiting:
            waiting.set()

    add_message = queue_message = inject_message = add_received_message

    async def receive(self, timeout: float | None = None) -> Any:
        """The next message as it was queued.

        With ``when_empty="wait"`` waits for it; TimeoutError after ``timeout`` seconds.
        """
        while not self.received_messages:
            if self.closed or self.when_empty == "raise":
                raise self.error(
                    "WebSocket is closed" if self.closed else "no message was queued to receive"
                )
            await asyncio.wait_for(self._wait(), timeout)
        message = self.received_messages.pop(0)
        if not await self.mock.receive_from_thread(self._name, message):
            raise self.error("a message of the client did not get through")
        self.messages_received.append(message)
        return message

    async def receive_json(self) -> Any:
        """The next message, as an object."""
        message = await self.receive()
        return json.loads(message) if isinstance(message, str | bytes) else message

    async def receive_text(self) -> str:
        """The next message, as text."""
        message = await self.receive()
        return message if isinstance(message, str) else json.dumps(message)

    recv = receive_text

    async def _wait(self) -> None:
        waiting = asyncio.Event()
        self._waiting.append(waiting)
        try:
            await waiting.wait()
        finally:
            self._waiting.remove(waiting)

    # --- what was sent ---------------------------------------------------------------------

    @property
    def sent_messages(self) -> list[Any]:
        """``messages_sent``, as other mocks call it."""
        return self.messages_sent

    @sent_messages.setter
    def sent_messages(self, value: list[Any]) -> None:
        self.messages_sent = value

    messages = sent_events = events = sent_messages

    def get_messages_by_type(self, message_type: str) -> list[Any]:
        """What was sent of a type."""
        return of_type(self.messages_sent, message_type)
