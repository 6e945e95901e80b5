"""A history adds hunts up, knows what is proved, and lets nothing fail for ever."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from replay_ws.errors import ConfigError
from replay_ws.hunter.failure import Failure, Signature
from replay_ws.hunter.history import History, Record, State, since_text
from replay_ws.hunter.hunt import Group, Hunt
from replay_ws.hunter.sweep import Trials
from replay_ws.hunter.trends import Trends
from replay_ws.report.annotations import page_text
from replay_ws.running import Conditions

TARGET = "test_app.py::test_it"
LOST = Signature("AssertionError", "an answer is lost", "test_it", "")
START = datetime(2026, 11, 1, tzinfo=UTC)


def hunt(runs: int, failures: int = 0, *, first: int = 0, target: str = TARGET) -> Hunt:
    found = Failure(Conditions(seed=first + 7), LOST, "an answer is lost")
    groups = (Group(LOST, [found], failures),) if failures else ()
    return Hunt(target, Trials(range(first, first + runs)), runs, groups, 1, 0.0)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "hunts.db")


def hunted(history: History, *hunts: Hunt) -> Record:
    for day, each in enumerate(hunts):
        history.add(each, START + timedelta(days=day))
    (record,) = history.records(TARGET)
    return record


def test_hunts_add_up(history: History) -> None:
    record = hunted(history, hunt(1_000, 3), hunt(1_000, 1, first=1_000))
    assert (record.runs, record.failures, record.hunts) == (2_000, 4, 2)
    assert record.seen == (START, START + timedelta(days=1))
    assert record.seeds == (7, 1_007)
    assert record.trend == (0.003, 0.001)
    assert record.state is State.FAILING
    assert 0.0005 < record.interval.low < 0.002 < record.interval.high < 0.006


def test_a_fix_is_proved_by_as_many_clean_runs_as_the_lowest_rate_asks_for(
    history: History,
) -> None:
    record = hunted(history, hunt(1_000, 29), hunt(100, first=1_000))
    assert (record.state, record.clean_runs, record.needed) == (State.QUIET, 100, 153)
    assert record.next_seed == 1_100
    assert hunted(history, hunt(60, first=2_000)).state is State.FIXED


def test_the_same_seeds_again_prove_nothing_more(history: History) -> None:
    again = [hunt(100, first=1_000)] * 5
    assert hunted(history, hunt(1_000, 29), *again).clean_runs == 100
    assert hunted(history, hunt(80, first=1_050)).clean_runs == 130


def test_the_same_seeds_again_make_no_rate_more_certain(history: History) -> None:
    once = hunted(history, hunt(100, 1))
    again = hunted(history, *[hunt(100, 1)] * 30)
    assert (again.runs, again.failures) == (3_100, 31)
    assert again.interval == once.interval


def test_what_comes_back_is_failing_again(history: History) -> None:
    record = hunted(history, hunt(1_000, 29), hunt(1_000), hunt(10, 1))
    assert (record.state, record.clean_runs) == (State.FAILING, 0)


def test_what_never_failed_is_clean(history: History) -> None:
    record = hunted(history, hunt(300))
    assert (record.state, record.signature, record.seen) == (State.CLEAN, None, None)
    assert hunted(history, hunt(300)).interval == record.interval


def test_only_what_is_asked_for_is_told(history: History) -> None:
    hunted(history, hunt(10, 1), hunt(20), hunt(30))
    history.add(hunt(40, target="other"), START)
    (record,) = history.records(TARGET, since=START + timedelta(days=1))
    assert (record.runs, record.state) == (50, State.CLEAN)
    assert [each.target for each in history.records()] == [TARGET, "other"]


def test_a_quarantine_ends_by_itself(history: History) -> None:
    history.quarantine(TARGET, date(2026, 12, 24), "being mended")
    held = history.quarantine_of(TARGET)
    assert held is not None
    assert not held.is_over(date(2026, 12, 24))
    assert held.is_over(date(2026, 12, 25))
    assert history.release(TARGET)
    assert not history.release(TARGET)
    assert history.quarantines() == []


def test_many_hunts_may_end_at_once(history: History) -> None:
    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(History(history.path).add, hunt(10, 1), START) for _ in range(64)]:
            each.result()
    (record,) = history.records()
    assert (record.hunts, record.failures) == (64, 64)


def test_what_is_no_history_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as file:
        file.execute("CREATE TABLE theirs (x)")
    file.close()
    before = other.read_bytes()
    with pytest.raises(ConfigError, match="this database is no history"):
        History(other)
    assert other.read_bytes() == before
    text = tmp_path / "text.db"
    text.write_text("no database at all, but text that is long enough to look like one" * 20)
    with pytest.raises(ConfigError, match="no history can be kept here"):
        History(text)


def test_a_newer_history_is_left_to_who_knows_it(history: History) -> None:
    with sqlite3.connect(history.path) as file:
        file.execute("PRAGMA user_version = 2")
    file.close()
    with pytest.raises(ConfigError, match="of version 2, and 1 is known"):
        History(history.path)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", START - timedelta(days=7)),
        ("12h", START - timedelta(hours=12)),
        ("2026-10-05", datetime(2026, 10, 5, tzinfo=UTC)),
    ],
)
def test_a_time_can_be_said_in_days_hours_or_as_a_date(text: str, moment: datetime) -> None:
    assert since_text(text, START) == moment


@pytest.mark.parametrize("text", ["", "soon", "d", "2026-13-01", "1e999d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no time"):
        since_text(text, START)


def test_a_page_says_how_each_stands_and_what_is_left_to_prove(history: History) -> None:
    hunted(history, hunt(1_000, 29), hunt(100, first=1_000))
    history.quarantine(TARGET, date(2026, 11, 2), "known")
    trends = Trends("hunts.db", history.records(), history.quarantines(), date(2026, 11, 3))
    page = page_text(trends)
    assert page.startswith("hunts.db: 1 quiet\n")
    assert "29 of 1,100 runs in 2 hunts; 1.95 % to 4.14 % of the runs fail so" in page
    assert "fixed? 100 clean runs since of 153 that prove it; 53 more: replay-ws hunt" in page
    assert "--seeds 1100..1153" in page
    assert "was quarantined until 2026-11-02: test_app.py::test_it (known)" in page
    assert trends.to_dict()["records"][0]["state"] == "quiet"
