"""Running a marked test: its fixtures, its body and its tear-down are parts of one run.

Registered when the first marked test is collected. Whoever else would run the test, pytest-asyncio
or anyio, meets a plain function in its place, and so with its asynchronous fixtures: they run on
the loop of the run. Fixtures of a wider scope than one test belong to no run.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from _pytest.fixtures import FixtureDef, SubRequest, resolve_fixture_function

from replay_ws.clock import NS_PER_MS
from replay_ws.errors import ConfigError
from replay_ws.pytest_plugin.facts import FACTS, facts_of, new_facts, target_of
from replay_ws.pytest_plugin.failures import tell
from replay_ws.pytest_plugin.goldens import Goldens
from replay_ws.pytest_plugin.marker import NAME, Wanted, failing, wanted_of
from replay_ws.pytest_plugin.twice import BEFORE, Twice
from replay_ws.running import Conditions
from replay_ws.session import Session
from replay_ws.sim.lanes import Observer
from replay_ws.sim.places import is_installed
from replay_ws.staged import StagedRun

RUN = pytest.StashKey[StagedRun]()
WANTED = pytest.StashKey[Wanted]()
SESSION = pytest.StashKey[Session]()
HUNTED = pytest.StashKey[tuple[Conditions, Sequence[Observer]]]()
"""Of a run of a hunt: its conditions, in the place of the marker's, and who watches it."""
_TARGET = pytest.StashKey[Callable[..., Any]]()

OF_A_TEST: tuple[pytest.StashKey[Any], ...] = (WANTED, SESSION, _TARGET, BEFORE, FACTS)
"""What is noted of a test until it has been run and told of."""


class MarkedItems:
    """The hooks around marked tests; tests without the marker pass."""

    def __init__(self, config: pytest.Config) -> None:
        self._twice = Twice() if config.getoption("--ws-verify") else None

    # --- a run and its parts ---------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Run a test once more before the run that counts, where that was asked for."""
        if self._twice is not None and _is_marked(item):
            self._twice.run_before(item, nextitem, lambda: item.stash.get(SESSION, None))
        try:
            return (yield)
        finally:  # pytest keeps its items to the end, and a sweep has many
            for key in OF_A_TEST:
                if key in item.stash:
                    del item.stash[key]

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """After pytest's own marks have been asked whether to skip, and before any fixture."""
        if _is_marked(item):
            _begin(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: FixtureDef[Any], request: SubRequest
    ) -> Generator[None, object, object]:
        run = request.node.stash.get(RUN, None) if fixturedef.scope == "function" else None
        if run is None or _is_of_others(fixturedef.func):
            return (yield)
        if not _is_async(fixturedef.func):
            with run.inside():
                return (yield)
        with pytest.MonkeyPatch.context() as patch:
            function = resolve_fixture_function(fixturedef, request)
            patch.setattr(fixturedef, "func", _plain_fixture(function, run))
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        __tracebackhide__ = True
        if RUN in item.stash:
            item.stash[_TARGET] = getattr(*_target(item))  # before others wrap it
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        __tracebackhide__ = True
        run = pyfuncitem.stash.get(RUN, None)
        if run is None:
            return (yield)
        owner, name = _target(pyfuncitem)
        with pytest.MonkeyPatch.context() as patch:
            function = pyfuncitem.stash[_TARGET]
            if owner is not pyfuncitem:  # Hypothesis calls it for each of its examples
                if inspect.iscoroutinefunction(function):
                    patch.setattr(owner, name, _awaited_by(run, function))
                function = pyfuncitem.obj
            patch.setattr(pyfuncitem, "obj", self._body(pyfuncitem, run, function))
            return (yield)

    def _body(
        self, item: pytest.Function, run: StagedRun, function: Callable[..., Any]
    ) -> Callable[..., object]:
        is_async = inspect.iscoroutinefunction(function)

        @functools.wraps(function)
        def body(**arguments: Any) -> object:
            __tracebackhide__ = True
            try:
                session = run.body(functools.partial(function, **arguments), is_async=is_async)
            except BaseException as error:
                if isinstance(left := getattr(error, "session", None), Session):
                    _take(item, left)
                raise
            _take(item, session)
            if self._twice is not None:
                self._twice.compare(item, session)
            _compare_with_golden(item, session)
            return run.value  # pytest warns of values

        return body

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            if RUN in item.stash:
                item.stash[SESSION] = _session_of(item)
                item.stash[RUN].close()
                del item.stash[RUN]

    # --- what is told ----------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if WANTED in item.stash and HUNTED not in item.stash:
            redactor = item.stash[WANTED].conditions.redactor
            assert redactor is not None, "a marked test has one"
            tell(item, report, call, lambda: _session_of(item), redactor)
        return report


def _is_marked(item: pytest.Item) -> bool:
    return item.get_closest_marker(NAME) is not None


def _begin(item: pytest.Item) -> None:
    """Begin the run of a marked test; what cannot be kept of its wishes fails it."""
    if not isinstance(item, pytest.Function) or not _is_function(item):
        pytest.fail(f"{NAME} marks functions and methods, not unittest's test cases", pytrace=False)
    if inspect.isasyncgenfunction(item.obj):
        pytest.fail("a test cannot yield: it would never be run", pytrace=False)
    with failing():
        wanted = wanted_of(item)
        conditions, observers = item.stash.get(HUNTED, (wanted.conditions, ()))
        wanted = replace(wanted, conditions=conditions)
        run = StagedRun(item.obj, wanted.conditions, source=f"pytest {item.nodeid}")
    for observer in observers:
        run.loop.observe(observer)
    if SESSION in item.stash:  # of an earlier run of the same test
        del item.stash[SESSION]
    item.stash[WANTED], item.stash[RUN] = wanted, run
    facts, conditions = new_facts(item), wanted.conditions
    facts.seed, facts.mode, facts.schedule = conditions.seed, wanted.mode, str(conditions.schedule)
    facts.target = target_of(item)
    facts.asked_mode = wanted.mode if item.config.getoption("--ws-mode") else ""


def _is_function(item: pytest.Function) -> bool:
    from unittest import TestCase

    return not (item.cls is not None and issubclass(item.cls, TestCase))


def _compare_with_golden(item: pytest.Function, session: Session) -> None:
    __tracebackhide__ = True
    wanted = item.stash[WANTED]
    if not wanted.golden:
        return
    with failing():
        Goldens(item).check(
            wanted.golden,
            session,
            order=wanted.order,
            tolerance_ms=wanted.tolerance_ms,
            ignore=wanted.ignore,
            volatile=wanted.volatile,
        )


def _take(item: pytest.Item, session: Session) -> None:
    """Take note of what a test left."""
    item.stash[SESSION] = session
    facts = facts_of(item)
    facts.digest, facts.events = session.digest, session.ledger.sent
    facts.virtual_ms = session.end_ns / NS_PER_MS


def _session_of(item: pytest.Item) -> Session:
    """What a test left so far, or its fixtures if it was never called."""
    return item.stash[SESSION] if SESSION in item.stash else item.stash[RUN].finish()


# --- functions in place of others ----------------------------------------------------------


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _is_of_others(function: Callable[..., Any]) -> bool:
    """Whether a fixture comes from a library: what those do is none of the test's doing."""
    if function.__module__.partition(".")[0] == "replay_ws":
        return False
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is None or is_installed(code.co_filename)


def _target(item: pytest.Item) -> tuple[Any, str]:
    """Where the test function is: of a Hypothesis test, the one that is called per example."""
    inner = getattr(getattr(item, "obj", None), "hypothesis", None)
    return (item, "obj") if inner is None else (inner, "inner_test")


def _awaited_by(run: StagedRun, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **arguments: Any) -> Any:
        return run.loop.run_until_complete(function(*args, **arguments))

    return call


def _plain_fixture(function: Callable[..., Any], run: StagedRun) -> Callable[..., Any]:
    """An asynchronous fixture as a plain one, whose parts run on the run's loop."""
    if run.loop.is_running():
        raise ConfigError(
            f"{function.__qualname__} is asynchronous, and the loop that it needs runs the test",
            mend="name the fixture among the test's arguments, or ask for it in another fixture",
        )
    if not inspect.isasyncgenfunction(function):
        return lambda **arguments: run.wait(functools.partial(function, **arguments))

    def generator(**arguments: Any) -> Iterator[Any]:
        inner: AsyncGenerator[Any, None] = function(**arguments)
        yield run.wait(lambda: anext(inner))
        try:
            yield run.wait(lambda: anext(inner))  # pytest tells who yields twice
        except StopAsyncIteration:
            return

    return generator
