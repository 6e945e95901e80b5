"""A session in a few lines: what is in it, where its messages ended, what a replay made of it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from replay_ws.clock import show
from replay_ws.diff.model import Diff
from replay_ws.diff.show import clean
from replay_ws.events.log import Direction
from replay_ws.events.model import Ledger
from replay_ws.report.blocks import Block, Cell, Column, Line, Table, Tone, plural
from replay_ws.report.events import settings_text
from replay_ws.session import Session

SHORT_DIGEST = 12
CONNECTIONS_MAX = 20
TYPES_MAX = 12


def short(digest: str) -> str:
    """The head of a digest, enough to tell two apart by eye."""
    return digest[:SHORT_DIGEST]


def ledger_text(ledger: Ledger) -> str:
    """``17 messages: 14 delivered (2 twice), 3 lost (loss)``; what is zero is left out."""
    copies = f" ({ledger.duplicated} twice)" if ledger.duplicated else ""
    parts = [f"{ledger.delivered:,} delivered{copies}"]
    parts += [f"{count:,} {label}" for label, count in ledger.reasons.items()]
    parts += [f"{ledger.pending:,} pending"] * (ledger.pending > 0)
    return f"{plural(ledger.sent, 'message')}: {', '.join(parts)}"


def ledger_dict(ledger: Ledger) -> dict[str, Any]:
    """The ledger as plain data for JSON."""
    counts = "sent accepted delivered lost in_doubt pending rejected duplicated"
    return {name: getattr(ledger, name) for name in counts.split()} | {"reasons": ledger.reasons}


def modes_of(session: Session) -> tuple[str, ...]:
    """Each configuration of the session once: the mode, and what differs from it."""
    return tuple(dict.fromkeys(settings_text(c.config) for c in session.log.channels))


def session_dict(session: Session) -> dict[str, Any]:
    """What identifies a session and what became of its messages, as plain data."""
    return {
        "seed": session.seed,
        "profile": session.profile,
        "modes": list(modes_of(session)),
        "connections": len(session.connections),
        "end": session.end,
        "end_ns": session.end_ns,
        "ledger": ledger_dict(session.ledger),
        "digest": session.digest,
        "fingerprint": session.fingerprint,
    }


def end_text(session: Session) -> str:
    """``ended ok``, or how else."""
    end = session.end
    if end["status"] != "error":
        return f"ended {end['status']}"
    return clean(f"ended with {end.get('error', 'an error')}: {end.get('message', '')}")


@dataclass(frozen=True, slots=True)
class Info:
    """What a cassette is. ``damage`` says what is wrong with one that is not whole."""

    name: str
    session: Session
    damage: str = ""

    def blocks(self) -> Iterator[Block]:
        session = self.session
        count = plural(session.ledger.sent, "message")
        where = plural(len(session.connections), "connection")
        tone = Tone.BAD if self.damage or session.end["status"] == "error" else Tone.HEAD
        yield Line(f"{self.name}: {count} on {where}, {end_text(session)}", tone)
        facts = {
            "damage": self.damage,
            "source": clean(session.log.header.source),
            "recorded": f"seed {session.seed}, schedule {session.log.header.schedule}",
            "profile": session.profile,
            "mode": "; ".join(modes_of(session)),
            "lasted": f"{show(session.end_ns)} of virtual time",
            "ledger": ledger_text(session.ledger),
            "decisions": str(len(session.plan)),
            "types": _types_text(session),
            "digest": session.digest,
            "fingerprint": session.fingerprint,
        }
        for name, value in facts.items():
            if value:
                yield Line(f"  {name:12} {value}")
        if len(session.connections) > 1:
            yield Line()
            yield _connection_table(session)

    def to_dict(self) -> dict[str, Any]:
        types = Counter(event.type for event in self.session.events)
        return {
            "cassette": self.name,
            "damage": self.damage,
            "source": self.session.log.header.source,
            "schedule": self.session.log.header.schedule,
            "decisions": len(self.session.plan),
            "types": dict(types.most_common()),
            **session_dict(self.session),
        }


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
        for name in session.connections[:CONNECTIONS_MAX]
    ]
    columns = (
        Column("connection"),
        Column("to client <", is_number=True),
        Column("to server >", is_number=True),
        Column("deliveries", is_number=True),
    )
    return Table(columns, tuple(rows), more=max(0, len(session.connections) - CONNECTIONS_MAX))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A cassette that was made; ``verb`` says how."""

    name: str
    session: Session
    verb: str = "recorded"

    def blocks(self) -> Iterator[Block]:
        session = self.session
        tone = Tone.BAD if session.end["status"] == "error" else Tone.GOOD
        count = plural(len(session.connections), "connection")
        yield Line(f"{self.verb} {self.name}: {count}, {end_text(session)}", tone)
        yield Line(f"  {ledger_text(session.ledger)}; {show(session.end_ns)} of virtual time")
        yield Line(f"  digest {session.digest}")
        yield Line(f"next: replay-ws replay {shlex.quote(self.name)} --mode packet_loss --seed 1")

    def to_dict(self) -> dict[str, Any]:
        return {"cassette": self.name, **session_dict(self.session)}


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay made of a session, and how that differs from it.

    ``how`` holds the options that were given, as they were given; ``saved`` is where the
    result went.
    """

    name: str
    how: tuple[str, ...]
    source_digest: str
    session: Session
    diff: Diff
    saved: str = ""

    @property
    def came_back(self) -> bool:
        """Whether the replay is the source, bit for bit."""
        return self.session.digest == self.source_digest

    def blocks(self) -> Iterator[Block]:
        asked = f" under {shlex.join(self.how)}" if self.how else ""
        if self.came_back:
            yield Line(f"{self.name}{asked} came back bit for bit", Tone.GOOD)
        elif not self.how:
            yield Line(f"{self.name} did not come back bit for bit", Tone.BAD)
        else:
            yield Line(f"replayed {self.name}{asked}", Tone.HEAD)
        yield Line(f"  {ledger_text(self.session.ledger)}")
        if self.diff.first is None:
            yield Line("  every delivery is as in the source, at the same time")
        else:
            counts = ", ".join(f"{n} {name}" for name, n in self.diff.counts.items() if n)
            yield Line(f"  against the source: {counts}; first: {self.diff.lines()[0]}", cut=True)
        yield Line(f"  digest {self.session.digest}")
        yield Line(f"next: {self._next()}")

    def _next(self) -> str:
        if self.saved:
            return shlex.join(["replay-ws", "diff", self.name, self.saved])
        if self.came_back:
            return shlex.join(["replay-ws", "replay", self.name, "--mode", "packet_loss"])
        return shlex.join(["replay-ws", "replay", self.name, *self.how, "-o", "changed.rws"])

    def to_dict(self) -> dict[str, Any]:
        return {
            "cassette": self.name,
            "options": list(self.how),
            "came_back": self.came_back,
            "source_digest": self.source_digest,
            "saved": self.saved,
            **session_dict(self.session),
            "diff": self.diff.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Done:
    """Something that was done, in words, and the facts behind them."""

    what: str
    facts: dict[str, Any]
    next: str = ""

    def blocks(self) -> Iterator[Block]:
        yield Line(self.what, Tone.GOOD)
        if self.next:
            yield Line(f"next: {self.next}")

    def to_dict(self) -> dict[str, Any]:
        return self.facts
