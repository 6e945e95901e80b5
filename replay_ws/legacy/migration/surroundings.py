"""What an old class leans on in its file: bases, constants, helpers, imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from replay_ws.legacy.migration.finding import MUTATORS, Candidate
from replay_ws.legacy.migration.model import Refusal
from replay_ws.legacy.migration.sandbox import (
    Traces,
    is_harmless,
    names_used,
    provided,
    require_plain,
)

ORIGINALS = (
    "test_framework.fixtures.websocket_manager_mock",
    "test_framework.fixtures.websocket_test_helpers",
)
"""The modules whose names we have; what they have besides stays with them."""


class Surroundings:
    """What the names of a file stand for, as far as a trial may have it."""

    def __init__(self, tree: ast.Module, mocks: Sequence[Candidate]) -> None:
        self.tree = tree
        self.mocks = mocks
        self.imports = dict(_imports(tree))
        self.definitions = dict(_definitions(tree.body))
        self.changed = set(_changed_names(tree))

    def chain(self, candidate: Candidate) -> list[Candidate]:
        """A class after the mock classes of this file that it is built on."""
        below = [self._mock(base, candidate) for base in candidate.bases]
        found = [item for base in below if base for item in self.chain(base)]
        return [*dict.fromkeys(found), candidate]

    def origin(self, candidate: Candidate) -> str:
        """The name in one of the original's modules that a class is built on; empty if none."""
        for mock in self.chain(candidate):
            for base in mock.bases:
                definition = self.definitions.get(base)
                alias = getattr(definition, "value", None)
                name = alias.id if isinstance(alias, ast.Name) else base
                module, imported = self.imports.get(name, ("", None))
                if module in ORIGINALS and imported:
                    return imported
        return ""

    def _mock(self, name: str, seen_from: Candidate) -> Candidate | None:
        fits = [
            mock
            for mock in self.mocks
            if mock.name == name and mock.scope == seen_from.scope[: len(mock.scope)]
        ]
        return fits[-1] if fits and fits[-1] is not seen_from else None

    def needed(
        self, chain: Sequence[Candidate], traces: Traces
    ) -> tuple[list[ast.stmt], dict[str, Any]]:
        """Statements that define what the classes use, and what stands for their imports.

        Raises Refusal for what a trial cannot have: state of the tests, modules that do things.
        """
        nodes: list[ast.stmt] = [mock.node for mock in chain]
        for node in nodes:
            require_plain(node)
        have = {mock.name for mock in chain}
        env: dict[str, Any] = {}
        before: list[ast.stmt] = []
        open_names = names_used(nodes)
        while open_names:
            name = open_names.pop()
            if name in have or name in env:
                continue
            owner = chain[-1]
            if inner := _binding_scope(name, owner):
                raise Refusal(f"it uses `{name}` of {inner} (a closure over test state)")
            if name in self.definitions:
                node = self.definitions[name]
                self._require_constant(name, node)
                require_plain(node)
                have.add(name)
                before.insert(0, node)
                open_names += names_used([node])
            elif name in self.imports:
                env[name] = provided(*self.imports[name], traces)
            elif not is_harmless(name):
                raise Refusal(f"it uses `{name}`, which a trial cannot have")
        _require_provided([*before, *nodes], env)
        return [*sorted(before, key=lambda node: node.lineno), *nodes], env

    def _require_constant(self, name: str, node: ast.stmt) -> None:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            return
        if name in self.changed:
            raise Refusal(f"it uses `{name}`, which the file changes (a closure over test state)")


def _require_provided(nodes: Sequence[ast.stmt], env: Mapping[str, Any]) -> None:
    """Refusal if something is used of a module that a trial does not have."""
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            given = env.get(node.value.id)
            if isinstance(given, SimpleNamespace) and not hasattr(given, node.attr):
                raise Refusal(f"it needs {ast.unparse(node)}, line {node.lineno}")


def _binding_scope(name: str, owner: Candidate) -> str:
    """Where an enclosing function or class of ``owner`` binds ``name``, in words."""
    for scope in owner.scope[1:]:
        if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        arguments = {item.arg for item in ast.walk(scope.args) if isinstance(item, ast.arg)}
        if name in arguments | set(_stored(scope)):
            return f"{scope.name}()"
    return ""


def _stored(scope: ast.AST) -> Iterator[str]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _imports(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str | None]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, (alias.name, None)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, (node.module or "", alias.name)


def _definitions(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """What stands at the file's top level, by name."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node


def _changed_names(tree: ast.Module) -> Iterator[str]:
    """Names that are bound twice, or whose content somebody changes."""
    bound = [name for name, _ in _definitions(tree.body)]
    yield from {name for name in bound if bound.count(name) > 1}
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=op)) if op in MUTATORS:
                yield name
            case ast.AugAssign(target=ast.Name(id=name)) | ast.Global(names=[name, *_]):
                yield name
