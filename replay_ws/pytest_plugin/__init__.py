"""The pytest plugin: marked tests run deterministically, are recorded and compared with goldens.

This much is loaded in every suite, so it imports nothing of ours. The hooks that run tests are
registered when the first marked test is collected, and the one that sums up when there is something
to sum up.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from replay_ws.pytest_plugin.fixtures import (
    _ws_mode,
    _ws_seed,
    async_mock_websocket_manager,
    legacy_mock_websocket_manager,
    mock_websocket_compliance,
    mock_websocket_concurrency,
    mock_websocket_factory,
    mock_websocket_manager,
    mock_websocket_performance,
    mock_websocket_resilience,
    mock_websocket_with_connections,
    websocket_assertions,
    ws_cassette,
    ws_run,
)
from replay_ws.pytest_plugin.options import add_options, check_options, is_repro

if TYPE_CHECKING:
    from replay_ws.pytest_plugin.summary import Summary

# pytest looks for fixtures among the names of this module.
__all__ = [
    "_ws_mode",
    "_ws_seed",
    "async_mock_websocket_manager",
    "legacy_mock_websocket_manager",
    "mock_websocket_compliance",
    "mock_websocket_concurrency",
    "mock_websocket_factory",
    "mock_websocket_manager",
    "mock_websocket_performance",
    "mock_websocket_resilience",
    "mock_websocket_with_connections",
    "websocket_assertions",
    "ws_cassette",
    "ws_run",
]

_MARKER = """\
replay_ws(golden=None, seed=0, seeds=None, mode=None, modes=None, schedule='fifo', \
profile='agent5', order='causal', tolerance_ms=0, ignore=(), volatile={}, threads='refuse', \
preempt=(), escapes='error', config=None, plan=None): run the test on virtual time, from a seed; \
record its session; compare it with a golden."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the command line."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """The marker; and options that cannot be kept are told at once."""
    config.addinivalue_line("markers", _MARKER)
    check_options(config)
    if hasattr(config, "workerinput"):  # one of xdist's workers
        config.pluginmanager.register(_Worker(), "replay_ws_worker")
    else:
        config.pluginmanager.register(_Listener(config), "replay_ws_listener")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Repros in the folder of the settings are tests."""
    if file_path.suffix != ".rws" or not is_repro(parent.config, file_path):
        return None
    from replay_ws.pytest_plugin.repros import ReproFile

    return ReproFile.from_parent(parent, path=file_path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Seeds and modes are parameters of marked tests."""
    if metafunc.definition.get_closest_marker("replay_ws") is not None:
        from replay_ws.pytest_plugin.marker import failing, parametrize

        with failing():
            parametrize(metafunc)


def pytest_collection_finish(session: pytest.Session) -> None:
    """With a marked test come the hooks that run it; a conftest may have marked it just now."""
    if any(item.get_closest_marker("replay_ws") for item in session.items):
        from replay_ws.pytest_plugin.items import MarkedItems

        session.config.pluginmanager.register(MarkedItems(session.config), "replay_ws_items")
        if session.config.getoption("--ws-history") is not None:
            from replay_ws.pytest_plugin.history import excuse

            excuse(session.config, session.items)


class _LeftOut:
    """Counts the tests that were not run: after such a run nobody knows what is unused."""

    def __init__(self) -> None:
        self.count = 0
        self._by_hand: set[str] = set()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.count += report.skipped

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        names = {"ws_cassette", "websocket_assertions"}
        items = (each for each in session.items if names & {*getattr(each, "fixturenames", ())})
        self._by_hand = {item.nodeid for item in items}

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.count += len(items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        is_ours = "replay_ws" in report.keywords or report.nodeid in self._by_hand
        self.count += report.skipped and is_ours

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.count += getattr(node, "workeroutput", {}).get("replay_ws_left_out", 0)


class _Worker(_LeftOut):
    """Tells the process with the terminal what was left out here."""

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        told: dict[str, object] = session.config.workeroutput  # type: ignore[attr-defined]
        told["replay_ws_left_out"] = self.count


class _Listener(_LeftOut):
    """Waits for a first test with something to tell, and then has it summed up."""

    def __init__(self, config: pytest.Config) -> None:
        super().__init__()
        self._config = config
        self._summary: Summary | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        super().pytest_runtest_logreport(report)
        if hasattr(report, "replay_ws"):
            self._begun().add(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        option = self._config.getoption
        if self._summary or option("--ws-update") or option("--ws-report") is not None:
            self._begun().finish(session, exitstatus, left_out=self.count)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._summary:
            self._summary.show(terminalreporter)

    def _begun(self) -> Summary:
        if self._summary is None:
            from replay_ws.pytest_plugin.summary import Summary

            self._summary = Summary(self._config)
        return self._summary
