"""The tables of a profile as values, and the words in which they speak; see ``profile``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias


class Rule(StrEnum):
    """What a profile can ask."""

    REQUIRED = "required"
    REQUIRED_IF = "required_if"
    FIRST = "first"
    ORDER = "order"
    PAIRS = "pairs"
    SCOPES = "scopes"
    AT_MOST_ONCE = "at_most_once"
    TERMINAL = "terminal"
    AFTER_TERMINAL = "after_terminal"
    NAMES = "names"
    PATCHES = "patches"
    SEQUENCE = "sequence"
    PROTOCOL = "protocol"
    LATENCY = "latency"
    FORMAT = "format"
    FIELDS = "fields"
    SCHEMA = "schema"
    KNOWN = "known"


class Severity(StrEnum):
    """Whether a broken rule fails the session, only costs score, or is none."""

    ERROR = "error"
    WARNING = "warning"
    OK = "ok"


Pointer: TypeAlias = tuple[str, ...]
"""The steps of a JSON pointer."""

KINDS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, (list, tuple)),
    "any": lambda value: True,
    "value": lambda value: value is not None,
}
"""What a field may be asked to be."""


DIRECTIONS = ("server", "client")
"""Whose events a profile may be about; in the order of ``Direction``."""


def fits(type: str, names: tuple[str, ...]) -> bool:
    """Whether ``type`` is among ``names``, of which some may be wildcards."""
    if type in names:
        return True
    return any("*" in name and _pattern(name)(type) for name in names)


@cache
def _pattern(name: str) -> Callable[[str], Any]:
    import re  # most profiles have no wildcard

    return re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL).fullmatch


@dataclass(frozen=True, slots=True)
class Envelope:
    """Messages that wrap an event, and where they say which, or what they are."""

    when: tuple[tuple[Pointer, Any], ...] = ()
    has: tuple[Pointer, ...] = ()
    type: Pointer = ()
    as_: str = ""
    body: Pointer = ()


@dataclass(frozen=True, slots=True)
class PairRule:
    """Types that open something, types that close it, and what names it."""

    name: str
    open: tuple[str, ...]
    close: tuple[str, ...]
    by: tuple[Pointer, ...] = ()
    must: bool = False


@dataclass(frozen=True, slots=True)
class Concat:
    """Where the pieces are that ``cont`` brings, and where ``close`` has the whole."""

    delta: tuple[Pointer, ...]
    full: tuple[Pointer, ...] = ()
    json: bool = False


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """A span that opens, goes on and closes."""

    name: str
    open: tuple[str, ...] = ()
    cont: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    by: tuple[Pointer, ...] = ()
    by_all: tuple[Pointer, ...] = ()
    must_close_before: tuple[str, ...] = ()
    at_end: Severity | None = None
    inside: str = ""
    inside_by: tuple[Pointer, ...] = ()
    inside_by_all: tuple[Pointer, ...] = ()
    inside_closed: bool = False
    reuse: bool = True
    reopen: Severity = Severity.ERROR
    implicit: bool = False
    same: tuple[Pointer, ...] = ()
    concat: Concat | None = None
    severity: Severity = Severity.ERROR
    must_close_severity: Severity | None = None
    must: bool = False


@dataclass(frozen=True, slots=True)
class ChunkRule:
    """Events that are a scope, piece by piece."""

    of: tuple[str, ...]
    scope: str
    needs: tuple[Pointer, ...] = ()
    same: tuple[Pointer, ...] = ()
    usual: tuple[tuple[Pointer, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class LaneRule:
    """Whose chunks are, and what ends them."""

    by: tuple[Pointer, ...] = ()
    end: tuple[str, ...] = ()
    end_all: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NameRule:
    """Events that speak of something by name."""

    name: str
    by: tuple[Pointer, ...]
    owner: tuple[Pointer, ...] = ()
    first: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    known: bool = False
    anew: tuple[str, ...] = ()
    inside: str = ""
    inside_by: tuple[Pointer, ...] = ()
    listed: Pointer = ()
    when: tuple[tuple[Pointer, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class PatchRule:
    """Events that tell a document, and those that change it."""

    name: str
    whole: tuple[str, ...]
    whole_at: tuple[Pointer, ...]
    patch: tuple[str, ...]
    patch_at: tuple[Pointer, ...]
    by: tuple[Pointer, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceRule:
    """A number that grows from event to event."""

    of: tuple[str, ...]
    at: tuple[Pointer, ...]
    name: str = ""
    start: int | None = None
    step: int = 1
    duplicate: Severity = Severity.ERROR
    gap: Severity = Severity.ERROR
    per: tuple[Pointer, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """How long it may take from the first of some types to the first of others."""

    within_ns: int
    from_: tuple[str, ...] = ()
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LatencyRule:
    """Budgets of virtual time; None asks nothing."""

    max_gap_ns: int | None = None
    total_ns: int | None = None
    spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BeforeRule:
    """Types that come after others, and what names both sides; ``then_by`` is ``by`` if empty.

    ``joined``: the places name them together, not the first that holds something.
    """

    first: tuple[str, ...]
    then: tuple[str, ...]
    by: tuple[Pointer, ...] = ()
    then_by: tuple[Pointer, ...] = ()
    joined: bool = False


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field of some types, where it is and what it is."""

    of: tuple[str, ...]
    name: str
    at: tuple[Pointer, ...]
    kind: str
    among: tuple[Any, ...] = ()
    required: bool = False
    unique: bool = False
