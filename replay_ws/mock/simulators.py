"""Traffic for tests: an agent at work, many of them at once, load, and trouble on the way.

All of it takes virtual time: inside a run the loop's, elsewhere the mock's own clock, so that no
test waits. What a simulator does to a mock is recorded, and replays like anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypedDict
from weakref import WeakKeyDictionary

from replay_ws.clock import NS_PER_MS, NS_PER_S
from replay_ws.errors import ConfigError, unknown
from replay_ws.events.model import Event, Fate
from replay_ws.faults.modes import MODES, MockBehaviorMode
from replay_ws.mock.evidence import Evidence, holds
from replay_ws.mock.threads import MockWebSocketState

if TYPE_CHECKING:
    from replay_ws.faults.configuration import MockConfiguration
    from replay_ws.mock.manager import MockWebSocketManager

MESSAGES_OF_TROUBLE = 5
MESSAGES_OF_RECOVERY = 3
UP = MockWebSocketState.CONNECTED


def create_test_message(
    message_type: str = "test_message",
    data: Mapping[str, Any] | None = None,
    thread_id: str = "test_thread",
    **fields: Any,
) -> dict[str, Any]:
    """A message with ``type``, ``data``, ``thread_id`` and more ``fields``.

    The same arguments give the same message: there is no time of day in it and no random id.
    """
    message = {"type": message_type, "data": dict(data or {}), "thread_id": thread_id}
    return {**message, **fields}


# --- agents ----------------------------------------------------------------------------------


async def simulate_agent_execution_flow(
    mock: MockWebSocketManager, thread_id: str, include_tools: bool = True, tool_count: int = 2
) -> list[str]:
    """An agent's run from start to completion, as its protocol wants it; returns the types sent.

    With tools (at least one) the session scores 1.0 under the profile ``agent5``.
    """
    events = list(_flow(thread_id, tool_count if include_tools else 0))
    for event in events:
        await mock.send_to_thread(thread_id, event)
    return [event["type"] for event in events]


def _flow(thread_id: str, tool_count: int) -> Iterator[dict[str, Any]]:
    def event(name: str, **payload: Any) -> dict[str, Any]:
        about = {"run_id": f"run-{thread_id}", "agent_name": "test_agent"}
        return {"type": name, **about, "payload": payload}

    yield event("agent_started", status="started")
    yield event("agent_thinking", thought="analyzing request")
    for number in range(tool_count):
        tool = {"tool_name": f"test_tool_{number}", "tool_call_id": f"call-{number}"}
        yield event("tool_executing", **tool, parameters={"step": number})
        yield event("tool_completed", **tool, result="success")
    yield event("agent_completed", status="success", result=f"{tool_count} tools used")


async def simulate_concurrent_agents(
    mock: MockWebSocketManager, thread_count: int = 3, messages_per_thread: int = 5
) -> dict[str, list[dict[str, Any]]]:
    """``thread_0``, ``thread_1``, ... send their messages at the same time, one each 10 ms.

    Returns what each of them sent.
    """

    async def agent(thread_id: str) -> list[dict[str, Any]]:
        messages = []
        for number in range(messages_per_thread):
            data = {"thread_id": thread_id, "sequence": number}
            messages.append({"type": f"test_event_{number}", "data": data})
            await mock.send_to_thread(thread_id, messages[-1])
            await _wait(mock, 10 * NS_PER_MS)
        return messages

    names = [f"thread_{number}" for number in range(thread_count)]
    return dict(zip(names, await asyncio.gather(*map(agent, names)), strict=True))


class Load(TypedDict):
    """What a load test sent: counts, virtual seconds, and messages per virtual second."""

    sent: int
    accepted: int
    rejected: int
    duration: float
    messages_per_second: float


async def simulate_high_load(
    mock: MockWebSocketManager,
    concurrent_users: int = 50,
    duration: float = 60,
    *,
    messages_per_second: float = 1.0,
) -> Load:
    """``user_0``, ``user_1``, ... each send a message so often, for ``duration`` virtual seconds.

    Users begin one after the other within their first interval. Who has to wait for a message that
    is slow sends less; nobody sends more to make up for it.
    """
    for name, value in (("duration", duration), ("messages_per_second", messages_per_second)):
        if not value > 0:
            raise ConfigError(f"{name} is {value!r}", mend="it must be above 0")
    each_ns = max(1, round(NS_PER_S / messages_per_second))
    begin_ns = _now_ns(mock)
    end_ns = begin_ns + round(duration * NS_PER_S)

    async def user(number: int) -> list[bool]:
        accepted: list[bool] = []
        due_ns = begin_ns + each_ns * number // concurrent_users
        while due_ns < end_ns:
            await _wait(mock, due_ns - _now_ns(mock))
            data = {"user": number, "sequence": len(accepted)}
            message = create_test_message("load_test", data, f"user_{number}")
            accepted.append(await mock.send_to_thread(f"user_{number}", message))
            due_ns = max(due_ns + each_ns, _now_ns(mock))
        return accepted

    sends = [
        ok for sent in await asyncio.gather(*map(user, range(concurrent_users))) for ok in sent
    ]
    await _wait(mock, end_ns - _now_ns(mock))
    took_s = (_now_ns(mock) - begin_ns) / NS_PER_S
    return Load(
        sent=len(sends),
        accepted=sum(sends),
        rejected=len(sends) - sum(sends),
        duration=took_s,
        messages_per_second=len(sends) / took_s,
    )


def _now_ns(mock: MockWebSocketManager) -> int:
    return mock._recording.clock.now_ns()


async def _wait(mock: MockWebSocketManager, duration_ns: int) -> None:
    """Let virtual time pass; others go on meanwhile."""
    await mock._recording.clock.take(_now_ns(mock), max(0, duration_ns))


# --- trouble ---------------------------------------------------------------------------------

SURE: Mapping[MockBehaviorMode, Mapping[str, Any]] = {
    MockBehaviorMode.PACKET_LOSS: {"packet_loss_rate": 1.0, "loss_correlation": 0.0},
    MockBehaviorMode.MEMORY_PRESSURE: {"message_queue_size": 2, "consume_rate": 10.0},
    MockBehaviorMode.MALFORMED_DATA: {"malformed_rate": 1.0},
    MockBehaviorMode.TIMEOUT_PRONE: {"timeout_probability": 1.0, "timeout_kind": "reject"},
    MockBehaviorMode.AUTHENTICATION_FAILURE: {"auth_failure_rate": 1.0, "auth_when": "message"},
    MockBehaviorMode.RACE_CONDITIONS: {"race_rate": 1.0},
}
"""What a mode's row becomes so that a few messages are sure to meet the trouble."""

ALIASES: Mapping[str, MockBehaviorMode] = {
    "partition": MockBehaviorMode.NETWORK_PARTITION,
    "timeout": MockBehaviorMode.TIMEOUT_PRONE,
}
"""Words that tests used before modes had names."""


class NetworkIssues(TypedDict):
    """Which messages (numbered from 0) fared how.

    ``events_sent`` arrived whole while the trouble lasted; ``failures`` did not, or damaged, and
    ``outcomes`` says why; ``recoveries`` arrived when it was over, also what it had held.
    """

    events_sent: list[int]
    failures: list[int]
    recoveries: list[int]
    outcomes: dict[int, str]


@contextmanager
def trouble(mock: MockWebSocketManager, **fields: Any) -> Iterator[None]:
    """Configure a mock otherwise while the body lasts; the other fields stay as they are.

    ``link``, ``faults`` and ``seed`` cannot change on a mock that is in use: ConfigError.
    """
    for name in ("link", "faults", "seed"):
        if name in fields:
            raise ConfigError(f"{name} cannot change while a mock is in use", mend="make another")
    mock.config.replace(**fields)  # refuses before anything has happened
    usual, begun = _TROUBLES.setdefault(mock, (mock.config, []))

    def configure() -> None:
        mock.config = usual.replace(**{name: each[name] for each in begun for name in each})
        mock._recording.configure(mock._channel, mock.config)

    begun.append(fields)
    try:
        configure()
        yield
    finally:
        del begun[next(n for n, each in enumerate(begun) if each is fields)]
        if not begun:
            del _TROUBLES[mock]
        configure()


_TROUBLES: WeakKeyDictionary[
    MockWebSocketManager, tuple[MockConfiguration, list[dict[str, Any]]]
] = WeakKeyDictionary()
"""By mock: its own configuration, and the troubles that go on; each ends when it will."""


async def simulate_network_issues(
    mock: MockWebSocketManager,
    thread_id: str,
    issue_type: MockBehaviorMode | str = "partition",
    **fields: Any,
) -> NetworkIssues:
    """Send five messages to a thread while ``issue_type`` troubles the mock, and three afterwards.

    ``issue_type`` is a mode by its name (``partition`` and ``timeout`` stand for two of them). The
    trouble is sure to strike, whatever the mock's own scenario, and ends; ``fields`` of the
    configuration make it milder or worse (``packet_loss_rate=0.5``). With ``connection_limit`` the
    thread loses its connection, and others take its place. All happens in virtual time.
    """
    mode = _mode(issue_type)
    row = {**MODES[mode], **SURE.get(mode, {})}
    if mode is MockBehaviorMode.PACKET_LOSS and mock.config.link != "message":
        row["packet_loss_rate"] = 0.8  # a stream sends again what it loses, up to a point
    if mode is MockBehaviorMode.NETWORK_PARTITION:
        row = {}  # cut off by hand, and for as long as the messages take
    if mock.get_connection_state(thread_id) is not UP:
        await mock.connect_user(thread_id)  # trouble strikes what goes on
    known = [name for name in list(mock._threads) if name != thread_id]
    others = [name for name in known if mock.get_connection_state(name) is UP]
    if mode is MockBehaviorMode.CONNECTION_LIMIT:
        row["connection_limit"] = max(1, len(others))
    begin = len(mock._network.log)
    with trouble(mock, **{**row, **fields}):
        async with _circumstances(mock, thread_id, mode, is_crowded=bool(others)):
            await _send(mock, thread_id, mode, range(MESSAGES_OF_TROUBLE))
            await mock.settle()
            then = _arrived(mock, thread_id, mode, begin)
    last = MESSAGES_OF_TROUBLE + MESSAGES_OF_RECOVERY
    await _send(mock, thread_id, mode, range(MESSAGES_OF_TROUBLE, last))
    await mock.settle()
    now = _arrived(mock, thread_id, mode, begin)
    fates = _numbered(Evidence(mock, thread_id).sent(), mode, begin)
    failed = [number for number in range(last) if number not in now]
    return NetworkIssues(
        events_sent=sorted(then),
        failures=failed,
        recoveries=sorted(now.keys() - then.keys()),
        outcomes={n: _outcome(fates[n]) if n in fates else "not sent" for n in failed},
    )


def _mode(issue_type: MockBehaviorMode | str) -> MockBehaviorMode:
    try:
        return ALIASES.get(str(issue_type)) or MockBehaviorMode(issue_type)
    except ValueError:
        names = [*(mode.value for mode in MockBehaviorMode), *ALIASES]
        raise unknown("network issue", issue_type, names) from None


@asynccontextmanager
async def _circumstances(
    mock: MockWebSocketManager, thread_id: str, mode: MockBehaviorMode, *, is_crowded: bool
) -> AsyncIterator[None]:
    """What a mode needs beside its configuration, and its end."""
    if mode is MockBehaviorMode.NETWORK_PARTITION:
        mock.enable_partition()
        try:
            yield
        finally:
            mock.disable_partition()
    elif mode is MockBehaviorMode.CONNECTION_LIMIT:
        await mock.close(thread_id)
        if not is_crowded:
            await mock.connect_user(f"{thread_id}-crowd")
        try:
            yield
        finally:
            await mock.close(f"{thread_id}-crowd")
    else:
        yield


async def _send(
    mock: MockWebSocketManager, thread_id: str, mode: MockBehaviorMode, numbers: Iterable[int]
) -> None:
    for number in numbers:
        data = {"sequence": number, "issue": mode.value}
        await mock.send_to_thread(thread_id, create_test_message("test_message", data, thread_id))


def _numbered(events: Iterable[Event], mode: MockBehaviorMode, begin: int) -> dict[int, Event]:
    """Those of ``events`` that ``_send`` sent since, by their numbers."""
    found = {}
    for event in events:
        if event.row >= begin and holds(event.payload, {"data": {"issue": mode.value}}):
            found[event.payload["data"]["sequence"]] = event
    return found


def _arrived(
    mock: MockWebSocketManager, thread_id: str, mode: MockBehaviorMode, begin: int
) -> dict[int, Event]:
    """What arrived at the thread whole, so far."""
    delivered = Evidence(mock, thread_id).delivered()
    return _numbered((event for _, event in delivered if not event.damaged), mode, begin)


def _outcome(event: Event) -> str:
    return "damaged" if event.outcome is Fate.DELIVERED else event.outcome.label
