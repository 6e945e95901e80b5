"""The timetable: when the faults of a configuration work on which connection.

Every fault is about connections one by one, so that another connection moves nothing: each has its
own windows, its own count of the messages that a fault is about, and its own draws.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from weakref import WeakMethod

from replay_ws.channel.core import Begun, Core, Socket
from replay_ws.channel.outages import Outages
from replay_ws.channel.sockets import Sockets
from replay_ws.events.encoding import EncodingError, decode
from replay_ws.events.log import Direction, Op
from replay_ws.events.plain import plain
from replay_ws.faults.timeline import MOMENTARY, Fault
from replay_ws.faults.toxics import Toxic


class Timetable:
    """Begins and ends the faults of a network."""

    def __init__(self, core: Core, sockets: Sockets, outages: Outages) -> None:
        self._core = core
        self._sockets = sockets
        self._outages = outages
        # Weak, for this holds the sockets: a network leaves nothing to the garbage collector.
        sockets.planned = WeakMethod(self.attempted)

    def add(self, socket: Socket, now_ns: int) -> None:
        """A connection is there: put down what is planned for it."""
        for number, fault in enumerate(socket.behaviour.config.faults):
            if fault.toxic is not None and not self._core.is_for(socket, fault.toxic, now_ns):
                continue
            if fault.at_ns is not None:
                self._once(socket, number, fault, now_ns)
            elif fault.every_ns is not None:
                self._again(socket, number, fault, 0, now_ns)

    def _once(self, socket: Socket, number: int, fault: Fault, now_ns: int) -> None:
        assert fault.at_ns is not None
        at_ns, for_ns = fault.at_ns, fault.for_ns
        until_ns = None if for_ns is None else at_ns + for_ns
        if at_ns > now_ns:
            self._core.agenda.at(
                at_ns,
                lambda due_ns: self._begin(socket, number, fault, due_ns, until_ns),
                background=True,
            )
        elif fault.toxic is not None and (until_ns is None or until_ns > now_ns):
            self._begin(socket, number, fault, now_ns, until_ns)

    def _again(self, socket: Socket, number: int, fault: Fault, nth: int, now_ns: int) -> None:
        """The nth time (from 0) of a fault that comes again; those gone by are left out."""
        every_ns = fault.every_ns
        assert every_ns is not None
        nth = max(nth, now_ns // every_ns)

        def due(due_ns: int) -> None:
            until_ns = None if fault.for_ns is None else due_ns + fault.for_ns
            self._begin(socket, number, fault, due_ns, until_ns)
            self._again(socket, number, fault, nth + 1, due_ns)

        def jittered(due_ns: int) -> None:
            assert fault.toxic is not None
            name = f"{fault.toxic.name}.every"
            amount = self._core.strike(name, socket.number << 1, 0, nth, due_ns)
            self._core.agenda.at(due_ns + amount, due, background=True)

        at_ns = (nth + 1) * every_ns
        self._core.agenda.at(at_ns, jittered if fault.jitter_ns else due, background=True)

    # --- where something happens -----------------------------------------------------------

    def met(
        self, socket: Socket, lane: int, kind: str, op: int, body: str | bytes, now_ns: int
    ) -> tuple[Toxic, ...]:
        """Toxics for this message alone; faults that it sets off for longer begin."""
        alone = []
        for number, fault, toxic in socket.behaviour.at_messages:
            if fault.nth and socket.matches.get(number, 0) >= fault.nth[-1]:
                continue  # the last one that it is about has been
            if not toxic.is_for(socket.name, Direction(lane & 1)):
                continue
            if not self._core.is_for(socket, toxic, now_ns):
                continue
            if fault.event not in ("*", kind) or not _holds(fault, op, body):
                continue
            socket.matches[number] = count = socket.matches.get(number, 0) + 1
            if fault.nth and count not in fault.nth:
                continue
            if fault.for_ns is None:
                alone.append(toxic)
            else:
                self._begin(socket, number, fault, now_ns, now_ns + fault.for_ns)
        return tuple(alone)

    def attempted(self, socket: Socket, now_ns: int) -> tuple[Toxic, ...]:
        """Toxics for the handshake that begins; those that it sets off for longer begin."""
        alone = []
        for number, fault in enumerate(socket.behaviour.config.faults):
            toxic = fault.toxic
            if socket.tries not in fault.connect or toxic is None:
                continue
            if not self._core.is_for(socket, toxic, now_ns):
                continue
            if fault.for_ns is None:
                alone.append(toxic)
            else:
                self._begin(socket, number, fault, now_ns, now_ns + fault.for_ns)
        return tuple(alone)

    # --- begin and end ---------------------------------------------------------------------

    def _begin(
        self, socket: Socket, number: int, fault: Fault, now_ns: int, until_ns: int | None
    ) -> None:
        toxic = fault.toxic
        if toxic is None:
            self._heal(socket, fault.heal, now_ns)
            return
        self._core.incident(socket, now_ns, "began", toxic=toxic.name)
        if toxic.type == "drain":
            self._sockets.drain(socket, toxic, now_ns)
            return
        if toxic.type in MOMENTARY and until_ns is None:
            self._sockets.start(socket, toxic, now_ns, once=True)
            return
        begun = socket.begun[number] = Begun(toxic, until_ns)
        self._retune(socket, now_ns)
        if toxic.type == "partition":
            self._outages.begin(socket, toxic, now_ns, until_ns, number)
        self._sockets.start(socket, toxic, now_ns)
        if until_ns is not None:
            self._core.agenda.at(
                until_ns, lambda due_ns: self._end(socket, number, begun, due_ns), background=True
            )

    def _end(self, socket: Socket, number: int, begun: Begun, now_ns: int) -> None:
        if socket.begun.get(number) is not begun:  # healed, or begun again for longer
            return
        del socket.begun[number]
        self._retune(socket, now_ns)
        self._core.incident(socket, now_ns, "ended", toxic=begun.toxic.name)

    def _retune(self, socket: Socket, now_ns: int) -> None:
        """What is on its way may be due at another time now."""
        socket.retune(now_ns)
        for lane in socket.lanes:
            self._core.agenda.watch(lane)

    def _heal(self, socket: Socket, name: str, now_ns: int) -> None:
        """End what is called so: faults, outages, and toxics that worked from the beginning."""
        for number, begun in list(socket.begun.items()):
            if name in ("all", begun.toxic.name):
                self._end(socket, number, begun, now_ns)
        for outage in list(socket.outages):
            if name == "all" or (outage.toxic is not None and outage.toxic.name == name):
                self._outages.heal(socket, outage, now_ns)
        ended = {t for t in socket.behaviour.configured if name in ("all", t.name)}
        if ended.intersection((*socket.static[0], *socket.static[1])):
            down, up = (tuple(t for t in own if t not in ended) for own in socket.static)
            socket.static = (down, up)
            self._retune(socket, now_ns)
            self._core.incident(socket, now_ns, "ended", toxic=name)

    def lasting(self, channel: int) -> bool:
        """Whether an outage that a fault began goes on without an end of its own."""
        return any(
            outage.fault is not None and outage.until_ns is None
            for socket in self._core.sockets
            if socket.behaviour.number == channel
            for outage in socket.outages
        )


def _holds(fault: Fault, op: int, body: str | bytes) -> bool:
    """Whether a message holds what the fault is about."""
    if not fault.where:
        return True
    try:
        if op == Op.OBJECT and isinstance(body, bytes):
            message = plain(decode(body))
        else:
            message = json.loads(body)
    except (EncodingError, ValueError, RecursionError):
        return False
    return all(value in _at(message, path.split(".")) for path, value in fault.where)


def _at(message: Any, path: list[str]) -> Iterator[Any]:
    """What stands at a path, if anything does."""
    for step in path:
        if isinstance(message, dict) and step in message:
            message = message[step]
        elif isinstance(message, list) and step.isdecimal() and int(step) < len(message):
            message = message[int(step)]
        else:
            return
    yield message
