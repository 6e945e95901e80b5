"""What a unified mock for tests was once promised to do, claim by claim.

The claims come from a mock that kept many of them badly: every row here failed there, or stood on
one that did. A row is one test, named after it, that asks for the right behaviour.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import replay_ws as rws
from replay_ws import ConfigError, Fate, MockBehaviorMode, MockWebSocketManager, run
from replay_ws.clock import NS_PER_MS
from tests.helpers import sent, tokens

_NAMES = """
mode.normal mode.slow_network mode.packet_loss mode.timeout_prone mode.auth_failure
cfg.should_authenticate mode.memory_pressure gc memory_limit.single mode.malformed_data
mode.connection_limit mode.network_partition partition.manual partition.normal_mode
partition.loop_end mode.race_conditions metrics.concurrency cfg.bandwidth_limit cfg.latency_ms
cfg.failure_rate cfg.rates_by_mode cfg.message_queue_size cfg.track_timing cfg.enable_metrics
cfg.track_memory cfg.enforce_event_order cfg.validate_message_format compliance.score
scenario.kwargs scenario.factory_kwargs scenario.unknown scenario.resilience
clear_messages.outside_loop clear_messages.in_loop clear_messages.strict context_manager
helpers.reset_mock_for_test strict_threading.on strict_threading.off concurrency.scenario
strict.send_lock legacy.record.outside legacy.record.inside metrics.shape metrics.throughput
helpers.simulate_network_issues.partition helpers.simulate_network_issues.timeout
helpers.simulate_network_issues.packet_loss helpers.simulate_high_load helpers.flows
helpers.assert_websocket_events helpers.assert_no_race_conditions.vacuous
migration.factory_as_class compat.get_event_types_for_thread determinism aliasing unused
more.constants more.failures_in_one_place more.no_plugin_hooks more.codemod
"""
CLAIMS = _NAMES.split()

FIVE = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")
ALL_MODES = list(MockBehaviorMode)
FULL = {"run_id": "r", "agent_name": "a"}

kept: list[str] = []
"""Claims that have a test."""

Test = Callable[..., None]


def claim(name: str) -> Callable[[Test], Test]:
    """Marks the test of a claim, whose name begins as the claim's does."""

    def mark(test: Test) -> Test:
        assert test.__name__.startswith(f"test_{name.replace('.', '_')}"), name
        kept.append(name)
        return test

    return mark


def test_every_claim_has_its_test() -> None:
    assert Counter(kept) == Counter(CLAIMS)


def on_loop(program: Callable[[], Awaitable[Any]]) -> Any:
    """Run on a stock loop, as existing tests do."""

    async def main() -> Any:
        return await program()

    return asyncio.run(main())


def send_all(mock: MockWebSocketManager, *messages: Any, thread: str = "t") -> list[bool]:
    async def program() -> list[bool]:
        return [await mock.send_to_thread(thread, message) for message in messages]

    answers: list[bool] = on_loop(program)
    return answers


def fates(session: rws.Session) -> dict[Fate, int]:
    return dict(Counter(event.outcome for event in session.events))


# --- modes ---------------------------------------------------------------------------------


@claim("mode.normal")
def test_mode_normal_delivers_and_records() -> None:
    mock = MockWebSocketManager()
    assert send_all(mock, *tokens(5)) == [True] * 5
    keys = {"thread_id", "message", "event_type", "timestamp", "sequence"}
    assert [record.keys() for record in mock.messages] == [keys] * 5


@claim("mode.slow_network")
def test_mode_slow_network_takes_virtual_time() -> None:
    mock = MockWebSocketManager(mode="slow_network")
    send_all(mock, *tokens(50))
    assert mock.now >= 50 * 0.2
    on_loop(mock.settle)
    flights = [e.time_ns - e.sent_ns for e in mock.session().delivered()]
    assert min(flights) >= 200 * NS_PER_MS
    assert max(flights) > 250 * NS_PER_MS


@claim("mode.packet_loss")
def test_mode_packet_loss_loses_what_the_rate_says() -> None:
    session = sent(*tokens(10_000), mode="packet_loss", packet_loss_rate=0.5).session
    assert session.ledger.lost == pytest.approx(5_000, abs=250)
    assert session.ledger.lost + session.ledger.delivered == 10_000


@claim("mode.timeout_prone")
def test_mode_timeout_prone_times_out_in_virtual_time() -> None:
    mock = MockWebSocketManager(mode="timeout_prone", timeout_probability=1)
    assert send_all(mock, *tokens(3)) == [False] * 3
    assert 15 <= mock.now <= 30
    assert mock.get_failure_analysis()["by_outcome"] == {"rejected (timeout)": 3}


@claim("mode.auth_failure")
def test_mode_auth_failure_refuses_messages_or_handshakes() -> None:
    mock = MockWebSocketManager(mode="auth_failure", auth_failure_rate=1)
    assert send_all(mock, *tokens(2)) == [False] * 2
    mock = MockWebSocketManager(mode="auth_failure", auth_failure_rate=1, auth_when="handshake")
    assert on_loop(lambda: mock.connect_user("u", None, "t")) is False


@claim("cfg.should_authenticate")
def test_cfg_should_authenticate_false_lets_nobody_in() -> None:
    mock = MockWebSocketManager(should_authenticate=False)
    assert on_loop(lambda: mock.connect_user("u", None, "t")) is False
    assert send_all(mock, *tokens(1)) == [False]


@claim("mode.memory_pressure")
def test_mode_memory_pressure_drops_what_no_queue_holds() -> None:
    session = sent(*tokens(200), at_once=True, mode="memory_pressure").session
    assert fates(session) == {Fate.DELIVERED: 50, Fate.LOST_OVERFLOW: 150}


@claim("gc")
def test_gc_pauses_the_receiver_and_says_so() -> None:
    fields = {"gc_threshold": 100, "gc_pause_ms": 50}
    session = sent(*tokens(6, size=60), at_once=True, **fields).session
    pauses = [incident for incident in session.incidents if incident.what == "gc"]
    assert pauses
    last_ns = max(event.time_ns for event in session.delivered())
    assert last_ns >= 50 * NS_PER_MS


@claim("memory_limit.single")
def test_memory_limit_single_message_above_it_is_refused_at_once() -> None:
    big, small = {"type": "big", "text": "x" * 2_000}, {"type": "small"}
    assert send_all(MockWebSocketManager(memory_limit=1_000), big, small) == [False, True]


@claim("mode.malformed_data")
def test_mode_malformed_data_damages_what_arrives() -> None:
    session = sent(*tokens(20), mode="malformed_data", malformed_rate=1).session
    damaged = [event for event in session.delivered() if event.damaged]
    assert len(damaged) == 20
    assert all(event.payload not in tokens(20) for event in damaged)


@claim("mode.connection_limit")
def test_mode_connection_limit_refuses_newcomers_and_spares_who_is_in() -> None:
    mock = MockWebSocketManager(mode="connection_limit", connection_limit=2)

    async def program() -> tuple[list[bool], bool, bool]:
        let_in = [await mock.connect_user(f"u{n}", None, f"t{n}") for n in range(3)]
        insider = await mock.send_to_thread("t0", {"type": "token"})
        await mock.disconnect_user("u1", None, "t1")
        return let_in, insider, await mock.connect_user("u2", None, "t2")

    assert on_loop(program) == ([True, True, False], True, True)


@claim("mode.network_partition")
def test_mode_network_partition_starts_and_heals_and_the_counts_agree() -> None:
    mock = MockWebSocketManager(mode="network_partition", seed=1)
    answers = send_all(mock, *tokens(5_000))
    accepted = sum(answers)
    assert 0 < accepted < 5_000
    assert len(mock.messages) == accepted
    assert mock.metrics is not None
    assert mock.metrics.messages_sent == accepted
    assert mock.get_failure_analysis()["total_failures"] == 5_000 - accepted
    assert any(answers[answers.index(False) :])  # it healed


# --- partitions ----------------------------------------------------------------------------


@claim("partition.manual")
@pytest.mark.parametrize("heal", ["disable_partition", "simulate_recovery"])
def test_partition_manual_delivers_what_it_held_and_keeps_the_history(heal: str) -> None:
    mock = MockWebSocketManager(partition_policy="hold", failure_rate=0.0)
    refused = MockWebSocketManager()
    for one in (mock, refused):
        one.enable_partition()
    assert send_all(mock, *tokens(3)) == [True] * 3
    assert mock.messages == []
    getattr(mock, heal)()
    assert [record["message"]["n"] for record in mock.messages] == [0, 1, 2]
    assert send_all(refused, *tokens(3)) == [False] * 3
    getattr(refused, heal)()
    assert refused.messages == []
    assert refused.get_failure_analysis()["total_failures"] == 3


@claim("partition.normal_mode")
def test_partition_normal_mode_is_cut_off_too() -> None:
    mock = MockWebSocketManager()
    mock.enable_partition()
    assert mock.partition_active
    assert send_all(mock, *tokens(2)) == [False] * 2


@claim("partition.loop_end")
def test_partition_loop_end_loses_nothing_that_was_held() -> None:
    fields = {"mode": "network_partition", "partition_policy": "hold"}
    fields |= {"partition_start_probability": 1.0}
    session = sent(*tokens(60), at_once=True, **fields).session
    assert session.ledger.delivered == 60


# --- concurrency ---------------------------------------------------------------------------


async def _talk(mock: MockWebSocketManager, threads: int = 6) -> None:
    async def one(name: str) -> None:
        for message in tokens(5):
            await mock.send_to_thread(name, message)

    await asyncio.gather(*(one(f"t{number}") for number in range(threads)))


@claim("mode.race_conditions")
def test_mode_race_conditions_reorders_between_connections() -> None:
    async def program() -> None:
        await _talk(MockWebSocketManager(mode="race_conditions"))

    sessions = [run(program, seed=seed).session for seed in range(3)]
    orders = {tuple(event.key for event in session.delivered()) for session in sessions}
    assert len(orders) == 3
    for session in sessions:
        for name in session.connections:
            mine = [e.payload["n"] for e in session.delivered() if e.connection == name]
            assert mine == [0, 1, 2, 3, 4]


@claim("metrics.concurrency")
def test_metrics_concurrency_counts_sends_side_by_side() -> None:
    mock = MockWebSocketManager(latency_ms=5)
    on_loop(lambda: _talk(mock))
    on_loop(lambda: mock.receive_from_thread("t0", {"type": "ping"}))
    assert mock.metrics is not None
    assert (mock.metrics.max_concurrent, mock.metrics.concurrent_operations) == (6, 0)
    assert mock.metrics.messages_received == 1


@claim("strict_threading.on")
def test_strict_threading_on_refuses_a_thread_from_outside_of_the_run() -> None:
    refused: list[str] = []

    async def program() -> None:
        mock = MockWebSocketManager(strict_threading=True)

        def outsider() -> None:
            try:
                send_all(mock, {"type": "token"})
            except rws.EscapeError as error:
                refused.append(error.what)

        thread = threading.Thread(target=outsider)
        thread.start()
        thread.join()
        assert await mock.send_to_thread("t", {"type": "token"})

    out = run(program, threads="free")
    assert len(refused) == 1
    assert out.session.ledger.sent == 1


def _from_threads(mock: MockWebSocketManager, threads: int, each: int) -> list[str]:
    errors: list[str] = []

    def sender(name: str) -> None:
        try:
            assert all(send_all(mock, *tokens(each), thread=name))
        except Exception as error:
            errors.append(repr(error))

    senders = [threading.Thread(target=sender, args=(f"t{n}",)) for n in range(threads)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in senders)
    return errors


@claim("strict_threading.off")
def test_strict_threading_off_loses_nothing_from_32_threads_with_loops_of_their_own() -> None:
    mock = MockWebSocketManager()
    assert _from_threads(mock, 32, 20) == []
    sequence = [record["sequence"] for record in mock.messages]
    assert sequence == list(range(640))


@claim("concurrency.scenario")
def test_concurrency_scenario_serves_many_threads_without_real_sleeps() -> None:
    mock = MockWebSocketManager.create_for_scenario("concurrency")
    assert _from_threads(mock, 20, 10) == []
    on_loop(mock.settle)
    assert len(mock.messages) == 200


@claim("strict.send_lock")
@pytest.mark.parametrize("strict", [False, True])
def test_strict_send_lock_is_one_for_both_and_numbers_stay_unique(strict: bool) -> None:
    mock = MockWebSocketManager(strict_threading=strict)
    assert _from_threads(mock, 8, 20) == []
    assert len({record["sequence"] for record in mock.messages}) == 160
    assert mock.metrics is not None
    assert mock.metrics.messages_sent == 160


# --- fields of the configuration -----------------------------------------------------------


@claim("cfg.bandwidth_limit")
def test_cfg_bandwidth_limit_takes_time_per_byte() -> None:
    mock = MockWebSocketManager(bandwidth_limit=1_000)
    send_all(mock, "x" * 500, "x" * 500)
    on_loop(mock.settle)
    assert mock.now == pytest.approx(1.0)


@claim("cfg.latency_ms")
@pytest.mark.parametrize("mode", ALL_MODES)
def test_cfg_latency_ms_counts_in_every_mode(mode: MockBehaviorMode) -> None:
    fast = sent(*tokens(20), at_once=True, mode=mode, jitter_ms=0, latency_ms=0, seed=3)
    slow = sent(*tokens(20), at_once=True, mode=mode, jitter_ms=0, latency_ms=50, seed=3)
    first, later = ([e.time_ns for e in out.session.delivered()] for out in (fast, slow))
    assert [b - a for a, b in zip(first, later, strict=True)] == [50 * NS_PER_MS] * len(first)
    assert first


@claim("cfg.failure_rate")
@pytest.mark.parametrize("mode", ALL_MODES)
def test_cfg_failure_rate_of_one_fails_every_send_in_every_mode(mode: MockBehaviorMode) -> None:
    assert not any(sent(*tokens(20), mode=mode, failure_rate=1.0).value)


@claim("cfg.rates_by_mode")
@pytest.mark.parametrize("rate", ["packet_loss_rate", "timeout_probability", "auth_failure_rate"])
@pytest.mark.parametrize("mode", ALL_MODES)
def test_cfg_rates_by_mode_strike_in_every_mode(mode: MockBehaviorMode, rate: str) -> None:
    assert sent(*tokens(10), mode=mode, **{rate: 1.0}).session.ledger.delivered == 0


@claim("cfg.message_queue_size")
def test_cfg_message_queue_size_overflows_are_losses_in_the_ledger() -> None:
    fields = {"message_queue_size": 5, "consume_rate": 1}
    mock = MockWebSocketManager(**fields)

    async def program() -> list[bool]:
        return await asyncio.gather(*(mock.send_to_thread("t", m) for m in tokens(20)))

    assert all(on_loop(program))
    on_loop(mock.settle)
    assert [record["message"]["n"] for record in mock.messages] == [15, 16, 17, 18, 19]
    assert mock.get_failure_analysis()["by_outcome"] == {"lost (overflow)": 15}


@claim("cfg.track_timing")
def test_cfg_track_timing_false_tells_no_times() -> None:
    mock = MockWebSocketManager(track_timing=False)
    send_all(mock, *tokens(3))
    assert "latency" not in mock.get_performance_metrics()
    assert "throughput" not in mock.get_performance_metrics()


@claim("cfg.enable_metrics")
def test_cfg_enable_metrics_false_has_none() -> None:
    mock = MockWebSocketManager(enable_metrics=False)
    send_all(mock, *tokens(1))
    assert mock.metrics is None
    assert mock.get_performance_metrics() == {}


@claim("cfg.track_memory")
@pytest.mark.parametrize("tracked", [True, False])
def test_cfg_track_memory_tells_the_bytes_or_does_not(tracked: bool) -> None:
    mock = MockWebSocketManager(track_memory=tracked)
    send_all(mock, *tokens(3, size=1_000))
    assert (mock.get_performance_metrics().get("memory_usage", 0) > 3_000) is tracked


@claim("cfg.enforce_event_order")
def test_cfg_enforce_event_order_refuses_what_breaks_a_run() -> None:
    events = [{"type": name, **FULL} for name in FIVE]
    mock = MockWebSocketManager(enforce_event_order=True)
    assert send_all(mock, *reversed(events))[0] is False
    assert all(send_all(MockWebSocketManager(enforce_event_order=True), *events))


@claim("cfg.validate_message_format")
def test_cfg_validate_message_format_refuses_and_never_raises() -> None:
    circular: dict[str, Any] = {"type": "token"}
    circular["self"] = circular
    wrong: list[Any] = [{"n": 1}, {"type": ""}, {"type": 7}, {"type": []}, circular, None, [1], 7]
    mock = MockWebSocketManager()
    assert send_all(mock, *wrong) == [False] * len(wrong)
    assert mock.messages == []
    fine: list[Any] = [{"type": "x", "data": None}, {"type": "y", "data": b"raw"}, "plain text"]
    assert send_all(mock, *fine) == [True] * len(fine)
    assert send_all(MockWebSocketManager(validate_message_format=False), {"n": 1}) == [True]


@claim("compliance.score")
def test_compliance_score_of_a_check_knows_order_pairs_and_runs_without_tools() -> None:
    def faults(*names: str) -> list[str]:
        events = [{"type": name, "tool_name": "s", **FULL} for name in names]
        report = rws.check(sent(*events).session, profile="agent5")
        assert (report.score == 1.0) == (not report.findings)
        return sorted({finding.rule for finding in report.findings})

    assert faults(*FIVE) == []
    assert faults("agent_started", "agent_thinking", "agent_completed") == ["required"]
    assert "first" in faults(*reversed(FIVE))
    assert "pairs" in faults(*FIVE[:3], "tool_executing", *FIVE[3:])
    mock = MockWebSocketManager()
    assert mock.get_compliance_score("nobody") == 0.0
    assert mock.get_all_compliance_scores() == {}


# --- scenarios -----------------------------------------------------------------------------


@claim("scenario.kwargs")
@pytest.mark.parametrize(
    ("scenario", "field", "value"),
    [
        ("basic", "latency_ms", 7.0),
        ("compliance", "failure_rate", 0.9),
        ("performance", "enable_metrics", False),
        ("resilience", "packet_loss_rate", 0.77),
        ("slow_network", "latency_ms", 5.0),
        ("concurrency", "strict_threading", False),
        ("resource_limits", "connection_limit", 3),
        ("auth_testing", "auth_failure_rate", 0.9),
    ],
)
def test_scenario_kwargs_come_before_the_scenario(scenario: str, field: str, value: Any) -> None:
    mock = MockWebSocketManager.create_for_scenario(scenario, **{field: value})
    assert getattr(mock.config, field) == value


@claim("scenario.factory_kwargs")
def test_scenario_factory_kwargs_are_honoured() -> None:
    assert rws.create_slow_network_mock(latency_ms=500).config.latency_ms == 500
    assert rws.create_auth_testing_mock(failure_rate=0.9).config.auth_failure_rate == 0.9


@claim("scenario.unknown")
def test_scenario_unknown_names_and_fields_are_refused_with_what_there_is() -> None:
    with pytest.raises(ConfigError, match="unknown scenario 'bassic'; did you mean 'basic'"):
        MockWebSocketManager.create_for_scenario("bassic")
    with pytest.raises(ConfigError, match="foo"):
        MockWebSocketManager.create_for_scenario("basic", foo=1)


@claim("scenario.resilience")
def test_scenario_resilience_has_outages_loss_timeouts_and_failures() -> None:
    mock = MockWebSocketManager.create_for_scenario("resilience", max_retries=0, seed=5)
    send_all(mock, *tokens(1_000))
    failed = mock.get_failure_analysis()["by_outcome"]
    assert {"lost (loss)", "rejected (timeout)"} <= failed.keys()
    assert "partition" in {decision.toxic for decision in mock.session().plan}
    broken = MockWebSocketManager.create_for_scenario("resilience", failure_rate=1.0)
    assert not any(send_all(broken, *tokens(20)))


# --- clearing ------------------------------------------------------------------------------


@claim("clear_messages.outside_loop")
def test_clear_messages_outside_loop_starts_anew() -> None:
    mock = MockWebSocketManager()
    send_all(mock, *tokens(2))
    mock.clear_messages()
    assert mock.messages == []


@claim("clear_messages.in_loop")
def test_clear_messages_in_loop_starts_anew() -> None:
    async def program() -> tuple[int, int]:
        mock = MockWebSocketManager()
        await mock.send_to_thread("t", {"type": "token"})
        mock.clear_messages()
        cleared = len(mock.messages)
        await mock.send_to_thread("t", {"type": "token"})
        return cleared, len(mock.messages)

    assert on_loop(program) == (0, 1)


@claim("clear_messages.strict")
def test_clear_messages_strict_clears_failures_and_metrics_too() -> None:
    mock = MockWebSocketManager(strict_threading=True)
    mock.enable_partition()
    send_all(mock, *tokens(2))
    mock.disable_partition()
    send_all(mock, *tokens(3))
    mock.clear_messages()
    assert mock.get_failure_analysis()["total_failures"] == 0
    assert mock.metrics is not None
    assert (mock.metrics.messages_sent, mock.metrics.context_switches) == (0, 0)


@claim("context_manager")
def test_context_manager_works_in_both_kinds() -> None:
    with MockWebSocketManager() as mock:
        assert send_all(mock, *tokens(1)) == [True]

    async def program() -> int:
        async with MockWebSocketManager() as inner:
            await inner.send_to_thread("t", {"type": "token"})
        return len(inner.messages)

    assert on_loop(program) == 1


@claim("helpers.reset_mock_for_test")
def test_helpers_reset_mock_for_test_leaves_it_as_new() -> None:
    mock = MockWebSocketManager()
    mock.enable_partition()
    send_all(mock, *tokens(2))
    rws.reset_mock_for_test(mock)
    assert mock.messages == []
    assert mock.get_failure_analysis()["total_failures"] == 0
    assert send_all(mock, *tokens(1)) == [True]


# --- old names -----------------------------------------------------------------------------


@claim("legacy.record.outside")
def test_legacy_record_outside_of_a_loop_is_there_at_once() -> None:
    mock = rws.LegacyMockWebSocketManager()
    assert mock.record({"type": "agent_started", "n": 1})
    assert mock.events == [{"type": "agent_started", "n": 1}]


@claim("legacy.record.inside")
def test_legacy_record_inside_a_loop_is_there_at_once_and_counts_what_was_taken() -> None:
    async def program() -> tuple[list[Any], dict[str, int]]:
        mock = rws.LegacyMockWebSocketManager()
        mock.record({"type": "agent_started"})
        mock.record(["no", "event"])
        return mock.events, mock.event_counts

    assert on_loop(program) == ([{"type": "agent_started"}], {"agent_started": 1})


@claim("compat.get_event_types_for_thread")
def test_compat_get_event_types_for_thread_and_its_kin_exist() -> None:
    mock = rws.LegacyMockWebSocketManager()
    send_all(mock, *({"type": name} for name in FIVE))
    assert mock.get_event_types_for_thread("t") == list(FIVE)
    assert len(mock.sent_messages) == len(mock.events) == 5
    assert mock.get_messages_for_thread("t") == [{"type": name} for name in FIVE]
    assert len(mock.tool_events) == 2
    assert mock.is_healthy
    assert on_loop(lambda: mock.broadcast({"type": "all"}))
    assert on_loop(lambda: mock.send_to_user("u", {"type": "one"}))


@claim("migration.factory_as_class")
def test_migration_factory_as_class_can_be_subclassed() -> None:
    base = rws.create_compliance_mock

    class Mine(base):
        async def send_to_thread(self, thread_id: str, message: Any) -> bool:
            return await super().send_to_thread(thread_id, {**message, "mine": True})

    mock = Mine()
    send_all(mock, {"type": "token"})
    assert mock.messages[0]["message"]["mine"] is True


# --- metrics -------------------------------------------------------------------------------


@claim("metrics.shape")
def test_metrics_shape_has_a_distribution() -> None:
    mock = MockWebSocketManager(latency_ms=10)
    send_all(mock, *tokens(4))
    metrics = mock.get_performance_metrics()
    assert metrics["latency"].keys() == {"count", "min", "mean", "p50", "p90", "p99", "max"}
    assert metrics["average_latency"] == metrics["max_latency"] == 0.01
    assert metrics["throughput"]["messages_per_second"] > 0


@claim("metrics.throughput")
def test_metrics_throughput_does_not_fall_with_idle_time() -> None:
    mock = MockWebSocketManager(latency_ms=10)
    send_all(mock, *tokens(10))
    before = mock.get_performance_metrics()["throughput"]
    on_loop(lambda: mock._recording.clock.take(mock._recording.clock.now_ns(), 10**12))
    assert mock.now > 900
    assert mock.get_performance_metrics()["throughput"] == before


# --- helpers -------------------------------------------------------------------------------


@claim("helpers.simulate_network_issues.partition")
@pytest.mark.parametrize("scenario", ["basic", "resilience"])
def test_helpers_simulate_network_issues_partition_strikes_and_ends(scenario: str) -> None:
    quiet = {"packet_loss_rate": 0, "timeout_probability": 0, "partition_start_probability": 0}
    mock = MockWebSocketManager.create_for_scenario(
        scenario, **quiet, partition_policy="reject", max_retries=0
    )
    result = on_loop(lambda: rws.simulate_network_issues(mock, "t", "partition"))
    assert result["failures"] == [0, 1, 2, 3, 4]
    assert result["recoveries"] == [5, 6, 7]


@claim("helpers.simulate_network_issues.timeout")
def test_helpers_simulate_network_issues_timeout_times_out_in_any_scenario() -> None:
    mock = MockWebSocketManager.create_for_scenario("basic")
    result = on_loop(lambda: rws.simulate_network_issues(mock, "t", "timeout"))
    assert set(result["outcomes"].values()) == {"rejected (timeout)"}
    assert result["recoveries"] == [5, 6, 7]


@claim("helpers.simulate_network_issues.packet_loss")
def test_helpers_simulate_network_issues_packet_loss_loses() -> None:
    mock = MockWebSocketManager.create_for_scenario("basic")
    result = on_loop(lambda: rws.simulate_network_issues(mock, "t", "packet_loss"))
    assert set(result["outcomes"].values()) == {"lost (loss)"}


@claim("helpers.simulate_high_load")
def test_helpers_simulate_high_load_sends_what_it_says() -> None:
    mock = MockWebSocketManager()
    load = on_loop(lambda: rws.simulate_high_load(mock, concurrent_users=5, duration=10))
    assert load["sent"] == load["accepted"] == len(mock.messages) == 50


@claim("helpers.flows")
def test_helpers_flows_send_what_they_tell() -> None:
    mock = MockWebSocketManager()
    types = on_loop(lambda: rws.simulate_agent_execution_flow(mock, "t"))
    assert types == [record["event_type"] for record in mock.get_events_for_thread("t")]
    assert mock.get_compliance_score("t") == 1.0
    told = on_loop(lambda: rws.simulate_concurrent_agents(mock, 5, 10))
    assert {name: len(messages) for name, messages in told.items()} == {
        f"thread_{number}": 10 for number in range(5)
    }
    rws.WebSocketAssertions(mock).assert_required_events_sent("t")


@claim("helpers.assert_websocket_events")
def test_helpers_assert_websocket_events_asserts() -> None:
    mock = rws.LegacyMockWebSocketManager()
    with pytest.raises(AssertionError, match="required"):
        rws.assert_websocket_events(mock, "t")
    send_all(mock, *({"type": name} for name in FIVE))
    rws.assert_websocket_events(mock, "t").assert_message_count("t", 5)
    with pytest.raises(AssertionError, match="other"):
        rws.assert_websocket_events(mock, "other")


@claim("helpers.assert_no_race_conditions.vacuous")
def test_helpers_assert_no_race_conditions_vacuous_success_there_is_none() -> None:
    mock = MockWebSocketManager()
    with pytest.raises(AssertionError, match="nobody looked for races"):
        rws.WebSocketAssertions(mock).assert_no_race_conditions()


# --- laws ----------------------------------------------------------------------------------


@claim("determinism")
@pytest.mark.parametrize("mode", ALL_MODES)
def test_determinism_one_seed_one_log(mode: MockBehaviorMode) -> None:
    first, second = (sent(*tokens(30), mode=mode, seed=11).session for _ in range(2))
    assert first.digest == second.digest
    assert [e.time_ns for e in first.events] == [e.time_ns for e in second.events]


@claim("aliasing")
def test_aliasing_there_is_none_in_records_unless_asked_for() -> None:
    message = {"type": "token", "data": [1]}
    mock = MockWebSocketManager()
    legacy = rws.LegacyMockWebSocketManager()
    alias = rws.LegacyMockWebSocketManager(alias_messages=True)
    for one in (mock, legacy, alias):
        send_all(one, message)
    message["data"].append(2)  # type: ignore[attr-defined]
    for one in (mock, legacy):
        assert one.messages[0]["message"]["data"] == [1]
    assert alias.messages[0]["message"] is message


@claim("unused")
def test_unused_state_there_is_none_each_count_moves() -> None:
    mock = MockWebSocketManager(failure_rate=0.0, latency_ms=5, timeout_probability=0.5, seed=2)

    async def program() -> None:
        await _talk(mock)
        await mock.receive_from_thread("t0", {"type": "ping"})
        await mock.disconnect_user("t0")

    on_loop(program)
    metrics = mock.get_performance_metrics()
    idle = [name for name, value in metrics.items() if not value]
    assert idle == ["concurrent_operations"]  # nothing is going on any more


# --- what else there was -------------------------------------------------------------------


@claim("more.constants")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("partition_start_probability", 0.5),
        ("partition_duration_ms_min", 5.0),
        ("jitter_ms", 1.0),
        ("retry_delay_ms", 5.0),
        ("timeout_ms_min", 1.0),
        ("race_delay_ms_max", 1.5),
    ],
)
def test_more_constants_are_fields(field: str, value: float) -> None:
    assert getattr(MockWebSocketManager(**{field: value}).config, field) == value


@claim("more.failures_in_one_place")
def test_more_failures_in_one_place_whatever_they_are() -> None:
    fields = {"packet_loss_rate": 0.3, "timeout_probability": 0.3, "auth_failure_rate": 0.3}
    mock = MockWebSocketManager(**fields)
    send_all(mock, *tokens(100))
    analysis = mock.get_failure_analysis()
    outcomes = {"lost (loss)", "rejected (timeout)", "rejected (auth)"}
    assert analysis["by_outcome"].keys() == outcomes
    assert analysis["total_failures"] == len(analysis["failures"]) == 100 - len(mock.messages)


@claim("more.no_plugin_hooks")
def test_more_no_plugin_hooks_are_among_the_public_names() -> None:
    assert not [name for name in rws.__all__ if name.startswith("pytest_")]


@claim("more.codemod")
def test_more_codemod_leaves_what_parses_parsing_and_imports_what_it_names() -> None:
    pytest.importorskip("libcst")
    source = "class MockWebSocketManager:\n    def __init__(self):\n        self.messages = []\n"
    source += "    async def send_to_thread(self, thread_id, message):\n"
    source += "        self.messages.append({'thread_id': thread_id, 'message': message})\n"
    source += "        return True\n\nws = MockWebSocketManager()\n"
    after = rws.migrate_legacy_mock_usage(source)
    names: dict[str, Any] = {}
    exec(compile(after, "migrated", "exec"), names)
    assert isinstance(names["ws"], rws.LegacyMockWebSocketManager)
