"""A transcript: frames that somebody else recorded, on their way to become a session.

An importer adds moments in whatever order its file has them. ``session`` puts them in order of
time, lets the first one be virtual time 0, redacts, and writes the rows that a recording of our own
would have written: what was observed, under a configuration that harms nothing, and no decisions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from replay_ws.cassette.redaction import Redactor, RedactorChoice, redactor_of
from replay_ws.clock import time_text
from replay_ws.errors import SourceError
from replay_ws.events.encoding import decode
from replay_ws.events.frames import is_unicode, type_of, type_of_text
from replay_ws.events.log import MESSAGES, OBJECTS, Channel, Connection, Direction, Header, Log, Op
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.session import Session

SPAN_NS_MAX = 366 * 24 * 3600 * 10**9
"""No recording lasts longer than a year; times that do are of different units or clocks."""


class Moment(NamedTuple):
    """One thing that happened, on the file's own clock.

    ``body`` is the message as a row keeps it, or for anything else the value that the row holds.
    """

    time_ns: int
    connection: str
    direction: Direction
    op: Op
    body: Any


class Transcript:
    """Moments of one recording.

    ``link`` says what harm its connections can suffer; ``start_ns`` what its clock shows at
    virtual time 0, where that is not the time of the first moment.
    """

    def __init__(self, *, link: str, start_ns: int | None = None) -> None:
        self._link = link
        self._start_ns = start_ns
        self._moments: list[Moment] = []

    def add(self, moment: Moment, where: str) -> None:
        """Take a moment; raises SourceError, located at ``where``, when it cannot be one."""
        first_ns = self._moments[0].time_ns if self._moments else moment.time_ns
        if abs(moment.time_ns - first_ns) > SPAN_NS_MAX:
            raise SourceError(
                f"this is {time_text(abs(moment.time_ns - first_ns))} away from the first time",
                where=where,
                mend="give all times in one unit and from one clock",
            )
        for text in (moment.connection, moment.body):
            if isinstance(text, str) and not is_unicode(text):
                raise SourceError(
                    "a text holds half a surrogate pair, which no text frame can carry",
                    where=where,
                    mend="record what the peer sent as a binary frame",
                )
        self._moments.append(moment)

    def session(self, header: Header, redactor: RedactorChoice) -> Session:
        """The session of all moments; there must be one at least.

        The connection of a moment that no handshake precedes is open from then on.
        """
        assert self._moments, "a transcript without moments has no beginning"
        moments = sorted(self._moments, key=lambda moment: moment.time_ns)
        chosen = redactor_of(redactor)
        if chosen is not None:
            moments = _redacted(moments, chosen)
        log = Log(header)
        log.add_channel(Channel("", _configuration(moments).values()), 0)
        start_ns = moments[0].time_ns if self._start_ns is None else self._start_ns
        numbers: dict[str, int] = {}
        for moment in moments:
            time_ns = moment.time_ns - start_ns
            number = numbers.get(moment.connection)
            if number is None:
                connection = Connection(moment.connection, self._link, 0)
                number = numbers[moment.connection] = log.add_connection(connection, time_ns)
                if moment.op is not Op.HANDSHAKE:
                    log.note(Op.HANDSHAKE, number << 1 | Direction.UPSTREAM, time_ns, {})
            _write(log, moment, number << 1 | moment.direction, time_ns)
        log.note(Op.END, 0, log.end_ns, {"status": "ok"})
        return Session(log)


def _write(log: Log, moment: Moment, lane: int, time_ns: int) -> None:
    op, body = moment.op, moment.body
    if op in MESSAGES:
        kind = log.kind(_type(op, body), time_ns)
        log.append(op, lane, time_ns, kind, log.next_index(lane, kind), body)
    else:
        log.note(op, lane, time_ns, body)


def _type(op: Op, body: str | bytes) -> str:
    if isinstance(body, str):
        return type_of_text(body)
    return type_of(decode(body)) if op in OBJECTS else ""


def _configuration(moments: list[Moment]) -> MockConfiguration:
    """One that delivers everything: NORMAL, without its limit of size if a frame is above it."""
    normal = MockConfiguration()
    limit = normal.max_message_size or 0
    is_above = any(size > limit for size in map(len, _bodies(moments)))
    return normal.replace(max_message_size=None) if is_above else normal


def _bodies(moments: list[Moment]) -> Iterator[bytes]:
    for moment in moments:
        if moment.op in MESSAGES:
            yield moment.body.encode() if isinstance(moment.body, str) else moment.body


def _redacted(moments: list[Moment], redactor: Redactor) -> list[Moment]:
    """``moments`` without secrets."""
    name_of = cache(redactor.text)  # once each: a secret found later must not change a name
    cleaned = []
    for moment in moments:
        name, op, body = name_of(moment.connection), moment.op, moment.body
        body = redactor.clean(op, body) if op in MESSAGES else redactor.value(body)
        cleaned.append(moment._replace(connection=name, body=body))
    return cleaned
