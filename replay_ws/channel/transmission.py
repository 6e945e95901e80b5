"""An admitted message on its way: outage, attempts, flight, queue.

Chance comes before what follows from it: a queue that is full because other messages were doubled
or late changes nothing about which messages chance strikes.
"""

from __future__ import annotations

from replay_ws.channel import tcp
from replay_ws.channel.attempts import attempt, pause_ns
from replay_ws.channel.behaviour import SILENT, Outage
from replay_ws.channel.core import Core
from replay_ws.channel.flight import STEPS
from replay_ws.channel.lane import Lane, Lost, Message
from replay_ws.channel.outages import Outages
from replay_ws.channel.send import Flight, Send, Verdict
from replay_ws.channel.sockets import CLOSED, Sockets
from replay_ws.channel.terms import FOREVER
from replay_ws.clock import ms
from replay_ws.events.log import Direction
from replay_ws.events.model import Fate


class Transmission:
    """Sends messages on their way."""

    def __init__(self, core: Core, sockets: Sockets, outages: Outages) -> None:
        self._core = core
        self._sockets = sockets
        self._outages = outages
        self._doubled: set[int] = set()
        """Rows of which more than one copy was sent."""

    def settle(self, send: Send, fate: Fate, wait_ns: int) -> Verdict:
        """The message's fate is known at once."""
        self._core.outcome.enter(send.row, fate)
        return Verdict(fate, wait_ns, send.row)

    def transmit(self, send: Send) -> Verdict:
        """Decide about an admitted message."""
        socket, lane, terms = send.socket, send.lane, send.terms
        config = socket.behaviour.config
        outage = self._meet(send)
        if not socket.is_open:  # it was just reset, and the first send after that still succeeds
            return self.settle(send, Fate.IN_DOUBT, 0)
        kind = outage.kind if outage is not None else ""
        if kind == "drop" and config.link == "message":
            return self.settle(send, Fate.LOST_PARTITION, terms.latency_ns)
        flight = Flight(send)
        failure, wait_ns = attempt(self._core, flight, outage if kind == "reject" else None)
        if failure:
            return self.settle(send, failure, wait_ns)
        for toxic in terms.flight:
            STEPS[toxic.type](self._core, flight, toxic)
        room_ns = 0
        if terms.bounded and lane.is_full(send.size):
            overflow, room_ns = self._make_room(send)
            if overflow:
                return self.settle(send, overflow, terms.reject_ns)
        self._core.outcome.enter(send.row, Fate.PENDING)
        held = outage if kind in SILENT else None
        self._depart(flight, room_ns, held)
        wait_ns += flight.wait_ns + room_ns
        if held is not None and config.ack_timeout_ms is not None:
            wait_ns = self._insist(flight, held)
        if held is not None and config.semantics == "legacy":
            wait_ns, flight.answered = terms.reject_ns, False
        if config.resume != "none" and lane.number & 1 == Direction.DOWNSTREAM:
            socket.history.append((send.row, send.size))
        return Verdict(Fate.PENDING, wait_ns, send.row, flight.answered)

    def _meet(self, send: Send) -> Outage | None:
        """The outage that the message meets; it may be the one that begins it."""
        direction = Direction(send.lane.number & 1)
        outage = send.socket.outage(direction, send.now_ns)
        if outage is None:
            for toxic in send.terms.partitions:
                amount = send.strike(self._core, toxic)
                if amount:
                    until_ns = send.now_ns + amount
                    self._outages.begin(send.socket, toxic, send.now_ns, until_ns, None)
                    if send.socket.behaviour.config.semantics == "exact":
                        outage = send.socket.outage(direction, send.now_ns)
        return None if outage is None or outage.kind in CLOSED else outage

    def _depart(self, flight: Flight, room_ns: int, held: Outage | None) -> None:
        """Every copy of the message on its way, or where an outage holds it."""
        send, lane = flight.send, flight.send.lane
        in_order = not send.socket.behaviour.config.reorder_within_thread
        begun_ns = max(send.now_ns, send.socket.opened_ns) + flight.tried_ns + room_ns
        flight_ns = 0 if flight.overtakes else flight.wait_ns + flight.delay_ns
        if flight.lost or lane.stream.holes:
            begun_ns = self._get_through(flight, begun_ns, flight_ns)
        ready_ns = own_ns = begun_ns + flight_ns
        if in_order and not flight.overtakes:
            ready_ns = lane.last_ready = max(ready_ns, lane.last_ready)
        if flight.copies > 1 or flight.again_ns:
            self._doubled.add(send.row)
        for _ in range(flight.copies):
            self._put(flight, ready_ns, own_ns, held)
        for again_ns in flight.again_ns:
            again_ns = max(ready_ns, send.now_ns + again_ns + flight.wait_ns)
            self._put(flight, again_ns, again_ns, held)

    def _get_through(self, flight: Flight, now_ns: int, flight_ns: int) -> int:
        """When a message gets through a stream that loses; earlier ones may do so sooner for it."""
        (socket, lane, *_), row = flight.send, flight.send.row
        if flight.lost == tcp.RETRIES_MAX:  # and all that is behind it
            up_ns = tcp.gives_up_ns(now_ns)
            self._outages.watch_in_vain(socket, lane, row, up_ns, background=False)
            return FOREVER
        through_ns = lane.stream.sent(row, now_ns, flight.lost)
        if lane.retime(through_ns):
            self._core.agenda.watch(lane)
        if flight.lost:
            own_ns = through_ns[row] + flight_ns
            lane.lost[row] = Lost(flight_ns, own_ns, lane.last_ready)
        return through_ns[row]

    def _put(self, flight: Flight, ready_ns: int, own_ns: int, held: Outage | None) -> None:
        core, (socket, lane, *_), row = self._core, flight.send, flight.send.row
        serial = core.agenda.next_serial()
        size, now_ns = flight.send.size, flight.send.now_ns
        message = Message(ready_ns, serial, row, size, flight.damage, now_ns, own_ns)
        if held is None:
            if lane.push(message):
                core.agenda.watch(lane)
            return
        lane.hold(message)
        if len(lane.held) == 1 and held.kind == "blackhole":
            up_ns = held.gives_up_ns(now_ns)  # if nobody ends the outage before
            self._outages.watch_in_vain(socket, lane, row, up_ns, background=True)

    # --- nobody answers --------------------------------------------------------------------

    def _insist(self, flight: Flight, outage: Outage) -> int:
        """An outage holds the message, and nobody answers: send it again while retries last.

        Returns how long the sender waits: until an answer comes, or until it gives up.
        """
        send, tried_ns = flight.send, 0
        config = send.socket.behaviour.config
        ack_ns = ms(config.ack_timeout_ms or 0)
        for nth in range(config.max_retries):
            next_ns = tried_ns + ack_ns + pause_ns(send, nth)
            if not outage.lasts(send.now_ns + next_ns):
                break
            tried_ns = next_ns
            self._core.agenda.at(
                send.now_ns + tried_ns, lambda due_ns: self._once_more(flight, outage, due_ns)
            )
        heals_ns = FOREVER if outage.until_ns is None else outage.until_ns - send.now_ns
        flight.answered = heals_ns <= tried_ns + ack_ns
        return min(heals_ns + flight.wait_ns, tried_ns + ack_ns)

    def _once_more(self, flight: Flight, outage: Outage, now_ns: int) -> None:
        send = flight.send
        direction = Direction(send.lane.number & 1)
        waits = self._core.outcome.fates[send.row] == Fate.PENDING
        if waits and send.socket.outage(direction, now_ns) is not None:
            self._doubled.add(send.row)
            ready_ns = now_ns + flight.wait_ns
            self._put(flight, ready_ns, ready_ns, outage)

    # --- queue -----------------------------------------------------------------------------

    def _make_room(self, send: Send) -> tuple[Fate | None, int]:
        """Room on a full lane: why there is none (None: there is), and after how long."""
        lane, now_ns, policy = send.lane, send.now_ns, send.terms.overflow
        evicted, room_ns, fate = 0, 0, None
        match policy:
            case "drop_oldest":
                while lane and lane.is_full(send.size):
                    self._lose(lane.drop(now_ns), lane)
                    evicted += 1
                self._core.agenda.watch(lane)
            case "drop_newest":
                evicted, fate = 1, Fate.LOST_OVERFLOW
            case "block":
                room_ns = lane.room_ns(send.size) - now_ns
                if room_ns >= FOREVER - now_ns:
                    fate = Fate.REJECTED_QUEUE_FULL
            case _:
                fate = Fate.REJECTED_QUEUE_FULL
        self._core.incident(send.socket, now_ns, "overflow", policy=policy, evicted=evicted)
        if policy == "close_1013":
            self._sockets.end(send.socket, now_ns, "overflow", code=1013, overtakes=True)
        return fate, room_ns

    def _lose(self, message: Message, lane: Lane) -> None:
        """A message was dropped; it is lost unless a copy of it arrived or is still on its way."""
        outcome = self._core.outcome
        twins = message.row in self._doubled and any(m.row == message.row for m in lane)
        if outcome.fates[message.row] == Fate.PENDING and not twins:
            outcome.move(message.row, Fate.LOST_OVERFLOW)
