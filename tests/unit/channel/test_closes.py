"""What real clients report when a connection fails, and that the mock tells the same.

The table was measured: each client got one good message from a server that writes raw bytes to a
socket, with no WebSocket library on its side, and then what the row is about. Clients: websockets
17.4 (``recv``), aiohttp, httpx-ws on wsproto, websocket-client, ws on Node, Chromium 156. Where a
client has a keepalive, it pinged after 1 s and waited 1 s for the answer; ws and browsers do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from replay_ws import ConfigError, Fate, Incident, MockWebSocketManager, Session, replay, run
from replay_ws.channel.closes import ENDINGS, SOUND, ending
from replay_ws.clock import NS_PER_S
from replay_ws.faults.frames import FRAME_KINDS
from replay_ws.faults.malformed import KINDS


class Seen(NamedTuple):
    """What each client reported; ``> 1002`` is the close frame that it sent, ``?`` not measured."""

    websockets: str
    aiohttp: str
    httpx_ws: str
    websocket_client: str
    ws: str
    chromium: str

    def said(self, fault: str) -> Seen:
        return Seen(*(cell.replace("{}", fault) for cell in self))


_ERROR_OF_BROWSERS = ("error, close 1006", "error, close 1006")
_CLOSE_OF_BROWSERS = ("close 1006", "close 1006")
_VIOLATION = Seen(
    "ConnectionClosedError 1006 > 1002",
    "ERROR 1002",
    "WebSocketDisconnect 1002",
    "ProtocolException",
    *_ERROR_OF_BROWSERS,
)
_TABLE: Mapping[tuple[str, ...], Seen] = {
    ("1000", "1001"): Seen(
        "ConnectionClosedOK {}",
        "CLOSE {}",
        "WebSocketDisconnect {}",
        "CLOSE",
        "close {}",
        "close {}",
    ),
    ("1008", "1011", "1012", "1013", "3000", "4401"): Seen(
        "ConnectionClosedError {}",
        "CLOSE {}",
        "WebSocketDisconnect {}",
        "CLOSE {}",
        "close {}",
        "close {}",
    ),
    ("fin",): Seen(
        "ConnectionClosedError 1006",
        "CLOSED 1006",
        "WebSocketNetworkError",
        "ConnectionClosedException",
        *_CLOSE_OF_BROWSERS,
    ),
    ("rst",): Seen(
        "ConnectionClosedError 1006",
        "CLOSED 1006",
        "WebSocketNetworkError",
        "ConnectionResetError",
        *_CLOSE_OF_BROWSERS,
    ),
    ("truncated_frame",): Seen(
        "ConnectionClosedError 1006",
        "CLOSED 1006",
        "WebSocketNetworkError",
        "ConnectionClosedException or ConnectionResetError",
        *_CLOSE_OF_BROWSERS,
    ),
    ("invalid_utf8",): Seen(
        "ConnectionClosedError 1006 > 1007",
        "ERROR 1007",
        "WebSocketDisconnect 1007",
        "PayloadException",
        *_ERROR_OF_BROWSERS,
    ),
    ("bad_opcode", "rsv_bit", "bad_continuation", "oversize_control"): _VIOLATION,
    ("masked_server_frame",): _VIOLATION._replace(aiohttp="ERROR 1006"),
    ("oversize",): Seen(
        "ConnectionClosedError 1006 > 1009",
        "ERROR 1009",
        "WebSocketNetworkError",
        "text",
        "error, close 1006",
        "text",
    ),
    ("truncate_json",): Seen(*("text",) * 6),
    ("http_401", "http_403", "http_429", "http_503"): Seen(
        "InvalidStatus",
        "WSServerHandshakeError",
        "WebSocketUpgradeError",
        "BadStatusException",
        *_ERROR_OF_BROWSERS,
    ),
    ("handshake rst",): Seen(
        "InvalidMessage", "ClientOSError", "ReadError", "?", *_ERROR_OF_BROWSERS
    ),
    ("handshake hang",): Seen("TimeoutError", "timeout", "?", "?", *_ERROR_OF_BROWSERS),
    ("blackhole",): Seen(
        "ConnectionClosedError 1006 > 1011",
        "ERROR 1006",
        "WebSocketNetworkError",
        "timeout",
        "open",
        "open",
    ),
}
# Measured too, though a mock has no such thing: a close frame without a code is 1005 to websockets,
# httpx-ws, ws and Chromium, 1006 to aiohttp, None to websocket-client; a message that ends between
# two fragments is like a truncated frame; a wrong Accept is InvalidHeaderValue to websockets,
# HandshakeError to aiohttp, and to browsers like any refusal.
CLIENTS = {fault: seen.said(fault) for faults, seen in _TABLE.items() for fault in faults}
REFUSALS = [fault for fault in CLIENTS if fault.startswith(("http", "handshake"))]
DELIVERED = [fault for fault, seen in CLIENTS.items() if seen.websockets == "text"]
ENDS = [fault for fault in CLIENTS if fault not in (*REFUSALS, *DELIVERED)]
BREAKS = [kind for kind in FRAME_KINDS if kind not in SOUND]


def codes(cell: str) -> tuple[int | None, int | None]:
    """The close code that a client reported, and the one that it sent."""
    match = re.fullmatch(r"\D*(\d{4})?(?: > (\d{4}))?", cell)
    assert match, cell
    reported, sent = (None if code is None else int(code) for code in match.groups())
    return reported, sent


# --- the mock under the same faults ----------------------------------------------------------


def at_a_message(**toxic: Any) -> dict[str, Any]:
    return {"faults": [{"on": {"event": "*"}, "toxic": toxic}]}


def harmed(kind: str, stream: str = "downstream") -> dict[str, Any]:
    """A mock that harms every frame."""
    toxic = {"type": "malformed", "kinds": [kind], "stream": stream}
    return {"link": "bytes", "toxics": [toxic]}


def configured(fault: str) -> dict[str, Any]:
    """A mock that does what a row of the table is about."""
    if fault.isdecimal():
        return at_a_message(type="drain", code=int(fault))
    if fault in ("fin", "rst"):
        return at_a_message(type="reset_peer", how=fault)
    if fault in REFUSALS:
        how = fault.removeprefix("handshake ")
        return {"toxics": [{"type": "connect", "refuse": how}]}
    if fault == "blackhole":
        silence = at_a_message(type="partition", kind="blackhole")
        return {"ping_interval_ms": 1_000, "ping_timeout_ms": 1_000, **silence}
    return harmed(fault)


def played(message: Any = "hello", *, upstream: bool = False, **fields: Any) -> Session:
    """One handshake and, where that succeeds, one message."""

    async def program() -> None:
        mock = MockWebSocketManager(**fields)
        if await mock.connect_user("user"):
            # The sender knows nothing of what befalls a message later.
            send = mock.receive_from_thread if upstream else mock.send_to_thread
            assert await send("user", message)
        await mock.settle()

    return run(program, seed=1).session


def incident(session: Session) -> Incident:
    (one,) = (one for one in session.incidents if one.what in ("closed", "refused"))
    return one


@pytest.mark.parametrize("fault", ENDS)
def test_both_sides_report_what_they_do_with_a_real_client(fault: str) -> None:
    reported, sent = codes(CLIENTS[fault].websockets)
    about = incident(played(**configured(fault))).about
    assert about["client"] == reported
    if fault.isdecimal():
        assert (about["code"], about["server"]) == (int(fault), int(fault))
    elif sent and fault != "blackhole":  # where a close frame can't get through either
        assert (about["code"], about["server"]) == (sent, sent)
    else:
        assert (about["code"], about["server"]) == (None, 1006)


@pytest.mark.parametrize("fault", ENDS)
def test_a_browser_fires_an_error_where_the_table_of_endings_says_so(fault: str) -> None:
    about = incident(played(**configured(fault))).about
    how = ending(about["cause"], int(fault) if fault.isdecimal() else None)
    for cell in (CLIENTS[fault].ws, CLIENTS[fault].chromium):
        if "close" in cell:
            assert cell == f"{'error, ' * how.error}close {about['client']}"


@pytest.mark.parametrize("fault", REFUSALS)
def test_a_handshake_is_refused_and_no_close_code_is_told(fault: str) -> None:
    assert codes(CLIENTS[fault].websockets) == (None, None)
    session = played(**configured(fault))
    refused = incident(session)
    assert (refused.what, refused.about) == ("refused", {"how": fault.removeprefix("handshake ")})
    assert session.events == ()


def test_a_handshake_that_hangs_takes_as_long_as_a_client_waits() -> None:
    assert played(**configured("handshake hang")).end_ns == 10 * NS_PER_S


def test_a_keepalive_notices_after_a_ping_and_the_time_for_its_answer() -> None:
    assert incident(played(**configured("blackhole"))).time_ns == 2 * NS_PER_S


@pytest.mark.parametrize("kind", KINDS)
def test_broken_json_is_delivered_as_text_and_ends_nothing(kind: str) -> None:
    assert all(cell == "text" for cell in CLIENTS["truncate_json"])
    session = played({"type": "token", "text": "hé"}, **harmed(kind))
    (event,) = session.delivered()
    assert event.damaged
    assert isinstance(event.body, str)
    assert session.incidents == ()


@pytest.mark.parametrize("kind", BREAKS)
def test_a_harmed_frame_surfaces_on_no_side(kind: str) -> None:
    session = played(**harmed(kind))
    assert session.delivered() == ()
    assert [event.outcome for event in session.events] == [Fate.LOST_MALFORMED]


@pytest.mark.parametrize("kind", BREAKS)
def test_the_server_finds_a_violation_in_what_a_client_sent(kind: str) -> None:
    down = incident(played(**harmed(kind))).about
    up = incident(played(upstream=True, **harmed(kind, "upstream"))).about
    assert (up["client"], up["server"]) == (down["server"], down["client"])
    assert (up["cause"], up["code"]) == (down["cause"], down["code"])


@pytest.mark.parametrize("fault", CLIENTS)
def test_a_replay_ends_connections_as_they_ended(fault: str) -> None:
    session = played(**configured(fault))
    assert replay(session).incidents == session.incidents


@pytest.mark.parametrize("kind", BREAKS)
def test_a_binary_message_breaks_like_a_text_unless_it_is_to_be_binary(kind: str) -> None:
    session = played(b"\x00\x01", **harmed(kind))
    if kind == "binary_instead_of_text":
        (event,) = session.delivered()
        assert (event.body, event.damaged) == (b"\x00\x01", False)
        assert session.incidents == ()
    else:
        assert incident(session).about["cause"] == kind


# --- what a program does itself --------------------------------------------------------------


@pytest.mark.parametrize("how", ["fin", "rst", "blackhole"])
def test_what_a_program_drops_leaves_in_doubt_what_is_on_its_way(how: str) -> None:
    async def program() -> None:
        mock = MockWebSocketManager(consume_rate=1)
        await mock.send_to_thread("user", "hello")
        mock.drop("user", how)

    session = run(program, seed=1).session
    assert [event.outcome for event in session.events] == [Fate.IN_DOUBT]
    assert (ENDINGS[how].wire, ENDINGS[how].client, ENDINGS[how].server) == (None, 1006, 1006)


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 3000, 4401])
def test_a_close_frame_travels_behind_what_is_on_its_way(code: int) -> None:
    async def program() -> None:
        mock = MockWebSocketManager(consume_rate=1)
        await mock.send_to_thread("user", "hello")
        await mock.close("user", code)

    session = run(program, seed=1).session
    assert [event.outcome for event in session.events] == [Fate.DELIVERED]
    assert ending("", code) == (code, "server", code, code, False)


def test_nothing_behind_a_harmed_frame_is_read_not_even_a_close_frame() -> None:
    first = {"on": {"event": "*", "nth": 1}, "toxic": {"type": "malformed", "kinds": ["rsv_bit"]}}

    async def program() -> None:
        mock = MockWebSocketManager(link="bytes", consume_rate=1, faults=[first])
        for _ in range(3):
            await mock.send_to_thread("user", "hello")
        await mock.close("user")

    session = run(program, seed=1).session
    fates = [event.outcome for event in session.events]
    assert fates == [Fate.LOST_MALFORMED, Fate.IN_DOUBT, Fate.IN_DOUBT]
    about = incident(session).about
    assert (about["code"], about["client"], about["server"]) == (1002, 1006, 1002)


@pytest.mark.parametrize("code", [1005, 1006, 1015])
def test_a_code_that_is_never_sent_is_refused_wherever_one_is_given(code: int) -> None:
    with pytest.raises(ConfigError, match=str(code)):
        MockWebSocketManager(**at_a_message(type="drain", code=code))
    with pytest.raises(ConfigError, match=str(code)):
        MockWebSocketManager(auth_close_code=code)


# --- the table of endings --------------------------------------------------------------------


@pytest.mark.parametrize("cause", ENDINGS)
def test_who_finds_a_violation_reports_1006_and_its_peer_what_was_sent(cause: str) -> None:
    wire, sender, client, server, error = ENDINGS[cause]
    if wire is None:
        assert (sender, client, server, error) == ("", 1006, 1006, False)
    elif error:
        assert wire in (1002, 1007, 1009)
        assert (sender, client, server) == ("client", 1006, wire)
    else:  # the client closes a connection whose frames are good
        assert (cause, sender, client, server) == ("binary_instead_of_text", "client", wire, wire)


@pytest.mark.parametrize("cause", ENDINGS)
def test_no_ending_sends_a_code_that_is_never_sent(cause: str) -> None:
    assert ENDINGS[cause].wire not in (1005, 1006, 1015)


@pytest.mark.parametrize("cause", ENDINGS)
def test_an_ending_turned_has_the_sides_changed_and_the_same_frame(cause: str) -> None:
    how, turned = ENDINGS[cause], ENDINGS[cause].turned()
    assert (turned.wire, turned.client, turned.server) == (how.wire, how.server, how.client)
    assert {how.sender, turned.sender} in ({"client", "server"}, {""})
    assert not turned.error  # a browser gets a close frame
