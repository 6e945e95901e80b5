"""A cassette summed up: what it is, what is in it, how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from replay_ws.clock import time_text
from replay_ws.events.log import Direction
from replay_ws.events.plain import plain
from replay_ws.metrics import Metrics
from replay_ws.report.blocks import Block, Cell, Column, Line, Table, Tone, capped_table, plural
from replay_ws.report.ledger import ledger_text
from replay_ws.report.summaries import end_text, modes_of, session_dict
from replay_ws.session import Session
from replay_ws.text import clean

CONNECTIONS_MAX = 20
TYPES_MAX = 12


@dataclass(frozen=True, slots=True)
class Info:
    """What a cassette is. ``damage`` says what is wrong with one that is not whole.

    ``volatile`` holds facts outside the digest, such as when and where it was recorded.
    """

    name: str
    session: Session
    damage: str
    size_bytes: int
    version: tuple[int, int]
    volatile: Mapping[str, Any]

    def blocks(self) -> Iterator[Block]:
        session = self.session
        count = plural(session.ledger.sent, "message")
        where = plural(len(session.connections), "connection")
        tone = Tone.BAD if self.damage or session.end["status"] == "error" else Tone.HEAD
        yield Line(f"{self.name}: {count} on {where}, {end_text(session)}", tone)
        facts = {
            "damage": self.damage,
            "file": f"{plural(self.size_bytes, 'byte')}, format {_dotted(self.version)}",
            "source": clean(session.log.header.source),
            "recorded": f"seed {session.seed}, schedule {session.log.header.schedule}",
            "profile": session.profile,
            "mode": "; ".join(modes_of(session)),
            "lasted": f"{time_text(session.end_ns)} of virtual time",
            "ledger": ledger_text(session.ledger),
            **_metrics_texts(session.metrics),
            "decisions": str(len(session.plan)),
            "types": _types_text(session),
            "digest": session.digest,
            "fingerprint": session.fingerprint,
            "behaviour": session.behaviour,
            **{clean(name): _volatile_text(name, value) for name, value in self.volatile.items()},
        }
        for name, value in facts.items():
            if value:
                yield Line(f"  {name:12} {value}", cut=name == "types")
        if len(session.connections) > 1:
            yield Line()
            yield _connection_table(session)

    def to_dict(self) -> dict[str, Any]:
        types = Counter(event.type for event in self.session.events)
        return {
            "cassette": self.name,
            "damage": self.damage,
            "size_bytes": self.size_bytes,
            "version": _dotted(self.version),
            "volatile": plain(self.volatile),
            "source": self.session.log.header.source,
            "schedule": self.session.log.header.schedule,
            "decisions": len(self.session.plan),
            "types": dict(types.most_common()),
            **session_dict(self.session),
            "metrics": self.session.metrics.to_dict(),
        }


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _volatile_text(name: str, value: Any) -> str:
    """One line, also of what holds many things, such as a repro."""
    if not isinstance(value, Mapping):
        return clean(str(value))
    if name == "repro":
        return clean(f"of {value.get('target')}; replay-ws repro runs it")
    return clean(", ".join(f"{key} {each}" for key, each in value.items()))


def _metrics_texts(metrics: Metrics) -> dict[str, str]:
    """What there is to say of time, by name: nothing where every message arrived at once."""
    latency, throughput, queue = metrics.latency, metrics.throughput, metrics.queue
    texts = {}
    if latency.max_ns:
        names = ("p50", "p90", "p99", "max")
        values = [f"{name} {time_text(getattr(latency, f'{name}_ns'))}" for name in names]
        texts["latency"] = ", ".join(values)
    if throughput.busy_ns:
        rate = f"{throughput.messages_per_second:,.1f} messages/s"
        size_rate = f"{throughput.bytes_per_second:,.1f} bytes/s"
        texts["throughput"] = f"{rate}, {size_rate} over {time_text(throughput.busy_ns)}"
    if queue.messages:
        most = f"{plural(queue.messages, 'message')}, {plural(queue.size_bytes, 'byte')}"
        texts["queue"] = f"at most {most} on their way in one direction"
    return texts


def _types_text(session: Session) -> str:
    counts = Counter(event.type or event.op.name.lower() for event in session.events)
    shown = [f"{clean(name)} {count}" for name, count in counts.most_common(TYPES_MAX)]
    more = len(counts) - TYPES_MAX
    return ", ".join([*shown, f"… and {more} more"] if more > 0 else shown)


def _connection_table(session: Session) -> Table:
    sent = Counter((event.connection, event.direction) for event in session.events)
    arrived = Counter(event.connection for event in session.delivered())
    rows = [
        (
            Cell(clean(name)),
            Cell(f"{sent[name, Direction.DOWNSTREAM]:,}"),
            Cell(f"{sent[name, Direction.UPSTREAM]:,}"),
            Cell(f"{arrived[name]:,}"),
        )
        for name in session.connections
    ]
    columns = (
        Column("connection"),
        Column("to client <", is_number=True),
        Column("to server >", is_number=True),
        Column("deliveries", is_number=True),
    )
    return capped_table(columns, rows, CONNECTIONS_MAX)
