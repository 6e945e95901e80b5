"""A session's decisions as a plan file."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_ws import MockConfiguration, MockWebSocketManager, Session, run
from replay_ws.events.log import Direction
from replay_ws.events.model import SCHEDULING, Decision, Plan
from replay_ws.faults.modes import MockBehaviorMode
from replay_ws.faults.plans import parse_plan
from replay_ws.replayer import replay
from replay_ws.report.plans import exact_text, plan_dict, plan_text
from tests.helpers import sent, tokens

STORMY = MockConfiguration(
    mode=["slow_network", "packet_loss"],
    packet_loss_rate=0.3,
    max_retries=1,
    toxics=({"type": "loss", "name": "more", "rate": 0.3, "toxicity": 0.5},),
    faults=(
        {"every": "1s", "for": "200ms", "jitter": "100ms", "toxic": {"type": "partition"}},
        {"on": {"event": "token", "nth": 7}, "toxic": {"type": "reset_peer"}},
    ),
)


def stormy() -> Session:
    """Two agents, in any order, through everything that a plan can hold."""

    async def program() -> None:
        mock = MockWebSocketManager()

        async def agent(thread: str) -> None:
            for message in tokens(20):
                await mock.send_to_thread(thread, message)
                await asyncio.sleep(0.05)

        await asyncio.gather(agent("a"), agent('b "\x7f\n\\ü😀'))

    return run(program, seed=3, config=STORMY, schedule="pos").session


def test_a_session_comes_back_from_the_text_of_its_plan() -> None:
    session = stormy()
    text = plan_text(session)
    plan = parse_plan(text)
    assert plan.exact
    assert plan.decisions == session.plan
    assert {d.toxic for d in plan.decisions} >= {"more.toxicity", "partition.every", "loss", "hold"}
    assert replay(session, plan=plan).digest == session.digest
    assert plan_text(stormy()) == text


@pytest.mark.parametrize("mode", MockBehaviorMode, ids=str)
def test_a_session_under_any_mode_comes_back_from_the_text_of_its_plan(
    mode: MockBehaviorMode,
) -> None:
    session = sent(*tokens(50), mode=mode, seed=5).session
    plan = parse_plan(plan_text(session))
    assert replay(session, seed=99, plan=plan).events == session.events


def test_each_decision_says_who_when_and_what() -> None:
    session = replay(sent(*tokens(30)).session, mode="packet_loss", seed=3)
    number = next(n for n, event in enumerate(session.events) if event.outcome.reason == "loss")
    event = session.events[number]
    assert plan_text(session).startswith(
        f"# All that was left to chance, as it was decided: {len(session.plan)} decisions.\n"
        "exact = true\n"
        "\n"
        f"# at 0: loss strikes {event.connection} < token {number}\n"
        "[[decision]]\n"
        'toxic = "loss"\n'
        f'connection = "{event.connection}"\n'
        'direction = "downstream"\n'
        'type = "token"\n'
        f"index = {number}\n"
    )


def test_a_choice_of_the_schedule_names_its_step() -> None:
    assert "\n# the schedule: hold " in plan_text(stormy())


def test_nothing_decided_is_a_plan_too() -> None:
    session = sent(*tokens(3)).session
    assert parse_plan(plan_text(session)).decisions == Plan()
    assert plan_dict(session) == {"exact": True, "decision": []}


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
decisions = st.builds(
    Decision,
    toxic=st.sampled_from(["loss", "jitter", "more-2", "x.toxicity", *SCHEDULING]),
    connection=names,
    direction=st.just(Direction.DOWNSTREAM),
    type=names,
    index=st.integers(0, 1 << 62),
    attempt=st.integers(0, 9),
    amount=st.integers(1, (1 << 63) - 1),
)


@given(st.lists(decisions, unique_by=lambda decision: decision.key))
def test_every_decision_is_read_as_it_was_written(decided: list[Decision]) -> None:
    plan = parse_plan(exact_text(Plan(tuple(decided))))
    assert plan.decisions.decisions == tuple(decided)
