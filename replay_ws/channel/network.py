"""``Network``: connections under a configuration. Sends and time in, deliveries and fates out.

It never sleeps, reads a clock or draws from a shared generator. A mock drives it live, ``play``
drives it from a log; both append the same rows, so a session that is replayed with the
configuration, seed and intents that it was recorded with is the same bytes.

What happens to a message is decided when it is sent, in this order::

    admission   format, size, connection, authentication, order of events   -> rejected
    outage      one that is on, or that this message starts                 -> rejected, held, lost
    attempts    failure, timeout, loss; again after a delay, while retries last
    flight      latency, jitter, race delay, damage, copies
    queue       room for it on its lane                                     -> by overflow policy
    service     one after the other on its lane: bandwidth, consumer

Chance comes before what follows from it: a queue that is full because other messages were doubled
or late changes nothing about which messages chance strikes.

The heap holds an entry for the head of each lane. An entry that no longer describes the head (which
was dropped or overtaken, or whose turn comes later) is skipped when its time comes.

Every strike of a toxic is written down as a decision right behind its intent. What merely follows
(an overflow, a message that meets an outage which another one started) is not.
"""

from __future__ import annotations

from functools import lru_cache
from heapq import heappop, heappush
from typing import NamedTuple

from replay_ws.channel.behaviour import FOREVER, Behaviour
from replay_ws.channel.lane import Lane, Message
from replay_ws.channel.outcome import Outcome
from replay_ws.events.log import Channel, Connection, Log, Op
from replay_ws.events.model import Fate
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.order import RunOrder
from replay_ws.faults.toxics import Chance


class Verdict(NamedTuple):
    """What the sender learns: the fate so far, how long the send takes, the intent's row."""

    fate: Fate
    wait_ns: int
    row: int


class _Send(NamedTuple):
    """One message while it is decided about."""

    lane: Lane
    kind: int
    ordinal: int
    row: int
    size: int
    now_ns: int


ACTIONS = frozenset({"cut", "heal", "reset"})
"""What a program can do to the network by hand."""

_ATTEMPT = (
    ("failure", Fate.REJECTED_FAILURE),
    ("timeout", Fate.REJECTED_TIMEOUT),
    ("loss", Fate.LOST_LOSS),
)
"""What can befall one attempt, in the order in which it is asked for."""


class Network:
    """All connections of one session. Times are virtual nanoseconds and never go back."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.outcome = Outcome()
        self.behaviours: list[Behaviour] = []
        self._lanes: list[Lane] = []
        self._refusals: dict[int, Fate] = {}
        self._heap: list[tuple[int, int, Lane]] = []
        self._healing: set[int] = set()  # serials of heap entries that end an outage
        self._serial = 0

    # --- who is there ----------------------------------------------------------------------

    def add_channel(self, name: str, config: MockConfiguration, chance: Chance, now_ns: int) -> int:
        """Begin a channel: a mock with its configuration. Returns its number."""
        self.behaviours.append(Behaviour(config, chance))
        return self.log.add_channel(_channel(name, config), now_ns)

    def add_connection(self, connection: Connection, now_ns: int) -> int:
        """Begin a connection and return its number; it is not open yet."""
        number = self.log.add_connection(connection, now_ns)
        behaviour = self.behaviours[connection.channel]
        self._lanes += (Lane(number << 1, behaviour), Lane(number << 1 | 1, behaviour))
        return number

    def is_open(self, connection: int) -> bool:
        """Whether sends on ``connection`` have a chance."""
        return connection in self._lanes[connection << 1].behaviour.open

    def connect(self, lane_number: int, now_ns: int, index: int, body: str | bytes) -> Fate:
        """A handshake: DELIVERED when the connection is open afterwards, else why it is not."""
        self.advance(now_ns)
        row = self.log.append(Op.HANDSHAKE, lane_number, now_ns, 0, index, body)
        lane, connection = self._lanes[lane_number], lane_number >> 1
        config, others = lane.behaviour.config, lane.behaviour.open - {connection}
        send = _Send(lane, 0, index, row, 0, now_ns)
        if not config.should_authenticate or (
            config.auth_when == "handshake" and self._strike("auth", send)
        ):
            fate = Fate.REJECTED_AUTH
        elif len(others) >= (config.connection_limit or FOREVER):
            fate = Fate.REJECTED_CONNECTION_LIMIT
        else:
            lane.behaviour.open.add(connection)
            return Fate.DELIVERED
        self._refusals[connection] = self.outcome.refusals[row] = fate
        return fate

    def close(self, op: Op, lane_number: int, now_ns: int, body: str | bytes) -> None:
        """CLOSE ends a connection behind what is on its way, DROPPED leaves that in doubt."""
        self.advance(now_ns)
        self.log.append(op, lane_number, now_ns, 0, 0, body)
        overtakes = self._lanes[lane_number].behaviour.config.close_overtakes
        self._close(lane_number >> 1, overtakes=op is Op.DROPPED or overtakes)

    def _close(self, connection: int, *, overtakes: bool) -> None:
        self._lanes[connection << 1].behaviour.open.discard(connection)
        self._refusals.pop(connection, None)
        if overtakes:
            for lane in self._lanes[connection << 1 : (connection << 1) + 2]:
                for message in lane.clear():
                    if self.outcome.fates[message.row] == Fate.PENDING:
                        self.outcome.move(message.row, Fate.IN_DOUBT)

    def control(self, action: str, channel: int, now_ns: int) -> None:
        """What a program does to the network by hand: ``cut``, ``heal`` or ``reset`` a channel."""
        assert action in ACTIONS, action
        self.advance(now_ns)
        self.log.note(Op.CONTROL, 0, now_ns, {"do": action, "channel": channel})
        behaviour = self.behaviours[channel]
        behaviour.partitioned = action == "cut"
        if behaviour.partitioned:
            return
        for lane in self._lanes:
            if lane.behaviour is behaviour:
                self._heal(lane, now_ns)
                if action == "reset":
                    lane.order = RunOrder()

    # --- sending ---------------------------------------------------------------------------

    def send(
        self, op: int, lane_number: int, now_ns: int, kind: int, index: int, body: str | bytes
    ) -> Verdict:
        """Take one message and decide about it; the arguments are its row."""
        if self._heap and self._heap[0][0] <= now_ns:
            self.advance(now_ns)
        row = self.log.append(op, lane_number, now_ns, kind, index, body)
        lane = self._lanes[lane_number]
        behaviour = lane.behaviour
        send = _Send(lane, kind, index, row, _size(body), now_ns)
        refusal = self._refusal(op, send)
        if refusal:
            return self._settle(send, refusal, behaviour.terms.reject_ns)
        if behaviour.calm and not behaviour.partitioned and not lane:
            self.outcome.pass_through(row, now_ns)
            verdict = Verdict(Fate.DELIVERED, 0, row)
        else:
            verdict = self._transmit(send)
        if behaviour.config.enforce_event_order and verdict.fate < Fate.REJECTED:
            lane.order.note(self.log.kinds[kind])
        return verdict

    def _refusal(self, op: int, send: _Send) -> Fate | None:
        """Why a message is not admitted, or None."""
        lane = send.lane
        behaviour, config, connection = lane.behaviour, lane.behaviour.config, lane.number >> 1
        untyped = op == Op.OBJECT and not send.kind
        if op == Op.INVALID or (untyped and config.validate_message_format):
            return Fate.REJECTED_INVALID
        if send.size > behaviour.terms.message_bytes_max:
            return Fate.REJECTED_TOO_BIG
        if connection not in behaviour.open:
            return self._refusals.get(connection, Fate.REJECTED_NOT_CONNECTED)
        if config.auth_when == "message" and self._strike("auth", send):
            return Fate.REJECTED_AUTH
        if config.enforce_event_order and not lane.order.allows(self.log.kinds[send.kind]):
            return Fate.REJECTED_ORDER
        return None

    def _transmit(self, send: _Send) -> Verdict:
        """An admitted message on its way: outage, attempts, flight, queue."""
        lane, now_ns = send.lane, send.now_ns
        behaviour, config = lane.behaviour, lane.behaviour.config
        cut = self._is_cut(send)
        if cut and config.partition_policy == "reject":
            return self._settle(send, Fate.REJECTED_PARTITION, behaviour.terms.reject_ns)
        if cut and config.partition_policy == "drop":
            return self._settle(send, Fate.LOST_PARTITION, behaviour.terms.latency_ns)
        failure, wait_ns = self._attempt(send)
        if failure:
            return self._settle(send, failure, wait_ns)
        wait_ns += behaviour.terms.latency_ns + self._strike("jitter", send)
        race_ns = self._strike("race", send)
        damage = self._strike("malformed", send)
        copies = 2 if self._strike("duplicate", send) else 1
        if behaviour.bounded and lane.is_full(send.size):
            overflow, room_ns = self._make_room(send)
            if overflow:
                return self._settle(send, overflow, behaviour.terms.reject_ns)
            wait_ns += room_ns - now_ns
        ready_ns = now_ns + wait_ns + race_ns
        if not config.reorder_within_thread:
            ready_ns = lane.last_ready = max(ready_ns, lane.last_ready)
        self.outcome.enter(send.row, Fate.PENDING)
        for copy in range(copies):
            self._serial += 1
            message = Message(ready_ns, self._serial, send.row, send.size, copy, damage)
            if cut:
                lane.hold(message)
            elif lane.push(message):
                self._watch(lane)
        self.advance(now_ns)
        return Verdict(Fate(self.outcome.fates[send.row]), wait_ns, send.row)

    def _settle(self, send: _Send, fate: Fate, wait_ns: int) -> Verdict:
        self.outcome.enter(send.row, fate)
        return Verdict(fate, wait_ns, send.row)

    def _strike(self, toxic: str, send: _Send, attempt: int = 0) -> int:
        """Ask chance once, and write down what departs from the default."""
        lane = send.lane
        chance = lane.behaviour.chance
        if toxic not in chance.active:
            return 0
        amount = chance.strike(toxic, lane.number, send.kind, send.ordinal, attempt)
        if amount:
            body = self.log.encode([toxic, attempt, amount])
            about = (lane.number, send.now_ns, send.kind, send.ordinal)
            self.log.append(Op.DECISION, *about, body)
        return amount

    def _is_cut(self, send: _Send) -> bool:
        """Whether the lane is cut off; this message may be the one that starts it."""
        lane = send.lane
        if lane.behaviour.partitioned or lane.cut_until > send.now_ns:
            return True
        outage_ns = self._strike("partition", send)
        if outage_ns:
            lane.cut_until = send.now_ns + outage_ns
            self._serial += 1
            self._healing.add(self._serial)
            heappush(self._heap, (lane.cut_until, self._serial, lane))
        return outage_ns > 0

    def _attempt(self, send: _Send) -> tuple[Fate | None, int]:
        """Try as often as the retries allow: how it ended (None: well) and how long that took."""
        behaviour = send.lane.behaviour
        retries = behaviour.config.max_retries
        fate, tried_ns = None, 0
        for attempt in range(retries + 1):
            fate, cost_ns = self._failure(send, attempt)
            if fate is None:
                return None, tried_ns
            tried_ns += cost_ns + (behaviour.terms.retry_ns if attempt < retries else 0)
        if fate is Fate.LOST_LOSS and not retries:
            # Nobody waits for an answer, so nobody learns that the message is lost.
            return fate, max(tried_ns, behaviour.terms.latency_ns)
        if fate is Fate.LOST_LOSS:
            fate = Fate.REJECTED_GAVE_UP
        return fate, max(tried_ns, behaviour.terms.reject_ns)

    def _failure(self, send: _Send, attempt: int) -> tuple[Fate | None, int]:
        """What befell one attempt, and how long that took."""
        for toxic, fate in _ATTEMPT:
            amount = self._strike(toxic, send, attempt)
            if amount:
                latency_ns = send.lane.behaviour.terms.latency_ns
                return fate, amount if toxic == "timeout" else latency_ns
        return None, 0

    def _make_room(self, send: _Send) -> tuple[Fate | None, int]:
        """Room on a full lane: why there is none (None: there is), and from when on."""
        lane = send.lane
        match lane.behaviour.config.overflow:
            case "drop_oldest":
                while lane and lane.is_full(send.size):
                    self._lose(lane.drop(send.now_ns), lane)
                self._watch(lane)
                return None, send.now_ns
            case "block":
                room_ns = lane.room_ns(send.size)
                return (None, room_ns) if room_ns < FOREVER else (Fate.REJECTED_QUEUE_FULL, 0)
            case "drop_newest":
                return Fate.LOST_OVERFLOW, 0
            case "close_1013":
                self._close(lane.number >> 1, overtakes=True)
        return Fate.REJECTED_QUEUE_FULL, 0

    def _lose(self, message: Message, lane: Lane) -> None:
        """A message was dropped; it is lost unless a copy of it arrived or is still on its way."""
        twins = "duplicate" in lane.behaviour.chance.active
        if twins and any(other.row == message.row for other in lane):
            return
        if self.outcome.fates[message.row] == Fate.PENDING:
            self.outcome.move(message.row, Fate.LOST_OVERFLOW)

    # --- time ------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> int:
        """Let happen what is due by ``now_ns``; returns when the last message arrived, or 0."""
        heap = self._heap
        last_ns = 0
        while heap and heap[0][0] <= now_ns:
            due_ns, serial, lane = heappop(heap)
            if serial in self._healing:
                self._healing.discard(serial)
                if lane.cut_until == due_ns and not lane.behaviour.partitioned:
                    self._heal(lane, due_ns)
            elif lane.queue and lane.queue[0].serial == serial and lane.due_ns() <= due_ns:
                message = lane.pop()
                lane.free_ns = last_ns = due_ns
                self.outcome.arrive(due_ns, message.row, copy=message.copy, damage=message.damage)
                self._watch(lane)
        return last_ns

    def next_ns(self) -> int | None:
        """When the next thing is due, while messages are on their way; None when none will move."""
        waiting = self.outcome.counts[Fate.PENDING] > 0
        return self._heap[0][0] if waiting and self._heap else None

    def drain(self) -> int:
        """Let everything arrive that ever will; returns when the last message did, or 0."""
        return self.advance(FOREVER)

    def _heal(self, lane: Lane, now_ns: int) -> None:
        lane.cut_until = 0
        if lane.release(now_ns):
            self._watch(lane)

    def _watch(self, lane: Lane) -> None:
        """Put the lane's head on the heap."""
        if lane.queue:
            heappush(self._heap, (lane.due_ns(), lane.queue[0].serial, lane))


@lru_cache(maxsize=256)
def _channel(name: str, config: MockConfiguration) -> Channel:
    return Channel(name, config.values())


def _size(body: str | bytes) -> int:
    """Bytes on the wire."""
    if isinstance(body, bytes) or body.isascii():
        return len(body)
    return len(body.encode("utf-8", "surrogatepass"))
