"""What a mock counted, folded from the log and the outcome when somebody asks.

The measuring is ``replay_ws.metrics``'s, which does the same for any session; here are the names
that the mock's users know. Times are virtual, in seconds; sizes are bytes of the recorded payloads.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from weakref import ref

from replay_ws.channel import Network
from replay_ws.clock import NS_PER_S
from replay_ws.events.model import Fate
from replay_ws.metrics import Metrics, measure


@dataclass(frozen=True, slots=True)
class WebSocketMetrics:
    """Counts and times of one mock. ``None`` stands for what the configuration does not track.

    ``messages_sent`` counts what was accepted, ``throughput`` what of that arrived per second.
    ``latency`` holds count, min, mean, p50, p90, p99 and max. ``queue_peak`` is the most that was
    on its way in one direction of one connection. ``context_switches`` counts how often a send came
    from another task (or OS thread) than the send before it.
    """

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
    context_switches: int = 0
    average_latency: float | None = None
    max_latency: float | None = None
    uptime_seconds: float | None = None
    throughput: dict[str, float] | None = None
    memory_usage: int | None = None
    latency: dict[str, float] | None = None
    queue_peak: int = 0
    queue_peak_bytes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Only what is tracked."""
        return {name: value for name, value in asdict(self).items() if value is not None}


if sys.version_info >= (3, 12):

    def _current_task(loop: object) -> Any:
        """The task that asks; ``loop`` is where it likely runs, which only 3.11 wants to know."""
        return asyncio.current_task()

else:
    _TASKS = asyncio.tasks._current_tasks  # type: ignore[attr-defined]

    def _current_task(loop: object) -> Any:
        """As asyncio's, which in 3.11 costs a system call; ``loop`` is where it likely runs."""
        # Where only one loop is at work, in whichever thread, its task is the one that asks.
        task = _TASKS.get(loop) if len(_TASKS) == 1 else None
        return asyncio.current_task() if task is None else task


def _nobody() -> None:
    """Stands for a reference to nothing."""


@dataclass(slots=True)
class Operations:
    """Sends that are going on, and who sends: the only things that the log cannot tell."""

    running: int = 0
    most: int = 0
    switches: int = 0
    last: Callable[[], object] = _nobody
    """The task that sent last, weakly: a mock keeps none alive. A task has one thread."""
    loop: Any = None
    """Its loop."""

    def __enter__(self) -> None:
        self.running += 1
        if self.running > self.most:
            self.most = self.running
        try:
            sender = _current_task(self.loop)
        except RuntimeError:  # a coroutine that somebody steps by hand
            return
        if sender is not None and sender is not self.last():
            self.switches += self.last is not _nobody
            self.last = ref(sender)
            self.loop = sender.get_loop()

    def __exit__(self, *_: object) -> None:
        self.running -= 1


def fold(
    network: Network, channel: int, start: int, now_ns: int, operations: Operations
) -> WebSocketMetrics:
    """The metrics of one channel from row ``start`` on; costs a pass over the rows."""
    log, config = network.log, network.behaviours[channel].config
    ours = [n for n, connection in enumerate(log.connections) if connection.channel == channel]
    metrics = measure(log, network.outcome, connections=ours, start=start)
    timing = _timing(metrics, now_ns) if config.track_timing else {}
    return WebSocketMetrics(
        messages_sent=metrics.downstream.accepted,
        messages_received=metrics.upstream.accepted,
        bytes_sent=metrics.downstream.accepted_bytes,
        bytes_received=metrics.upstream.accepted_bytes,
        connections_made=metrics.opened,
        connections_dropped=metrics.closed,
        errors_count=metrics.ledger.rejected,
        timeouts_count=metrics.ledger.fates.get(Fate.REJECTED_TIMEOUT, 0),
        concurrent_operations=operations.running,
        max_concurrent=operations.most,
        context_switches=operations.switches,
        memory_usage=metrics.memory_bytes if config.track_memory else None,
        queue_peak=metrics.queue.messages,
        queue_peak_bytes=metrics.queue.size_bytes,
        **timing,
    )


def _timing(metrics: Metrics, now_ns: int) -> dict[str, Any]:
    latency = metrics.latency
    seconds = {
        name: getattr(latency, f"{name}_ns") / NS_PER_S
        for name in ("min", "mean", "p50", "p90", "p99", "max")
    }
    throughput = metrics.throughput
    return {
        "average_latency": seconds["mean"],
        "max_latency": seconds["max"],
        "latency": {"count": latency.count, **seconds},
        "uptime_seconds": now_ns / NS_PER_S,
        "throughput": {
            "messages_per_second": throughput.messages_per_second,
            "bytes_per_second": throughput.bytes_per_second,
        },
    }
