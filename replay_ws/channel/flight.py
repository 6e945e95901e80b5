"""The flight of a message: how late it is, in how many copies it arrives, and in which state.

Each step is a function of a message in flight and a toxic; which steps a lane takes, and in which
order, is data (``replay_ws.faults.toxics.TYPES``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from replay_ws.channel import tcp
from replay_ws.channel.core import Core
from replay_ws.channel.lane import Damage
from replay_ws.channel.send import Flight
from replay_ws.events.log import Op
from replay_ws.faults.toxics import Toxic

Step = Callable[[Core, Flight, Toxic], None]


def _delay(core: Core, flight: Flight, toxic: Toxic) -> None:
    """The sender waits as long as the message flies; what every message takes is in the terms."""
    flight.wait_ns += flight.send.strike(core, toxic)


def _hold_back(core: Core, flight: Flight, toxic: Toxic) -> None:
    flight.delay_ns += flight.send.strike(core, toxic)


def _slice(core: Core, flight: Flight, toxic: Toxic) -> None:
    """The last slice is what a receiver waits for."""
    size = toxic["average_size"]
    spread = min(toxic["size_variation"], size - 1)
    if spread:
        size += flight.send.strike(core, toxic) % (2 * spread + 1) - spread
    slices = max(1, -(-flight.send.size // size))
    flight.delay_ns += (slices - 1) * round(toxic["delay"] * 1_000)


def _overtake(core: Core, flight: Flight, toxic: Toxic) -> None:
    """netem: with a gap of n only each nth message may."""
    if (flight.send.ordinal + 1) % toxic["gap"] == 0 and flight.send.strike(core, toxic):
        flight.overtakes = True


def _malform(core: Core, flight: Flight, toxic: Toxic) -> None:
    amount = flight.send.strike(core, toxic)
    if amount and flight.damage is None:
        position, number = divmod(amount - 1, len(toxic["kinds"]))
        kind = toxic["kinds"][number]
        if kind != "binary_instead_of_text" or flight.send.op != Op.BINARY:
            flight.damage = Damage(kind, position)


def _corrupt(core: Core, flight: Flight, toxic: Toxic) -> None:
    amount = flight.send.strike(core, toxic)
    if amount and flight.damage is None:
        flight.damage = Damage("bitflip", amount - 1)


def _double(core: Core, flight: Flight, toxic: Toxic) -> None:
    if flight.send.strike(core, toxic):
        flight.copies += 1


def _retransmit(core: Core, flight: Flight, toxic: Toxic) -> None:
    """A stream loses nothing: it sends again, later."""
    while flight.lost < tcp.RETRIES_MAX and flight.send.strike(core, toxic, flight.lost):
        flight.lost += 1


STEPS: Mapping[str, Step] = {
    "loss": _retransmit,
    "latency": _delay,
    "slicer": _slice,
    "race": _hold_back,
    "reorder": _overtake,
    "malformed": _malform,
    "corrupt": _corrupt,
    "duplicate": _double,
}
"""Type -> what it does to an admitted message on its way."""
