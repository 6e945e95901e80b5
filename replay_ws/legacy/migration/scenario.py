"""What a trial does with a mock: calls made up from the names of its methods and parameters.

Every public method is called, by position and by keyword, with values that its parameters' names
ask for; then whatever can be switched is switched, each on a fresh pair of mocks, with sends and
questions after it.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from replay_ws.legacy.migration.agreement import Peer
from replay_ws.legacy.migration.model import Refusal

FIVE = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")

PHASES: tuple[tuple[str, str], ...] = (
    ("open", r"connect|add_|accept|join|subscribe|register|setup"),
    ("ask", r"get_|count|has_|is_|validate|calculate|assert|check|summar|stats|to_"),
    ("send", r"send|emit|notify|broadcast|publish|record|handle|queue|receive|recv|ping|pong"),
    ("switch", r"set_|simulate|enable|fail|partition|configure|update|inject|disable"),
    ("mend", r"restore|recover|heal|reconnect|flush"),
    ("close", r"disconnect|remove|leave|close|shutdown|cleanup"),
    ("clear", r"clear|reset"),
)
"""When a method's turn comes, by how its name begins; the first pattern that fits counts."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing done to both sides: a call, or a change of an attribute."""

    name: str
    args: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    how: str = "call"  # or "set", or the method of what the attribute holds

    def __str__(self) -> str:
        told = [*map(repr, self.args), *(f"{k}={v!r}" for k, v in self.keywords.items())]
        text = ", ".join(told)
        text = text if len(text) < 60 else text[:59] + "…"
        if self.how == "set":
            return f"{self.name} = {text}"
        return f"{self.name}({text})" if self.how == "call" else f"{self.name}.{self.how}({text})"


@dataclass(frozen=True, slots=True)
class Words:
    """Strings that a class compares with: what its branches wait for."""

    types: tuple[str, ...]

    @classmethod
    def of(cls, nodes: Sequence[ast.AST]) -> Words:
        found: list[str] = []
        for node in (inner for outer in nodes for inner in ast.walk(outer)):
            if isinstance(node, ast.Compare):
                parts = [node.left, *node.comparators]
                constants = [c for part in parts for c in ast.walk(part)]
                found += [
                    c.value
                    for c in constants
                    if isinstance(c, ast.Constant) and isinstance(c.value, str)
                ]
        return cls(tuple(dict.fromkeys(found)))


def messages(words: Words) -> list[dict[str, Any]]:
    """Messages of the five types, of those that a class asks for, and of none."""
    about = {"run_id": "run-1", "thread_id": "thread-1", "agent_name": "agent-1"}
    tool = {"tool_name": "search", "data": {"step": 1}, "payload": {"tool_name": "search"}}
    types = dict.fromkeys((*FIVE, *words.types, "something_else"))
    rows = [{"type": name, **about, **tool} for name in types]
    odd = {"type": "agent_thinking", "data": None, "content": "x" * 300}
    return [*rows, odd, {"type": "agent_started"}, {"data": "no type"}, {}]


def _pool(words: Words) -> tuple[tuple[str, list[Any]], ...]:
    """What a parameter is given, by its name; the first pattern that fits counts."""
    peer = Peer("websocket")
    sentences = ["a text", "another"]
    return (
        (r"thread_id|thread|conversation_id", ["thread-1", "thread-2"]),
        (r"user_id|user", ["user-1", "user-2"]),
        (r"connection_id|conn_id|client_id|ws_id|session_id", ["connection-1", "connection-2"]),
        (r"run_id|execution_id|request_id|call_id", ["run-1", "run-2"]),
        (r"room|channel|topic", ["room-1"]),
        (r"agent_name|agent", ["agent-1"]),
        (r"tool_name|tool", ["search", "fetch"]),
        (r"message_type|event_type|type|kind|notification_type", [*FIVE, *words.types, "nothing"]),
        (r"message|message_data|event|data|payload|msg|content", messages(words)),
        (r"(web)?socket|ws|connection|websocket", [peer]),
        (r".*(rate|probability|chance)", [0.0, 1.0]),
        (r".*(delay|latency|seconds|_ms|_s|interval).*", [0.0, 2.0]),
        (r"exclude\w*|timeout|new_token|token|subprotocol", [None]),
        (r"code", [1000, 1011]),
        (r"reason|thought|reasoning|error|error_message|result|text|update|\w*name", sentences),
        (
            r"(parameters|context|metadata|details|\w*_details|trace_context|tool_input)",
            [{"query": "a"}, None],
        ),
        (r"(failure_)?mode|pattern|state|status|failure_pattern", [*words.types[:6], True, False]),
        (
            r"connected|enabled|should_\w+|fail|failing|value|flag|is_\w+|simulate_\w+|success",
            [True, False],
        ),
        (
            r"step\w*|count|limit|n|attempts|max_\w+|\w*_size|\w*_after|size|\w*_on_attempt|times",
            [2, 1],
        ),
        (r"\w*_ms|duration\w*|progress\w*", [5, 0]),
    )


def values_for(parameter: inspect.Parameter, words: Words) -> list[Any]:
    """Values to try; Refusal when the name says nothing and there is no default."""
    for pattern, values in _pool(words):
        if re.fullmatch(pattern, parameter.name):
            return values
    if parameter.default is not parameter.empty:
        return [parameter.default]
    raise Refusal(f"what its parameter `{parameter.name}` takes is unknown")


def calls(name: str, method: Callable[..., Any], words: Words) -> list[Act]:
    """Calls of one method that try each value of each parameter, and both ways to pass them."""
    given = list(inspect.signature(method).parameters.values())
    plain = [p for p in given if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p for p in plain if p.default is p.empty and p.kind is not p.KEYWORD_ONLY]
    columns = [values_for(p, words) for p in plain]
    short = columns[: len(required)]
    acts = [Act(name, row) for row in _rows(short)]
    if plain:
        names = [p.name for p in plain]
        full = _rows(columns)
        acts += [Act(name, keywords=dict(zip(names, row, strict=True))) for row in full]
        positional = [p for p in plain if p.kind is not p.KEYWORD_ONLY]
        acts.append(Act(name, full[0][: len(positional)]))
    if any(p.kind is p.VAR_KEYWORD for p in given):
        acts += [Act(a.name, a.args, {**a.keywords, "trace_id": "x"}) for a in acts[:1]]
    return acts


def _rows(columns: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Each value of each column at least once; shorter columns turn around."""
    if not columns:
        return [()]
    most = max(map(len, columns))
    turned = [[column[i % len(column)] for i in range(most)] for column in columns]
    return list(zip_longest(*turned))


def phase_of(name: str) -> str:
    """When the turn of a method comes."""
    for phase, pattern in PHASES:
        if re.match(pattern, name):
            return phase
    return "send"


class Scenarios:
    """The acts of each phase, for the methods and attributes of one old class."""

    def __init__(self, methods: Mapping[str, Callable[..., Any]], words: Words) -> None:
        self.by_phase: dict[str, list[Act]] = {phase: [] for phase, _ in PHASES}
        for name, method in methods.items():
            self.by_phase[phase_of(name)] += calls(name, method, words)

    def all(self, extras: Sequence[Sequence[Act]]) -> Iterator[list[Act]]:
        """Each on a fresh pair: a whole life, then each switch and each of ``extras``."""
        phase = self.by_phase
        ask, send, opening = phase["ask"], phase["send"], phase["open"]
        again = [*send, *ask]
        yield [*ask, *again]
        yield [*phase["close"], *phase["mend"], *phase["clear"], *again]
        yield [*ask, *opening, *again, *phase["close"], *again, *phase["clear"], *again]
        for act in (*phase["switch"], *phase["mend"]):
            yield [*opening, act, *again, *phase["mend"], *again]
        for act in (*phase["clear"], *phase["close"]):
            yield [*opening, *send, act, *ask, *again]
        for extra in extras:
            yield [*opening, *send, *extra, *ask, *again]
