"""When a stream's retransmissions get through: timers, outages, holes."""

from __future__ import annotations

import pytest

from replay_ws.channel.tcp import (
    RETRIES_MAX,
    RTO_MAX_NS,
    SLOW_EVERY,
    Stream,
    gives_up_ns,
    late_ns,
    recovery_ns,
)
from replay_ws.clock import NS_PER_MS, NS_PER_S

MS = NS_PER_MS


def sent_ms(stream: Stream, row: int, at_ms: int, lost: int = 0) -> dict[int, int]:
    """What a send changes, in ms."""
    news = stream.sent(row, at_ms * MS, lost)
    assert all(type(ready_ns) is int and ready_ns % MS == 0 for ready_ns in news.values())
    return {row: ready_ns // MS for row, ready_ns in news.items()}


# --- timers ----------------------------------------------------------------------------------


def test_timers_double() -> None:
    assert [late_ns(lost) // MS for lost in range(6)] == [0, 200, 600, 1_400, 3_000, 6_200]


def test_no_timer_is_longer_than_two_minutes() -> None:
    longest = [late_ns(lost + 1) - late_ns(lost) for lost in range(8, 16)]
    assert longest == [51_200 * MS, 102_400 * MS, *[RTO_MAX_NS] * 6]


def test_a_first_timer_above_the_limit_is_the_limit() -> None:
    assert late_ns(2, rto_min_ns=5, rto_max_ns=3) == 6


# --- outages ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("healed_ms", "through_ms"),
    [(1, 200), (200, 200), (201, 600), (600, 600), (601, 1_400), (8_000, 12_600)],
)
def test_a_segment_gets_through_with_the_first_timer_after_the_outage(
    healed_ms: int, through_ms: int
) -> None:
    sent_ns = 7 * NS_PER_S
    assert recovery_ns(sent_ns, sent_ns + healed_ms * MS) == sent_ns + through_ms * MS


def test_a_segment_that_did_not_meet_the_outage_is_not_late() -> None:
    assert recovery_ns(9, 9) == 9


def test_times_beyond_the_exactness_of_floats_are_exact() -> None:
    assert recovery_ns((1 << 60) + 1, (1 << 60) + 2) == (1 << 60) + 1 + 200 * MS


def test_an_outage_keeps_to_its_own_limits() -> None:
    assert recovery_ns(0, 10, rto_min_ns=1, rto_max_ns=2) == 1 + 2 * 5


def test_a_sender_gives_up_when_the_timer_of_its_fifteenth_retransmission_ran_out() -> None:
    assert RETRIES_MAX == 15
    assert gives_up_ns(5) == 5 + 924_600 * MS
    assert gives_up_ns(0, rto_min_ns=1, rto_max_ns=1) == 16


# --- holes -----------------------------------------------------------------------------------


def test_what_is_not_lost_is_not_late() -> None:
    stream = Stream()
    assert sent_ms(stream, 0, 5) == {0: 5}
    assert not stream.holes


def test_a_lost_message_waits_for_the_timer_when_nothing_follows() -> None:
    assert sent_ms(Stream(), 0, 5, lost=2) == {0: 605}


def test_the_next_send_fills_a_hole() -> None:
    stream = Stream()
    sent_ms(stream, 0, 0, lost=1)
    assert sent_ms(stream, 1, 20) == {0: 20, 1: 20}
    assert sent_ms(stream, 2, 40) == {2: 40}
    assert not stream.holes


def test_a_lost_retransmission_waits_for_one_send_more() -> None:
    stream = Stream()
    sent_ms(stream, 0, 0, lost=2)
    assert sent_ms(stream, 1, 20) == {0: 220, 1: 20}
    assert sent_ms(stream, 2, 40) == {0: 40, 2: 40}


def test_a_send_after_the_timer_comes_too_late_to_help() -> None:
    stream = Stream()
    sent_ms(stream, 0, 0, lost=1)
    assert sent_ms(stream, 1, 200) == {1: 200}


def test_a_send_between_two_timers_fills_what_the_first_did_not() -> None:
    stream = Stream()
    sent_ms(stream, 0, 0, lost=2)
    assert sent_ms(stream, 1, 250) == {0: 250, 1: 250}


def test_a_timer_that_runs_out_with_a_send_counts_before_it() -> None:
    stream = Stream()
    sent_ms(stream, 0, 0, lost=2)
    assert sent_ms(stream, 1, 200) == {0: 200, 1: 200}


def test_an_acknowledgement_sets_the_timer_back() -> None:
    stream = Stream()
    sent_ms(stream, 0, 0, lost=3)
    assert sent_ms(stream, 1, 250) == {0: 450, 1: 250}


def test_a_send_tells_of_every_hole() -> None:
    stream = Stream()
    sent_ms(stream, 0, 0, lost=2)
    sent_ms(stream, 1, 20, lost=1)
    assert sent_ms(stream, 2, 40) == {0: 40, 1: 40, 2: 40}


def test_one_loss_in_so_many_waits_for_the_timer_whatever_follows() -> None:
    stream = Stream()
    slow = []
    for row in range(0, 6 * SLOW_EVERY, 2):
        sent_ms(stream, row, 1_000 * row, lost=1)
        if row not in sent_ms(stream, row + 1, 1_000 * row + 20):
            slow.append(row // 2)
    assert slow == [5, 15, 25]


def test_a_timer_after_a_lost_retransmission_runs_twice_as_long() -> None:
    stream = Stream()
    stream.losses = 4
    sent_ms(stream, 0, 0, lost=3)  # by timer, slow, and one more
    assert sent_ms(stream, 1, 250) == {1: 250}
    assert sent_ms(stream, 2, 620) == {0: 620, 2: 620}


def test_a_new_connection_begins_afresh() -> None:
    stream = Stream()
    sent_ms(stream, 0, 0, lost=3)
    stream.clear()
    assert sent_ms(stream, 1, 20) == {1: 20}
    assert stream.losses == 0


def test_a_hole_that_is_filled_later_than_now_stays_so() -> None:
    stream = Stream()
    stream.sent(0, 100 * NS_PER_MS, 1)  # its sender had tried in vain before
    stream.sent(1, 150 * NS_PER_MS, 0)
    for row in range(2, 6):
        assert stream.sent(row, 50 * NS_PER_MS, 0) == {row: 50 * NS_PER_MS}
