"""Terms: what the toxics on a lane amount to, as integers and sorted by when they matter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from replay_ws.clock import NS_PER_S, TIME_NS_MAX, ms
from replay_ws.faults.chance import floor_ns
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.toxics import Toxic

DAY_NS = 86_400 * NS_PER_S
FOREVER = TIME_NS_MAX
"""No time is later, no size is more."""


class Server(NamedTuple):
    """One that serves messages in turn: so many units per second, and a burst after a pause."""

    name: str
    counts_bytes: bool
    numerator: int
    denominator: int
    burst_ns: int

    def busy_ns(self, size: int) -> int:
        """How long a message of ``size`` bytes takes; rounded up, so that no limit is exceeded."""
        units = size if self.counts_bytes else 1
        return -(-units * NS_PER_S * self.denominator // self.numerator)


@dataclass(frozen=True, slots=True)
class Terms:
    """What works on a lane. Tuples of toxics are in the order of the pipeline."""

    toxics: tuple[Toxic, ...]
    admission: tuple[Toxic, ...]
    partitions: tuple[Toxic, ...]
    attempts: tuple[Toxic, ...]
    flight: tuple[Toxic, ...]
    limits: tuple[Toxic, ...]
    pauses: tuple[Toxic, ...]
    servers: tuple[Server, ...]
    latency_ns: int
    """What every message takes at least."""
    reject_ns: int
    queue_max: int
    queue_bytes_max: int
    low_water: int | None
    overflow: str
    message_bytes_max: int
    bounded: bool
    """A lane can be full."""
    calm: bool
    """Nothing can happen on the way: a message that is admitted arrives at once."""

    @property
    def serves(self) -> bool:
        """Whether messages take time on the lane itself."""
        return bool(self.servers or self.pauses)

    def of_type(self, *types: str) -> tuple[Toxic, ...]:
        """Those of a type."""
        return tuple(toxic for toxic in self.toxics if toxic.type in types)


@lru_cache(maxsize=1_024)
def terms_of(config: MockConfiguration, toxics: tuple[Toxic, ...]) -> Terms:
    """The terms of a lane on which ``toxics`` work."""

    def of_type(*types: str) -> tuple[Toxic, ...]:
        return tuple(toxic for toxic in toxics if toxic.type in types)

    stream = config.link != "message"
    queues = of_type("queue")
    latency_ns = sum(floor_ns(toxic) for toxic in of_type("latency"))
    sizes = [config.max_message_size, *(queue["bytes"] for queue in queues)]
    queue_max = min((q["messages"] or FOREVER for q in queues), default=FOREVER)
    queue_bytes_max = min((q["bytes"] or FOREVER for q in queues), default=FOREVER)
    overflows = [q["overflow"] for q in queues if q["overflow"]] or [config.overflow]
    waters = [q["low_water"] for q in queues if q["low_water"] is not None]
    # On a stream a lost segment is sent again, below everything that a sender sees.
    attempts = of_type("failure", "timeout", *(() if stream else ("loss",)))
    flight = of_type(
        *(("loss",) if stream else ()),
        *("latency", "slicer", "race", "reorder", "malformed", "corrupt", "duplicate"),
    )
    admission = of_type("auth", "rate_limit")
    stalls = (toxic for toxic in of_type("timeout") if toxic["kind"] == "stall")
    partitions = (*of_type("partition"), *stalls)
    limits, pauses = of_type("limit_data"), of_type("gc")
    servers = tuple(map(_server, of_type("bandwidth", "consumer")))
    idle = of_type("idle")
    steps = (admission, partitions, attempts, flight, limits, pauses, servers, idle)
    return Terms(
        toxics=toxics,
        admission=admission,
        partitions=partitions,
        attempts=attempts,
        flight=flight,
        limits=limits,
        pauses=pauses,
        servers=servers,
        latency_ns=latency_ns,
        reject_ns=max(latency_ns, ms(config.reject_delay_ms)),
        queue_max=queue_max,
        queue_bytes_max=queue_bytes_max,
        low_water=min(waters, default=None),
        overflow=overflows[0] or "drop_oldest",
        message_bytes_max=min((size for size in sizes if size), default=FOREVER),
        bounded=min(queue_max, queue_bytes_max) < FOREVER,
        calm=not any(steps) and config.resume == "none",
    )


def _server(toxic: Toxic) -> Server:
    by_bytes = toxic.type == "bandwidth"
    numerator, denominator = (toxic["rate"] * (1_024 if by_bytes else 1)).as_integer_ratio()
    burst = toxic["burst"] if by_bytes else 0
    burst_ns = burst * NS_PER_S * denominator // numerator
    return Server(toxic.name, by_bytes, numerator, denominator, burst_ns)


def backed_off(delay_ns: int, factor: float, times: int) -> int:
    """A delay that grew ``times`` times by ``factor``; no longer than a day."""
    numerator, denominator = factor.as_integer_ratio()
    for _ in range(times if delay_ns and factor > 1 else 0):
        delay_ns = delay_ns * numerator // denominator
        if delay_ns >= DAY_NS:
            return DAY_NS
    return delay_ns
