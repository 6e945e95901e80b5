"""Methods that ours has under another name, and the calls of them that are surely of our mock."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from inspect import iscoroutinefunction
from typing import Any, Final

from replay_ws.legacy.migration.model import Refusal

RENAMED: Final[Mapping[str, str]] = {"record": "send_to_thread"}
"""What a hand-written mock may call a method of ours; the calls must agree all the same."""


def renamed(methods: Mapping[str, Any], new: Any) -> dict[str, str]:
    """The methods of an old class that ours has under another name: what is awaited stays so."""
    return {
        name: RENAMED[name]
        for name, method in methods.items()
        if name in RENAMED
        and iscoroutinefunction(method) != iscoroutinefunction(getattr(new, name, None))
    }


def calls_of(tree: ast.Module, name: str, cls: str, inside: ast.ClassDef) -> set[tuple[int, str]]:
    """Line and receiver of each ``receiver.name`` where the receiver is an instance of ``cls``.

    Raises Refusal if there is one of which that is not known: an ``EventValidator`` may have a
    method of that name too, and must keep it.
    """
    found = set()
    own = set(ast.walk(inside))
    for node in ast.walk(tree):
        if node in own or not isinstance(node, ast.Attribute) or node.attr != name:
            continue
        receiver = ast.unparse(node.value)
        made = set(_makers(tree, receiver))
        if (cls in made and len(made) > 1) or not made:
            raise Refusal(f"whose `{name}` line {node.lineno} calls is not known")
        if made == {cls}:
            found.add((node.lineno, receiver))
    return found


def _makers(tree: ast.Module, receiver: str) -> Iterator[str]:
    """The classes (or what else is called) whose results a variable or a fixture holds."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                if any(ast.unparse(target) == receiver for target in targets):
                    yield from _made_by(value)
            case ast.FunctionDef(name=name) if name == receiver and "fixture" in _decorators(node):
                returns = (ast.Return, ast.Yield)
                for inner in ast.walk(node):
                    if isinstance(inner, returns) and inner.value is not None:
                        yield from _made_by(inner.value)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    if item.optional_vars and ast.unparse(item.optional_vars) == receiver:
                        yield ast.unparse(item.context_expr)


def _made_by(value: ast.expr) -> Iterator[str]:
    yield ast.unparse(value.func) if isinstance(value, ast.Call) else ast.unparse(value)


def _decorators(node: ast.FunctionDef) -> str:
    return " ".join(map(ast.unparse, node.decorator_list))
