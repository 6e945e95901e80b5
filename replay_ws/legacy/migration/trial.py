"""An old class and ours, side by side: the same calls, and every answer compared.

No table says which member of ours means what: the two are asked. A class is replaced only when
all answers, all attributes and the time that calls take agree in every scenario, and when both
ways of every condition in the old class were seen on the way; else what differs is the reason.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import NonCallableMock

from replay_ws.legacy.migration.agreement import Awaited, Peer, disagreement
from replay_ws.legacy.migration.finding import Candidate, Uses
from replay_ws.legacy.migration.model import Refusal, listed
from replay_ws.legacy.migration.sandbox import Traces, build, drive, unseen
from replay_ws.legacy.migration.scenario import Act, Scenarios, Words, values_for
from replay_ws.legacy.migration.surroundings import Surroundings

RATE_NAMES = ("rate", "probability")
PROBES = {"append": ({"probe": 1},), "add": ("probe",), "pop": (), "clear": (), "remove": None}


@dataclass(frozen=True, slots=True)
class Replacement:
    """Ours, made with ``options`` and what the old constructor is given under ``passed`` names."""

    target: type
    options: Mapping[str, Any] = field(default_factory=dict)
    passed: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)

    def make(self, given: Mapping[str, Any]) -> Any:
        return self.target(**{**self.options, **{name: given[name] for name in self.passed}})


class Old:
    """An old class brought to life, with what is known of it."""

    def __init__(self, candidate: Candidate, around: Surroundings, uses: Uses) -> None:
        self.candidate = candidate
        self.uses = uses
        self.traces = Traces()
        self.chain = around.chain(candidate)
        nodes, env = around.needed(self.chain, self.traces)
        self.nodes = nodes
        self.words = Words.of(nodes)
        namespace = build(nodes, env, self.traces, where=candidate.name)
        self.cls: type = namespace[candidate.name]
        self.parameters = self._parameters()
        self.sample = self._sample()
        self.state = {n: v for n, v in vars(self.sample).items() if not n.startswith("_")}
        self.methods = self._methods()

    def _parameters(self) -> dict[str, inspect.Parameter]:
        given = inspect.signature(self.cls).parameters.values()
        return {p.name: p for p in given if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    def _sample(self) -> Any:
        try:
            return self.cls(**self.givens()[0])
        except Exception as error:
            raise Refusal(f"it cannot be made alone: {type(error).__name__}: {error}") from None

    def givens(self) -> list[dict[str, Any]]:
        """What to construct it with: defaults, and each value of each parameter."""
        plain = {
            name: values_for(p, self.words)[0]
            for name, p in self.parameters.items()
            if p.default is p.empty or _is_rate(name)
        }
        given = [plain]
        for name, p in self.parameters.items():
            given += [{**plain, name: value} for value in values_for(p, self.words)]
        return given

    def _methods(self) -> dict[str, Callable[..., Any]]:
        own = {
            name: value
            for cls in reversed(self.cls.__mro__[:-1])
            for name, value in vars(cls).items()
            if not name.startswith("_") and inspect.isfunction(value)
        }
        return {name: getattr(self.sample, name) for name in own}

    @property
    def properties(self) -> list[str]:
        return [
            name
            for name in dir(self.cls)
            if not name.startswith("_") and not callable(getattr(self.cls, name, None))
        ]

    @property
    def observed(self) -> list[str]:
        """Public attributes that hold something to compare: no locks, no mocks."""
        names = [*self.state, *self.properties]
        return [n for n in dict.fromkeys(names) if not _is_tool(getattr(self.sample, n))]

    def delay_s(self) -> float:
        """How long its first send sleeps, as it is made by itself."""
        sends = Scenarios(self.methods, self.words).by_phase["send"]
        side = _Side(self.cls(**copy.deepcopy(self.givens()[0])))
        slept_s = self.traces.slept_s
        for act in sends[:1]:
            side.do(act)
        return self.traces.slept_s - slept_s

    def extras(self) -> list[list[Act]]:
        """Changes of attributes that the file's tests make, and switches that are attributes."""
        acts = []
        for name, value in self.state.items():
            written = [_literal(node) for node in self.uses.writes.get(name, [])]
            values: list[Any] = [v for v in written if v is not _UNKNOWN]
            if isinstance(value, bool):
                values += [not value]
            elif _is_rate(name) and isinstance(value, float):
                values += [0.0, 1.0]
            acts += [[Act(name, (v,), how="set")] for v in values]
        for name, how in sorted(self.uses.mutated):
            if name in self.state:
                acts.append([Act(name, _probe(how), how=how)])
        return acts


_UNKNOWN = object()


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _UNKNOWN


def _probe(how: str) -> tuple[Any, ...]:
    if how == "__setitem__":
        return ("thread-9", Peer("socket-9"))
    return PROBES.get(how) or ()


def _is_rate(name: str) -> bool:
    return name.endswith(RATE_NAMES)


def _is_tool(value: Any) -> bool:
    """A lock, a mock or a function: something to work with, and nothing to compare."""
    return isinstance(value, NonCallableMock) or callable(value) or hasattr(value, "locked")


# --- what must be there -----------------------------------------------------------------


def require_members(old: Old, new: Any, names: Mapping[str, str]) -> None:
    """Refusal unless ours has every public member, and what the file uses of the private ones."""
    public = [*old.methods, *old.state, *old.properties]
    private = {
        name for name in dir(old.sample) if name.startswith("_") and not name.startswith("__")
    } & old.uses.reads
    is_tool = {name for name in old.state if hasattr(old.state[name], "locked")}
    needed = ({*public, *private} - is_tool) | (is_tool & old.uses.reads)
    if missing := [name for name in needed if not hasattr(new, names.get(name, name))]:
        owner = type(new).__name__
        kinds = {True: "methods", False: "state"}
        told = [
            f"{kinds[is_method]} that {owner} has not: {listed(group)}"
            for is_method in (True, False)
            if (group := [n for n in missing if callable(getattr(old.sample, n)) is is_method])
        ]
        raise Refusal("; ".join(told))
    asked = {name for name in old.uses.asked if hasattr(new, name)} - set(dir(old.sample))
    if asked:
        raise Refusal(f"the file asks whether it has `{listed(asked)}`, and ours has")
    for name, value in old.state.items():
        if isinstance(value, NonCallableMock) and name in old.uses.as_mock:
            raise Refusal(f"the tests ask `{name}` as the AsyncMock that it is, dynamically")


PLAIN_SPECIALS = {
    "__init__": "",
    "__repr__": "",  # for the eye only
    "__str__": "",
    "__enter__": "return self",
    "__aenter__": "return self",
    "__exit__": "pass",
    "__aexit__": "pass",
}
"""Special methods that may be left to ours, and the body that they must have for it, if any."""


def require_no_specials(old: Old, new: Any) -> None:
    """Refusal if the class is more than its methods: something to compare, to index, to call."""
    for mock in old.chain:
        for name, method in mock.methods.items():
            if not (name.startswith("__") and name.endswith("__")):
                continue
            body = PLAIN_SPECIALS.get(name)
            said = ast.unparse(method.body[-1]) if len(method.body) == 1 else ""
            if body is None or not hasattr(new, name) or body not in ("", said):
                raise Refusal(f"it has a {name} of its own, line {method.lineno}")


def require_signatures(old: Old, new: Any, names: Mapping[str, str]) -> None:
    """Refusal unless ours takes every call that the old methods take."""
    for name, method in old.methods.items():
        theirs = getattr(new, names.get(name, name))
        if not callable(theirs):
            raise Refusal(f"`{name}` is no method of {type(new).__name__}")
        for act in Scenarios({name: method}, old.words).all([]):
            for call in act:
                try:
                    inspect.signature(theirs).bind(*call.args, **call.keywords)
                except TypeError as error:
                    signature = inspect.signature(theirs)
                    raise Refusal(
                        f"{name}{inspect.signature(method)} is called otherwise than "
                        f"{type(new).__name__}.{name}{signature}: {error}"
                    ) from None
            break


# --- side by side -----------------------------------------------------------------------


@dataclass(slots=True)
class _Side:
    """One of the two, and what it calls by another name."""

    it: Any
    renamed: Mapping[str, str] = field(default_factory=dict)

    def do(self, act: Act) -> tuple[Any, tuple[Any, ...], Exception | None]:
        """The answer to an act, the arguments afterwards, and what was raised."""
        args = copy.deepcopy(act.args)
        keywords = copy.deepcopy(dict(act.keywords))
        answer: Any = None
        try:
            match act.how:
                case "call":
                    name = self.renamed.get(act.name, act.name)
                    answer = getattr(self.it, name)(*args, **keywords)
                    if inspect.isawaitable(answer):
                        answer = Awaited(drive(answer))
                case "set":
                    setattr(self.it, act.name, *args)
                case how:
                    getattr(getattr(self.it, act.name), how)(*args)
        except Exception as error:
            return None, args, error
        return answer, (*args, *keywords.values()), None


def compare(old: Old, replacement: Replacement) -> None:
    """Refusal at the first thing in which the two disagree, with the act that showed it."""
    scenarios = Scenarios(old.methods, old.words)
    draws = [0.0, 1.0] if any(_is_rate(name) for name in replacement.options) else [0.5]
    for given in old.givens():
        for draw in draws:
            for acts in scenarios.all(old.extras()):
                _live(old, _scaled(replacement, draw), given, acts, draw)


def _scaled(replacement: Replacement, draw: float) -> Replacement:
    """Rates at their ends, where chance decides nothing: a draw of 0 always strikes."""
    options = {
        name: 1.0 - draw if _is_rate(name) else value for name, value in replacement.options.items()
    }
    return replace(replacement, options=options)


def _live(
    old: Old, replacement: Replacement, given: Mapping[str, Any], acts: Sequence[Act], draw: float
) -> None:
    """One life of a pair."""
    old.traces.draw = draw
    ours, theirs = _made(old, replacement, given)
    sides = _Side(ours), _Side(theirs, replacement.renamed)
    _same_state(old, sides, "a new one")
    held = [n for n in old.observed if n in old.uses.held]
    kept = [(name, getattr(ours, name), getattr(theirs, name)) for name in held]
    for act in acts:
        began_s = old.traces.slept_s
        answer, args, error = sides[0].do(act)
        slept_s = old.traces.slept_s - began_s
        their_began_s = old.traces.slept_s + getattr(theirs, "now", 0.0)
        their_answer, their_args, their_error = sides[1].do(act)
        took_s = old.traces.slept_s + getattr(theirs, "now", 0.0) - their_began_s
        _same_error(act, error, their_error)
        if told := disagreement(answer, their_answer, act.name if act.how == "call" else ""):
            raise Refusal(f"{act} answers {told}" if " instead of " in told else f"{act}: {told}")
        if told := disagreement(list(args), list(their_args)):
            raise Refusal(f"{act} changes its argument: {told}")
        _same_time(act, slept_s, took_s)
        _same_state(old, sides, f"after {act}")
        if old.uses.mutates_later and _change((*args, *their_args)):
            _same_state(old, sides, f"when the message of {act} changes later")
        old.traces.steps += 1
    for name, was, is_now in kept:
        if told := disagreement(was, is_now, name):
            raise Refusal(f"who holds its `{name}` from the beginning sees {told}")


def _change(arguments: Sequence[Any]) -> bool:
    """Do to what was sent as tests do that build the next message from it."""
    sent = [value for value in arguments if isinstance(value, dict)]
    for value in sent:
        value["type"] = "changed_later"
    return bool(sent)


def _made(old: Old, replacement: Replacement, given: Mapping[str, Any]) -> tuple[Any, Any]:
    try:
        ours = old.cls(**copy.deepcopy(dict(given)))
    except Exception as error:
        raise Refusal(f"it cannot be made with {given}: {error}") from None
    try:
        defaults = {name: p.default for name, p in old.parameters.items()}
        return ours, replacement.make({**defaults, **copy.deepcopy(dict(given))})
    except Exception as error:
        raise Refusal(f"{replacement.target.__name__} refuses {given}: {error}") from None


def _same_error(act: Act, error: Exception | None, theirs: Exception | None) -> None:
    if error is None and theirs is None:
        return
    if error is None:
        raise Refusal(f"{act} raises {type(theirs).__name__} ({theirs})")
    if not isinstance(theirs, type(error)):
        got = type(theirs).__name__ if theirs else "nothing"
        raise Refusal(f"{act} raises {got} instead of {type(error).__name__}")


def _same_time(act: Act, slept_s: float, took_s: float) -> None:
    if abs(slept_s - took_s) > 0.002:
        raise Refusal(f"{act} takes {took_s:g} s instead of {slept_s:g} s")


def _same_state(old: Old, sides: tuple[_Side, _Side], when: str) -> None:
    for name in old.observed:
        told = disagreement(getattr(sides[0].it, name), getattr(sides[1].it, name), name)
        if told:
            raise Refusal(f"{when}, `{name}` differs: {told}")


def require_seen(old: Old, own: Set[str] = frozenset()) -> None:
    """Refusal if a condition of the class went only one way in all that was tried.

    What touches nothing but ``own`` members need not be seen.
    """
    for node in old.nodes:
        if isinstance(node, ast.ClassDef) and (told := unseen(node, old.traces, own)):
            raise Refusal(f"it has logic of its own that no trial reached: {told}")
