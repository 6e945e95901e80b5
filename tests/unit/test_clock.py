"""Time is an integer of nanoseconds; floats are rounded once, on the way in."""

from __future__ import annotations

import pytest

from replay_ws.clock import EPOCH_UNIX_NS, ms, seconds, time_text


def test_milliseconds_and_seconds_become_whole_nanoseconds() -> None:
    assert ms(1.5) == 1_500_000
    assert seconds(0.1) + seconds(0.1) + seconds(0.1) == seconds(0.3)
    assert ms(0.0000004) == 0


def test_the_epoch_is_new_year_2026_in_utc() -> None:
    assert EPOCH_UNIX_NS == 1_767_225_600 * 10**9


@pytest.mark.parametrize(
    ("time_ns", "shown"),
    [
        (0, "0"),
        (1, "1 ns"),
        (999, "999 ns"),
        (1_000, "1 us"),
        (1_500_000, "1.5 ms"),
        (2_250_000_000, "2.25 s"),
        (3_600_000_000_000, "3600 s"),
        (1_000_000_001, "1.000000001 s"),
        (-1_500_000, "-1.5 ms"),
        (-7, "-7 ns"),
    ],
)
def test_a_time_is_shown_exactly(time_ns: int, shown: str) -> None:
    assert time_text(time_ns) == shown
