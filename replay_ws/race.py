"""A race, as a value: what was accessed, by whom, and which order is missing."""

from __future__ import annotations

from dataclasses import dataclass

from replay_ws.clock import time_text


@dataclass(frozen=True, slots=True)
class Access:
    """One access: who, what, where and when. ``stack`` has the user's frames, innermost first."""

    lane: str
    kind: str
    place: str
    stack: tuple[str, ...]
    time_ns: int

    def __str__(self) -> str:
        callers = "".join(f"\n      from {frame}" for frame in self.stack[1:])
        where = self.stack[0] if self.stack else "an unknown place"
        return f"{self.kind} by {self.lane} at {time_text(self.time_ns)}, {where}{callers}"


@dataclass(frozen=True, slots=True)
class Race:
    """Two accesses that nothing orders.

    ``what`` is the object's kind and the attribute; ``kind`` is ``data race``, ``stale write`` or
    ``unordered accesses``. ``second`` is the one that came later in this run. ``read`` is, for a
    stale write, the read that ``stale`` was decided on. ``missing`` says in words which edge is
    not there; ``count`` is how often these two places met.
    """

    what: str
    kind: str
    first: Access
    second: Access
    read: Access | None
    missing: str
    count: int = 1

    def __str__(self) -> str:
        times = f", {self.count} times" if self.count > 1 else ""
        lines = [f"{self.kind} of {self.what}{times}"]
        lines += [f"    {access}" for access in (self.read, self.first, self.second) if access]
        return "\n".join([*lines, f"    {self.missing}"])
