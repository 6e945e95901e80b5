"""What fixtures give to tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from replay_ws.clock import NS_PER_S
from replay_ws.errors import ConfigError
from replay_ws.mock.assertions import WebSocketAssertions
from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.pytest_plugin.goldens import Goldens
from replay_ws.pytest_plugin.items import RUN, WANTED
from replay_ws.session import Session
from replay_ws.sim.races.watching import watch

if TYPE_CHECKING:
    from replay_ws.pytest_plugin.marker import Wanted
    from replay_ws.staged import StagedRun

Value = TypeVar("Value")


class TestRun:
    """The run of a marked test, from inside."""

    __test__ = False  # its name is for readers, and no test's

    def __init__(self, run: StagedRun, wanted: Wanted) -> None:
        self._run = run
        self._wanted = wanted

    @classmethod
    def of(cls, item: pytest.Item) -> TestRun:
        """The run of ``item``; raises ConfigError where that is not marked."""
        if RUN not in item.stash:
            raise ConfigError(
                "ws_run belongs to a deterministic run, and this test has none",
                where=item.nodeid,
                mend="mark it: @pytest.mark.replay_ws",
            )
        return cls(item.stash[RUN], item.stash[WANTED])

    @property
    def seed(self) -> int:
        """The seed of every draw."""
        return self._wanted.conditions.seed

    @property
    def mode(self) -> str:
        """The behaviour mode that the test was given; empty for none."""
        return self._wanted.mode

    @property
    def schedule(self) -> str:
        """What decides which ready task goes next."""
        return str(self._wanted.conditions.schedule)

    @property
    def now(self) -> float:
        """Virtual seconds since the run began."""
        return self._run.loop.time_ns() / NS_PER_S

    @property
    def session(self) -> Session:
        """What was recorded so far."""
        return self._run.recording.snapshot()

    def wait(self, awaitable: Awaitable[Value]) -> Value:
        """What ``awaitable`` gives; for plain tests, where an asynchronous one awaits it."""

        async def main() -> Value:
            return await awaitable

        if self._wanted.conditions.threads == "managed" and self._run.loop.is_running():
            return asyncio.run_coroutine_threadsafe(main(), self._run.loop).result()
        return self._run.wait(main)


class Cassettes(Goldens):
    """The project's goldens by name, for one test."""

    def replay(self, name: str, **options: Any) -> Session:
        """A golden's session under another mode, seed, configuration or plan."""
        from replay_ws.api import replay

        return replay(self.load(name), **options)


class TestAssertions(WebSocketAssertions):
    """Assertions that know the project's goldens by name."""

    __test__ = False

    def __init__(self, mock: MockWebSocketManager, goldens: Goldens) -> None:
        super().__init__(mock)
        self._goldens = goldens

    def for_mock(self, mock: MockWebSocketManager) -> TestAssertions:
        """The same assertions about another mock."""
        return TestAssertions(mock, self._goldens)

    def assert_matches_golden(
        self,
        golden: str | Path | Session,
        *,
        order: str = "",
        tolerance_ms: float | None = None,
        ignore: Iterable[str] = (),
        volatile: Mapping[str, str] | None = None,
    ) -> None:
        """The mock's session is as its golden; a name is one of the project's, see --ws-update."""
        if isinstance(golden, str) and not golden.endswith(".rws"):
            self._goldens.check(
                golden,
                self.mock.session(),
                order=order,
                tolerance_ms=tolerance_ms,
                ignore=ignore,
                volatile=volatile,
            )
            return
        super().assert_matches_golden(
            golden,
            order=order or "causal",
            tolerance_ms=tolerance_ms or 0,
            ignore=ignore,
            volatile=volatile,
        )


def assertions_of(item: pytest.Item, mock: MockWebSocketManager) -> WebSocketAssertions:
    """Assertions about the mock of a test."""
    return TestAssertions(mock, Goldens(item))


def watched(item: pytest.Item, mock: MockWebSocketManager) -> MockWebSocketManager:
    """``mock``, under watch where the test has a run; its assertions tell the races."""
    return watch(mock, report="collect") if RUN in item.stash else mock


def wait(item: pytest.Item, function: Callable[[], Awaitable[Value]]) -> Value:
    """What a coroutine function gives, on the loop of a marked test or on one of its own."""
    if RUN in item.stash:
        return item.stash[RUN].wait(function)
    from replay_ws.sim.loop import VirtualLoop

    async def main() -> Value:
        return await function()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
