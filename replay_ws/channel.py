"""The heart: connections under a configuration. Sends and time go in, deliveries and fates come out.

``Network`` is sans-IO: it never sleeps, reads a clock or draws from a shared generator. A mock drives
it live, ``replay`` drives it from a cassette; both append the same rows to a log, so a session
replayed with the configuration, seed and intents that it was recorded with is the same bytes.

What happens to a message is decided when it is sent, in this order::

    admission   format, size, order of events, connection, authentication   -> rejected
    outage      a partition that is on, or that this message starts         -> rejected, held, lost
    attempts    failure, timeout, loss; again after a delay, while retries last
    queue       room for it on its lane                                     -> by overflow policy
    flight      latency, jitter, race delay; then the lane's server: bandwidth, consumer

A *lane* is one direction of one connection. It serves one message after the other, the earliest ready
first; since ready times only grow on a lane that keeps its order, that is first in, first out. The
network's heap holds one entry per lane, for its head. An entry that no longer describes the
head (the head was dropped) is skipped when its time comes.

Every strike of a toxic is written down as a decision right behind its intent. What merely follows (an
overflow, a message that meets an outage which another one started) is not.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple

from replay_ws.clock import NS_PER_S, ms
from replay_ws.events.log import Channel, Connection, Log, Op
from replay_ws.events.model import Fate
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.order import RunOrder
from replay_ws.faults.toxics import Chance

FOREVER = (1 << 62) - 1
"""Later than any time: what is held by an outage that nobody has ended."""


class Verdict(NamedTuple):
    """What the sender learns: the fate so far, how long the send takes, the intent's row."""

    fate: Fate
    wait_ns: int
    row: int


class _Message(NamedTuple):
    """A message on its way. Ordered by when it is ready, then by when it was sent."""

    ready_ns: int
    serial: int
    row: int
    size: int
    copy: int
    damage: int


class Behaviour:
    """A configuration, compiled to the integers that the network works with."""

    def __init__(self, config: MockConfiguration, chance: Chance) -> None:
        self.config = config
        self.chance = chance
        self.latency_ns = ms(config.latency_ms)
        self.retry_ns = ms(config.retry_delay_ms)
        self.reject_ns = max(self.latency_ns, ms(config.reject_delay_ms))
        self.byte_rate = (config.bandwidth_limit or 0.0).as_integer_ratio()
        self.message_rate = (config.consume_rate or 0.0).as_integer_ratio()
        self.serves = bool(config.bandwidth_limit or config.consume_rate)
        self.bounded = bool(config.message_queue_size or config.memory_limit)
        self.queue_max = config.message_queue_size or FOREVER
        self.queue_bytes_max = config.memory_limit or FOREVER
        sizes = [size for size in (config.max_message_size, config.memory_limit) if size]
        self.message_bytes_max = min(sizes, default=FOREVER)
        self.partitioned = False
        self.open: set[int] = set()
        self.calm = not chance.active and not self.latency_ns and not self.serves
        """Nothing can happen on the way: a message that is admitted arrives at once."""

    def service_ns(self, size: int) -> int:
        """How long the lane is busy with a message of ``size`` bytes."""
        busy = 0
        for units, (numerator, denominator) in ((size, self.byte_rate), (1, self.message_rate)):
            if numerator:
                busy += units * NS_PER_S * denominator // numerator
        return busy


class _Lane:
    """One direction of one connection, and what is on its way there."""

    __slots__ = ("cut_until", "free_ns", "held", "last_ready", "number", "order", "queue", "size")

    def __init__(self, number: int) -> None:
        self.number = number
        self.queue: list[_Message] = []  # a heap
        self.held: list[_Message] = []
        self.size = 0
        self.free_ns = 0
        self.last_ready = 0
        self.cut_until = 0
        self.order = RunOrder()


@dataclass(slots=True)
class Outcome:
    """What followed from a log: the deliveries in order, and the fate of every intent."""

    times: array[int] = field(default_factory=lambda: array("q"))
    rows: array[int] = field(default_factory=lambda: array("Q"))
    copies: dict[int, int] = field(default_factory=dict)
    """Delivery -> which copy of its message it is, where not the first."""
    damages: dict[int, int] = field(default_factory=dict)
    """Delivery -> the amount of the ``malformed`` strike, where damaged."""
    fates: bytearray = field(default_factory=bytearray)
    """By row of the log; 0 where the row is no intent."""
    counts: list[int] = field(default_factory=lambda: [0] * (max(Fate) + 1))

    def enter(self, row: int, fate: Fate) -> None:
        """An intent was made."""
        missing = row - len(self.fates)
        if missing:
            self.fates.extend(bytes(missing))
        self.fates.append(fate)
        self.counts[fate] += 1

    def move(self, row: int, fate: Fate) -> None:
        """An intent's fate changed."""
        self.counts[self.fates[row]] -= 1
        self.counts[fate] += 1
        self.fates[row] = fate

    def copy(self) -> Outcome:
        """The same facts, apart from this outcome."""
        return Outcome(
            self.times[:],
            self.rows[:],
            self.copies.copy(),
            self.damages.copy(),
            self.fates[:],
            self.counts[:],
        )


class Network:
    """All connections of one session. Times are virtual nanoseconds and never go back."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.outcome = Outcome()
        self.behaviours: list[Behaviour] = []
        self._by_connection: list[Behaviour] = []
        self._lanes: list[_Lane] = []
        self._refusals: dict[int, Fate] = {}
        self._heap: list[tuple[int, int, _Lane | None]] = []
        self._cuts: dict[int, _Lane] = {}
        self._serial = 0

    # --- who is there ----------------------------------------------------------------------

    def add_channel(
        self, name: str, config: MockConfiguration, chance: Chance, now_ns: int
    ) -> int:
        """Begin a channel: a mock with its configuration. Returns its number."""
        self.behaviours.append(Behaviour(config, chance))
        return self.log.add_channel(Channel(name, config.values()), now_ns)

    def add_connection(self, connection: Connection, now_ns: int) -> int:
        """Begin a connection and return its number; it is not open yet."""
        number = self.log.add_connection(connection, now_ns)
        self._lanes += (_Lane(number << 1), _Lane(number << 1 | 1))
        self._by_connection.append(self.behaviours[connection.channel])
        return number

    def is_open(self, connection: int) -> bool:
        """Whether sends on ``connection`` have a chance."""
        return connection in self._by_connection[connection].open

    def connect(
        self, connection: int, direction: int, now_ns: int, index: int, body: str | bytes
    ) -> Fate:
        """A handshake: DELIVERED when the connection is open afterwards, else why it was refused."""
        self.advance(now_ns)
        behaviour = self._by_connection[connection]
        lane = connection << 1 | direction
        self.log.append(Op.HANDSHAKE, lane, now_ns, 0, index, body)
        config = behaviour.config
        fate = Fate.DELIVERED
        if not config.should_authenticate or (
            config.auth_when == "handshake" and self._strike("auth", lane, 0, index, now_ns)
        ):
            fate = Fate.REJECTED_AUTH
        elif len(behaviour.open | {connection}) > (config.connection_limit or FOREVER):
            fate = Fate.REJECTED_CONNECTION_LIMIT
        if fate is Fate.DELIVERED:
            behaviour.open.add(connection)
        else:
            self._refusals[connection] = fate
        return fate

    def close(self, op: Op, lane: int, now_ns: int, body: str | bytes) -> None:
        """CLOSE ends a connection after what is on its way, DROPPED leaves that in doubt."""
        self.advance(now_ns)
        self.log.append(op, lane, now_ns, 0, 0, body)
        overtakes = self._by_connection[lane >> 1].config.close_overtakes
        self._close(lane >> 1, overtakes=op is Op.DROPPED or overtakes)

    def _close(self, connection: int, *, overtakes: bool) -> None:
        self._by_connection[connection].open.discard(connection)
        self._refusals.pop(connection, None)
        if not overtakes:
            return
        for lane in self._lanes[connection << 1 : (connection << 1) + 2]:
            for message in (*lane.queue, *lane.held):
                if self.outcome.fates[message.row] == Fate.PENDING:
                    self.outcome.move(message.row, Fate.IN_DOUBT)
            lane.queue.clear()
            lane.held.clear()
            lane.size = 0

    def control(self, action: str, channel: int, now_ns: int) -> None:
        """What a program does to the network by hand: ``cut``, ``heal`` or ``reset`` a channel."""
        self.advance(now_ns)
        self.log.note(Op.CONTROL, 0, now_ns, {"do": action, "channel": channel})
        behaviour = self.behaviours[channel]
        behaviour.partitioned = action == "cut"
        if action == "cut":
            return
        for lane in self._lanes:
            if self._by_connection[lane.number >> 1] is behaviour:
                lane.cut_until = 0
                self._release(lane, now_ns)
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
        behaviour = self._by_connection[lane_number >> 1]
        lane = self._lanes[lane_number]
        refusal = self._refusal(behaviour, lane, op, kind, index, body, now_ns)
        if refusal:
            self.outcome.enter(row, refusal)
            return Verdict(refusal, behaviour.reject_ns, row)
        if behaviour.calm and not behaviour.partitioned and not lane.queue:
            self.outcome.enter(row, Fate.DELIVERED)
            self._arrive(now_ns, row)
            return Verdict(Fate.DELIVERED, 0, row)
        return self._transmit(behaviour, lane, kind, index, row, _size(body), now_ns)

    def _refusal(
        self,
        behaviour: Behaviour,
        lane: _Lane,
        op: int,
        kind: int,
        index: int,
        body: str | bytes,
        now_ns: int,
    ) -> Fate | None:
        """Why a message is not admitted, or None."""
        config = behaviour.config
        connection = lane.number >> 1
        if op == Op.INVALID or (op == Op.OBJECT and not kind and config.validate_message_format):
            return Fate.REJECTED_INVALID
        if len(body) > behaviour.message_bytes_max:
            return Fate.REJECTED_TOO_BIG
        if connection not in behaviour.open:
            return self._refusals.get(connection, Fate.REJECTED_NOT_CONNECTED)
        if config.enforce_event_order:
            event = self.log.kinds[kind]
            if not lane.order.allows(event):
                return Fate.REJECTED_ORDER
            lane.order.note(event)
        if config.auth_when == "message" and self._strike("auth", lane.number, kind, index, now_ns):
            return Fate.REJECTED_AUTH
        return None

    def _transmit(
        self, behaviour: Behaviour, lane: _Lane, kind: int, index: int, row: int, size: int, now: int
    ) -> Verdict:
        """An admitted message on its way: outage, attempts, queue, flight."""
        about = (lane.number, kind, index)
        cut = self._cut(behaviour, lane, about, now)
        policy = behaviour.config.partition_policy
        if cut and policy == "reject":
            return self._settle(row, Fate.REJECTED_PARTITION, behaviour.reject_ns)
        if cut and policy == "drop":
            return self._settle(row, Fate.LOST_PARTITION, behaviour.latency_ns)
        failure, tried_ns = self._attempt(behaviour, about, now)
        if failure:
            return self._settle(row, failure, tried_ns)
        wait_ns = tried_ns + behaviour.latency_ns + self._strike("jitter", *about, now)
        room_at = self._make_room(behaviour, lane, size, now) if behaviour.bounded else now
        if room_at < 0:
            return self._settle(row, Fate(-room_at), behaviour.reject_ns)
        wait_ns += room_at - now
        ready_ns = now + wait_ns + self._strike("race", *about, now)
        if not behaviour.config.reorder_within_thread:
            ready_ns = lane.last_ready = max(ready_ns, lane.last_ready)
        self.outcome.enter(row, Fate.PENDING)
        damage = self._strike("malformed", *about, now)
        copies = 1 + self._strike("duplicate", *about, now)
        for copy in range(copies):
            self._serial += 1
            message = _Message(ready_ns, self._serial, row, size, copy, damage)
            if cut:
                lane.held.append(message)
                lane.size += size
            else:
                self._enqueue(lane, message)
        self.advance(now)
        return Verdict(Fate(self.outcome.fates[row]), wait_ns, row)

    def _settle(self, row: int, fate: Fate, wait_ns: int) -> Verdict:
        self.outcome.enter(row, fate)
        return Verdict(fate, wait_ns, row)

    def _strike(self, toxic: str, lane: int, kind: int, index: int, now: int, attempt: int = 0) -> int:
        """Ask chance once, and write down what departs from the default."""
        chance = self._by_connection[lane >> 1].chance
        if toxic not in chance.active:
            return 0
        amount = chance.strike(toxic, lane, kind, index, attempt)
        if amount:
            body = self.log.encode([toxic, attempt, amount])
            self.log.append(Op.DECISION, lane, now, kind, index, body)
        return amount

    def _cut(self, behaviour: Behaviour, lane: _Lane, about: tuple[int, int, int], now: int) -> bool:
        """Whether the lane is cut off; this message may be the one that starts it."""
        if behaviour.partitioned or lane.cut_until > now:
            return True
        outage_ns = self._strike("partition", *about, now)
        if outage_ns:
            lane.cut_until = now + outage_ns
            self._serial += 1
            self._cuts[self._serial] = lane
            heappush(self._heap, (lane.cut_until, self._serial, None))
        return outage_ns > 0

    def _attempt(
        self, behaviour: Behaviour, about: tuple[int, int, int], now: int
    ) -> tuple[Fate | None, int]:
        """Try as often as the retries allow: how it ended (None: well) and how long that took."""
        tried_ns, fate = 0, None
        retries = behaviour.config.max_retries
        for attempt in range(retries + 1):
            fate, cost_ns = None, 0
            for toxic, failed in _ATTEMPT:
                amount = self._strike(toxic, *about, now, attempt)
                if amount:
                    fate = failed
                    cost_ns = amount if toxic == "timeout" else behaviour.latency_ns
                    break
            if fate is None:
                return None, tried_ns
            tried_ns += cost_ns + (behaviour.retry_ns if attempt < retries else 0)
        # Without retries nobody waits for an answer, so nobody learns that a message is lost.
        if fate is Fate.LOST_LOSS and retries:
            fate = Fate.REJECTED_GAVE_UP
        floor_ns = behaviour.latency_ns if fate is Fate.LOST_LOSS else behaviour.reject_ns
        return fate, max(tried_ns, floor_ns)

    # --- queue and flight ------------------------------------------------------------------

    def _make_room(self, behaviour: Behaviour, lane: _Lane, size: int, now: int) -> int:
        """When there is room for ``size`` bytes; minus the Fate where there will be none."""

        def full(count: int, filled: int) -> bool:
            return count >= behaviour.queue_max or filled + size > behaviour.queue_bytes_max

        policy = behaviour.config.overflow
        count = len(lane.queue) + len(lane.held)
        if not full(count, lane.size):
            return now
        if policy == "drop_oldest":
            while (lane.queue or lane.held) and full(len(lane.queue) + len(lane.held), lane.size):
                self._drop_oldest(lane)
            self._watch(lane)
            return now
        if policy == "block":
            return self._when_room(behaviour, lane, full)
        if policy == "close_1013":
            self._close(lane.number >> 1, overtakes=True)
        return -(Fate.LOST_OVERFLOW if policy == "drop_newest" else Fate.REJECTED_QUEUE_FULL)

    def _when_room(
        self, behaviour: Behaviour, lane: _Lane, full: Callable[[int, int], bool]
    ) -> int:
        """When enough of the queue will have been served; what is held never is, so it refuses."""
        count, filled, free = len(lane.queue) + len(lane.held), lane.size, lane.free_ns
        for message in sorted(lane.queue):
            free = max(free, message.ready_ns) + behaviour.service_ns(message.size)
            count, filled = count - 1, filled - message.size
            if not full(count, filled):
                return free
        return -Fate.REJECTED_QUEUE_FULL

    def _drop_oldest(self, lane: _Lane) -> None:
        message = heappop(lane.queue) if lane.queue else lane.held.pop(0)
        lane.size -= message.size
        doubled = "duplicate" in self._by_connection[lane.number >> 1].chance.active
        twin = doubled and any(m.row == message.row for m in (*lane.queue, *lane.held))
        if not twin and self.outcome.fates[message.row] == Fate.PENDING:
            self.outcome.move(message.row, Fate.LOST_OVERFLOW)

    def _enqueue(self, lane: _Lane, message: _Message) -> None:
        heappush(lane.queue, message)
        lane.size += message.size
        if lane.queue[0] is message:
            self._watch(lane)

    def _watch(self, lane: _Lane) -> None:
        """Put the lane's head on the heap."""
        if lane.queue:
            head = lane.queue[0]
            heappush(self._heap, (self._due(lane, head), head.serial, lane))

    def _due(self, lane: _Lane, head: _Message) -> int:
        behaviour = self._by_connection[lane.number >> 1]
        if not behaviour.serves:
            return head.ready_ns
        return max(head.ready_ns, lane.free_ns) + behaviour.service_ns(head.size)

    def advance(self, now_ns: int) -> int:
        """Let everything happen that is due by ``now_ns``; returns the time of the last such thing."""
        heap = self._heap
        last_ns = 0
        while heap and heap[0][0] <= now_ns:
            due_ns, serial, lane = heappop(heap)
            if lane is None:
                self._heal(self._cuts.pop(serial), due_ns)
            elif lane.queue and lane.queue[0].serial == serial:
                message = heappop(lane.queue)
                lane.size -= message.size
                lane.free_ns = due_ns
                self._deliver(message, due_ns)
                self._watch(lane)
                last_ns = due_ns
        return last_ns

    def drain(self) -> int:
        """Let everything arrive that ever will; returns when the last message did, or 0."""
        return self.advance(FOREVER)

    def _heal(self, lane: _Lane, now_ns: int) -> None:
        """An outage's time is over, unless it was ended or replaced before."""
        if lane.cut_until == now_ns and not self._by_connection[lane.number >> 1].partitioned:
            lane.cut_until = 0
            self._release(lane, now_ns)

    def _release(self, lane: _Lane, now_ns: int) -> None:
        held, lane.held = lane.held, []
        for message in held:
            lane.size -= message.size
            self._enqueue(lane, message._replace(ready_ns=max(message.ready_ns, now_ns)))

    def _deliver(self, message: _Message, due_ns: int) -> None:
        outcome = self.outcome
        if message.copy:
            outcome.copies[len(outcome.rows)] = message.copy
        if message.damage:
            outcome.damages[len(outcome.rows)] = message.damage
        if outcome.fates[message.row] != Fate.DELIVERED:
            outcome.move(message.row, Fate.DELIVERED)
        self._arrive(due_ns, message.row)

    def _arrive(self, due_ns: int, row: int) -> None:
        self.outcome.times.append(due_ns)
        self.outcome.rows.append(row)


_ATTEMPT = (
    ("failure", Fate.REJECTED_FAILURE),
    ("timeout", Fate.REJECTED_TIMEOUT),
    ("loss", Fate.LOST_LOSS),
)
"""What can befall one attempt, in the order in which it is asked for."""


def _size(body: str | bytes) -> int:
    """Bytes on the wire."""
    return len(body) if isinstance(body, bytes) or body.isascii() else len(body.encode())
