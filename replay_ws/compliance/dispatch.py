"""A profile compiled: for each type what is to be done with its events, in a table.

A type is compiled when it first comes, once for all sessions that are checked by the profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from replay_ws.compliance.chunks import Chunks
from replay_ws.compliance.events import Fields, Once, Pairs, Schemas, Unique
from replay_ws.compliance.latency import Between, Gap, Total
from replay_ws.compliance.names import Names
from replay_ws.compliance.parts import Context, Part, Step
from replay_ws.compliance.patches import Patches
from replay_ws.compliance.profile import Profile, check_name
from replay_ws.compliance.protocol import Protocol
from replay_ws.compliance.reading import envelopes_by_type, typer
from replay_ws.compliance.rules import FieldRule, NameRule, Rule, fits
from replay_ws.compliance.scopes import Scope
from replay_ws.compliance.sequence import Sequence
from replay_ws.errors import ConfigError, unknown

PLANS_MAX = 10_000
"""How many types are remembered: a stream can be made of nothing but unknown ones."""


class Plan:
    """What is to be done with events of one type."""

    __slots__ = ("first", "ignored", "known", "reads", "restart", "steps", "terminal", "type")

    def __init__(self, type: str, rules: Rules) -> None:
        profile = rules.profile
        self.type = type
        self.ignored = fits(type, profile.ignored)
        names = rules.known_types
        self.known = bool(type) and not self.ignored and (not names or fits(type, names))
        self.first = fits(type, profile.first)
        self.terminal = fits(type, profile.terminal)
        self.restart = fits(type, profile.restart)
        self.steps: tuple[Step, ...] = ()
        self.reads = rules.has_runs
        """Whether its events must be decoded."""
        strange = profile.strangers and not self.ignored
        parts = [part for part in rules.parts if self.known or (strange and part.takes_strangers)]
        if parts:
            steps = [(part, step) for part in parts if (step := part.step(type)) is not None]
            self.steps = tuple(step for _, step in steps)
            self.reads |= any(part.reads for part, _ in steps)


class Rules:
    """A profile as its checker needs it."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.plans: dict[str, Plan] = {}
        context = Context(profile)
        self.parts = tuple(_parts(profile, context))
        for place, part in enumerate(self.parts):
            part.place = place
        self.known_types = tuple(sorted(profile.types))
        asked = context.asked
        self.type_of = typer(profile)
        at_type = profile.type[:1] == (("type",),)
        self.envelopes = envelopes_by_type(profile) if at_type else None
        self.run_name = context.namer(profile.run)
        self.thread_name = context.namer(profile.thread)
        self.has_runs = bool(profile.run or profile.thread)
        self.format = asked(Rule.FORMAT)
        self.known = asked(Rule.KNOWN)
        self.first = asked(Rule.FIRST)
        self.terminal = asked(Rule.TERMINAL)
        self.after_terminal = asked(Rule.AFTER_TERMINAL)
        self.required = {name: asked(Rule.REQUIRED, name) for name in profile.required}
        self.required_if = {
            (cause, name): asked(Rule.REQUIRED_IF, f"{cause} -> {name}")
            for cause, names in profile.required_if.items()
            for name in names
        }
        self.order = {
            (one, two): asked(Rule.ORDER, f"{one} -> {two}") for one, two in pairwise(profile.order)
        }

        for name in profile.named_checks:
            if " " in name and name not in context.checks:
                rule = name.partition(" ")[0]
                error = unknown("check", name, [c for c in context.checks if c.startswith(rule)])
                raise ConfigError(error.what, where=f"profile {profile.name}", mend=error.mend)

    def plan_unread(self, type: str) -> Plan | None:
        """The plan for an event that says ``type`` at /type; None where it must be decoded."""
        if not type or self.envelopes is None or type in self.envelopes:
            return None
        plan = self.plan(self.profile.aliases.get(type, type))
        return None if plan.reads else plan

    def plan(self, type: str) -> Plan:
        """What is to be done with events of ``type``."""
        plan = self.plans.get(type)
        if plan is None:
            plan = Plan(type, self)
            if len(self.plans) < PLANS_MAX:
                self.plans[type] = plan
        return plan


def _parts(profile: Profile, context: Context) -> Iterator[Part]:
    """The parts of a run's judgement; findings about one event come in their order."""
    if profile.at_most_once:
        yield Once(profile.at_most_once, context)
    for pair in profile.pairs:
        yield Pairs(pair, context)
    before = bool(profile.at_most_once) + len(profile.pairs) + bool(profile.chunks)
    context.places.update(
        {rule.name: before + number for number, rule in enumerate(profile.scopes)}
    )
    scopes = {rule.name: Scope(rule, context) for rule in profile.scopes}
    for scope in scopes.values():
        scope.parent = scopes.get(scope.rule.inside)
        if scope.parent and scope.rule.inside_closed:
            scope.parent.remembers = True
    if profile.chunks:
        yield Chunks(profile, context, scopes)
    yield from scopes.values()
    yield from _names(profile, context)
    yield from (Patches(rule, context) for rule in profile.patches)
    yield from (Sequence(rule, context) for rule in profile.sequence)
    if profile.protocol:
        yield Protocol(context)
    latency = profile.latency
    if latency.max_gap_ns is not None:
        yield Gap(latency.max_gap_ns, context)
    if latency.total_ns is not None:
        yield Total(latency.total_ns, context)
    yield from (Between(name, span, context) for name, span in latency.spans.items())
    by_check: dict[str, list[FieldRule]] = {}
    for field in profile.fields:
        is_named = check_name(Rule.FIELDS, field.name) in profile.named_checks
        by_check.setdefault(field.name if is_named else "", []).append(field)
    for subject, fields in by_check.items():
        yield Fields(fields, context, context.asked(Rule.FIELDS, subject))
    yield from (Unique(field, context) for field in profile.fields if field.unique)
    if profile.schema:
        yield Schemas(context)


def _names(profile: Profile, context: Context) -> Iterator[Names]:
    kinds: dict[str, list[NameRule]] = {}
    for rule in profile.names:
        kinds.setdefault(rule.name, []).append(rule)
    names = {kind: Names(rules, context) for kind, rules in kinds.items()}
    for rule in profile.names:
        if rule.inside:
            names[rule.name].around = names[rule.inside]
    yield from names.values()


_compiled: dict[int, Rules] = {}
COMPILED_MAX = 64


def rules_of(profile: Profile) -> Rules:
    """``profile`` compiled; those used last are kept."""
    rules = _compiled.get(id(profile))
    if rules is None or rules.profile is not profile:
        while len(_compiled) >= COMPILED_MAX:
            del _compiled[next(iter(_compiled))]
        rules = _compiled[id(profile)] = Rules(profile)
    return rules
