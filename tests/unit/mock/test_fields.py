"""Every field of the configuration does what its name promises, in every mode.

``quiet`` takes a mode's own toxics away, so that what is seen comes from the field alone.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from replay_ws import Event, Fate, MockWebSocketManager, Session, run
from replay_ws.clock import NS_PER_MS, NS_PER_S
from replay_ws.errors import ConfigError, EscapeError
from replay_ws.faults.configuration import FIELDS
from replay_ws.faults.malformed import KINDS
from replay_ws.faults.modes import MODES, MockBehaviorMode
from tests.helpers import TOKEN, sent, tokens
from tests.scenes import play

SHOWN: set[str] = set()


def shows(*fields: str) -> Callable[[Any], Any]:
    """A test of what ``fields`` do."""
    SHOWN.update(fields)
    return lambda test: test


@pytest.fixture(params=MockBehaviorMode, ids=str)
def mode(request: pytest.FixtureRequest) -> MockBehaviorMode:
    mode: MockBehaviorMode = request.param
    return mode


def quiet(mode: MockBehaviorMode, **fields: Any) -> dict[str, Any]:
    return {"mode": mode, **{name: FIELDS[name][0] for name in MODES[mode]}, **fields}


def fates(session: Session) -> Counter[Fate]:
    return Counter(event.outcome for event in session.events)


def arrivals_ms(session: Session) -> list[float]:
    return [event.time_ns / NS_PER_MS for event in session.delivered()]


def delays_ms(session: Session) -> list[float]:
    return [(event.time_ns - event.sent_ns) / NS_PER_MS for event in session.delivered()]


# --- delays --------------------------------------------------------------------------------


@shows("latency_ms")
def test_latency_ms_is_how_long_each_message_and_its_send_take(mode: MockBehaviorMode) -> None:
    session = sent(*tokens(3), **quiet(mode, latency_ms=50)).session
    assert delays_ms(session) == [50, 50, 50]
    assert arrivals_ms(session) == [50, 100, 150]


@shows("jitter_ms")
def test_jitter_ms_adds_up_to_so_much(mode: MockBehaviorMode) -> None:
    delays = delays_ms(sent(*tokens(100), **quiet(mode, jitter_ms=20)).session)
    assert 0 <= min(delays) < 2
    assert 18 < max(delays) <= 20


@shows("bandwidth_limit")
def test_bandwidth_limit_is_bytes_per_second_of_a_connection(mode: MockBehaviorMode) -> None:
    out = sent("x" * 100, "x" * 300, at_once=True, **quiet(mode, bandwidth_limit=1_000))
    assert arrivals_ms(out.session) == [100, 400]


@shows("consume_rate")
def test_consume_rate_is_messages_per_second(mode: MockBehaviorMode) -> None:
    out = sent(*tokens(3), at_once=True, **quiet(mode, consume_rate=10))
    assert arrivals_ms(out.session) == [100, 200, 300]


@shows("race_rate", "race_delay_ms_min", "race_delay_ms_max")
def test_a_race_holds_a_message_back_and_lets_other_connections_pass(
    mode: MockBehaviorMode,
) -> None:
    async def program() -> None:
        fields = {"race_rate": 0.5, "race_delay_ms_min": 2, "race_delay_ms_max": 3}
        mock = MockWebSocketManager(**quiet(mode, **fields))
        for number in range(40):
            await mock.send_to_thread(f"t{number}", {"type": "token", "n": number})

    session = run(program).session
    delays = delays_ms(session)
    assert {0.0} < set(delays)
    assert all(delay == 0 or 2 <= delay <= 3 for delay in delays)
    assert [event.payload["n"] for event in session.delivered()] != list(range(40))


@shows("reorder_within_thread")
@pytest.mark.parametrize("reorder", [False, True])
def test_reorder_within_thread_lets_a_late_message_be_overtaken(
    mode: MockBehaviorMode, reorder: bool
) -> None:
    fields = quiet(mode, race_rate=0.5, reorder_within_thread=reorder)
    session = sent(*tokens(30), at_once=True, **fields).session
    order = [event.payload["n"] for event in session.delivered()]
    assert sorted(order) == list(range(30))
    assert (order != list(range(30))) == reorder


@shows("reject_delay_ms")
def test_reject_delay_ms_is_what_a_refusal_takes(mode: MockBehaviorMode) -> None:
    session = sent(*tokens(2), **quiet(mode, failure_rate=1, reject_delay_ms=7)).session
    assert [event.sent_ns for event in session.events] == [0, 7 * NS_PER_MS]


# --- losses --------------------------------------------------------------------------------


@shows("packet_loss_rate")
def test_packet_loss_rate_loses_messages_and_nobody_notices(mode: MockBehaviorMode) -> None:
    out = sent(*tokens(5), **quiet(mode, packet_loss_rate=1))
    assert all(out.value)
    assert fates(out.session) == {Fate.LOST_LOSS: 5}


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5])
def test_without_retries_the_loss_is_the_packet_loss_rate(rate: float) -> None:
    count = 100_000

    async def program() -> None:
        mock = MockWebSocketManager(
            mode="packet_loss", packet_loss_rate=rate, max_retries=0, seed=7
        )
        for _ in range(count):
            await mock.send_to_thread("t", TOKEN)

    lost = run(program).session.ledger.lost
    assert abs(lost - rate * count) < 3 * (count * rate * (1 - rate)) ** 0.5


@shows("max_retries", "retry_delay_ms")
def test_a_lost_message_is_tried_again_until_the_sender_gives_up(mode: MockBehaviorMode) -> None:
    fields = quiet(mode, packet_loss_rate=1, max_retries=2, retry_delay_ms=30)
    out = sent(*tokens(2), **fields)
    assert [result.reason for result in out.value] == ["gave_up", "gave_up"]
    assert [event.sent_ns for event in out.session.events] == [0, 60 * NS_PER_MS]
    assert [d.attempt for d in out.session.plan] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("rate", ["packet_loss_rate", "failure_rate", "timeout_probability"])
def test_retries_make_up_for_what_befell_an_attempt(mode: MockBehaviorMode, rate: str) -> None:
    out = sent(*tokens(20), **quiet(mode, max_retries=60, **{rate: 0.5}))
    assert all(out.value)
    assert fates(out.session) == {Fate.DELIVERED: 20}
    assert len(out.session.plan) > 5


@shows("duplicate_rate")
def test_duplicate_rate_delivers_messages_twice(mode: MockBehaviorMode) -> None:
    session = sent(*tokens(3), **quiet(mode, duplicate_rate=1)).session
    assert [(e.payload["n"], e.copy) for e in session.delivered()] == [
        (0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1),
    ]  # fmt: skip
    assert (session.ledger.delivered, session.ledger.duplicated) == (3, 3)


@shows("failure_rate")
def test_failure_rate_fails_sends_and_says_so(mode: MockBehaviorMode) -> None:
    out = sent(*tokens(5), **quiet(mode, failure_rate=1))
    assert [result.reason for result in out.value] == ["failure"] * 5
    assert fates(out.session) == {Fate.REJECTED_FAILURE: 5}


@shows("timeout_probability", "timeout_ms_min", "timeout_ms_max")
def test_a_timeout_takes_its_time_and_ends_in_a_refusal(mode: MockBehaviorMode) -> None:
    fields = {"timeout_probability": 1, "timeout_ms_min": 40, "timeout_ms_max": 60}
    out = sent(*tokens(50), **quiet(mode, **fields))
    assert {result.reason for result in out.value} == {"timeout"}
    times = [event.sent_ns for event in out.session.events]
    steps = [(b - a) / NS_PER_MS for a, b in pairwise(times)]
    assert 40 <= min(steps) < 43
    assert 57 < max(steps) <= 60


# --- outages -------------------------------------------------------------------------------

OUTAGE = {
    "partition_start_probability": 1,
    "partition_duration_ms_min": 50,
    "partition_duration_ms_max": 50,
}


@shows("partition_start_probability", "partition_policy")
def test_an_outage_rejects_until_it_is_over(mode: MockBehaviorMode) -> None:
    out = sent(*tokens(60), **quiet(mode, **OUTAGE))
    assert {result.reason for result in out.value} == {"partition"}
    began = [d.index for d in out.session.plan if d.toxic == "partition"]
    assert began == [0, 50]  # a refusal takes 1 ms


@shows("partition_duration_ms_min", "partition_duration_ms_max")
def test_an_outage_that_holds_delivers_in_order_when_it_is_over(mode: MockBehaviorMode) -> None:
    out = sent(*tokens(3), at_once=True, **quiet(mode, **OUTAGE, partition_policy="hold"))
    assert all(out.value)
    assert arrivals_ms(out.session) == [50, 50, 50]
    assert [event.payload["n"] for event in out.session.delivered()] == [0, 1, 2]


def test_an_outage_that_drops_loses_what_is_sent_meanwhile(mode: MockBehaviorMode) -> None:
    out = sent(*tokens(3), **quiet(mode, **OUTAGE, partition_policy="drop"))
    assert all(out.value)
    assert fates(out.session) == {Fate.LOST_PARTITION: 3}


def test_an_outage_cuts_off_one_connection_in_both_directions() -> None:
    outage = {**OUTAGE, "partition_start_probability": 0}
    fault = {"on": {"where": {"n": 0}}, "toxic": {"type": "partition", "connection": "a"}}
    seen = play("send:a@0 up:a@1 send:b@1", **outage, faults=[fault])
    assert seen.told == "partition+1 no+1 ok"


# --- queues --------------------------------------------------------------------------------

SLOW: dict[str, Any] = {"consume_rate": 10, "message_queue_size": 2}


@shows("message_queue_size", "overflow")
@pytest.mark.parametrize(
    ("overflow", "arrived", "fate", "reasons"),
    [
        ("drop_oldest", [3, 4], Fate.LOST_OVERFLOW, [""] * 5),
        ("drop_newest", [0, 1], Fate.LOST_OVERFLOW, ["", "", "overflow", "overflow", "overflow"]),
        ("reject", [0, 1], Fate.REJECTED_QUEUE_FULL, ["", "", *["queue_full"] * 3]),
        ("block", [0, 1, 2, 3, 4], Fate.DELIVERED, [""] * 5),
    ],
)
def test_a_full_queue_gives_way_by_its_policy(
    mode: MockBehaviorMode, overflow: str, arrived: list[int], fate: Fate, reasons: list[str]
) -> None:
    out = sent(*tokens(5), at_once=True, **quiet(mode, **SLOW, overflow=overflow))
    assert [event.payload["n"] for event in out.session.delivered()] == arrived
    assert [result.reason for result in out.value] == reasons
    assert {e.outcome for e in out.session.events} - {Fate.DELIVERED} == {fate} - {Fate.DELIVERED}


def test_a_full_queue_may_close_the_connection(mode: MockBehaviorMode) -> None:
    out = sent(*tokens(4), at_once=True, **quiet(mode, **SLOW, overflow="close_1013"))
    assert [e.outcome for e in out.session.events] == [
        Fate.IN_DOUBT,
        Fate.IN_DOUBT,
        Fate.REJECTED_QUEUE_FULL,
        Fate.DELIVERED,  # on a connection of its own
    ]


def test_a_sender_that_is_blocked_waits_in_virtual_time() -> None:
    async def program() -> list[float]:
        mock = MockWebSocketManager(**SLOW, overflow="block")
        times = []
        for number in range(4):
            await mock.send("t", tokens(4)[number])
            times.append(mock.now)
        return times

    assert run(program).value == [0.0, 0.0, 0.1, 0.2]


@shows("memory_limit")
def test_memory_limit_bounds_the_bytes_on_their_way(mode: MockBehaviorMode) -> None:
    fields = quiet(mode, memory_limit=250, bandwidth_limit=1_000, overflow="drop_newest")
    out = sent("x" * 100, "x" * 100, "x" * 100, "x" * 251, at_once=True, **fields)
    assert [event.outcome for event in out.session.events] == [
        Fate.DELIVERED,
        Fate.DELIVERED,
        Fate.LOST_OVERFLOW,
        Fate.REJECTED_TOO_BIG,
    ]


@shows("max_message_size")
def test_max_message_size_counts_bytes(mode: MockBehaviorMode) -> None:
    out = sent("éé", "ééx", b"12345", **quiet(mode, max_message_size=4))
    assert [result.reason for result in out.value] == ["", "too_big", "too_big"]


# --- connections ---------------------------------------------------------------------------


@shows("connection_limit")
def test_connection_limit_refuses_connects_and_spares_who_is_in(mode: MockBehaviorMode) -> None:
    async def program() -> list[bool]:
        mock = MockWebSocketManager(**quiet(mode, connection_limit=2))
        opened = [await mock.connect_user(user) for user in ("a", "b", "c")]
        sends = [await mock.send_to_thread(thread, TOKEN) for thread in ("a", "c", "b")]
        await mock.disconnect_user("a")
        return [*opened, *sends, await mock.connect_user("c")]

    assert run(program).value == [True, True, False, True, False, True, True]


@shows("should_authenticate")
def test_without_should_authenticate_nobody_gets_in(mode: MockBehaviorMode) -> None:
    async def program() -> tuple[bool, str]:
        mock = MockWebSocketManager(**quiet(mode, should_authenticate=False))
        return await mock.connect_user("a"), (await mock.send("a", TOKEN)).reason

    assert run(program).value == (False, "auth")


@shows("auth_failure_rate", "auth_when")
@pytest.mark.parametrize("when", ["message", "handshake"])
def test_auth_failure_rate_refuses_messages_or_handshakes(
    mode: MockBehaviorMode, when: str
) -> None:
    async def program() -> tuple[bool, str]:
        mock = MockWebSocketManager(**quiet(mode, auth_failure_rate=1, auth_when=when))
        return await mock.connect_user("a"), (await mock.send("a", TOKEN)).reason

    assert run(program).value == (when == "message", "auth")


@shows("close_overtakes")
@pytest.mark.parametrize("overtakes", [False, True])
def test_close_overtakes_leaves_what_is_on_its_way_in_doubt(
    mode: MockBehaviorMode, overtakes: bool
) -> None:
    async def program() -> None:
        fields = quiet(mode, latency_ms=10, close_overtakes=overtakes)
        mock = MockWebSocketManager(**fields)
        await asyncio.gather(mock.send_to_thread("a", TOKEN), mock.disconnect_user("a"))

    assert fates(run(program).session) == {
        (Fate.IN_DOUBT if overtakes else Fate.DELIVERED): 1,
    }


# --- what is sent --------------------------------------------------------------------------


@shows("malformed_rate", "malformed_kinds")
@pytest.mark.parametrize("kind", KINDS)
def test_malformed_messages_arrive_damaged_in_the_kinds_asked_for(
    mode: MockBehaviorMode, kind: str
) -> None:
    out = sent(*tokens(3), **quiet(mode, malformed_rate=1, malformed_kinds=(kind,)))
    assert all(out.value)
    whole = [json.dumps(message, separators=(",", ":")) for message in tokens(3)]
    delivered: list[Event] = list(out.session.delivered())
    assert all(event.damaged for event in delivered)
    assert [event.body for event in delivered] != whole
    assert len(delivered) == 3


@shows("enforce_event_order")
@pytest.mark.parametrize("enforce", [False, True])
def test_enforce_event_order_rejects_what_breaks_a_run(
    mode: MockBehaviorMode, enforce: bool
) -> None:
    events = ["tool_executing", "agent_started", "agent_started", "tool_completed", "token"]
    out = sent(*({"type": e} for e in events), **quiet(mode, enforce_event_order=enforce))
    expected = ["order", "", "order", "order", ""] if enforce else [""] * 5
    assert [result.reason for result in out.value] == expected


@pytest.mark.parametrize(
    "harm",
    [
        {"auth_failure_rate": 0.5},
        {"failure_rate": 0.5},
        {"timeout_probability": 0.5},
        {"partition_start_probability": 0.3},
        {"packet_loss_rate": 0.5, "max_retries": 1},
    ],
    ids=lambda harm: next(iter(harm)),
)
def test_a_rejected_event_does_not_count_for_the_order(harm: dict[str, Any]) -> None:
    async def program() -> list[str]:
        mock = MockWebSocketManager(enforce_event_order=True, seed=4, **harm)
        reasons = []
        for event in ("agent_started", "agent_thinking", "agent_completed") * 10:
            while not (result := await mock.send("t", {"type": event})):
                reasons.append(result.reason)
        return reasons

    reasons = run(program).value
    assert reasons
    assert "order" not in reasons


@shows("validate_message_format")
@pytest.mark.parametrize("message", [{}, {"type": ""}, {"type": 7}, ["list"], None, 7])
def test_validate_message_format_wants_an_object_with_a_type(
    mode: MockBehaviorMode, message: object
) -> None:
    assert sent(message, **quiet(mode)).value[0].reason == "invalid"
    assert sent(message, **quiet(mode, validate_message_format=False)).value[0]


@pytest.mark.parametrize("validate", [False, True])
def test_what_cannot_be_recorded_is_never_accepted(validate: bool) -> None:
    knot: list[Any] = []
    knot.append(knot)
    for message in ({"type": "x", "data": object()}, {"type": "x", "data": knot}):
        out = sent(message, validate_message_format=validate)
        assert out.value[0].reason == "invalid"
        assert out.session.ledger.rejected == 1


# --- the mock itself -----------------------------------------------------------------------


@shows("strict_threading")
@pytest.mark.parametrize("strict", [False, True])
def test_strict_threading_refuses_sends_from_outside_of_the_run(strict: bool) -> None:
    async def program() -> list[str]:
        mock = MockWebSocketManager(strict_threading=strict)
        said: list[str] = []

        def outside() -> None:
            try:
                asyncio.run(mock.send_to_thread("t", TOKEN))
            except EscapeError as error:
                said.append(error.what)

        thread = threading.Thread(target=outside)
        thread.start()
        thread.join()
        return said

    said = run(program, threads="free").value
    assert bool(said) == strict


@shows("enable_metrics")
def test_enable_metrics_switches_metrics_off(mode: MockBehaviorMode) -> None:
    async def program() -> list[Any]:
        mocks = [
            MockWebSocketManager(**quiet(mode, enable_metrics=on), name=str(on))
            for on in (True, False)
        ]
        for mock in mocks:
            await mock.send_to_thread("t", TOKEN)
        return [(mock.metrics is None, mock.get_performance_metrics()) for mock in mocks]

    (has_none, full), (none, empty) = run(program).value
    assert not has_none
    assert full["messages_sent"] == 1
    assert none
    assert empty == {}


@shows("track_timing", "track_memory")
@pytest.mark.parametrize("tracked", [False, True])
def test_timing_and_memory_are_told_when_they_are_tracked(tracked: bool) -> None:
    async def program() -> dict[str, Any]:
        mock = MockWebSocketManager(track_timing=tracked, track_memory=tracked, latency_ms=20)
        await mock.send_to_thread("t", TOKEN)
        return mock.get_performance_metrics()

    told = run(program).value
    names = {"average_latency", "max_latency", "uptime_seconds", "throughput", "memory_usage"}
    assert names & set(told) == (names if tracked else set())
    if tracked:
        assert (told["average_latency"], told["uptime_seconds"]) == (0.02, 0.02)


@shows("seed")
def test_a_seed_tells_one_story_and_another_seed_another(mode: MockBehaviorMode) -> None:
    random.seed(1)
    stories = []
    for seed in (1, 1, 2):
        session = sent(*tokens(50), **quiet(mode, packet_loss_rate=0.5, seed=seed)).session
        stories.append([event.outcome for event in session.events])
        random.random()
    assert stories[0] == stories[1] != stories[2]


@shows("preset")
def test_a_preset_says_what_was_not_given() -> None:
    assert play("send@0", preset="satellite", packet_loss_rate=0).arrived == "0@1500"
    assert play("send@0", preset="satellite", packet_loss_rate=0, latency_ms=7).arrived == "0@7"


@pytest.mark.parametrize("link", ["message", "tcp", "bytes"])
def test_link_is_kept_with_every_connection(link: str) -> None:
    assert sent(TOKEN, link=link).session.log.connections[0].link == link


def test_there_are_no_other_links() -> None:
    with pytest.raises(ConfigError, match="link is 'udp'"):
        MockWebSocketManager(link="udp")


# --- one value and another -----------------------------------------------------------------


class Row(NamedTuple):
    """A scene with a field at one value and at another: what each side sees (``tests/scenes.py``).

    Where chance says how much, only that it differs.
    """

    field: str
    one: Any
    other: Any
    scene: str
    base: Mapping[str, Any] = {}
    before: str = ""
    after: str = ""


ROWS = [
    Row(
        "ack_timeout_ms",
        None,
        100,
        "cut@0 send@0 heal@250",
        base={"partition_policy": "hold", "max_retries": 1, "retry_delay_ms": 50},
        before="ok | 0@250 | ",
        after="timeout?+250 | 0@250 0@250 | ",
    ),
    Row(
        "auth_close_code",
        4401,
        1008,
        "connect@0 send@1",
        base={"auth_failure_rate": 1, "auth_when": "first_message"},
        before="in auth+1 |  | auth 4401/4401@1",
        after="in auth+1 |  | auth 1008/1008@1",
    ),
    Row(
        "auth_status",
        401,
        403,
        "connect@0",
        base={"auth_failure_rate": 1, "auth_when": "handshake"},
        before="refused |  | refused http_401@0",
        after="refused |  | refused http_403@0",
    ),
    Row(
        "bandwidth_burst",
        0,
        100,
        "send*100@0x2",
        base={"bandwidth_limit": 1000},
        before="ok ok | 0@100 1@200 | ",
        after="ok ok | 0@0 1@100 | ",
    ),
    Row(
        "connection_policy",
        "http_503",
        "close_1008",
        "connect:a@0 connect:b@1",
        base={"connection_limit": 1},
        before="in refused |  | refused http_503@1",
        after="in refused |  | connection_limit 1008/1008@1",
    ),
    Row(
        "connections_per_user",
        None,
        1,
        "connect:u/a@0 connect:u/b@1",
        before="in in |  | ",
        after="in refused |  | refused http_503@1",
    ),
    Row(
        "faults",
        [],
        [{"at": "5ms", "toxic": {"type": "reset_peer"}}],
        "connect@0 state@6",
        before="in connected |  | ",
        after="in reconnecting |  | began reset_peer@5, rst 1006/1006@5",
    ),
    Row(
        "gc_threshold",
        None,
        100,
        "send*100@0x2",
        base={"gc_pause_ms": 20},
        before="ok ok | 0@0 1@0 | ",
        after="ok ok | 0@0 1@20 | gc@0, gc@20",
    ),
    Row(
        "gc_pause_ms",
        50,
        20,
        "send*100@0x2",
        base={"gc_threshold": 100},
        before="ok ok | 0@0 1@50 | gc@0, gc@50",
        after="ok ok | 0@0 1@20 | gc@0, gc@20",
    ),
    Row(
        "heal_at_end",
        True,
        False,
        "send@0",
        base={"faults": [{"at": "0s", "toxic": {"type": "partition", "kind": "hold"}}]},
        before="ok | 0@0 | began partition@0",
        after="ok |  | began partition@0",
    ),
    Row("latency_correlation", 0.0, 1.0, "send@0x9", base={"jitter_ms": 20}),
    Row(
        "latency_distribution",
        "uniform",
        "normal",
        "send@0x9",
        base={"latency_ms": 20, "jitter_ms": 20},
    ),
    Row("loss_correlation", 0.0, 1.0, "send@0x9", base={"packet_loss_rate": 0.5}),
    Row(
        "link",
        "message",
        "tcp",
        "send@0 cut@1 send@2 heal@50",
        before="ok partition+1 | 0@0 | ",
        after="ok ok | 0@0 1@202 | ",
    ),
    Row(
        "partition_direction",
        "both",
        "upstream",
        "cut@0 send@1 up@1",
        before="partition+1 no+1 |  | ",
        after="ok no+1 | 0@1 | ",
    ),
    Row(
        "ping_interval_ms",
        None,
        100,
        "connect@0 cut@50 state@1000",
        base={"partition_policy": "hold", "ping_timeout_ms": 10},
        before="in connected |  | ",
        after="in reconnecting |  | heartbeat 1006/1006@110",
    ),
    Row(
        "ping_timeout_ms",
        500,
        10,
        "connect@0 cut@50 state@400",
        base={"partition_policy": "hold", "ping_interval_ms": 100},
        before="in connected |  | ",
        after="in reconnecting |  | heartbeat 1006/1006@110",
    ),
    Row(
        "queue_low_water",
        None,
        0,
        "send@0x3",
        base={"message_queue_size": 2, "consume_rate": 10, "overflow": "block"},
        before="ok ok ok+100 | 0@100 1@200 2@300 | overflow block@0",
        after="ok ok ok+200 | 0@100 1@200 2@300 | overflow block@0",
    ),
    Row(
        "rate_limit",
        None,
        10,
        "send@0x2 send@100",
        before="ok ok ok | 0@0 1@0 2@100 | ",
        after="ok rate_limited+1 ok | 0@0 2@100 | ",
    ),
    Row(
        "rate_limit_burst",
        1,
        2,
        "send@0x3",
        base={"rate_limit": 10},
        before="ok rate_limited+1 rate_limited+1 | 0@0 | ",
        after="ok ok rate_limited+1 | 0@0 1@0 | ",
    ),
    Row(
        "reconnect",
        "on_send",
        "never",
        "connect@0 send@10",
        base={"faults": [{"at": "5ms", "toxic": {"type": "reset_peer"}}]},
        before="in ok | 0@10 | began reset_peer@5, rst 1006/1006@5, reconnected@10",
        after="in not_connected+1 |  | began reset_peer@5, rst 1006/1006@5",
    ),
    Row(
        "reconnect_delay_ms",
        0,
        20,
        "connect@0 send@10 send@30",
        base={"faults": [{"at": "5ms", "toxic": {"type": "reset_peer"}}]},
        before="in ok ok | 0@10 1@30 | began reset_peer@5, rst 1006/1006@5, reconnected@10",
        after=(
            "in not_connected+1 ok | 1@30 | began reset_peer@5, rst 1006/1006@5, reconnected@30"
        ),
    ),
    Row(
        "reconnect_backoff",
        1,
        2,
        "connect@0 state@50",
        base={
            "reconnect": "auto",
            "reconnect_delay_ms": 20,
            "toxics": [{"type": "reset_peer", "timeout": 5}],
        },
        before=(
            "in connected |  | rst 1006/1006@5, reconnected@25, rst 1006/1006@30, reconnected@50"
        ),
        after="in reconnecting |  | rst 1006/1006@5, reconnected@25, rst 1006/1006@30",
    ),
    Row(
        "resume",
        "none",
        "last_id",
        "send@0 send@2 send@10",
        base={"faults": [{"at": "5ms", "toxic": {"type": "reset_peer"}}], "latency_ms": 4},
        before=("ok+4 ok+4 ok+4 | 0@4 2@14 | began reset_peer@5, rst 1006/1006@5, reconnected@10"),
        after=(
            "ok+4 ok+4 ok+4 | 0@4 1@14 2@14 | began reset_peer@5, rst 1006/1006@5, "
            "resumed 1@10, reconnected@10"
        ),
    ),
    Row(
        "resume_ack_every",
        2,
        1,
        "send@0 send@10",
        base={"faults": [{"at": "5ms", "toxic": {"type": "reset_peer"}}], "resume": "last_seq"},
        before=(
            "ok ok | 0@0 0@10 1@10 | began reset_peer@5, rst 1006/1006@5, resumed 1@10, "
            "reconnected@10"
        ),
        after="ok ok | 0@0 1@10 | began reset_peer@5, rst 1006/1006@5, reconnected@10",
    ),
    Row(
        "retry_after_ms",
        1000,
        10,
        "connect:a@0 connect:b@1 leave:a@2 connect:b@20",
        base={"connection_limit": 1, "connection_policy": "http_429"},
        before="in refused refused |  | refused http_429@1, refused http_429@20",
        after="in refused in |  | refused http_429@1",
    ),
    Row(
        "retry_backoff",
        1,
        2,
        "send@0",
        base={"packet_loss_rate": 1, "max_retries": 2, "retry_delay_ms": 10},
        before="gave_up+20 |  | ",
        after="gave_up+30 |  | ",
    ),
    Row(
        "semantics",
        "exact",
        "legacy",
        "cut@0 tell@1 heal@10",
        before="False+1 |  | ",
        after="False+1 | 0@10 | ",
    ),
    Row(
        "timeout_kind",
        "reject",
        "late_ack",
        "send@0",
        base={"timeout_probability": 1, "timeout_ms_min": 50, "timeout_ms_max": 50},
        before="timeout+50 |  | ",
        after="timeout?+50 | 0@0 | ",
    ),
    Row(
        "token_ttl_ms",
        None,
        50,
        "connect@0 state@60",
        before="in connected |  | ",
        after="in reconnecting |  | token 4401/4401@50",
    ),
    Row(
        "token_renewable",
        True,
        False,
        "connect@0 send@60",
        base={"token_ttl_ms": 50},
        before="in ok | 0@60 | token 4401/4401@50, reconnected@60",
        after="in auth+1 |  | token 4401/4401@50, refused http_401@60",
    ),
    Row(
        "toxics",
        [],
        [{"type": "latency", "latency": 20}],
        "send@0",
        before="ok | 0@0 | ",
        after="ok+20 | 0@20 | ",
    ),
    Row(
        "partition_policy",
        "reject",
        "hold",
        "cut@0 send@1 heal@50",
        before="partition+1 |  | ",
        after="ok | 0@50 | ",
    ),
    Row(
        "auth_when",
        "message",
        "first_message",
        "connect@0 send@1",
        base={"auth_failure_rate": 1},
        before="in auth+1 |  | ",
        after="in auth+1 |  | auth 4401/4401@1",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.field for row in ROWS])
def test_a_field_changes_what_is_seen(mode: MockBehaviorMode, row: Row) -> None:
    before, after = (
        play(row.scene, **quiet(mode, **{**row.base, row.field: value})).all
        for value in (row.one, row.other)
    )
    assert before != after
    if row.before:
        assert (before, after) == (row.before, row.after)


def test_every_field_is_shown() -> None:
    SHOWN.update(row.field for row in ROWS)
    assert set(FIELDS) == SHOWN


# --- the ten modes as they come ------------------------------------------------------------


def busy(mode: MockBehaviorMode) -> Session:
    async def program() -> None:
        mock = MockWebSocketManager(mode=mode, seed=5)

        async def agent(thread: str) -> None:
            for message in tokens(60, size=1_000):
                await mock.send_to_thread(thread, message)
                await asyncio.sleep(0.001)
            await mock.disconnect_user(thread)

        await asyncio.gather(*(agent(f"t{number}") for number in range(12)))

    return run(program).session


EFFECTS: dict[str, Callable[[Session], bool]] = {
    "normal": lambda s: set(delays_ms(s)) == {0.0},
    "network_partition": lambda s: Fate.REJECTED_PARTITION in fates(s),
    "slow_network": lambda s: min(delays_ms(s)) >= 200 and s.ledger.delivered == s.ledger.sent,
    "packet_loss": lambda s: Fate.LOST_LOSS in fates(s),
    "memory_pressure": lambda s: Fate.LOST_OVERFLOW in fates(s) and s.end_ns >= NS_PER_S // 2,
    "connection_limit": lambda s: Fate.REJECTED_CONNECTION_LIMIT in fates(s),
    "malformed_data": lambda s: any(event.damaged for event in s.delivered()),
    "timeout_prone": lambda s: Fate.REJECTED_TIMEOUT in fates(s) and s.end_ns > 5 * NS_PER_S,
    "auth_failure": lambda s: Fate.REJECTED_AUTH in fates(s),
    "race_conditions": lambda s: Fate.IN_DOUBT in fates(s) and max(delays_ms(s)) >= 1,
}


def test_each_mode_does_what_its_name_says(mode: MockBehaviorMode) -> None:
    assert EFFECTS[mode.value](busy(mode))
