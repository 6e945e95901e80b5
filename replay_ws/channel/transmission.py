"""What becomes of one message: admission, outages, attempts, flight, queue.

Each step is a row: the type of a toxic, and the function that lets it harm a message. The order in
which toxics come is data (``replay_ws.faults.toxics.TYPES``); no step knows of another.

Chance comes before what follows from it: a queue that is full because other messages were doubled
or late changes nothing about which messages chance strikes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from replay_ws.channel import tcp
from replay_ws.channel.core import Core, Outage, Socket
from replay_ws.channel.lane import Damage, Lane, Message
from replay_ws.channel.outages import SILENT, Outages
from replay_ws.channel.sockets import Sockets
from replay_ws.channel.terms import FOREVER, backed_off
from replay_ws.clock import NS_PER_S, ms
from replay_ws.events.log import Direction, Op
from replay_ws.events.model import Fate
from replay_ws.faults.toxics import Toxic


class Verdict(NamedTuple):
    """What the sender learns: the fate so far, how long the send takes, the intent's row.

    ``answered`` is False where nobody answered in time: whether the message arrives is in doubt.
    """

    fate: Fate
    wait_ns: int
    row: int
    answered: bool = True


class Send:
    """One message while it is decided about."""

    __slots__ = (
        "again_ns",
        "answered",
        "copies",
        "damage",
        "delay_ns",
        "kind",
        "lane",
        "now_ns",
        "op",
        "ordinal",
        "overtakes",
        "row",
        "size",
        "socket",
        "terms",
        "tried_ns",
        "wait_ns",
    )

    def __init__(
        self, op: int, socket: Socket, lane: Lane, kind: int, ordinal: int, row: int, size: int
    ) -> None:
        self.op = op
        self.socket = socket
        self.lane = lane
        self.terms = lane.terms
        self.kind = kind
        self.ordinal = ordinal
        self.row = row
        self.size = size
        self.now_ns = 0
        self.tried_ns = 0
        """When the attempt began that got through."""
        self.wait_ns = 0
        """What the sender waits for the flight of that."""
        self.delay_ns = 0
        """What the message is late beyond that."""
        self.copies = 1
        self.damage: Damage | None = None
        self.overtakes = False
        self.again_ns: list[int] = []
        """When attempts began that came after one that got through but was not answered."""
        self.answered = True


class Transmission:
    """Decides about messages."""

    def __init__(self, core: Core, sockets: Sockets, outages: Outages) -> None:
        self._core = core
        self._sockets = sockets
        self._outages = outages

    def strike(self, toxic: Toxic, send: Send, attempt: int = 0) -> int:
        """Whether and how hard ``toxic`` strikes the message."""
        about = (send.lane.number, send.kind, send.ordinal, send.now_ns)
        return self._core.strike(toxic.name, *about, attempt)

    def settle(self, send: Send, fate: Fate, wait_ns: int) -> Verdict:
        """The message's fate is known at once."""
        self._core.outcome.enter(send.row, fate)
        return Verdict(fate, wait_ns, send.row)

    # --- admission -------------------------------------------------------------------------

    def refusal(self, send: Send) -> Fate | None:
        """Why a message is not admitted, or None."""
        socket, terms, config = send.socket, send.terms, send.socket.behaviour.config
        untyped = send.op == Op.OBJECT and not send.kind
        if send.op == Op.INVALID or (untyped and config.validate_message_format):
            return Fate.REJECTED_INVALID
        if send.size > terms.message_bytes_max:
            return Fate.REJECTED_TOO_BIG
        if not socket.is_open:
            return socket.refusal or Fate.REJECTED_NOT_CONNECTED
        for toxic in terms.admission:
            fate = _ADMISSION[toxic.type](self, send, toxic)
            if fate is not None:
                return fate
        if config.enforce_event_order and not send.lane.order.allows(
            self._core.log.kinds[send.kind]
        ):
            return Fate.REJECTED_ORDER
        return None

    def _authenticate(self, send: Send, toxic: Toxic) -> Fate | None:
        when = toxic["when"]
        first = when == "first_message" and not any(lane.passed for lane in send.socket.lanes)
        if not (first or when == "message") or not self.strike(toxic, send):
            return None
        if first:
            self._sockets.end(send.socket, send.now_ns, "auth", code=toxic["code"])
        return Fate.REJECTED_AUTH

    def _limit_rate(self, send: Send, toxic: Toxic) -> Fate | None:
        """A token bucket, kept as the time at which the next message would be on time."""
        buckets, name, now_ns = send.lane.buckets, toxic.name, send.now_ns
        if now_ns < buckets.get(f"{name} penalty", 0):
            return Fate.REJECTED_RATE_LIMITED
        numerator, denominator = toxic["rate"].as_integer_ratio()
        each_ns = -(-NS_PER_S * denominator // numerator)
        due_ns = max(buckets.get(name, 0), now_ns)
        if due_ns - (toxic["burst"] - 1) * each_ns <= now_ns:
            buckets[name] = due_ns + each_ns
            return None
        buckets[f"{name} penalty"] = now_ns + ms(toxic["penalty"])
        if toxic["policy"] == "close":
            self._sockets.end(send.socket, now_ns, "rate_limit", code=toxic["code"])
        return Fate.REJECTED_RATE_LIMITED

    # --- on its way ------------------------------------------------------------------------

    def transmit(self, send: Send) -> Verdict:
        """An admitted message: outage, attempts, flight, queue."""
        socket, lane, terms, now_ns = send.socket, send.lane, send.terms, send.now_ns
        config, outcome = socket.behaviour.config, self._core.outcome
        outage = self._meet(send)
        kind = outage.kind if outage is not None else ""
        if kind == "reset":  # the first send after a reset still succeeds
            return self.settle(send, Fate.IN_DOUBT, 0)
        if kind == "drop" and config.link == "message":
            return self.settle(send, Fate.LOST_PARTITION, terms.latency_ns)
        failure, tried_ns = self._attempts(send, outage)
        if failure:
            return self.settle(send, failure, tried_ns)
        send.wait_ns = terms.latency_ns
        for toxic in terms.flight:
            _FLIGHT[toxic.type](self, send, toxic)
        room_ns = now_ns
        if terms.bounded and lane.is_full(send.size):
            overflow, room_ns = self._make_room(send)
            if overflow:
                return self.settle(send, overflow, terms.reject_ns)
        outcome.enter(send.row, Fate.PENDING)
        wait_ns = tried_ns + send.wait_ns + room_ns - now_ns
        ready_ns = now_ns + send.tried_ns + send.wait_ns + send.delay_ns + room_ns - now_ns
        if send.overtakes:
            ready_ns = now_ns + send.tried_ns
        elif not config.reorder_within_thread:
            ready_ns = lane.last_ready = max(ready_ns, lane.last_ready)
        held = outage if kind in SILENT else None
        self._put(send, ready_ns, held, copy=0)
        for _ in range(send.copies - 1):
            self._put(send, ready_ns, held)
        for at_ns in send.again_ns:
            self._put(send, max(ready_ns, now_ns + at_ns + send.wait_ns), held)
        if held is not None and config.ack_timeout_ms is not None:
            wait_ns = self._insist(send, held)
        if config.resume != "none" and lane.number & 1 == Direction.DOWNSTREAM:
            socket.history.append((send.row, send.size))
        return Verdict(Fate(outcome.fates[send.row]), wait_ns, send.row, send.answered)

    def _meet(self, send: Send) -> Outage | None:
        """The outage that the message meets; it may be the one that begins it."""
        direction = Direction(send.lane.number & 1)
        outage = self._outages.on(send.socket, direction, send.now_ns)
        if outage is None:
            stalls = (
                t for t in send.terms.attempts if t.type == "timeout" and t["kind"] == "stall"
            )
            for toxic in (*send.terms.partitions, *stalls):
                amount = self.strike(toxic, send)
                if amount:
                    until_ns = send.now_ns + amount
                    self._outages.begin(send.socket, toxic, send.now_ns, until_ns, None)
                    outage = self._outages.on(send.socket, direction, send.now_ns)
        return None if outage is None or outage.kind == "refuse" else outage

    def _put(self, send: Send, ready_ns: int, held: Outage | None, copy: int | None = None) -> None:
        """One copy of the message on its way, or where an outage holds it."""
        core, lane, row = self._core, send.lane, send.row
        serial = core.agenda.next_serial()
        copy = core.outcome.next_copy(row) if copy is None else copy
        message = Message(ready_ns, serial, row, send.size, copy, send.damage, send.now_ns)
        if held is None:
            if lane.push(message):
                core.agenda.watch(lane)
            return
        lane.hold(message)
        if len(lane.held) == 1 and held.kind == "blackhole":
            self._outages.give_up(send.socket, lane, held, send.now_ns)

    # --- attempts --------------------------------------------------------------------------

    def _attempts(self, send: Send, outage: Outage | None) -> tuple[Fate | None, int]:
        """Try as often as the retries allow: how it ended (None: well) and how long that took."""
        config, terms = send.socket.behaviour.config, send.terms
        cut = outage if outage is not None and outage.kind == "reject" else None
        if not terms.attempts and cut is None:
            return None, 0
        retries, tried_ns, passed = config.max_retries, 0, 0
        fate: Fate | None = None
        for attempt in range(retries + 1):
            if cut is not None and _meets(cut, send.now_ns + tried_ns):
                fate, cost_ns = Fate.REJECTED_PARTITION, terms.reject_ns
            else:
                fate, cost_ns = self._failure(send, attempt)
            if fate is None:
                if passed:
                    send.again_ns.append(tried_ns)
                else:
                    send.tried_ns = tried_ns
                passed += 1
                cost_ns = self._late_ns(send, attempt)
                if not cost_ns:
                    return None, tried_ns
            tried_ns += cost_ns
            if attempt < retries:
                tried_ns += _pause_ns(send, attempt)
        if passed:
            send.answered = False
            return None, tried_ns
        if fate is Fate.LOST_LOSS and not retries:
            # Nobody waits for an answer, so nobody learns that the message is lost.
            return fate, max(tried_ns, terms.latency_ns)
        if retries and fate in (Fate.LOST_LOSS, Fate.REJECTED_PARTITION):
            fate = Fate.REJECTED_GAVE_UP
        return fate, max(tried_ns, terms.reject_ns)

    def _failure(self, send: Send, attempt: int) -> tuple[Fate | None, int]:
        """What befell one attempt, and how long that took."""
        for toxic in send.terms.attempts:
            timeout = toxic.type == "timeout"
            if timeout and toxic["kind"] != "reject":
                continue
            amount = self.strike(toxic, send, attempt)
            if amount:
                return _ATTEMPT[toxic.type], amount if timeout else send.terms.latency_ns
        return None, 0

    def _late_ns(self, send: Send, attempt: int) -> int:
        """How long the sender waits in vain for the answer to an attempt that got through; or 0."""
        for toxic in send.terms.attempts:
            if toxic.type == "timeout" and toxic["kind"] == "late_ack":
                amount = self.strike(toxic, send, attempt)
                if amount:
                    return amount
        return 0

    def _insist(self, send: Send, outage: Outage) -> int:
        """An outage holds the message, and nobody answers: send it again while retries last.

        Returns how long the sender waits: until an answer comes, or until it gives up.
        """
        config, tried_ns = send.socket.behaviour.config, 0
        ack_ns = ms(config.ack_timeout_ms or 0)
        for attempt in range(config.max_retries):
            next_ns = tried_ns + ack_ns + _pause_ns(send, attempt)
            if not _meets(outage, send.now_ns + next_ns):
                break
            tried_ns = next_ns
            self._core.agenda.at(
                send.now_ns + tried_ns, lambda due_ns: self._once_more(send, outage, due_ns)
            )
        heals_ns = FOREVER if outage.until_ns is None else outage.until_ns - send.now_ns
        send.answered = heals_ns <= tried_ns + ack_ns
        return min(heals_ns + send.wait_ns, tried_ns + ack_ns)

    def _once_more(self, send: Send, outage: Outage, now_ns: int) -> None:
        if any(message.row == send.row for message in send.lane.held):
            send.now_ns = now_ns
            self._put(send, now_ns + send.wait_ns, outage)

    # --- flight ----------------------------------------------------------------------------

    def _delay(self, send: Send, toxic: Toxic) -> None:
        send.wait_ns += self.strike(toxic, send)

    def _hold_back(self, send: Send, toxic: Toxic) -> None:
        send.delay_ns += self.strike(toxic, send)

    def _slice(self, send: Send, toxic: Toxic) -> None:
        """The last slice is what a receiver waits for."""
        size = toxic["average_size"]
        spread = min(toxic["size_variation"], size - 1)
        if spread:
            size += self.strike(toxic, send) % (2 * spread + 1) - spread
        slices = -(-send.size // size)
        send.delay_ns += (slices - 1) * round(toxic["delay"] * 1_000) if slices else 0

    def _overtake(self, send: Send, toxic: Toxic) -> None:
        if (send.ordinal + 1) % toxic["gap"] == 0 and self.strike(toxic, send):
            send.overtakes = True

    def _malform(self, send: Send, toxic: Toxic) -> None:
        amount = self.strike(toxic, send)
        if amount and send.damage is None:
            position, kind = divmod(amount - 1, len(toxic["kinds"]))
            send.damage = Damage(toxic["kinds"][kind], position)

    def _corrupt(self, send: Send, toxic: Toxic) -> None:
        amount = self.strike(toxic, send)
        if amount and send.damage is None:
            send.damage = Damage("bitflip", amount)

    def _double(self, send: Send, toxic: Toxic) -> None:
        if self.strike(toxic, send):
            send.copies += 1

    def _retransmit(self, send: Send, toxic: Toxic) -> None:
        """A stream loses nothing: it sends again, later."""
        lost = 0
        while lost < tcp.RETRIES_MAX and self.strike(toxic, send, lost):
            lost += 1
        send.delay_ns += tcp.late_ns(lost)

    # --- queue -----------------------------------------------------------------------------

    def _make_room(self, send: Send) -> tuple[Fate | None, int]:
        """Room on a full lane: why there is none (None: there is), and from when on."""
        lane, now_ns = send.lane, send.now_ns
        incident = self._core.incident
        match send.terms.overflow:
            case "drop_oldest":
                evicted = 0
                while lane and lane.is_full(send.size):
                    self._lose(lane.drop(now_ns), lane)
                    evicted += 1
                self._core.agenda.watch(lane)
                incident(send.socket, now_ns, "overflow", policy="drop_oldest", evicted=evicted)
                return None, now_ns
            case "block":
                room_ns = lane.room_ns(send.size)
                incident(send.socket, now_ns, "overflow", policy="block")
                return (None, room_ns) if room_ns < FOREVER else (Fate.REJECTED_QUEUE_FULL, 0)
            case "drop_newest":
                incident(send.socket, now_ns, "overflow", policy="drop_newest", evicted=1)
                return Fate.LOST_OVERFLOW, 0
            case "close_1013":
                self._sockets.end(send.socket, now_ns, "overflow", code=1013, overtakes=True)
            case policy:
                incident(send.socket, now_ns, "overflow", policy=policy)
        return Fate.REJECTED_QUEUE_FULL, 0

    def _lose(self, message: Message, lane: Lane) -> None:
        """A message was dropped; it is lost unless a copy of it arrived or is still on its way."""
        if any(other.row == message.row for other in lane):
            return
        if self._core.outcome.fates[message.row] == Fate.PENDING:
            self._core.outcome.move(message.row, Fate.LOST_OVERFLOW)


def _meets(outage: Outage, at_ns: int) -> bool:
    return outage.until_ns is None or at_ns < outage.until_ns


def _pause_ns(send: Send, attempt: int) -> int:
    """What a sender waits after an attempt before the next."""
    config = send.socket.behaviour.config
    return backed_off(ms(config.retry_delay_ms), config.retry_backoff, attempt)


_ADMISSION: Mapping[str, Callable[[Transmission, Send, Toxic], Fate | None]] = {
    "auth": Transmission._authenticate,
    "rate_limit": Transmission._limit_rate,
}
_ATTEMPT: Mapping[str, Fate] = {
    "failure": Fate.REJECTED_FAILURE,
    "timeout": Fate.REJECTED_TIMEOUT,
    "loss": Fate.LOST_LOSS,
}
_FLIGHT: Mapping[str, Callable[[Transmission, Send, Toxic], None]] = {
    "loss": Transmission._retransmit,
    "latency": Transmission._delay,
    "slicer": Transmission._slice,
    "race": Transmission._hold_back,
    "reorder": Transmission._overtake,
    "malformed": Transmission._malform,
    "corrupt": Transmission._corrupt,
    "duplicate": Transmission._double,
}
"""Type -> what it does to an admitted message on its way."""
