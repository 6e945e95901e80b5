"""Toxics: every attribute of every type changes what somebody sees.

A row sets one attribute to one value and then to another, with ``base`` for the rest of the toxic,
and says what is seen each time: who is told what, what arrives, what the network does of its own
accord (``tests/scenes.py``). Where chance says how much, only that it differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from replay_ws import ConfigError, Toxic, replay
from replay_ws.faults.types import STREAMS, TYPES
from tests.scenes import Seen, play


@dataclass(frozen=True)
class Row:
    """One attribute with one value and another."""

    type: str
    attribute: str
    one: Any
    other: Any
    scene: str
    base: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    before: str = ""
    after: str = ""

    def play(self, value: Any) -> Seen:
        """The scene with the attribute at a value."""
        toxic = {"type": self.type, **self.base, self.attribute: value}
        return play(self.scene, toxics=[toxic], **self.fields)


ROWS = [
    Row(
        "connect",
        "rate",
        0.0,
        1.0,
        "connect@0",
        base={"refuse": "rst"},
        before="in |  | ",
        after="refused |  | refused rst@0",
    ),
    Row("connect", "delay", 0, 50, "connect@0", before="in |  | ", after="in+50 |  | "),
    Row(
        "connect",
        "refuse",
        None,
        "http_403",
        "connect@0",
        before="in |  | ",
        after="refused |  | refused http_403@0",
    ),
    Row(
        "connection_limit",
        "limit",
        2,
        1,
        "connect:a@0 connect:b@1",
        before="in in |  | ",
        after="in refused |  | refused http_503@1",
    ),
    Row(
        "connection_limit",
        "per_user",
        2,
        1,
        "connect:u/a@0 connect:u/b@1 connect:v/c@2",
        before="in in in |  | ",
        after="in refused in |  | refused http_503@1",
    ),
    Row(
        "connection_limit",
        "policy",
        "http_503",
        "close_1008",
        "connect:a@0 connect:b@1",
        base={"limit": 1},
        before="in refused |  | refused http_503@1",
        after="in refused |  | connection_limit 1008/1008@1",
    ),
    Row(
        "connection_limit",
        "retry_after",
        50,
        10,
        "connect:a@0 connect:b@1 leave:a@2 connect:b@20",
        base={"limit": 1, "policy": "http_429"},
        before="in refused refused |  | refused http_429@1, refused http_429@20",
        after="in refused in |  | refused http_429@1",
    ),
    Row("auth", "rate", 0.0, 1.0, "send@0", before="ok | 0@0 | ", after="auth+1 |  | "),
    Row(
        "auth",
        "when",
        "message",
        "first_message",
        "connect@0 send@1",
        before="in auth+1 |  | ",
        after="in auth+1 |  | auth 4401/4401@1",
    ),
    Row(
        "auth",
        "status",
        401,
        403,
        "connect@0",
        base={"when": "handshake"},
        before="refused |  | refused http_401@0",
        after="refused |  | refused http_403@0",
    ),
    Row(
        "auth",
        "code",
        4401,
        1008,
        "connect@0 send@1",
        base={"when": "first_message"},
        before="in auth+1 |  | auth 4401/4401@1",
        after="in auth+1 |  | auth 1008/1008@1",
    ),
    Row(
        "token",
        "ttl",
        100,
        50,
        "connect@0 state@60 leave@70",
        before="in connected |  | ",
        after="in reconnecting |  | token 4401/4401@50",
    ),
    Row(
        "token",
        "code",
        4401,
        3000,
        "connect@0 state@60",
        base={"ttl": 50},
        before="in reconnecting |  | token 4401/4401@50",
        after="in reconnecting |  | token 3000/3000@50",
    ),
    Row(
        "token",
        "renewable",
        True,
        False,
        "connect@0 state@60 send@70",
        base={"ttl": 50},
        before="in reconnecting ok | 0@70 | token 4401/4401@50, reconnected@70",
        after="in error auth+1 |  | token 4401/4401@50, refused http_401@70",
    ),
    Row(
        "heartbeat",
        "ping_interval",
        1000,
        400,
        "connect@0 cut@100 state@900 leave@1900",
        base={"ping_timeout": 200},
        fields={"partition_policy": "hold"},
        before="in connected |  | heartbeat 1006/1006@1200",
        after="in reconnecting |  | heartbeat 1006/1006@600",
    ),
    Row(
        "heartbeat",
        "ping_timeout",
        900,
        200,
        "connect@0 cut@100 state@900",
        base={"ping_interval": 400},
        fields={"partition_policy": "hold"},
        before="in connected |  | ",
        after="in reconnecting |  | heartbeat 1006/1006@600",
    ),
    Row(
        "idle",
        "timeout",
        100,
        50,
        "connect@0 send@40 state@95 leave@96",
        before="in ok connected | 0@40 | ",
        after="in ok reconnecting | 0@40 | idle 1006/1006@90",
    ),
    Row(
        "reset_peer",
        "timeout",
        100,
        50,
        "connect@0 state@60 leave@70",
        before="in connected |  | ",
        after="in reconnecting |  | rst 1006/1006@50",
    ),
    Row(
        "reset_peer",
        "how",
        "rst",
        "fin",
        "connect@0 state@60",
        base={"timeout": 50},
        before="in reconnecting |  | rst 1006/1006@50",
        after="in reconnecting |  | fin 1006/1006@50",
    ),
    Row(
        "limit_data",
        "bytes",
        30,
        20,
        "send*10@0x3",
        before="ok ok ok | 0@0 1@0 2@0 | fin 1006/1006@0",
        after="ok ok ok | 0@0 1@0 2@0 | fin 1006/1006@0, reconnected@0",
    ),
    Row(
        "limit_data",
        "messages",
        3,
        2,
        "send@0x3 state@1",
        before="ok ok ok reconnecting | 0@0 1@0 2@0 | fin 1006/1006@0",
        after="ok ok ok connected | 0@0 1@0 2@0 | fin 1006/1006@0, reconnected@0",
    ),
    Row(
        "limit_data",
        "how",
        "fin",
        "rst",
        "send@0x2",
        base={"messages": 2},
        fields={"latency_ms": 5},
        before="ok+5 ok+5 | 0@5 1@5 | fin 1006/1006@0",
        after="ok+5 ok+5 |  | rst 1006/1006@0",
    ),
    Row(
        "slow_close",
        "delay",
        50,
        20000,
        "connect@0 leave@1 state@10 state@60",
        before="in disconnecting disconnected |  | ",
        after="in disconnecting disconnecting |  | slow_close 1006/1006@10001",
    ),
    Row(
        "rate_limit",
        "rate",
        10,
        100,
        "send@0 send@20 send@120",
        before="ok rate_limited+1 ok | 0@0 2@120 | ",
        after="ok ok ok | 0@0 1@20 2@120 | ",
    ),
    Row(
        "rate_limit",
        "burst",
        1,
        2,
        "send@0x3",
        base={"rate": 10},
        before="ok rate_limited+1 rate_limited+1 | 0@0 | ",
        after="ok ok rate_limited+1 | 0@0 1@0 | ",
    ),
    Row(
        "rate_limit",
        "policy",
        "reject",
        "close",
        "send@0x2",
        base={"rate": 10},
        before="ok rate_limited+1 | 0@0 | ",
        after="ok rate_limited+1 | 0@0 | rate_limit 1008/1008@0",
    ),
    Row(
        "rate_limit",
        "code",
        1008,
        4429,
        "send@0x2",
        base={"rate": 10, "policy": "close"},
        before="ok rate_limited+1 | 0@0 | rate_limit 1008/1008@0",
        after="ok rate_limited+1 | 0@0 | rate_limit 4429/4429@0",
    ),
    Row(
        "rate_limit",
        "penalty",
        0,
        300,
        "send@0x2 send@150 send@310",
        base={"rate": 10},
        before="ok rate_limited+1 ok ok | 0@0 2@150 3@310 | ",
        after="ok rate_limited+1 rate_limited+1 ok | 0@0 3@310 | ",
    ),
    Row(
        "partition",
        "rate",
        0.0,
        1.0,
        "send@0",
        base={"duration_min": 50, "duration_max": 50},
        before="ok | 0@0 | ",
        after="partition+1 |  | ",
    ),
    Row("partition", "duration_min", 80, 10, "send@0", base={"duration_max": 80, "kind": "hold"}),
    Row("partition", "duration_max", 50, 100, "send@0", base={"duration_min": 50, "kind": "hold"}),
    Row(
        "partition",
        "kind",
        "reject",
        "hold",
        "send@0",
        base={"duration_min": 50, "duration_max": 50},
        before="partition+1 |  | ",
        after="ok | 0@50 | ",
    ),
    Row(
        "partition",
        "direction",
        "both",
        "downstream",
        "send@0 up@10",
        base={"duration_min": 50, "duration_max": 50},
        before="partition+1 no+1 |  | ",
        after="partition+1 ok | ^1@10 | ",
    ),
    Row(
        "partition",
        "rto_min",
        200,
        100,
        "send@0",
        base={"duration_min": 50, "duration_max": 50, "kind": "blackhole"},
        before="ok | 0@200 | ",
        after="ok | 0@100 | ",
    ),
    Row(
        "partition",
        "rto_max",
        120000,
        300,
        "send@0",
        base={"kind": "blackhole", "duration_min": 1000, "duration_max": 1000},
        before="ok | 0@1400 | ",
        after="ok | 0@1100 | ",
    ),
    Row("failure", "rate", 0.0, 1.0, "send@0", before="ok | 0@0 | ", after="failure+1 |  | "),
    Row(
        "timeout",
        "rate",
        0.0,
        1.0,
        "send@0",
        base={"timeout_min": 50, "timeout_max": 50},
        before="ok | 0@0 | ",
        after="timeout+50 |  | ",
    ),
    Row("timeout", "timeout_min", 50, 10, "send@0", base={"timeout_max": 50}),
    Row("timeout", "timeout_max", 50, 100, "send@0", base={"timeout_min": 50}),
    Row(
        "timeout",
        "kind",
        "reject",
        "late_ack",
        "send@0",
        base={"timeout_min": 50, "timeout_max": 50},
        before="timeout+50 |  | ",
        after="timeout?+50 | 0@0 | ",
    ),
    Row("loss", "rate", 0.0, 1.0, "send@0", before="ok | 0@0 | ", after="ok(loss) |  | "),
    Row("loss", "correlation", 0.0, 1.0, "send@0x9", base={"rate": 0.5}),
    Row(
        "loss",
        "model",
        "random",
        "gemodel",
        "send@0x3",
        before="ok(loss) ok(loss) ok(loss) |  | ",
        after="ok ok ok | 0@0 1@0 2@0 | ",
    ),
    Row(
        "loss",
        "p",
        0.0,
        1.0,
        "send@0x3",
        base={"model": "gemodel", "r": 0.0},
        before="ok ok ok | 0@0 1@0 2@0 | ",
        after="ok(loss) ok(loss) ok(loss) |  | ",
    ),
    Row(
        "loss",
        "r",
        0.0,
        1.0,
        "send@0x4",
        base={"model": "gemodel", "p": 1.0},
        before="ok(loss) ok(loss) ok(loss) ok(loss) |  | ",
        after="ok ok(loss) ok ok(loss) | 0@0 2@0 | ",
    ),
    Row(
        "loss",
        "1-h",
        1.0,
        0.0,
        "send@0x3",
        base={"model": "gemodel", "p": 1.0, "r": 0.0},
        before="ok(loss) ok(loss) ok(loss) |  | ",
        after="ok ok ok | 0@0 1@0 2@0 | ",
    ),
    Row(
        "loss",
        "1-k",
        0.0,
        1.0,
        "send@0x3",
        base={"model": "gemodel"},
        before="ok ok ok | 0@0 1@0 2@0 | ",
        after="ok(loss) ok(loss) ok(loss) |  | ",
    ),
    Row(
        "loss",
        "p13",
        0.0,
        1.0,
        "send@0x4",
        base={"model": "state"},
        before="ok ok ok ok | 0@0 1@0 2@0 3@0 | ",
        after="ok(loss) ok(loss) ok(loss) ok(loss) |  | ",
    ),
    Row(
        "loss",
        "p31",
        0.0,
        1.0,
        "send@0x4",
        base={"model": "state", "p13": 1.0},
        before="ok(loss) ok(loss) ok(loss) ok(loss) |  | ",
        after="ok(loss) ok ok(loss) ok | 1@0 3@0 | ",
    ),
    Row(
        "loss",
        "p32",
        0.0,
        1.0,
        "send@0x4",
        base={"model": "state", "p13": 1.0},
        before="ok(loss) ok(loss) ok(loss) ok(loss) |  | ",
        after="ok(loss) ok ok ok | 1@0 2@0 3@0 | ",
    ),
    Row(
        "loss",
        "p23",
        0.0,
        1.0,
        "send@0x6",
        base={"model": "state", "p13": 1.0, "p32": 1.0},
        before="ok(loss) ok ok ok ok ok | 1@0 2@0 3@0 4@0 5@0 | ",
        after="ok(loss) ok ok(loss) ok ok(loss) ok | 1@0 3@0 5@0 | ",
    ),
    Row(
        "loss",
        "p14",
        0.0,
        1.0,
        "send@0x4",
        base={"model": "state"},
        before="ok ok ok ok | 0@0 1@0 2@0 3@0 | ",
        after="ok(loss) ok ok(loss) ok | 1@0 3@0 | ",
    ),
    Row("latency", "latency", 0, 20, "send@0", before="ok | 0@0 | ", after="ok+20 | 0@20 | "),
    Row("latency", "jitter", 0, 20, "send@0x9", base={"latency": 50}),
    Row("latency", "correlation", 0.0, 1.0, "send@0x9", base={"latency": 50, "jitter": 20}),
    Row(
        "latency",
        "distribution",
        "uniform",
        "normal",
        "send@0x9",
        base={"latency": 50, "jitter": 20},
    ),
    Row(
        "slicer",
        "average_size",
        100,
        10,
        "send*100@0",
        base={"delay": 1000},
        before="ok | 0@0 | ",
        after="ok | 0@9 | ",
    ),
    Row("slicer", "size_variation", 0, 9, "send*100@0x9", base={"average_size": 10, "delay": 1000}),
    Row(
        "slicer",
        "delay",
        0,
        1000,
        "send*100@0",
        base={"average_size": 10},
        before="ok | 0@0 | ",
        after="ok | 0@9 | ",
    ),
    Row(
        "race",
        "rate",
        0.0,
        1.0,
        "send@0",
        base={"delay_min": 5, "delay_max": 5},
        before="ok | 0@0 | ",
        after="ok | 0@5 | ",
    ),
    Row("race", "delay_min", 5, 1, "send@0", base={"delay_max": 5}),
    Row("race", "delay_max", 5, 50, "send@0", base={"delay_min": 5}),
    Row(
        "reorder",
        "rate",
        0.0,
        1.0,
        "send@0 send@1",
        fields={"latency_ms": 5},
        before="ok+5 ok+5 | 0@5 1@6 | ",
        after="ok+5 ok+5 | 0@0 1@1 | ",
    ),
    Row(
        "reorder",
        "gap",
        1,
        2,
        "send@0x2",
        fields={"latency_ms": 5},
        before="ok+5 ok+5 | 0@0 1@0 | ",
        after="ok+5 ok+5 | 1@0 0@5 | ",
    ),
    Row(
        "reorder", "correlation", 0.0, 1.0, "send@0x9", base={"rate": 0.5}, fields={"latency_ms": 5}
    ),
    Row("malformed", "rate", 0.0, 1.0, "send@0", before="ok | 0@0 | ", after="ok | 0!@0 | "),
    Row("corrupt", "rate", 0.0, 1.0, "send@0", before="ok | 0@0 | ", after="ok | 0!@0 | "),
    Row("corrupt", "correlation", 0.0, 1.0, "send@0x9", base={"rate": 0.5}),
    Row("duplicate", "rate", 0.0, 1.0, "send@0", before="ok | 0@0 | ", after="ok | 0@0 0@0 | "),
    Row("duplicate", "correlation", 0.0, 1.0, "send@0x9", base={"rate": 0.5}),
    Row(
        "queue",
        "messages",
        3,
        2,
        "send@0x3",
        fields={"consume_rate": 10},
        before="ok ok ok | 0@100 1@200 2@300 | ",
        after="ok ok ok | 1@100 2@200 | overflow drop_oldest@0",
    ),
    Row(
        "queue",
        "bytes",
        300,
        200,
        "send*100@0x3",
        fields={"consume_rate": 10},
        before="ok ok ok | 0@100 1@200 2@300 | ",
        after="ok ok ok | 1@100 2@200 | overflow drop_oldest@0",
    ),
    Row(
        "queue",
        "low_water",
        None,
        0,
        "send@0x3",
        base={"messages": 2, "overflow": "block"},
        fields={"consume_rate": 10},
        before="ok ok ok+100 | 0@100 1@200 2@300 | overflow block@0",
        after="ok ok ok+200 | 0@100 1@200 2@300 | overflow block@0",
    ),
    Row(
        "queue",
        "overflow",
        "drop_oldest",
        "drop_newest",
        "send@0x2",
        base={"messages": 1},
        fields={"consume_rate": 10},
        before="ok ok | 1@100 | overflow drop_oldest@0",
        after="ok ok(overflow)+1 | 0@100 | overflow drop_newest@0",
    ),
    Row(
        "bandwidth",
        "rate",
        2,
        1,
        "send*1024@0x2",
        before="ok ok | 0@500 1@1000 | ",
        after="ok ok | 0@1000 1@2000 | ",
    ),
    Row(
        "bandwidth",
        "burst",
        0,
        1024,
        "send*1024@0x2",
        base={"rate": 1},
        before="ok ok | 0@1000 1@2000 | ",
        after="ok ok | 0@0 1@1000 | ",
    ),
    Row(
        "consumer",
        "rate",
        20,
        10,
        "send@0x2",
        before="ok ok | 0@50 1@100 | ",
        after="ok ok | 0@100 1@200 | ",
    ),
    Row(
        "gc",
        "threshold",
        300,
        200,
        "send*100@0x3",
        before="ok ok ok | 0@0 1@0 2@0 | gc@0",
        after="ok ok ok | 0@0 1@0 2@50 | gc@0",
    ),
    Row(
        "gc",
        "pause",
        50,
        100,
        "send*100@0x3",
        base={"threshold": 200},
        before="ok ok ok | 0@0 1@0 2@50 | gc@0",
        after="ok ok ok | 0@0 1@0 2@100 | gc@0",
    ),
]


@pytest.fixture(params=ROWS, ids=lambda row: f"{row.type} {row.attribute}")
def row(request: pytest.FixtureRequest) -> Row:
    row: Row = request.param
    return row


def test_an_attribute_changes_what_is_seen(row: Row) -> None:
    before, after = row.play(row.one).all, row.play(row.other).all
    assert before != after
    if row.before:
        assert (before, after) == (row.before, row.after)


def test_what_a_toxic_did_comes_back_from_the_recording(row: Row) -> None:
    session = row.play(row.other).session
    assert replay(session).digest == session.digest


ELSEWHERE = {("malformed", "kinds"), ("drain", "code"), ("drain", "stagger")}


def test_every_attribute_of_every_type_has_a_row() -> None:
    known = {(name, attribute) for name, type in TYPES.items() for attribute in type.attributes}
    assert {(row.type, row.attribute) for row in ROWS} == known - ELSEWHERE


# --- those of which a row cannot tell --------------------------------------------------------


def test_kinds_say_how_a_message_is_damaged() -> None:
    bodies = {
        str(play("send@0", toxics=[{"type": "malformed", "kinds": [kind]}]).session.delivered()[0])
        for kind in ("bom", "null_field")
    }
    assert len(bodies) == 2


def drained(**attributes: Any) -> Seen:
    fault = {"at": "10ms", "toxic": {"type": "drain", **attributes}}
    return play("connect:a@0 connect:b@0 state:a@90", faults=[fault])


def test_a_drain_closes_every_connection_with_its_code() -> None:
    closes = "began drain@10, drain {0}/{0}@10, began drain@10, drain {0}/{0}@10"
    assert drained().incidents == closes.format(1001)
    assert drained(code=1012).incidents == closes.format(1012)


def test_a_drain_is_staggered_over_a_while() -> None:
    times = [one.time_ns for one in drained(stagger=50).session.incidents if one.what == "closed"]
    assert len(set(times)) == 2
    assert all(10_000_000 <= time <= 60_000_000 for time in times)


# --- what every toxic has --------------------------------------------------------------------


def late(**common: Any) -> str:
    toxic = {"type": "latency", "latency": 10, **common}
    return play("send:a1@0 up:a1@0 send:b1@0", toxics=[toxic]).arrived


@pytest.mark.parametrize(
    ("common", "arrived"),
    [
        ({}, "^1@0 0@10 2@10"),
        ({"stream": "downstream"}, "^1@0 0@10 2@10"),
        ({"stream": "upstream"}, "0@0 2@0 ^1@10"),
        ({"stream": "both"}, "0@10 ^1@10 2@10"),
        ({"connection": "a*"}, "^1@0 2@0 0@10"),
        ({"connection": "?1"}, "^1@0 0@10 2@10"),
        ({"connection": "b"}, "0@0 ^1@0 2@0"),
        ({"toxicity": 0}, "0@0 ^1@0 2@0"),
    ],
    ids=str,
)
def test_a_toxic_works_on_the_streams_and_connections_that_it_is_for(
    common: dict[str, Any], arrived: str
) -> None:
    assert late(**common) == arrived


def test_every_stream_is_shown() -> None:
    assert {*STREAMS} == {"downstream", "upstream", "both"}


def test_toxicity_is_the_share_of_connections() -> None:
    scene = " ".join(f"send:t{number}@0 send:t{number}@50" for number in range(200))
    toxic = {"type": "latency", "latency": 10, "toxicity": 0.25}
    session = play(scene, toxics=[toxic]).session
    delays = {
        connection: {e.time_ns - e.sent_ns for e in session.events if e.connection == connection}
        for connection in session.connections
    }
    assert all(len(delay) == 1 for delay in delays.values())  # all of its messages, or none
    assert 30 <= sum(delay != {0} for delay in delays.values()) <= 70


def test_a_name_keys_the_draws_and_tells_decisions_apart() -> None:
    one, other = (
        play("send@0x40", toxics=[{"type": "loss", "rate": 0.5, "name": name}]) for name in "pq"
    )
    assert {decision.toxic for decision in one.session.plan} == {"p"}
    assert one.arrived != other.arrived


def test_two_toxics_of_a_type_work_one_after_the_other() -> None:
    toxics = [{"type": "latency", "latency": 10}, {"type": "latency", "latency": 5, "name": "more"}]
    assert play("send@0", toxics=toxics, latency_ms=2).arrived == "0@17"


# --- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "type",
    [
        t
        for t in TYPES
        if TYPES[t].lacks(
            {key: attribute.default for key, attribute in TYPES[t].attributes.items()}
        )
    ],
)
def test_a_toxic_that_says_nothing_about_how_much_is_refused(type: str) -> None:
    with pytest.raises(ConfigError, match="does nothing"):
        Toxic(type)


# --- toxics that come and go while messages are on their way ---------------------------------

SLOW = {"type": "bandwidth", "rate": 1_000 / 1_024}


@pytest.mark.parametrize(
    ("says", "fault", "scene", "arrived", "fields"),
    [
        (
            "what is on its way becomes late",
            {"at": "5ms", "for": "1s", "toxic": SLOW},
            "send*10@0 send*10@7",
            "0@20 1@30",
            {"latency_ms": 10},
        ),
        (
            "what waits arrives when the toxic ends, not before",
            {"at": "0s", "for": "150ms", "toxic": SLOW},
            "send*100@0x3",
            "0@100 1@150 2@150",
            {},
        ),
        (
            "a consumer goes on with what it is busy with",
            {"at": "5ms", "for": "10ms", "toxic": SLOW},
            "send@0x3",
            "0@100 1@200 2@300",
            {"consume_rate": 10, "jitter_ms": 0},
        ),
        (
            "a built-in toxic can be healed",
            {"at": "250ms", "heal": "consumer"},
            "send@0x5",
            "0@100 1@200 2@250 3@250 4@250",
            {"consume_rate": 10},
        ),
        (
            "a pause ends with what made it",
            {"at": "0s", "for": "55ms", "toxic": {"type": "gc", "threshold": 10, "pause": 100}},
            "send*10@0 send*10@1",
            "0@0 1@55",
            {},
        ),
        (
            "a reset happens once, and then the connection is open again",
            {"at": "5ms", "toxic": {"type": "reset_peer"}},
            "send@0 send@10 send@20",
            "0@0 1@10 2@20",
            {},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_toxic_may_come_and_go(
    says: str, fault: dict[str, Any], scene: str, arrived: str, fields: dict[str, Any]
) -> None:
    seen = play(scene, faults=[fault], **fields)
    assert seen.arrived == arrived
    assert replay(seen.session).digest == seen.session.digest


@pytest.mark.parametrize(
    ("toxic", "incidents"),
    [
        ({"type": "reset_peer"}, "rst 1006/1006@10"),
        ({"type": "reset_peer", "timeout": 20}, "rst 1006/1006@30"),
        ({"type": "drain", "code": 1012}, "drain 1012/1012@10"),
        ({"type": "limit_data", "messages": 2}, "fin 1006/1006@10"),
        ({"type": "auth", "when": "first_message"}, ""),  # it is not the first
    ],
    ids=str,
)
def test_a_message_may_end_its_connection(toxic: dict[str, Any], incidents: str) -> None:
    fault = {"on": {"event": "token", "nth": 2}, "toxic": toxic}
    assert play("send@0 send@10 state@40", faults=[fault]).incidents == incidents
