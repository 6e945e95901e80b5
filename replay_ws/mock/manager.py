"""``MockWebSocketManager``: what an agent's code sends its events to in a test.

The mock encodes and redacts a message, hands it to the network and lets the time pass that the send
takes. Everything else (records, compliance, metrics) is read back from the session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from replay_ws.cassette.redaction import Redactor, RedactorChoice
from replay_ws.channel import Verdict
from replay_ws.clock import NS_PER_S
from replay_ws.errors import ConfigError, EscapeError, known
from replay_ws.events.encoding import EncodingError
from replay_ws.events.frames import is_unicode, type_name, type_of_text
from replay_ws.events.log import Connection, Direction, Header, Op
from replay_ws.events.model import Fate
from replay_ws.faults.checks import close_code
from replay_ws.faults.configuration import DEFAULT, MockConfiguration, require_configuration
from replay_ws.mock import queries
from replay_ws.mock.metrics import Operations, WebSocketMetrics, fold
from replay_ws.mock.results import SendResult
from replay_ws.mock.scenarios import scenario
from replay_ws.mock.threads import MockWebSocketState, Thread
from replay_ws.recording import CURRENT, OwnClock, Recording
from replay_ws.session import Session
from replay_ws.sim.races.watching import EDGES

if TYPE_CHECKING:
    from replay_ws.sim.races.causality import Causality
    from replay_ws.sim.races.objects import Watched
    from replay_ws.sim.world.patches import Patch

DROPS = ("fin", "rst", "blackhole")


class MockWebSocketManager:
    """A WebSocket manager whose network is simulated, seeded and recorded.

    Takes a MockConfiguration or its fields (``MockWebSocketManager(mode="packet_loss", seed=7)``).
    Inside ``replay_ws.run`` it follows the run's seed, mode and clock unless its own were given;
    elsewhere it has a virtual clock of its own, which only the sends move. ``name`` tells several
    mocks of one run apart. Redaction is on; ``redactor=None`` records payloads as they are.
    """

    def __init__(
        self,
        config: MockConfiguration | None = None,
        *,
        name: str = "",
        redactor: RedactorChoice = "default",
        **fields: Any,
    ) -> None:
        recording = CURRENT.get()
        base = recording.config if recording else DEFAULT
        if config is not None:
            require_configuration(config)
        config = base if config is None else config.over(base)
        if fields:
            config = config.replace(**fields)
        if recording is None:
            recording = Recording(Header(seed=config.seed or 0), OwnClock(), Redactor())
        self.config = config
        self.redactor = recording.redactor if redactor == "default" else redactor
        self._recording = recording
        self._network = recording.network
        self._channel = recording.join(name, config)
        self._prefix = f"{recording.log.channels[self._channel].name}/".removeprefix("/")
        self._threads: dict[str, Thread] = {}
        self._operations = Operations()
        self._is_exact = config.semantics == "exact"
        self._records = queries.Records(self._network, self._threads)

    @classmethod
    def create_for_scenario(cls, name: str, **overrides: Any) -> Self:
        """A mock for ``basic``, ``compliance``, ``performance``, ``resilience``, ``concurrency``,
        ``resource_limits``, ``slow_network`` or ``auth_testing``; keyword arguments override.
        """
        return cls(config=scenario(name, **overrides))

    # --- connections -----------------------------------------------------------------------

    async def connect_user(
        self, user_id: str, websocket: object = None, thread_id: str | None = None
    ) -> bool:
        """Open the connection of a thread (by default named like the user); False when refused.

        ``websocket`` is kept for nothing but compatibility: the mock has no real socket.
        """
        recording = self._recording
        if recording.is_over():
            return True
        with recording.lock:
            now_ns = recording.clock.now_ns()
            thread = self._thread(thread_id or user_id, now_ns)
            again = thread.handshakes > 0
            thread.user = user_id
            verdict = self._connect(thread, now_ns, {"user": user_id})
        opening = MockWebSocketState.RECONNECTING if again else MockWebSocketState.CONNECTING
        await self._move([thread], opening, now_ns, verdict.wait_ns)
        return verdict.fate is Fate.DELIVERED

    async def disconnect_user(
        self, user_id: str, websocket: object = None, thread_id: str | None = None
    ) -> None:
        """Close the user's connection, or all of them when no thread is named."""
        threads = [
            thread
            for name, thread in self._threads.items()
            if (name == thread_id if thread_id else user_id in (name, thread.user))
        ]
        await self._shut(threads, [1000, ""])

    async def close(self, thread_id: str, code: int = 1000, reason: str = "") -> None:
        """Close a thread's connection with a close frame, behind what is on its way.

        Raises ConfigError for a code that is never sent (RFC 6455 7.4: 1005, 1006 and 1015 say what
        an endpoint saw; ``drop`` loses a connection), and for a reason of more than 123 bytes.
        """
        try:
            close_code(code)
        except ValueError as error:
            mend = f"it must be {error}; to lose the connection: drop({thread_id!r})"
            raise ConfigError(f"close code {code!r}", mend=mend) from None
        if len(reason.encode("utf-8", "surrogatepass")) > 123:
            raise ConfigError(f"close reason {reason!r:.60}", mend="at most 123 bytes of text")
        thread = self._threads.get(thread_id)
        await self._shut([] if thread is None else [thread], [code, self._clean(reason)])

    async def _shut(self, threads: list[Thread], about: object) -> None:
        with self._recording.lock:
            now_ns = self._recording.clock.now_ns()
            took_ns = [self._close(thread, Op.CLOSE, now_ns, about) for thread in threads]
        moving = MockWebSocketState.DISCONNECTING
        await self._move(threads, moving, now_ns, max(took_ns, default=0))

    async def _move(
        self, threads: list[Thread], through: MockWebSocketState, now_ns: int, took_ns: int
    ) -> None:
        """Take the step that opening or closing takes; meanwhile the state says so."""
        for thread in threads:
            thread.moving = through
        try:
            await self._recording.clock.take(now_ns, took_ns)
        finally:
            for thread in threads:
                thread.moving = None

    def drop(self, thread_id: str, how: str = "rst") -> None:
        """Lose a thread's connection without a close frame: what is on its way is in doubt.

        ``how`` is ``fin``, ``rst`` or ``blackhole``, else ConfigError. RFC 6455 7.1.5: an endpoint
        that sees no close frame reports 1006, which is never sent itself.
        """
        if how not in DROPS:
            raise ConfigError(f"unknown way to drop {how!r}", mend=f"use one of: {known(DROPS)}")
        if self._recording.is_over():
            return
        with self._recording.lock:
            thread = self._threads.get(thread_id)
            if thread is not None:
                self._close(thread, Op.DROPPED, self._recording.clock.now_ns(), {"how": how})

    def _close(self, thread: Thread, op: Op, now_ns: int, about: object) -> int:
        """Close a connection that is open; returns how long that takes."""
        if self._recording.ended is not None:
            return 0
        self._network.advance(now_ns)  # it may have ended meanwhile
        if not self._network.is_open(thread.number):
            return 0
        body = self._recording.log.encode(about)
        return self._network.close(op, thread.number << 1, now_ns, body)

    def _thread(self, name: str, now_ns: int) -> Thread:
        """What is known of a thread; its first mention begins its connection."""
        thread = self._threads.get(name)
        if thread is None:
            shown = self._prefix + self._clean(str(name))
            connection = Connection(shown, self.config.link, self._channel)
            number = self._network.add_connection(connection, now_ns)
            thread = self._threads[name] = Thread(number)
        return thread

    def _connect(self, thread: Thread, now_ns: int, about: dict[str, str]) -> Verdict:
        self._network.advance(now_ns)
        if self._network.is_open(thread.number):
            return Verdict(Fate.DELIVERED, 0, 0)
        lane = thread.number << 1 | Direction.UPSTREAM
        about = self.redactor.value(about) if self.redactor else about
        body = self._recording.log.encode(about)
        user = about.get("user", "")
        verdict = self._network.connect(lane, now_ns, thread.handshakes, body, user)
        thread.handshakes += 1
        return verdict

    def get_connection_state(self, thread_id: str) -> MockWebSocketState:
        """Where the connection of a thread stands; DISCONNECTED for one that never was."""
        thread = self._threads.get(thread_id)
        if thread is None:
            return MockWebSocketState.DISCONNECTED
        with self._recording.lock:
            self._network.advance(self._recording.clock.now_ns())
            return thread.state(self._network.standing(thread.number))

    @property
    def connections(self) -> dict[str, MockWebSocketState]:
        """State of every connection that was ever mentioned, by thread."""
        return {thread: self.get_connection_state(thread) for thread in list(self._threads)}

    # --- sending ---------------------------------------------------------------------------

    async def send_to_thread(self, thread_id: str, message: Any) -> bool:
        """Send an event to a thread's client. True: accepted; False: not sent and never will be.

        Opens a missing connection by itself and never raises for a modelled fault.
        """
        verdict = await self._pass(thread_id, message, Direction.DOWNSTREAM)
        return verdict.fate < Fate.REJECTED and (verdict.answered or self._is_exact)

    async def send(self, thread_id: str, message: Any) -> SendResult:
        """``send_to_thread`` with the full result."""
        verdict = await self._pass(thread_id, message, Direction.DOWNSTREAM)
        return SendResult(verdict.fate, verdict.row, verdict.answered)

    async def receive_from_thread(self, thread_id: str, message: Any) -> bool:
        """Play the client: send a message upstream, under the same configuration."""
        return (await self._pass(thread_id, message, Direction.UPSTREAM)).fate < Fate.REJECTED

    async def _pass(self, thread: str, message: Any, direction: Direction) -> Verdict:
        """One send, and the time that it takes."""
        with self._operations:
            now_ns, verdict = self._submit(thread, message, direction)
            await self._recording.clock.take(now_ns, verdict.wait_ns)
        return verdict

    def _submit(self, name: str, message: Any, direction: Direction) -> tuple[int, Verdict]:
        """Encode, redact, record and decide; nothing here waits."""
        recording = self._recording
        if recording.is_over():
            return 0, Verdict(Fate.DELIVERED, 0, 0)  # nobody hears it
        if self.config.strict_threading and recording.clock.is_foreign():
            raise EscapeError(
                "a mock with strict_threading was used from outside of the run's loop",
                mend="send from a task of the run, or set strict_threading=False",
            )
        with recording.lock:
            now_ns = recording.clock.now_ns()
            thread = self._threads.get(name) or self._thread(name, now_ns)
            opening_ns = 0
            if self._network.is_closed(thread.number):
                fate, opening_ns, *_ = self._connect(thread, now_ns, {})
                opening_ns = 0 if fate is Fate.DELIVERED else opening_ns
            log = recording.log
            op, event, body = self._encode(message)
            if self.redactor is not None:
                body = self.redactor.clean(op, body)
            kind = log.kind_numbers.get(event)
            if kind is None:
                self._network.advance(now_ns)  # as a replay does before it names one
                kind = log.kind(self._clean(event), now_ns)
            lane = thread.number << 1 | direction
            index = log.next_index(lane, kind)
            verdict = self._network.send(op, lane, now_ns, kind, index, body)
            if opening_ns:  # nobody let it in, and that took a while
                verdict = verdict._replace(wait_ns=max(verdict.wait_ns, opening_ns))
            return now_ns, verdict

    def _clean(self, name: str) -> str:
        return self.redactor.text(name) if self.redactor else name

    def _encode(self, message: Any) -> tuple[Op, str, str | bytes]:
        """Op, type and body of a message: an object, or a frame given as str or bytes."""
        if isinstance(message, bytes):
            return Op.BINARY, "", message
        if isinstance(message, str):
            if is_unicode(message):
                return Op.TEXT, type_of_text(message), message
            # RFC 6455 8.1: a text frame that is not UTF-8 fails the connection.
            return Op.INVALID, "", self._recording.log.encode("a text frame is not Unicode")
        try:
            body = self._recording.log.encode(message)
        except EncodingError as error:
            return Op.INVALID, "", self._recording.log.encode(self._clean(error.what))
        is_dict = isinstance(message, dict)
        event = message.get("type") if is_dict else getattr(message, "type", None)
        return Op.OBJECT, type_name(event), body

    async def settle(self) -> None:
        """Let everything arrive that is on its way, but for what an outage holds.

        A send takes the time that its sender waits; a queue or a race can keep the message longer.
        """
        if not self._recording.is_over():
            await self._recording.settle()

    # --- the network by hand ---------------------------------------------------------------

    def enable_partition(self) -> None:
        """Cut every connection off, in any mode, until somebody heals it."""
        self._control("cut")

    def disable_partition(self) -> None:
        """End all outages; what they held is delivered."""
        self._control("heal")

    def simulate_recovery(self) -> None:
        """The network is well again: outages end, what they held is delivered. History stays."""
        self._control("heal")

    def reset_behavior_state(self) -> None:
        """Forget outages and where each agent run stands; messages and metrics stay."""
        self._control("reset")

    def _control(self, action: str) -> None:
        if self._recording.is_over():
            return
        with self._recording.lock:
            self._network.control(action, self._channel, self._recording.clock.now_ns())

    @property
    def partition_active(self) -> bool:
        """Whether ``enable_partition`` is in force."""
        return self._network.behaviours[self._channel].partitioned

    # --- what was seen ---------------------------------------------------------------------

    def session(self) -> Session:
        """The session so far: everything due by now."""
        return self._recording.snapshot()

    @property
    def now(self) -> float:
        """Virtual seconds since the session began."""
        return self._recording.clock.now_ns() / NS_PER_S

    @contextmanager
    def _settled(self) -> Iterator[queries.Records]:
        """The records, with everything in them that is due by now; nothing moves meanwhile."""
        with self._recording.lock:
            self._network.advance(self._recording.clock.now_ns())
            yield self._records

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the clients saw: dicts of thread_id, message, event_type, timestamp, sequence."""
        with self._settled() as records:
            return records.all()

    def get_events_for_thread(self, thread_id: str) -> list[dict[str, Any]]:
        """The same records for one thread, in the order of their arrival."""
        with self._settled() as records:
            return records.of(thread_id)

    def clear_messages(self) -> None:
        """Records, scores, metrics and failures start anew; the session keeps what happened."""
        with self._settled() as records:
            self._recording.mark("clear_messages")
            records.clear()
            self._operations = Operations()

    def get_required_event_compliance(self, thread_id: str) -> dict[str, bool]:
        """For each of the five agent events, whether the thread's client saw it."""
        with self._settled() as records:
            return records.required(thread_id)

    def get_compliance_score(self, thread_id: str) -> float:
        """Share of the five agent events that the thread's client saw, 0.0 to 1.0."""
        required = self.get_required_event_compliance(thread_id)
        return sum(required.values()) / len(required)

    def get_all_compliance_scores(self) -> dict[str, float]:
        """``get_compliance_score`` of every thread."""
        return {thread: self.get_compliance_score(thread) for thread in list(self._threads)}

    @property
    def metrics(self) -> WebSocketMetrics | None:
        """What was counted; None without ``enable_metrics``."""
        if not self.config.enable_metrics:
            return None
        with self._settled() as records:
            now_ns = self._recording.clock.now_ns()
            return fold(self._network, self._channel, records.start, now_ns, self._operations)

    def get_performance_metrics(self) -> dict[str, Any]:
        """``metrics`` as a dict; empty without ``enable_metrics``."""
        metrics = self.metrics
        return metrics.to_dict() if metrics else {}

    def get_failure_analysis(self) -> dict[str, Any]:
        """What did not arrive: totals by label and by thread, and a record of each."""
        with self._settled() as records:
            return records.failures()

    def get_network_simulation_stats(self) -> dict[str, Any]:
        """The configuration in force and what it did so far."""
        header = self._recording.log.header
        with self._settled() as records:
            return {
                "mode": str(self.config.mode),
                "seed": header.seed if self.config.seed is None else self.config.seed,
                "partition_active": self.partition_active,
                **records.totals(),
            }

    # --- context manager -------------------------------------------------------------------

    def _leave(self) -> None:
        with self._recording.lock:
            now_ns = self._recording.clock.now_ns()
            for thread in self._threads.values():
                self._close(thread, Op.CLOSE, now_ns, [1000, ""])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._leave()
        if kind is None and self._recording.ended is None:
            await self.settle()

    # --- under watch -----------------------------------------------------------------------

    @classmethod
    def __watched__(cls, watched: Callable[[object], Watched | None]) -> Iterable[Patch]:
        """What ``replay_ws.watch`` patches: the mock says itself what its calls access."""
        from replay_ws.mock.watched import accesses

        return accesses(cls, watched)

    def __repr__(self) -> str:
        return f"<MockWebSocketManager {self.config.mode} {len(self._threads)} connections>"


def _edges(causality: Causality) -> Iterable[Patch]:
    from replay_ws.mock.watched import edges

    return edges(MockWebSocketManager, causality)


EDGES.append(_edges)
