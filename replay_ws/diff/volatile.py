"""Values that differ from run to run without meaning anything, told apart from those that mean it.

Rules name the places (``replay_ws.diff.ignoring``) and say what may stand there
(``replay_ws.diff.checks``). Two things are asked of them:

- ``exact``: an event's payload without its volatile values, which is what alignment compares;
- ``values``: those values, each with its check, which are judged when it is known which event
  answers which (``replay_ws.diff.identity``).

Both walk the payload along the same plans. A plan says for one set of keys in one place which of
them are exact, which are volatile, and which lead to more; it is made when such keys are first
seen, so that an event costs two look-ups of several keys at once and no decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from replay_ws.diff.checks import Check, check_of
from replay_ws.diff.ignoring import Rule, path_text, rule_of
from replay_ws.errors import ConfigError
from replay_ws.events.encoding import Encoder, EncodingError, encode, json_too_deep
from replay_ws.events.log import Op
from replay_ws.events.model import payload_of

CONNECTION = "connection"
"""The key of the rule about the names of connections, and the domain that these names are of."""

State: TypeAlias = "tuple[tuple[int, int], ...]"
"""Rules that may yet lead to something, by number, each with how many steps were taken."""


class Place(NamedTuple):
    """One volatile value: the steps that lead to it, what may stand there, and what does."""

    steps: tuple[str | int, ...]
    check: Check
    value: Any

    @property
    def path(self) -> str:
        """Where it is, as a rule spells it."""
        return path_text(self.steps)


class Plan(NamedTuple):
    """What to do with an object of certain keys; names are sorted, so that their order is none."""

    head: bytes
    exact_names: tuple[Any, ...]
    exact: Callable[[Any], tuple[Any, ...]]
    deeper: tuple[tuple[int, _Node], ...]  # number among the exact ones, and its node
    volatile_names: tuple[Any, ...]
    volatile: Callable[[Any], tuple[Any, ...]]
    checks: tuple[Check, ...]


@dataclass(slots=True, eq=False)
class _Node:
    """One place in payloads, or many of which the rules say the same."""

    state: State
    plans: dict[tuple[Any, ...], Plan] = field(default_factory=dict)
    steps: dict[Any, tuple[Check | None, _Node | None]] = field(default_factory=dict)


class Volatile:
    """A set of rules, ready to be asked about events.

    ``allows_renaming`` is the text of the rule that lets connections have other names, or empty.
    ``is_any`` says that whatever stands in a volatile place is right.
    """

    def __init__(self, rules: Iterable[tuple[Rule, Check]], *, allows_renaming: str = "") -> None:
        self.rules = tuple(rules)
        self.is_any = all(check.text == "any" for _, check in self.rules)
        self.allows_renaming = allows_renaming
        self._nodes: dict[State, _Node] = {}
        self._types: dict[str, _Node | None] = {}
        self._encode = Encoder().encode

    def __bool__(self) -> bool:
        return bool(self.rules)

    def exact(self, op: int, type: str, body: str | bytes) -> Any:
        """What is exact of an event's payload, for ``encode``; None where no rule has a say."""
        node = self._types[type] if type in self._types else self._start(type)
        if node is None:
            return None
        payload = _payload(op, body)
        return None if payload is None else self._exact(payload, node)

    def packed(self, op: int, type: str, body: str | bytes) -> bytes | None:
        """``exact`` as bytes; None where no rule has a say, or there is nothing to pack."""
        exact = self.exact(op, type, body)
        try:
            return None if exact is None else self._encode(exact)
        except EncodingError:
            return None

    def values(self, op: int, type: str, body: str | bytes) -> tuple[list[Any], list[Check]]:
        """The volatile values of an event, and what may stand in the place of each.

        Events of equal ``exact`` payloads have theirs in the same order.
        """
        values: list[Any] = []
        checks: list[Check] = []
        node = self._types[type] if type in self._types else self._start(type)
        payload = None if node is None else _payload(op, body)
        if node is not None and payload is not None:
            self._values(payload, node, values, checks)
        return values, checks

    def places(self, op: int, type: str, body: str | bytes) -> list[Place]:
        """The same with where each stands: at leisure, for a reader."""
        node = self._start(type)
        payload = None if node is None else _payload(op, body)
        return [] if node is None or payload is None else list(self._places(payload, node, ()))

    # --- walks -----------------------------------------------------------------------------

    def _exact(self, item: Any, node: _Node) -> Any:
        if type(item) is dict:
            keys = tuple(item)
            plan = node.plans.get(keys) or self._plan(keys, node)
            parts = [plan.head, *plan.exact(item)]
            for place, next_node in plan.deeper:
                if type(parts[place]) in _CONTAINERS:
                    parts[place] = self._exact(parts[place], next_node)
            return parts
        if type(item) not in _CONTAINERS:
            return item
        found: list[Any] = [_LIST if type(item) is list else _TUPLE]
        for number, inner in enumerate(item):
            check, below = self._step(node, number)
            if check is not None:
                found.append(_LIST)
            elif below is not None and type(inner) in _CONTAINERS:
                found.append(self._exact(inner, below))
            else:
                found.append(inner)
        return found

    def _values(self, item: Any, node: _Node, values: list[Any], checks: list[Check]) -> None:
        if type(item) is dict:
            keys = tuple(item)
            plan = node.plans.get(keys) or self._plan(keys, node)
            values.extend(plan.volatile(item))
            checks.extend(plan.checks)
            if plan.deeper:
                parts = plan.exact(item)
                for place, below in plan.deeper:
                    if type(parts[place - 1]) in _CONTAINERS:
                        self._values(parts[place - 1], below, values, checks)
        elif type(item) in _CONTAINERS:
            for number, inner in enumerate(item):
                check, next_node = self._step(node, number)
                if check is not None:
                    values.append(inner)
                    checks.append(check)
                elif next_node is not None:
                    self._values(inner, next_node, values, checks)

    def _places(self, item: Any, node: _Node, steps: tuple[Any, ...]) -> Iterator[Place]:
        """In the order of ``_values``."""
        waiting: list[tuple[Any, _Node, Any]] = []
        if type(item) is dict:
            plan = self._plan(tuple(item), node)
            for name, check in zip(plan.volatile_names, plan.checks, strict=True):
                yield Place((*steps, name), check, item[name])
            names = plan.exact_names
            waiting = [(item[names[n - 1]], below, names[n - 1]) for n, below in plan.deeper]
        elif type(item) in _CONTAINERS:
            for number, inner in enumerate(item):
                may, next_node = self._step(node, number)
                if may is not None:
                    yield Place((*steps, number), may, inner)
                elif next_node is not None:
                    yield from self._places(inner, next_node, (*steps, number))
        for inner, below, name in waiting:
            yield from self._places(inner, below, (*steps, name))

    # --- plans -----------------------------------------------------------------------------

    def _start(self, type: str) -> _Node | None:
        """Where the payload of an event of this type begins; None if no rule is about it."""
        about = [n for n, (rule, _) in enumerate(self.rules) if rule.type in ("", type)]
        self._types[type] = node = self._node([(number, 0) for number in about])
        return node

    def _node(self, state: list[tuple[int, int]]) -> _Node | None:
        key = tuple(sorted(set(state)))
        if key and key not in self._nodes:
            self._nodes[key] = _Node(key)
        return self._nodes.get(key)

    def _plan(self, keys: tuple[Any, ...], node: _Node) -> Plan:
        names = tuple(sorted(keys, key=_by_name))
        steps = {name: self._step(node, name) for name in names}
        exact = tuple(name for name in names if steps[name][0] is None)
        volatile = tuple(name for name in names if steps[name][0] is not None)
        deeper = ((n, steps[name][1]) for n, name in enumerate(exact, start=1))
        plan = Plan(
            encode(list(names)),
            exact,
            _getter(exact),
            tuple((number, below) for number, below in deeper if below is not None),
            volatile,
            _getter(volatile),
            tuple(check for name in volatile if (check := steps[name][0]) is not None),
        )
        return node.plans.setdefault(keys, plan)

    def _step(self, node: _Node, to: Any) -> tuple[Check | None, _Node | None]:
        """What may stand one step below ``node``, or where the rules go on from there."""
        if to not in node.steps:
            ends: list[int] = []
            goes_on: list[tuple[int, int]] = []
            for number, taken in node.state:
                rule = self.rules[number][0]
                step = rule.steps[taken]
                if step.to is None or step.to == to:
                    last = taken + 1 == len(rule.steps)
                    ends += [number] if last else []
                    goes_on += [] if last else [(number, taken + 1)]
                if step.deep:
                    goes_on.append((number, taken))
            best = max(ends, key=lambda n: (self.rules[n][0].precedence, n), default=None)
            check = None if best is None else self.rules[best][1]
            node.steps[to] = (check, self._node(goes_on) if check is None else None)
        return node.steps[to]


def volatile_of(
    *tables: Mapping[str, object] | None, ignore: Iterable[str] = (), where: str = ""
) -> Volatile:
    """The rules of several tables, the later ones first where two are about the same value.

    ``ignore`` names places where anything may stand. Raises ConfigError, which names the key.
    """
    table: dict[str, object] = dict.fromkeys(ignore, "any")
    for each in tables:
        table |= each or {}
    renaming = table.pop(CONNECTION, None)
    if renaming not in (None, f"id:{CONNECTION}"):
        raise ConfigError(
            f"connections cannot be {renaming!r:.60}",
            where=where or CONNECTION,
            mend=f'say {CONNECTION} = "id:{CONNECTION}": they may have other names',
        )
    rules = [(rule_of(key), check_of(value, where=key)) for key, value in table.items()]
    return Volatile(rules, allows_renaming=f'{CONNECTION} = "{renaming}"' if renaming else "")


NO_RULES = Volatile(())

_LIST, _TUPLE = b"[]", b"()"
_CONTAINERS = frozenset({dict, list, tuple})


def _payload(op: int, body: str | bytes) -> Any:
    """The payload as data if it is an object or a list, else None."""
    if isinstance(body, str):
        # How deep `json` can read differs between Pythons; how deep we look does not.
        if body.lstrip()[:1] not in ("{", "[") or json_too_deep(body):
            return None
    elif op != Op.OBJECT:
        return None
    payload = payload_of(op, body)
    return payload if type(payload) in _CONTAINERS else None


def _getter(names: tuple[Any, ...]) -> Callable[[Any], tuple[Any, ...]]:
    match names:
        case ():
            return lambda item: ()
        case (name,):
            return lambda item: (item[name],)
        case _:
            return itemgetter(*names)


def _by_name(name: Any) -> tuple[bool, Any]:
    return (False, name) if isinstance(name, str) else (True, encode(name))
