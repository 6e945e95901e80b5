"""The laws of the core: round trip, keyed draws, plans that suffice, and a ledger that adds up."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_ws.cassette.format import digest
from replay_ws.clock import NS_PER_S, ms
from replay_ws.events.log import MESSAGES, Log, Op
from replay_ws.events.model import Decision, Fate, Plan
from replay_ws.faults import checks
from replay_ws.faults.chance import Script
from replay_ws.faults.configuration import MockConfiguration, recorded
from replay_ws.faults.pipeline import BUILT_IN_NAMES
from replay_ws.faults.toxics import Toxic
from replay_ws.faults.types import TYPES
from replay_ws.playback import play
from replay_ws.replayer import replay
from replay_ws.session import Session
from tests.property.strategies import (
    CALM,
    ON_THE_WAY,
    Story,
    configurations,
    later,
    seeds,
    seen,
    stories,
    telling,
    together,
    told,
    toxics,
)

RATES = {
    BUILT_IN_NAMES.get(name, name): type_.attributes["rate"].field
    for name, type_ in TYPES.items()
    if "rate" in type_.attributes and type_.attributes["rate"].check is checks.rate
}
RATES = {name: field for name, field in RATES.items() if field}
# What makes one message's chances depend on another's fate, by design: slots shared between
# connections, a sender that refuses what is out of order, an overflow that ends a connection.
APART: dict[str, Any] = {
    "connection_limit": None,
    "connections_per_user": None,
    "enforce_event_order": False,
    "overflow": "reject",
}
LONELY = sorted(set(TYPES) - {"connection_limit"})
"""Types of toxics that look at one connection only."""


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
    again = replay(session)
    explicit = replay(session, mode=config.mode, seed=seed, config=recorded(channel.config))
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


@given(stories(), stories(connections=["z"]), configurations(types=LONELY, **APART), seeds)
def test_another_connection_changes_nothing_on_the_others(
    story: Story, guest: Story, config: MockConfiguration, seed: int
) -> None:
    guest = [step for step in guest if step.do not in ("cut", "heal", "reset")]
    both = together(guest, story)
    until_ns = both[-1].at_ns if both else 0
    alone, joined = (seen(told, config, seed, until_ns) for told in (story, both))
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
    configurations(types=ON_THE_WAY, faults=(), **CALM),
    seeds,
)
def test_another_message_type_changes_no_decision_where_nothing_is_shared(
    story: Story, guest: Story, config: MockConfiguration, seed: int
) -> None:
    # Who opens a connection first decides whether a cut meets its handshake.
    story, guest = ([step for step in each if step.do == "send"] for each in (story, guest))
    both = together(guest, story)
    until_ns = both[-1].at_ns if both else 0
    alone, joined = (seen(told, config, seed, until_ns) for told in (story, both))
    there = alone.connections
    ours = {d.key: d.amount for d in joined.plan if d.type != "novel" and d.connection in there}
    assert ours == decisions(alone)


@given(
    stories(),
    configurations(links=["message"], most=0, **APART),
    seeds,
    st.sampled_from(sorted(RATES)),
)
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


@given(
    stories(),
    configurations(types=ON_THE_WAY, **CALM),
    toxics(types=ON_THE_WAY),
    seeds,
)
def test_a_toxic_more_moves_no_decision_of_another(
    story: Story, config: MockConfiguration, toxic: Toxic, seed: int
) -> None:
    if config.link not in TYPES[toxic.type].links:
        return
    joined = config.replace(toxics=(*config.toxics, renamed(toxic)))
    before, after = (decisions(told(story, each, seed)) for each in (config, joined))
    assert all(before[key] == after[key] for key in before.keys() & after.keys())
    struck = {key[1] for key in after if key[0] == "guest"}
    assert {key: amount for key, amount in before.items() if key[1] not in struck} == {
        key: amount
        for key, amount in after.items()
        if key[1] not in struck and not key[0].startswith("guest")
    }


def renamed(toxic: Toxic) -> Toxic:
    return Toxic.of({**toxic.plain(), "name": "guest"})


@pytest.mark.parametrize("toxic", sorted(set(RATES) - {"partition"}))
@settings(max_examples=40)
@given(
    stories(),
    configurations(links=["message"], most=0, timeout_kind="reject", **CALM),
    seeds,
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
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


@given(
    stories(),
    configurations(most=0, **{**CALM, "max_retries": 0}),
    seeds,
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_at_a_higher_rate_of_outages_every_message_that_began_one_meets_one(
    story: Story, config: MockConfiguration, seed: int, rates: list[float]
) -> None:
    config = config.replace(
        partition_policy="reject", partition_direction="both", semantics="exact"
    )
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


@given(stories(), configurations(most=0, **APART), seeds, st.data())
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
    for part in (
        lambda s: [d for d in s.plan if d.connection != blanked.connection],
        lambda s: [e for e in s.events if e.connection != blanked.connection],
    ):
        assert [_unnumbered(item) for item in part(again)] == [
            _unnumbered(item) for item in part(session)
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
    assert sum(arrivals.values()) - len(arrivals) == ledger.duplicated
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


@given(stories(), configurations(resume="none"), seeds)
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
    """By lane: (time, row, size) of every message that arrived."""
    by_lane = defaultdict(list)
    log, outcome = session.log, session.outcome
    for number, (at, row) in enumerate(zip(outcome.times, outcome.rows, strict=True)):
        if number not in outcome.copies:
            by_lane[log.lanes[row]].append((at, row, len(log.bodies[row])))
    return by_lane


IN_ORDER = sorted(set(TYPES) - {"reorder"})


@given(
    stories(),
    configurations(types=IN_ORDER, reorder_within_thread=False, resume="none"),
    seeds,
)
def test_a_lane_keeps_its_order(story: Story, config: MockConfiguration, seed: int) -> None:
    for deliveries in lanes(told(story, config, seed)).values():
        rows = [row for _, row, _ in deliveries]
        assert rows == sorted(rows)


ONE_SERVER: dict[str, Any] = {"resume": "none", "overflow": "reject", "gc_threshold": None}


@given(stories(), configurations(most=0, consume_rate=None, **ONE_SERVER), seeds)
def test_no_more_bytes_pass_over_any_window_than_its_length_and_a_burst_allow(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    rate = Fraction(config.bandwidth_limit or 0)
    for deliveries in lanes(told(story, config, seed)).values() if rate else ():
        for begin, (begin_ns, _, _) in enumerate(deliveries):
            passed = 0
            for at_ns, _, size in deliveries[begin + 1 :]:
                passed += size
                window = (at_ns - begin_ns) * rate / NS_PER_S
                assert passed <= config.bandwidth_burst + window


@given(stories(), configurations(most=0, bandwidth_limit=None, **ONE_SERVER), seeds)
def test_a_consumer_takes_no_more_messages_than_it_can(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    rate = Fraction(config.consume_rate or 0)
    for deliveries in lanes(told(story, config, seed)).values() if rate else ():
        for (before_ns, _, _), (at_ns, _, _) in pairwise(deliveries):
            assert (at_ns - before_ns) * rate >= NS_PER_S


@given(stories(), configurations(most=0, rate_limit=5.0, rate_limit_burst=3), seeds)
def test_no_more_messages_are_taken_over_any_window_than_its_length_and_a_burst_allow(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    taken = defaultdict(list)
    for event in told([step for step in story if step.do == "send"], config, seed).events:
        if event.outcome.accepted and event.outcome is not Fate.REJECTED_RATE_LIMITED:
            taken[event.connection, event.direction].append(event.sent_ns)
    for times in taken.values():
        for begin, begin_ns in enumerate(times):
            for count, at_ns in enumerate(times[begin + 1 :], 2):
                assert count <= 3 + 1 + (at_ns - begin_ns) * 5 / NS_PER_S


@given(
    stories(),
    configurations(
        links=["message"],
        most=0,
        bandwidth_limit=None,
        consume_rate=None,
        gc_threshold=None,
        max_retries=0,
        partition_policy="reject",
        timeout_kind="reject",
        resume="none",
        overflow="reject",
    ),
    seeds,
)
def test_latency_stays_within_its_bounds(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    session = told([step for step in story if step.do != "cut"], config, seed)
    # The tables of distributions reach four deviations to either side.
    reach = 1 if config.latency_distribution == "uniform" else 4
    middle, half = config.latency_ms + config.jitter_ms / 2, config.jitter_ms / 2
    least_ns, most_ns = max(0, ms(middle - reach * half)), ms(middle + reach * half)
    if config.race_rate:
        most_ns += ms(config.race_delay_ms_max)
    for event in session.delivered():
        assert least_ns - 1 <= event.time_ns - event.sent_ns <= most_ns + 1


@given(
    stories(),
    configurations(
        most=0, duplicate_rate=0.0, timeout_kind="reject", ack_timeout_ms=None, resume="none"
    ),
    seeds,
)
def test_messages_on_their_way_stay_within_the_queue(
    story: Story, config: MockConfiguration, seed: int
) -> None:
    if config.overflow == "block":  # what blocks waits at the sender's side
        return
    for teller in telling(story, config, seed):
        sockets = teller.recording.network._core.sockets
        for lane in (lane for socket in sockets for lane in socket.lanes):
            waiting = [message.size for message in lane]
            assert len(waiting) <= (config.message_queue_size or len(waiting))
            assert lane.size == sum(waiting) <= (config.memory_limit or lane.size)


@given(stories(), configurations(most=0, **APART), seeds)
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
