"""What the demonstration found, and how it says so."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from replay_ws.diff.model import Category
from replay_ws.events.model import Ledger
from replay_ws.faults.modes import MockBehaviorMode as Mode
from replay_ws.report.blocks import Block, Cell, Column, Line, Table, Tone, capped, plural
from replay_ws.report.ledger import ledger_dict

TELLING = Mode.PACKET_LOSS
"""The mode whose divergences are shown where it has any."""

DIGEST_WIDTH = 8
CASSETTES_MAX = 20


@dataclass(frozen=True, slots=True)
class ModeReplay:
    """One cassette under one mode.

    ``digests`` has one entry for each time that it was replayed, the last from the fresh process.
    ``counts`` and ``first`` say how it differs from its cassette; ``score`` is None for a session
    that claims no protocol.
    """

    cassette: str
    mode: Mode
    digests: tuple[str, ...]
    ledger: Ledger
    damaged: int
    late: int
    score: float | None
    counts: Mapping[str, int]
    first: str

    @property
    def identical(self) -> bool:
        """Whether it was the same every time."""
        return len(set(self.digests)) == 1

    @property
    def differs(self) -> bool:
        """Whether the mode changed what was delivered, or when."""
        return bool(self.first)

    def to_dict(self) -> dict[str, Any]:
        return {
            "cassette": self.cassette,
            "mode": self.mode.value,
            "digests": list(self.digests),
            "identical": self.identical,
            "ledger": ledger_dict(self.ledger),
            "damaged": self.damaged,
            "late": self.late,
            "score": self.score,
            "counts": dict(self.counts),
            "first": self.first,
        }


@dataclass(frozen=True, slots=True)
class ModeRow:
    """All cassettes under one mode."""

    mode: Mode
    settings: Mapping[str, Any]
    replays: tuple[ModeReplay, ...]

    def total(self, name: str) -> int:
        """The sum of one count of the ledgers."""
        return sum(getattr(replay.ledger, name) for replay in self.replays)

    @property
    def late(self) -> int:
        """Events that came later than in their cassettes."""
        return sum(replay.late for replay in self.replays)

    @property
    def damaged(self) -> int:
        """Deliveries that arrived damaged."""
        return sum(replay.damaged for replay in self.replays)

    @property
    def score(self) -> float | None:
        """Mean compliance score of the sessions that claim a protocol."""
        scores = [replay.score for replay in self.replays if replay.score is not None]
        return sum(scores) / len(scores) if scores else None

    @property
    def digest(self) -> str:
        """One digest over those of all sessions."""
        return sha256("".join(replay.digests[0] for replay in self.replays).encode()).hexdigest()

    @property
    def identical(self) -> bool:
        """Whether every session was the same every time."""
        return all(replay.identical for replay in self.replays)

    def to_dict(self) -> dict[str, Any]:
        counts = ("delivered", "lost", "duplicated", "in_doubt", "rejected")
        return {
            "mode": self.mode.value,
            **{name: self.total(name) for name in counts},
            "late": self.late,
            "damaged": self.damaged,
            "score": self.score,
            "digest": self.digest,
            "identical": self.identical,
            "settings": dict(self.settings),
        }

    def cells(self) -> tuple[Cell, ...]:
        """The row as the table shows it."""
        lost, in_doubt = self.total("lost"), self.total("in_doubt")
        return (
            Cell(self.mode.value, Tone.HEAD),
            Cell(f"{self.total('delivered'):,}"),
            Cell(f"{lost:,}"),
            Cell(f"{self.late:,}"),
            Cell(f"{self.total('duplicated'):,}"),
            Cell(f"{in_doubt:,}"),
            Cell(f"{self.total('rejected'):,}"),
            Cell(f"{self.damaged:,}"),
            Cell("-" if self.score is None else f"{self.score:.3f}"),
            Cell(self.digest[:DIGEST_WIDTH], Tone.QUIET),
            Cell("yes", Tone.GOOD) if self.identical else Cell("NO", Tone.BAD),
        )


COLUMNS = (
    Column("mode"),
    Column("delivered", "deliv-\nered", is_number=True),
    Column("lost", is_number=True),
    Column("late", is_number=True),
    Column("duplicated", "dupli-\ncated", is_number=True),
    Column("in doubt", "in\ndoubt", is_number=True),
    Column("rejected", "re-\njected", is_number=True),
    Column("damaged", "dam-\naged", is_number=True),
    Column("score", is_number=True),
    Column("digest"),
    Column("identical", "iden-\ntical"),
)


@dataclass(frozen=True)
class Demo:
    """What the demonstration found. ``folder`` is where the goldens are, empty without any.

    ``invocation`` holds the words that call ``replay-ws`` where the reader is.
    """

    seed: int
    settings: Mapping[Mode, Mapping[str, Any]]
    folder: str
    replays: Sequence[ModeReplay]
    invocation: Sequence[str] = ("replay-ws",)

    @property
    def identical(self) -> bool:
        """Whether every replay was the same every time."""
        return all(replay.identical for replay in self.replays)

    @cached_property
    def cassettes(self) -> list[str]:
        """Names of the cassettes, in the order in which they were replayed."""
        return list(dict.fromkeys(replay.cassette for replay in self.replays))

    @cached_property
    def rows(self) -> list[ModeRow]:
        """One row per mode."""
        return [
            ModeRow(mode, own, tuple(replay for replay in self.replays if replay.mode is mode))
            for mode, own in self.settings.items()
        ]

    def first_divergence(self, cassette: str) -> ModeReplay | None:
        """The first mode, TELLING before all, under which a cassette loses or gains anything.

        One under which only times differ comes after these; None if no mode changes a thing.
        """
        candidates = [r for r in self.replays if r.cassette == cassette and r.differs]
        return min(candidates, key=_telling, default=None)

    def blocks(self) -> Iterator[Block]:
        yield Line(
            f"{plural(len(self.cassettes), 'session')} under {len(Mode)} modes, seed {self.seed}: "
            "one recorded live, the others "
            + (f"from {self.folder}" if self.folder else "would come from ./cassettes")
        )
        yield Line()
        yield Table(COLUMNS, tuple(row.cells() for row in self.rows))
        yield Line(self._late_text(), Tone.QUIET)
        yield Line()
        where = f"({TELLING} unless another mode is named)"
        yield Line(f"first divergence per session {where}", Tone.HEAD)
        yield from self._divergences()
        yield Line()
        yield from self._verdict()
        yield Line(f"next: {self._next()}")

    def _late_text(self) -> str:
        """What late means, and why messages are late that no fault has struck."""
        own = " ".join(f"{name}={value}" for name, value in self.settings[Mode.NORMAL].items())
        here = f"; {Mode.NORMAL} runs with {own} here" if own else ""
        return f"late: later than in the golden{here}"

    def _divergences(self) -> Iterator[Line]:
        names = [cassette.removesuffix(".rws") for cassette in self.cassettes]
        width = max(map(len, names[:CASSETTES_MAX]), default=0)
        found = [_divergence_text(self.first_divergence(cassette)) for cassette in self.cassettes]
        lines = [f"{name:{width}}  {text}" for name, text in zip(names, found, strict=True)]
        yield from capped(lines, CASSETTES_MAX)

    def _verdict(self) -> Iterator[Line]:
        bad = [replay for replay in self.replays if not replay.identical]
        count = plural(len(self.replays), "replay")
        if bad:
            first = f"{bad[0].cassette} under {bad[0].mode}"
            yield Line(f"NOT identical: {len(bad)} of {count}, the first {first}", Tone.BAD)
        else:
            yield Line(f"identical: {count}, the same bytes each of three times", Tone.GOOD)
        yield Line("  twice here, once in a fresh process: other hash seed, pure-Python msgpack")

    def _next(self) -> str:
        """The command that shows one of these replays from near."""
        goldens = self.cassettes[1:] if self.folder else []
        if not goldens:
            return shlex.join([*self.invocation, "record", "PROGRAM", "-o", "session.rws"])
        words = ["--mode", "packet_loss", "--seed", str(self.seed), "-o", "changed.rws"]
        golden = f"{self.folder}/{goldens[0]}"
        return shlex.join([*self.invocation, "replay", golden, *words])

    def to_dict(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "folder": self.folder,
            "identical": self.identical,
            "modes": [row.to_dict() for row in self.rows],
            "cassettes": self.cassettes,
            "replays": [replay.to_dict() for replay in self.replays],
        }


def _divergence_text(found: ModeReplay | None) -> str:
    if found is None:
        return "the same under every mode"
    return found.first if found.mode is TELLING else f"{found.mode}: {found.first}"


def _telling(replay: ModeReplay) -> tuple[bool, bool]:
    """How much a divergence tells a reader; smaller is more."""
    only_timing = not any(count for name, count in replay.counts.items() if name != Category.TIMING)
    return only_timing, replay.mode is not TELLING
