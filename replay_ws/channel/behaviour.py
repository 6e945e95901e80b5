"""How the connections of one channel behave: its configuration as integers, and its chance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from replay_ws.clock import NS_PER_S, TIME_NS_MAX, ms
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.toxics import Chance

FOREVER = TIME_NS_MAX
"""No time is later, no size is more."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A configuration as the integers that lanes and network work with."""

    latency_ns: int
    retry_ns: int
    reject_ns: int
    byte_rate: tuple[int, int]
    message_rate: tuple[int, int]
    """Per second, as fractions; a numerator of 0 is no limit."""
    queue_max: int
    queue_bytes_max: int
    message_bytes_max: int


@lru_cache(maxsize=256)
def terms_of(config: MockConfiguration) -> Terms:
    """The terms of a configuration."""
    sizes = [size for size in (config.max_message_size, config.memory_limit) if size]
    latency_ns = ms(config.latency_ms)
    return Terms(
        latency_ns=latency_ns,
        retry_ns=ms(config.retry_delay_ms),
        reject_ns=max(latency_ns, ms(config.reject_delay_ms)),
        byte_rate=(config.bandwidth_limit or 0.0).as_integer_ratio(),
        message_rate=(config.consume_rate or 0.0).as_integer_ratio(),
        queue_max=config.message_queue_size or FOREVER,
        queue_bytes_max=config.memory_limit or FOREVER,
        message_bytes_max=min(sizes, default=FOREVER),
    )


class Behaviour:
    """How the connections of one channel behave: its configuration and chance, and who is open."""

    __slots__ = ("bounded", "calm", "chance", "config", "open", "partitioned", "serves", "terms")

    def __init__(self, config: MockConfiguration, chance: Chance) -> None:
        self.config = config
        self.chance = chance
        self.terms = terms = terms_of(config)
        self.serves = bool(terms.byte_rate[0] or terms.message_rate[0])
        """Messages take time on the lane itself."""
        self.bounded = terms.queue_max < FOREVER or terms.queue_bytes_max < FOREVER
        """A lane can be full."""
        self.calm = not chance.active and not terms.latency_ns and not self.serves
        """Nothing can happen on the way: a message that is admitted arrives at once."""
        self.partitioned = False
        self.open: set[int] = set()

    def service_ns(self, size: int) -> int:
        """How long a lane is busy with a message of ``size`` bytes."""
        busy = 0
        rates = ((size, self.terms.byte_rate), (1, self.terms.message_rate))
        for units, (numerator, denominator) in rates:
            if numerator:
                # Rounded up, so that a limit is never exceeded.
                busy += -(-units * NS_PER_S * denominator // numerator)
        return busy
