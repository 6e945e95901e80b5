"""The rules that name values which may differ from run to run, as they are written.

A rule is ``[TYPE:]PATH``. The path goes from the payload down: ``$.data.timestamp``,
``$.items[*].id`` (every element), ``$.calls[0].id`` (the first), ``$.meta.*`` (every key),
``$.meta["two words"]``, ``$..timestamp`` (at any depth; ``**.timestamp`` is the same). With a type
it is about events of that type only: ``agent_started:$.run_id``. What may stand there, the value
of the rule says (see ``replay_ws.diff.volatile``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from replay_ws.errors import ConfigError

_TYPE = re.compile(r"(?P<type>[^$]+?):(?=\$|\*\*)")
_STEP = re.compile(
    r"(?P<deep>\.\.)?\.?"
    r'(?:(?P<name>[\w-]+|\*)|\[(?P<index>\d+|\*)\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\])'
)
_PATH = re.compile(
    r'\$(?:\.\.?(?:[\w-]+|\*)|(?:\.\.)?\[(?:\d+|\*|"(?:[^"\\]|\\.)*")\])+',
)
_PLAIN = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: to a key or an index, or to all of them (None); ``deep`` is at any depth."""

    to: str | int | None
    deep: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """Which values of which events a rule is about; an empty ``type`` is every type."""

    type: str
    steps: tuple[Step, ...]

    @property
    def precedence(self) -> tuple[bool, int, int]:
        """Of rules about one value the highest holds: the one that says most exactly where."""
        vague = sum(step.deep or step.to is None for step in self.steps)
        return (bool(self.type), -vague, len(self.steps))


def rule_of(text: str) -> Rule:
    """The rule that ``text`` spells; raises ConfigError."""
    given = str(text)
    found = _TYPE.match(given)
    path = given[found.end() :] if found else given
    path = f"$.{path[2:]}" if path.startswith("**.") else path
    if _PATH.fullmatch(path) is None:
        raise ConfigError(
            f"{text!r:.80} is no rule for what to ignore",
            mend="write a path, as in '$.data.timestamp' or 'agent_started:$.run_id'",
        )
    return Rule(found["type"] if found else "", tuple(map(_step, _STEP.finditer(path[1:]))))


def _step(found: re.Match[str]) -> Step:
    name, index, quoted = found["name"], found["index"], found["quoted"]
    to: str | int | None = name if name not in (None, "*") else None
    if quoted is not None:
        to = json.loads(quoted)
    elif index not in (None, "*"):
        to = int(index)
    return Step(to, found["deep"] is not None)


def path_text(steps: Iterable[str | int | None]) -> str:
    """The path that leads along ``steps``; None is every element."""
    path = "$"
    for step in steps:
        match step:
            case None:
                path += "[*]"
            case int():
                path += f"[{step}]"
            case _:
                path += f".{step}" if _PLAIN.fullmatch(step) else f"[{json.dumps(step)}]"
    return path
