"""The laws of plans: a session's own plan, written out and read again, gives the session back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from replay_ws.faults.configuration import MockConfiguration, recorded
from replay_ws.faults.plans import parse_plan
from replay_ws.replayer import replay
from replay_ws.report.plans import plan_text
from tests.property.strategies import Story, configurations, seeds, stories, told


@given(stories(), configurations(), seeds, st.integers(0, 99))
def test_a_plan_that_was_written_out_replays_to_the_same_bytes(
    story: Story, config: MockConfiguration, seed: int, other: int
) -> None:
    session = told(story, config, seed)
    plan = parse_plan(plan_text(session))
    again = replay(session, plan=plan)
    assert again.digest == session.digest
    reseeded = replay(session, plan=plan, seed=seed + 1 + other)
    assert reseeded.outcome == session.outcome


@given(stories(), configurations(), seeds)
def test_a_configuration_is_recorded_whole(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    [channel] = told(story, config, seed).log.channels
    assert recorded(channel.config) == config
    assert recorded(channel.config).values() == channel.config
