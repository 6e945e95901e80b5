"""What a session measured."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_ws.channel import Outcome
from replay_ws.clock import NS_PER_S
from replay_ws.events.log import Connection, Direction, Log, Op
from replay_ws.events.model import Fate
from replay_ws.metrics import Latency, Metrics, Peak, Throughput, Traffic, latency_of, measure
from replay_ws.session import Session
from tests.helpers import TOKEN, sent, tokens


class Sent(NamedTuple):
    """A message, and when it arrived; or the fate of one that did not."""

    at: int
    end: int | Fate
    body: str | bytes = "x"
    connection: str = "a"
    direction: Direction = Direction.DOWNSTREAM


def session(*items: Sent | tuple[int, Op, object]) -> Session:
    """A session of messages, and of other rows of connection "a", in order."""
    log, outcome, names, arrivals = Log(), Outcome(), ["a", "b"], []
    log.connections += [Connection(name, "message", 0) for name in names]
    for item in items:
        if not isinstance(item, Sent):
            log.note(item[1], 0, item[0], item[2])
            continue
        lane = names.index(item.connection) << 1 | item.direction
        row = log.append(Op.TEXT, lane, item.at, 0, len(log), item.body)
        outcome.enter(row, item.end if isinstance(item.end, Fate) else Fate.PENDING)
        if not isinstance(item.end, Fate):
            arrivals.append((item.end, row))
    for time_ns, row in sorted(arrivals):
        outcome.arrive(time_ns, row)
    return Session(log, outcome)


def test_latency_is_a_distribution_of_integers() -> None:
    metrics = session(*(Sent(0, latency) for latency in range(1, 201))).metrics
    assert metrics.latency == Latency(200, 1, 100, 100, 180, 198, 200)


def test_throughput_is_what_arrived_in_the_time_that_it_took() -> None:
    metrics = session(
        Sent(5, Fate.LOST_LOSS),
        Sent(10, 20, "ab"),
        Sent(20, 10 + NS_PER_S // 2, b"cd"),
        Sent(NS_PER_S, Fate.PENDING),
    ).metrics
    assert metrics.throughput == Throughput(2, 4, NS_PER_S // 2)
    assert metrics.throughput.messages_per_second == 4.0
    assert metrics.throughput.bytes_per_second == 8.0


def test_the_last_arrival_need_not_be_that_of_the_last_message() -> None:
    assert session(Sent(3, 90), Sent(4, 10)).metrics.throughput.busy_ns == 87


def test_what_arrives_at_once_has_no_rate_and_was_never_on_its_way() -> None:
    metrics = session(Sent(7, 7), Sent(7, 7)).metrics
    assert metrics.throughput.messages_per_second == 0.0
    assert metrics.queue == Peak(0, 0)
    assert metrics.latency == Latency(count=2)


def test_a_session_without_messages_measures_nothing() -> None:
    metrics = session().metrics
    assert (metrics.latency, metrics.throughput) == (Latency(), Throughput())
    assert measure(Log(), Outcome()).memory_bytes == 0


def test_sizes_are_bytes_of_the_wire() -> None:
    metrics = session(Sent(0, 1, "é€"), Sent(0, 1, b"\xff"), Sent(0, 1, "\ud800")).metrics
    assert metrics.downstream == Traffic(3, 9, 3, 9)


def test_directions_are_counted_apart() -> None:
    metrics = session(
        Sent(0, 1, "ab", direction=Direction.UPSTREAM),
        Sent(0, Fate.LOST_LOSS, "c"),
        Sent(0, Fate.REJECTED_TIMEOUT, "def"),
    ).metrics
    assert metrics.upstream == Traffic(1, 2, 1, 2)
    assert metrics.downstream == Traffic(1, 1, 0, 0)
    assert (metrics.ledger.sent, metrics.ledger.rejected) == (3, 1)


def test_a_copy_is_no_further_message() -> None:
    once = session(Sent(0, 10), Sent(5, 20))
    twice = session(Sent(0, 10), Sent(5, 20))
    twice.outcome.arrive(30, 0)
    metrics = twice.metrics
    assert metrics.ledger.duplicated == 1
    assert (metrics.latency, metrics.queue) == (once.metrics.latency, once.metrics.queue)
    assert metrics.throughput == once.metrics.throughput


def test_what_leaves_makes_room_for_what_comes_at_the_same_time() -> None:
    assert session(Sent(0, 10), Sent(10, 20)).metrics.queue.messages == 1
    assert session(Sent(0, 11), Sent(10, 20)).metrics.queue.messages == 2


def test_the_most_messages_and_the_most_bytes_may_be_of_different_times() -> None:
    metrics = session(Sent(0, 5, "x"), Sent(0, 5, "x"), Sent(9, 10, "large")).metrics
    assert metrics.queue == Peak(2, 5)


def test_every_lane_has_a_queue_of_its_own() -> None:
    metrics = session(
        Sent(0, 9, "a"),
        Sent(0, 9, "b", "b"),
        Sent(0, 9, "c", "b", Direction.UPSTREAM),
        Sent(0, 9, "d", "b", Direction.UPSTREAM),
    ).metrics
    assert metrics.queue.messages == metrics.connections["b"].queue.messages == 2
    assert metrics.connections["a"].queue.messages == 1


def test_what_is_pending_stays_on_its_way() -> None:
    metrics = session(Sent(0, Fate.PENDING), Sent(1_000, Fate.PENDING)).metrics
    assert metrics.queue.messages == 2


@pytest.mark.parametrize(
    ("op", "about"),
    [(Op.DROPPED, {"how": "rst"}), (Op.CLOSE, [1000, ""]), (Op.INCIDENT, {"what": "closed"})],
)
def test_what_is_in_doubt_leaves_with_its_connection(op: Op, about: object) -> None:
    early = [Sent(0, Fate.IN_DOUBT), Sent(1, 2), Sent(3, Fate.IN_DOUBT)]
    metrics = session(*early, (5, op, about), Sent(5, 9), Sent(5, 9)).metrics
    assert metrics.queue.messages == 2
    assert metrics.closed == 1


def overflow(at: int, policy: str = "drop_oldest") -> tuple[int, Op, object]:
    return at, Op.INCIDENT, {"what": "overflow", "policy": policy, "evicted": 1}


def test_what_overflow_drops_leaves_when_it_is_dropped() -> None:
    told = session(
        Sent(0, Fate.LOST_OVERFLOW, "large"),
        Sent(1, Fate.LOST_OVERFLOW),
        Sent(2, 40, "abc"),
        overflow(2),
        Sent(3, 50),
        overflow(3),
    )
    assert told.metrics.queue == Peak(2, 6)


def test_what_a_full_queue_turns_away_was_never_in_it() -> None:
    told = session(Sent(0, 40), Sent(1, Fate.LOST_OVERFLOW), overflow(1, "drop_newest"))
    assert told.metrics.queue.messages == 1


def test_a_queue_can_turn_away_the_new_and_later_drop_the_old() -> None:
    told = session(
        Sent(0, 1),
        Sent(0, Fate.LOST_OVERFLOW, "huge and turned away"),
        overflow(0, "drop_newest"),
        Sent(1, Fate.LOST_OVERFLOW, "large"),
        Sent(2, 40, "abc"),
        overflow(2),
    )
    assert told.metrics.queue == Peak(1, 5)


def test_what_is_lost_at_once_was_never_on_its_way() -> None:
    fates = (Fate.LOST_LOSS, Fate.LOST_OVERFLOW, Fate.IN_DOUBT, Fate.REJECTED_QUEUE_FULL)
    assert session(*(Sent(0, fate) for fate in fates)).metrics.queue.messages == 0


def test_connections_are_counted_as_they_open_and_close() -> None:
    metrics = session(
        (0, Op.HANDSHAKE, {}),
        (1, Op.INCIDENT, {"what": "closed"}),
        (2, Op.CLOSE, [1000, ""]),  # a replay closes what the network had ended
        (3, Op.INCIDENT, {"what": "reconnected"}),
        (4, Op.DROPPED, {"how": "fin"}),
    ).metrics
    assert (metrics.opened, metrics.closed) == (2, 2)


def test_a_refused_handshake_opens_nothing() -> None:
    refused = session((0, Op.HANDSHAKE, {}), (0, Op.INCIDENT, {"what": "closed"}))
    refused.outcome.refusals[0] = Fate.REJECTED_CONNECTION_LIMIT
    assert (refused.metrics.opened, refused.metrics.closed) == (0, 0)


def test_rows_of_the_session_belong_to_no_connection() -> None:
    metrics = session(Sent(0, 1), (1, Op.MARK, "remark"), (2, Op.END, {})).metrics
    assert 0 < metrics.connections["a"].memory_bytes < metrics.memory_bytes


def test_a_part_of_the_connections_can_be_measured_from_any_row_on() -> None:
    whole = session(Sent(0, 9), Sent(0, 9, "b", "b"), Sent(1, 9), Sent(2, 9, "b", "b"))
    part = measure(whole.log, whole.outcome, connections=[1], start=2)
    assert list(part.connections) == ["b"]
    assert part.ledger.sent == part.latency.count == 1
    assert part.latency.max_ns == 7
    whole.outcome.arrive(10, 1)
    assert measure(whole.log, whole.outcome, start=2).ledger.duplicated == 0


def test_metrics_come_back_with_the_session() -> None:
    ran = sent(*tokens(50), mode="slow_network", duplicate_rate=0.2, seed=3).session
    again = Session(ran.log)
    assert again.metrics == ran.metrics
    assert ran.metrics.ledger == ran.ledger


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest", "reject"])
def test_a_bounded_queue_is_never_fuller_than_it_can_be(overflow: str) -> None:
    fields = {"message_queue_size": 3, "consume_rate": 30, "latency_ms": 20, "overflow": overflow}
    metrics = sent(*[TOKEN] * 20, **fields).session.metrics  # type: ignore[arg-type]
    assert metrics.queue.messages == 3
    assert metrics.ledger.lost + metrics.ledger.rejected > 0


def test_metrics_are_plain_data_for_json() -> None:
    told = session(Sent(0, NS_PER_S // 2, "ab")).metrics.to_dict()
    assert told["latency"]["p99_ns"] == NS_PER_S // 2
    assert told["throughput"]["bytes_per_second"] == 4.0
    assert told["connections"]["a"]["queue"] == {"messages": 1, "size_bytes": 2}


# --- laws ----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 1 << 62), min_size=1))
def test_a_percentile_is_the_nearest_rank(values: list[int]) -> None:
    values.sort()
    told, count = latency_of(values), len(values)
    for percent, value in ((50, told.p50_ns), (90, told.p90_ns), (99, told.p99_ns)):
        assert value == values[ceil(count * percent / 100) - 1]
        assert sum(seen <= value for seen in values) * 100 >= percent * count
    assert (told.min_ns, told.max_ns) == (values[0], values[-1])
    assert told.mean_ns == sum(values) // count


@st.composite
def stories(draw: st.DrawFn) -> list[Sent]:
    """Messages that arrive some day, are lost at once, or are still on their way."""
    ends = st.one_of(
        st.integers(0, 12), st.sampled_from([Fate.PENDING, Fate.LOST_LOSS, Fate.REJECTED_ORDER])
    )
    items, now = [], 0
    for pause, end in draw(st.lists(st.tuples(st.integers(0, 3), ends), max_size=40)):
        now += pause
        end = end if isinstance(end, Fate) else now + end
        body = draw(st.text("xé", max_size=4))
        lane = (draw(st.sampled_from("ab")), draw(st.sampled_from(Direction)))
        items.append(Sent(now, end, body, *lane))
    return items


def peak_of(items: list[Sent]) -> Peak:
    """The peak of one lane, by looking at every instant."""
    forever = 1 << 60
    ends = {Fate.PENDING: forever, Fate.LOST_LOSS: 0, Fate.REJECTED_ORDER: 0}
    there = [
        [s for s in items if s.at <= now < (ends[s.end] if isinstance(s.end, Fate) else s.end)]
        for now in {item.at for item in items}
    ]
    sizes = [sum(len(str(item.body).encode()) for item in at_once) for at_once in there]
    return Peak(max(map(len, there), default=0), max(sizes, default=0))


@given(stories())
def test_a_peak_is_the_most_that_any_instant_shows(items: list[Sent]) -> None:
    metrics = session(*items).metrics
    for name in "ab":
        lanes = [
            peak_of([s for s in items if (s.connection, s.direction) == (name, direction)])
            for direction in Direction
        ]
        assert metrics.connections[name].queue == Peak(
            max(lane.messages for lane in lanes), max(lane.size_bytes for lane in lanes)
        )


@given(stories())
def test_the_total_is_the_sum_of_the_connections(items: list[Sent]) -> None:
    told = session(*items)
    metrics, each = told.metrics, list(told.metrics.connections.values())

    def counts(one: Metrics) -> list[int]:
        traffic = [
            count
            for way in (one.downstream, one.upstream)
            for count in (way.accepted, way.accepted_bytes, way.delivered, way.delivered_bytes)
        ]
        throughput = [one.throughput.messages, one.throughput.size_bytes]
        ledger = [one.ledger.fates.get(fate, 0) for fate in Fate]
        return [*traffic, *throughput, *ledger, one.latency.count, one.memory_bytes]

    assert counts(metrics) == [sum(column) for column in zip(*map(counts, each), strict=True)]
    assert metrics.ledger == told.ledger
    assert metrics.latency.max_ns == max(one.latency.max_ns for one in each)
    assert metrics.queue.messages == max(one.queue.messages for one in each)
