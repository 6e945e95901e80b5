"""HAR files: the WebSocket connections that a browser's or a proxy's archive holds.

HAR 1.2 knows no WebSockets; ``_webSocketMessages`` of an entry is Chrome's extension, which others
took over with a difference: DevTools and mitmproxy write epoch seconds, Playwright milliseconds.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from replay_ws.cassette.redaction import RedactorChoice
from replay_ws.clock import NS_PER_MS, NS_PER_S
from replay_ws.errors import SourceError
from replay_ws.events.log import Direction, Header, Op
from replay_ws.recorder.source import text_of
from replay_ws.recorder.transcript import Moment, Transcript
from replay_ws.session import Session

_DIRECTIONS = {"send": Direction.UPSTREAM, "receive": Direction.DOWNSTREAM}
_FRAMES = {1: Op.TEXT, 2: Op.BINARY, 9: Op.PING, 10: Op.PONG}
_CLOSE = 8
_NO_CODE = 1005  # RFC 6455 §7.1.5: a close whose frame named no code
_SWITCHING_PROTOCOLS = 101

# 1e11 seconds is the year 5138, 1e11 milliseconds 1973; 1e14 milliseconds is 5138 again.
_SECONDS_MAX = 10**11
_MILLISECONDS_MAX = 10**14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Json = dict[str, Any]


class _Socket(NamedTuple):
    """One entry of the archive that is a WebSocket, and where it stands."""

    entry: Json
    messages: list[Any]
    name: str
    where: str


def import_har(
    data: str | bytes,
    *,
    connection: str = "",
    profile: str = "",
    source: str = "",
    where: str = "",
    redactor: RedactorChoice = "default",
) -> Session:
    """The session of all WebSockets in a HAR file, each a connection, in order of time.

    Connections are named by host and path, or ``connection``; further ones of a name get ``#2``
    and so on. ``source`` is said in the session's header; errors call the data ``where``, or else
    that. Raises SourceError for what is no HAR file, holds no WebSocket, or has a message that
    cannot be read.
    """
    place = where or source or "input"
    transcript = Transcript(link="tcp")
    for socket in _sockets(_entries(data, place), connection, place):
        messages = [
            _message(message, socket.name, f"{socket.where}, message {number}")
            for number, message in enumerate(socket.messages)
        ]
        for moment in (*_handshake(socket, messages), *messages):
            transcript.add(moment, socket.where)
    return transcript.session(Header(profile=profile, source=source), redactor)


def _entries(data: str | bytes, place: str) -> list[Any]:
    """The entries of the archive."""
    try:
        # Times as Decimal: a float of epoch milliseconds has lost its nanoseconds.
        document = json.loads(text_of(data, place), parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        where, reason = place, "it cannot be read"
        if isinstance(error, json.JSONDecodeError):
            where, reason = f"{place}:{error.lineno}", error.msg
        raise SourceError(
            f"this is not JSON: {reason}", where=where, mend="export the HAR file again"
        ) from error
    entries = _map(_map(document).get("log")).get("entries")
    if not isinstance(entries, list):
        raise SourceError(
            "this JSON is no HAR file: it has no log.entries",
            where=place,
            mend="give a HAR file, or import it as JSON lines",
        )
    return entries


def _sockets(entries: list[Any], connection: str, place: str) -> list[_Socket]:
    """The WebSockets among the entries; one at least."""
    sockets: list[_Socket] = []
    seen: dict[str, int] = {}
    for number, entry in enumerate(entries):
        messages = _map(entry).get("_webSocketMessages")
        if isinstance(messages, list):
            base = connection or _name_of(_map(entry.get("request")).get("url"))
            seen[base] = seen.get(base, 0) + 1
            label = base if seen[base] == 1 else f"{base}#{seen[base]}"
            sockets.append(_Socket(entry, messages, label, f"{place}: entry {number}"))
    if not sockets:
        raise SourceError(
            f"no WebSocket among the {len(entries)} entries of this HAR file",
            where=place,
            mend="open the recorder before the page connects, and export with content",
        )
    return sockets


def _name_of(url: object) -> str:
    """Host and path of a URL: stable, and without user, password and query."""
    with suppress(ValueError):
        parts = urlsplit(str(url))
        name = parts.netloc.rpartition("@")[2] + parts.path.rstrip("/")
        return name or "connection"
    return "connection"


def _handshake(socket: _Socket, messages: list[Moment]) -> Iterator[Moment]:
    """The rows with which a connection begins, no later than its first message."""
    entry = socket.entry
    times = [moment.time_ns for moment in messages]
    start_ns = _start_ns(entry.get("startedDateTime"))
    if start_ns is not None:
        times.append(start_ns)
    if not times:
        raise SourceError(
            "the entry says neither when it began nor when a message came",
            where=socket.where,
            mend="give it a startedDateTime, or take the entry out",
        )
    request, response = _map(entry.get("request")), _map(entry.get("response"))
    asked = {"url": str(request.get("url", "")), "headers": _headers(request)}
    yield Moment(min(times), socket.name, Direction.UPSTREAM, Op.HANDSHAKE, asked)
    status = response.get("status")
    if not isinstance(status, int) or (messages and status != _SWITCHING_PROTOCOLS):
        status = _SWITCHING_PROTOCOLS if messages else 0
    answer = {"status": status, "headers": _headers(response)}
    op = Op.ACCEPTED if status == _SWITCHING_PROTOCOLS else Op.REFUSED
    yield Moment(min(times), socket.name, Direction.DOWNSTREAM, op, answer)


def _message(message: Any, connection: str, where: str) -> Moment:
    """One message of ``_webSocketMessages``."""
    facts = _map(message)
    time_ns = _time_ns(facts.get("time"), where)
    data, opcode, kind = facts.get("data", ""), facts.get("opcode"), facts.get("type")
    if not isinstance(data, str):
        raise SourceError(
            f"its data is of type {type(data).__name__}", where=where, mend="data is a string"
        )
    if kind == "error":  # DevTools' own word for what it saw, no frame
        return Moment(time_ns, connection, Direction.DOWNSTREAM, Op.MARK, {"error": data})
    if not isinstance(kind, str) or kind not in _DIRECTIONS:
        raise SourceError(
            f"its type is {kind!r:.40}", where=where, mend="type is `send` or `receive`"
        )
    direction = _DIRECTIONS[kind]
    if opcode == _CLOSE:
        return Moment(time_ns, connection, direction, Op.CLOSE, [_NO_CODE, data])
    if type(opcode) is not int or opcode not in _FRAMES:
        raise SourceError(
            f"its opcode is {opcode!r:.40}", where=where, mend="opcode is 1 (text) or 2 (binary)"
        )
    op = _FRAMES[opcode]
    body = data if op is Op.TEXT else _bytes(data, where)
    return Moment(time_ns, connection, direction, op, body)


def _bytes(data: str, where: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SourceError(
            f"its data is not base64: {error}", where=where, mend="opcode 1 is for text"
        ) from error


def _time_ns(value: object, where: str) -> int:
    """Epoch seconds or milliseconds, told apart by their size, as exact nanoseconds."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        if 0 <= value < _SECONDS_MAX:
            return int(value * NS_PER_S)
        if _SECONDS_MAX <= value < _MILLISECONDS_MAX:
            return int(value * NS_PER_MS)
    raise SourceError(
        f"its time is {value!s:.40}", where=where, mend="time is seconds or milliseconds since 1970"
    )


def _start_ns(text: object) -> int | None:
    """An ISO 8601 time as nanoseconds since 1970; None when it is none."""
    try:
        start = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    return (start - _EPOCH) // timedelta(microseconds=1) * 1_000


def _headers(message: Json) -> dict[str, str]:
    """Header fields by name; one that is repeated has its values joined, as RFC 9110 §5.3 does."""
    fields: dict[str, str] = {}
    headers = message.get("headers")
    for header in headers if isinstance(headers, list) else []:
        name, value = str(_map(header).get("name", "")), str(_map(header).get("value", ""))
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _map(value: object) -> Json:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}
