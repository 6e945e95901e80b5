"""Rules about single events of a run and their names: pairs, at most once, fields, schemas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from replay_ws.compliance.parts import Context, Part, RunState, Step, called
from replay_ws.compliance.profile import Profile
from replay_ws.compliance.reading import NOTHING, Getter, name_of
from replay_ws.compliance.rules import KINDS, FieldRule, PairRule, Rule, fits
from replay_ws.compliance.tally import Asked, Seen
from replay_ws.errors import ConfigError
from replay_ws.text import cut, quoted

FAULT_MAX = 200
"""Characters of what a schema says of an event, which may quote all of it."""


class Once(Part):
    """Types that a run has once."""

    reads = False

    def __init__(self, names: tuple[str, ...], context: Context) -> None:
        self.names = names
        self.asked = context.asked(Rule.AT_MOST_ONCE)
        self.types: set[str] = set()

    def step(self, type: str) -> Step | None:
        """A type that came is one too many."""
        if not fits(type, self.names):
            return None
        self.types.add(type)

        def once(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            if type in run.came:
                seen = Seen(type, number, time_ns)
                run.tally.lose(self.asked, f"{type} came again", seen, run.name)

        return once

    def finish(self, run: RunState) -> None:
        """Each event was one question."""
        run.tally.ask(self.asked, run.count(self.types))


class Pairs(Part):
    """What opens is closed. What has no name closes the last that opened, and is closed by any."""

    def __init__(self, rule: PairRule, context: Context) -> None:
        self.rule = rule
        self.name = context.namer(rule.by)
        self.asked = context.asked(Rule.PAIRS, rule.name, must=rule.must)
        self.types: set[str] = set()

    def begin(self) -> dict[str, list[Seen]]:
        """What is open, by name."""
        return {}

    def step(self, type: str) -> Step | None:
        """Open, or close what is open."""
        place, name_of = self.place, self.name
        if fits(type, self.rule.open):

            def open(run: RunState, payload: Any, number: int, time_ns: int) -> None:
                seen = Seen(type, number, time_ns)
                run.states[place].setdefault(name_of(payload), []).append(seen)

            return open
        if not fits(type, self.rule.close):
            return None
        self.types.add(type)

        def close(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            waiting: dict[str, list[Seen]] = run.states[place]
            name = name_of(payload)
            closed = name if name in waiting else "" if name else next(reversed(waiting), "")
            if closed not in waiting:
                message = f"{called(type, name)} closes nothing that is open"
                run.tally.lose(self.asked, message, Seen(type, number, time_ns), run.name)
                return
            waiting[closed].pop()
            if not waiting[closed]:
                del waiting[closed]

        return close

    def finish(self, run: RunState) -> None:
        """What is open stays so; what closed was a question each."""
        run.tally.ask(self.asked, run.count(self.types))
        for name, opened in run.states[self.place].items():
            for seen in opened:
                run.tally.ask(self.asked)
                message = f"{called(seen.type, name)} was never closed"
                run.tally.lose(self.asked, message, seen, run.name)


class Fields(Part):
    """Which fields events have, and of which kind they are."""

    def __init__(self, rules: Iterable[FieldRule], context: Context, asked: Asked) -> None:
        self.rules = [(rule, context.getter(rule.at)) for rule in rules]
        self.types: set[str] = set()
        self.asked = asked

    def step(self, type: str) -> Step | None:
        """Look at the fields of an event."""
        rules = [(rule, get) for rule, get in self.rules if fits(type, rule.of)]
        if not rules:
            return None
        self.types.add(type)

        def look(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            faults = [fault for rule, get in rules if (fault := _fault(type, rule, get, payload))]
            if faults:
                seen = Seen(type, number, time_ns)
                run.tally.lose(self.asked, "; ".join(faults), seen, run.name)

        return look

    def finish(self, run: RunState) -> None:
        """Each event was one question."""
        run.tally.ask(self.asked, run.count(self.types))


def _fault(type: str, rule: FieldRule, get: Getter, payload: Any) -> str:
    value = get(payload)
    if value is NOTHING:
        return f"{type} has no {rule.name}" if rule.required else ""
    if not KINDS[rule.kind](value):
        return f"the {rule.name} of {type} is no {rule.kind}"
    if rule.among and value not in rule.among:
        return f"the {rule.name} of {type} is none of {', '.join(map(str, rule.among))}"
    return ""


UNIQUE_MAX = 100_000
"""How many values of a field are remembered; what comes twice mostly does so at once."""


class Unique(Part):
    """A field whose value no two events of a run have."""

    def __init__(self, rule: FieldRule, context: Context) -> None:
        self.rule = rule
        self.value = context.getter(rule.at)
        self.asked = context.asked(Rule.FIELDS, f"{rule.name} unique")
        self.types: set[str] = set()

    def begin(self) -> dict[str, int]:
        """Which event had a value."""
        return {}

    def step(self, type: str) -> Step | None:
        """Look whether the value came before."""
        if not fits(type, self.rule.of):
            return None
        self.types.add(type)
        place, value_of, what = self.place, self.value, self.rule.name

        def look(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            came: dict[str, int] = run.states[place]
            name = name_of(value_of(payload))
            before = came.setdefault(name, number) if name else number
            if before != number:
                message = f"{type} has the {what} {quoted(name)} of #{before}"
                run.tally.lose(self.asked, message, Seen(type, number, time_ns), run.name)
            elif len(came) > UNIQUE_MAX:
                del came[next(iter(came))]

        return look

    def finish(self, run: RunState) -> None:
        """Each event was one question."""
        run.tally.ask(self.asked, run.count(self.types))


class Schemas(Part):
    """What events of a type look like, as JSON Schema."""

    def __init__(self, context: Context) -> None:
        self.profile: Profile = context.profile
        self.asked = {name: context.asked(Rule.SCHEMA, name) for name in context.profile.schema}
        self.types: dict[str, set[str]] = {name: set() for name in self.asked}
        self.library = _library()

    def step(self, type: str) -> Step | None:
        """Validate an event by every schema that is for its type."""
        steps = [self._validator(type, name) for name in self.profile.schema if fits(type, (name,))]
        if not steps:
            return None

        def validate(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            for step in steps:
                step(run, payload, number, time_ns)

        return steps[0] if len(steps) == 1 else validate

    def _validator(self, type: str, name: str) -> Step:
        asked = self.asked[name]
        self.types[name].add(type)
        try:
            validator = self.library.validator_for(self.profile.schema[name])
        except ValueError as error:
            what = f"schema {name} is no JSON Schema: {str(error).splitlines()[0]}"
            where = f"profile {self.profile.name}"
            raise ConfigError(what, where=where, mend="mend the schema") from error
        is_valid = validator.is_valid

        def validate(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            try:
                if is_valid(payload):
                    return
                error = next(iter(validator.iter_errors(payload)))
                place = "".join(f"/{step}" for step in error.instance_path)
                fault = f"{place or 'the event'}: {cut(error.message, FAULT_MAX)}"
            except (ValueError, TypeError) as error:
                fault = f"it is no JSON: {error}"
            seen = Seen(type, number, time_ns)
            run.tally.lose(asked, f"{type} does not keep its schema; {fault}", seen, run.name)

        return validate

    def finish(self, run: RunState) -> None:
        """Each event was one question to each schema of its type."""
        for name, asked in self.asked.items():
            run.tally.ask(asked, run.count(self.types[name]))


def _library() -> Any:
    try:
        import jsonschema_rs
    except ImportError as error:
        what = "a profile with [schema] needs jsonschema-rs, which is not installed"
        raise ConfigError(what, mend="pip install 'replay-ws[schema]'") from error
    return jsonschema_rs
