"""A channel that is configured anew while it goes on keeps the laws: its session replays."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from replay_ws.api import replay
from replay_ws.errors import ConfigError
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.session import Session
from tests.property.strategies import Story, Teller, configurations, stories

_OTHERWISE: tuple[dict[str, Any], ...] = (
    {"packet_loss_rate": 0.5},
    {"latency_ms": 7.0, "jitter_ms": 3.0},
    {"message_queue_size": 2, "consume_rate": 20.0},
    {"auth_failure_rate": 0.6, "auth_when": "message"},
    {"partition_start_probability": 0.4},
    {"race_rate": 0.7, "close_overtakes": True},
    {"malformed_rate": 0.5},
    {"timeout_probability": 0.4},
    {"bandwidth_limit": 2_000.0},
    {"connection_limit": 1},
    {"token_ttl_ms": 50.0},
    {"duplicate_rate": 0.5},
    {"toxics": ()},
)
_changes = st.dictionaries(st.integers(0, 50), st.sampled_from(_OTHERWISE), min_size=1, max_size=4)


def told(
    story: Story, config: MockConfiguration, seed: int, changes: dict[int, dict[str, Any]]
) -> Session:
    """The session of a story before some of whose steps the configuration changes."""
    teller = Teller(config, seed)
    network = teller.recording.network
    usual = network.behaviours[teller.channel].config
    for number, step in enumerate(story):
        if number in changes:
            teller.advance(step.at_ns)
            with suppress(ConfigError):  # a toxic of that name is there, or the link has none
                teller.recording.configure(teller.channel, usual.replace(**changes[number]))
        teller.tell(step)
        assert network.outcome.balances()
    return teller.recording.finish()


@given(stories(), configurations(), st.integers(0, 1 << 20), _changes)
def test_such_a_session_comes_back_from_its_seed_its_plan_and_its_rows(
    story: Story, config: MockConfiguration, seed: int, changes: dict[int, dict[str, Any]]
) -> None:
    session = told(story, config, seed, changes)
    assert replay(session).digest == session.digest
    assert replay(session, plan=session.plan).digest == session.digest
    assert Session(session.log).ledger == session.ledger
