"""Old classes brought to life without their test file: no import of it runs, nothing leaves.

A class is compiled by itself, with what it may use and no more: harmless builtins, a clock that
stands still between calls, sleeps that are noted and not slept, draws that are given. What it needs
beyond that is a reason to leave it alone, and is named. Tests of conditions are noted too, so that
a trial can say which branches it never saw.
"""

from __future__ import annotations

import ast
import builtins
import collections
import copy
import dataclasses
import datetime
import dis
import enum
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from types import CodeType, SimpleNamespace
from typing import Any, Final, Self
from unittest import mock

from replay_ws.legacy.migration.model import Refusal

FRESH: Final = "0123456789abcdef0123456789abcdef"
"""What a made-up id looks like in a trial."""

TICKS_MAX = 200_000

_BUILTINS = (
    *("abs", "all", "any", "bool", "bytes", "callable", "classmethod", "dict", "enumerate"),
    *("filter", "float", "frozenset", "getattr", "hasattr", "int", "isinstance", "issubclass"),
    *("iter", "len", "list", "map", "max", "min", "next", "object", "property", "range", "repr"),
    *("reversed", "round", "set", "setattr", "sorted", "staticmethod", "str", "sum", "super"),
    *("tuple", "type", "zip"),
)
"""Builtins that reach nothing outside of a class."""


class Instant(float):
    """A moment, as the old class sees it: ours has another clock, so only its kind matters."""


class Traces:
    """What happened inside of an old class: time it slept, branches it took."""

    def __init__(self) -> None:
        self.slept_s = 0.0
        self.draw = 0.5
        self.steps = 0
        self.clock_s = 1_000_000.0
        self.ticks = 0
        self.branches: dict[tuple[int, str], set[bool]] = {}

    def now(self) -> Instant:
        self.clock_s += 0.001
        return Instant(self.clock_s)

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.clock_s += seconds

    async def sleep_async(self, seconds: float, result: object = None) -> object:
        self.sleep(seconds)
        return result

    def took(self, place: tuple[int, str], value: object) -> object:
        """Note which way a condition went; its own value goes on."""
        self.branches.setdefault(place, set()).add(bool(value))
        return value

    def tick(self) -> None:
        self.ticks += 1
        if self.ticks > TICKS_MAX:
            raise Refusal("its loops do not end in a trial")


def _modules(traces: Traces) -> dict[str, Any]:
    """The modules that an old class may use, cut down to what is harmless."""
    chance = SimpleNamespace(
        random=lambda: min(traces.draw, 0.999_999),
        uniform=lambda low, high: low + (high - low) * traces.draw,
        randint=lambda low, high: low + int((high - low) * traces.draw),
    )
    lock = SimpleNamespace(Lock=threading.Lock, RLock=threading.RLock)
    quiet = mock.MagicMock(name="logging")
    return {
        "time": SimpleNamespace(
            time=traces.now, monotonic=traces.now, perf_counter=traces.now, sleep=traces.sleep
        ),
        "asyncio": SimpleNamespace(
            sleep=traces.sleep_async, Lock=_AsyncLock, TimeoutError=TimeoutError
        ),
        "random": chance,
        "threading": lock,
        "json": SimpleNamespace(
            dumps=json.dumps, loads=json.loads, JSONDecodeError=json.JSONDecodeError
        ),
        "copy": SimpleNamespace(copy=copy.copy, deepcopy=copy.deepcopy),
        "uuid": SimpleNamespace(uuid4=lambda: _Fresh(), uuid1=lambda: _Fresh()),
        "collections": SimpleNamespace(
            defaultdict=collections.defaultdict,
            deque=collections.deque,
            Counter=collections.Counter,
            OrderedDict=collections.OrderedDict,
        ),
        "dataclasses": SimpleNamespace(
            dataclass=dataclasses.dataclass, field=dataclasses.field, asdict=dataclasses.asdict
        ),
        "logging": SimpleNamespace(getLogger=lambda *_: quiet, logger=quiet),
        "unittest.mock": SimpleNamespace(
            AsyncMock=mock.AsyncMock, MagicMock=mock.MagicMock, Mock=mock.Mock
        ),
        "abc": SimpleNamespace(ABC=object),
        "enum": SimpleNamespace(Enum=enum.Enum, IntEnum=enum.IntEnum, auto=enum.auto),
        "datetime": SimpleNamespace(datetime=_Then, UTC=datetime.UTC, timezone=datetime.timezone),
    }


class _Then(datetime.datetime):
    """A datetime whose now is always the same."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Self:
        return cls(2026, 1, 1, tzinfo=tz)

    utcnow = now


class _AsyncLock:
    """One task drives a trial, so a lock is always free."""

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...

    def locked(self) -> bool:
        return False


class _Fresh:
    """A UUID that is the same in every trial."""

    hex = FRESH

    def __str__(self) -> str:
        return FRESH


def build(
    nodes: Sequence[ast.stmt], env: Mapping[str, Any], traces: Traces, *, where: str
) -> dict[str, Any]:
    """What ``nodes`` define, with the names of ``env`` beside the harmless builtins.

    Raises Refusal for a name that is neither, and for what no trial can follow.
    """
    prepared = [_Instrument().visit(copy.deepcopy(node)) for node in nodes]
    module = ast.fix_missing_locations(ast.Module(body=prepared, type_ignores=[]))
    modules = _modules(traces)
    allowed = {name: getattr(builtins, name) for name in _BUILTINS}
    allowed |= {
        name: value
        for name, value in vars(builtins).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    allowed |= {"print": lambda *_, **__: None, "__build_class__": builtins.__build_class__}

    def importing(name: str, *_: Any) -> Any:
        if name not in modules:
            raise Refusal(f"it imports {name} while it runs")
        return modules[name]

    namespace = {
        "__builtins__": {**allowed, "__import__": importing},
        "__name__": "trial",
        "__took__": traces.took,
        "__tick__": traces.tick,
        **env,
    }
    code = compile(module, where, "exec")
    defined = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    defined |= {"__annotations__"}
    unknown = sorted(set(_globals_of(code)) - set(namespace) - set(allowed) - defined)
    assert not unknown, f"names without a home: {unknown}"
    exec(code, namespace)
    return namespace


def names_used(nodes: Sequence[ast.stmt]) -> list[str]:
    """Names that ``nodes`` take from outside of themselves, in no order of meaning."""
    prepared = [_Instrument().visit(copy.deepcopy(node)) for node in nodes]
    module = ast.fix_missing_locations(ast.Module(body=prepared, type_ignores=[]))
    ours = {"__took__", "__tick__", "__name__", "__annotations__"}
    return sorted(set(_globals_of(compile(module, "names", "exec"))) - ours)


def is_harmless(name: str) -> bool:
    """Whether a builtin may be used in a trial."""
    value = getattr(builtins, name, None)
    is_error = isinstance(value, type) and issubclass(value, Exception)
    return name in _BUILTINS or name == "print" or is_error


def provided(module: str, name: str | None, traces: Traces) -> Any:
    """What stands for ``module`` (or for ``name`` from it) in a trial; Refusal if nothing does."""
    given = _modules(traces).get(module)
    if given is None:
        raise Refusal(f"it needs {module}{'.' + name if name else ''}")
    if name is None:
        return given
    if not hasattr(given, name):
        raise Refusal(f"it needs {module}.{name}")
    return getattr(given, name)


def _globals_of(code: CodeType) -> Iterator[str]:
    """Names that ``code`` and what is nested in it look up outside of their own scopes."""
    stored = {i.argval for i in dis.get_instructions(code) if i.opname == "STORE_NAME"}
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL" or (
            instruction.opname == "LOAD_NAME" and instruction.argval not in stored
        ):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)


class _Instrument(ast.NodeTransformer):
    """Conditions tell which way they went, loops that they turn; annotations go."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        is_data = any("dataclass" in ast.unparse(item) for item in node.decorator_list)
        fields = [item for item in node.body if isinstance(item, ast.AnnAssign)] if is_data else []
        for item in fields:  # a dataclass reads them
            item.annotation = ast.Constant("object")
        node.body = [item if item in fields else self.visit(item) for item in node.body]
        return node

    def visit_FunctionDef(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        node.returns = None
        return node  # type: ignore[no-any-return]

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_If(self, node: Any) -> ast.AST:
        place = place_of(node.test)
        self.generic_visit(node)
        node.test = _noting(node.test, place)
        return node  # type: ignore[no-any-return]

    visit_IfExp = visit_If

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        places = [place_of(test) for test in node.ifs]
        self.generic_visit(node)
        node.ifs = [_noting(test, place) for test, place in zip(node.ifs, places, strict=True)]
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        place = place_of_handler(node)
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_noting(ast.Constant(value=True), place)))
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, _call("__tick__"))
        return node


def place_of(test: ast.expr) -> tuple[int, str]:
    """Where a condition stands, and what it says."""
    return test.lineno, ast.unparse(test)


def place_of_handler(node: ast.ExceptHandler) -> tuple[int, str]:
    """Where an error is caught, and which."""
    return node.lineno, f"except {ast.unparse(node.type)}" if node.type else "except"


def _noting(test: ast.expr, place: tuple[int, str]) -> ast.expr:
    name = ast.Name("__took__", ast.Load())
    where = ast.Tuple([ast.Constant(part) for part in place], ast.Load())
    return ast.copy_location(ast.Call(name, [where, test], []), test)


def _call(name: str) -> ast.stmt:
    return ast.Expr(ast.Call(ast.Name(name, ast.Load()), [], []))


def drive(value: Any) -> Any:
    """The result of an awaitable that waits for nobody."""
    steps = value.__await__()
    try:
        for _ in range(10_000):
            if next(steps) is not None:
                raise Refusal("it waits for something that nobody brings")
    except StopIteration as end:
        return end.value
    raise Refusal("it waits for something that nobody brings")


# What reads better in one place than as branches of the walk below.
_NO_TRIAL: Mapping[type[ast.AST], str] = {
    ast.While: "a loop waits inside of it (a blocking script)",
    ast.Yield: "it is a generator",
    ast.YieldFrom: "it is a generator",
    ast.AsyncFor: "it reads a stream",
    ast.Match: "it decides by `match`",
    ast.Global: "it changes a global of the test",
    ast.Nonlocal: "it changes a variable of the test (a closure over test state)",
}


def require_plain(node: ast.AST) -> None:
    """Refusal for syntax that no trial can follow to its end, with its line."""
    for inner in ast.walk(node):
        for banned, why in _NO_TRIAL.items():
            if isinstance(inner, banned):
                raise Refusal(f"{why}, line {getattr(inner, 'lineno', 0)}")
        name = getattr(inner, "attr", "")
        if name.startswith("__") and name not in ("__init__", "__name__", "__class__"):
            raise Refusal(f"it reaches for {name}, line {getattr(inner, 'lineno', 0)}")


def unseen(node: ast.ClassDef, traces: Traces, own: Set[str]) -> str:
    """The first condition of a class that went only one way, in words; empty if none.

    One that was never true does not count if what it guards touches only ``own`` members.
    """
    for inner in ast.walk(node):
        for test in conditions(inner):
            line, text = place = place_of(test)
            went = traces.branches.get(place, set())
            if len(went) < 2 and not (True not in went and _touches_only(inner, own)):
                return f"`{text}`, line {line}"
        if isinstance(inner, ast.ExceptHandler) and not _does_nothing(inner):
            line, text = place = place_of_handler(inner)
            if place not in traces.branches and not _touches_only(inner, own):
                return f"`{text}`, line {line}"
    return ""


def _touches_only(node: ast.AST, own: Set[str]) -> bool:
    """Whether all that is asked of ``self`` and ``super()`` below a node is among ``own``."""
    asked = {
        inner.attr
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute) and ast.unparse(inner.value) in ("self", "super()")
    }
    return bool(own) and asked <= own


def _does_nothing(handler: ast.ExceptHandler) -> bool:
    """Whether a handler only passes, logs, raises or says False: it keeps no state."""
    return all(
        isinstance(item, ast.Pass | ast.Raise)
        or (isinstance(item, ast.Return) and isinstance(item.value, ast.Constant | None))
        or (isinstance(item, ast.Expr) and re.match(r"log|print|pass", ast.unparse(item)))
        for item in handler.body
    )


def conditions(node: ast.AST) -> list[ast.expr]:
    """What a node decides by."""
    match node:
        case ast.If(test=test) | ast.IfExp(test=test):
            return [test]
        case ast.comprehension(ifs=ifs):
            return ifs
    return []
