"""The programs again, with everything in them watched: what two functions share, every container,
every object and every mock. The source is rewritten, and keeps its lines.
"""

from __future__ import annotations

import ast
import inspect
import symtable
from collections.abc import Awaitable, Callable, Iterator
from types import ModuleType
from typing import Any

from replay_ws import watch

Program = Callable[[], Awaitable[None]]

_MAKERS = {"MockWebSocketManager", "defaultdict", "deque", "dict", "list", "set"}
_UNWATCHABLE = (BaseException, tuple)


def watched_programs(module: ModuleType, programs: tuple[Program, ...]) -> list[Program]:
    """``programs`` of ``module``, with everything watched."""
    source = inspect.getsource(module)
    tree = ast.parse(source)
    for function, names in _shared_names(tree, source):
        first = 1 if ast.get_docstring(function) else 0
        function.body = [_InNamespace(names).visit(statement) for statement in function.body]
        function.body[first:first] = ast.parse("_shared = _watched(_Shared())").body
    tree = ast.fix_missing_locations(_Watching().visit(tree))
    names: dict[str, Any] = {
        "__name__": module.__name__,
        "_watched": _watched,
        "_watched_class": _watched_class,
        "_Shared": _Shared,
    }
    exec(compile(tree, str(module.__file__), "exec"), names)
    return [names[program.__name__] for program in programs]


class _Shared:
    """What were local variables that functions in the program share."""


def _watched(thing: Any) -> Any:
    return watch(thing, report="collect")


def _watched_class(kind: type) -> type:
    return kind if issubclass(kind, _UNWATCHABLE) else watch(kind, report="collect")


def _shared_names(tree: ast.Module, source: str) -> Iterator[tuple[ast.AsyncFunctionDef, set[str]]]:
    """Every program, and the names of its variables that functions in it use."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    for table in symtable.symtable(source, "", "exec").get_children():
        function = functions.get(table.get_name())
        if function is None:
            continue
        defined = {
            node.name
            for node in ast.walk(function)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
        own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_local()}
        free, hidden = set(_free_names(table)), set(_names_of_their_own(table))
        yield function, (own & free) - defined - hidden


def _names_of_their_own(table: symtable.SymbolTable) -> Iterator[str]:
    for inner in table.get_children():
        yield from (symbol.get_name() for symbol in inner.get_symbols() if symbol.is_local())
        yield from _names_of_their_own(inner)


def _free_names(table: symtable.SymbolTable) -> Iterator[str]:
    for inner in table.get_children():
        if isinstance(inner, symtable.Function):
            yield from inner.get_frees()
        yield from _free_names(inner)


class _InNamespace(ast.NodeTransformer):
    """Names of shared variables become attributes of one object."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._names:
            return node
        owner = ast.Name("_shared", ast.Load())
        return ast.copy_location(ast.Attribute(owner, node.id, node.ctx), node)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return node
        assign = ast.Assign([self.visit(node.target)], self.visit(node.value))
        return ast.copy_location(assign, node)


class _Watching(ast.NodeTransformer):
    """Containers, mocks and classes are watched where they are made."""

    def _watching(self, node: ast.expr) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return node
        return ast.copy_location(ast.Call(ast.Name("_watched", ast.Load()), [node], []), node)

    visit_Dict = visit_List = visit_Set = visit_DictComp = visit_ListComp = visit_SetComp = (
        _watching
    )

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id in _MAKERS:
            return self._watching(node)
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        self.generic_visit(node)
        node.decorator_list.insert(0, ast.Name("_watched_class", ast.Load()))
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def _body_only(self, node: Any) -> Any:
        node.body = [self.visit(statement) for statement in node.body]
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _body_only
