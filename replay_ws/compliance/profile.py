"""Profiles: the rules of a protocol, as tables that the checker reads.

A profile is a TOML file. Types name events; pointers (``/tool_name``, RFC 6901) name places in
them, and where several are given, the first that holds something counts.

    name, title     what it is called
    type            where an event's type is; the first pointer to a string counts
    envelopes       messages that wrap an event: ``when`` these places hold these values, the
                    type is at ``type`` instead
    aliases         other names for types
    body            where fields are looked up: each pointer below is tried within each of these
    format          whether every message must be a JSON object with a type
    run, thread     what tells the runs of one connection apart
    required        types that every run has
    known           further types that belong to the protocol
    ignored         types that are passed over without a word
    first           types that a run may begin with
    order           types whose first occurrences come in this order, where they come
    terminal        types that end a run
    after_terminal  types that may follow the end
    restart         types that, after the end, begin the next run
    at_most_once    types that a run has once
    pairs           what opens is closed: ``name``, ``open``, ``close``, ``by`` (its name)
    fields          ``of`` these types, the value ``at`` the first of these places ``is`` of this
                    kind; ``required``: and it is there. ``name`` is what a finding calls it
    before          what follows what, also across directions and connections: ``then`` these types
                    come after ``first`` these, where ``by`` and ``then_by`` name the same; for
                    comparisons, as are ``pairs``, and no rule of its own
    volatile        values that differ from run to run, for comparison: a path and what it may be
    severity        per rule: ``error`` (the default, but for ``known``) or ``warning``
    weights         per rule: how much each of its checks counts, 1 if not said
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias


class Rule(StrEnum):
    """What a profile can ask."""

    REQUIRED = "required"
    FIRST = "first"
    ORDER = "order"
    PAIRS = "pairs"
    AT_MOST_ONCE = "at_most_once"
    TERMINAL = "terminal"
    AFTER_TERMINAL = "after_terminal"
    FORMAT = "format"
    FIELDS = "fields"
    KNOWN = "known"


class Severity(StrEnum):
    """Whether a broken rule fails the session, or only costs score."""

    ERROR = "error"
    WARNING = "warning"


Pointer: TypeAlias = tuple[str, ...]
"""The steps of a JSON pointer."""

KINDS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, (list, tuple)),
}
"""What a field may be asked to be."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Messages that wrap an event, and where they say which."""

    when: tuple[tuple[Pointer, Any], ...]
    type: Pointer


@dataclass(frozen=True, slots=True)
class PairRule:
    """Types that open something, types that close it, and what names it."""

    name: str
    open: tuple[str, ...]
    close: tuple[str, ...]
    by: tuple[Pointer, ...] = ()


@dataclass(frozen=True, slots=True)
class BeforeRule:
    """Types that come after others, and what names both sides; ``then_by`` is ``by`` if empty."""

    first: tuple[str, ...]
    then: tuple[str, ...]
    by: tuple[Pointer, ...] = ()
    then_by: tuple[Pointer, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field of some types, where it is and what it is."""

    of: tuple[str, ...]
    name: str
    at: tuple[Pointer, ...]
    kind: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one protocol."""

    name: str
    title: str = ""
    type: tuple[Pointer, ...] = (("type",),)
    envelopes: tuple[Envelope, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    body: tuple[Pointer, ...] = ((),)
    format: bool = False
    run: tuple[Pointer, ...] = ()
    thread: tuple[Pointer, ...] = ()
    required: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    terminal: tuple[str, ...] = ()
    after_terminal: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    at_most_once: tuple[str, ...] = ()
    pairs: tuple[PairRule, ...] = ()
    fields: tuple[FieldRule, ...] = ()
    before: tuple[BeforeRule, ...] = ()
    volatile: Mapping[str, str] = field(default_factory=dict)
    severity: Mapping[Rule, Severity] = field(default_factory=dict)
    weights: Mapping[Rule, int] = field(default_factory=dict)

    types: frozenset[str] = field(init=False, repr=False)
    """Every type that the protocol names."""

    def __post_init__(self) -> None:
        lists = (self.required, self.known, self.first, self.order, self.terminal, self.restart)
        pairs = (names for pair in self.pairs for names in (pair.open, pair.close))
        types = frozenset().union(*lists, self.after_terminal, self.at_most_once, *pairs)
        object.__setattr__(self, "types", types)

    def severity_of(self, rule: Rule) -> Severity:
        """What breaking ``rule`` means: an error if nothing else is said, but for unknown types."""
        usual = Severity.WARNING if rule is Rule.KNOWN else Severity.ERROR
        return self.severity.get(rule, usual)
