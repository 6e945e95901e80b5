"""Connections that open, are refused, end and come back.

A program opens and closes connections; these are intents, and recorded as such. What the network
does to them of its own accord (it refuses a handshake, a token expires, a queue overflows, a peer
is gone) follows from intents, configuration and decisions, and is written down as an incident.

A close frame travels behind what is on its way; where the transport is lost, that is in doubt. RFC
6455 7.1.5: who sees no close frame reports 1006, which is never sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from replay_ws.channel.behaviour import SILENT
from replay_ws.channel.closes import SOUND, ending
from replay_ws.channel.core import Core, Socket
from replay_ws.channel.lane import Damage, Lane, Message
from replay_ws.channel.terms import FOREVER, backed_off
from replay_ws.clock import NS_PER_MS, NS_PER_S, ms
from replay_ws.events.frames import is_utf8
from replay_ws.events.log import Direction
from replay_ws.events.model import Fate
from replay_ws.faults.frames import FRAME_KINDS, flip
from replay_ws.faults.malformed import text_of
from replay_ws.faults.order import RunOrder
from replay_ws.faults.toxics import Toxic

OPEN_TIMEOUT_NS = 10 * NS_PER_S
CLOSE_TIMEOUT_NS = 10 * NS_PER_S
"""How long an endpoint waits for the other's part of a handshake; the default of ``websockets``."""

RECONNECTS_MAX = 1_000
"""A client that came back so often gives up: two that evict each other would go on for ever."""

EVICTED = 4409
"""The close code that says: opened elsewhere."""

# how a handshake is refused -> what its sender is told
_REFUSALS = {
    "http_401": Fate.REJECTED_AUTH,
    "http_403": Fate.REJECTED_AUTH,
    "http_429": Fate.REJECTED_RATE_LIMITED,
}

CLOSED = frozenset({"reset", "refuse"})
"""Kinds of outages that meet handshakes, not messages."""

_CLOSING = {"accept_then_close_1013": 1013, "close_1008": 1008}
"""Policies that accept a connection too many, only to close it."""


Planned = Callable[[Socket, int], tuple[Toxic, ...]]
"""The toxics that a plan has for a connection's next handshake alone."""


class Sockets:
    """Opens and ends the connections of a network."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.planned: Callable[[], Planned | None] = lambda: None
        """What a plan has for the handshake that begins, and for nothing else."""

    # --- opening ---------------------------------------------------------------------------

    def connect(
        self, socket: Socket, now_ns: int, index: int, attempt: int = 0
    ) -> tuple[Fate, int]:
        """A handshake: how it ended (DELIVERED: the connection is open) and how long it took.

        ``index`` and ``attempt`` key its draws.
        """
        socket.tries += 1
        planned = self.planned()
        once = planned(socket, now_ns) if planned else ()
        outage = _outage(socket, now_ns)
        if outage is not None:
            how, late_ns = ("hang", OPEN_TIMEOUT_NS) if outage == "blackhole" else ("refuse", 0)
            return self._refuse(socket, now_ns, how, Fate.REJECTED_NOT_CONNECTED, late_ns)
        if now_ns < socket.retry_ns and socket.refusal is not None:
            return self._refuse(socket, now_ns, "http_429", socket.refusal, 0)
        late_ns = 0
        lane = socket.number << 1 | Direction.UPSTREAM
        connects = [*socket.toxics("connect"), *(t for t in once if t.type == "connect")]
        for toxic in connects:
            if self._core.strike(toxic.name, lane, 0, index, now_ns, attempt):
                late_ns += ms(toxic["delay"])
                how = toxic["refuse"]
                if how == "hang":
                    late_ns = OPEN_TIMEOUT_NS
                if how or late_ns >= OPEN_TIMEOUT_NS:
                    fate = _REFUSALS.get(how, Fate.REJECTED_NOT_CONNECTED)
                    return self._refuse(socket, now_ns, how or "hang", fate, late_ns)
        config = socket.behaviour.config
        if socket.denied or not config.should_authenticate:
            how = f"http_{config.auth_status}"
            return self._refuse(socket, now_ns, how, Fate.REJECTED_AUTH, late_ns)
        asking = (toxic for toxic in socket.toxics("auth") if toxic["when"] == "handshake")
        for toxic in [*asking, *(t for t in once if t.type == "auth")]:
            if self._core.strike(toxic.name, lane, 0, index, now_ns, attempt):
                how = f"http_{toxic['status']}"
                return self._refuse(socket, now_ns, how, Fate.REJECTED_AUTH, late_ns)
        for toxic in socket.toxics("connection_limit"):
            oldest = self._too_many(socket, toxic)
            if oldest is None:
                continue
            if toxic["policy"] == "evict_oldest":
                self.end(oldest, now_ns, "evicted", code=EVICTED)
            else:
                return self._turn_away(socket, toxic, now_ns, late_ns)
        self._open(socket, now_ns, late_ns)
        for toxic in once:
            if toxic.type == "drain":
                drain = partial(self.drain, socket, toxic)
                self._core.agenda.at(socket.opened_ns, drain, background=True)
            else:
                self.start(socket, toxic, socket.opened_ns, once=True)
        return Fate.DELIVERED, late_ns

    def _refuse(
        self, socket: Socket, now_ns: int, how: str, fate: Fate, late_ns: int
    ) -> tuple[Fate, int]:
        socket.refusal = fate
        self._core.incident(socket, now_ns, "refused", how=how)
        return fate, late_ns

    def _too_many(self, socket: Socket, toxic: Toxic) -> Socket | None:
        """The oldest of the connections that there are enough of already; None: there is room."""
        sockets, open_ = self._core.sockets, socket.behaviour.open
        others = [sockets[number] for number in open_ if number != socket.number]
        own = [other for other in others if other.user == socket.user]
        for limit, among in ((toxic["limit"], others), (toxic["per_user"], own)):
            if limit is not None and len(among) >= limit:
                return among[0]
        return None

    def _turn_away(
        self, socket: Socket, toxic: Toxic, now_ns: int, late_ns: int
    ) -> tuple[Fate, int]:
        policy, fate = toxic["policy"], Fate.REJECTED_CONNECTION_LIMIT
        if policy in _CLOSING:
            self._open(socket, now_ns)
            self.end(socket, now_ns, "connection_limit", code=_CLOSING[policy])
            socket.refusal, socket.lost = fate, False
            return fate, late_ns
        if policy == "http_429":
            socket.retry_ns = now_ns + ms(toxic["retry_after"])
        if policy == "backlog_hang":
            policy, late_ns = "hang", OPEN_TIMEOUT_NS
        return self._refuse(socket, now_ns, policy, fate, late_ns)

    def _open(self, socket: Socket, now_ns: int, late_ns: int = 0) -> None:
        """Open a connection; what is sent before the handshake is over waits for that."""
        again = socket.lost or socket.torn
        socket.behaviour.open[socket.number] = None
        socket.epoch += 1
        socket.refusal, socket.lost, socket.torn = None, False, False
        socket.opened_ns = socket.active_ns = now_ns + late_ns
        for lane in socket.lanes:
            lane.passed = lane.passed_bytes = 0
            lane.order = RunOrder()
            lane.buckets.clear()
        for toxic in socket.toxics("token", "reset_peer", "idle"):
            self.start(socket, toxic, socket.opened_ns)
        # In the background, for this may go on and on while the outage lasts.
        self.listen(socket, now_ns, background=True)
        if again:
            self._resume(socket, now_ns)

    def start(self, socket: Socket, toxic: Toxic, now_ns: int, *, once: bool = False) -> None:
        """Begin what a toxic does to an open connection after a while, if it still works then.

        ``once``: it is for this connection, as long as that lasts.
        """
        epoch = socket.epoch

        def later(due_ns: int) -> None:
            works = once or toxic in socket.toxics(toxic.type)
            if socket.epoch != epoch or not socket.is_open or not works:
                return
            match toxic.type:
                case "token":
                    socket.denied = not toxic["renewable"]
                    self.end(socket, due_ns, "token", code=toxic["code"])
                case "reset_peer":
                    self.end(socket, due_ns, toxic["how"])
                case "idle":
                    wait_ns = socket.active_ns + ms(toxic["timeout"]) - due_ns
                    if wait_ns > 0:
                        self._core.agenda.at(due_ns + wait_ns, later, background=True)
                    else:
                        self.end(socket, due_ns, "idle")

        after = {"token": "ttl", "reset_peer": "timeout", "idle": "timeout"}.get(toxic.type)
        if after and socket.is_open:
            self._core.agenda.at(now_ns + ms(toxic[after]), later, background=True)

    def listen(self, socket: Socket, now_ns: int, *, background: bool = False) -> None:
        """Let keepalives find out that nothing gets through, if that is so."""
        met = [socket.outage(direction, now_ns) for direction in Direction]
        silent = next((outage for outage in met if outage and outage.kind in SILENT), None)
        if silent is None or not socket.is_open:
            return
        epoch, outage = socket.epoch, silent

        def unanswered(due_ns: int) -> None:
            lasts = outage in socket.outages or (
                outage.toxic is None and socket.behaviour.partitioned
            )
            if socket.epoch == epoch and lasts:
                self.end(socket, due_ns, "heartbeat")

        for toxic in socket.toxics("heartbeat"):
            interval_ns = ms(toxic["ping_interval"])
            ping_ns = -(-max(1, now_ns - socket.opened_ns) // interval_ns) * interval_ns
            due_ns = socket.opened_ns + ping_ns + ms(toxic["ping_timeout"])
            self._core.agenda.at(due_ns, unanswered, background=background)

    # --- ending ----------------------------------------------------------------------------

    def drain(self, socket: Socket, toxic: Toxic, now_ns: int) -> None:
        """The server goes away; how late it is is drawn for each time."""
        amount = self._core.strike(toxic.name, socket.number << 1, 0, socket.drains, now_ns)
        socket.drains += 1
        epoch = socket.epoch

        def go(due_ns: int) -> None:
            if socket.epoch == epoch:
                self.end(socket, due_ns, "drain", code=toxic["code"])

        if amount:
            self._core.agenda.at(now_ns + amount, go, background=True)
        else:
            go(now_ns)

    def end(
        self,
        socket: Socket,
        now_ns: int,
        cause: str,
        *,
        code: int | None = None,
        overtakes: bool | None = None,
        upstream: bool = False,
    ) -> None:
        """The network ends a connection: the server closes with ``code``, or for a cause.

        ``overtakes``: what is on its way is in doubt, by default where the server sends no close
        frame behind it. ``upstream``: the cause is a frame that the client sent.
        """
        if not socket.is_open:
            return
        self._tell(socket, now_ns, cause, code, upstream=upstream)
        self.close(socket, overtakes=code is None if overtakes is None else overtakes)
        socket.lost = True
        socket.reopen_ns = now_ns + _back_off_ns(socket)
        if socket.behaviour.config.reconnect == "auto":
            # What ends it again at once must not stop time.
            socket.reopen_ns = max(socket.reopen_ns, now_ns + NS_PER_MS)
            again = partial(self.reopen, socket)
            self._core.agenda.at(socket.reopen_ns, again, background=True)

    def _tell(
        self,
        socket: Socket,
        now_ns: int,
        cause: str,
        code: int | None = None,
        *,
        upstream: bool = False,
    ) -> None:
        """Write down how a connection ended."""
        how = ending(cause, code)
        wire, _, client, server, _ = how.turned() if upstream else how
        self._core.incident(
            socket, now_ns, "closed", cause=cause, code=wire, client=client, server=server
        )

    def closing_ns(self, socket: Socket, now_ns: int) -> int:
        """How long a program's closing handshake takes; what takes too long is cut short."""
        took_ns = sum(ms(toxic["delay"]) for toxic in socket.toxics("slow_close"))
        if took_ns > CLOSE_TIMEOUT_NS:
            took_ns = CLOSE_TIMEOUT_NS
            tell = partial(self._tell, socket, cause="slow_close")
            self._core.agenda.at(now_ns + took_ns, tell)
        return took_ns

    def close(self, socket: Socket, *, overtakes: bool) -> None:
        """A connection is closed; with ``overtakes`` what is on its way is in doubt."""
        socket.behaviour.open.pop(socket.number, None)
        socket.refusal, socket.lost, socket.torn = None, False, False
        # A stall is of this connection; any other outage is of the way to it.
        socket.outages = [outage for outage in socket.outages if outage.kind != "stall"]
        for lane in socket.lanes:
            # Nor does a close frame get through behind what never does.
            if overtakes or lane.last_ready >= FOREVER:
                self._doubt(lane)

    def _doubt(self, lane: Lane) -> None:
        outcome = self._core.outcome
        for message in lane.clear():
            if outcome.fates[message.row] == Fate.PENDING:
                outcome.move(message.row, Fate.IN_DOUBT)
        self._core.agenda.watch(lane)

    def breaks(self, socket: Socket, row: int, damage: Damage, now_ns: int) -> bool:
        """Whether a frame so damaged ends the connection; then its message is lost."""
        cause = damage.kind
        if socket.behaviour.config.link != "bytes" or cause not in FRAME_KINDS:
            return False
        if cause in SOUND:
            log = self._core.log
            text = text_of(log.ops[row], log.bodies[row])
            if text is None or is_utf8(flip(_raw(text), damage.position)):
                return False
            cause = "invalid_utf8"
        if self._core.outcome.fates[row] == Fate.PENDING:
            self._core.outcome.move(row, Fate.LOST_MALFORMED)
        direction = self._core.log.lanes[row] & 1
        if socket.is_open:
            self.end(socket, now_ns, cause, upstream=bool(direction))
        else:  # a close frame that is behind it on its way is not read any more
            self._tell(socket, now_ns, cause, upstream=bool(direction))
            self._doubt(socket.lanes[direction])
        return True

    # --- coming back -----------------------------------------------------------------------

    def reopen(self, socket: Socket, now_ns: int) -> None:
        """Open a connection again that the network ended, if that is allowed by now."""
        config = socket.behaviour.config
        if not socket.lost or now_ns < socket.reopen_ns or config.reconnect == "never":
            return
        if socket.reconnects == RECONNECTS_MAX:
            return
        socket.reconnects += 1
        index = max(0, socket.handshakes - 1)
        fate, late_ns = self.connect(socket, now_ns, index, socket.reconnects)
        if fate is Fate.DELIVERED:
            self._core.incident(socket, now_ns, "reconnected")
        elif not socket.denied:
            socket.reopen_ns = now_ns + late_ns + max(NS_PER_MS, _back_off_ns(socket))
            if config.reconnect == "auto":
                again = partial(self.reopen, socket)
                self._core.agenda.at(socket.reopen_ns, again, background=True)

    def _resume(self, socket: Socket, now_ns: int) -> None:
        """Send again what a client that came back asks for, by the configuration's ``resume``."""
        policy = socket.behaviour.config.resume
        if policy == "none":
            return
        outcome, lane = self._core.outcome, socket.lanes[Direction.DOWNSTREAM]
        delivered = sum(outcome.fates[row] == Fate.DELIVERED for row, _ in socket.history)
        every = socket.behaviour.config.resume_ack_every
        known = {"last_id": delivered, "last_seq": delivered - delivered % every}.get(policy, 0)
        again = 0
        for row, size in socket.history:
            fate = outcome.fates[row]
            if fate == Fate.DELIVERED:
                known -= 1
                if known >= 0:
                    continue
            elif fate == Fate.IN_DOUBT:
                outcome.move(row, Fate.PENDING)
            else:
                continue
            again += 1
            serial = self._core.agenda.next_serial()
            ready_ns = socket.opened_ns + lane.terms.latency_ns
            if lane.push(Message(ready_ns, serial, row, size, None, now_ns, ready_ns)):
                self._core.agenda.watch(lane)
        if again:
            self._core.incident(socket, now_ns, "resumed", messages=again)


def _back_off_ns(socket: Socket) -> int:
    """What a client waits that lost its connection, before it comes back."""
    config = socket.behaviour.config
    return backed_off(ms(config.reconnect_delay_ms), config.reconnect_backoff, socket.reconnects)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _outage(socket: Socket, now_ns: int) -> str | None:
    """The kind of outage that a handshake meets, where its kind lets none through."""
    for direction in Direction:
        outage = socket.outage(direction, now_ns)
        if outage is not None and outage.kind in CLOSED | {"blackhole"}:
            return outage.kind
    return None
