"""``Network``: connections under a configuration. Sends and time in, deliveries and fates out.

It never sleeps, reads a clock or draws from a shared generator. A mock drives it live, ``play``
drives it from a log; both append the same rows, so a session that is replayed with the
configuration, seed and intents that it was recorded with is the same bytes.

What happens to a message is decided when it is sent, in this order::

    faults      a plan's entries that wait for such a message
    admission   format, size, connection, authentication, rate     -> rejected
    limit       data that the connection may still carry            -> in doubt, and it ends
    outage      one that is on, or that this message starts         -> rejected, held, lost
    attempts    failure, timeout, loss; again while retries last
    flight      loss on a stream, latency, slices, race, damage, copies
    queue       room for it on its lane                             -> by overflow policy
    service     one after the other on its lane: bandwidth, consumer, pauses

Every strike of a toxic is written down as a decision right behind its intent, and what the network
does of its own accord as an incident. What merely follows (a message that meets an outage which
another one started) is not.

The parts: ``sockets`` open and end, ``outages`` cut off, ``timetable`` unfolds the faults of a
plan, ``admission`` and ``transmission`` decide about a message; this file owns time.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from replay_ws.channel.admission import Admission
from replay_ws.channel.behaviour import Behaviour
from replay_ws.channel.core import Core, Socket
from replay_ws.channel.lane import Lane, Message
from replay_ws.channel.outages import Outages
from replay_ws.channel.outcome import Outcome
from replay_ws.channel.send import Send, Verdict
from replay_ws.channel.sockets import Sockets
from replay_ws.channel.terms import Terms
from replay_ws.channel.timetable import Timetable
from replay_ws.channel.transmission import Transmission
from replay_ws.clock import ms
from replay_ws.events.log import Channel, Connection, Direction, Log, Op
from replay_ws.events.model import Fate
from replay_ws.faults.chance import Chance
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.order import RunOrder
from replay_ws.faults.timeline import MOMENTARY
from replay_ws.faults.toxics import Toxic

ACTIONS = frozenset({"cut", "heal", "reset"})
"""What a program can do to the network by hand."""


class Network:
    """All connections of one session. Times are virtual nanoseconds and never go back."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._core = Core(log)
        self._agenda = self._core.agenda
        self._sockets = Sockets(self._core)
        self._outages = Outages(self._core, self._sockets)
        self._timetable = Timetable(self._core, self._sockets, self._outages)
        self._admission = Admission(self._core, self._sockets)
        self._transmission = Transmission(self._core, self._sockets, self._outages)

    @property
    def outcome(self) -> Outcome:
        """Deliveries and fates so far."""
        return self._core.outcome

    @property
    def behaviours(self) -> list[Behaviour]:
        """The channels."""
        return self._core.behaviours

    # --- who is there ----------------------------------------------------------------------

    def add_channel(
        self, channel: Channel, config: MockConfiguration, chance: Chance, now_ns: int
    ) -> int:
        """Begin a channel: a mock with its configuration. Returns its number."""
        self.advance(now_ns)
        number = self.log.add_channel(channel, now_ns)
        self.behaviours.append(Behaviour(number, config, chance))
        return number

    def add_connection(self, connection: Connection, now_ns: int) -> int:
        """Begin a connection and return its number; it is not open yet."""
        self.advance(now_ns)
        number = self.log.add_connection(connection, now_ns)
        socket = Socket(number, connection.name, self.behaviours[connection.channel])
        self._core.sockets.append(socket)
        if socket.behaviour.static:
            self._equip(socket, socket.behaviour.static, now_ns)
        self._timetable.add(socket, now_ns)
        return number

    def _equip(self, socket: Socket, toxics: Iterable[Toxic], now_ns: int) -> None:
        """Let those of ``toxics`` work on a connection that are for it."""
        mine = tuple(toxic for toxic in toxics if self._core.is_for(socket, toxic, now_ns))
        down, up = (
            tuple(toxic for toxic in mine if toxic.is_for(socket.name, direction))
            for direction in Direction
        )
        socket.static = (down, up)
        socket.retune(now_ns)

    def is_open(self, connection: int) -> bool:
        """Whether sends on ``connection`` have a chance."""
        return self._core.sockets[connection].is_open

    def is_closed(self, connection: int) -> bool:
        """Whether it is a program's business to open ``connection``: the network did not end it."""
        socket = self._core.sockets[connection]
        return connection not in socket.behaviour.open and not socket.lost

    def standing(self, connection: int) -> str:
        """Where a connection stands: connected, reconnecting, error or disconnected."""
        socket = self._core.sockets[connection]
        if socket.is_open:
            return "connected"
        if socket.denied:
            return "error"
        if socket.lost and socket.behaviour.config.reconnect != "never":
            return "reconnecting"
        return "disconnected" if socket.refusal is None else "error"

    def connect(
        self, lane: int, now_ns: int, index: int, body: str | bytes, user: str = ""
    ) -> Verdict:
        """A handshake: DELIVERED when the connection is open afterwards, else why it is not."""
        self.advance(now_ns)
        row = self.log.append(Op.HANDSHAKE, lane, now_ns, 0, index, body)
        socket = self._core.sockets[lane >> 1]
        if socket.is_open:
            return Verdict(Fate.DELIVERED, 0, row)
        socket.handshakes += 1
        socket.user = user
        fate, wait_ns = self._sockets.connect(socket, now_ns, index)
        if fate is not Fate.DELIVERED:
            self.outcome.refusals[row] = fate
        return Verdict(fate, wait_ns, row)

    def close(self, op: Op, lane: int, now_ns: int, body: str | bytes) -> int:
        """CLOSE ends a connection behind what is on its way, DROPPED leaves that in doubt.

        Returns how long the closing handshake takes.
        """
        self.advance(now_ns)
        self.log.append(op, lane, now_ns, 0, 0, body)
        socket = self._core.sockets[lane >> 1]
        took_ns = 0
        if op is Op.CLOSE:
            took_ns = self._sockets.closing_ns(socket, now_ns)
        overtakes = op is Op.DROPPED or socket.behaviour.config.close_overtakes
        self._sockets.close(socket, overtakes=overtakes)
        socket.torn = op is Op.DROPPED
        return took_ns

    def control(self, action: str, channel: int, now_ns: int) -> None:
        """What a program does to the network by hand: ``cut``, ``heal`` or ``reset`` a channel."""
        assert action in ACTIONS, action
        self.advance(now_ns)
        self.log.note(Op.CONTROL, 0, now_ns, {"do": action, "channel": channel})
        behaviour = self.behaviours[channel]
        if action == "cut":
            self._outages.cut(behaviour, now_ns)
            return
        self._outages.heal_all(behaviour, now_ns)
        if action == "reset":
            for socket in self._core.sockets:
                if socket.behaviour is behaviour:
                    for lane in socket.lanes:
                        lane.order = RunOrder()

    def configure(
        self, channel: int, config: MockConfiguration, chance: Chance, now_ns: int
    ) -> None:
        """A channel works by another configuration from now on; its link and its faults stay.

        What was decided about messages on their way stays, and so do outages that are on.
        """
        self.advance(now_ns)
        about = {"do": "configure", "channel": channel, "config": config.values()}
        self.log.note(Op.CONTROL, 0, now_ns, about)
        behaviour = self.behaviours[channel]
        assert (config.link, config.faults) == (behaviour.config.link, behaviour.config.faults)
        before = behaviour.static
        behaviour.follow(config, chance)
        for socket in self._core.sockets:
            if socket.behaviour is behaviour:
                had = {*socket.static[0], *socket.static[1]}
                gone = {toxic for toxic in before if toxic not in had}  # healed, or not for it
                self._equip(socket, (t for t in behaviour.static if t not in gone), now_ns)
                for toxic in dict.fromkeys((*socket.static[0], *socket.static[1])):
                    if toxic not in had:
                        self._sockets.start(socket, toxic, now_ns)
                for lane in socket.lanes:
                    self._agenda.watch(lane)

    # --- sending ---------------------------------------------------------------------------

    def send(
        self, op: int, lane_number: int, now_ns: int, kind: int, index: int, body: str | bytes
    ) -> Verdict:
        """Take one message and decide about it; the arguments are its row."""
        if self._agenda.is_due(now_ns):
            self.advance(now_ns)
        socket = self._core.sockets[lane_number >> 1]
        behaviour, lane = socket.behaviour, socket.lanes[lane_number & 1]
        row = self.log.append(op, lane_number, now_ns, kind, index, body)
        if socket.lost and behaviour.config.reconnect == "on_send":
            self._sockets.reopen(socket, now_ns)
        terms: Terms = lane.terms
        last: tuple[Toxic, ...] = ()
        planned = bool(behaviour.at_messages)
        if planned:
            terms, last = self._meet_faults(socket, lane, op, kind, body, now_ns)
        send = Send(socket, lane, terms, op, kind, index, row, _size(body), now_ns)
        refusal = self._admission.refusal(send)
        if refusal:
            return self._transmission.settle(send, refusal, terms.reject_ns)
        opening_ns = max(0, socket.opened_ns - now_ns)
        crossed = socket.outages or lane or behaviour.partitioned or planned or opening_ns
        if terms.calm and not crossed and not self._agenda.is_due(now_ns):
            socket.active_ns = now_ns
            self.outcome.pass_through(row, now_ns)
            verdict = Verdict(Fate.DELIVERED, 0, row)
        else:
            verdict = self._pass(send, last)
            self.advance(now_ns)
            fate = self.outcome.fates[row]
            if opening_ns or fate != verdict.fate:
                wait_ns = verdict.wait_ns + opening_ns
                verdict = Verdict(Fate(fate), wait_ns, row, verdict.answered)
        if behaviour.config.enforce_event_order and verdict.fate < Fate.REJECTED:
            lane.order.note(self.log.kinds[kind])
        return verdict

    def _meet_faults(
        self, socket: Socket, lane: Lane, op: int, kind: int, body: str | bytes, now_ns: int
    ) -> tuple[Terms, tuple[Toxic, ...]]:
        """The terms for a message that faults may wait for, and which of them come after it."""
        name = self.log.kinds[kind]
        once = self._timetable.met(socket, lane.number, name, op, body, now_ns)
        last = tuple(toxic for toxic in once if toxic.type in MOMENTARY)
        toxics = (*lane.terms.toxics, *once)
        return socket.behaviour.terms(toxics) if once else lane.terms, last

    def _pass(self, send: Send, last: tuple[Toxic, ...]) -> Verdict:
        """Send a message on its way; it may be the last one of its connection."""
        socket, lane, now_ns = send.socket, send.lane, send.now_ns
        socket.active_ns = now_ns
        for toxic in send.terms.limits:
            size = toxic["bytes"]
            if size is not None and lane.passed_bytes + send.size > size:
                self._sockets.end(socket, now_ns, toxic["how"], overtakes=toxic["how"] == "rst")
                return self._transmission.settle(send, Fate.IN_DOUBT, 0)
        verdict = self._transmission.transmit(send)
        if verdict.fate < Fate.REJECTED:
            lane.passed += 1
            lane.passed_bytes += send.size
        for toxic in send.terms.limits:
            if lane.passed == toxic["messages"] or lane.passed_bytes == toxic["bytes"]:
                self._sockets.end(socket, now_ns, toxic["how"], overtakes=toxic["how"] == "rst")
        for toxic in last:
            if toxic.type == "drain":
                self._sockets.drain(socket, toxic, now_ns)
            elif toxic["timeout"]:
                self._sockets.start(socket, toxic, now_ns, once=True)
            else:
                self._sockets.end(socket, now_ns, toxic["how"])
        return verdict

    # --- time ------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> int:
        """Let happen what is due by ``now_ns``; returns when the last message arrived, or 0."""
        agenda, last_ns = self._agenda, 0
        while agenda.is_due(now_ns):
            last_ns = self._step() or last_ns
        return last_ns

    def _step(self) -> int:
        """Let the next thing happen; returns when a message arrived, or 0."""
        due_ns, serial, what = self._agenda.pop()
        if not isinstance(what, Lane):
            what(due_ns)
            return 0
        if not what.queue or what.queue[0].serial != serial or what.due_ns() > due_ns:
            return 0
        self._arrive(what, what.serve(), due_ns)
        self._agenda.watch(what)
        return due_ns

    def _arrive(self, lane: Lane, message: Message, due_ns: int) -> None:
        socket = self._core.sockets[lane.number >> 1]
        socket.active_ns = due_ns
        damage = message.damage
        if damage is not None and self._sockets.breaks(socket, message.row, damage, due_ns):
            return
        self.outcome.arrive(due_ns, message.row, damage)
        for toxic in lane.terms.pauses:
            lane.collected += message.size
            if lane.collected >= toxic["threshold"]:
                size, lane.collected = lane.collected, 0
                lane.pause(due_ns + ms(toxic["pause"]))
                self._core.incident(socket, due_ns, "gc", bytes=size, pause_ms=toxic["pause"])

    def next_ns(self) -> int | None:
        """When the next thing is due, while messages are on their way; None when none will move."""
        return self._agenda.due_ns() if self._is_moving() else None

    def _is_moving(self) -> bool:
        """Whether a message is on its way, or held by something that ends."""
        held = self.outcome.counts[Fate.PENDING] > 0
        return bool(self._agenda.busy) or (held and self._agenda.actions > 0)

    def drain(self) -> int:
        """Let everything arrive that ever will; returns when the last message did, or 0."""
        last_ns = 0
        while self._is_moving():
            last_ns = self._step() or last_ns
        return last_ns

    def finish(self, now_ns: int) -> int:
        """The session ends at ``now_ns``, or when the last message has arrived; returns when.

        Outages that faults began and that would never end are healed then, if the configuration
        says so; that is written down as if the program did it, for it is not known before.
        """
        end_ns = -1
        while end_ns < now_ns or self._heal_what_lasts(now_ns):
            end_ns = now_ns
            self.advance(end_ns)
            now_ns = max(end_ns, self.drain(), self.log.end_ns)
        assert self.outcome.balances(), self.outcome.counts
        return end_ns

    def _heal_what_lasts(self, now_ns: int) -> bool:
        lasting = [
            behaviour.number
            for behaviour in self.behaviours
            if behaviour.config.heal_at_end and self._timetable.lasting(behaviour.number)
        ]
        for channel in lasting:
            self.control("heal", channel, now_ns)
        return bool(lasting)


@lru_cache(maxsize=256)
def channel_of(name: str, config: MockConfiguration) -> Channel:
    """A channel as the log keeps it."""
    return Channel(name, config.values())


def _size(body: str | bytes) -> int:
    """Bytes on the wire."""
    if isinstance(body, bytes) or body.isascii():
        return len(body)
    return len(body.encode("utf-8", "surrogatepass"))
