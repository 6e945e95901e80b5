"""What the parts of a network share: log, outcome, agenda, and who is connected."""

from __future__ import annotations

from typing import Any, NamedTuple

from replay_ws.channel.agenda import Agenda
from replay_ws.channel.behaviour import Behaviour, Outage
from replay_ws.channel.lane import Lane
from replay_ws.channel.outcome import Outcome
from replay_ws.events.log import Direction, Log, Op
from replay_ws.events.model import Fate
from replay_ws.faults.toxics import Toxic


class Begun(NamedTuple):
    """A toxic that a fault began; it ends by itself at ``until_ns``."""

    toxic: Toxic
    until_ns: int | None


class Socket:
    """One connection: its two lanes, and what became of it."""

    __slots__ = (
        "active_ns",
        "begun",
        "behaviour",
        "chosen",
        "denied",
        "drains",
        "epoch",
        "handshakes",
        "history",
        "lanes",
        "lost",
        "matches",
        "name",
        "number",
        "opened_ns",
        "outages",
        "reconnects",
        "refusal",
        "reopen_ns",
        "retry_ns",
        "static",
        "torn",
        "tries",
        "user",
    )

    def __init__(self, number: int, name: str, behaviour: Behaviour) -> None:
        self.number = number
        self.name = name
        self.behaviour = behaviour
        self.lanes = (
            Lane(number << 1, behaviour.terms(())),
            Lane(number << 1 | 1, behaviour.terms(())),
        )
        self.static: tuple[tuple[Toxic, ...], tuple[Toxic, ...]] = ((), ())
        """By direction: the toxics that work from the beginning."""
        self.begun: dict[int, Begun] = {}
        """What faults began, by the number of the fault."""
        self.matches: dict[int, int] = {}
        """Fault -> how many messages it was about."""
        self.outages: list[Outage] = []
        self.user = ""
        self.epoch = 0
        """How often the connection was opened."""
        self.handshakes = 0
        """Those of the program."""
        self.reconnects = 0
        self.chosen: dict[str, bool] = {}
        """Toxic of which some connections have their share -> whether this one has."""
        self.drains = 0
        self.tries = 0
        """Handshakes, whoever began them."""
        self.opened_ns = 0
        self.active_ns = 0
        """When something moved last."""
        self.refusal: Fate | None = None
        """Why the last handshake was refused."""
        self.retry_ns = 0
        """A handshake before then is refused as the last one was."""
        self.lost = False
        """The network ended the connection, not the program."""
        self.torn = False
        """The program lost it; its client does not know what it missed."""
        self.denied = False
        """It can't be opened again."""
        self.reopen_ns = 0
        """Where it was lost: when it can be opened again."""
        self.history: list[tuple[int, int]] = []
        """Row and size of what was accepted downstream, where a client may ask for it again."""

    @property
    def is_open(self) -> bool:
        """Whether sends have a chance."""
        return self.number in self.behaviour.open

    def outage(self, direction: Direction, now_ns: int) -> Outage | None:
        """The outage that a message in this direction meets now."""
        for outage in self.outages:
            if direction in outage.directions and outage.lasts(now_ns):
                return outage
        return self.behaviour.by_hand(direction, now_ns)

    def toxics(self, *types: str) -> list[Toxic]:
        """Those of a type that work on the connection, in either direction."""
        found = {toxic.name: toxic for lane in self.lanes for toxic in lane.terms.of_type(*types)}
        return list(found.values())

    def retune(self, now_ns: int) -> None:
        """Work out the terms of both lanes anew, after a toxic began or ended."""
        for direction, lane in zip(Direction, self.lanes, strict=True):
            begun = (b.toxic for b in self.begun.values() if b.toxic.is_for(self.name, direction))
            # An outage is a state of the connection, and no toxic that strikes.
            joined = tuple(toxic for toxic in begun if toxic.type != "partition")
            lane.follow(self.behaviour.terms((*self.static[direction], *joined)), now_ns)


class Core:
    """Shared by the parts of one network."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.outcome = Outcome()
        self.agenda = Agenda()
        self.behaviours: list[Behaviour] = []
        self.sockets: list[Socket] = []

    def strike(
        self, toxic: str, lane: int, kind: int, index: int, now_ns: int, attempt: int = 0
    ) -> int:
        """Ask chance once, and write down what departs from the default."""
        chance = self.sockets[lane >> 1].behaviour.chance
        if toxic not in chance.active:
            return 0
        amount = chance.strike(toxic, lane, kind, index, attempt)
        if amount:
            body = self.log.encode([toxic, attempt, amount])
            self.log.append(Op.DECISION, lane, now_ns, kind, index, body)
        return amount

    def is_for(self, socket: Socket, toxic: Toxic, now_ns: int) -> bool:
        """Whether a toxic works on a connection: its share of them is drawn once for each."""
        if not any(toxic.is_for(socket.name, direction) for direction in Direction):
            return False
        if toxic.toxicity in (0.0, 1.0):
            return toxic.toxicity == 1.0
        if toxic.name not in socket.chosen:
            share = f"{toxic.name}.toxicity"
            socket.chosen[toxic.name] = bool(self.strike(share, socket.number << 1, 0, 0, now_ns))
        return socket.chosen[toxic.name]

    def incident(self, socket: Socket, now_ns: int, what: str, **about: Any) -> None:
        """Write down what the network did of its own accord."""
        self.log.note(Op.INCIDENT, socket.number << 1, now_ns, {"what": what, **about})
