"""The keys of a profile, each read once; what is wrong is named by file, line and key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from replay_ws.compliance import expression
from replay_ws.compliance.positions import Path, line_of, shown
from replay_ws.compliance.profile import Profile
from replay_ws.compliance.rules import (
    DIRECTIONS,
    KINDS,
    BeforeRule,
    ChunkRule,
    Concat,
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
    Span,
)
from replay_ws.errors import ConfigError, known

T = TypeVar("T")


class Source:
    """The text of a profile."""

    def __init__(self, text: str, where: str) -> None:
        import tomllib

        self.text, self.where = text, where
        try:
            self.values: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(str(error), where=where, mend="write it as TOML") from error

    def place(self, path: Path) -> str:
        """File, line and key, as an error names them."""
        line = line_of(self.text, path)
        return ", ".join([self.where, *([f"line {line}"] if line else []), shown(path)])

    def error(self, path: Path, what: str, mend: str) -> ConfigError:
        """What is wrong at a key."""
        return ConfigError(what, where=self.place(path), mend=mend)


# --- single values: each raises ValueError with what is wanted -----------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of strings")
    return tuple(value)


def _values(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of values")
    return tuple(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _kind(value: Any) -> str:
    if not isinstance(value, str) or value not in KINDS:
        raise ValueError(f"one of {known(KINDS)}")
    return value


def _protocol(value: Any) -> str:
    text = _text(value)
    if text:
        expression.parse(text)
    return text


def _direction(value: Any) -> str:
    if value not in DIRECTIONS:
        raise ValueError(f"one of {known(DIRECTIONS)}")
    return str(value)


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


def _table_of_texts(value: Any) -> Mapping[str, tuple[str, ...]]:
    return {key: _texts(texts) for key, texts in _entries(value).items()}


def _after_terminal(value: Any) -> Mapping[str, tuple[str, ...]]:
    return {"*": _texts(value)} if isinstance(value, list) else _table_of_texts(value)


def _severities(value: Any) -> Mapping[str, Severity]:
    if not all(
        isinstance(word, str) and word in set(Severity) for word in _entries(value).values()
    ):
        raise ValueError(f"a table whose values are of {known(Severity)}")
    return {_check(name): Severity(word) for name, word in value.items()}


def _severity(value: Any) -> Severity:
    if not isinstance(value, str) or value not in set(Severity):
        raise ValueError(f"one of {known(Severity)}")
    return Severity(value)


def _weights(value: Any) -> Mapping[str, int]:
    if not all(type(weight) is int and weight >= 0 for weight in _entries(value).values()):
        raise ValueError("a table whose values are integers from 0 up")
    return {_check(name): weight for name, weight in value.items()}


def _check(name: str) -> str:
    if name.partition(" ")[0] not in set(Rule):
        raise ValueError(f"a table whose keys are of {known(Rule)}, or one of their checks")
    return name


def _checks(value: Any) -> tuple[str, ...]:
    for name in _texts(value):
        if name.partition(" ")[0] not in set(Rule):
            raise ValueError(f"a list of checks; each begins with one of {known(Rule)}")
    return tuple(value)


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("an integer")
    return value


def _share(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1")
    return float(value)


def _milliseconds(value: Any) -> int:
    if type(value) not in (int, float) or not 0 < value < 1e12:
        raise ValueError("a number of milliseconds above 0")
    return int(value * 1_000_000)


def _schemas(value: Any) -> Mapping[str, Any]:
    if not all(isinstance(schema, (dict, bool)) for schema in _entries(value).values()):
        raise ValueError("a table of JSON Schemas by type")
    return dict(value)


def _table_or_tables(value: Any) -> Sequence[Mapping[str, Any]]:
    return [value] if isinstance(value, dict) else _tables(value)


def _tables(value: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("an array of tables")
    return value


_EXAMPLES: Mapping[Callable[[Any], Any], str] = {
    _text: '"answer"',
    _texts: '["agent_started", "agent_completed"]',
    _values: '["yes", "no"]',
    _flag: "true",
    _kind: '"string"',
    _protocol: '"agent_started agent_thinking* agent_completed"',
    _direction: '"server"',
    _pointer: '"/payload/run_id"',
    _pointers: '["/payload/run_id", "/run_id"]',
    _entries: '{ by = "/run_id" }',
    _places: '{ "/role" = "assistant" }',
    _text_table: '{ started = "agent_started" }',
    _table_of_texts: '{ tool_executing = ["tool_completed"] }',
    _after_terminal: '["heartbeat"]',
    _severities: '{ order = "warning" }',
    _severity: '"warning"',
    _weights: "{ order = 2 }",
    _checks: '["required", "order"]',
    _integer: "1",
    _share: "0.9",
    _milliseconds: "500",
    _schemas: '{ agent_started = { required = ["run_id"] } }',
    _tables: '[{ name = "run" }]',
    _table_or_tables: '{ at = "/seq" }',
}
"""What each kind of value looks like in a file."""


# --- tables: what each key of them is ------------------------------------------------------

_KEYS: Mapping[type, Mapping[str, Callable[[Any], Any]]] = {
    Profile: {
        "name": _text,
        "title": _text,
        "extends": _text,
        "direction": _direction,
        "type": _pointers,
        "within": _pointers,
        "envelopes": _tables,
        "aliases": _text_table,
        "body": _pointers,
        "format": _flag,
        "run": _pointers,
        "thread": _pointers,
        "required": _texts,
        "required_if": _table_of_texts,
        "known": _texts,
        "ignored": _texts,
        "strangers": _flag,
        "first": _texts,
        "order": _texts,
        "terminal": _texts,
        "after_terminal": _after_terminal,
        "restart": _texts,
        "at_most_once": _texts,
        "pairs": _tables,
        "scopes": _tables,
        "chunks": _tables,
        "lanes": _entries,
        "names": _tables,
        "patches": _tables,
        "sequence": _table_or_tables,
        "latency": _entries,
        "protocol": _protocol,
        "per": _pointers,
        "fields": _tables,
        "schema": _schemas,
        "before": _tables,
        "volatile": _text_table,
        "severity": _severities,
        "weights": _weights,
        "must": _checks,
        "min_score": _share,
    },
    Envelope: {"when": _places, "has": _pointers, "type": _pointer, "as": _text, "body": _pointer},
    PairRule: {"name": _text, "open": _texts, "close": _texts, "by": _pointers, "must": _flag},
    ScopeRule: {
        "name": _text,
        "open": _texts,
        "cont": _texts,
        "close": _texts,
        "by": _pointers,
        "by_all": _pointers,
        "must_close_before": _texts,
        "at_end": _severity,
        "inside": _text,
        "inside_by": _pointers,
        "inside_by_all": _pointers,
        "inside_closed": _flag,
        "reuse": _flag,
        "reopen": _severity,
        "implicit": _flag,
        "same": _pointers,
        "concat": _entries,
        "severity": _severity,
        "must_close_severity": _severity,
        "must": _flag,
    },
    Concat: {"delta": _pointers, "full": _pointers, "json": _flag},
    ChunkRule: {
        "of": _texts,
        "scope": _text,
        "needs": _pointers,
        "same": _pointers,
        "usual": _places,
    },
    LaneRule: {"by": _pointers, "end": _texts, "end_all": _texts},
    NameRule: {
        "name": _text,
        "by": _pointers,
        "owner": _pointers,
        "first": _texts,
        "then": _texts,
        "known": _flag,
        "anew": _texts,
        "inside": _text,
        "inside_by": _pointers,
        "listed": _pointer,
        "when": _places,
    },
    PatchRule: {
        "name": _text,
        "whole": _texts,
        "whole_at": _pointers,
        "patch": _texts,
        "patch_at": _pointers,
        "by": _pointers,
    },
    SequenceRule: {
        "of": _texts,
        "at": _pointers,
        "name": _text,
        "start": _integer,
        "step": _integer,
        "duplicate": _severity,
        "gap": _severity,
        "per": _pointers,
    },
    Span: {"from": _texts, "to": _texts, "within_ms": _milliseconds},
    BeforeRule: {"first": _texts, "then": _texts, "by": _pointers, "then_by": _pointers},
    FieldRule: {
        "of": _texts,
        "name": _text,
        "at": _pointers,
        "is": _kind,
        "among": _values,
        "required": _flag,
        "unique": _flag,
    },
}
_CLASSES: Mapping[str, type] = {
    "envelopes": Envelope,
    "pairs": PairRule,
    "scopes": ScopeRule,
    "chunks": ChunkRule,
    "names": NameRule,
    "patches": PatchRule,
    "sequence": SequenceRule,
    "fields": FieldRule,
    "before": BeforeRule,
}
"""What the tables under a key become."""

_CLASS: Mapping[str, type] = {"concat": Concat, "lanes": LaneRule}
"""What the table under a key becomes."""

_FIELDS = {"is": "kind", "as": "as_", "from": "from_", "within_ms": "within_ns"}
"""Keys that a class calls otherwise."""


class Reader:
    """Tables to the classes that they describe."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def table(self, cls: type[T], values: Mapping[str, Any], path: Path) -> T:
        """``cls`` as a table describes it; a key that is not there is as the class has it.

        ``path`` is where the table stands in the file. Raises ConfigError for a key that is
        unknown, not what it must be, or missing although the class has no default for it.
        """
        keys = _KEYS[cls]
        parsed: dict[str, Any] = {}
        for key, parse in keys.items():
            field = _FIELDS.get(key, key)
            if key not in values and _has_default(cls, field):
                continue
            value = self._value(parse, values, path, key)
            parsed[field] = self._nested(key, value, (*path, key))
        for key in values:
            if key not in keys:
                mend = f"use one of: {known(keys)}"
                raise self.source.error((*path, key), "is no key that there is", mend)
        return cls(**parsed)

    def _value(
        self, parse: Callable[[Any], Any], values: Mapping[str, Any], path: Path, key: str
    ) -> Any:
        try:
            return parse(values.get(key))
        except ConfigError as error:
            raise self.source.error((*path, key), error.what, error.mend) from error
        except ValueError as error:
            what = "is not" if key in values else "is missing; it is"
            mend = f"write it as in {key} = {_EXAMPLES[parse]}"
            raise self.source.error((*path, key), f"{what} {error}", mend) from error

    def _nested(self, key: str, value: Any, path: Path) -> Any:
        if key in _CLASSES:
            places = ((*path, number) for number in range(len(value)))
            return tuple(map(self.table, [_CLASSES[key]] * len(value), value, places))
        if key == "latency":
            return self._latency(value, path)
        if key in _CLASS:
            return self.table(_CLASS[key], value, path)
        return value

    def _latency(self, values: Mapping[str, Any], path: Path) -> LatencyRule:
        budgets: dict[str, int] = {}
        spans: dict[str, Span] = {}
        for key, value in values.items():
            if key in ("max_gap_ms", "total_ms"):
                budgets[key] = self._value(_milliseconds, values, path, key)
            elif isinstance(value, dict):
                spans[key] = self.table(Span, value, (*path, key))
            else:
                mend = f'write it as in {key} = {{ from = ["a"], to = ["b"], within_ms = 500 }}'
                what = "is not a table of from, to and within_ms"
                raise self.source.error((*path, key), what, mend)
        return LatencyRule(budgets.get("max_gap_ms"), budgets.get("total_ms"), spans)


def _has_default(cls: type, name: str) -> bool:
    (field,) = (field for field in fields(cls) if field.name == name)
    return field.default is not MISSING or field.default_factory is not MISSING
