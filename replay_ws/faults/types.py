"""The types of toxics: what there is, with which attributes, in the order of the pipeline.

Names and units of attributes are those of toxiproxy and netem where these have them: milliseconds,
probabilities 0..1, bytes. The table stands in the order of the pipeline: what concerns a
connection, whether a message is taken, whether it gets away, its flight, its queue. Toxics of one
such stage meet a message in the order of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from replay_ws.events.log import Direction
from replay_ws.faults import checks
from replay_ws.faults.checks import (
    Check,
    choice,
    close_code,
    count,
    flag,
    integer,
    latency,
    milliseconds,
    number,
    optional,
    rate,
    several,
    size,
)
from replay_ws.faults.frames import FRAME_KINDS
from replay_ws.faults.malformed import KINDS

STREAMS: Mapping[str, tuple[Direction, ...]] = {
    "downstream": (Direction.DOWNSTREAM,),
    "upstream": (Direction.UPSTREAM,),
    "both": (Direction.DOWNSTREAM, Direction.UPSTREAM),
}
LINKS = ("message", "tcp", "bytes")
"""What harm is possible. ``message`` may lose, double and reorder single messages; ``tcp`` only
delays, in order, and loses what is on its way when the connection dies; ``bytes`` is a ``tcp``
whose frames can be harmed."""


class Attribute(NamedTuple):
    """What one attribute of a type may hold, and which field of a configuration gives it."""

    default: Any
    check: Check
    field: str = ""
    of_field: Callable[[Any], Any] = lambda value: value


class Type(NamedTuple):
    """A type of toxic.

    ``amount`` is what a strike measures: nothing, a ``position``, the delay beyond a ``latency``,
    or a range of milliseconds between the attributes ``<amount>_min`` and ``<amount>_max``.
    ``needs`` are those of which one must be set, and a configuration's fields must set one to make
    such a toxic.
    ``links`` are those on which there is such harm.
    """

    says: str
    attributes: Mapping[str, Attribute]
    needs: tuple[str, ...] = ("rate",)
    amount: str = ""
    links: tuple[str, ...] = LINKS

    def lacks(self, values: Mapping[str, Any]) -> bool:
        """Whether nothing says how much: such a toxic would do nothing."""
        return all(values.get(need) is None for need in self.needs)


_RATE = Attribute(1.0, rate)
_CORRELATION = Attribute(0.0, rate)


def _rate(field: str) -> Attribute:
    return Attribute(1.0, rate, field)


TYPES: Mapping[str, Type] = {
    # --- at the handshake, and while a connection is open ---
    "connect": Type(
        "a handshake is late, or refused",
        {
            "rate": _RATE,
            "delay": Attribute(0.0, milliseconds),
            "refuse": Attribute(
                None,
                optional(
                    choice("http_401", "http_403", "http_429", "http_503", "refuse", "rst", "hang")
                ),
            ),
        },
    ),
    "connection_limit": Type(
        "a connection too many is refused",
        {
            "limit": Attribute(None, optional(count), "connection_limit"),
            "per_user": Attribute(None, optional(count), "connections_per_user"),
            "policy": Attribute(
                "http_503",
                choice(
                    "http_503",
                    "http_429",
                    "accept_then_close_1013",
                    "close_1008",
                    "backlog_hang",
                    "evict_oldest",
                ),
                "connection_policy",
            ),
            "retry_after": Attribute(1_000.0, milliseconds, "retry_after_ms"),
        },
        needs=("limit", "per_user"),
    ),
    "auth": Type(
        "a message, the first message or the handshake is refused",
        {
            "rate": _rate("auth_failure_rate"),
            "when": Attribute(
                "message", choice("message", "first_message", "handshake"), "auth_when"
            ),
            "status": Attribute(401, integer(400, 599, "an HTTP status"), "auth_status"),
            "code": Attribute(4401, close_code, "auth_close_code"),
        },
    ),
    "token": Type(
        "a token expires so long after the handshake, and the connection is closed",
        {
            "ttl": Attribute(None, optional(number(0.001, checks.DAY_MS, "ms")), "token_ttl_ms"),
            "code": Attribute(4401, close_code, "auth_close_code"),
            "renewable": Attribute(True, flag, "token_renewable"),
        },
        needs=("ttl",),
    ),
    "heartbeat": Type(
        "a peer that hears nothing finds out that the connection is dead",
        {
            "ping_interval": Attribute(
                None, optional(number(1, checks.DAY_MS, "ms")), "ping_interval_ms"
            ),
            "ping_timeout": Attribute(20_000.0, milliseconds, "ping_timeout_ms"),
        },
        needs=("ping_interval",),
    ),
    "idle": Type(
        "a proxy drops a connection on which nothing has moved for so long",
        {"timeout": Attribute(60_000.0, number(1, checks.DAY_MS, "milliseconds"))},
        needs=("timeout",),
    ),
    "reset_peer": Type(
        "the connection is lost so long after it was opened, or at a message",
        {
            "timeout": Attribute(0.0, milliseconds),
            "how": Attribute("rst", choice("rst", "fin", "blackhole")),
        },
        needs=("timeout",),
    ),
    "limit_data": Type(
        "the connection is lost after so much",
        {
            "bytes": Attribute(None, optional(size)),
            "messages": Attribute(None, optional(count)),
            "how": Attribute("fin", choice("rst", "fin")),
        },
        needs=("bytes", "messages"),
    ),
    "drain": Type(
        "the server goes away and closes every connection, within ``stagger``",
        {
            "code": Attribute(1001, close_code),
            "stagger": Attribute(0.0, milliseconds),
        },
        needs=("code",),
        amount="stagger",
    ),
    "slow_close": Type(
        "closing takes so long; longer than 10 s and there is no close frame",
        {"delay": Attribute(1_000.0, milliseconds)},
        needs=("delay",),
    ),
    # --- before a message is taken ---
    "rate_limit": Type(
        "so many messages per second and no more",
        {
            "rate": Attribute(None, optional(number(0.001, 1e9, "per second")), "rate_limit"),
            "burst": Attribute(1, count, "rate_limit_burst"),
            "policy": Attribute("reject", choice("reject", "close")),
            "code": Attribute(1008, close_code),
            "penalty": Attribute(0.0, milliseconds),
        },
    ),
    # --- is there a way at all ---
    "partition": Type(
        "an outage begins",
        {
            "rate": _rate("partition_start_probability"),
            "duration_min": Attribute(1_000.0, milliseconds, "partition_duration_ms_min"),
            "duration_max": Attribute(3_000.0, milliseconds, "partition_duration_ms_max"),
            "kind": Attribute(
                None,
                optional(choice("reject", "blackhole", "hold", "drop", "reset", "refuse")),
                "partition_policy",
            ),
            # What is cut off; the toxic's stream is whose messages begin it.
            "direction": Attribute("both", choice(*STREAMS), "partition_direction"),
            "rto_min": Attribute(200.0, number(1, 120_000, "milliseconds")),
            "rto_max": Attribute(120_000.0, number(1, 120_000, "milliseconds")),
        },
        amount="duration",
    ),
    # --- one attempt; again while retries last ---
    "failure": Type("an attempt fails, and the sender is told", {"rate": _rate("failure_rate")}),
    "timeout": Type(
        "an attempt gets no answer in time",
        {
            "rate": _rate("timeout_probability"),
            "timeout_min": Attribute(5_000.0, milliseconds, "timeout_ms_min"),
            "timeout_max": Attribute(10_000.0, milliseconds, "timeout_ms_max"),
            "kind": Attribute("reject", choice("reject", "late_ack", "stall"), "timeout_kind"),
        },
        amount="timeout",
    ),
    "loss": Type(
        "an attempt is lost",
        {
            "rate": _rate("packet_loss_rate"),
            "correlation": Attribute(0.0, rate, "loss_correlation"),
            "model": Attribute("random", choice("random", "gemodel", "state")),
            "p": Attribute(0.0, rate),
            "r": Attribute(1.0, rate),
            "1-h": Attribute(1.0, rate),
            "1-k": Attribute(0.0, rate),
            **{name: Attribute(0.0, rate) for name in ("p13", "p31", "p32", "p23", "p14")},
        },
    ),
    # --- its flight ---
    "latency": Type(
        "a message takes so long",
        {
            "latency": Attribute(0.0, latency, "latency_ms"),
            "jitter": Attribute(0.0, latency),
            "correlation": Attribute(0.0, rate, "latency_correlation"),
            "distribution": Attribute(
                "uniform",
                choice("uniform", "normal", "pareto", "paretonormal"),
                "latency_distribution",
            ),
        },
        needs=("latency",),
        amount="latency",
    ),
    "slicer": Type(
        "a message travels in slices, each so much later than the one before",
        {
            "average_size": Attribute(1_024, size),
            "size_variation": Attribute(0, integer(0, 1 << 40, "bytes")),
            "delay": Attribute(0.0, number(0, 1e9, "microseconds")),
        },
        needs=("average_size",),
        amount="position",
    ),
    "race": Type(
        "a message is held back, so that other connections overtake it",
        {
            "rate": _rate("race_rate"),
            "delay_min": Attribute(1.0, latency, "race_delay_ms_min"),
            "delay_max": Attribute(5.0, latency, "race_delay_ms_max"),
        },
        amount="delay",
    ),
    "reorder": Type(
        "a message skips the delay, and overtakes those before it",
        {
            "rate": _RATE,
            "gap": Attribute(1, count),
            "correlation": _CORRELATION,
        },
        links=("message",),
    ),
    "malformed": Type(
        "a message arrives damaged",
        {
            "rate": _rate("malformed_rate"),
            "kinds": Attribute(
                ("truncate_json",), several(*KINDS, *FRAME_KINDS), "malformed_kinds"
            ),
        },
        amount="position",
    ),
    "corrupt": Type(
        "one bit of a message arrives flipped",
        {"rate": _RATE, "correlation": _CORRELATION},
        amount="position",
        links=("message", "bytes"),
    ),
    "duplicate": Type(
        "a message arrives twice",
        {"rate": _rate("duplicate_rate"), "correlation": _CORRELATION},
        links=("message",),
    ),
    # --- its queue, and what serves it ---
    "queue": Type(
        "so much may be on its way",
        {
            "messages": Attribute(None, optional(count), "message_queue_size"),
            "bytes": Attribute(None, optional(size), "memory_limit"),
            "low_water": Attribute(
                None, optional(integer(0, 1 << 31, "messages")), "queue_low_water"
            ),
            "overflow": Attribute(
                None,
                optional(choice("drop_oldest", "drop_newest", "reject", "block", "close_1013")),
                "overflow",
            ),
        },
        needs=("messages", "bytes"),
    ),
    "bandwidth": Type(
        "so many KB (of 1,024 bytes) per second, after a burst",
        {
            "rate": Attribute(
                None,
                optional(number(1 / 1024, 1e9, "KB per second")),
                "bandwidth_limit",
                lambda limit: limit and limit / 1024,
            ),
            "burst": Attribute(0, integer(0, 1 << 40, "bytes"), "bandwidth_burst"),
        },
    ),
    "consumer": Type(
        "the receiver takes so many messages per second",
        {"rate": Attribute(None, optional(number(0.001, 1e9, "per second")), "consume_rate")},
    ),
    "gc": Type(
        "after so many bytes the receiver collects garbage, and takes nothing meanwhile",
        {
            "threshold": Attribute(None, optional(size), "gc_threshold"),
            "pause": Attribute(50.0, milliseconds, "gc_pause_ms"),
        },
        needs=("threshold",),
    ),
}
