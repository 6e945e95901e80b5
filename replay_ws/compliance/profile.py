"""Profiles: the rules of a protocol, as tables that the checker reads.

A profile is a TOML file. Types name events; ``response.*`` stands for every type that begins so.
Pointers (``/tool_name``, RFC 6901) name places in events, and where several are given, the first
that holds something counts. ``check(..., profile="my.toml")`` takes a file wherever a name is.

    name, title     what it is called
    extends         another profile, built in or a file beside this one, of which this one is more:
                    lists of types and tables grow, pairs and scopes of the same name and all
                    other values are replaced
    direction       whose events are judged: ``server``, ``client``, or both, where those of a
                    client are passed over if their type is not known
    type            where an event's type is; the first pointer to a string counts
    within          where a message may hold the event, as an answer of JSON-RPC: ``"/result"``;
                    all other pointers are tried in there first, then in the message itself
    envelopes       messages that wrap an event: ``when`` these places hold these values, or one
                    of a list, and those that it ``has`` hold anything, the type is at ``type``, or
                    is ``as``; ``body``: and its fields are there
    aliases         other names for types
    body            where fields are looked up: each pointer below is tried within each of these
    format          whether every message must be a JSON object with a type
    run, thread     what tells the runs of one connection apart
    required        types that every run has
    required_if     types that a run has if it has another: ``tool_executing = ["tool_completed"]``
    known           further types that belong to the protocol; one that names no type knows all
    ignored         types that are passed over without a word
    strangers       whether events of types that are not known are a run's, too, so that none of
                    them comes first or after the end, and a sequence of ``*`` counts them: false
    first           types that a run may begin with
    order           types whose first occurrences come in this order, where they come
    terminal        types that end a run
    after_terminal  types that may follow the end; a table says it for each terminal type
    restart         types that, after the end, begin the next run
    at_most_once    types that a run has once
    pairs           what opens is closed: ``name``, ``open``, ``close``, ``by`` (its name)
    fields          ``of`` these types, the value ``at`` the first of these places ``is`` of this
                    kind; ``among``: and one of these; ``required``: and it is there. ``name`` is
                    what a finding calls it. It is a check of its own, ``"fields NAME"``, if the
                    tables below name it. ``unique``: and no other event of the run has it, which
                    is a check of its own in any case, ``"fields NAME unique"``
    before          what follows what, also across directions and connections: ``then`` these types
                    come after ``first`` these, where ``by`` and ``then_by`` name the same; for
                    comparisons, as are ``pairs`` and ``scopes``, and no rule of its own
    protocol        a regular expression over types that a whole run keeps (see ``automaton``);
                    ``per``: what names the streams in it, of which each keeps it alone
    volatile        values that differ from run to run, for comparison: a path and what it may be
    severity        per rule or check: ``error`` (the default, but for ``known``), ``warning``, or
                    ``ok``, which asks nothing
    weights         per rule or check: how much each counts, 1 if not said
    must            checks that fail the verdict when broken, whatever their severity and the score
    min_score       the verdict is then whether the score is as high and no ``must`` is broken;
                    without it, whether there is no error

A check is named as a report names it: ``"pairs tool"``; its rule alone, ``"pairs"``, is all of it.

``[[scopes]]`` are spans that open, go on and close, side by side if they have names:

    name              what a finding calls it
    open, cont, close types that do so
    by                what names it; ``by_all``: several places that name it together
    must_close_before types before which every one is closed. Where such a type closes the scope
                      that ``inside`` names, it speaks of those only that are inside of that one
    at_end            what one means that is open at the end of the run: as ``severity``, or ``ok``
    inside            a scope of which one must be open; ``inside_by``: which one, or
                      ``inside_by_all``: several places that name it together. An event that
                      names none need not be inside. ``inside_closed``: one that was will do
    reuse             whether a closed name may open again: true
    reopen            what it means to open while open: ``error``, ``warning`` or ``ok``
    implicit          whether ``cont`` and ``close`` open it by themselves: false
    same              places where every event of one says the same as the one that opened it, or
                      nothing
    concat            ``delta`` and ``full``: what ``cont`` holds, joined, is what ``close`` holds;
                      ``json = true``: and that is JSON
    severity          ``error``, or ``warning``; ``must_close_severity``: of must_close_before
    must              whether a broken one fails the verdict, whatever its severity

``[[chunks]]`` are events that open a scope, go on with it and close it, and do not say which:

    of, scope         types, and the scope that they do so with. One that has its name opens it,
                      unless it is the one that they go on with, as is one without a name
    needs             places where the first has something
    same              places where later ones say what the first said, or nothing
    usual             what the first means that says nothing there: ``{"/role" = "assistant"}``

They come in lanes, each of which has one of them at a time, of any kind. ``[lanes]``: ``by`` says
whose an event is; ``end`` types close what is theirs, ``end_all`` types all that is open.

``[[names]]`` are what events speak of by name. Tables of one ``name`` are about one kind:

    name              what a finding calls it
    by                what names one
    owner             to whom it belongs: as the first event says, and later ones, if they say it
    first             types that bring one up
    then              types that speak of one; ``known = true``: of one that was brought up
    anew              types that bring one up even if it was: it may belong to somebody else now
    inside, inside_by another kind, and what names the one that it is part of and belongs with
    listed            the list (``/messages``, ``/messages/*/calls``) whose items are spoken of
    when              only where these places hold these values, or one of a list

``[[patches]]`` are documents that ``whole`` types tell, ``whole_at`` a place, and ``patch`` types
change: at ``patch_at`` is a JSON Patch (RFC 6902), and it applies. ``by`` names one of several.

``[sequence]`` (or several, as ``[[sequence]]``): ``of`` these types, the number ``at`` this place
begins with ``start`` (with any if not said) and grows by ``step`` (1), in each stream that ``per``
names by itself. ``duplicate`` and ``gap`` are ``error``, ``warning`` or ``ok``.

``[latency]``, in milliseconds of virtual time; a check is worth the budget / what it took:

    max_gap_ms      between two events of a run
    total_ms        from its first to its last
    NAME            ``{from = [...], to = [...], within_ms = 2000}``: from the first of some types
                    to the first of others

``[schema]``: a JSON Schema for each type; needs ``pip install 'replay-ws[schema]'``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from replay_ws.compliance import expression as ex
from replay_ws.compliance.rules import (
    BeforeRule,
    ChunkRule,
    Envelope,
    FieldRule,
    LaneRule,
    LatencyRule,
    NameRule,
    PairRule,
    PatchRule,
    Pointer,
    Rule,
    ScopeRule,
    SequenceRule,
    Severity,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one protocol."""

    name: str
    title: str = ""
    extends: str = ""
    direction: str = ""
    type: tuple[Pointer, ...] = (("type",),)
    within: tuple[Pointer, ...] = ()
    envelopes: tuple[Envelope, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    body: tuple[Pointer, ...] = ((),)
    format: bool = False
    run: tuple[Pointer, ...] = ()
    thread: tuple[Pointer, ...] = ()
    required: tuple[str, ...] = ()
    required_if: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    strangers: bool = False
    first: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    terminal: tuple[str, ...] = ()
    after_terminal: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    restart: tuple[str, ...] = ()
    at_most_once: tuple[str, ...] = ()
    pairs: tuple[PairRule, ...] = ()
    scopes: tuple[ScopeRule, ...] = ()
    chunks: tuple[ChunkRule, ...] = ()
    lanes: LaneRule = field(default_factory=LaneRule)
    names: tuple[NameRule, ...] = ()
    patches: tuple[PatchRule, ...] = ()
    sequence: tuple[SequenceRule, ...] = ()
    latency: LatencyRule = field(default_factory=LatencyRule)
    protocol: str = ""
    per: tuple[Pointer, ...] = ()
    fields: tuple[FieldRule, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[BeforeRule, ...] = ()
    volatile: Mapping[str, str] = field(default_factory=dict)
    severity: Mapping[str, Severity] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    must: tuple[str, ...] = ()
    min_score: float | None = None

    types: frozenset[str] = field(init=False, repr=False)
    """Every type that the protocol names, and the wildcards."""

    def __post_init__(self) -> None:
        scopes, spans = self.scopes, self.latency.spans.values()
        named = (
            *(self.required, self.known, self.first, self.order, self.terminal, self.restart),
            *(self.at_most_once, self.required_if, self.schema),
            *(*self.required_if.values(), *self.after_terminal.values()),
            *(names for pair in self.pairs for names in (pair.open, pair.close)),
            *(names for scope in scopes for names in (scope.open, scope.cont, scope.close)),
            *(scope.must_close_before for scope in scopes),
            *(rule.of for rule in self.chunks),
            *(self.lanes.end, self.lanes.end_all),
            *(names for rule in self.names for names in (rule.first, rule.then, rule.anew)),
            *(names for rule in self.patches for names in (rule.whole, rule.patch)),
            *(rule.of for rule in self.sequence),
            *(names for span in spans for names in (span.from_, span.to)),
        )
        spoken = _types(ex.parse(self.protocol)) if self.protocol else ()
        types = frozenset().union(*named, spoken) - {"*"}
        object.__setattr__(self, "types", types)

    @property
    def named_checks(self) -> tuple[str, ...]:
        """Rules and checks of which the tables of severities, weights and musts say something."""
        return (*self.severity, *self.weights, *self.must)

    def severity_of(self, rule: Rule, subject: str = "") -> Severity:
        """What breaking a check means: an error if nothing else is said, but for unknown types."""
        usual = Severity.WARNING if rule is Rule.KNOWN else Severity.ERROR
        return self.severity.get(check_name(rule, subject), self.severity.get(rule, usual))

    def weight_of(self, rule: Rule, subject: str) -> int:
        """How much a check counts."""
        return self.weights.get(check_name(rule, subject), self.weights.get(rule, 1))


def check_name(rule: Rule, subject: str) -> str:
    """What a report calls a check."""
    return f"{rule.value} {subject}".strip()


def _types(tree: ex.Expression) -> Iterator[str]:
    """The types that an expression names, and the wildcards."""
    match tree:
        case ex.Word(type):
            yield type
        case ex.Wildcard(pattern):
            yield pattern
        case ex.Not(part) | ex.Repeat(part):
            yield from _types(part)
        case ex.Sequence(parts) | ex.Either(parts) | ex.Both(parts):
            for part in parts:
                yield from _types(part)
