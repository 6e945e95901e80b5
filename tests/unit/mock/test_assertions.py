"""What a test says of a mock: it holds, or the failure shows the events that it is about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.mock.assertions import WebSocketAssertions

FLOW = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")
LOSSY = {"packet_loss_rate": 1.0}


def asserting(*types: str, **fields: Any) -> WebSocketAssertions:
    """Assertions about a mock whose thread ``t`` was sent events of these types."""
    mock = rws.MockWebSocketManager(**fields)

    async def send() -> None:
        for number, name in enumerate(types):
            data = {"n": number, "tool_name": "search", "more": {"a": 1, "b": 2}}
            await mock.send_to_thread("t", {"type": name, "data": data})

    asyncio.run(send())
    return WebSocketAssertions(mock)


Assertion = Callable[[WebSocketAssertions], object]

HOLDS: dict[str, Assertion] = {
    "an event": lambda a: a.assert_event_sent("t", "agent_started"),
    "two of a type": lambda a: a.assert_event_sent("t", "tool_executing", 2),
    "some of a type": lambda a: a.assert_event_sent("t", "tool_executing", count=None),
    "none of a type": lambda a: a.assert_event_sent("t", "agent_error", 0),
    "a field": lambda a: a.assert_event_sent("t", "agent_started", tool_name="search"),
    "a part of a field": lambda a: a.assert_event_sent("t", "agent_started", data={"n": 0}),
    "a part within": lambda a: a.assert_event_sent("t", "agent_started", data={"more": {"a": 1}}),
    "the required": lambda a: a.assert_required_events_sent("t"),
    "other required": lambda a: a.assert_required_events_sent("t", ["agent_started"]),
    "a score": lambda a: a.assert_compliance_score("t"),
    "a score by all rules": lambda a: a.assert_compliance_score("t", 0.9, profile="agent5"),
    "an order": lambda a: a.assert_event_order("t", [*FLOW[:4], *FLOW[2:]]),
    "an order among others": lambda a: a.assert_event_order("t", FLOW, others=True),
    "no failures": lambda a: a.assert_no_failures(),
    "a latency": lambda a: a.assert_performance_threshold(),
    "a connection": lambda a: a.assert_connection_established("t"),
    "a count": lambda a: a.assert_message_count("t", 7),
    "bounds": lambda a: a.assert_message_count("t", min_count=7, max_count=7),
    "a ledger": lambda a: a.assert_ledger(sent=7, delivered=7, lost=0, duplicated=0),
    "a thread's ledger": lambda a: a.assert_ledger("t", accepted=7, rejected=0),
}

FAILS: dict[str, tuple[Assertion, str]] = {
    "an event": (lambda a: a.assert_event_sent("t", "ping"), "expected 1 'ping' at \"t\""),
    "too many": (lambda a: a.assert_event_sent("t", "tool_executing"), "found 2"),
    "a field": (
        lambda a: a.assert_event_sent("t", "agent_started", tool_name="fetch"),
        "1 event of the type with other fields",
    ),
    "a thread": (lambda a: a.assert_event_sent("u", "agent_started"), 'the mock knows "t"'),
    "required": (lambda a: a.assert_required_events_sent("t", ["ping"]), "1 of 1 required"),
    "a score": (lambda a: a.assert_compliance_score("u"), "is 0.000, below 1"),
    "a score by all rules": (
        lambda a: a.assert_compliance_score("u", profile="agent5"),
        "is 0.000, below 1",
    ),
    "an order": (lambda a: a.assert_event_order("t", FLOW), "event 4 at \"t\" is 'tool_executing'"),
    "an order with a gap": (lambda a: a.assert_event_order("t", FLOW), "others=True allows that"),
    "an order among others": (
        lambda a: a.assert_event_order("t", FLOW[::-1], others=True),
        "no 'tool_completed' behind 'agent_completed'",
    ),
    "more to come": (
        lambda a: a.assert_event_order("u", ["ping"]),
        "event 0 at \"u\" did not come, expected 'ping'",
    ),
    "a connection": (lambda a: a.assert_connection_established("u"), "was never opened"),
    "a count": (lambda a: a.assert_message_count("t", 6), 'expected 6 messages at "t", found 7'),
    "a bound": (lambda a: a.assert_message_count("t", max_count=6), "expected at most 6"),
    "a ledger": (lambda a: a.assert_ledger(sent=7, lost=1), "0 lost, expected 1"),
    "no traffic": (lambda a: a.assert_performance_threshold(thread_id="u"), "nothing arrived"),
}


@pytest.mark.parametrize("name", HOLDS)
def test_what_holds_is_silent(name: str) -> None:
    HOLDS[name](asserting(*FLOW[:4], *FLOW[2:]))


@pytest.mark.parametrize("name", FAILS)
def test_what_does_not_hold_says_so_on_a_few_lines(name: str) -> None:
    assertion, text = FAILS[name]
    with pytest.raises(rws.ExpectationError) as caught:
        assertion(asserting(*FLOW[:4], *FLOW[2:]))
    assert isinstance(caught.value, AssertionError)
    assert text in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 15


def test_a_failure_shows_the_events_and_marks_those_meant() -> None:
    with pytest.raises(rws.ExpectationError) as caught:
        asserting("a", "b").assert_event_sent("t", "b", 2)
    lines = [line.split() for line in caught.value.lines]
    assert lines[0] == ["2", "events", "arrived", "at", '"t":']
    assert lines[1][:5] == ["0", "0.000000", "t", "<", "a"]
    assert lines[2][:6] == [">", "1", "0.000000", "t", "<", "b"]


def test_of_many_events_those_meant_are_shown() -> None:
    with pytest.raises(rws.ExpectationError) as caught:
        asserting(*["a"] * 50, "b", *["a"] * 50).assert_event_sent("t", "b", 2)
    assert any(line.split()[:2] == [">", "50"] for line in caught.value.lines)
    assert caught.value.lines[-1] == "… and 92 more events"
    assert len(caught.value.lines) <= 12


def test_an_event_that_was_lost_is_named_with_its_reason() -> None:
    with pytest.raises(rws.ExpectationError, match=r"not arrived: a to t, .*: lost \(loss\)"):
        asserting("a", **LOSSY).assert_event_sent("t", "a")


def test_failures_are_counted_by_reason_and_thread() -> None:
    with pytest.raises(rws.ExpectationError) as caught:
        asserting("a", "b", **LOSSY).assert_no_failures()
    assert str(caught.value).startswith("2 messages did not arrive: 2 lost (loss)\n")
    assert "by thread: 't': 2" in caught.value.lines


def test_cleared_messages_do_not_count() -> None:
    assertions = asserting(*FLOW)
    assertions.mock.clear_messages()
    assertions.assert_message_count("t", 0)
    assertions.assert_ledger(sent=0)
    with pytest.raises(rws.ExpectationError, match="nothing arrived"):
        assertions.assert_performance_threshold()


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"max_latency": 0.1}, "a latency of 300 ms, at most 100 ms"),
        ({"max_latency_ms": 299}, "a latency of 300 ms, at most 299 ms"),
        ({"min_throughput": 5}, "3.3 messages per second, at least 5"),
        ({"min_throughput": None, "max_duration": 0.5}, "a duration of 0.6 s, at most 0.5 s"),
    ],
    ids=str,
)
def test_slowness_is_measured_in_virtual_time(limits: dict[str, Any], text: str) -> None:
    slow = asserting("a", "b", latency_ms=300)
    slow.assert_performance_threshold(max_latency_ms=300, min_throughput=3, max_duration=0.6)
    with pytest.raises(rws.ExpectationError, match="too slow") as caught:
        slow.assert_performance_threshold(**limits)
    assert text in str(caught.value)
    assert any(line.startswith(">") for line in caught.value.lines)


def test_a_lost_connection_says_what_happened_to_it() -> None:
    with pytest.raises(rws.ExpectationError, match="is error") as caught:
        asserting("a", should_authenticate=False).assert_connection_established("t")
    assert any("refused" in line and "http_401" in line for line in caught.value.lines)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a: a.assert_compliance_score("t", 80),
        lambda a: a.assert_message_count("t"),
        lambda a: a.assert_ledger("t"),
        lambda a: a.assert_ledger("t", lots=1),
        lambda a: a.assert_matches_golden(a.mock.session(), order="any"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(wrong: Assertion) -> None:
    with pytest.raises(rws.ConfigError):
        wrong(asserting("a"))


def test_the_same_assertions_serve_another_mock() -> None:
    assertions, other = asserting("a"), asserting("b")
    assertions.for_mock(other.mock).assert_event_sent("t", "b")


# --- goldens ---------------------------------------------------------------------------------


def test_a_session_matches_itself(tmp_path: Path) -> None:
    assertions = asserting("a", "b")
    path = tmp_path / "golden.rws"
    rws.save(assertions.mock.session(), path)
    assertions.assert_matches_golden(path)
    assertions.assert_matches_golden(str(path), order="total")
    assertions.assert_matches_golden(assertions.mock.session())


def test_a_mismatch_is_told_as_a_diff(tmp_path: Path) -> None:
    path = tmp_path / "golden.rws"
    rws.save(asserting("a", "b").mock.session(), path)
    with pytest.raises(rws.GoldenMismatch, match="first divergence: missing #1 < b"):
        asserting("a").assert_matches_golden(path)


def test_lateness_may_be_tolerated_and_values_ignored() -> None:
    golden = asserting("a", latency_ms=5).mock.session()
    late = asserting("a", latency_ms=7)
    late.assert_matches_golden(golden, tolerance_ms=2)
    with pytest.raises(rws.GoldenMismatch, match="1 timing"):
        late.assert_matches_golden(golden, tolerance_ms=1.9)
    asserting("x", "a").assert_matches_golden(
        asserting("x", "a").mock.session(), ignore=["$.data.n"]
    )


# --- races -----------------------------------------------------------------------------------


def assert_no_races(*, watched: bool, racy: bool, used: bool = True) -> None:
    async def program() -> None:
        mock = rws.MockWebSocketManager()
        if watched:
            rws.watch(mock, report="collect")

        async def send() -> None:
            if mock.get_connection_state("t") is rws.MockWebSocketState.CONNECTED:
                await asyncio.sleep(1)
                await mock.send_to_thread("t", {"type": "agent_started"})

        async def close() -> None:
            await asyncio.sleep(10)
            await mock.disconnect_user("t")

        if used:
            await mock.connect_user("t")
            await asyncio.gather(*([send(), close()] if racy else [send()]))
        WebSocketAssertions(mock).assert_no_race_conditions()

    rws.run(program)


def test_a_watched_mock_without_races_holds() -> None:
    assert_no_races(watched=True, racy=False)


def test_a_race_is_shown_with_both_sides() -> None:
    with pytest.raises(rws.RaceError, match="stale write of MockWebSocketManager connection 't'"):
        assert_no_races(watched=True, racy=True)


@pytest.mark.parametrize("case", [{"watched": False}, {"watched": True, "used": False}], ids=str)
def test_nobody_looked_is_not_no_races(case: dict[str, Any]) -> None:
    with pytest.raises(rws.ExpectationError, match=r"nobody looked(.|\n)*replay_ws.watch\(mock"):
        assert_no_races(racy=True, **case)


def test_outside_of_a_run_there_is_nothing_to_say() -> None:
    with pytest.raises(rws.ExpectationError, match=r"outside of a deterministic run(.|\n)*mark"):
        asserting("a", mode="race_conditions").assert_no_race_conditions()
