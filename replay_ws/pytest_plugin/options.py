"""What a suite is asked to do: the command line, and ``[tool.replay_ws]`` in pyproject.toml.

Every option and marker carries our prefix, so that it meets no other plugin's.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest

UPDATES = ("all", "create", "fix", "trim")
"""What may be done to goldens: make those that are missing, replace those that a test differs
from, remove those that no test names; or all of it."""


def add_options(parser: pytest.Parser) -> None:
    """The options of the command line."""
    group = parser.getgroup("replay_ws", "replay_ws: deterministic tests of event streams")
    for name, help, options in _OPTIONS:
        group.addoption(name, help=help, default=None, **options)


def _update(value: str) -> str:
    if value not in UPDATES:
        raise ArgumentTypeError(
            f"{value!r} is none of {', '.join(UPDATES)} (write --ws-update=all {value})"
        )
    return value


_OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "--ws-update",
        "Write goldens: create (missing ones), fix (those that differ), trim (unused ones) or all.",
        {"nargs": "?", "const": "all", "type": _update, "metavar": "WHAT"},
    ),
    ("--ws-seed", "Seed of every marked test.", {"type": int, "metavar": "N"}),
    (
        "--ws-seeds",
        "Run every marked test with each of these seeds: A..B (without B), or N for 0..N.",
        {"metavar": "A..B|N"},
    ),
    (
        "--ws-mode",
        "Run every marked test in this behaviour mode (a+b for two at once); may be repeated.",
        {"action": "append", "metavar": "M"},
    ),
    ("--ws-schedule", "Which ready task goes next: fifo, legal, pos, ...", {"metavar": "P"}),
    (
        "--ws-verify",
        "Run every marked test twice, under other addresses, and fail where the two differ.",
        {"action": "store_true"},
    ),
    (
        "--ws-repro",
        "Repeat what a kept session or a plan file says: its seed, faults and order.",
        {"metavar": "FILE"},
    ),
    (
        "--ws-history",
        "Keep what marked tests did in this SQLite file, as hunts do; quarantined ones may fail.",
        {"metavar": "FILE"},
    ),
    ("--ws-report", "Write a JSON report of all marked tests.", {"metavar": "FILE"}),
    (
        "--ws-strict-escapes",
        "What leaves a run is an error, also where a test or the project says warn.",
        {"action": "store_true"},
    ),
)


def updates(config: pytest.Config) -> frozenset[str]:
    """What may be done to goldens in this run."""
    asked = config.getoption("--ws-update")
    if asked is None:
        return frozenset()
    return frozenset(UPDATES[1:]) if asked == "all" else frozenset([asked])


def check_options(config: pytest.Config) -> None:
    """Raises pytest.UsageError for options that cannot be kept together."""
    if not updates(config):
        return
    from replay_ws.report.kept import is_ci  # a suite that asks for nothing loads nothing

    if is_ci():
        raise pytest.UsageError(
            "--ws-update writes goldens, and CI is set: run it where somebody reads them"
        )
    if is_departure(config):
        raise pytest.UsageError(
            f"a golden is what a plain run gives: leave {', '.join(_DEPARTURES)} out, "
            "or --ws-update"
        )


_DEPARTURES = ("--ws-seed", "--ws-seeds", "--ws-mode", "--ws-schedule", "--ws-repro")


def is_departure(config: pytest.Config) -> bool:
    """Whether tests run under other conditions than they say themselves."""
    return any(config.getoption(name) is not None for name in _DEPARTURES)


@dataclass(frozen=True, slots=True)
class Settings:
    """``[tool.replay_ws]``: what holds for every test of the project.

    ``cassettes`` is the folder of the goldens, ``artifacts`` where the sessions of failed tests
    are kept, and ``repros`` holds failures that must not come back; all relative to the root. The
    other names are those of the marker.
    """

    root: Path
    cassettes: str = "cassettes"
    artifacts: str = ".replay_ws"
    repros: str = ""
    seed: int = 0
    schedule: str = "fifo"
    profile: str = "agent5"
    order: str = "causal"
    tolerance_ms: float = 0
    threads: str = "refuse"
    escapes: str = "error"
    ignore: tuple[str, ...] = ()
    volatile: Mapping[str, str] = field(default_factory=dict)
    redact_keys: tuple[str, ...] = ()
    keep_keys: tuple[str, ...] = ()

    @property
    def golden_folder(self) -> Path:
        """Where goldens are."""
        return self.root / self.cassettes

    @property
    def artifact_folder(self) -> Path:
        """Where sessions of failed tests are kept."""
        return self.root / self.artifacts


def is_repro(config: pytest.Config, path: Path) -> bool:
    """Whether a cassette is in the folder of repros."""
    settings = settings_of(config)
    return bool(settings.repros) and path.is_relative_to(settings.root / settings.repros)


_SETTINGS = pytest.StashKey[Settings]()


def settings_of(config: pytest.Config) -> Settings:
    """The project's settings; raises pytest.UsageError where they are wrong."""
    if _SETTINGS not in config.stash:
        path = config.inipath
        if path is None or path.name != "pyproject.toml":
            path = config.rootpath / "pyproject.toml"
        config.stash[_SETTINGS] = _read(path, config.rootpath)
    return config.stash[_SETTINGS]


def _read(path: Path, root: Path) -> Settings:
    import tomllib

    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Settings(root)
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"{path}: it cannot be read: {error}") from error
    table = document.get("tool", {}).get("replay_ws", {})
    known = {each.name: each.type for each in fields(Settings) if each.name != "root"}
    return Settings(root, **{name: _value(name, table[name], known, path) for name in table})


def _value(name: str, value: Any, known: Mapping[str, Any], path: Path) -> Any:
    if name not in known:
        from replay_ws.errors import unknown

        raise pytest.UsageError(f"{path}: [tool.replay_ws]: {unknown('key', name, known)}")
    fits, means = _KINDS[known[name]]
    if not fits(value):
        raise pytest.UsageError(
            f"{path}: [tool.replay_ws]: {name} is {value!r}; it must be {means}"
        )
    return tuple(value) if isinstance(value, list) else value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_text_table(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return type(value) is int


# Annotations are text here, as the module postpones them.
_KINDS = {
    "str": (_is_text, "a string"),
    "int": (_is_whole, "a whole number"),
    "float": (_is_number, "a number"),
    "tuple[str, ...]": (_are_texts, "a list of strings"),
    "Mapping[str, str]": (_is_text_table, "a table of strings"),
}
