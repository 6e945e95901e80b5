"""What followed from a log: the deliveries in order, and where every message ended."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace

from replay_ws.events.model import Fate

_FATES = max(Fate) + 1


@dataclass(slots=True)
class Outcome:
    """Columns beside a log's; the counts hold at every instant."""

    times: array[int] = field(default_factory=lambda: array("q"))
    rows: array[int] = field(default_factory=lambda: array("Q"))
    """Per delivery: when it arrived, and the row of its intent."""
    copies: dict[int, int] = field(default_factory=dict)
    """Delivery -> which copy of its message it is, where not the first."""
    damages: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Delivery -> in which way it is damaged and where, where it is."""
    fates: bytearray = field(default_factory=bytearray)
    """Per row of the log; 0 where the row is no intent."""
    refusals: dict[int, Fate] = field(default_factory=dict)
    """Row of a handshake -> why it was refused, where it was."""
    counts: list[int] = field(default_factory=lambda: [0] * _FATES)
    _again: dict[int, int] = field(default_factory=dict, compare=False)
    """Row -> how often it arrived beyond the first time."""

    def enter(self, row: int, fate: Fate) -> None:
        """An intent was made."""
        fates = self.fates
        if row > len(fates):
            fates.extend(bytes(row - len(fates)))
        fates.append(fate)
        self.counts[fate] += 1

    def pass_through(self, row: int, now_ns: int) -> None:
        """An intent was made, and arrived at once."""
        self.enter(row, Fate.DELIVERED)
        self.times.append(now_ns)
        self.rows.append(row)

    def move(self, row: int, fate: Fate) -> None:
        """An intent's fate changed."""
        self.counts[self.fates[row]] -= 1
        self.counts[fate] += 1
        self.fates[row] = fate

    def arrive(self, due_ns: int, row: int, damage: tuple[str, int] | None = None) -> None:
        """A message, or one more copy of it, reached its receiver."""
        if self.fates[row] == Fate.DELIVERED:
            self._again[row] = self._again.get(row, 0) + 1
            self.copies[len(self.rows)] = self._again[row]
        else:
            self.move(row, Fate.DELIVERED)
        if damage:
            self.damages[len(self.rows)] = damage
        self.times.append(due_ns)
        self.rows.append(row)

    def balances(self) -> bool:
        """Whether the counts are those of the fates, and what arrived is what is delivered."""
        fates, delivered = self.fates, len(self.rows) - len(self.copies)
        counted = all(fates.count(fate) == self.counts[fate] for fate in Fate)
        return counted and delivered == self.counts[Fate.DELIVERED]

    def copy(self) -> Outcome:
        """The same facts, apart from this outcome."""
        return replace(
            self,
            times=self.times[:],
            rows=self.rows[:],
            copies=self.copies.copy(),
            damages=self.damages.copy(),
            fates=self.fates[:],
            refusals=self.refusals.copy(),
            counts=self.counts[:],
            _again=self._again.copy(),
        )
