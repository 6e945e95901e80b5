"""``@pytest.mark.replay_ws``: from its arguments and the command line to a test's conditions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from replay_ws.api import plan_of
from replay_ws.cassette.redaction import Redactor
from replay_ws.diff.ignoring import rule_of
from replay_ws.diff.volatile import volatile_of
from replay_ws.errors import ConfigError, GoldenMismatch, ReplayWsError, unknown
from replay_ws.faults.configuration import (
    DEFAULT,
    MockConfiguration,
    require_configuration,
    require_seed,
)
from replay_ws.faults.modes import modes_of
from replay_ws.faults.plans import NO_PLAN, FaultPlan
from replay_ws.hunter.repro import repro_in
from replay_ws.pytest_plugin.goldens import golden_name
from replay_ws.pytest_plugin.options import Settings, settings_of
from replay_ws.rng import seed_range
from replay_ws.running import Conditions, require_profile
from replay_ws.sim.schedule import Schedule

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

NAME = "replay_ws"
SEED, MODE = "_ws_seed", "_ws_mode"
"""Names under which a seed and a mode are parameters of a test."""

FOR_HUNT = pytest.StashKey[bool]()
"""Of a configuration: its tests are collected for a hunt, which has seeds of its own."""

_SEEDS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one test asks for: how it runs, and what its session is compared with."""

    conditions: Conditions
    golden: str = ""
    mode: str = ""
    order: str = "causal"
    tolerance_ms: float = 0
    ignore: tuple[str, ...] = ()
    volatile: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def failing() -> Iterator[None]:
    """An error of ours is told by its own words; a mismatch stays what a test may expect."""
    try:
        yield
    except GoldenMismatch:
        raise
    except ReplayWsError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


# --- arguments -----------------------------------------------------------------------------


def arguments_of(node: pytest.Function) -> dict[str, Any]:
    """The arguments of a test's markers; one nearer to the test wins."""
    found: dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers(NAME))):
        if mark.args:
            raise ConfigError(
                f"the marker {NAME} has no positional arguments",
                where=node.nodeid,
                mend=f"name them, as in @pytest.mark.{NAME}(golden='refund', seeds=100)",
            )
        for name in mark.kwargs:
            if name not in ARGUMENTS:
                raise _located(unknown(f"argument of {NAME}", name, ARGUMENTS), node)
        found |= mark.kwargs
    return found


def _located(error: ConfigError, node: pytest.Item) -> ConfigError:
    error.where = node.nodeid
    return error


ARGUMENTS = (
    "config",
    "escapes",
    "golden",
    "ignore",
    "mode",
    "modes",
    "order",
    "plan",
    "preempt",
    "profile",
    "schedule",
    "seed",
    "seeds",
    "threads",
    "tolerance_ms",
    "volatile",
)


def seeds_of(value: Any) -> list[int]:
    """Seeds as a marker or an option gives them: ``A..B`` without B, N for ``0..N``, or each."""
    given = value
    if isinstance(value, str):
        value = seed_range(value)
    if type(value) is int:
        value = range(value)
    if not isinstance(value, Iterable):
        raise ConfigError(
            f"seeds is {value!r:.60}", mend="give a number, 'A..B', or a list of seeds"
        )
    seeds = [require_seed(seed) for seed in value]
    if not 0 < len(seeds) <= _SEEDS_MAX:
        raise ConfigError(
            f"seeds={given!r:.60} are {len(seeds)} seeds", mend=f"give 1 to {_SEEDS_MAX} of them"
        )
    return seeds


def mode_text(value: Any) -> str:
    """A mode, or several at once, as an id shows it: ``slow_network+packet_loss``."""
    return "+".join(mode.value for mode in _modes(value))


def _modes(value: Any) -> Any:
    return modes_of(value.split("+") if isinstance(value, str) else value)


# --- parameters ----------------------------------------------------------------------------


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Make a test of each seed and mode that the markers or the command line list.

    The seed of ``--ws-seed`` or of a hunt, and a single ``--ws-mode``, are no parameter: the test
    keeps its name.
    """
    given, option = arguments_of(metafunc.definition), metafunc.config.getoption
    seeds = given.get("seeds") if option("--ws-seeds") is None else option("--ws-seeds")
    modes = option("--ws-mode") or given.get("modes")
    if seeds is not None and not _has_seed(metafunc.config):
        _parameter(metafunc, SEED, [(seed, f"seed={seed}") for seed in seeds_of(seeds)])
    if modes is not None and _one_mode(metafunc.config) is None:
        if not isinstance(modes, (list, tuple)) or not modes:
            raise ConfigError(
                f"modes is {modes!r:.60}",
                where=metafunc.definition.nodeid,
                mend="give a list of modes; mode= is for one",
            )
        texts = [mode_text(mode) for mode in modes]
        _parameter(metafunc, MODE, [(text, f"mode={text}") for text in texts])


def _has_seed(config: pytest.Config) -> bool:
    """Whether tests are told one seed, and not by their markers."""
    return config.getoption("--ws-seed") is not None or config.stash.get(FOR_HUNT, False)


def _one_mode(config: pytest.Config) -> str | None:
    """The mode of the command line, if there is one only."""
    modes: list[str] = config.getoption("--ws-mode") or []
    return mode_text(modes[0]) if len(modes) == 1 else None


def _parameter(metafunc: pytest.Metafunc, name: str, values: list[tuple[Any, str]]) -> None:
    metafunc.fixturenames.append(name)
    cases: list[ParameterSet] = [pytest.param(value, id=text) for value, text in values]
    metafunc.parametrize(name, cases, indirect=True, scope="function")


# --- conditions ----------------------------------------------------------------------------


def wanted_of(item: pytest.Function) -> Wanted:
    """What a marked test asks for; raises ConfigError where that cannot be kept."""
    given, settings = arguments_of(item), settings_of(item.config)
    parameters: Mapping[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    option = item.config.getoption
    _refuse_late(given, parameters, item)
    asked = {"seed": "--ws-seed", "schedule": "--ws-schedule"}
    given |= {own: option(name) for own, name in asked.items() if option(name) is not None}
    if (mode := _one_mode(item.config)) is not None:
        given["mode"] = mode
    if option("--ws-strict-escapes"):
        given["escapes"] = "error"
    if SEED in parameters:
        given["seed"] = parameters[SEED]
    if MODE in parameters:
        given["mode"] = parameters[MODE]

    def value(name: str) -> Any:
        return given.get(name, getattr(settings, name))

    mode = mode_text(given["mode"]) if given.get("mode") is not None else ""
    conditions = _repeated(option("--ws-repro"), _conditions(given, value, mode, settings))
    return Wanted(
        conditions=conditions,
        golden=_golden(given.get("golden"), item, conditions.seed, mode),
        mode=mode,
        order=value("order"),
        tolerance_ms=value("tolerance_ms"),
        ignore=(*settings.ignore, *_rules(given.get("ignore", ()))),
        volatile={**_volatile(settings.volatile), **_volatile(given.get("volatile", {}))},
    )


def _refuse_late(given: Mapping[str, Any], has: Mapping[str, Any], item: pytest.Item) -> None:
    """Seeds and modes make tests, and pytest has made them when a hook marks one."""
    option = item.config.getoption
    is_one = {SEED: _has_seed(item.config), MODE: _one_mode(item.config) is not None}
    for name, parameter, listed in (("seeds", SEED, "--ws-seeds"), ("modes", MODE, "--ws-mode")):
        asked = listed if option(listed) is not None else f"{name}="
        is_asked = asked == listed or given.get(name) is not None
        if is_asked and parameter not in has and not is_one[parameter]:
            raise ConfigError(
                f"{asked} came too late: the marker was added when tests were made already",
                where=item.nodeid,
                mend=f"mark it where it is defined: @pytest.mark.{NAME}, or pytestmark",
            )


def _rules(value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(value)
    for text in texts:
        rule_of(text)
    return texts


def _volatile(table: Any) -> Mapping[str, str]:
    if not isinstance(table, Mapping):
        raise ConfigError(
            f"volatile is {table!r:.60}", mend="give a table, as in {'**.run_id': 'id:run'}"
        )
    volatile_of(table)
    return table


def _conditions(
    given: Mapping[str, Any], value: Callable[[str], Any], mode: str, settings: Settings
) -> Conditions:
    config, schedule = given.get("config", DEFAULT), value("schedule")
    if isinstance(config, Mapping):
        config = MockConfiguration(**config)
    require_configuration(config)
    plan = plan_of(given.get("plan"))
    return Conditions(
        seed=require_seed(value("seed")),
        schedule=schedule if isinstance(schedule, Schedule) else Schedule(schedule),
        plan=plan,
        config=plan.applied(config.replace(mode=_modes(mode)) if mode else config),
        profile=require_profile(value("profile")),
        redactor=Redactor(settings.redact_keys, settings.keep_keys),
        threads=value("threads"),
        preempt=given.get("preempt", ()),
        escapes=value("escapes"),
    )


def _repeated(path: str | None, conditions: Conditions) -> Conditions:
    """``conditions``, but with the seed, faults and order of what ``path`` keeps."""
    if path is None:
        return conditions
    if path.endswith(".rws") and (repro := repro_in(path)) is not None:
        return repro.under(conditions)
    seed, plan = _kept(path)
    seed = conditions.seed if seed is None else seed
    schedule = Schedule() if plan.exact else conditions.schedule
    config = plan.applied(conditions.config)
    return replace(conditions, seed=seed, plan=plan, schedule=schedule, config=config)


def _kept(path: str) -> tuple[int | None, FaultPlan]:
    if not path.endswith(".rws"):
        plan = plan_of(path)
        return plan.seed, plan
    from replay_ws.api import load

    session = load(path)
    return session.seed, plan_of(session.plan) if len(session.plan) else NO_PLAN


def _golden(template: Any, item: pytest.Function, seed: int, mode: str) -> str:
    """The name of a test's golden, in which ``{seed}``, ``{mode}`` and ``{test}`` are its own."""
    if template is None or template is False:
        return ""
    test = item.originalname
    name = test if template is True else template
    try:
        name = str(name).format(seed=seed, mode=mode or "normal", test=test)
    except (LookupError, ValueError) as error:
        raise ConfigError(
            f"golden={template!r:.80} cannot be filled in",
            where=item.nodeid,
            mend="a name may hold {seed}, {mode} and {test}",
        ) from error
    return golden_name(name, item.nodeid)
