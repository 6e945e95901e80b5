"""Values that may differ from run to run: rules that name them, and sessions without them.

A rule is ``[TYPE:]PATH``. The path goes from the payload down: ``$.data.timestamp``,
``$.items[*].id`` (every element), ``$.calls[0].id`` (the first), ``$.meta.*`` (every key),
``$..timestamp`` (at any depth). With a type it is about events of that type only:
``agent_started:$.run_id``. What stands there is not compared; that something does is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from replay_ws.diff.model import Deliveries
from replay_ws.errors import ConfigError
from replay_ws.events.encoding import encode
from replay_ws.events.log import Op
from replay_ws.events.model import Event

IGNORED = "<ignored>"
"""What stands in the place of a value that is not compared."""

_RULE = re.compile(r"(?:(?P<type>[^$]+):)?\$(?P<path>(?:\.\.?(?:[\w-]+|\*)|\[(?:\d+|\*)\])+)")
_STEP = re.compile(r"(?P<deep>\.\.)?\.?(?:(?P<name>[\w-]+|\*)|\[(?P<index>\d+|\*)\])")


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: to a key or an index, or to all of them (None); ``deep`` is at any depth."""

    to: str | int | None
    deep: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """Which values of which events are not compared; an empty ``type`` is every type."""

    type: str
    steps: tuple[Step, ...]


def rule_of(text: str) -> Rule:
    """The rule that ``text`` spells; raises ConfigError."""
    found = _RULE.fullmatch(str(text))
    if found is None:
        raise ConfigError(
            f"{text!r:.80} is no rule for what to ignore",
            mend="write a path, as in '$.data.timestamp' or 'agent_started:$.run_id'",
        )
    return Rule(found["type"] or "", tuple(map(_step, _STEP.finditer(found["path"]))))


def _step(found: re.Match[str]) -> Step:
    name, index = found["name"], found["index"]
    to: str | int | None = name if name not in (None, "*") else None
    if index not in (None, "*"):
        to = int(index)
    return Step(to, found["deep"] is not None)


def without(value: Any, steps: Sequence[Step]) -> Any:
    """``value`` with what ``steps`` lead to replaced; a copy where anything was."""
    if not steps:
        return IGNORED
    first, rest = steps[0], steps[1:]

    def stepped(key: str | int, inner: Any) -> Any:
        if first.to is None or key == first.to:
            inner = without(inner, rest)
        return without(inner, steps) if first.deep else inner

    match value:
        case dict():
            return {key: stepped(key, inner) for key, inner in value.items()}
        case list() | tuple():
            return [stepped(number, inner) for number, inner in enumerate(value)]
        case _:
            return value


class Lenient:
    """A session as a comparison reads it, without what the rules name."""

    def __init__(self, session: Deliveries, rules: Iterable[Rule]) -> None:
        self._session = session
        self._rules = tuple(rules)

    def delivered(self) -> Sequence[Event]:
        """What receivers saw."""
        return self._delivered

    @cached_property
    def _delivered(self) -> tuple[Event, ...]:
        return tuple(map(self._lenient, self._session.delivered()))

    @cached_property
    def events(self) -> Sequence[Event]:
        """Every message as it was sent."""
        return tuple(map(self._lenient, self._session.events))

    def _lenient(self, event: Event) -> Event:
        rules = [rule for rule in self._rules if rule.type in ("", event.type)]
        packed = _PACKED.get(event.op)
        payload = event.payload if rules and packed else None
        if packed is None or not isinstance(payload, (dict, list)):
            return event
        for rule in rules:
            payload = without(payload, rule.steps)
        return replace(event, body=packed(payload))


_PACKED: dict[Op, Callable[[Any], str | bytes]] = {
    Op.OBJECT: encode,
    Op.TEXT: lambda payload: json.dumps(payload, sort_keys=True),
}
