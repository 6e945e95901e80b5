"""Fault plans given to a run and to a replay, as values and as files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from replay_ws import Decision, MockConfiguration, MockWebSocketManager, Plan, Session, replay, run
from replay_ws.errors import ConfigError
from replay_ws.events.log import Direction
from replay_ws.events.model import Fate
from replay_ws.faults.configuration import recorded
from replay_ws.faults.plans import FaultPlan, parse_plan
from tests.helpers import sent, tokens

CALM = sent(*tokens(20), seed=1).session
LOSS = Decision("loss", "t1", Direction.DOWNSTREAM, "token", 7, 0, 1)
HOLD = Decision("hold", "main", Direction.DOWNSTREAM, "", 2, 0, 1)


async def program() -> None:
    mock = MockWebSocketManager()
    for message in tokens(20):
        await mock.send_to_thread("t1", message)
        await asyncio.sleep(0.01)


def config_of(session: Session) -> MockConfiguration:
    return recorded(session.log.channels[0].config)


def lost(session: Session) -> list[int]:
    return [event.index for event in session.events if event.outcome is Fate.LOST_LOSS]


# --- what mocks go through -----------------------------------------------------------------


def test_a_run_and_a_replay_take_a_plan_or_the_path_of_one(tmp_path: Path) -> None:
    text = 'seed = 9\nmode = ["packet_loss", "slow_network"]\npreset = "wifi"'
    file = tmp_path / "plan.toml"
    file.write_text("\ufeff" + text, encoding="utf-8")
    plan = parse_plan(text)
    for given in (plan, file, str(file)):
        for session in (run(program, plan=given).session, replay(CALM, plan=given)):
            assert session.seed == 9
            assert config_of(session) == plan.config


def test_what_the_caller_says_wins_over_the_plan() -> None:
    plan = FaultPlan(config=MockConfiguration(mode="packet_loss", latency_ms=7), seed=9)
    for session in (
        run(program, plan=plan, mode=["slow_network"], seed=2).session,
        replay(CALM, plan=plan, mode="slow_network", seed=2),
    ):
        assert session.seed == 2
        assert config_of(session) == MockConfiguration(mode="slow_network", latency_ms=7)


def test_a_mock_keeps_what_it_was_given_beside_a_plan() -> None:
    async def own() -> None:
        MockWebSocketManager(packet_loss_rate=0)

    plan = FaultPlan(config=MockConfiguration(mode="packet_loss", latency_ms=7))
    config = config_of(run(own, plan=plan).session)
    assert (config.packet_loss_rate, config.latency_ms) == (0.0, 7.0)


def test_several_mocks_are_each_amended_by_a_plan() -> None:
    async def two() -> None:
        for latency_ms in (1, 2):
            mock = MockWebSocketManager(latency_ms=latency_ms)
            await mock.send_to_thread(f"t{latency_ms}", {"type": "token"})

    plan = FaultPlan(config=MockConfiguration(jitter_ms=3))
    configs = [recorded(c.config) for c in replay(run(two), plan=plan).log.channels]
    assert [(c.latency_ms, c.jitter_ms) for c in configs] == [(1.0, 3.0), (2.0, 3.0)]


def test_what_nothing_heals_is_healed_at_the_end_unless_the_plan_says_otherwise() -> None:
    cut = 'toxic = {type = "partition", kind = "hold"}'
    text = f'heal = HEAL\n[[fault]]\nat = "0s"\n{cut}'
    healed = replay(CALM, plan=parse_plan(text.replace("HEAL", "true")))
    cut_off = replay(CALM, plan=parse_plan(text.replace("HEAL", "false")))
    assert healed.ledger.delivered == 20
    assert cut_off.ledger.delivered == 0
    assert cut_off.ledger.pending + cut_off.ledger.in_doubt == 20


# --- decisions -----------------------------------------------------------------------------


def test_decisions_strike_where_chance_never_does() -> None:
    plan = FaultPlan(decisions=Plan((LOSS,)))
    assert lost(replay(CALM, plan=plan)) == [7]
    assert lost(run(program, plan=plan).session) == [7]


def test_decisions_strike_beside_chance_or_instead_of_it() -> None:
    lossy = replay(CALM, mode="packet_loss", seed=3)
    alone = lost(lossy)
    assert alone
    assert 7 not in alone
    decisions = Plan((LOSS,))
    beside = replay(CALM, mode="packet_loss", seed=3, plan=FaultPlan(decisions=decisions))
    assert lost(beside) == sorted([*alone, 7])
    exact = FaultPlan(decisions=decisions, exact=True)
    assert lost(replay(lossy, plan=exact)) == lost(replay(lossy, plan=decisions)) == [7]


def test_an_exact_plan_that_holds_nothing_leaves_nothing_to_chance() -> None:
    assert lost(replay(CALM, mode="packet_loss", seed=3, plan=FaultPlan(exact=True))) == []


def test_a_replay_refuses_decisions_about_what_the_session_has_not() -> None:
    other = Decision("loss", "t2", Direction.DOWNSTREAM, "token", 7, 0, 1)
    with pytest.raises(ConfigError, match="decision 1: unknown connection 't2'"):
        replay(CALM, plan=Plan((other,)))
    more = Decision("more", "t1", Direction.DOWNSTREAM, "token", 7, 0, 1)
    with pytest.raises(ConfigError, match="decision 2: unknown toxic 'more'"):
        replay(CALM, plan=Plan((LOSS, more)))


def test_what_the_schedule_decides_stands_beside_arrival_order_only() -> None:
    plan = FaultPlan(decisions=Plan((HOLD,)))
    run(program, plan=plan)
    with pytest.raises(ConfigError, match="decides about the schedule, and so does schedule='pos'"):
        run(program, plan=plan, schedule="pos")
    run(program, plan=FaultPlan(decisions=Plan((HOLD,)), exact=True), schedule="pos")
