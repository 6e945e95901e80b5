"""What can be asked of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from replay_ws import Fate, MockWebSocketManager, Session, run
from replay_ws.clock import NS_PER_MS
from replay_ws.events.log import Direction, Op
from tests.helpers import TOKEN, sent, tokens


def test_events_are_what_was_sent_with_what_became_of_it() -> None:
    session = sent(*tokens(3), packet_loss_rate=0.5, latency_ms=5, seed=1).session
    assert [event.payload for event in session.events] == tokens(3)
    assert [event.index for event in session.events] == [0, 1, 2]
    assert {event.outcome for event in session.events} == {Fate.DELIVERED, Fate.LOST_LOSS}
    for event in session.events:
        arrived = event.outcome is Fate.DELIVERED
        assert event.time_ns - event.sent_ns == (5 * NS_PER_MS if arrived else 0)
    assert len(session.events) == 3


def test_delivered_is_what_receivers_saw_in_the_order_in_which_they_saw_it() -> None:
    async def program() -> None:
        mock = MockWebSocketManager(duplicate_rate=1)
        slow = MockWebSocketManager(latency_ms=10, name="slow")
        await asyncio.gather(
            slow.send_to_thread("a", {"type": "slow"}), mock.send_to_thread("b", TOKEN)
        )

    delivered = run(program).session.delivered()
    seen = [(event.connection, event.type, event.copy) for event in delivered]
    assert seen == [("b", "token", 0), ("b", "token", 1), ("slow/a", "slow", 0)]


def test_a_damaged_delivery_shows_the_damage_and_its_intent_does_not() -> None:
    session = sent(TOKEN, malformed_rate=1, malformed_kinds=("unknown_event",)).session
    [arrived], [intent] = session.delivered(), session.events
    assert arrived.payload == {"type": "unknown_event"}
    assert arrived.damaged
    assert (arrived.op, intent.op) == (Op.TEXT, Op.OBJECT)
    assert intent.payload == TOKEN
    assert not intent.damaged


def test_an_event_arrived_when_its_first_copy_did() -> None:
    session = sent(TOKEN, duplicate_rate=1, consume_rate=10).session
    assert [event.time_ns // NS_PER_MS for event in session.delivered()] == [100, 200]
    assert session.events[0].time_ns == 100 * NS_PER_MS


def test_one_delivery_is_as_in_the_list_of_all() -> None:
    session = sent(*tokens(5), duplicate_rate=0.5, malformed_rate=0.5, seed=2).session
    for number, event in enumerate(session.delivered()):
        assert session.delivery(number) == event


def test_a_session_names_its_seed_profile_connections_and_end() -> None:
    async def program() -> None:
        mock = MockWebSocketManager()
        await mock.send_to_thread("b", TOKEN)
        await mock.receive_from_thread("a", TOKEN)

    session = run(program, seed=7, profile="agent5").session
    assert (session.seed, session.profile) == (7, "agent5")
    assert session.connections == ("b", "a")
    assert session.end == {"status": "ok"}
    assert [event.direction for event in session.events] == list(Direction)
    assert "seed=7 sent=2 accepted=2 delivered=2" in repr(session)


def test_an_empty_session_can_be_asked_everything() -> None:
    async def program() -> None: ...

    session = run(program).session
    assert (session.events, session.delivered(), session.connections) == ((), (), ())
    assert session.ledger.sent == len(session.plan) == session.end_ns == 0
    assert len(session.digest) == len(session.fingerprint) == 64


# --- digest and fingerprint ----------------------------------------------------------------

Change = Callable[[], Session]


def test_seed_and_configuration_are_in_the_digest_and_not_in_the_fingerprint() -> None:
    one = sent(TOKEN, seed=1).session
    for other in (sent(TOKEN, seed=2).session, sent(TOKEN, timeout_ms_max=9_999).session):
        assert other.digest != one.digest
        assert other.fingerprint == one.fingerprint


def test_the_behaviour_is_what_arrived_on_each_lane_without_its_times() -> None:
    one, late, other = (
        sent(TOKEN, **more).session for more in ({}, {"latency_ms": 1}, {"thread": "x"})
    )
    assert one.behaviour == late.behaviour != other.behaviour


@pytest.mark.parametrize(
    "fields",
    [
        {"latency_ms": 1},
        {"packet_loss_rate": 1},
        {"duplicate_rate": 1},
        {"malformed_rate": 1},
        {"thread": "other"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_the_fingerprint_shows_what_was_delivered(fields: dict[str, Any]) -> None:
    assert sent(TOKEN, **fields).session.fingerprint != sent(TOKEN).session.fingerprint


def test_text_and_an_object_of_the_same_json_are_told_apart() -> None:
    assert sent('{"type":"token"}').session.fingerprint != sent(TOKEN).session.fingerprint


@pytest.mark.parametrize("thread", ["\ud800", "", "a b", "\x00\n"])
def test_names_of_any_kind_have_a_digest(thread: str) -> None:
    session = sent(
        {"type": thread}, {"type": "\ud800"}, thread=thread, validate_message_format=False
    ).session
    assert len(session.digest) == len(session.fingerprint) == 64
    assert session.ledger.delivered == 2


def test_what_is_not_asked_for_is_not_built() -> None:
    session = sent(*tokens(3)).session
    assert not {"digest", "fingerprint", "events", "ledger", "_delivered"} & set(vars(session))
