"""``LegacyMockWebSocketManager``: our mock with the members that hand-written managers have.

It is the same mock, with the same network, clock and session. What is added is a memory as tests
know it: plain lists of what the clients saw, a dict of connections that tests write to, switches by
thread. Everything that sends goes through ``send_to_thread``, so that a subclass may override that
alone, as subclasses of hand-written mocks do.
"""

from __future__ import annotations

from asyncio import Lock
from collections.abc import Iterable, Mapping
from threading import RLock
from typing import Any

from replay_ws.cassette.redaction import RedactorChoice
from replay_ws.channel import Verdict
from replay_ws.errors import ConfigError
from replay_ws.events.log import Direction
from replay_ws.events.model import Fate
from replay_ws.faults.configuration import MockConfiguration, require_configuration
from replay_ws.legacy.records import RecordShape, require_shape, thread_of
from replay_ws.legacy.remembering import RememberingManager
from replay_ws.legacy.settings import legacy_configuration
from replay_ws.legacy.switches import Switch, meant, rate_of
from replay_ws.legacy.troubles import Trouble, reconfigure, troubles_of
from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.mock.threads import MockWebSocketState

TAKEN = (Fate.PENDING, Fate.DELIVERED, Fate.IN_DOUBT)
"""What a hand-written mock calls sent. A lost message is not: it knows, so it says so."""

EVERYBODY = "broadcast"
"""The thread of a broadcast to nobody, which tests look for all the same."""


class EitherLock(Lock):
    """A lock for ``async with`` that is also one for ``with``, each among its own kind."""

    def __init__(self) -> None:
        super().__init__()
        self._among_threads = RLock()

    def __enter__(self) -> None:
        self._among_threads.acquire()

    def __exit__(self, *_: object) -> None:
        self._among_threads.release()


class LegacyMockWebSocketManager(RememberingManager):
    """A manager with the members and answers of hand-written mocks.

    ``records`` is the shape of what the lists hold (``record``, ``dict``, ``tuple``, ``message``);
    by itself ``messages`` has dicts, ``sent_messages`` pairs of thread and message, ``events``
    messages. They hold copies; with ``alias_messages`` the very objects that were sent.
    ``strict_mode`` refuses what is no message (no dict, or not to be recorded); without it such
    things are taken, and the session keeps a text in their place. Further arguments are fields of
    the configuration, or what constructors of hand-written mocks call them.
    """

    def __init__(
        self,
        strict_mode: bool = True,
        *,
        records: RecordShape | None = None,
        alias_messages: bool = False,
        simulate_failures: bool | None = None,
        should_fail: bool = False,
        failure_rate: float | None = None,
        loss_rate: float | None = None,
        max_size: int | None = None,
        max_connections: int | None = None,
        queue_size: int | None = None,
        ack_delay_range: tuple[float, float] | None = None,
        config: MockConfiguration | None = None,
        name: str = "",
        redactor: RedactorChoice = "default",
        **fields: Any,
    ) -> None:
        if not isinstance(strict_mode, bool):
            raise ConfigError(f"strict_mode is {strict_mode!r:.60}", mend="pass True or False")
        require_shape(records)
        if config is not None:
            require_configuration(config)
        theirs = {
            "failure_rate": failure_rate,
            "loss_rate": loss_rate,
            "max_size": max_size,
            "max_connections": max_connections,
            "queue_size": queue_size,
            "ack_delay_range": ack_delay_range,
        }
        given = {**{key: value for key, value in theirs.items() if value is not None}, **fields}
        asked = legacy_configuration(config, given)
        rate = rate_of(asked.failure_rate, simulate_failures, should_fail)
        super().__init__(
            asked if rate == asked.failure_rate else asked.replace(failure_rate=rate),
            strict_mode=strict_mode,
            records=records,
            alias_messages=alias_messages,
            name=name,
            redactor=redactor,
        )
        self._given = frozenset(given)
        self._switched: dict[str, Any] = {
            "failure_rate": asked.failure_rate,
            **given,
            "simulate_failures": simulate_failures,
            "should_fail": should_fail,
        }
        self._connections: dict[Any, Any] = {}
        self.user_connections: dict[str, Any] = {}
        self.connected_threads: set[str] = set()
        self.connection_failures: set[str] = set()
        self.failure_modes: dict[str, Any] = {}
        self.send_delays: dict[str, float] = {}
        self.delivery_delays: dict[str, float] = {}
        self.rooms: dict[str, set[str]] = {}
        self.partition_recovery_queue: list[tuple[str, Any]] = []
        self.is_healthy = True
        self.closed = False
        self.event_lock = EitherLock()
        self.lock = RLock()

    # --- what tests read and write ---------------------------------------------------------

    latency_ms = Switch("latency_ms")
    failure_rate = Switch("failure_rate")
    loss_rate = Switch("loss_rate")
    timeout_probability = Switch("timeout_probability")
    memory_limit = Switch("memory_limit")
    max_size = Switch("max_size")
    max_connections = Switch("max_connections")
    queue_size = Switch("queue_size")
    ack_delay_range = Switch("ack_delay_range")
    simulate_failures = Switch("simulate_failures")
    should_fail = Switch("should_fail")

    def _switch(self, name: str, value: Any) -> None:
        """Set a switch: the network follows.

        Not in a subclass that overrides ``send_to_thread`` and did not give it to our constructor:
        there it belongs to the subclass's own doing.
        """
        self._switched[name] = value
        ours = LegacyMockWebSocketManager.send_to_thread
        if name in self._given or type(self).send_to_thread is ours:
            reconfigure(self, **meant(name, self._switched))

    @property
    def connections(self) -> dict[Any, Any]:
        """What ``connect_user`` and tests put in; ``get_connection_state`` asks the network."""
        return self._connections

    @connections.setter
    def connections(self, value: dict[Any, Any]) -> None:
        self._connections = value

    @property
    def partition_active(self) -> bool:
        """Whether all threads are cut off; setting it cuts them off, or heals."""
        return super().partition_active

    @partition_active.setter
    def partition_active(self, value: bool) -> None:
        if value != self.partition_active:
            (self.enable_partition if value else self.disable_partition)()

    # --- sending ---------------------------------------------------------------------------

    async def send_to_thread(self, thread_id: str, message: Any) -> bool:
        """Send to a thread's client. True: it is there or will be; False: it is not and will not.

        The answer of hand-written mocks: also a message that is lost on its way is False.
        """
        verdict = await self._pass(thread_id, message, Direction.DOWNSTREAM)
        self._sync()
        taken = verdict.fate in TAKEN and verdict.answered
        if taken:
            self.connected_threads.add(thread_id)
        elif self.partition_active:
            self.partition_recovery_queue.append((thread_id, message))
        return taken

    def record(self, event: Any, thread_id: str | None = None) -> bool:
        """Send without waiting, inside or outside of a loop; what arrives at once is there at once.

        The thread is the event's own ``thread_id``, else ``default``.
        """
        thread = _own_thread(event) if thread_id is None else thread_id
        _, verdict = self._submit(thread, event, Direction.DOWNSTREAM)
        self._sync()
        return verdict.fate in TAKEN

    async def send_to_user(self, user_id: str, message: Any) -> bool:
        """Send to every thread of a user; to one named like the user when there is none."""
        threads = [name for name, thread in self._threads.items() if thread.user == user_id]
        return await self._send_to(threads or [user_id], message)

    async def send_message(self, *to_and_message: Any) -> bool:
        """``send_message(user_or_connection, message)``, or a message that names its thread."""
        *to, message = to_and_message
        return await (
            self.send_to_user(to[0], message)
            if to
            else self.send_to_thread(_own_thread(message), message)
        )

    async def broadcast(self, message: Any) -> bool:
        """Send to every open connection; True when all took it.

        With nobody there it goes to the thread ``broadcast``, so that a test can find it.
        """
        return await self._send_to(self._open() or [EVERYBODY], message)

    async def broadcast_message(
        self,
        message: Any,
        exclude_connection: Any = None,
        exclude_connections: Iterable[Any] | None = None,
    ) -> None:
        """Send to every open connection but the excluded ones."""
        out = {exclude_connection, *(exclude_connections or ())}
        await self._send_to([name for name in self._open() if name not in out], message)

    async def join_room(self, connection_id: str, room: str) -> bool:
        """Put a connection into a room."""
        self.rooms.setdefault(room, set()).add(connection_id)
        return True

    async def leave_room(self, connection_id: str, room: str) -> bool:
        """Take a connection out of a room; False when it was not there."""
        was_there = connection_id in self.rooms.get(room, ())
        self.rooms.get(room, set()).discard(connection_id)
        return was_there

    async def broadcast_to_room(self, room: str, message: Any) -> None:
        """Send to everybody in a room."""
        await self._send_to(sorted(self.rooms.get(room, ())), message)

    send_to_room = broadcast_to_room

    async def _send_to(self, threads: Iterable[str], message: Any) -> bool:
        sent = [await self.send_to_thread(thread, message) for thread in threads]
        return all(sent)

    def _open(self) -> list[str]:
        up = MockWebSocketState.CONNECTED
        return [name for name in list(self._threads) if self.get_connection_state(name) is up]

    def _submit(self, name: str, message: Any, direction: Direction) -> tuple[int, Verdict]:
        with self._recording.lock:
            troubles_of(self).set(self, "mock", self._wanted())
            return super()._submit(name, message, direction)

    def _wanted(self) -> dict[str, Trouble]:
        """The trouble that the switches by thread ask for, wherever they stand by now."""
        ill = (thread for thread, mode in self.failure_modes.items() if mode)
        failing = {*self.connection_failures, *ill}
        troubled = {*failing, *self.send_delays, *self.delivery_delays}
        return {
            thread: Trouble(
                failure_rate=float(thread in failing),
                latency_ms=1_000
                * (self.send_delays.get(thread, 0) + self.delivery_delays.get(thread, 0)),
            )
            for thread in sorted(troubled, key=str)
        }

    # --- forgetting ------------------------------------------------------------------------

    clear_events = clear_all_messages = reset_events = RememberingManager.clear_messages

    def clear_all(self) -> None:
        """``clear_messages``, and no connections, rooms or troubles either."""
        self.clear_messages()
        for kept in (
            self._connections,
            self.user_connections,
            self.connected_threads,
            self.connection_failures,
            self.failure_modes,
            self.send_delays,
            self.delivery_delays,
            self.rooms,
            self.partition_recovery_queue,
        ):
            kept.clear()

    reset = clear_all

    # --- connections -----------------------------------------------------------------------

    async def connect_user(  # type: ignore[override]
        self, user_id: str, websocket: object = None, thread_id: str | None = None
    ) -> bool | None:
        """Open the connection of a thread, and put it into ``connections``; False when refused.

        None as hand-written mocks answer, or True where a limit might have refused it.
        """
        if not await super().connect_user(user_id, websocket, thread_id):
            return False
        thread = thread_id or user_id
        self.connections[thread] = {"user_id": user_id, "websocket": websocket, "connected": True}
        self.user_connections[user_id] = websocket
        self.connected_threads.add(thread)
        return None if self.config.connection_limit is None else True

    async def disconnect_user(
        self, user_id: str, websocket: object = None, thread_id: str | None = None
    ) -> None:
        """Close the user's connection; its entry in ``connections`` stays, not connected."""
        await super().disconnect_user(user_id, websocket, thread_id)
        for thread, entry in self.connections.items():
            if thread == thread_id or (thread_id is None and _of_user(thread, entry, user_id)):
                if isinstance(entry, dict):
                    entry["connected"] = False
                self.connected_threads.discard(thread)
        self.user_connections.pop(user_id, None)

    async def connect(self, user_id: str, websocket: object = None) -> bool:
        """``connect_user`` on a thread named like the user; whether it was let in."""
        return await self.connect_user(user_id, websocket) is not False

    async def disconnect(self, user_id: str) -> None:
        """``disconnect_user`` on all threads of the user."""
        await self.disconnect_user(user_id)

    async def add_connection(self, *args: Any, **named: Any) -> Any:
        """Open a connection: ``(user, websocket[, session])``, ``(id[, websocket])`` or an object.

        Returns the name under which it is in ``connections``; False when refused.
        """
        names = ("user_id", "connection_id", "websocket", "connection", "session_info")
        for key in named:
            if key not in names:
                raise TypeError(f"add_connection() got an unexpected keyword argument {key!r}")
        ids = [named[key] for key in ("user_id", "connection_id") if key in named]
        peers = [named[key] for key in ("websocket", "connection") if key in named]
        whole = [*ids, *args, *peers]
        first, peer = (*whole, None, None)[:2]
        name = first if isinstance(first, str) else getattr(first, "connection_id", None)
        peer = first if not isinstance(first, str) else peer
        name = name or f"connection-{len(self.connections) + 1}"
        user = named.get("user_id") or getattr(peer, "user_id", None) or name
        return name if await self.connect_user(str(user), peer, name) is not False else False

    async def remove_connection(self, connection_id: str) -> bool:
        """Close a connection and forget it; False when it is not known."""
        await super().close(connection_id)
        self.connected_threads.discard(connection_id)
        return self.connections.pop(connection_id, None) is not None

    def get_connection(self, connection_id: str) -> Any:
        """What ``connections`` has under a name, or None."""
        return self.connections.get(connection_id)

    def get_all_connections(self) -> dict[Any, Any]:
        """A copy of ``connections``."""
        return dict(self.connections)

    def get_connection_count(self) -> int:
        """How many there are in ``connections``."""
        return len(self.connections)

    async def close(self, thread_id: str | None = None, code: int = 1000, reason: str = "") -> None:
        """Close a thread's connection, or all of them, and then the mock is ``closed``."""
        for name in list(self._threads) if thread_id is None else [thread_id]:
            await super().close(name, code, reason)
        self.closed = self.closed or thread_id is None

    # --- switches --------------------------------------------------------------------------

    def set_connection_status(self, thread_id: str, connected: bool) -> None:
        """Without a connection every send to the thread fails."""
        if connected:
            self.connection_failures.discard(thread_id)
            self.connected_threads.add(thread_id)
        else:
            self.connection_failures.add(thread_id)
            self.connected_threads.discard(thread_id)
        if isinstance(entry := self.connections.get(thread_id), dict):
            entry["connected"] = connected

    def set_connection_failure(self, thread_id: str) -> None:
        """Every send to the thread fails from now on."""
        self.connection_failures.add(thread_id)

    def set_failure_mode(self, thread_id: str, failure_mode: Any) -> None:
        """Every send to the thread fails while its mode is true."""
        self.failure_modes[thread_id] = failure_mode

    def set_send_delay(self, thread_id: str, delay: float) -> None:
        """Every send to the thread takes so many (virtual) seconds."""
        self.send_delays[thread_id] = delay

    def set_delivery_delay(self, thread_id: str, delay: float) -> None:
        """Like ``set_send_delay``; both add up."""
        self.delivery_delays[thread_id] = delay

    async def recover_from_partition(self) -> int:
        """End the outage and send what it kept away; returns how much of that got through."""
        self.disable_partition()
        waiting = self.partition_recovery_queue[:]
        self.partition_recovery_queue.clear()
        return sum([await self.send_to_thread(*each) for each in waiting])

    simulate_partition = partition_network = MockWebSocketManager.enable_partition
    restore_network = MockWebSocketManager.disable_partition


def _own_thread(message: Any) -> str:
    thread = thread_of(message)
    return thread if isinstance(thread, str) and thread else "default"


def _of_user(thread: Any, entry: Any, user_id: str) -> bool:
    return thread == user_id or (isinstance(entry, Mapping) and entry.get("user_id") == user_id)
