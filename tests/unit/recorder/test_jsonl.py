"""JSON lines become sessions, and sessions JSON lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

import replay_ws
from replay_ws.clock import ms
from replay_ws.errors import ConfigError, SourceError
from replay_ws.events.log import Direction, Op
from replay_ws.recorder.importers import export_jsonl, import_jsonl
from replay_ws.report.events import stable_lines
from replay_ws.session import Session


def tap(*frames: dict[str, Any]) -> str:
    """A wire tap whose frames are text to the client, 1 ns apart, unless they say otherwise."""
    return "\n".join(
        json.dumps({"t": number, "d": "<", "op": "t", "x": "", **frame})
        for number, frame in enumerate(frames)
    )


def messages(session: Session) -> list[tuple[Any, ...]]:
    """Everything about the messages of a session but what was decided."""
    return [(e.key, e.op, e.body, e.sent_ns) for e in session.events]


# --- events --------------------------------------------------------------------------------


def test_an_event_is_kept_as_the_exact_text_that_the_line_holds() -> None:
    session = import_jsonl('{"type": "a",  "n":1e2}\r\n\n  ["no", "type"]\n')
    assert [(e.body, e.type, e.op) for e in session.events] == [
        ('{"type": "a",  "n":1e2}', "a", Op.TEXT),
        ('["no", "type"]', "", Op.TEXT),
    ]


def test_events_stand_a_gap_apart_on_the_connection_that_was_named() -> None:
    session = import_jsonl('{"type":"a"}\n{"type":"a"}', connection="agent", gap_ms=20)
    assert [(e.connection, e.time_ns, e.index) for e in session.events] == [
        ("agent", 0, 0),
        ("agent", ms(20), 1),
    ]
    assert session.end == {"status": "ok"}
    assert session.end_ns == ms(20)


def test_a_line_separator_inside_a_string_does_not_end_the_line() -> None:
    (event,) = import_jsonl('{"type":"a","text":"one\u2028two\u0085three"}').events
    assert event.payload["text"] == "one\u2028two\u0085three"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_fine(encoding: str) -> None:
    (event,) = import_jsonl('{"type":"ü"}\n'.encode(encoding)).events
    assert event.type == "ü"


def test_the_header_says_the_profile_and_the_source() -> None:
    session = import_jsonl('{"type":"a"}', profile="agent5", source="agent.jsonl")
    assert (session.profile, session.log.header.source) == ("agent5", "agent.jsonl")


# --- a wire tap ----------------------------------------------------------------------------


def test_a_wire_tap_starts_at_0_and_keeps_its_nanoseconds() -> None:
    session = import_jsonl(tap({"t": 2257592314537, "x": "a"}, {"t": 2257608235004, "d": ">"}))
    assert [(e.time_ns, e.direction) for e in session.events] == [
        (0, Direction.DOWNSTREAM),
        (15_920_467, Direction.UPSTREAM),
    ]
    assert session.log.connections[0].link == "tcp"


def test_a_wire_tap_holds_every_kind_of_frame() -> None:
    session = import_jsonl(
        tap(
            {"op": "b", "x": "AP8="},
            {"op": "ping", "x": "aGk="},
            {"op": "pong", "x": "aGk="},
            {"op": "close", "x": "1011 try again"},
        )
    )
    assert [(e.op, e.body) for e in session.events] == [
        (Op.BINARY, b"\x00\xff"),
        (Op.PING, b"hi"),
        (Op.PONG, b"hi"),
    ]
    assert session.log.value(len(session.log) - 2) == [1011, "try again"]


def test_a_close_without_a_code_is_a_lost_connection() -> None:
    session = import_jsonl(tap({"x": "a"}, {"op": "close"}))
    assert session.log.ops[-2] == Op.DROPPED


def test_frames_of_a_tap_are_put_in_order_of_time() -> None:
    session = import_jsonl(tap({"t": 7, "x": "b"}, {"t": 5, "x": "a"}, {"t": 7, "x": "c"}))
    assert [e.body for e in session.events] == ["a", "b", "c"]


# --- what a session becomes ----------------------------------------------------------------


def test_replay_under_normal_delivers_everything_at_the_recorded_times() -> None:
    session = import_jsonl(tap({"t": 5, "x": "a"}, {"t": 9, "d": ">", "x": "b"}, {"t": 9}))
    again = replay_ws.replay(session, mode="normal")
    assert again.digest == session.digest
    assert [e.time_ns for e in again.delivered()] == [0, 4, 4]


def test_a_frame_above_the_mocks_limit_of_size_is_delivered_too() -> None:
    session = import_jsonl(json.dumps({"type": "audio", "data": "x" * (1 << 20)}))
    assert session.ledger.delivered == 1


def test_nothing_that_looks_like_a_secret_stays() -> None:
    line = json.dumps({"type": "login", "api_key": "sk-proj-abcdefghijklmnopqrstuvwx"})
    for text in (line, tap({"x": line}, {"op": "close", "x": "1000 api_key=hunter2hunter2"})):
        rows = "\n".join(stable_lines(import_jsonl(text)))
        assert "abcdefghij" not in rows
        assert "hunter2" not in rows


def test_without_a_redactor_everything_stays() -> None:
    line = '{"api_key":"sk-proj-abcdefghijklmnopqrstuvwx"}'
    (event,) = import_jsonl(line, redactor=None).events
    assert event.body == line


# --- out -----------------------------------------------------------------------------------


async def _everything() -> None:
    manager = replay_ws.MockWebSocketManager(mode="packet_loss", packet_loss_rate=0.5)
    await manager.send_to_thread("a", {"type": "plain", "n": 1, "t": [1.5, None, True, "ü"]})
    await manager.send_to_thread("a", {"type": "rich", "at": datetime(2026, 1, 1, tzinfo=UTC)})
    await manager.send_to_thread("b", {"type": "odd", 1: (2, float("inf"), b"x", {3}, "\ud800")})
    await manager.send_to_thread("b", b"\x00\xff")
    await manager.receive_from_thread("b", '{"type": "text"}')
    await manager.send_to_thread("a", object())
    for number in range(10):
        await manager.send_to_thread("c", {"type": "plain", "n": number})


def test_an_export_imported_gives_the_same_messages() -> None:
    session = replay_ws.run(_everything, seed=3).session
    lines = list(export_jsonl(session))
    again = import_jsonl("\n".join(lines))
    assert messages(again) == messages(session)
    assert again.connections == session.connections


def test_an_export_has_a_line_for_every_message_and_says_what_became_of_it() -> None:
    session = replay_ws.run(_everything, seed=3).session
    lines = [json.loads(line) for line in export_jsonl(session)]
    assert len(lines) == session.ledger.sent
    assert sum(line["outcome"] == "lost (loss)" for line in lines) == session.ledger.lost > 0
    for line in lines:
        assert (line["delivered_ns"] is None) == (line["copies"] == 0)


def test_an_export_says_how_often_a_message_arrived_and_whether_damaged() -> None:
    config = replay_ws.MockConfiguration(duplicate_rate=1.0, malformed_rate=1.0, latency_ms=5)
    session = replay_ws.replay(import_jsonl('{"type":"a"}'), config=config)
    (line,) = map(json.loads, export_jsonl(session))
    assert line == {
        "connection": "stream",
        "direction": "<",
        "op": "text",
        "sent_ns": 0,
        "delivered_ns": ms(5),
        "type": "a",
        "outcome": "delivered",
        "copies": 2,
        "damaged": True,
        "text": '{"type":"a"}',
    }


def test_what_json_cannot_say_stands_beside_its_nearest_json() -> None:
    session = replay_ws.run(_everything, seed=3).session
    rich = json.loads(list(export_jsonl(session))[1])
    assert rich["payload"] == {"type": "rich", "at": "2026-01-01 00:00:00+00:00"}
    assert "msgpack" in rich


# --- unkind files --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "in.jsonl", "empty"),
        (" \n\n", "in.jsonl", "empty"),
        (b"\x00\xff\xfe\x80", "in.jsonl", "not text"),
        ('{"type":"a"}\n' * 6 + "oops", "in.jsonl:7", "not JSON"),
        ('{"type":"a"}\n{"type":"b', "in.jsonl:2", "not JSON"),
        ("[" * 100_000, "in.jsonl:1", "not JSON"),
        ("1" * 5_000, "in.jsonl:1", "not JSON"),
        (tap({}) + '\n{"type":"a"}', "in.jsonl:2", "no 'op'"),
        (tap({}) + "\n5", "in.jsonl:2", "no 'op'"),
        (tap({"t": -1}), "in.jsonl:1", "'t' is -1"),
        (tap({"t": 1.5}), "in.jsonl:1", "'t' is of type float"),
        (tap({"t": True}), "in.jsonl:1", "'t' is True"),
        (tap({"t": 1 << 62}), "in.jsonl:1", "'t' is 46116"),
        (tap({"t": 0}, {"t": 1 << 61}), "in.jsonl:2", "away from the first"),
        (tap({"d": "?"}), "in.jsonl:1", "'d' is '?'"),
        (tap({"op": "z"}), "in.jsonl:1", "'op' is 'z'"),
        (tap({"x": None}), "in.jsonl:1", "'x' is of type NoneType"),
        (tap({"x": "\ud800"}), "in.jsonl:1", "surrogate"),
        (tap({"op": "b", "x": "?"}), "in.jsonl:1", "base64"),
        (tap({"op": "close", "x": "7"}), "in.jsonl:1", "close"),
        (tap({"op": "close", "x": "1000\ud800"}), "in.jsonl:1", "close"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(
    text: str | bytes, where: str, what: str
) -> None:
    with pytest.raises(SourceError) as caught:
        import_jsonl(text, source="in.jsonl")
    assert caught.value.where == where
    assert what in caught.value.what
    assert caught.value.mend


@pytest.mark.parametrize(
    "damage",
    [
        {"op": "close"},
        {"op": "object"},
        {"op": "text"},
        {"op": "object", "payload": json.loads("[" * 99 + "]" * 99)},
        {"op": "object", "msgpack": "wQ=="},
        {"op": "object", "msgpack": 5},
        {"op": "binary", "base64": "?"},
        {"connection": 5},
        {"connection": "\ud800", "op": "text", "text": ""},
        {"sent_ns": None},
    ],
)
def test_a_damaged_export_is_named_with_its_line(damage: dict[str, Any]) -> None:
    good = {"connection": "a", "direction": "<", "op": "text", "sent_ns": 0, "text": ""}
    bad = {**good, **damage}
    if damage == {"op": "text"}:
        del bad["text"]
    with pytest.raises(SourceError, match=r"^in\.jsonl:2: "):
        import_jsonl(f"{json.dumps(good)}\n{json.dumps(bad)}", source="in.jsonl")


@pytest.mark.parametrize(
    "text",
    [
        "{} {secret}",
        "{secret}",
        tap({"op": "close", "x": "{secret}"}),
        tap({"op": "b", "x": "{secret}"}),
    ],
)
def test_an_error_holds_nothing_of_the_text(text: str) -> None:
    secret = "sk-proj-abcdefghijklmnop1234"
    with pytest.raises(SourceError) as caught:
        import_jsonl(text.replace("{secret}", secret))
    assert secret not in str(caught.value)


@pytest.mark.parametrize("gap_ms", [-1, float("nan"), float("inf")])
def test_an_impossible_gap_is_refused(gap_ms: float) -> None:
    with pytest.raises(ConfigError, match="gap"):
        import_jsonl("{}", gap_ms=gap_ms)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ({"connection": "c", "direction": "sideways", "time_ns": 1}, "no 'op' and no 'sent_ns'"),
        ({"direction": "<", "op": "text", "sent_ns": -1, "text": ""}, "no 'connection'"),
        ({"connection": "c", "direction": "<", "op": "text", "sent_ns": 0}, "the first one is not"),
    ],
)
def test_a_line_that_is_nearly_an_export_is_no_payload(line: dict[str, Any], what: str) -> None:
    with pytest.raises(SourceError, match=what) as caught:
        import_jsonl('{"type":"a"}\n' + json.dumps(line), where="x.jsonl")
    assert caught.value.where == "x.jsonl:2"
    assert "replay-ws export" in caught.value.mend
