"""The shape of the package, proven from its own imports: nothing is imported to find out.

Four rules: imports run downhill, the core that decides is pure, a heavy library is loaded
where it is used, and a module is one documented subject. Each rule is a function from a
module's syntax tree to complaints, so that the tests below can also show it complaining.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "replay_ws"

# Bottom row first. A name stands for a module, or for a package and all that is in it; the
# longest name that fits counts. A module imports from rows below its own; in its own row only
# from its own package. `errors` is below its neighbours because everything may raise.
ROWS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("clock", "collector", "rng", "text"),
    ("events",),
    ("cassette.format", "cassette.redaction"),
    ("faults",),
    ("channel", "compliance"),
    ("diff",),
    ("metrics", "playback", "race"),
    ("session",),
    ("sim", "cassette", "report"),
    ("recording",),
    ("programs", "running"),
    ("staged",),
    ("recorder", "replayer", "mock", "verifier"),
    ("hunter",),
    ("api", "legacy"),
    ("pytest_plugin",),
    ("cli",),
)
EXEMPT = {"", "__main__"}  # the front doors `replay_ws/__init__.py` and `python -m replay_ws`

# What decides takes time as an integer and chance as a keyed stream, and reaches for nothing.
PURE = (
    "errors",
    "clock",
    "rng",
    "text",
    "events",
    "cassette.format",
    "cassette.redaction",
    "faults",
    "channel",
    "compliance",
    "diff",
    "metrics",
    "playback",
    "race",
    "session",
)
READERS = {"compliance.loading"}  # a profile is a file, the user's or ours
IMPURE_MODULES = {
    "tasks and threads": ("asyncio", "threading", "concurrent", "multiprocessing", "queue"),
    "the network": ("socket", "ssl", "select", "selectors", "http", "urllib.request"),
    "files": ("os", "pathlib", "tempfile", "shutil", "glob", "mmap"),
    "the host": ("subprocess", "signal", "platform", "locale", "gc", "logging", "ctypes"),
    "real time": ("time", "freezegun"),
    "unkeyed chance": ("random", "secrets", "uuid.uuid1", "uuid.uuid4"),
    "the screen": ("click", "rich"),
}
IMPURE_CALLS = {"open", "print", "input", "datetime.now", "date.today", "uuid.uuid1", "uuid.uuid4"}

# Loaded inside the function that needs it: `import replay_ws` must stay quick.
HEAVY = {
    "click",
    "deepdiff",
    "freezegun",
    "hypothesis",
    "libcst",
    "pytest",
    "pytest_asyncio",
    "rich",
    "yaml",
}
HEAVY_AT_HOME = {"cli": {"click"}, "pytest_plugin": {"pytest"}}

LINES_MAX = 450


class Module(NamedTuple):
    """One module of the package; ``name`` is without the package's own: "cassette.format"."""

    name: str
    source: str
    is_package: bool = False  # an __init__.py

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)


class Import(NamedTuple):
    """One name imported, in full: ``from a.b import c`` is "a.b.c" on its line."""

    target: str
    line: int


def read_modules() -> Iterator[Module]:
    """Every module of the package, by path."""
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        yield Module(name, path.read_text(encoding="utf-8"), is_package)


MODULES = list(read_modules())
NAMES = {module.name for module in MODULES} | {entry for row in ROWS for entry in row}


# --- Reading a tree ---------------------------------------------------------------------


def imports_of(module: Module, nodes: Iterator[ast.AST]) -> Iterator[Import]:
    """What ``nodes`` import; relative imports are spelt out from the module's own name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = [PACKAGE, *module.name.split(".")] if module.name else [PACKAGE]
                up = node.level - 1 if module.is_package else node.level
                base = ".".join([*here[: len(here) - up], *filter(None, [node.module])])
            yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)


def run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is loaded: no function bodies, no TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from run_at_import(node)


def is_within(name: str, home: str) -> bool:
    """Whether dotted ``name`` is ``home`` or stands in it."""
    return name == home or name.startswith(home + ".")


def row_of(name: str) -> tuple[int, str] | None:
    """The row of a module, from 0 at the bottom, and the entry of the table that says so."""
    fits = [(entry, row) for row, entries in enumerate(ROWS) for entry in entries]
    fits = [(entry, row) for entry, row in fits if is_within(name, entry)]
    if not fits:
        return None
    entry, row = max(fits, key=lambda fit: len(fit[0]))
    return row, entry


def own_module(target: str) -> str | None:
    """The module of ours that an import loads: "events" for "replay_ws.events.Session"."""
    if not is_within(target, PACKAGE):
        return None
    name = target.removeprefix(PACKAGE).removeprefix(".")
    while name and name not in NAMES:
        name = name.rpartition(".")[0]
    return name


# --- The rules --------------------------------------------------------------------------


def uphill_imports(module: Module) -> Iterator[str]:
    """Imports from the module's own row or one above, its own package apart.

    An import inside a function or under TYPE_CHECKING counts too: it binds as much.
    """
    if module.name in EXEMPT:
        return
    placed = row_of(module.name)
    if placed is None:
        yield f"{module.name} has no row: add it to the table ROWS of tests/test_architecture.py"
        return
    row, _ = placed
    for target, line in imports_of(module, ast.walk(module.tree)):
        name = own_module(target)
        if name is None:
            continue
        if name in EXEMPT:
            yield f"{module.name}:{line} imports the front door ({target}): name the module meant"
            continue
        their_row, their_entry = row_of(name) or (len(ROWS), name)
        same_package = name.partition(".")[0] == module.name.partition(".")[0]
        if their_row > row or (their_row == row and not same_package):
            yield f"{module.name}:{line} imports {name}, which is not below it (row {their_entry})"


def impurities(module: Module) -> Iterator[str]:
    """What a module of the pure core reaches for, at load or later."""
    if not any(is_within(module.name, pure) for pure in PURE) or module.name in READERS:
        return
    for target, line in imports_of(module, ast.walk(module.tree)):
        for what, banned in IMPURE_MODULES.items():
            if any(is_within(target, name) for name in banned):
                yield f"{module.name}:{line} imports {target}: {what} belong to the edges"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and (called := ast.unparse(node.func)) in IMPURE_CALLS:
            yield f"{module.name}:{node.lineno} calls {called}(): that is for the edges"


def heavy_imports(module: Module) -> Iterator[str]:
    """Heavy libraries that loading the module loads."""
    at_home = HEAVY_AT_HOME.get(module.name.partition(".")[0], set())
    for target, line in imports_of(module, run_at_import(module.tree)):
        library = target.partition(".")[0]
        if library in HEAVY - at_home:
            yield f"{module.name}:{line} loads {library}: import it in the function that uses it"


def shapelessness(module: Module) -> Iterator[str]:
    """A missing docstring, or more lines than one subject has."""
    if not ast.get_docstring(module.tree):
        yield f"{module.name or PACKAGE} has no docstring: say in one sentence what it is"
    lines = module.source.count("\n")
    if lines >= LINES_MAX:
        yield f"{module.name} has {lines} lines: name its second subject and move it out"


# --- The package keeps them -------------------------------------------------------------

every_module = pytest.mark.parametrize(
    "module", MODULES, ids=lambda module: module.name or "__init__"
)


@every_module
def test_imports_run_downhill(module: Module) -> None:
    assert list(uphill_imports(module)) == []


def test_imports_make_no_circle() -> None:
    below = {
        module.name: {own_module(target) for target, _ in imports_of(module, ast.walk(module.tree))}
        - {None, module.name}
        for module in MODULES
    }
    TopologicalSorter(below).prepare()  # raises CycleError, which names the circle


@every_module
def test_the_core_is_pure(module: Module) -> None:
    assert list(impurities(module)) == []


@every_module
def test_heavy_libraries_load_where_they_are_used(module: Module) -> None:
    assert list(heavy_imports(module)) == []


@every_module
def test_a_module_is_one_documented_subject(module: Module) -> None:
    assert list(shapelessness(module)) == []


def test_the_core_loads_deepdiff_in_one_module_only() -> None:
    users = {
        module.name
        for module in MODULES
        for target, _ in imports_of(module, ast.walk(module.tree))
        if is_within(target, "deepdiff")
    }
    assert len(users) <= 1, "a dependency's type stays behind one module of ours"
    assert all(is_within(user, "diff") for user in users)


# --- And the rules can fail -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("clock", "from replay_ws.errors import ConfigError"),
        ("cassette.writer", "from . import format\nfrom .format import Magic"),
        ("events.model", "from replay_ws.events.encoding import pack"),
        ("cli", "import replay_ws.rng"),
        ("rng", "import hashlib, collections.abc"),
    ],
)
def test_an_import_from_below_or_from_the_own_package_is_fine(name: str, source: str) -> None:
    assert list(uphill_imports(Module(name, source))) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("errors", "from replay_ws.clock import now"),
        ("rng", "import replay_ws.clock"),
        ("events.model", "def late():\n    from replay_ws import clock, errors, __main__"),
        ("clock", "from .rng import Stream"),
        ("rng", "from replay_ws import __version__"),
    ],
)
def test_an_import_from_the_side_or_above_is_named(name: str, source: str) -> None:
    (complaint,) = uphill_imports(Module(name, source))
    assert complaint.startswith(f"{name}:")


def test_a_module_without_a_row_asks_for_one() -> None:
    (complaint,) = uphill_imports(Module("newcomer", ""))
    assert "add it to the table" in complaint


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from os import path",
        "def f():\n    import random",
        "x = open('file')",
        "from uuid import uuid4",
        "import uuid\nx = uuid.uuid4()",
    ],
)
def test_an_impure_core_is_named(source: str) -> None:
    assert len(list(impurities(Module("channel", source)))) == 1
    assert list(impurities(Module("sim.loop", source))) == []


def test_a_heavy_import_counts_only_where_loading_runs_it() -> None:
    lazily = "def f():\n    import rich\nif TYPE_CHECKING:\n    import yaml"
    assert list(heavy_imports(Module("report", lazily))) == []
    eagerly = "try:\n    import rich.table\nexcept ImportError:\n    pass"
    assert len(list(heavy_imports(Module("report", eagerly)))) == 1
    assert list(heavy_imports(Module("cli.main", "import click"))) == []
    assert len(list(heavy_imports(Module("cli.main", "import rich")))) == 1


def test_a_long_or_undocumented_module_is_named() -> None:
    assert len(list(shapelessness(Module("clock", "x = 1\n" * LINES_MAX)))) == 2
    assert list(shapelessness(Module("clock", '"""Time."""\n'))) == []
