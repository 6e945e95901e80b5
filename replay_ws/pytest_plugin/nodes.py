"""A test as a target: ``path/to/test.py::test`` runs again and again, under any conditions.

A pytest of its own collects the test once in each process, and stays open until the process ends:
fixtures of a wider scope are set up once, those of the test for each run. Nothing is reported and
no session of a failed run is kept; that is for who hunts.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, TypeVar

import pytest
from _pytest.config import _prepareconfig
from _pytest.runner import runtestprotocol

from replay_ws.errors import ConfigError
from replay_ws.hunter.targets import Runner
from replay_ws.pytest_plugin.items import HUNTED, OF_A_TEST, SESSION
from replay_ws.pytest_plugin.marker import FOR_HUNT, NAME, wanted_of
from replay_ws.running import Conditions, Outcome, attach
from replay_ws.sim.lanes import Observer

Found = TypeVar("Found")

_QUIETLY = (
    *("-q", "--capture=no", "--no-header", "--no-summary", "-p", "no:cacheprovider"),
    # Who hunts has loaded us already, and nothing of ours is to be rewritten.
    *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
)
_NAMES_SHOWN = 5
_SEED_IN_ID = re.compile(r"\[seed=\d+-?")


@dataclass(frozen=True, slots=True)
class NodeTarget:
    """One test, by its node id; ``folder`` is the one that the id is seen from."""

    name: str
    folder: str

    def within(self, work: Callable[[Runner], Found]) -> Found:
        with contextlib.chdir(self.folder):
            return work(_opened(self.name, self.folder))

    def require_sendable(self) -> None:
        """It is a name."""


def node_target(nodeid: str) -> NodeTarget:
    """The test that ``nodeid`` names, seen from the current folder."""
    return NodeTarget(nodeid, str(Path.cwd()))


class _NodeRunner:
    """Runs the one test of a session that was collected."""

    def __init__(self, item: pytest.Function) -> None:
        self._item = item
        self._error: BaseException | None = None
        self.base = wanted_of(item).conditions
        item.config.pluginmanager.register(self, "replay_ws_node_runner")

    def __call__(
        self, variants: Iterable[Conditions], observers: Sequence[Observer] = ()
    ) -> Iterator[Outcome[Any]]:
        return (self._run(conditions, observers) for conditions in variants)

    def _run(self, conditions: Conditions, observers: Sequence[Observer]) -> Outcome[Any]:
        item = self._item
        self._error = None
        item.stash[HUNTED] = (conditions, observers)
        try:
            # What is next has the same parents, so that what is set up for those stays.
            runtestprotocol(item, log=False, nextitem=item.parent)  # type: ignore[arg-type]
            session = item.stash.get(SESSION, None)
        finally:
            for key in (HUNTED, *OF_A_TEST):
                if key in item.stash:
                    del item.stash[key]
            item._initrequest()  # fixtures of the next run are its own
        if isinstance(self._error, pytest.skip.Exception):
            raise ConfigError(
                f"the test was skipped: {self._error}", where=item.nodeid, mend="hunt another"
            )
        if session is None or isinstance(self._error, pytest.FixtureLookupError):
            raise ConfigError(
                f"the test did not begin: {_words(self._error)}",
                where=item.nodeid,
                mend=f"see what `pytest {item.nodeid}` says",
            )
        if self._error is not None and getattr(self._error, "session", None) is None:
            attach(self._error, session=session)
        return Outcome(conditions.seed, session, error=self._error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Keep the first exception of a run."""
        if call.excinfo is not None and self._error is None:
            self._error = call.excinfo.value


def _words(error: BaseException | None) -> str:
    if isinstance(error, pytest.FixtureLookupError):
        return f"fixture {error.argname!r} not found"
    return str(error)


@cache
def _opened(nodeid: str, folder: str) -> _NodeRunner:
    """The runner of a test, whose pytest stays open until this process ends."""
    collecting = _Collecting()
    with _silence():
        session = _collected(nodeid, collecting)
    Finalize(None, _close, (session,), exitpriority=1)
    return _NodeRunner(_the_one(session, nodeid, collecting.broken))


def _collected(nodeid: str, collecting: _Collecting) -> pytest.Session:
    """A pytest that has collected the test; what of the suite prevents that is a ConfigError."""
    try:
        config = _prepareconfig([nodeid, *_QUIETLY, *_alone()], [collecting])
        session = pytest.Session.from_config(config)
        config._do_configure()
        config.hook.pytest_sessionstart(session=session)
        config.hook.pytest_collection(session=session)
    except (Exception, SystemExit) as error:  # a conftest and a plugin may raise what they like
        shorter = _SEED_IN_ID.sub("[", nodeid).removesuffix("[]")
        mend = f"leave the seed out, for a hunt has its own: {shorter}"
        raise ConfigError(
            f"pytest cannot collect it: {_reason(error)}",
            where=nodeid,
            mend=mend if shorter != nodeid else f"see what `pytest {nodeid}` says",
        ) from error
    return session


def _reason(error: BaseException) -> str:
    """What an error says, in a line; of wrong options, what stands behind the usage."""
    lines = str(error).splitlines() or [""]
    said = next((line.partition("error: ")[2] for line in lines if "error: " in line), lines[0])
    return said if isinstance(error, pytest.UsageError) else f"{type(error).__name__}: {said}"


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """What pytest itself would print, who hunts does not want to read."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


class _Collecting:
    """Has a test collected for a hunt; ``broken`` says of each file why it could not be read."""

    def __init__(self) -> None:
        self.broken: list[str] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[FOR_HUNT] = True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(report.longreprtext.strip().splitlines()[-1])


def _alone() -> tuple[str, ...]:
    """Options that keep others from running tests in their own way."""
    from importlib.util import find_spec

    return ("-n", "0") if find_spec("xdist") else ()


def _the_one(session: pytest.Session, nodeid: str, broken: list[str]) -> pytest.Function:
    items = session.items
    if not items:
        what = broken[0] if broken else "there is no such test"
        raise ConfigError(what, where=nodeid, mend=f"see what `pytest {nodeid}` says")
    if len(items) > 1:
        names = ", ".join(item.nodeid.rpartition("::")[2] for item in items[:_NAMES_SHOWN])
        raise ConfigError(
            f"these are {len(items)} tests: {names}{', ...' if len(items) > _NAMES_SHOWN else ''}",
            where=nodeid,
            mend="name one of them",
        )
    (item,) = items
    if not isinstance(item, pytest.Function) or item.get_closest_marker(NAME) is None:
        raise ConfigError(
            "the test is not marked, so it runs on a real clock",
            where=nodeid,
            mend=f"mark it: @pytest.mark.{NAME}",
        )
    return item


def _close(session: pytest.Session) -> None:
    """Tear down what outlived the runs, and end the session, as pytest does."""
    with _silence():
        session._setupstate.teardown_exact(None)
        session.config.hook.pytest_sessionfinish(session=session, exitstatus=0)
        session.config._ensure_unconfigure()
