"""Outages: what gets through a connection while it is cut off, and what comes after.

An outage begins with a message that chance strikes, with a fault of a plan, or by hand for a whole
channel; it belongs to a connection and to one or both of its directions. What it does with a
message is its kind:

    reject      the sender is told, and nothing is sent
    hold        kept, and delivered when the outage ends
    blackhole   likewise, but TCP finds out only when it tries again (``replay_ws.channel.tcp``)
    drop        lost; on a stream that leaves a hole, so the connection ends with the outage
    reset       the connection is lost at once, and no other gets through
    refuse      what is open goes on, and no other gets through
    stall       like hold, and then the connection is lost

A keepalive (``heartbeat``) that gets no answer meanwhile ends the connection from both sides: who
notices tries to send 1011, and both see 1006.
"""

from __future__ import annotations

from replay_ws.channel.behaviour import Behaviour, Outage
from replay_ws.channel.core import Core, Socket
from replay_ws.channel.lane import Lane
from replay_ws.channel.sockets import Sockets
from replay_ws.faults.toxics import Toxic
from replay_ws.faults.types import STREAMS


class Outages:
    """The outages of a network."""

    def __init__(self, core: Core, sockets: Sockets) -> None:
        self._core = core
        self._sockets = sockets

    # --- begin -----------------------------------------------------------------------------

    def begin(
        self, socket: Socket, toxic: Toxic, now_ns: int, until_ns: int | None, fault: int | None
    ) -> Outage:
        """An outage of a connection begins; it ends by itself at ``until_ns``."""
        kind, directions = "stall", STREAMS["both"]
        if toxic.type == "partition":
            kind = toxic["kind"] or socket.behaviour.config.outage_kind
            directions = STREAMS[toxic["direction"]]
        outage = Outage(kind, toxic, directions, until_ns, fault)
        socket.outages.append(outage)
        if until_ns is not None:
            self._core.agenda.at(until_ns, lambda due_ns: self.heal(socket, outage, due_ns))
        if kind == "reset":
            self._sockets.end(socket, now_ns, "rst")
        self._sockets.listen(socket, now_ns)
        return outage

    def cut(self, behaviour: Behaviour, now_ns: int) -> None:
        """A program cuts a channel off."""
        behaviour.partitioned = True
        for number in list(behaviour.open):
            socket = self._core.sockets[number]
            if behaviour.config.outage_kind == "reset":
                self._sockets.end(socket, now_ns, "rst")
            self._sockets.listen(socket, now_ns)

    # --- end -------------------------------------------------------------------------------

    def heal(self, socket: Socket, outage: Outage, now_ns: int) -> None:
        """One outage ends."""
        if outage not in socket.outages:
            return
        socket.outages.remove(outage)
        if outage.kind == "stall" or self._leaves_a_hole(socket, outage):
            self._sockets.end(socket, now_ns, "fin" if outage.kind == "stall" else "hole")
            return
        for direction in outage.directions:
            if socket.outage(direction, now_ns) is None:
                self._release(socket.lanes[direction], outage, now_ns)

    def _leaves_a_hole(self, socket: Socket, outage: Outage) -> bool:
        """Whether something is missing on a stream, which therefore can't go on."""
        if outage.kind != "drop" or socket.behaviour.config.link == "message":
            return False
        return any(socket.lanes[direction].held for direction in outage.directions)

    def heal_all(self, behaviour: Behaviour, now_ns: int) -> None:
        """Every outage of a channel ends, by hand."""
        was_cut, behaviour.partitioned = behaviour.partitioned, False
        by_hand = Outage(behaviour.config.outage_kind, None, STREAMS["both"], now_ns)
        for socket in self._core.sockets:
            if socket.behaviour is behaviour:
                for outage in list(socket.outages):
                    self.heal(socket, outage, now_ns)
                if was_cut and self._leaves_a_hole(socket, by_hand):
                    self._sockets.end(socket, now_ns, "hole")
                for lane in socket.lanes:
                    self._release(lane, by_hand, now_ns)

    def _release(self, lane: Lane, outage: Outage, now_ns: int) -> None:
        ready_ns = now_ns
        if outage.kind == "blackhole" and lane.held:
            first_ns = min(message.sent_ns for message in lane.held)
            ready_ns = outage.recovery_ns(first_ns, now_ns)
        if lane.release(ready_ns):
            self._core.agenda.watch(lane)

    def watch_in_vain(
        self, socket: Socket, lane: Lane, row: int, until_ns: int, *, background: bool
    ) -> None:
        """A message waits for TCP, which gives up some day: then the connection is lost."""
        epoch = socket.epoch

        def in_vain(due_ns: int) -> None:
            if socket.epoch == epoch and any(message.row == row for message in lane):
                self._sockets.end(socket, due_ns, "timeout")

        self._core.agenda.at(until_ns, in_vain, background=background)
