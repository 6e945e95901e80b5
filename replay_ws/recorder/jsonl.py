"""JSON lines, in and out.

Three kinds of file are read; the first line says which one it is:

- *events*: one JSON event per line, kept as an exact text frame for the client::

      {"type":"agent_started","run_id":"r1"}

- *a wire tap*: ``t`` nanoseconds on any clock, ``d`` direction (``<`` to the client, ``>`` from
  it), ``op`` one of ``t`` text, ``b`` binary, ``ping``, ``pong``, ``close``, and ``x`` the frame:
  text as it is, bytes in base64, a close as ``"1000 reason"``, ``""`` when there was none::

      {"t":2257608235004,"d":">","op":"t","x":"{\\"type\\":\\"response.create\\"}"}

- *our own export*: one line per message, in sending order, also for those that never arrived::

      {"connection":"thread-1","direction":"<","op":"object","sent_ns":0,"delivered_ns":200000000,
       "type":"agent_started","outcome":"delivered","copies":1,"payload":{"type":"agent_started"}}

  ``delivered_ns`` is the first arrival or null, ``copies`` how many arrived, ``damaged`` is there
  when one arrived damaged. The message itself is ``text``, ``base64`` (bytes) or ``payload`` (an
  object given to the mock). What JSON cannot say of an object (a datetime, a tuple) is kept in
  ``msgpack``, base64 of its canonical bytes, beside the nearest JSON.

  Importing it gives the same messages, sent at the same times. What was decided about them stays
  behind: a cassette is what keeps a session whole.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from replay_ws.cassette.redaction import RedactorChoice
from replay_ws.clock import ms
from replay_ws.errors import ConfigError, SourceError
from replay_ws.events.encoding import EncodingError, decode, encode
from replay_ws.events.frames import is_unicode
from replay_ws.events.log import MESSAGES, OBJECTS, Direction, Header, Op
from replay_ws.events.model import Event
from replay_ws.events.plain import plain
from replay_ws.recorder.source import text_of
from replay_ws.recorder.transcript import Moment, Transcript
from replay_ws.session import Session

_DIRECTIONS = {direction.sign: direction for direction in Direction}
_TAP_OPS = {
    "t": Op.TEXT,
    "b": Op.BINARY,
    "ping": Op.PING,
    "pong": Op.PONG,
    "close": Op.CLOSE,
}
_OWN_OPS = {op.name.lower(): op for op in MESSAGES}
_OWN_TIMES = {"sent_ns", "time_ns", "delivered_ns"}
_OWN_PLACES = {"connection", "direction", "op"}
_GAP_MS_MAX = 86_400_000

_ParseLine = Callable[[Any, str], Moment]
"""Takes the JSON value of a line, and the line itself."""


class _LineError(ValueError):
    """What is wrong with a line, and how to mend it."""


# --- in ------------------------------------------------------------------------------------


def import_jsonl(
    data: str | bytes,
    *,
    connection: str = "stream",
    profile: str = "",
    source: str = "",
    where: str = "",
    gap_ms: float = 0,
    redactor: RedactorChoice = "default",
) -> Session:
    """The session that JSON lines tell of; see the module for what they may be.

    ``connection`` names the connection where the lines do not. Events without times of their own
    stand ``gap_ms`` apart. ``source`` is said in the session's header; errors call the data
    ``where``, or else that. Raises SourceError with the line that cannot be read (never with its
    text, which may hold a secret), ConfigError for an impossible gap.
    """
    if not 0 <= gap_ms <= _GAP_MS_MAX:
        raise ConfigError(
            f"a gap of {gap_ms} ms between events", mend=f"gap_ms is within 0..{_GAP_MS_MAX}"
        )
    place = where or source or "input"
    transcript: Transcript | None = None
    parse: _ParseLine | None = None
    # Not splitlines(): U+2028 may stand inside a JSON string.
    for number, raw in enumerate(text_of(data, place).split("\n"), start=1):
        line = raw.strip(" \t\r")
        if not line:
            continue
        here = f"{place}:{number}"
        value = _json(line, here)
        if transcript is None or parse is None:
            transcript, parse = _begin(value, connection, ms(gap_ms))
        try:
            transcript.add(parse(value, line), here)
        except _LineError as error:
            what, mend = error.args
            raise SourceError(what, where=here, mend=mend) from error
    assert transcript is not None, "a text that is not empty has a line"
    return transcript.session(Header(profile=profile, source=source), redactor)


def _json(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = "it cannot be read"
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg}, column {error.colno}"
        raise SourceError(
            f"this line is not JSON: {reason}",
            where=where,
            mend="give one JSON event per line (`jq -c .[]` makes that of an array)",
        ) from error


def _begin(first: Any, connection: str, gap_ns: int) -> tuple[Transcript, _ParseLine]:
    """A transcript for the kind of file that its first line shows, and how to read its lines."""
    keys = first.keys() if isinstance(first, dict) else set()
    if keys >= {"t", "d", "op", "x"}:
        return Transcript(link="tcp"), lambda value, _: _tap_moment(value, connection)
    if keys >= {"connection", "direction", "op", "sent_ns"}:
        return Transcript(link="message", start_ns=0), lambda value, _: _own_moment(value)
    times = count(0, gap_ns)
    return Transcript(link="message"), lambda value, line: _event_moment(
        value, line, next(times), connection
    )


def _event_moment(value: Any, line: str, time_ns: int, connection: str) -> Moment:
    keys = value.keys() if isinstance(value, dict) else set()
    if keys & _OWN_TIMES and keys & _OWN_PLACES:
        missing = [
            name for name in ("connection", "direction", "op", "sent_ns") if name not in keys
        ]
        raise _LineError(
            f"the line is nearly one of an export: {_lacks(missing)}",
            "write all lines as replay-ws export does, or the events alone",
        )
    return Moment(time_ns, connection, Direction.DOWNSTREAM, Op.TEXT, line)


def _lacks(names: list[str]) -> str:
    return f"it has no {' and no '.join(map(repr, names))}" if names else "the first one is not"


def _tap_moment(value: Any, connection: str) -> Moment:
    op = _pick(value, "op", _TAP_OPS)
    body: Any = _field(value, "x", str)
    if op is Op.CLOSE:
        op, body = _close(body)
    elif op is not Op.TEXT:
        body = _bytes(body)
    return Moment(_time_ns(value, "t"), connection, _pick(value, "d", _DIRECTIONS), op, body)


def _close(text: str) -> tuple[Op, Any]:
    """The row of a close that a tap wrote down as ``"1000 reason"``."""
    code, _, reason = text.partition(" ")
    if not code:
        return Op.DROPPED, {}
    if not (code.isascii() and code.isdigit() and 1000 <= int(code[:5]) <= 4999):
        raise _LineError("a close names no code within 1000..4999", 'write it as "1000 reason"')
    return Op.CLOSE, [int(code), reason]


def _own_moment(value: Any) -> Moment:
    op = _pick(value, "op", _OWN_OPS)
    return Moment(
        _time_ns(value, "sent_ns"),
        _field(value, "connection", str),
        _pick(value, "direction", _DIRECTIONS),
        op,
        _own_body(value, op),
    )


def _own_body(value: Any, op: Op) -> str | bytes:
    if op is Op.TEXT:
        text: str = _field(value, "text", str)
        return text
    if op not in OBJECTS:
        return _bytes(_field(value, "base64", str))
    try:
        if "msgpack" not in value:
            return encode(_field(value, "payload", object))
        packed = _bytes(_field(value, "msgpack", str))
        decode(packed)
        return packed
    except EncodingError as error:
        raise _LineError(error.what, error.mend) from error


def _field(value: Any, name: str, kind: type) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise _LineError(f"the line has no {name!r}", "write all lines like the first one")
    if not isinstance(value[name], kind):
        found = type(value[name]).__name__
        raise _LineError(f"{name!r} is of type {found}", f"it must be of type {kind.__name__}")
    return value[name]


def _pick(value: Any, name: str, table: dict[str, Any]) -> Any:
    found = _field(value, name, str)
    if found not in table:
        raise _LineError(f"{name!r} is {found!r:.40}", f"use one of: {', '.join(table)}")
    return table[found]


def _time_ns(value: Any, name: str) -> int:
    time_ns: int = _field(value, name, int)
    if isinstance(time_ns, bool) or not 0 <= time_ns < 1 << 62:
        raise _LineError(f"{name!r} is {time_ns!r:.40}", "give whole nanoseconds, from 0 to 2^62")
    return time_ns


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _LineError(f"its bytes are not base64: {error}", "encode them anew") from error


# --- out -----------------------------------------------------------------------------------


def export_jsonl(session: Session) -> Iterator[str]:
    """One line per message, in sending order, without its newline; see the module."""
    outcome = session.outcome
    arrivals: dict[int, list[int]] = {}
    for delivery, row in enumerate(outcome.rows):
        arrivals.setdefault(row, []).append(delivery)
    for event in session.events:
        deliveries = arrivals.get(event.row, [])
        line = {
            "connection": event.connection,
            "direction": event.direction.sign,
            "op": event.op.name.lower(),
            "sent_ns": event.sent_ns,
            "delivered_ns": outcome.times[deliveries[0]] if deliveries else None,
            "type": event.type,
            "outcome": event.outcome.label,
            "copies": len(deliveries),
        }
        if any(delivery in outcome.damages for delivery in deliveries):
            line["damaged"] = True
        yield _dump({**line, **_message(event)})


def _message(event: Event) -> dict[str, Any]:
    """The fields that hold the message itself."""
    body = event.body
    if isinstance(body, str):
        return {"text": body}
    if event.op not in OBJECTS:
        return {"base64": base64.b64encode(body).decode()}
    payload = decode(body)
    try:
        if encode(json.loads(json.dumps(payload, allow_nan=False))) == body:
            return {"payload": payload}
    except (TypeError, ValueError):
        pass
    return {"payload": plain(payload), "msgpack": base64.b64encode(body).decode()}


def _dump(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # Half a surrogate pair may stand in an object, but not in a file.
    return text if is_unicode(text) else json.dumps(value)
