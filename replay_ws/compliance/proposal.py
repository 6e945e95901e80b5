"""A profile that is proposed: its keys, and why each stands there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replay_ws.compliance.loading import parse_profile
from replay_ws.compliance.profile import Profile
from replay_ws.compliance.rules import Pointer
from replay_ws.text import clean, toml

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of the file, or a table in an array of them, and what speaks for it."""

    key: str
    value: Any
    why: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What streams have in common, as a profile."""

    entries: tuple[Entry, ...]
    stream_count: int
    run_count: int
    event_count: int

    @property
    def profile(self) -> Profile:
        """The profile itself."""
        return parse_profile(self.toml(), where="the proposal")

    def toml(self) -> str:
        """The profile as a file, with a comment on each key."""
        streams, runs = _plural(self.stream_count, "stream"), _plural(self.run_count, "run")
        seen = f"{streams}, {runs}, {_plural(self.event_count, 'event')}"
        lines = [
            f"# Proposed from {seen}: what they have in common.",
            "# Take away what is chance, and add what they do not show.",
            "# replay_ws/compliance/profile.py says what the keys mean.",
        ]
        plain = [entry for entry in self.entries if not _is_table(entry)]
        for entry in (*plain, *(entry for entry in self.entries if _is_table(entry))):
            lines += ["", *([f"# {clean(entry.why)}"] if entry.why else []), *_written(entry)]
        return "\n".join(lines) + "\n"


def pointer_text(pointer: Pointer) -> str:
    """A JSON pointer as a profile spells it."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in pointer)


def _is_table(entry: Entry) -> bool:
    return isinstance(entry.value, Mapping)


def _written(entry: Entry) -> Iterable[str]:
    if isinstance(entry.value, Mapping):
        return [f"[[{entry.key}]]", *(f"{key} = {_value(v)}" for key, v in entry.value.items())]
    if entry.key == "protocol":
        return _expression(entry.value)
    line = f"{entry.key} = {_value(entry.value)}"
    if len(line) <= WIDTH or not isinstance(entry.value, list):
        return [line]
    return [f"{entry.key} = [", *(f"    {_value(item)}," for item in entry.value), "]"]


def _expression(links: list[str]) -> list[str]:
    """An expression on one line, or a line for each of its links where that can be read."""
    line = f"protocol = {toml(' '.join(links))}"
    plain = all(toml(link) == f'"{link}"' for link in links)
    if len(line) <= WIDTH or not plain:
        return [line]
    return ['protocol = """', *(f"    {link}" for link in links), '"""']


def _value(value: Any) -> str:
    """A string, whole number or truth value, or a list or table of them."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_value(each)}' for key, each in value.items())} }}"
    return toml(value) if isinstance(value, str) else json.dumps(value)


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
