"""What the codemod says: a source before and after, and why a class stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from replay_ws.report.migration import Finding as Finding
from replay_ws.report.migration import Kind as Kind


@dataclass(frozen=True, slots=True)
class Migrated:
    """A source, before and after."""

    before: str
    after: str
    findings: tuple[Finding, ...] = ()

    @property
    def changed(self) -> bool:
        return self.after != self.before


class Refusal(BaseException):
    """Why a class is not replaced.

    No Exception, so that the ``except Exception`` of an old class under trial lets it pass.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def listed(names: Iterable[str], most: int = 4) -> str:
    """``a, b, c, d and 2 more``."""
    shown = sorted(set(names))
    more = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {more} more" if more > 0 else "")
