"""The laws of the core: round trip, keyed draws, plans that suffice, and a ledger that adds up."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_ws.cassette.format import digest
from replay_ws.clock import NS_PER_S, ms
from replay_ws.events.log import MESSAGES, Log, Op
from replay_ws.events.model import Decision, Fate, Plan
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.toxics import TOXICS, Script
from replay_ws.playback import play
from replay_ws.replayer import replay
from replay_ws.session import Session
from tests.property.strategies import (
    Story,
    configurations,
    later,
    seeds,
    stories,
    telling,
    together,
    told,
)

RATES = {toxic.name: toxic.rate for toxic in TOXICS if toxic.rate}
# What makes one message's chances depend on another's fate, by design: slots shared between
# connections, a sender that refuses what is out of order, an overflow that ends a connection.
APART = {"connection_limit": None, "enforce_event_order": False, "overflow": "drop_newest"}


def everything(session: Session) -> tuple[Any, ...]:
    """All that can be asked of a session, but for its header."""
    outcome = session.outcome
    return (list(session.log.rows()), outcome, session.ledger, session.delivered())


def decisions(session: Session, *, without: str = "") -> dict[Any, int]:
    return {d.key: d.amount for d in session.plan if d.connection != without}


# --- L1, L2: one story, the same bytes -----------------------------------------------------


@given(stories(), configurations(), seeds)
def test_a_story_is_told_twice_in_the_same_bytes(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    assert told(story, config, seed).digest == told(story, config, seed).digest


@given(stories(), configurations(), seeds)
def test_a_replay_under_the_recorded_conditions_is_the_same_bytes(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    session = told(story, config, seed)
    [channel] = session.log.channels
    recorded = MockConfiguration(**channel.config)
    again = replay(session)
    explicit = replay(session, mode=config.mode, seed=seed, config=recorded)
    assert again.digest == explicit.digest == session.digest
    assert again.fingerprint == explicit.fingerprint == session.fingerprint
    assert everything(again) == everything(explicit) == everything(session)


@given(stories(), configurations(), seeds)
def test_what_followed_from_a_session_follows_from_its_rows(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    session = told(story, config, seed)
    assert everything(Session(session.log)) == everything(session)


@given(stories(), configurations(), seeds, st.integers(0, 10**9))
def test_a_session_that_is_looked_at_midway_replays_to_the_same_bytes(
    story: Story, config: MockConfiguration, seed: int, wait_ns: int
) -> None:
    for number, teller in enumerate(telling(story, config, seed)):
        if number % 5 == 0:
            next_ns = story[number + 1].at_ns if number + 1 < len(story) else story[-1].at_ns
            teller.advance(min(teller.clock.time_ns + wait_ns, next_ns))
            midway = teller.recording.snapshot()
            again = replay(midway)
            assert again.digest == midway.digest
            assert everything(again) == everything(midway) == everything(Session(midway.log))
    assert not story or teller.recording.finish().digest == told(story, config, seed).digest


# --- L3: draws are keyed -------------------------------------------------------------------


@given(stories(), stories(connections=["z"]), configurations(**APART), seeds)
def test_another_connection_changes_nothing_on_the_others(
    story: Story, guest: Story, config: MockConfiguration, seed: int
) -> None:
    guest = [step for step in guest if step.do not in ("cut", "heal", "reset")]
    alone, joined = told(story, config, seed), told(together(guest, story), config, seed)
    assert decisions(joined, without="z") == decisions(alone)
    theirs = [(e.key, e.time_ns, e.copy, e.body) for e in alone.delivered()]
    ours = [(e.key, e.time_ns, e.copy, e.body) for e in joined.delivered() if e.connection != "z"]
    assert Counter(ours) == Counter(theirs)


@given(stories(), stories(types=["novel"]), configurations(), seeds)
def test_another_message_type_changes_no_draw(
    story: Story, guest: Story, config: MockConfiguration, seed: int
) -> None:
    guest = [step for step in guest if step.do == "send"]
    alone, joined = told(story, config, seed), told(together(guest, story), config, seed)
    before, after = decisions(alone), decisions(joined)
    assert all(before[key] == after[key] for key in before.keys() & after.keys())


@given(
    stories(),
    stories(types=["novel"]),
    configurations(**APART, partition_start_probability=0.0, auth_when="message"),
    seeds,
)
def test_another_message_type_changes_no_decision_where_nothing_is_shared(
    story: Story, guest: Story, config: MockConfiguration, seed: int
) -> None:
    guest = [step for step in guest if step.do == "send"]
    alone, joined = told(story, config, seed), told(together(guest, story), config, seed)
    ours = {d.key: d.amount for d in joined.plan if d.type != "novel"}
    assert ours == decisions(alone)


@given(stories(), configurations(**APART), seeds, st.sampled_from(sorted(RATES)))
def test_another_toxic_changes_nothing_where_it_does_not_strike(
    story: Story, config: MockConfiguration, seed: int, toxic: str
) -> None:
    without = told(story, config.replace(**{RATES[toxic]: 0.0}), seed)
    joined = replay(without, config=config.replace(**{RATES[toxic]: 0.3}))
    before, after = decisions(without), decisions(joined)
    assert all(before[key] == after[key] for key in before.keys() & after.keys())
    struck = {d.connection for d in joined.plan if d.toxic == toxic}
    assert [d for d in without.plan if d.connection not in struck] == [
        d for d in joined.plan if d.connection not in struck
    ]


@pytest.mark.parametrize("toxic", sorted(set(RATES) - {"partition"}))
@settings(max_examples=40)
@given(stories(), configurations(**APART), seeds, st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_a_higher_rate_strikes_the_same_messages_and_more(
    toxic: str, story: Story, config: MockConfiguration, seed: int, rates: list[float]
) -> None:
    low, high = (
        replay(told(story, config, seed), config=config.replace(**{RATES[toxic]: rate}))
        for rate in sorted(rates)
    )
    fewer = {d for d in low.plan if d.toxic == toxic}
    more = {d for d in high.plan if d.toxic == toxic}
    assert fewer <= more


@given(stories(), configurations(**APART), seeds, st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_at_a_higher_rate_of_outages_every_message_that_began_one_meets_one(
    story: Story, config: MockConfiguration, seed: int, rates: list[float]
) -> None:
    config = config.replace(partition_policy="reject")
    low, high = (
        replay(told(story, config, seed), config=config.replace(partition_start_probability=rate))
        for rate in sorted(rates)
    )
    met = {event.key for event in high.events if event.outcome is Fate.REJECTED_PARTITION}
    began = {
        (d.connection, d.direction, d.type, d.index) for d in low.plan if d.toxic == "partition"
    }
    assert began <= met


# --- L4: plans suffice ---------------------------------------------------------------------


def from_plan(session: Session, plan: Plan) -> Session:
    """The session that follows from the intents and ``plan``: no seed is at hand."""

    def script(number: int, config: MockConfiguration, log: Log) -> Script:
        return Script(plan, log)

    played = play(session.log, session.log.header, script, lambda _, used: used, drain=True)
    return Session(*played)


@given(stories(), configurations(), seeds)
def test_a_plan_gives_the_session_back_without_its_seed(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    session = told(story, config, seed)
    assert digest(from_plan(session, session.plan).log) == session.digest
    other = replay(session, plan=session.plan, seed=seed + 1)
    assert everything(other) == everything(session)


@given(stories(), configurations(connection_limit=None), seeds, st.data())
def test_a_plan_with_one_decision_blanked_differs_on_its_connection_only(
    story: Story, config: MockConfiguration, seed: int, data: st.DataObject
) -> None:
    session = told(story, config, seed)
    if not session.plan:
        return
    blanked: Decision = data.draw(st.sampled_from(session.plan.decisions))
    again = from_plan(session, session.plan.without(blanked))
    assert blanked not in again.plan.decisions
    assert set(again.plan) <= set(session.plan)
    for seen in (
        lambda s: [d for d in s.plan if d.connection != blanked.connection],
        lambda s: [e for e in s.events if e.connection != blanked.connection],
    ):
        assert [_unnumbered(item) for item in seen(again)] == [
            _unnumbered(item) for item in seen(session)
        ]


def _unnumbered(item: Any) -> Any:
    """Without the number of its row: fewer decisions are fewer rows."""
    return item if isinstance(item, Decision) else (item.key, item.time_ns, item.outcome, item.body)


# --- L5: nothing vanishes ------------------------------------------------------------------


def assert_books_balance(session: Session, now_ns: int) -> None:
    log, outcome, ledger = session.log, session.outcome, session.ledger
    intents = [row for row, op in enumerate(log.ops) if op in MESSAGES]
    assert ledger.sent == len(intents) == ledger.accepted + ledger.rejected
    assert ledger.accepted == (ledger.delivered + ledger.lost + ledger.in_doubt + ledger.pending)
    arrivals = Counter(outcome.rows)
    assert {row for row in intents if outcome.fates[row] == Fate.DELIVERED} == set(arrivals)
    doubled = sum(decision.toxic == "duplicate" for decision in session.plan)
    assert sum(arrivals.values()) - len(arrivals) <= min(doubled, ledger.duplicated)
    assert list(outcome.times) == sorted(outcome.times)
    assert all(
        log.times[row] <= at <= now_ns for at, row in zip(outcome.times, outcome.rows, strict=True)
    )
    assert list(log.times) == sorted(log.times)


@given(stories(), configurations(), seeds, st.lists(st.integers(0, 10**9), max_size=5))
def test_the_books_balance_at_every_instant(
    story: Story, config: MockConfiguration, seed: int, waits_ns: list[int]
) -> None:
    for number, teller in enumerate(telling(story, config, seed)):
        assert_books_balance(teller.recording.snapshot(), teller.clock.time_ns)
        if number < len(waits_ns) and number + 1 < len(story):
            later_ns = teller.clock.time_ns + waits_ns[number]
            teller.advance(min(later_ns, story[number + 1].at_ns))
            assert_books_balance(teller.recording.snapshot(), teller.clock.time_ns)
    whole = told(story, config, seed)
    assert_books_balance(whole, whole.end_ns)


@given(stories(), configurations(), seeds)
def test_a_fate_that_was_final_once_stays(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    final: dict[int, int] = {}
    for teller in telling(story, config, seed):
        fates = teller.recording.network.outcome.fates
        assert all(fates[row] == fate for row, fate in final.items())
        final = {row: fate for row, fate in enumerate(fates) if fate > Fate.PENDING}


# --- order, time and limits ----------------------------------------------------------------


def lanes(session: Session) -> dict[int, list[tuple[int, int, int]]]:
    """By lane: (time, row, size) of every delivery."""
    by_lane = defaultdict(list)
    log, outcome = session.log, session.outcome
    for at, row in zip(outcome.times, outcome.rows, strict=True):
        by_lane[log.lanes[row]].append((at, row, len(log.bodies[row])))
    return by_lane


@given(stories(), configurations(reorder_within_thread=False), seeds)
def test_a_lane_keeps_its_order(story: Story, config: MockConfiguration, seed: int) -> None:
    for deliveries in lanes(told(story, config, seed)).values():
        rows = [row for _, row, _ in deliveries]
        assert rows == sorted(rows)


@given(stories(), configurations(), seeds)
def test_no_limit_is_exceeded_over_any_window(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    for deliveries in lanes(told(story, config, seed)).values():
        before_ns = 0
        for at, _, size in deliveries:  # what holds between neighbours holds over every window
            if config.bandwidth_limit:
                assert (at - before_ns) * Fraction(config.bandwidth_limit) >= size * NS_PER_S
            if config.consume_rate:
                assert (at - before_ns) * Fraction(config.consume_rate) >= NS_PER_S
            before_ns = at


@given(
    stories(),
    configurations(
        bandwidth_limit=None,
        consume_rate=None,
        max_retries=0,
        partition_policy="reject",
        overflow="reject",
    ),
    seeds,
)
def test_latency_stays_within_its_bounds(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    session = told([step for step in story if step.do != "cut"], config, seed)
    least_ns = ms(config.latency_ms)
    most_ns = least_ns + ms(config.jitter_ms)
    if config.race_rate:
        most_ns += ms(config.race_delay_ms_max)
    for event in session.delivered():
        assert least_ns <= event.time_ns - event.sent_ns <= max(most_ns, 1)


@given(stories(), configurations(), seeds)
def test_messages_on_their_way_stay_within_the_queue(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    config = config.replace(duplicate_rate=0.0)
    if config.overflow == "block":  # what blocks waits at the sender's side
        return
    for teller in telling(story, config, seed):
        for lane in teller.recording.network._lanes:
            waiting = [message.size for message in lane]
            assert len(waiting) <= (config.message_queue_size or len(waiting))
            assert lane.size == sum(waiting) <= (config.memory_limit or lane.size)


@given(stories(), configurations(**APART), seeds)
def test_a_story_told_later_is_the_same_but_for_its_times(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    now, then = told(story, config, seed), told(later(story, NS_PER_S), config, seed)
    assert now.plan == then.plan
    assert [(e.key, e.time_ns + NS_PER_S) for e in now.delivered()] == [
        (e.key, e.time_ns) for e in then.delivered()
    ]


@given(stories(), configurations(), seeds)
def test_only_messages_end_in_the_ledger(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    session = told(story, config, seed)
    fates = session.outcome.fates
    assert all(
        bool(fates[row]) == (op in MESSAGES)
        for row, op in enumerate(session.log.ops)
        if row < len(fates)
    )
    assert session.log.ops[-1] == Op.END
