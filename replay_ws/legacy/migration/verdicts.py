"""Which class of ours takes the place of an old one, with which options, or why none does."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from replay_ws.faults.configuration import MockConfiguration
from replay_ws.legacy.migration.finding import Candidate, Uses, assigned, family
from replay_ws.legacy.migration.model import Kind, Refusal, listed
from replay_ws.legacy.migration.renames import calls_of, renamed
from replay_ws.legacy.migration.sandbox import build
from replay_ws.legacy.migration.surroundings import Surroundings
from replay_ws.legacy.migration.trial import (
    Old,
    Replacement,
    compare,
    require_members,
    require_no_specials,
    require_seen,
    require_signatures,
)

TARGETS = {
    "manager": "LegacyMockWebSocketManager",
    "bridge": "LegacyMockWebSocketBridge",
    "socket": "LegacyMockWebSocket",
}
STORE = re.compile(r"redis|database|\bdb\b|storage|repository|\w*store$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a class: replace it, or leave it for ``reason``."""

    candidate: Candidate
    kind: Kind
    replacement: Replacement | None = None
    reason: str = ""


def public(name: str) -> Any:
    """A public name of ours; None if there is no such name."""
    front_door = sys.modules[__name__.partition(".")[0]]  # we are loaded, so it is too
    return getattr(front_door, name, None)


def public_names() -> frozenset[str]:
    """All public names of ours."""
    return frozenset(sys.modules[__name__.partition(".")[0]].__all__)


def judge(around: Surroundings, uses: Uses) -> list[Verdict]:
    """A verdict on each mock class of a file, in their order."""
    verdicts = {id(mock): _verdict(mock, around, uses) for mock in around.mocks}
    while held := _held_back(verdicts, around, uses):
        verdicts |= held
    return [verdicts[id(mock)] for mock in around.mocks]


def _verdict(candidate: Candidate, around: Surroundings, uses: Uses) -> Verdict:
    try:
        replacement, kind = _replacement(candidate, around, uses)
    except Refusal as refusal:
        return Verdict(candidate, Kind.NOT_MECHANICAL, reason=refusal.reason)
    except Exception as error:  # code of others, in a cut-down world: it stays as it is
        reason = f"it cannot be tried: {type(error).__name__}: {error}"
        return Verdict(candidate, Kind.NOT_MECHANICAL, reason=reason)
    return Verdict(candidate, kind, replacement)


def _replacement(
    candidate: Candidate, around: Surroundings, uses: Uses
) -> tuple[Replacement, Kind]:
    if candidate.node.decorator_list or candidate.node.keywords:
        raise Refusal("it has a decorator or a metaclass")
    if origin := around.origin(candidate):
        raise Refusal(_on_ours(candidate, public(origin), origin))
    _require_no_store(candidate)
    kinds = [k for mock in reversed(around.chain(candidate)) if (k := family(mock))]
    if not kinds:
        raise Refusal("it is no manager, bridge or socket")
    target = public(TARGETS[kinds[0]])
    old = Old(candidate, around, uses)
    local = {mock.name for mock in old.chain}
    if foreign := [cls for cls in old.cls.__mro__[:-1] if cls.__name__ not in local]:
        raise Refusal(f"it is a {foreign[0].__name__}")
    passed = _passed(old, target)
    given = {name: p.default for name, p in old.parameters.items()} | old.givens()[0]
    new = _alive(target, {name: given[name] for name in passed})
    names = renamed(old.methods, new)
    require_members(old, new, names)
    require_no_specials(old, new)
    require_signatures(old, new, names)
    for name in names:
        calls_of(around.tree, name, candidate.name, candidate.node)
    plain = Replacement(target, passed=passed, renamed=names)
    found = _first_that_agrees(old, plain)
    require_seen(old)
    if old.traces.slept_s and uses.clocks:
        told = f"the tests measure real time ({listed(uses.clocks)}), ours is virtual"
        raise Refusal(f"it sleeps, and {told}")
    if kinds[0] != "manager":
        return found, Kind.FACADE
    return found, Kind.SMALL_MAPPING if found.options or found.passed else Kind.MECHANICAL


def _on_ours(candidate: Candidate, target: Any, origin: str) -> str:
    """What becomes of a class that is built on a name of the original's modules."""
    own = set(candidate.methods) | set(assigned(candidate.node))
    own |= {t.id for item in candidate.node.body for t in ast.walk(item) if isinstance(t, ast.Name)}
    inner = (node for node in ast.walk(candidate.node) if isinstance(node, ast.Attribute))
    used = {node.attr for node in inner if ast.unparse(node.value) in ("self", "super()")}
    if missing := [name for name in used - own if not hasattr(target, name)]:
        return f"it builds on {origin}, and ours has no {listed(missing)}"
    return f"it builds on {origin}, which is ours now"


def _require_no_store(candidate: Candidate) -> None:
    init = candidate.methods.get("__init__")
    for argument in init.args.args if init else ():
        if STORE.search(argument.arg):
            raise Refusal(f"a session store stands behind it: `{argument.arg}`")
        if re.search(r"callback|handler|hook", argument.arg):
            raise Refusal(f"it calls back into the test: `{argument.arg}`")


def _alive(cls: type, given: Mapping[str, Any]) -> Any:
    try:
        return cls(**given)
    except Exception as error:
        raise Refusal(
            f"{cls.__name__} cannot be made so: {type(error).__name__}: {error}"
        ) from None


def _accepted(target: type) -> frozenset[str]:
    """Names of keyword arguments that a class of ours takes."""
    given = inspect.signature(target).parameters.values()
    names = {p.name for p in given if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if any(p.kind is p.VAR_KEYWORD for p in given):
        names |= {item.name for item in fields(MockConfiguration)}
    return frozenset(names)


def _passed(old: Old, target: type) -> tuple[str, ...]:
    unknown = [name for name in old.parameters if name not in _accepted(target)]
    if unknown:
        raise Refusal(f"{target.__name__} takes no `{unknown[0]}` when it is made")
    return tuple(old.parameters)


def _choices(old: Old, target: type) -> dict[str, tuple[Any, ...]]:
    """Options of our class that may make it do what the old one does, with their values.

    What is spelt out as a type is read from there; numbers come from the old class itself.
    """
    hints = get_type_hints(target.__init__)  # type: ignore[misc]
    choices = {name: _values_of(hint) for name, hint in hints.items()}
    accepted = _accepted(target) - set(old.parameters)
    for name, value in old.state.items():
        if name in accepted and isinstance(value, int | float) and value:
            choices[name] = (value,)
    delay_ms = round(old.delay_s() * 1000, 3)
    if delay_ms and "latency_ms" in accepted:
        choices["latency_ms"] = (int(delay_ms) if delay_ms == int(delay_ms) else delay_ms,)
    return {name: choices[name] for name in sorted(choices) if choices[name] and name in accepted}


def _values_of(hint: Any) -> tuple[Any, ...]:
    """What an option may be, if its type lists that."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if hint in (bool, bool | None):
        return (True,)
    if hint == type[Exception]:
        return (RuntimeError, Exception)
    return tuple(value for part in get_args(hint) for value in _values_of(part))


def _first_that_agrees(old: Old, plain: Replacement) -> Replacement:
    """Ours with the options with which it does all that the old class does.

    One option is added or changed at a time, the one with which a trial gets furthest, until
    none helps: then the Refusal of the furthest is raised.
    """
    choices = _choices(old, plain.target)
    best, reached, refusal = plain, *_try(old, plain)
    while refusal is not None:
        tried = [
            replace(best, options={**best.options, name: value})
            for name, values in choices.items()
            for value in values
            if best.options.get(name) != value
        ]
        results = [(option, *_try(old, option)) for option in tried]
        agreeing = [option for option, _, refused in results if refused is None]
        if agreeing:
            return agreeing[0]
        option, steps, refused = max(results, key=lambda result: result[1], default=(best, 0, None))
        if steps <= reached:
            raise refusal
        best, reached, refusal = option, steps, refused
    return best


def _try(old: Old, replacement: Replacement) -> tuple[int, Refusal | None]:
    """How far the two agree, and why no further."""
    old.traces.steps = 0
    try:
        compare(old, replacement)
    except Refusal as refusal:
        return old.traces.steps, refusal
    return old.traces.steps, None


# --- classes that build on one another --------------------------------------------------


def _held_back(
    verdicts: Mapping[int, Verdict], around: Surroundings, uses: Uses
) -> dict[int, Verdict]:
    """Classes that were to be replaced, but must not: another one that stays needs them."""
    held = {}
    for verdict in verdicts.values():
        if verdict.replacement is not None:
            continue
        chain = around.chain(verdict.candidate)[:-1]
        below = {m.name: v for m in chain if (v := verdicts[id(m)]).replacement is not None}
        if below and (why := _breaks(verdict.candidate, below, around, uses)):
            for lower in below.values():
                reason = f"`{verdict.candidate.name}` builds on it and stays: {why}"
                stays = Verdict(lower.candidate, Kind.NOT_MECHANICAL, reason=reason)
                held[id(lower.candidate)] = stays
    return held


def _breaks(
    candidate: Candidate, below: Mapping[str, Verdict], around: Surroundings, uses: Uses
) -> str:
    """Why a class that stays does something else on our base than on the old one; else empty."""
    try:
        old = Old(candidate, around, uses)
        nodes = [node for node in old.nodes if getattr(node, "name", "") not in below]
        _, env = around.needed(old.chain, old.traces)
        bases = {name: _as_class(name, v.replacement) for name, v in below.items()}
        rebuilt = build(nodes, {**env, **bases}, old.traces, where=candidate.name)
        require_members(old, _alive(rebuilt[candidate.name], old.givens()[0]), {})
        compare(old, Replacement(rebuilt[candidate.name], {}, tuple(old.parameters)))
        lower = {name for mock in old.chain[:-1] for name in mock.methods}
        lower |= {name for mock in old.chain[:-1] for name in assigned(mock.node)}
        own = {*candidate.methods, *assigned(candidate.node)} - lower
        require_seen(old, own)
    except Refusal as refusal:
        return refusal.reason
    except Exception as error:
        return f"it cannot be tried: {type(error).__name__}: {error}"
    return ""


def _as_class(name: str, replacement: Replacement | None) -> type:
    """What will stand where a class stood."""
    assert replacement is not None

    base: Any = replacement.target

    def __init__(self: Any, **given: Any) -> None:
        base.__init__(self, **{**replacement.options, **given})

    return type(name, (base,), {"__init__": __init__})


def refuse_mixed(verdicts: Sequence[Verdict], source: str) -> list[Verdict]:
    """Without classes whose instances must be of a base that stays, for ``isinstance`` asks."""
    staying = {v.candidate.name for v in verdicts if v.replacement is None}
    asked = {name for name in staying if re.search(rf"isinstance\([^)]*\b{name}\b", source)}
    return [
        Verdict(v.candidate, Kind.NOT_MECHANICAL, reason=f"the file asks whether it is a `{base}`")
        if v.replacement and (base := next(iter(asked & set(v.candidate.bases)), ""))
        else v
        for v in verdicts
    ]
