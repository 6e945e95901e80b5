"""What a session measured, in virtual time: latency, throughput, queues, traffic.

Everything is folded from a log and its outcome when somebody asks; nothing is counted while a
session runs, and nothing of it is stored. The fold costs a pass over the rows, one over the
deliveries, and one sort; between two calls it keeps nothing. Host time is no part of it.

A message counts once, however often it arrives: it is late by its first arrival, and a copy adds
nothing to throughput or queue. Sizes are bytes of the payloads as they were sent.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from replay_ws.channel import Outcome
from replay_ws.clock import NS_PER_S, TIME_NS_MAX
from replay_ws.events.log import MESSAGES, Direction, Log, Op
from replay_ws.events.model import Fate, Ledger

ROW_BYTES = 75
"""Measured: what a row costs beside its payload (columns, object header, fate, delivery)."""

_FATES = max(Fate) + 1

_SHARED = frozenset(
    {
        *(Op.CHANNEL, Op.CONTROL, Op.END, Op.KIND, Op.MARK, Op.SCHEDULE),
        *(Op.METHOD, Op.CALL, Op.RETURN),
    }
)
"""Rows of the session, not of the connection that their lane names."""


@dataclass(frozen=True, slots=True)
class Latency:
    """From the sending of a message to its first arrival; all 0 where none arrived.

    Percentiles are nearest ranks: ``p90_ns`` is the smallest latency that at least 90 % of the
    messages did not exceed, so each is one that was seen. The mean is rounded down.
    """

    count: int = 0
    min_ns: int = 0
    mean_ns: int = 0
    p50_ns: int = 0
    p90_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0


@dataclass(frozen=True, slots=True)
class Throughput:
    """What arrived, and how long that took.

    ``busy_ns`` is from the sending of the first message that arrived to the last first arrival:
    idle time before and after is not slowness. Where it is 0, so are the rates.
    """

    messages: int = 0
    size_bytes: int = 0
    busy_ns: int = 0

    @property
    def messages_per_second(self) -> float:
        """Messages that arrived, per second of virtual time."""
        return self._rate(self.messages)

    @property
    def bytes_per_second(self) -> float:
        """Bytes of their payloads, per second of virtual time."""
        return self._rate(self.size_bytes)

    def _rate(self, count: int) -> float:
        return count * NS_PER_S / self.busy_ns if self.busy_ns else 0.0


@dataclass(frozen=True, slots=True)
class Peak:
    """The most that was on its way at a time; messages and bytes need not peak together."""

    messages: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """One direction: what the channel accepted, and what of it arrived."""

    accepted: int = 0
    accepted_bytes: int = 0
    delivered: int = 0
    delivered_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a session, or one connection of it, measured.

    ``queue`` is of the fullest lane, one direction of one connection: a message is on its way from
    its sending until just before its first arrival, so one that arrives at once never is. One that
    is pending stays; one in doubt leaves when its connection ends; one that overflow drops leaves
    when it is dropped, as the session's incidents tell. A message lost otherwise, or in a session
    without incidents, counts as never on its way, and so does a copy, though a lane holds it. A
    message whose sender waits for room in a queue is on its way.

    ``opened`` and ``closed`` count how often connections did so; ``memory_bytes`` is an estimate
    of what the rows take.
    """

    ledger: Ledger
    downstream: Traffic
    upstream: Traffic
    latency: Latency
    throughput: Throughput
    queue: Peak
    opened: int
    closed: int
    memory_bytes: int
    connections: Mapping[str, Metrics] = field(default_factory=dict)
    """The same for each connection, by name; empty on those."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, times in nanoseconds; the ledger apart, which a session tells itself."""
        rates = ("messages_per_second", "bytes_per_second")
        told = {
            "latency": asdict(self.latency),
            "throughput": {
                **asdict(self.throughput),
                **{name: getattr(self.throughput, name) for name in rates},
            },
            "queue": asdict(self.queue),
            "downstream": asdict(self.downstream),
            "upstream": asdict(self.upstream),
            "opened": self.opened,
            "closed": self.closed,
            "memory_bytes": self.memory_bytes,
        }
        if self.connections:
            told["connections"] = {name: one.to_dict() for name, one in self.connections.items()}
        return told


def measure(
    log: Log, outcome: Outcome, *, connections: Collection[int] | None = None, start: int = 0
) -> Metrics:
    """The metrics of a session, in total and for each connection.

    ``connections`` numbers those that count (None: all of them, and the rows that belong to none);
    messages count from row ``start`` on.
    """
    numbers = range(len(log.connections)) if connections is None else connections
    tallies = {number: _Connection() for number in numbers}
    left_ns = _first_arrivals(outcome, len(log))
    sizes = list(map(size_bytes, log.bodies))
    shared = _count(log, outcome, tallies, left_ns, sizes, start)
    for number, copies in _copies(log, outcome, start).items():
        if number in tallies:
            tallies[number].copies = copies
    by_name: dict[str, list[_Connection]] = {}
    for number, tally in tallies.items():
        for lane in tally.lanes:
            lane.measure(log.times, left_ns, sizes)
        by_name.setdefault(log.connections[number].name, []).append(tally)
    return _metrics(
        tallies.values(),
        shared if connections is None else 0,
        {name: _metrics(same) for name, same in by_name.items()},
    )


def latency_of(latencies_ns: Sequence[int]) -> Latency:
    """The distribution of ``latencies_ns``, which are in ascending order."""
    if not latencies_ns:
        return Latency()
    count = len(latencies_ns)
    p50, p90, p99 = (latencies_ns[-(-count * percent // 100) - 1] for percent in (50, 90, 99))
    mean = sum(latencies_ns) // count
    return Latency(count, latencies_ns[0], mean, p50, p90, p99, latencies_ns[-1])


def size_bytes(body: str | bytes) -> int:
    """What a payload takes on the wire."""
    if isinstance(body, bytes) or body.isascii():
        return len(body)
    return len(body.encode("utf-8", "surrogatepass"))


# --- counting ------------------------------------------------------------------------------


class _Lane:
    """One direction of one connection, while it is counted."""

    __slots__ = ("began_ns", "counts", "dropped", "latencies", "peak", "rows", "sizes", "until_ns")

    def __init__(self) -> None:
        self.counts = [0] * _FATES
        self.sizes = [0] * _FATES
        self.rows: list[int] = []
        """Messages that were on their way."""
        self.dropped: deque[int] = deque()
        """Messages that overflow took, until it is known when."""
        self.latencies: list[int] = []
        """Per message that arrived; in ascending order once they are measured."""
        self.began_ns = self.until_ns = 0
        """When the first message that arrived was sent; the last first arrival."""
        self.peak = Peak()

    def measure(self, times: Sequence[int], left_ns: Sequence[int], sizes: Sequence[int]) -> None:
        """Work out the peak; the columns tell per row when a message came and left, and its size.

        What leaves at the time at which another comes makes room for it.
        """
        self.latencies.sort()
        coming = sorted(row for row in self.rows if left_ns[row] > times[row])
        leaving = sorted(coming, key=left_ns.__getitem__)
        gone = size = count_max = size_max = 0
        for come, row in enumerate(coming, 1):
            now_ns = times[row]
            while left_ns[leaving[gone]] <= now_ns:  # stops at ``row`` at the latest
                size -= sizes[leaving[gone]]
                gone += 1
            size += sizes[row]
            if come - gone > count_max:
                count_max = come - gone
            if size > size_max:
                size_max = size
        self.peak = Peak(count_max, size_max)


class _Connection:
    """One connection, while it is counted."""

    __slots__ = ("closed", "copies", "in_doubt", "is_open", "lanes", "last", "memory", "opened")

    def __init__(self) -> None:
        self.lanes = (_Lane(), _Lane())
        self.last = self.lanes[Direction.DOWNSTREAM]
        """The lane of the last message: an overflow is about that."""
        self.in_doubt: list[tuple[_Lane, int]] = []
        self.opened = self.closed = self.copies = self.memory = 0
        self.is_open = True  # one that was imported has no handshake, and can be closed

    def end(self, now_ns: int, left_ns: array[int]) -> None:
        """The connection ended, and what was in doubt with it left."""
        for lane, row in self.in_doubt:
            left_ns[row] = now_ns
            lane.rows.append(row)
        self.in_doubt.clear()
        self.closed += self.is_open
        self.is_open = False

    def open(self) -> None:
        """The connection was opened."""
        self.opened += 1
        self.is_open = True

    def incident(self, about: Mapping[str, Any], now_ns: int, left_ns: array[int]) -> None:
        """What the network did of its own accord."""
        match about:
            case {"what": "closed"}:
                self.end(now_ns, left_ns)
            case {"what": "reconnected"}:
                self.open()
            case {"what": "overflow", "policy": "drop_oldest", "evicted": int(count)}:
                lane = self.last
                for _ in range(min(count, len(lane.dropped))):
                    row = lane.dropped.popleft()
                    left_ns[row] = now_ns
                    lane.rows.append(row)
            case {"what": "overflow", "policy": "drop_newest"} if self.last.dropped:
                self.last.dropped.pop()  # never on its way


def _first_arrivals(outcome: Outcome, count: int) -> array[int]:
    """Per row, when its message arrived first; -1 where none did."""
    first_ns = array("q", [-1]) * count
    # The first arrival comes last, and stays.
    for time_ns, row in zip(reversed(outcome.times), reversed(outcome.rows), strict=True):
        first_ns[row] = time_ns
    return first_ns


def _copies(log: Log, outcome: Outcome, start: int) -> dict[int, int]:
    """Connection -> how many copies arrived there."""
    copies: dict[int, int] = {}
    for delivery in outcome.copies:
        row = outcome.rows[delivery]
        if row >= start:
            number = log.lanes[row] >> 1
            copies[number] = copies.get(number, 0) + 1
    return copies


def _count(
    log: Log,
    outcome: Outcome,
    tallies: Mapping[int, _Connection],
    left_ns: array[int],
    sizes: list[int],
    start: int,
) -> int:
    """Fill ``tallies``, and ``left_ns`` for what did not arrive; returns the shared rows' memory.

    ``left_ns`` holds the first arrivals.
    """
    fates, shared, delivered = outcome.fates, 0, int(Fate.DELIVERED)
    numbered = zip(log.ops[start:], log.lanes[start:], log.times[start:], strict=True)
    for row, (op, number, now_ns) in enumerate(numbered, start):
        if op in _SHARED:
            shared += ROW_BYTES + sizes[row]
            continue
        tally = tallies.get(number >> 1)
        if tally is None:
            continue
        size = sizes[row]
        tally.memory += ROW_BYTES + size
        if op in MESSAGES:
            fate = fates[row]
            lane = tally.last = tally.lanes[number & 1]
            lane.counts[fate] += 1
            lane.sizes[fate] += size
            if fate == delivered:
                arrived_ns = left_ns[row]
                if not lane.latencies:
                    lane.began_ns = now_ns
                if arrived_ns > lane.until_ns:
                    lane.until_ns = arrived_ns
                lane.latencies.append(arrived_ns - now_ns)
                if arrived_ns > now_ns:
                    lane.rows.append(row)
            elif fate == Fate.PENDING:
                left_ns[row] = TIME_NS_MAX
                lane.rows.append(row)
            elif fate == Fate.IN_DOUBT:
                tally.in_doubt.append((lane, row))
            elif fate == Fate.LOST_OVERFLOW:
                lane.dropped.append(row)
        elif op == Op.HANDSHAKE:
            if row in outcome.refusals:
                tally.is_open = False
            else:
                tally.open()
        elif op in (Op.CLOSE, Op.DROPPED):
            tally.end(now_ns, left_ns)
        elif op == Op.INCIDENT:
            tally.incident(log.value(row), now_ns, left_ns)
    return shared


# --- the sum -------------------------------------------------------------------------------


def _metrics(
    tallies: Iterable[_Connection],
    shared: int = 0,
    connections: Mapping[str, Metrics] | None = None,
) -> Metrics:
    tallies = list(tallies)
    lanes = [lane for tally in tallies for lane in tally.lanes]
    counts = [sum(column) for column in zip(*(lane.counts for lane in lanes), strict=True)]
    # Python's sort merges what is sorted in runs.
    latencies = sorted(latency for lane in lanes for latency in lane.latencies)
    arrived = [lane for lane in lanes if lane.latencies]
    began_ns = min((lane.began_ns for lane in arrived), default=0)
    busy_ns = max((lane.until_ns for lane in arrived), default=0) - began_ns
    size = sum(lane.sizes[Fate.DELIVERED] for lane in lanes)
    return Metrics(
        ledger=Ledger(
            {Fate(fate): count for fate, count in enumerate(counts) if count},
            duplicated=sum(tally.copies for tally in tallies),
        ),
        downstream=_traffic(tally.lanes[Direction.DOWNSTREAM] for tally in tallies),
        upstream=_traffic(tally.lanes[Direction.UPSTREAM] for tally in tallies),
        latency=latency_of(latencies),
        throughput=Throughput(len(latencies), size, busy_ns),
        queue=Peak(
            max((lane.peak.messages for lane in lanes), default=0),
            max((lane.peak.size_bytes for lane in lanes), default=0),
        ),
        opened=sum(tally.opened for tally in tallies),
        closed=sum(tally.closed for tally in tallies),
        memory_bytes=shared + sum(tally.memory for tally in tallies),
        connections=connections or {},
    )


def _traffic(lanes: Iterable[_Lane]) -> Traffic:
    traffic = [0, 0, 0, 0]
    for lane in lanes:
        traffic[0] += sum(lane.counts[: Fate.REJECTED])
        traffic[1] += sum(lane.sizes[: Fate.REJECTED])
        traffic[2] += lane.counts[Fate.DELIVERED]
        traffic[3] += lane.sizes[Fate.DELIVERED]
    return Traffic(*traffic)
