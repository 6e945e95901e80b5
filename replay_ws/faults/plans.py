"""Fault plans: what a run or a replay is put through, as a value and as a TOML file.

A plan is a configuration (modes, preset, fields, the faults of a timeline) and decisions, which
strike beside chance or, in an ``exact`` plan, instead of it:

    mode = ["slow_network", "packet_loss"]
    preset = "3g"
    [config]
    packet_loss_rate = 0.1
    [[fault]]
    at = "2s"
    for = "3s"
    toxic = {type = "partition", kind = "hold", connection = "thread-1"}
    [[decision]]
    toxic = "loss"
    connection = "thread-1"
    type = "token"
    index = 3

What is wrong in such a file is named by its line, its entry and its key.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from replay_ws.errors import ConfigError, unknown
from replay_ws.events.log import Direction
from replay_ws.events.model import SCHEDULING, Decision, Plan
from replay_ws.faults import checks
from replay_ws.faults.chance import Chance, Dice, Forced, Script, require_plan
from replay_ws.faults.checks import Check, choice
from replay_ws.faults.configuration import DEFAULT, MockConfiguration, require_configuration
from replay_ws.faults.places import Places
from replay_ws.faults.timeline import FAULTS_MAX, Fault

_NOTHING, _NOWHERE = Plan(), Places()


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What is done to messages: ``config``, and ``decisions`` that strike in any case.

    An ``exact`` plan leaves nothing to chance: its decisions strike, and no others. ``seed`` is
    that of every draw, unless the caller has one. ``places`` knows where the entries stand.
    """

    config: MockConfiguration = DEFAULT
    decisions: Plan = _NOTHING
    exact: bool = False
    seed: int | None = None
    places: Places = field(default=_NOWHERE, compare=False, repr=False)

    def __post_init__(self) -> None:
        require_configuration(self.config)
        require_plan(self.decisions)
        _of_key("exact", self.exact, checks.flag, self.places)
        _of_key("seed", self.seed, checks.optional(checks.seed), self.places)
        if self.config.seed is not None:
            raise ConfigError(
                "the seed of a plan stands in its configuration", mend="pass it as seed=..."
            )
        first: dict[Any, int] = {}
        for number, decision in enumerate(self.decisions):
            if (other := first.setdefault(decision.key, number)) != number:
                raise ConfigError(
                    f"decision {other + 1} is about the same",
                    where=self.places.entry("decision", number),
                    mend="leave one of the two out",
                )

    def applied(self, config: MockConfiguration) -> MockConfiguration:
        """What was given in ``config``, and for the rest what the plan says."""
        return config.over(self.config)

    def amended(self, recorded: MockConfiguration) -> MockConfiguration:
        """What the plan makes of a recorded configuration.

        A mode or a preset replaces it; fields and faults change it where they are given.
        """
        if self.config.given & {"mode", "preset"}:
            return self.config
        return self.config.over(recorded) if self.config.given else recorded

    def chance(self, dice: Dice) -> Chance:
        """Who decides: the dice, the decisions beside them, or the decisions alone."""
        if self.exact:
            return Script(self.decisions, dice.log)
        return Forced(self.decisions, dice) if self.decisions else dice

    def idle(self, decided: Plan) -> list[str]:
        """The places of decisions that are not among those of the session that came of the plan.

        The messages, attempts or toxics that they are about did not happen there.
        """
        struck = {decision.key for decision in decided}
        return [
            self.places.entry("decision", number)
            for number, decision in enumerate(self.decisions)
            if decision.key not in struck and decision.toxic not in SCHEDULING
        ]

    def require_toxics(self, names: Collection[str]) -> None:
        """Raises ConfigError when a decision is that of a toxic that is none of ``names``.

        Nothing would ask for it, so that it would strike nothing.
        """
        for number, decision in enumerate(self.decisions):
            name = decision.toxic.partition(".")[0]
            if name not in names and name not in SCHEDULING:
                error = unknown("toxic", name, names)
                where = self.places.entry("decision", number, "toxic")
                raise ConfigError(error.what, where=where, mend=error.mend)

    def require_connections(self, names: Sequence[str]) -> None:
        """Raises ConfigError when an entry is for a connection that is none of ``names``."""
        for kind, number, name in self._connections():
            if name not in names:
                error = unknown("connection", name, names)
                where = self.places.entry(kind, number, "toxic connection")
                raise ConfigError(error.what, where=where, mend=error.mend)

    def _connections(self) -> Iterator[tuple[str, int, str]]:
        for number, fault in enumerate(self.config.faults):
            if fault.toxic is not None and not set("*?[") & set(fault.toxic.connection):
                yield "fault", number, fault.toxic.connection
        for number, decision in enumerate(self.decisions):
            if decision.toxic not in SCHEDULING:
                yield "decision", number, decision.connection


def plan_from(value: Plan | FaultPlan | None) -> FaultPlan:
    """A plan of decisions alone is exact; none changes nothing."""
    match value:
        case None:
            return NO_PLAN
        case FaultPlan():
            return value
        case _:
            require_plan(value)
            return FaultPlan(decisions=value, exact=True)


# --- from TOML -------------------------------------------------------------------------------


def parse_plan(text: str, *, where: str = "plan") -> FaultPlan:
    """The plan that a TOML text describes; ConfigError that names ``where``, line and key."""
    places = Places(where, text)
    values = _toml(text, where)
    for key in values:
        if key not in _KEYS:
            error = unknown("key", key, _KEYS)
            raise ConfigError(error.what, where=places.key(key), mend=error.mend)
    given = {name: _of_key(name, values[name], _TOP[name], places) for name in _TOP.keys() & values}
    faults = [_fault(table, places, n) for n, table in enumerate(_tables(values, "fault", places))]
    decisions = [
        _decision(table, places, n) for n, table in enumerate(_tables(values, "decision", places))
    ]
    return FaultPlan(
        config=_config(values, faults, places),
        decisions=Plan(tuple(decisions)),
        exact=given.get("exact", False),
        seed=given.get("seed"),
        places=places,
    )


def _toml(text: str, where: str) -> Mapping[str, Any]:
    import tomllib  # most runs read no plan

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of too many digits
        what, _, at = str(error).partition(" (at ")
        found = re.match(r"line (\d+), column (\d+)", at)
        lines = len(text.rstrip().split("\n")) if at else 0
        place = f":{found[1]}:{found[2]}" if found else f":{lines}" if lines else ""
        raise ConfigError(
            what or "it is nested too deeply", where=where + place, mend="write it as TOML"
        ) from None


_TOP: Mapping[str, Check] = {"exact": checks.flag, "heal": checks.flag, "seed": checks.seed}
_KEYS = ("mode", "preset", *_TOP, "config", "fault", "decision")


def _of_key(key: str, value: Any, check: Check, places: Places) -> Any:
    try:
        return check(value)
    except ValueError as error:
        what = f"{key} is {value!r:.60}"
        raise ConfigError(what, where=places.key(key), mend=f"it must be {error}") from None


def _tables(values: Mapping[str, Any], name: str, places: Places) -> Sequence[Any]:
    found = values.get(name, [])
    if not isinstance(found, list):
        raise ConfigError(
            f"{name} is {found!r:.60}",
            where=places.key(name),
            mend=f"write [[{name}]], and its keys under that",
        )
    return found


# --- its configuration -----------------------------------------------------------------------

_ELSEWHERE = {
    "mode": "write mode = ... above the first table",
    "preset": "write preset = ... above the first table",
    "seed": "write seed = ... above the first table",
    "heal_at_end": "write heal = ... above the first table",
    "faults": "write [[fault]], and its keys under that",
}
"""Fields that have a key of their own."""


def _config(
    values: Mapping[str, Any], faults: Sequence[Fault], places: Places
) -> MockConfiguration:
    fields = values.get("config", {})
    if not isinstance(fields, Mapping):
        raise ConfigError(
            f"config is {fields!r:.60}",
            where=places.key("config"),
            mend="write [config], and fields of the configuration under that",
        )
    for name, mend in _ELSEWHERE.items():
        if name in fields:
            where = places.key("config", name)
            raise ConfigError(f"{name} stands in [config]", where=where, mend=mend)
    given = {**fields, **{key: values[key] for key in ("mode", "preset") if key in values}}
    if "heal" in values:
        given["heal_at_end"] = values["heal"]
    if faults:
        given["faults"] = tuple(faults)
    try:
        return MockConfiguration(**given)
    except ConfigError as error:
        raise ConfigError(
            _renumbered(error.what), where=_place(error, values, places), mend=error.mend
        ) from None


_ENTRY = re.compile(r"\bfaults\[(\d+)\]")


def _renumbered(text: str) -> str:
    """Entries as a plan counts them, from 1."""
    text = text.replace("(MockConfiguration)", "(a mode or a field makes it)")
    return _ENTRY.sub(lambda match: f"fault {int(match[1]) + 1}", text)


def _place(error: ConfigError, values: Mapping[str, Any], places: Places) -> str:
    """Where in the file that stands which a configuration does not take."""
    if entry := _ENTRY.match(error.where):
        return places.entry("fault", int(entry[1]), error.what)
    own = [key for key in ("mode", "preset") if key in values]
    spoken_of = next((key for key in own if re.match(rf"(unknown )?{key}\b", error.what)), "")
    if spoken_of:
        return places.key(spoken_of)
    inner = error.where.removeprefix("MockConfiguration")
    place = places.key("config", f"{inner} {error.what}")
    return f"{place}: {inner}" if inner else place


# --- its entries -----------------------------------------------------------------------------


def _fault(table: Any, places: Places, number: int) -> Fault:
    if number == FAULTS_MAX:
        raise ConfigError(
            f"more than {FAULTS_MAX} faults",
            where=places.entry("fault", number),
            mend="say every = ... for what comes again and again",
        )
    try:
        return Fault.of(table, "")
    except ConfigError as error:
        inner = error.where.removeprefix(": ")
        place = places.entry("fault", number, f"{inner} {error.what}")
        where = f"{place}: {inner}" if inner else place
        raise ConfigError(error.what, where=where, mend=error.mend) from None


def _direction(value: Any) -> Direction:
    return Direction[choice("downstream", "upstream")(value).upper()]


def _any_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def _anything(value: Any) -> Any:
    return value


_DECISION: Mapping[str, tuple[Any, Check]] = {
    "toxic": (None, checks.text),
    "connection": (None, _any_text),
    "direction": ("downstream", _direction),
    "type": ("", _any_text),
    "index": (None, _anything),
    "attempt": (0, _anything),
    "amount": (1, _anything),
}
"""Key -> its default (None: it must be given) and what it becomes; the rest is the plan's rule."""


def _decision(table: Any, places: Places, number: int) -> Decision:
    def refused(what: str, mend: str) -> ConfigError:
        return ConfigError(what, where=places.entry("decision", number, what), mend=mend)

    if not isinstance(table, Mapping):
        raise refused(f"{table!r:.60} is no decision", "write [[decision]], and keys under that")
    for key in table:
        if key not in _DECISION:
            error = unknown("key", key, _DECISION)
            raise refused(error.what, error.mend)
    parsed = {}
    for key, (default, parse) in _DECISION.items():
        value = table.get(key, default)
        if value is None:
            raise refused(f"it does not say its {key}", f"add {key} = ...")
        try:
            parsed[key] = parse(value)
        except ValueError as error:
            raise refused(f"{key} is {value!r:.60}", f"it must be {error}") from None
    decision = Decision(**parsed)
    try:
        require_plan(Plan((decision,)))
    except ConfigError as error:
        raise refused(error.what, error.mend) from None
    return decision


NO_PLAN = FaultPlan()
"""Changes nothing."""
