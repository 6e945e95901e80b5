"""Deliveries in columns say what the events say."""

from __future__ import annotations

import pytest

import replay_ws as rws
from replay_ws.events.columns import Columns
from replay_ws.events.model import Fate
from tests.helpers import sent, tokens


def a_session(mode: str) -> rws.Session:
    session = sent(*tokens(200), "plain", b"\x00", seed=3).session
    return rws.replay(session, mode=mode, seed=5)


@pytest.mark.parametrize("mode", list(rws.MockBehaviorMode))
def test_the_columns_of_a_session_are_those_of_its_events(mode: str) -> None:
    session = a_session(mode)
    columns, told = session.columns(), Columns.of(session.delivered())
    assert list(columns.events) == list(session.delivered())
    for one in (columns, told):
        names = [one.lanes[number] for number in one.lane_numbers]
        types = [one.types[number] for number in one.kinds]
        rows = list(zip(one.ops, names, types, one.times, one.bodies, strict=True))
        assert rows == [
            (e.op, (e.connection, e.direction), e.type, e.time_ns, e.body)
            for e in session.delivered()
        ]


@pytest.mark.parametrize("mode", list(rws.MockBehaviorMode))
def test_what_was_not_delivered_is_known_without_what_was(mode: str) -> None:
    session = a_session(mode)
    lost = [event for event in session.events if event.outcome is not Fate.DELIVERED]
    assert list(session.undelivered()) == lost


def test_an_event_is_built_by_its_number_from_either_end_or_by_a_slice() -> None:
    session = sent(*tokens(5)).session
    events, delivered = session.columns().events, session.delivered()
    assert len(events) == 5
    assert events[0] == delivered[0]
    assert events[-1] == delivered[-1]
    assert events[1:4:2] == delivered[1:4:2]
    with pytest.raises(IndexError):
        events[5]
