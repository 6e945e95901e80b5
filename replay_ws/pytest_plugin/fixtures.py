"""The fixtures. Ours are imported where a test asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from replay_ws.legacy import LegacyMockWebSocketManager
    from replay_ws.mock.assertions import WebSocketAssertions
    from replay_ws.mock.manager import MockWebSocketManager
    from replay_ws.pytest_plugin.handles import Cassettes, TestRun


@pytest.fixture
def _ws_seed(request: pytest.FixtureRequest) -> Any:
    """The seed that a test is parametrized with."""
    return request.param


@pytest.fixture
def _ws_mode(request: pytest.FixtureRequest) -> Any:
    """The mode that a test is parametrized with."""
    return request.param


# --- mocks ---------------------------------------------------------------------------------


def _mock(request: pytest.FixtureRequest, scenario: str, **fields: Any) -> MockWebSocketManager:
    from replay_ws.mock.manager import MockWebSocketManager

    seed = request.config.getoption("--ws-seed")
    if seed is not None:
        fields = {"seed": seed, **fields}
    return MockWebSocketManager.create_for_scenario(scenario, **fields)


@pytest.fixture
def mock_websocket_manager(request: pytest.FixtureRequest) -> Iterator[MockWebSocketManager]:
    """A mock; in a marked test it follows the run's seed, mode and clock."""
    with _mock(request, "basic") as mock:
        yield mock


@pytest.fixture
def async_mock_websocket_manager(request: pytest.FixtureRequest) -> Iterator[MockWebSocketManager]:
    """A mock for asynchronous tests, whichever plugin runs them."""
    with _mock(request, "basic") as mock:
        yield mock


@pytest.fixture
def mock_websocket_compliance(request: pytest.FixtureRequest) -> Iterator[MockWebSocketManager]:
    """A mock that refuses what is no event."""
    with _mock(request, "compliance") as mock:
        yield mock


@pytest.fixture
def mock_websocket_performance(request: pytest.FixtureRequest) -> Iterator[MockWebSocketManager]:
    """A mock that measures: times, throughput and memory."""
    with _mock(request, "performance") as mock:
        yield mock


@pytest.fixture
def mock_websocket_resilience(request: pytest.FixtureRequest) -> Iterator[MockWebSocketManager]:
    """A mock with outages, loss, timeouts, and retries against them."""
    with _mock(request, "resilience") as mock:
        yield mock


@pytest.fixture
def mock_websocket_concurrency(request: pytest.FixtureRequest) -> Iterator[MockWebSocketManager]:
    """A mock whose connections race; in a marked test it is watched for unordered accesses."""
    from replay_ws.pytest_plugin.handles import watched

    with _mock(request, "concurrency") as mock:
        yield watched(request.node, mock)


@pytest.fixture
def mock_websocket_factory(
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., MockWebSocketManager]]:
    """Makes mocks: ``factory(scenario="basic", **fields)``."""
    made = []

    def factory(scenario: str = "basic", **fields: Any) -> MockWebSocketManager:
        made.append(_mock(request, scenario, **fields))
        return made[-1]

    yield factory
    for mock in made:
        mock.__exit__()


CONNECTIONS = (("user-1", "thread-1"), ("user-2", "thread-2"), ("user-3", "thread-3"))


@pytest.fixture
def mock_websocket_with_connections(
    request: pytest.FixtureRequest,
) -> Iterator[MockWebSocketManager]:
    """A mock to which three users are connected: ``user-1`` on ``thread-1``, and so on."""
    from replay_ws.pytest_plugin.handles import wait

    with _mock(request, "basic") as mock:

        async def connect() -> None:
            for user, thread in CONNECTIONS:
                await mock.connect_user(user, thread_id=thread)

        wait(request.node, connect)
        yield mock


@pytest.fixture
def legacy_mock_websocket_manager() -> Iterator[LegacyMockWebSocketManager]:
    """A mock with the members that hand-written mocks used to have."""
    from replay_ws.legacy import LegacyMockWebSocketManager

    with LegacyMockWebSocketManager() as mock:
        yield mock


MOCKS = (
    "mock_websocket_manager",
    "async_mock_websocket_manager",
    "mock_websocket_compliance",
    "mock_websocket_performance",
    "mock_websocket_resilience",
    "mock_websocket_concurrency",
    "mock_websocket_with_connections",
    "legacy_mock_websocket_manager",
)


@pytest.fixture
def websocket_assertions(request: pytest.FixtureRequest) -> WebSocketAssertions:
    """Assertions about the mock of the test: the one whose fixture it asks for first."""
    from replay_ws.pytest_plugin.handles import assertions_of

    asked = [name for name in request.fixturenames if name in MOCKS]
    mock = request.getfixturevalue(asked[0] if asked else "mock_websocket_manager")
    return assertions_of(request.node, mock)


# --- the run and its goldens ---------------------------------------------------------------


@pytest.fixture
def ws_run(request: pytest.FixtureRequest) -> TestRun:
    """The deterministic run of a marked test: its seed, clock, schedule and session so far."""
    from replay_ws.pytest_plugin.handles import TestRun

    return TestRun.of(request.node)


@pytest.fixture
def ws_cassette(request: pytest.FixtureRequest) -> Cassettes:
    """The project's goldens, to load, replay and compare with by hand."""
    from replay_ws.pytest_plugin.handles import Cassettes

    return Cassettes(request.node)
