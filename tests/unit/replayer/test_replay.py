"""Replaying: the recorded intents under another mode, seed, configuration or plan."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from replay_ws import Fate, MockConfiguration, MockWebSocketManager, Plan, Session, run
from replay_ws.clock import NS_PER_MS
from replay_ws.errors import ConfigError
from replay_ws.faults.modes import MockBehaviorMode
from replay_ws.replayer import replay
from tests.helpers import sent, tokens

CALM = sent(*tokens(50), seed=1).session


def busy() -> Session:
    """Three mocks, one with a seed of its own; threads, a hand-made outage, a lost connection."""

    async def program() -> None:
        mocks = [
            MockWebSocketManager(mode="slow_network"),
            MockWebSocketManager(mode="packet_loss", packet_loss_rate=0.5, seed=99),
            MockWebSocketManager(duplicate_rate=0.3, malformed_rate=0.3, race_rate=0.5),
        ]

        async def agent(mock: MockWebSocketManager, thread: str) -> None:
            for message in tokens(10):
                await mock.send_to_thread(thread, message)
                await mock.receive_from_thread(thread, "pong")
                await asyncio.sleep(0.01)
            await mock.disconnect_user(thread)

        agents = [agent(mock, thread) for mock in mocks for thread in ("a", "b")]
        together = asyncio.gather(*agents)
        await asyncio.sleep(0.05)
        mocks[2].enable_partition()
        mocks[0].drop("a")
        await asyncio.sleep(0.02)
        mocks[2].simulate_recovery()
        await together

    return run(program, seed=4).session


@pytest.mark.parametrize("mode", MockBehaviorMode, ids=str)
def test_a_run_under_any_mode_replays_to_the_same_bytes(mode: MockBehaviorMode) -> None:
    session = sent(*tokens(50), mode=mode, seed=5).session
    assert replay(session).digest == session.digest
    assert replay(session, mode=mode, seed=5).digest == session.digest
    assert replay(session, plan=session.plan).digest == session.digest


def test_a_run_of_several_mocks_replays_to_the_same_bytes() -> None:
    session = busy()
    again = replay(session)
    assert again.digest == session.digest == busy().digest
    assert again.ledger == session.ledger
    assert again.delivered() == session.delivered()


@pytest.mark.parametrize("mode", MockBehaviorMode, ids=str)
def test_a_calm_session_becomes_what_a_run_under_the_mode_was(mode: MockBehaviorMode) -> None:
    """As far as the program does not react: the first message."""
    live = sent(*tokens(1), mode=mode, seed=5).session
    again = replay(sent(*tokens(1)).session, mode=mode, seed=5)
    assert again.events == live.events


def test_a_mode_replaces_what_was_recorded() -> None:
    slow = replay(CALM, mode="slow_network")
    assert slow.ledger.delivered == 50
    assert min(e.time_ns - e.sent_ns for e in slow.delivered()) >= 200 * NS_PER_MS
    assert replay(slow, mode="normal").fingerprint == CALM.fingerprint


def test_a_configuration_replaces_what_was_recorded() -> None:
    lost = replay(CALM, config=MockConfiguration(packet_loss_rate=1))
    assert {event.outcome for event in lost.events} == {Fate.LOST_LOSS}
    both = replay(CALM, mode="packet_loss", config=MockConfiguration(latency_ms=5))
    assert both.log.channels[0].config["packet_loss_rate"] == 0.1
    assert both.log.channels[0].config["latency_ms"] == 5.0


def test_another_seed_tells_another_story_of_every_mock() -> None:
    session = busy()
    other = replay(session, seed=5)
    assert other.seed == 5
    assert {channel.config.get("seed") for channel in other.log.channels} == {None}
    assert other.plan != session.plan
    assert replay(session, seed=5).digest == other.digest


def test_a_plan_decides_instead_of_the_seed() -> None:
    lossy = replay(CALM, mode="packet_loss", seed=3)
    assert 0 < len(lossy.plan) < 50
    again = replay(CALM, mode="packet_loss", seed=77, plan=lossy.plan)
    assert again.events == lossy.events
    fewer = replay(CALM, mode="packet_loss", plan=lossy.plan.without(lossy.plan.decisions[0]))
    assert fewer.ledger.lost == lossy.ledger.lost - 1
    assert replay(lossy, plan=Plan()).ledger.delivered == 50


def test_a_session_that_was_looked_at_midway_is_not_drained_unless_it_becomes_another() -> None:
    async def program() -> Session:
        mock = MockWebSocketManager(latency_ms=50)
        task = asyncio.create_task(mock.send_to_thread("t", tokens(1)[0]))
        await asyncio.sleep(0.01)
        midway = mock.session()
        await task
        return midway

    midway = run(program).value
    assert midway.ledger.pending == replay(midway).ledger.pending == 1
    assert replay(midway).digest == midway.digest
    assert replay(midway, seed=9).ledger.delivered == 1


@pytest.mark.parametrize(
    "given",
    [
        {"mode": "packetloss"},
        {"seed": "7"},
        {"seed": 1.5},
        {"seed": 7, "config": MockConfiguration(seed=8)},
    ],
    ids=str,
)
def test_what_cannot_be_replayed_with_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        replay(CALM, **given)
    assert caught.value.mend


def test_one_seed_said_twice_is_no_contradiction() -> None:
    assert replay(CALM, seed=8, config=MockConfiguration(seed=8)).seed == 8


def test_a_mock_with_a_seed_of_its_own_keeps_it_when_the_run_seed_is_given_again() -> None:
    async def program() -> None:
        MockWebSocketManager()
        other = MockWebSocketManager(seed=99)
        for each in tokens(20):
            await other.send_to_thread("t", each)

    recorded = run(program, seed=7, mode="packet_loss").session
    assert replay(recorded, seed=7).digest == recorded.digest
    assert replay(recorded, seed=8).digest != recorded.digest
