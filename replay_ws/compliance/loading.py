"""Profiles from TOML: every key is read once, and what is wrong is named by its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from replay_ws.compliance.profile import (
    KINDS,
    Envelope,
    FieldRule,
    PairRule,
    Pointer,
    Profile,
    Rule,
    Severity,
)
from replay_ws.errors import ConfigError, known

T = TypeVar("T")


# --- built-in profiles ---------------------------------------------------------------------


@cache
def load_profile(name: str) -> Profile:
    """The built-in profile ``name``; raises ConfigError that lists the known ones."""
    for entry in _built_in():
        if entry.name == f"{name}.toml":
            return parse_profile(entry.read_text("utf-8"), where=f"profile {name}")
    raise ConfigError(f"unknown profile {name!r}", mend=f"use one of: {known(profile_names())}")


def profile_names() -> list[str]:
    """Names of the built-in profiles."""
    return sorted(entry.name.removesuffix(".toml") for entry in _built_in())


def _built_in() -> list[Any]:
    from importlib.resources import files  # dear to import, and most sessions ask for no profile

    folder = files("replay_ws.compliance").joinpath("profiles")
    return [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]


# --- the whole file ------------------------------------------------------------------------


def parse_profile(text: str, *, where: str = "profile") -> Profile:
    """The profile that a TOML text describes; raises ConfigError that names the line or the key."""
    import tomllib

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(error), where=where, mend="write it as TOML") from error
    return _profile(_Table(values, where))


def _profile(table: _Table) -> Profile:
    profile = Profile(
        name=table.read("name", _text),
        title=table.read("title", _text, ""),
        type=table.read("type", _pointers, (("type",),)),
        envelopes=table.each("envelopes", _envelope),
        aliases=table.read("aliases", _aliases, {}),
        body=table.read("body", _pointers, ((),)),
        format=table.read("format", _flag, False),
        run=table.read("run", _pointers, ()),
        thread=table.read("thread", _pointers, ()),
        required=table.read("required", _texts, ()),
        known=table.read("known", _texts, ()),
        ignored=table.read("ignored", _texts, ()),
        first=table.read("first", _texts, ()),
        order=table.read("order", _texts, ()),
        terminal=table.read("terminal", _texts, ()),
        after_terminal=table.read("after_terminal", _texts, ()),
        restart=table.read("restart", _texts, ()),
        at_most_once=table.read("at_most_once", _texts, ()),
        pairs=table.each("pairs", _pair_rule),
        fields=table.each("fields", _field_rule),
        severity=table.read("severity", _severities, {}),
        weights=table.read("weights", _weights, {}),
    )
    table.close()
    return profile


def _envelope(table: _Table) -> Envelope:
    return Envelope(when=table.read("when", _places), type=table.read("type", _pointer))


def _pair_rule(table: _Table) -> PairRule:
    return PairRule(
        name=table.read("name", _text),
        open=table.read("open", _texts),
        close=table.read("close", _texts),
        by=table.read("by", _pointers, ()),
    )


def _field_rule(table: _Table) -> FieldRule:
    return FieldRule(
        of=table.read("of", _texts),
        name=table.read("name", _text),
        at=table.read("at", _pointers),
        kind=table.read("is", _kind),
        required=table.read("required", _flag, False),
    )


# --- single values: each raises ValueError with what is wanted -----------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of strings")
    return tuple(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _kind(value: Any) -> str:
    if not isinstance(value, str) or value not in KINDS:
        raise ValueError(f"one of {known(KINDS)}")
    return value


def _pointer(value: Any) -> Pointer:
    if not isinstance(value, str) or value[:1] not in ("", "/"):
        raise ValueError("a JSON pointer, empty or beginning with /")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in value.split("/")[1:])


def _pointers(value: Any) -> tuple[Pointer, ...]:
    return tuple(map(_pointer, value if isinstance(value, list) else [value]))


def _entries(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a table")
    return value


def _places(value: Any) -> tuple[tuple[Pointer, Any], ...]:
    return tuple((_pointer(place), wanted) for place, wanted in _entries(value).items())


def _aliases(value: Any) -> Mapping[str, str]:
    return {alias: _text(name) for alias, name in _entries(value).items()}


def _severities(value: Any) -> Mapping[Rule, Severity]:
    return {_rule(rule): _severity(severity) for rule, severity in _entries(value).items()}


def _severity(value: Any) -> Severity:
    if not isinstance(value, str) or value not in set(Severity):
        raise ValueError(f"a table whose values are of {known(Severity)}")
    return Severity(value)


def _weights(value: Any) -> Mapping[Rule, int]:
    if not all(type(weight) is int and weight >= 0 for weight in _entries(value).values()):
        raise ValueError("a table whose values are integers from 0 up")
    return {_rule(rule): weight for rule, weight in _entries(value).items()}


def _rule(name: str) -> Rule:
    if name not in set(Rule):
        raise ValueError(f"a table whose keys are of {known(Rule)}")
    return Rule(name)


def _tables(value: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("an array of tables")
    return value


# --- a table as it is read -----------------------------------------------------------------


class _Table:
    """One table of the file; ``path`` is where it stands in it."""

    def __init__(self, values: Mapping[str, Any], where: str, path: str = "") -> None:
        self.values = values
        self.where = where
        self.path = path
        self.read_keys: list[str] = []

    def read(self, key: str, parse: Callable[[Any], T], default: T | None = None) -> T:
        """The value of ``key``; without it the default, or an error where that is None."""
        self.read_keys.append(key)
        if key not in self.values and default is not None:
            return default
        try:
            return parse(self.values.get(key))
        except ValueError as error:
            what = "is not" if key in self.values else "is missing; it is"
            raise ConfigError(
                f"{self.path}{key} {what} {error}", where=self.where, mend=f"mend {self.path}{key}"
            ) from error

    def each(self, key: str, build: Callable[[_Table], T]) -> tuple[T, ...]:
        """What ``build`` makes of each of an array of tables."""
        built: list[T] = []
        none: Sequence[Mapping[str, Any]] = ()
        for number, values in enumerate(self.read(key, _tables, none)):
            table = _Table(values, self.where, f"{self.path}{key}[{number}].")
            built.append(build(table))
            table.close()
        return tuple(built)

    def close(self) -> None:
        """Refuse what was not read."""
        for key in self.values:
            if key not in self.read_keys:
                raise ConfigError(
                    f"unknown key {self.path}{key}",
                    where=self.where,
                    mend=f"use one of: {known(self.read_keys)}",
                )
