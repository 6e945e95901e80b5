"""Profiles from TOML: every key is read once, and what is wrong is named by its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, TypeVar

from replay_ws.compliance.profile import (
    KINDS,
    BeforeRule,
    Envelope,
    FieldRule,
    PairRule,
    Pointer,
    Profile,
    Rule,
    Severity,
)
from replay_ws.errors import ConfigError, known, unknown

T = TypeVar("T")


# --- built-in profiles ---------------------------------------------------------------------


@cache
def load_profile(name: str) -> Profile:
    """The built-in profile ``name``; raises ConfigError that lists the known ones."""
    for entry in _built_in():
        if entry.name == f"{name}.toml":
            return parse_profile(entry.read_text("utf-8"), where=f"profile {name}")
    raise unknown("profile", name, profile_names())


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
    return _built(Profile, values, where)


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


def _text_table(value: Any) -> Mapping[str, str]:
    return {key: _text(text) for key, text in _entries(value).items()}


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


# --- tables: what each key of them is ------------------------------------------------------

_KEYS: Mapping[type, Mapping[str, Callable[[Any], Any]]] = {
    Profile: {
        "name": _text,
        "title": _text,
        "type": _pointers,
        "envelopes": _tables,
        "aliases": _text_table,
        "body": _pointers,
        "format": _flag,
        "run": _pointers,
        "thread": _pointers,
        "required": _texts,
        "known": _texts,
        "ignored": _texts,
        "first": _texts,
        "order": _texts,
        "terminal": _texts,
        "after_terminal": _texts,
        "restart": _texts,
        "at_most_once": _texts,
        "pairs": _tables,
        "fields": _tables,
        "before": _tables,
        "volatile": _text_table,
        "severity": _severities,
        "weights": _weights,
    },
    Envelope: {"when": _places, "type": _pointer},
    PairRule: {"name": _text, "open": _texts, "close": _texts, "by": _pointers},
    BeforeRule: {"first": _texts, "then": _texts, "by": _pointers, "then_by": _pointers},
    FieldRule: {"of": _texts, "name": _text, "at": _pointers, "is": _kind, "required": _flag},
}
_CLASSES: Mapping[str, type] = {
    "envelopes": Envelope,
    "pairs": PairRule,
    "fields": FieldRule,
    "before": BeforeRule,
}
"""What the tables under a key become."""

_FIELDS = {"is": "kind"}
"""Keys that a class calls otherwise."""


def _built(cls: type[T], values: Mapping[str, Any], where: str, path: str = "") -> T:
    """``cls`` as a table describes it; a key that is not there is as the class has it.

    ``path`` is where the table stands in the file. Raises ConfigError for a key that is unknown,
    not what it must be, or missing although the class has no default for it.
    """
    keys = _KEYS[cls]
    parsed: dict[str, Any] = {}
    for key, parse in keys.items():
        field = _FIELDS.get(key, key)
        if key not in values and _has_default(cls, field):
            continue
        try:
            value = parse(values.get(key))
        except ValueError as error:
            what = "is not" if key in values else "is missing; it is"
            raise ConfigError(
                f"{path}{key} {what} {error}", where=where, mend=f"mend {path}{key}"
            ) from error
        if key in _CLASSES:
            value = tuple(
                _built(_CLASSES[key], table, where, f"{path}{key}[{number}].")
                for number, table in enumerate(value)
            )
        parsed[field] = value
    for key in values:
        if key not in keys:
            raise ConfigError(
                f"unknown key {path}{key}", where=where, mend=f"use one of: {known(keys)}"
            )
    return cls(**parsed)


def _has_default(cls: type, name: str) -> bool:
    (field,) = (field for field in fields(cls) if field.name == name)
    return field.default is not MISSING or field.default_factory is not MISSING
