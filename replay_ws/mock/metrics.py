"""What a mock counted, folded from the log and the outcome when somebody asks.

Times are virtual, in seconds; sizes are bytes of the recorded payloads.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from replay_ws.channel import Network
from replay_ws.clock import NS_PER_S
from replay_ws.events.log import MESSAGES, Direction, Op
from replay_ws.events.model import Fate

ROW_BYTES = 75
"""Measured: what a row costs beside its payload (columns, object header, fate, delivery)."""


@dataclass(frozen=True, slots=True)
class WebSocketMetrics:
    """Counts and times of one mock. ``None`` stands for what the configuration does not track."""

    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    connections_made: int = 0
    connections_dropped: int = 0
    errors_count: int = 0
    timeouts_count: int = 0
    concurrent_operations: int = 0
    max_concurrent: int = 0
    average_latency: float | None = None
    max_latency: float | None = None
    uptime_seconds: float | None = None
    throughput: dict[str, float] | None = None
    memory_usage: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Only what is tracked."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(slots=True)
class Operations:
    """Sends that are going on: the only thing that the log cannot tell."""

    running: int = 0
    most: int = 0

    def __enter__(self) -> None:
        self.running += 1
        self.most = max(self.most, self.running)

    def __exit__(self, *_: object) -> None:
        self.running -= 1


def fold(
    network: Network, channel: int, start: int, now_ns: int, operations: Operations
) -> WebSocketMetrics:
    """The metrics of one channel from row ``start`` on; costs a pass over the rows."""
    log, outcome = network.log, network.outcome
    config = network.behaviours[channel].config
    ours = [connection.channel == channel for connection in log.connections]
    counts = [0, 0]  # accepted messages, by direction
    sizes = [0, 0]
    made, dropped, errors, timeouts, memory = 0, 0, 0, 0, 0
    for row, (op, lane, _, _, _, body) in enumerate(log.rows(start), start):
        if not ours or not ours[lane >> 1]:
            continue
        memory += ROW_BYTES + len(body)
        if op in MESSAGES and outcome.fates[row] < Fate.REJECTED:
            counts[lane & 1] += 1
            sizes[lane & 1] += len(body)
        elif op in MESSAGES:
            errors += 1
            timeouts += outcome.fates[row] == Fate.REJECTED_TIMEOUT
        elif op == Op.HANDSHAKE:
            made += row not in outcome.refusals
        elif op in (Op.CLOSE, Op.DROPPED):
            dropped += 1
    sent, size_sent = counts[Direction.DOWNSTREAM], sizes[Direction.DOWNSTREAM]
    timing = _timing(network, ours, start, now_ns, sent, size_sent) if config.track_timing else {}
    return WebSocketMetrics(
        messages_sent=sent,
        messages_received=counts[Direction.UPSTREAM],
        bytes_sent=size_sent,
        bytes_received=sizes[Direction.UPSTREAM],
        connections_made=made,
        connections_dropped=dropped,
        errors_count=errors,
        timeouts_count=timeouts,
        concurrent_operations=operations.running,
        max_concurrent=operations.most,
        memory_usage=memory if config.track_memory else None,
        **timing,
    )


def _timing(
    network: Network, ours: list[bool], start: int, now_ns: int, sent: int, size_sent: int
) -> dict[str, Any]:
    log, outcome = network.log, network.outcome
    arrivals = [
        (log.times[row], time_ns)
        for time_ns, row in zip(outcome.times, outcome.rows, strict=True)
        if row >= start and ours[log.lanes[row] >> 1]
    ]
    latencies = [arrived_ns - sent_ns for sent_ns, arrived_ns in arrivals]
    # From the first message to the last arrival: idle time is not slowness.
    busy = (arrivals[-1][1] - min(arrivals)[0]) / NS_PER_S if arrivals else 0.0
    return {
        "average_latency": sum(latencies) / len(latencies) / NS_PER_S if latencies else 0.0,
        "max_latency": max(latencies, default=0) / NS_PER_S,
        "uptime_seconds": now_ns / NS_PER_S,
        "throughput": {
            "messages_per_second": sent / busy if busy else 0.0,
            "bytes_per_second": size_sent / busy if busy else 0.0,
        },
    }
