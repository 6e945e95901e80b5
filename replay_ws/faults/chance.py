"""Chance: whether and how hard a toxic strikes a message, and who decides it.

``Dice`` draws from the seed. ``Script`` reads a plan instead: what stands in it strikes, everything
else does not. ``Forced`` does both. A channel asks any of them the same question, so that a run and
its replay from the plan take the same way through the same code.

A strike is an *amount*, an integer above 0: nanoseconds for an outage, a timeout or a delay, a
position for a damaged payload, 1 where there is nothing to measure. 0 is "no strike".

What a toxic does to a message is a function of the seed, its own attributes and the message's key.
Purposes have streams of their own: whether it strikes (named like the toxic), how hard
(``.amount``), whether it does as with the message before (``.repeat``, see ``correlation``), the
link's state (``.model``). Each takes one draw per message, so that asking for one more attribute
moves no other draw, and a higher rate strikes a superset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from replay_ws.clock import ms
from replay_ws.errors import ConfigError
from replay_ws.events.log import Direction, Log
from replay_ws.events.model import Decision, Plan
from replay_ws.faults import checks
from replay_ws.faults.distributions import TABLES, Spread
from replay_ws.faults.losses import Chain, Draw, chain_of, losses_of, repeats_of
from replay_ws.faults.toxics import NAME, Toxic
from replay_ws.faults.types import TYPES
from replay_ws.rng import WORD, Stream, below, threshold

_POSITIONS = 1 << 48


class Rule(NamedTuple):
    """When a toxic strikes and how hard, in integers.

    ``rate`` and ``repeat`` are thresholds. An amount is one of ``span`` from ``low`` on, or what
    ``spread`` adds to ``-low``. With a ``chain`` the rate is the share of what the chain loses that
    really is lost.
    """

    rate: int
    low: int = 1
    span: int = 1
    repeat: int = 0
    chain: Chain | None = None
    spread: Spread | None = None


@lru_cache(maxsize=1_024)
def rule_of(toxic: Toxic) -> Rule | None:
    """The rule of ``toxic``; None when it never strikes, or when nothing about it is chance.

    Its ``rate`` counts where that is a probability. A toxic without one strikes every message when
    its amount may vary.
    """
    type_ = TYPES[toxic.type]
    rate = type_.attributes.get("rate")
    if rate is not None and rate.check is not checks.rate:
        return None  # messages or bytes per second
    low, span, spread = _amounts(toxic)
    if rate is None and span == 1:
        return None
    strikes = WORD if rate is None else threshold(toxic["rate"])
    if not strikes or not toxic.toxicity:
        return None
    repeat = threshold(toxic["correlation"]) if "correlation" in type_.attributes else 0
    chain = chain_of(toxic) if "model" in type_.attributes else None
    return Rule(strikes, low, span, repeat, chain, spread)


def _amounts(toxic: Toxic) -> tuple[int, int, Spread | None]:
    """The lowest amount, how many there are, and how they are spread when not evenly."""
    match TYPES[toxic.type].amount:
        case "":
            return 1, 1, None
        case "position":
            return 1, _POSITIONS, None
        case "stagger":
            return 0, ms(toxic["stagger"]) + 1, None
        case "latency":
            spread, floor = _spread(toxic), floor_ns(toxic)
            if spread is None:
                return 0, ms(toxic["latency"] + toxic["jitter"]) - floor + 1, None
            return -floor, spread.delay_ns(WORD - 1) - floor + 1, spread
        case head:
            low, high = (max(1, ms(toxic[f"{head}_{end}"])) for end in ("min", "max"))
            return low, high - low + 1, None


@lru_cache(maxsize=1_024)
def floor_ns(toxic: Toxic) -> int:
    """What every message takes under a ``latency``; what it takes beyond that is a strike's amount.

    An even spread begins ``jitter`` below ``latency``, another one as far as its table goes. No
    delay is below 0: what would be, is.
    """
    spread = _spread(toxic)
    return spread.delay_ns(0) if spread else max(0, ms(toxic["latency"] - toxic["jitter"]))


def _spread(toxic: Toxic) -> Spread | None:
    table = TABLES.get(toxic["distribution"])
    return Spread(ms(toxic["latency"]), ms(toxic["jitter"]), table) if table else None


class Chance(Protocol):
    """Who decides whether a toxic strikes."""

    active: frozenset[str]
    """Names of the toxics that may strike at all."""

    def strike(self, toxic: str, lane: int, kind: int, index: int, attempt: int = 0) -> int:
        """The amount with which the toxic of that name strikes a message, or 0.

        ``<name>.toxicity`` (kind and index 0) strikes a lane where the toxic is for its connection;
        it is a question only when some are and others are not.
        """
        ...


class Dice:
    """Chance from a seed: every draw is keyed by what it is about (see ``replay_ws.rng``)."""

    def __init__(self, seed: int, toxics: Mapping[str, Toxic], log: Log) -> None:
        self.seed = seed
        self.log = log
        self._rules: dict[str, Rule] = {}
        for name, toxic in toxics.items():
            if rule := rule_of(toxic):
                self._rules[name] = rule
            if 0 < (share := threshold(toxic.toxicity)) < WORD:
                self._rules[f"{name}.toxicity"] = Rule(share)
        self.active = frozenset(self._rules)
        self._amounts: dict[tuple[str, int, int, int], Draw] = {}

    def with_seed(self, seed: int) -> Dice:
        """The same dice with other draws."""
        other = copy(self)
        other.seed, other._amounts = seed, {}
        return other

    def strike(self, toxic: str, lane: int, kind: int, index: int, attempt: int = 0) -> int:
        key = (toxic, lane, kind, attempt)
        amount = self._amounts.get(key)
        if amount is None:
            if toxic not in self._rules:
                return 0
            amount = self._amounts[key] = self._open(*key)
        return amount(index)

    def _open(self, toxic: str, lane: int, kind: int, attempt: int) -> Draw:
        """What ``toxic`` does to each message of a kind on a lane."""
        connection = self.log.connections[lane >> 1].name
        about = f"{Direction(lane & 1).name.lower()}:{self.log.kinds[kind]}:{attempt}"
        return _amount_of(
            self._rules[toxic],
            lambda purpose: Stream(self.seed, f"{toxic}{purpose}:{about}", connection).draw,
        )


def _amount_of(rule: Rule, stream: Callable[[str], Draw]) -> Draw:
    """The amount for each index, or 0; ``stream`` opens the draws of a purpose."""
    rate, low, span, repeat, chain, spread = rule
    hard = stream(".amount") if span > 1 else _never_asked
    if chain:
        amount = _lost(rate, losses_of(chain, stream(".model")), stream(""))
    elif spread:
        amount = _spread_out(spread, low, hard)
    else:
        amount = _even(rate, low, span, stream("") if rate < WORD else _never_asked, hard)
    if not repeat:
        return amount
    shares = repeats_of(repeat, stream(".repeat"))
    return lambda index: amount(shares(index))


def _even(rate: int, low: int, span: int, draw: Draw, hard: Draw) -> Draw:
    def amount(index: int) -> int:
        if rate < WORD and draw(index) >= rate:
            return 0
        return low + below(hard(index), span) if span > 1 else low

    return amount


def _spread_out(spread: Spread, low: int, hard: Draw) -> Draw:
    return lambda index: low + spread.delay_ns(hard(index))


def _lost(rate: int, loss: Draw, draw: Draw) -> Draw:
    return lambda index: int(draw(index) < rate * loss(index) >> 64)


def _never_asked(index: int) -> int:
    raise AssertionError(f"draw {index} decides nothing")


_AMOUNT_MAX = (1 << 63) - 1


def require_plan(plan: Plan) -> None:
    """Raises ConfigError when a decision of ``plan`` is none that a run could have taken."""
    if not isinstance(plan, Plan):
        raise ConfigError(f"plan is {plan!r:.60}", mend="pass the plan of a session")
    for number, decision in enumerate(plan):
        where = f"decision {number} of the plan"
        if not isinstance(decision, Decision):
            raise ConfigError(f"{decision!r:.60} is no Decision", where=where, mend="leave it out")
        if not _names_a_toxic(decision.toxic):
            mend = "a name of letters, digits, - and _, which begins with a letter"
            raise ConfigError(f"toxic is {decision.toxic!r:.60}", where=where, mend=mend)
        for name, low in (("index", 0), ("attempt", 0), ("amount", 1)):
            value = getattr(decision, name)
            if type(value) is not int or not low <= value <= _AMOUNT_MAX:
                raise ConfigError(
                    f"{name} is {value!r:.60}", where=where, mend=f"a whole number from {low}"
                )


def _names_a_toxic(name: Any) -> bool:
    """Also for what a schedule chose, whose kinds are such names."""
    if not isinstance(name, str):
        return False
    own, dot, purpose = name.partition(".")
    return NAME.fullmatch(own) is not None and (not dot or purpose in ("toxicity", "every"))


class Script:
    """Chance from a plan: the decisions that stand in it, and no others."""

    def __init__(self, decisions: Iterable[Decision], log: Log) -> None:
        self._amounts = {decision.key: decision.amount for decision in decisions}
        self._log = log
        self.active = frozenset(key[0] for key in self._amounts)

    def strike(self, toxic: str, lane: int, kind: int, index: int, attempt: int = 0) -> int:
        if toxic not in self.active:
            return 0
        connection = self._log.connections[lane >> 1].name
        key = (toxic, connection, lane & 1, self._log.kinds[kind], index, attempt)
        return self._amounts.get(key, 0)


class Forced:
    """Chance from a plan and a seed: what stands in the plan strikes, beside it the dice do."""

    def __init__(self, decisions: Iterable[Decision], dice: Dice) -> None:
        self._script = Script(decisions, dice.log)
        self._dice = dice
        self.active = self._script.active | dice.active

    def strike(self, toxic: str, lane: int, kind: int, index: int, attempt: int = 0) -> int:
        about = (toxic, lane, kind, index, attempt)
        return self._script.strike(*about) or self._dice.strike(*about)
