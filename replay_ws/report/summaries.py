"""What was made: a cassette, a replay, anything else; in a few lines, and what to run next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from replay_ws.clock import time_text
from replay_ws.diff.model import Diff
from replay_ws.report.blocks import Block, Line, Tone, command, plural
from replay_ws.report.events import settings_text
from replay_ws.report.ledger import ledger_dict, ledger_text
from replay_ws.report.places import short_line
from replay_ws.session import Session, Verification
from replay_ws.text import clean


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
        "behaviour": session.behaviour,
    }


def end_text(session: Session) -> str:
    """``ended ok``, or how else."""
    end = session.end
    if end["status"] != "error":
        return f"ended {end['status']}"
    return f"ended with {clean(failure_text(end))}"


def failure_text(end: Mapping[str, Any]) -> str:
    """``ValueError: its message``: what a program raised, on one line; ``…`` for more lines."""
    first, *more = str(end.get("message", "")).splitlines() or [""]
    name = str(end.get("error", "an error"))
    return (f"{name}: {first}" if first else name) + " …" * any(map(str.strip, more))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A cassette that was made; ``verb`` says how, ``verified`` what its run was held against."""

    name: str
    session: Session
    verb: str = "recorded"
    verified: Verification | None = None

    def blocks(self) -> Iterator[Block]:
        session = self.session
        failed = session.end["status"] == "error"
        count = plural(len(session.connections), "connection")
        yield Line(
            f"{self.verb} {self.name}: {count}, {end_text(session)}",
            Tone.BAD if failed else Tone.GOOD,
        )
        yield Line(f"  {ledger_text(session.ledger)}; {time_text(session.end_ns)} of virtual time")
        yield Line(f"  digest {session.digest}")
        if self.verified is not None:
            yield Line(clean(f"  verified: {self.verified}"))
        more = ("replay", self.name, "--mode", "packet_loss", "--seed", "1")
        yield Line(f"next: {command('cat', self.name) if failed else command(*more)}")

    def to_dict(self) -> dict[str, Any]:
        verified = {} if self.verified is None else {"verified": asdict(self.verified)}
        return {"cassette": self.name, **session_dict(self.session), **verified}


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
            first = short_line(self.diff, self.diff.first)
            yield Line(f"  against the source: {counts}; first: {first}", cut=True)
        yield Line(f"  digest {self.session.digest}")
        yield Line(f"next: {self._next()}")

    def _next(self) -> str:
        if self.saved and Path(self.saved).resolve() == Path(self.name).resolve():
            return command("check", self.saved)  # nothing is left to compare it with
        if self.saved:
            return command("diff", self.name, self.saved)
        if self.came_back:
            return command("replay", self.name, "--mode", "packet_loss")
        return command("replay", self.name, *self.how, "-o", "changed.rws")

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
