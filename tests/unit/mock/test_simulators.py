"""Agents, load and trouble, simulated on a mock in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.faults.modes import MODES
from replay_ws.mock.scenarios import SCENARIOS
from replay_ws.mock.simulators import (
    ALIASES,
    create_test_message,
    simulate_agent_execution_flow,
    simulate_concurrent_agents,
    simulate_high_load,
    simulate_network_issues,
    trouble,
)
from replay_ws.report.events import Listing

Program = Callable[[rws.MockWebSocketManager], Awaitable[Any]]
every_mode = pytest.mark.parametrize("mode", [mode.value for mode in MODES])


def ran(program: Program, *, seed: int = 0, **fields: Any) -> rws.RunResult[Any]:
    """A run of ``program`` with one mock."""

    async def main() -> Any:
        return await program(rws.MockWebSocketManager(**fields))

    return rws.run(main, seed=seed)


# --- agents ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tool_count", [1, 2, 5])
def test_a_flow_keeps_every_rule_of_its_protocol(tool_count: int) -> None:
    run = ran(lambda mock: simulate_agent_execution_flow(mock, "t", tool_count=tool_count))
    report = rws.check(run.session, profile="agent5")
    assert (report.score, report.findings) == (1.0, ())


def test_a_flow_tells_what_it_sent() -> None:
    tools = ["tool_executing", "tool_completed"] * 2
    head, last = ["agent_started", "agent_thinking"], ["agent_completed"]
    run = ran(lambda mock: simulate_agent_execution_flow(mock, "t"))
    assert run.value == [*head, *tools, *last]
    assert [event.type for event in run.session.delivered()] == run.value
    bare = ran(lambda mock: simulate_agent_execution_flow(mock, "t", include_tools=False))
    assert bare.value == [*head, *last]


def test_a_flow_goes_through_the_mocks_own_faults() -> None:
    run = ran(lambda mock: simulate_agent_execution_flow(mock, "t"), packet_loss_rate=1.0)
    assert run.session.ledger.lost == 7


def test_concurrent_agents_take_turns() -> None:
    run = ran(lambda mock: simulate_concurrent_agents(mock, 3, 2))
    assert {name: len(sent) for name, sent in run.value.items()} == {
        f"thread_{number}": 2 for number in range(3)
    }
    order = [event.connection for event in run.session.delivered()]
    assert order == ["thread_0", "thread_1", "thread_2"] * 2
    assert run.session.end_ns == 20_000_000


def test_a_test_message_is_the_same_each_time() -> None:
    message = create_test_message("ping", {"n": 1}, "t", run_id="r")
    assert message == create_test_message("ping", {"n": 1}, "t", run_id="r")
    assert message == {"type": "ping", "data": {"n": 1}, "thread_id": "t", "run_id": "r"}
    assert create_test_message()["type"] == "test_message"


# --- load ------------------------------------------------------------------------------------


def test_load_lasts_as_long_as_asked_and_no_test_waits() -> None:
    load = ran(simulate_high_load).value
    assert load == {
        "sent": 3_000, "accepted": 3_000, "rejected": 0,
        "duration": 60.0, "messages_per_second": 50.0,
    }  # fmt: skip


def test_load_is_the_same_on_a_stock_loop_by_the_mocks_own_clock() -> None:
    async def program() -> Any:
        mock = rws.MockWebSocketManager()
        return await simulate_high_load(mock, 7, 10, messages_per_second=2), mock.now

    load, now = asyncio.run(program())
    assert (load["sent"], load["duration"], now) == (140, 10.0, 10.0)


def test_load_on_a_mock_that_refuses_is_counted() -> None:
    load = ran(lambda mock: simulate_high_load(mock, 4, 10), failure_rate=0.5).value
    assert load["sent"] == load["accepted"] + load["rejected"] == 40
    assert load["rejected"] > 5


@pytest.mark.parametrize("wrong", [{"duration": 0}, {"messages_per_second": -1}], ids=str)
def test_load_of_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(rws.ConfigError, match="it must be above 0"):
        ran(lambda mock: simulate_high_load(mock, **wrong))


# --- trouble ---------------------------------------------------------------------------------

ALL = [0, 1, 2, 3, 4]
REASONS = {
    "network_partition": "rejected (partition)",
    "partition": "rejected (partition)",
    "packet_loss": "lost (loss)",
    "connection_limit": "rejected (connection limit)",
    "malformed_data": "damaged",
    "timeout_prone": "rejected (timeout)",
    "timeout": "rejected (timeout)",
    "auth_failure": "rejected (auth)",
}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("issue", REASONS)
def test_trouble_strikes_each_message_in_any_scenario(issue: str, scenario: str) -> None:
    reliable = {"packet_loss_rate": 0, "timeout_probability": 0, "auth_failure_rate": 0}
    fields = {**reliable, "partition_start_probability": 0, "max_retries": 0, "latency_ms": 0}

    async def program() -> Any:
        mock = rws.MockWebSocketManager.create_for_scenario(
            scenario, **fields, partition_policy="reject"
        )
        return await simulate_network_issues(mock, "t", issue)

    told = rws.run(program).value
    assert (told["events_sent"], told["failures"]) == ([], ALL)
    assert told["recoveries"] == [5, 6, 7]
    assert told["outcomes"] == dict.fromkeys(ALL, REASONS[issue])


def test_too_little_memory_loses_what_is_oldest() -> None:
    told = ran(lambda mock: simulate_network_issues(mock, "t", "memory_pressure")).value
    assert told["outcomes"] == dict.fromkeys([0, 1, 2], "lost (overflow)")
    assert told["events_sent"] == [3, 4]


@pytest.mark.parametrize("issue", ["slow_network", "race_conditions"])
def test_some_trouble_only_delays(issue: str) -> None:
    run = ran(lambda mock: simulate_network_issues(mock, "t", issue))
    assert (run.value["events_sent"], run.value["recoveries"]) == (ALL, [5, 6, 7])
    late = [event.time_ns > event.sent_ns for event in run.session.delivered()]
    assert late == [True] * 5 + [False] * 3


def test_what_an_outage_held_recovers() -> None:
    held = ran(lambda mock: simulate_network_issues(mock, "t"), partition_policy="hold").value
    assert (held["failures"], held["recoveries"]) == ([], [*ALL, 5, 6, 7])


def test_trouble_can_be_milder() -> None:
    told = ran(
        lambda mock: simulate_network_issues(mock, "t", "packet_loss", packet_loss_rate=0.5), seed=1
    ).value
    assert 0 < len(told["failures"]) < 5


def test_trouble_goes_through_a_method_that_a_test_overrides() -> None:
    class Deaf(rws.MockWebSocketManager):
        async def send_to_thread(self, thread_id: str, message: Any) -> bool:
            return False

    async def program() -> Any:
        return await simulate_network_issues(Deaf(), "t", "normal")

    assert rws.run(program).value["outcomes"] == dict.fromkeys(range(8), "not sent")


def test_an_unknown_issue_lists_the_known_ones() -> None:
    with pytest.raises(rws.ConfigError, match="unknown network issue 'packet_los'") as caught:
        ran(lambda mock: simulate_network_issues(mock, "t", "packet_los"))
    assert all(name in caught.value.mend for name in (*MODES, *ALIASES))


async def troubled(mock: rws.MockWebSocketManager, mode: str) -> None:
    """Other traffic before, during and after."""
    await simulate_agent_execution_flow(mock, "before")
    await asyncio.gather(
        simulate_network_issues(mock, "t", mode), simulate_agent_execution_flow(mock, "beside")
    )
    await simulate_agent_execution_flow(mock, "before")


@every_mode
@pytest.mark.parametrize("link", ["message", "tcp", "bytes"])
@pytest.mark.parametrize("scenario", ["basic", "resilience", "resource_limits"])
def test_a_session_with_trouble_replays_bit_for_bit(mode: str, link: str, scenario: str) -> None:
    async def program() -> None:
        mock = rws.MockWebSocketManager.create_for_scenario(scenario, link=link)
        await troubled(mock, mode)

    session = rws.run(program, seed=3).session
    assert rws.replay(session).digest == session.digest
    assert rws.replay(session, plan=session.plan).digest == session.digest


@every_mode
def test_trouble_comes_back_from_a_cassette(mode: str, tmp_path: Any) -> None:
    run = ran(lambda mock: troubled(mock, mode), seed=7)
    rws.save(run.session, tmp_path / "trouble.rws")
    loaded = rws.load(tmp_path / "trouble.rws")
    assert loaded.ledger == run.session.ledger
    assert rws.replay(loaded).digest == run.session.digest


def test_another_mode_replaces_the_trouble_too() -> None:
    session = ran(lambda mock: troubled(mock, "packet_loss")).session
    assert session.ledger.lost > 0
    assert rws.replay(session, mode="normal").ledger.lost == 0


# --- a configuration for a while -------------------------------------------------------------


async def arrivals(mock: rws.MockWebSocketManager) -> int:
    before = len(mock.get_events_for_thread("t"))
    await mock.send_to_thread("t", {"type": "ping"})
    return len(mock.get_events_for_thread("t")) - before


def test_trouble_ends_with_its_block_also_by_an_exception() -> None:
    async def program(mock: rws.MockWebSocketManager) -> list[int]:
        usual, counts = mock.config, [await arrivals(mock)]
        with contextlib.suppress(KeyError), trouble(mock, packet_loss_rate=1.0):
            counts.append(await arrivals(mock))
            raise KeyError
        assert mock.config == usual
        return [*counts, await arrivals(mock)]

    assert ran(program).value == [1, 0, 1]


def test_troubles_may_overlap_and_end_in_any_order() -> None:
    async def program(mock: rws.MockWebSocketManager) -> list[float]:
        first, second = trouble(mock, latency_ms=5), trouble(mock, packet_loss_rate=1.0)
        first.__enter__()
        second.__enter__()
        both = (mock.config.latency_ms, mock.config.packet_loss_rate)
        first.__exit__(None, None, None)
        one = (mock.config.latency_ms, mock.config.packet_loss_rate)
        second.__exit__(None, None, None)
        return [*both, *one, mock.config.latency_ms, mock.config.packet_loss_rate]

    assert ran(program).value == [5, 1, 0, 1, 0, 0]


def test_what_begins_with_a_connection_begins_with_the_trouble() -> None:
    async def program(mock: rws.MockWebSocketManager) -> None:
        await mock.connect_user("t")
        with trouble(mock, token_ttl_ms=1_000):
            await asyncio.sleep(2)

    (closed,) = ran(program).session.incidents
    assert (closed.about["cause"], closed.time_ns) == ("token", 1_000_000_000)


def test_what_a_fault_healed_stays_healed() -> None:
    slow = rws.Toxic("latency", latency=5, name="slow")
    heal = {"at": "1s", "heal": "slow"}

    async def program(mock: rws.MockWebSocketManager) -> None:
        await mock.send_to_thread("t", {"type": "ping"})
        await asyncio.sleep(2)
        with trouble(mock, duplicate_rate=1.0):
            await mock.send_to_thread("t", {"type": "ping"})
        await mock.send_to_thread("t", {"type": "ping"})

    session = ran(program, toxics=[slow], faults=[heal]).session
    took_ns = [event.time_ns - event.sent_ns for event in session.delivered()]
    assert took_ns == [5_000_000, 0, 0, 0]
    assert rws.replay(session).digest == session.digest


def test_the_events_of_a_session_say_what_was_configured() -> None:
    async def program(mock: rws.MockWebSocketManager) -> None:
        with trouble(mock, packet_loss_rate=0.5):
            pass

    lines = [block.text for block in Listing(ran(program).session).blocks()]
    assert [line.split()[1:] for line in lines if "control" in line] == [
        ["control", "configure", "normal", "packet_loss_rate=0.5"],
        ["control", "configure", "normal"],
    ]


@pytest.mark.parametrize(
    "fields", [{"link": "tcp"}, {"faults": []}, {"seed": 1}, {"packet_loss": 1}], ids=str
)
def test_what_cannot_change_is_refused_and_nothing_happens(fields: dict[str, Any]) -> None:
    async def program(mock: rws.MockWebSocketManager) -> None:
        with pytest.raises(rws.ConfigError), trouble(mock, **fields):
            raise AssertionError

    session = ran(program).session
    assert session.digest == ran(lambda _: asyncio.sleep(0)).session.digest
