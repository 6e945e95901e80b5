"""HAR files become sessions, whoever wrote them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import replay_ws
from replay_ws.errors import SourceError
from replay_ws.events.log import Op
from replay_ws.recorder.importers import import_har
from replay_ws.report.events import stable_lines
from replay_ws.session import Session


def message(data: Any = "hi", *, time: Any = 1693314200, opcode: Any = 1, **more: Any) -> Any:
    """One message that the client received."""
    return {"type": "receive", "time": time, "opcode": opcode, "data": data, **more}


def entry(*messages: Any, url: str = "ws://host/chat", status: Any = 101, **more: Any) -> Any:
    """One WebSocket."""
    return {
        "request": {"url": url, "headers": [{"name": "Host", "value": "host"}]},
        "response": {"status": status, "headers": []},
        "_webSocketMessages": list(messages),
        **more,
    }


def har(*entries: Any) -> str:
    """A HAR file."""
    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}})


def raw(times: list[str]) -> str:
    """A HAR file whose messages have these times, digit by digit."""
    text = har(entry(*(message(time=f"<{time}>") for time in times)))
    for time in times:
        text = text.replace(f'"<{time}>"', time)
    return text


def _last(session: Session) -> tuple[Op, Any]:
    """The last row before the end."""
    row = len(session.log) - 2
    return Op(session.log.ops[row]), session.log.value(row)


@pytest.mark.parametrize(
    ("first", "second", "gap_ns"),
    [
        ("1693314232.444319", "1693314240.7948081", 8_350_489_100),  # DevTools, mitmproxy: s
        ("1795371738657.552", "1795371738659.208", 1_656_000),  # Playwright: ms
        ("1795371738657.000001", "1795371738657.000002", 1),
    ],
)
def test_times_are_exact_in_seconds_and_in_milliseconds(
    first: str, second: str, gap_ns: int
) -> None:
    session = import_har(raw([first, second]))
    assert [event.time_ns for event in session.events] == [0, gap_ns]


def test_a_connection_begins_with_its_handshake_at_its_start() -> None:
    text = har(entry(message(), startedDateTime="2023-08-29T13:03:19.500Z"))
    session = import_har(text)
    assert [event.time_ns for event in session.events] == [500_000_000]
    assert [Op(op).name for op in session.log.ops] == [
        "CHANNEL", "CONNECTION", "HANDSHAKE", "ACCEPTED", "TEXT", "END",
    ]  # fmt: skip
    assert session.log.value(2) == {"url": "ws://host/chat", "headers": {"Host": "host"}}


def test_a_start_after_the_first_message_does_not_close_the_door_on_it() -> None:
    session = import_har(har(entry(message(), startedDateTime="2024-01-01T00:00:00Z")))
    assert session.ledger.delivered == 1


def test_connections_are_named_by_host_and_path_and_ordered_by_time() -> None:
    session = import_har(
        har(
            entry(message("late", time=1693314202), url="wss://user:pw@host/chat/?key=1"),
            entry(message("early", time=1693314201)),
            {"request": {"url": "http://host/"}},
            entry(message("last", time=1693314203), url="no url [at all"),
        )
    )
    assert [event.body for event in session.events] == ["early", "late", "last"]
    assert session.connections == ("host/chat#2", "host/chat", "no url [at all")


def test_frames_are_text_and_base64_in_both_directions() -> None:
    session = import_har(
        har(entry(message("ü", type="send"), message("AP8=", opcode=2), message("", opcode=8)))
    )
    assert [(e.direction.sign, e.body) for e in session.events] == [(">", "ü"), ("<", b"\x00\xff")]
    assert _last(session) == (Op.CLOSE, [1005, ""])


def test_a_refused_handshake_is_kept() -> None:
    text = har(entry(status=403, startedDateTime="2024-01-01T00:00:00Z"))
    assert _last(import_har(text)) == (Op.REFUSED, {"status": 403, "headers": {}})


def test_what_the_browser_says_of_an_error_is_a_remark() -> None:
    session = import_har(har(entry(message(), message("broken", type="error", opcode=-1))))
    assert _last(session) == (Op.MARK, {"error": "broken"})


def test_replay_under_normal_gives_the_same_bytes() -> None:
    session = import_har(har(entry(message(), message(type="send")), entry(message())))
    assert replay_ws.replay(session, mode="normal").digest == session.digest


def test_no_secret_of_a_handshake_stays() -> None:
    asked = entry(message(), url="wss://host/chat?api_key=hunter2hunter2&room=1")
    asked["request"]["headers"] = [
        {"name": "Authorization", "value": "Bearer abcdefghijklmnop"},
        {"name": "Cookie", "value": "session=qrstuvwxyz"},
    ]
    rows = "\n".join(stable_lines(import_har(har(asked))))
    for secret in ("hunter2", "abcdefgh", "qrstuv"):
        assert secret not in rows
    assert "room=1" in rows


# --- unkind files --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "x.har", "empty"),
        (b"\x89PNG\r\n\x1a\n\xff", "x.har", "not text"),
        ('{"log": {\n"entries": [', "x.har:2", "not JSON"),
        ("[" * 100_000, "x.har", "not JSON"),
        ('{"a": 1e9999999999999999999}', "x.har", "not JSON"),
        ("[]", "x.har", "no HAR"),
        ('{"log": {"entries": 5}}', "x.har", "no HAR"),
        (har(), "x.har", "no WebSocket"),
        (har({"request": {}}, 5), "x.har", "no WebSocket"),
        (har(entry()), "x.har: entry 0", "neither"),
        (har(entry(5)), "x.har: entry 0, message 0", "time"),
        (har(entry(message(), message(time="x"))), "x.har: entry 0, message 1", "time"),
        (har(entry(message(time=True))), "x.har: entry 0, message 0", "time"),
        (har(entry(message(time=-1))), "x.har: entry 0, message 0", "time"),
        (har(entry(message(time=10**15))), "x.har: entry 0, message 0", "time"),
        (raw(["1e999999999"]), "x.har: entry 0, message 0", "time"),
        (raw(["NaN"]), "x.har: entry 0, message 0", "time"),
        (har(entry(message(), message(time=1))), "x.har: entry 0", "away from"),
        (har(entry(message(opcode=0))), "x.har: entry 0, message 0", "opcode"),
        (har(entry(message(opcode=[1]))), "x.har: entry 0, message 0", "opcode"),
        (har(entry(message(opcode=True))), "x.har: entry 0, message 0", "opcode"),
        (har(entry(message(type="got"))), "x.har: entry 0, message 0", "type"),
        (har(entry(message(type=[]))), "x.har: entry 0, message 0", "type"),
        (har(entry(message(None))), "x.har: entry 0, message 0", "data"),
        (har(entry(message("?", opcode=2))), "x.har: entry 0, message 0", "base64"),
        (har(entry(message("\ud800"))), "x.har: entry 0", "surrogate"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(
    text: str | bytes, where: str, what: str
) -> None:
    with pytest.raises(SourceError) as caught:
        import_har(text, source="x.har")
    assert caught.value.where == where
    assert what in caught.value.what
    assert caught.value.mend


@pytest.mark.parametrize("field", ["request", "response", "startedDateTime"])
@pytest.mark.parametrize("value", [None, 5, [], {}, {"headers": [5, {"name": []}], "status": {}}])
def test_a_handshake_that_says_nothing_sensible_costs_no_message(field: str, value: Any) -> None:
    session = import_har(har({**entry(message()), field: value}))
    assert session.ledger.delivered == 1
