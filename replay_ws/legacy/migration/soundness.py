"""What must hold of a rewritten source: it parses, and every name in it is bound, and in time."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence

from replay_ws.legacy.migration.finding import Candidate
from replay_ws.legacy.migration.model import Refusal

FRONT_DOOR = "replay_ws"


def require_sound(before: str, after: str) -> None:
    """Refusal unless the result parses and every name that was bound is bound still."""
    try:
        tree = ast.parse(after)
    except SyntaxError as error:
        raise Refusal(f"the result would not parse, line {error.lineno}") from None
    if early := _used_before_import(tree):
        raise Refusal(f"{early!r} would be used before it is imported")
    if lost := _unbound(tree) - _unbound(ast.parse(before)) - set(dir(builtins)):
        raise Refusal(f"nothing would bind {sorted(lost)[0]!r} any more")


def _used_before_import(tree: ast.Module) -> str:
    """A name of ours that a file uses, as it is loaded, above its import; empty if none."""
    ours = {
        alias.asname or alias.name: node.lineno
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == FRONT_DOOR
        for alias in node.names
    }
    return next((name for name, line in _loaded(tree) if line < ours.get(name, 0)), "")


def _loaded(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that are read while a file is loaded, with their lines."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
            yield child.id, child.lineno
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _loaded(child)


def bindings(tree: ast.AST) -> Iterator[str]:
    """Names that a file binds, outside of functions and classes; as often as it does."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
                continue
            case ast.AsyncFunctionDef(name=name):
                yield name
                continue
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.alias(name=name, asname=as_name):
                yield as_name or name
        yield from bindings(node)


def _unbound(tree: ast.Module) -> set[str]:
    """Names that are read somewhere in a file and bound nowhere in it."""
    read, bound = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                bound.add(name)
            case ast.AsyncFunctionDef(name=name) | ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.alias(name=name, asname=as_name):
                bound.add(as_name or name.partition(".")[0])
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                bound.add(name)
    return read - bound


def require_free(names: Iterable[str], source: str, mocks: Sequence[Candidate]) -> None:
    """Refusal if a file uses a name of ours for something else."""
    tree = ast.parse(source)
    own = {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    own -= {mock.name for mock in mocks}
    if taken := sorted(set(names) & own):
        raise Refusal(f"the file has a {taken[0]!r} of its own")
