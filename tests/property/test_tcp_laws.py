"""The laws of a stream: what arrives is a prefix of what was sent, and loss is only lateness."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import given

from replay_ws.events.model import Fate
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.session import Session
from tests.property.strategies import Story, Teller, configurations, seeds, stories, told

STREAMS = ("tcp", "bytes")
ONCE: dict[str, Any] = {"timeout_kind": "reject", "ack_timeout_ms": None, "resume": "none"}
"""No sender sends a message twice, and no client asks for one again."""


def by_stream(teller: Teller) -> tuple[Session, dict[Any, list[int]]]:
    """The session of a story, and what was accepted on each stream, by row."""
    session = teller.recording.finish()
    accepted: dict[Any, list[int]] = defaultdict(list)
    for event in session.events:
        if event.outcome.accepted:
            stream = (event.connection, event.direction, teller.epochs[event.row])
            accepted[stream].append(event.row)
    return session, accepted


@given(stories(), configurations(links=STREAMS, **ONCE), seeds)
def test_what_arrives_on_a_stream_is_a_prefix_of_what_was_sent(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    teller = Teller(config, seed)
    for step in story:
        teller.tell(step)
    session, streams = by_stream(teller)
    assert not session.outcome.copies
    arrived = list(session.outcome.rows)
    for rows in streams.values():
        mine = set(rows)
        assert [row for row in arrived if row in mine] == rows[: len(mine & set(arrived))]


@given(stories(), configurations(links=STREAMS, **ONCE), seeds)
def test_a_stream_loses_nothing_but_what_is_on_its_way_when_it_ends(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    session = told(story, config, seed)
    lost = {event.outcome for event in session.events if event.outcome.accepted}
    assert lost <= {Fate.DELIVERED, Fate.IN_DOUBT, Fate.PENDING, Fate.LOST_MALFORMED}
    assert Fate.LOST_MALFORMED not in lost or config.link == "bytes"


@given(stories(), configurations(links=["tcp"], most=0, packet_loss_rate=0.0, **ONCE), seeds)
def test_loss_only_makes_a_stream_later(story: Story, config: MockConfiguration, seed: int) -> None:
    story = [step for step in story if step.do == "send"]
    config = config.replace(
        mode="normal", partition_start_probability=0.0, timeout_probability=0.0, failure_rate=0.0
    )
    alone = told(story, calm(config), seed)
    lossy = told(story, calm(config).replace(packet_loss_rate=0.3), seed)
    times = {event.key: event.time_ns for event in alone.delivered()}
    assert all(event.time_ns >= times[event.key] for event in lossy.delivered())
    assert {event.key for event in lossy.delivered()} == times.keys()


def calm(config: MockConfiguration) -> MockConfiguration:
    """Only what flies: nothing refuses, fills or ends."""
    kept = ("latency_ms", "jitter_ms", "race_rate", "bandwidth_limit", "consume_rate")
    return MockConfiguration(link=config.link, **{name: getattr(config, name) for name in kept})
