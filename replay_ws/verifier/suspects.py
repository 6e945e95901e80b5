"""What in a program's code may differ from run to run: sets that it walks through, names it uses.

Code is read, never run. Where a frame is still alive the set itself is looked at, through plain
variables and attributes only; else the source says that something is a set, and no more.
"""

from __future__ import annotations

import ast
import contextlib
import dis
import linecache
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, time
from enum import Enum
from pathlib import PurePath
from types import CodeType, FrameType, FunctionType
from typing import Any
from weakref import WeakSet

from replay_ws.sim.places import is_library

ADDRESS, NONE, TEXT, STABLE, UNKNOWN = "address", "None", "text", "stable", ""
"""What the hash of a set's members comes from, the least stable first."""

_SEEDED = (str, bytes, Enum, date, time, PurePath)
_MEMBERS_LOOKED_AT = 50
_FUNCTIONS_FOLLOWED = 200
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COPIES = ("list", "tuple", "iter", "enumerate", "map", "filter", "zip")  # they keep the order


@dataclass(frozen=True, slots=True)
class SetWalk:
    """A place where a program goes through a set, in the order of the set."""

    what: str
    hashed_by: str
    place: str
    is_live: bool = False
    """Whether the program stood inside of that loop when the runs parted."""


@dataclass(frozen=True, slots=True)
class NameUse:
    """A place where a function uses a name of the module, of an outer function or of an object."""

    name: str
    is_global: bool
    place: str


def reachable_code(
    frames: Iterable[FrameType], functions: Iterable[FunctionType]
) -> dict[CodeType, dict[str, Any]]:
    """The users' code that ``frames`` run, then ``functions``, then what these may call; with the
    globals of each."""
    codes = {frame.f_code: frame.f_globals for frame in frames if not is_library(frame)}
    codes |= {function.__code__: function.__globals__ for function in functions}
    waiting = list(codes)
    while waiting and len(codes) < _FUNCTIONS_FOLLOWED:
        code = waiting.pop(0)
        scope = codes[code]
        called = {
            f.__code__: f.__globals__ for use in _uses(code) for f in _callees(use.name, scope)
        }
        called |= {inner: scope for inner in code.co_consts if isinstance(inner, CodeType)}
        new = {callee: its for callee, its in called.items() if callee not in codes}
        codes |= new
        waiting += new
    return codes


# --- sets --------------------------------------------------------------------------------------


def set_walks(frames: Iterable[FrameType], codes: Iterable[CodeType]) -> list[SetWalk]:
    """Walks through sets in ``frames``, those around the current line first; then in ``codes``."""
    frames = [frame for frame in frames if not is_library(frame)]
    seen = {frame.f_code for frame in frames}
    found = [walk for frame in frames for walk in _walks(frame.f_code, frame)]
    found += [walk for code in codes if code not in seen for walk in _walks(code, None)]
    return sorted(dict.fromkeys(found), key=lambda walk: not walk.is_live)


def _walks(code: CodeType, frame: FrameType | None) -> Iterator[SetWalk]:
    function = _function_node(code)
    if function is None:
        return
    sets = _names_of_sets(function)
    for node in ast.walk(function):
        if not isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            continue
        walked = _without_copies(node.iter)
        found, value = _value(walked, frame) if frame is not None else (False, None)
        if found and not isinstance(value, (set, frozenset, WeakSet)):
            continue
        if not found and not _is_set(walked, sets):
            continue
        line = node.iter.lineno
        end = getattr(node, "end_lineno", None) or node.iter.end_lineno or line
        text = ast.unparse(walked)
        yield SetWalk(
            f"`{text}`, {_members_text(value)}" if found else f"`{text}`, a set",
            hash_source(value) if found else UNKNOWN,
            f"{code.co_filename}:{line} in {code.co_qualname}",
            is_live=frame is not None and line <= frame.f_lineno <= end,
        )


def _function_node(code: CodeType) -> ast.AST | None:
    source = "".join(linecache.getlines(code.co_filename))
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if (
            isinstance(node, _FUNCTIONS)
            and code.co_firstlineno in _first_lines(node)
            and getattr(node, "name", "<lambda>") == code.co_name
        ):
            return node
    return None


def _first_lines(node: Any) -> Iterator[int]:
    yield node.lineno
    yield from (decorator.lineno for decorator in getattr(node, "decorator_list", ()))


def _without_copies(node: ast.expr) -> ast.expr:
    """``x`` of ``list(x)`` and the like."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id not in _COPIES or not node.args:
            break
        node = node.args[-1]
    return node


def _names_of_sets(function: ast.AST) -> set[str]:
    """Names that the function binds to something that is plainly a set."""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and _is_set(node.value, set()):
            names |= {ast.unparse(target) for target in node.targets}
        elif isinstance(node, ast.Assign) and "asyncio.wait(" in ast.unparse(node.value):
            names |= {ast.unparse(part) for part in getattr(node.targets[0], "elts", ())}
        elif isinstance(node, ast.AnnAssign):
            kind = ast.unparse(node.annotation).partition("[")[0]
            if kind in ("set", "frozenset", "AbstractSet", "Set"):
                names.add(ast.unparse(node.target))
    return names


def _is_set(node: ast.expr, names: set[str]) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")
    return isinstance(node, (ast.Set, ast.SetComp)) or ast.unparse(node) in names


def _value(node: ast.expr, frame: FrameType) -> tuple[bool, Any]:
    """Whether ``node`` can be looked up without running code, and what it is."""
    if isinstance(node, ast.Name):
        for scope in (frame.f_locals, frame.f_globals):
            if node.id in scope:
                return True, scope[node.id]
    if isinstance(node, ast.Set):
        with contextlib.suppress(ValueError):
            return True, ast.literal_eval(node)
    if isinstance(node, ast.Attribute):
        found, owner = _value(node.value, frame)
        attributes = getattr(owner, "__dict__", {}) if found else {}
        if node.attr in attributes:
            return True, attributes[node.attr]
    return False, None


# --- what a hash comes from --------------------------------------------------------------------


def hash_source(value: Any) -> str:
    """What the order of a set of these members comes from: the least stable of their hashes."""
    sources = {_hash_source(member) for member in _some(value)}
    return next((s for s in (ADDRESS, NONE, TEXT, UNKNOWN) if s in sources), STABLE)


def _hash_source(member: Any) -> str:
    kind = type(member)
    if member is None:
        return NONE if sys.version_info < (3, 12) else STABLE
    if isinstance(member, _SEEDED):
        return TEXT
    if isinstance(member, (int, float, complex)):
        return STABLE
    if isinstance(member, (tuple, frozenset)):
        return hash_source(member)
    if getattr(kind, "__hash__", None) is object.__hash__:
        return ADDRESS
    if is_dataclass(kind):
        return hash_source([getattr(member, field.name, 0) for field in fields(kind)])
    return UNKNOWN


def _some(members: Iterable[Any]) -> list[Any]:
    return [member for member, _ in zip(members, range(_MEMBERS_LOOKED_AT), strict=False)]


def _members_text(members: Any) -> str:
    kinds = dict.fromkeys(type(member).__qualname__ for member in _some(members))
    return f"a {type(members).__name__} of {' and '.join(sorted(kinds))}" if kinds else "a set"


# --- names -------------------------------------------------------------------------------------


def name_uses(codes: Iterable[CodeType]) -> list[NameUse]:
    """Every use in ``codes`` of a name that is no local variable."""
    return [use for code in codes for use in _uses(code)]


def _uses(code: CodeType) -> Iterator[NameUse]:
    for instruction in dis.get_instructions(code):
        is_global = instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
        if is_global or instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_DEREF"):
            line = instruction.positions.lineno if instruction.positions else None
            place = f"{code.co_filename}:{line or code.co_firstlineno} in {code.co_qualname}"
            yield NameUse(str(instruction.argval), is_global, place)


def _callees(name: str, scope: dict[str, Any]) -> Iterator[FunctionType]:
    """The users' functions that ``name`` may stand for, or a method of a class beside it."""
    module = scope.get("__name__")
    found = scope.get(name)
    methods = (
        vars(owner).get(name)
        for owner in list(scope.values())
        if isinstance(owner, type) and owner.__module__ == module
    )
    inits = (vars(found).get("__init__"),) if isinstance(found, type) else ()
    for candidate in (found, *methods, *inits):
        if isinstance(candidate, FunctionType) and _is_users(candidate):
            yield candidate


def _is_users(function: FunctionType) -> bool:
    package = (function.__module__ or "").partition(".")[0]
    return package != "replay_ws" and package not in sys.stdlib_module_names
