"""Finding the hand-written mocks of a test file, and what the file does with them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

NAMES = re.compile(
    r"Mock\w*WebSocket|WebSocket\w*Mock|Mock\w*Bridge$|Bridge\w*Mock$"
    r"|(NetworkPartition|SlowNetwork|PacketLoss)MockManager$|EventCapture\w*Manager$"
)
"""How hand-written mocks are called: MockWebSocketManager, CriticalWebSocketMock, ..."""

DOUBLES = re.compile(r"Mock|Fake|Stub|Dummy|Capture|Track|Record|Spy", re.IGNORECASE)
"""A class with such a name stands for something else, if its methods look like it."""

SHAPES = {
    "manager": re.compile(r"record|send_to_(thread|user)|broadcast|connect_user|emit_to_user"),
    "bridge": re.compile(r"notify_(agent|tool)_\w+|emit_(agent|tool|thinking)\w*"),
    "socket": re.compile(r"send_(json|text|bytes)|receive_(json|text)|receive|accept"),
}
"""What a class of a family defines."""

MUTATORS = ("append", "extend", "insert", "clear", "pop", "remove", "update", "setdefault", "add")
MOCK_FEATURES = re.compile(
    r"assert_\w+|called|call_count|call_args(_list)?|mock_calls|method_calls|return_value"
    r"|side_effect|await_count|await_args(_list)?|awaited|reset_mock"
)
SENDS = re.compile(r"send|notify|broadcast|emit|publish")
CLOCKS = ("time.time", "time.monotonic", "time.perf_counter", "loop.time", "perf_counter")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A class that looks like a hand-written mock; ``scope`` names what it stands in."""

    node: ast.ClassDef
    scope: tuple[ast.AST, ...]
    bases: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def is_global(self) -> bool:
        return len(self.scope) == 1

    @property
    def lines(self) -> range:
        first = min([self.node.lineno, *(item.lineno for item in self.node.decorator_list)])
        return range(first, (self.node.end_lineno or self.node.lineno) + 1)

    @property
    def methods(self) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return {item.name: item for item in self.node.body if isinstance(item, kinds)}


@dataclass(slots=True)
class Uses:
    """What a file does outside of its mock classes, by name of attribute."""

    reads: set[str] = field(default_factory=set)
    writes: dict[str, list[ast.expr]] = field(default_factory=dict)
    mutated: set[tuple[str, str]] = field(default_factory=set)
    as_mock: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    clocks: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    """Attributes that a variable keeps, so that it shows whether they are emptied or replaced."""
    asked: set[str] = field(default_factory=set)
    """Names that ``hasattr`` asks for."""
    mutates_later: bool = False


def candidates(tree: ast.Module) -> list[Candidate]:
    """The classes of a file that look like mocks of a WebSocket manager, bridge or socket."""
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "replay_ws"
        for alias in node.names
    }
    classes = [c for c in _classes(tree, (tree,)) if not ours & set(c.bases)]
    found: dict[str, Candidate] = {}
    chosen = []
    for candidate in classes:
        if _looks_like_one(candidate, found):
            found[candidate.name] = candidate
            chosen.append(candidate)
    return chosen


def _classes(node: ast.AST, scope: tuple[ast.AST, ...]) -> Iterator[Candidate]:
    """All classes in order, but for those inside of a class that is one itself."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            bases = tuple(ast.unparse(base) for base in child.bases)
            yield Candidate(child, scope, bases)
        is_scope = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        yield from _classes(child, (*scope, child) if is_scope else scope)


def _looks_like_one(candidate: Candidate, found: dict[str, Candidate]) -> bool:
    name = candidate.name
    if name.startswith("Test") or any(
        scope is f.node for f in found.values() for scope in candidate.scope
    ):
        return False
    if any(base in found or base == "MockWebSocketManager" for base in candidate.bases):
        return True
    if NAMES.search(name):
        return True
    is_recorder = set(candidate.methods) <= {"__init__", "record"}  # of anything
    return bool(DOUBLES.search(name)) and family(candidate) is not None and not is_recorder


def family(candidate: Candidate) -> str | None:
    """``manager``, ``bridge`` or ``socket``, by the names of methods; None for none of them."""
    names = [*candidate.methods, *assigned(candidate.node)]
    score = {
        kind: sum(bool(shape.fullmatch(name)) for name in names) for kind, shape in SHAPES.items()
    }
    best = max(score, key=lambda kind: score[kind])
    return best if score[best] else None


def assigned(node: ast.ClassDef) -> Iterator[str]:
    """Names of ``self.NAME = ...``."""
    for inner in ast.walk(node):
        targets = inner.targets if isinstance(inner, ast.Assign) else []
        for target in targets:
            if isinstance(target, ast.Attribute):
                yield target.attr


# --- what the file does with them -------------------------------------------------------


def uses_of(tree: ast.Module, mocks: list[Candidate]) -> Uses:
    """What stands outside of the mock classes."""
    uses = Uses()
    skipped = {mock.node for mock in mocks}
    for node in _outside(tree, skipped):
        _note(node, uses)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)
    uses.mutates_later = any(
        _sent_names(node) & _mutated_names(node)
        for node in _outside(tree, skipped)
        if isinstance(node, functions)
    )
    return uses


def _outside(node: ast.AST, skipped: set[ast.ClassDef]) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if child not in skipped:
            yield from _outside(child, skipped)


def _note(node: ast.AST, uses: Uses) -> None:
    match node:
        case ast.Attribute(value=ast.Attribute(attr=attr), attr=feature) if MOCK_FEATURES.fullmatch(
            feature
        ):
            uses.as_mock.add(attr)
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=attr), attr=op)) if (
            op in MUTATORS
        ):
            uses.mutated.add((attr, op))
        case ast.Assign(targets=targets, value=value):
            uses.held |= {value.attr} if isinstance(value, ast.Attribute) else set()
            for target in targets:
                if isinstance(target, ast.Attribute):
                    uses.writes.setdefault(target.attr, []).append(value)
                if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute):
                    uses.mutated.add((target.value.attr, "__setitem__"))
        case ast.AugAssign(target=ast.Attribute(attr=attr), value=value):
            uses.writes.setdefault(attr, []).append(value)
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            uses.keys.add(key)
        case ast.Constant(value=str(key)):
            uses.keys.add(key)
    if isinstance(node, ast.Attribute):
        uses.reads.add(node.attr)
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called.endswith(CLOCKS) or called in CLOCKS:
            uses.clocks.add(called)
        if called in ("getattr", "setattr", "hasattr", "patch.object"):
            named = {str(a.value) for a in node.args[1:2] if isinstance(a, ast.Constant)}
            uses.reads |= named
            uses.asked |= named if called == "hasattr" else set()


def _sent_names(function: ast.AST) -> set[str]:
    """Variables that are handed to a send."""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and SENDS.match(getattr(node.func, "attr", "")):
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            names |= {item.id for item in arguments if isinstance(item, ast.Name)}
    return names


def _mutated_names(function: ast.AST) -> set[str]:
    """Variables whose content a function changes, or whose identity it asks for."""
    names = set()
    for node in ast.walk(function):
        match node:
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.Subscript(
                value=ast.Subscript(value=ast.Name(id=name)), ctx=ast.Store() | ast.Del()
            ):
                names.add(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=op)) if op in MUTATORS:
                names.add(name)
            case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Name(id=name)]):
                names.add(name)
            case ast.Compare(left=ast.Name(id=name), ops=[ast.Is() | ast.IsNot()]):
                names |= {name} if not isinstance(node.comparators[0], ast.Constant) else set()
    return names
