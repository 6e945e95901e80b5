"""replay_ws: deterministic record and replay for WebSocket agent event streams.

The public names are imported when they are first used: ``import replay_ws`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replay_ws.api import check as check
    from replay_ws.api import compare as compare
    from replay_ws.api import hunt as hunt
    from replay_ws.api import load as load
    from replay_ws.api import record as record
    from replay_ws.api import replay as replay
    from replay_ws.api import run as run
    from replay_ws.api import save as save
    from replay_ws.api import shrink as shrink
    from replay_ws.cassette.redaction import Redactor as Redactor
    from replay_ws.errors import CassetteError as CassetteError
    from replay_ws.errors import ConfigError as ConfigError
    from replay_ws.errors import DeadlockError as DeadlockError
    from replay_ws.errors import DeterminismError as DeterminismError
    from replay_ws.errors import EscapeError as EscapeError
    from replay_ws.errors import ExpectationError as ExpectationError
    from replay_ws.errors import GoldenMismatch as GoldenMismatch
    from replay_ws.errors import ProgramError as ProgramError
    from replay_ws.errors import RaceError as RaceError
    from replay_ws.errors import RecordedError as RecordedError
    from replay_ws.errors import ReplayMismatch as ReplayMismatch
    from replay_ws.errors import ReplayWsError as ReplayWsError
    from replay_ws.errors import SourceError as SourceError
    from replay_ws.events.model import Decision as Decision
    from replay_ws.events.model import Event as Event
    from replay_ws.events.model import Fate as Fate
    from replay_ws.events.model import Incident as Incident
    from replay_ws.events.model import Ledger as Ledger
    from replay_ws.events.model import Plan as Plan
    from replay_ws.faults.configuration import MockConfiguration as MockConfiguration
    from replay_ws.faults.modes import MockBehaviorMode as MockBehaviorMode
    from replay_ws.faults.plans import FaultPlan as FaultPlan
    from replay_ws.faults.timeline import Fault as Fault
    from replay_ws.faults.toxics import Toxic as Toxic
    from replay_ws.hunter.failure import Failure as Failure
    from replay_ws.hunter.failure import Signature as Signature
    from replay_ws.hunter.hunt import Group as Group
    from replay_ws.hunter.hunt import Hunt as Hunt
    from replay_ws.hunter.repro import Repro as Repro
    from replay_ws.legacy.bridge import LegacyMockWebSocketBridge as LegacyMockWebSocketBridge
    from replay_ws.legacy.helpers import assert_websocket_events as assert_websocket_events
    from replay_ws.legacy.helpers import reset_mock_for_test as reset_mock_for_test
    from replay_ws.legacy.manager import LegacyMockWebSocketManager as LegacyMockWebSocketManager
    from replay_ws.legacy.migration.sources import (
        migrate_legacy_mock_usage as migrate_legacy_mock_usage,
    )
    from replay_ws.legacy.socket import LegacyMockWebSocket as LegacyMockWebSocket
    from replay_ws.metrics import Metrics as Metrics
    from replay_ws.mock.assertions import WebSocketAssertions as WebSocketAssertions
    from replay_ws.mock.factories import create_auth_testing_mock as create_auth_testing_mock
    from replay_ws.mock.factories import create_basic_mock as create_basic_mock
    from replay_ws.mock.factories import create_compliance_mock as create_compliance_mock
    from replay_ws.mock.factories import create_concurrency_mock as create_concurrency_mock
    from replay_ws.mock.factories import create_performance_mock as create_performance_mock
    from replay_ws.mock.factories import create_resilience_mock as create_resilience_mock
    from replay_ws.mock.factories import create_resource_limits_mock as create_resource_limits_mock
    from replay_ws.mock.factories import create_slow_network_mock as create_slow_network_mock
    from replay_ws.mock.manager import MockWebSocketManager as MockWebSocketManager
    from replay_ws.mock.metrics import WebSocketMetrics as WebSocketMetrics
    from replay_ws.mock.results import SendResult as SendResult
    from replay_ws.mock.simulators import create_test_message as create_test_message
    from replay_ws.mock.simulators import (
        simulate_agent_execution_flow as simulate_agent_execution_flow,
    )
    from replay_ws.mock.simulators import simulate_concurrent_agents as simulate_concurrent_agents
    from replay_ws.mock.simulators import simulate_high_load as simulate_high_load
    from replay_ws.mock.simulators import simulate_network_issues as simulate_network_issues
    from replay_ws.mock.threads import MockWebSocketState as MockWebSocketState
    from replay_ws.race import Access as Access
    from replay_ws.race import Race as Race
    from replay_ws.session import RunResult as RunResult
    from replay_ws.session import Session as Session
    from replay_ws.session import Verification as Verification
    from replay_ws.sim.loop import VirtualLoop as VirtualLoop
    from replay_ws.sim.races.watching import watch as watch
    from replay_ws.sim.schedule import Schedule as Schedule

_HOMES = {
    "replay_ws.api": "check compare hunt load record replay run save shrink shrink_messages",
    "replay_ws.cassette.redaction": "Redactor",
    "replay_ws.errors": (
        "CassetteError ConfigError DeadlockError DeterminismError EscapeError "
        "ExpectationError GoldenMismatch ProgramError RaceError RecordedError ReplayMismatch "
        "ReplayWsError SourceError"
    ),
    "replay_ws.events.model": "Decision Event Fate Incident Ledger Plan",
    "replay_ws.faults.configuration": "MockConfiguration",
    "replay_ws.faults.modes": "MockBehaviorMode",
    "replay_ws.faults.plans": "FaultPlan",
    "replay_ws.faults.timeline": "Fault",
    "replay_ws.faults.toxics": "Toxic",
    "replay_ws.hunter.failure": "Failure Signature",
    "replay_ws.hunter.hunt": "Group Hunt",
    "replay_ws.hunter.repro": "Repro",
    "replay_ws.legacy": (
        "LegacyMockWebSocket LegacyMockWebSocketBridge LegacyMockWebSocketManager"
    ),
    "replay_ws.legacy.helpers": "assert_websocket_events reset_mock_for_test",
    "replay_ws.legacy.migration.sources": "migrate_legacy_mock_usage",
    "replay_ws.metrics": "Metrics",
    "replay_ws.mock.assertions": "WebSocketAssertions",
    "replay_ws.mock.manager": "MockWebSocketManager",
    "replay_ws.mock.results": "SendResult",
    "replay_ws.mock.metrics": "WebSocketMetrics",
    "replay_ws.mock.threads": "MockWebSocketState",
    "replay_ws.race": "Access Race",
    "replay_ws.session": "RunResult Session Verification",
    "replay_ws.sim.loop": "VirtualLoop",
    "replay_ws.sim.schedule": "Schedule",
    "replay_ws.sim.races.watching": "watch",
    "replay_ws.mock.factories": (
        "create_auth_testing_mock create_basic_mock create_compliance_mock "
        "create_concurrency_mock create_performance_mock create_resilience_mock "
        "create_resource_limits_mock create_slow_network_mock"
    ),
    "replay_ws.mock.simulators": (
        "create_test_message simulate_agent_execution_flow simulate_concurrent_agents "
        "simulate_high_load simulate_network_issues"
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__version__ = "0.1.0"
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'replay_ws' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
