"""The tape of a session: its calls in order, each with its answer, and how they are matched.

A tape is read from the rows of a recorded object's calls; of a mock's cassette, which has none,
each message is a call of ``send_to_thread`` or ``receive_from_thread``. Calls that the object made
on itself are left out: nobody makes them on a replay.

A *queue* holds calls whose order counts: all of them, or those about one connection. Two rules
hold in it. A call is taken only if it is the next one that was recorded; one that a task makes
early waits for its turn. And an answer is due only when everything that was recorded before it has
happened. So tasks meet each other in the order in which they did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from typing import Any

from replay_ws.diff.keys import content
from replay_ws.errors import CassetteError
from replay_ws.events.calls import Method, Sends, packed
from replay_ws.events.log import MESSAGES, Direction, Log, Op
from replay_ws.events.model import Event, Fate
from replay_ws.session import Session


@dataclass(slots=True)
class Answer:
    """How a call ended, and how long that took: with a value, or with an ``error``."""

    value: Any = None
    error: Mapping[str, Any] | None = None
    duration_ns: int = 0
    awaited: bool = False


@dataclass(slots=True, eq=False)
class Call:
    """A recorded call; without an answer it was still going on at the end.

    ``unread`` names arguments that are not compared, for the recording has not got them.
    """

    number: int
    row: int
    method: Method
    arguments: dict[str, Any]
    answer: Answer | None = None
    unread: tuple[str, ...] = ()
    queue: Queue = field(init=False)
    _event: Event | None = None

    @property
    def connection(self) -> str:
        """What it is about; empty for one that is about no connection."""
        return self.method.connection(self.arguments)

    @property
    def event(self) -> Event:
        """The arguments as the payload of an event, which can be compared."""
        if self._event is None:
            read = {name: v for name, v in self.arguments.items() if name not in self.unread}
            self._event = event_of(self.method.name, read)
        return self._event

    def is_like(self, method: Method, arguments: Mapping[str, Any]) -> bool:
        """Whether a call is this one; placeholders of secrets are all alike."""
        if method.name != self.method.name:
            return False
        read = {name: value for name, value in arguments.items() if name not in self.unread}
        event = event_of(method.name, read)
        if event.body == self.event.body:
            return True
        told = content(event)
        return told is not None and told == content(self.event)


class Queue:
    """Calls in their order, and how far they have happened."""

    def __init__(self) -> None:
        self._steps: list[tuple[Call, bool]] = []
        self._places: dict[tuple[int, bool], int] = {}
        self._done: set[int] = set()
        self._at = 0
        self._calls: list[Call] = []
        self._next = 0
        self.happened = 0
        """Calls and answers so far."""

    def add(self, call: Call, *, is_answer: bool) -> None:
        self._places[call.number, is_answer] = len(self._steps)
        self._steps.append((call, is_answer))
        if not is_answer:
            self._calls.append(call)
            call.queue = self

    @property
    def next(self) -> Call | None:
        """The call that is expected."""
        return self._calls[self._next] if self._next < len(self._calls) else None

    def next_is(self, method: Method, arguments: Mapping[str, Any]) -> bool:
        """Whether a call is the one that is expected."""
        return self.next is not None and self.next.is_like(method, arguments)

    @property
    def remaining(self) -> list[Call]:
        """Calls that were not made yet."""
        return self._calls[self._next :]

    def take(self) -> None:
        """The expected call is made."""
        self._happen(self._calls[self._next], is_answer=False)
        self._next += 1

    def answered(self, call: Call) -> None:
        """A call got its answer."""
        self._happen(call, is_answer=True)

    def is_due(self, call: Call) -> bool:
        """Whether all that was recorded before the answer to ``call`` has happened."""
        return self._places[call.number, True] <= self._at

    def _happen(self, call: Call, *, is_answer: bool) -> None:
        place = self._places.get((call.number, is_answer))
        if place is None:  # the answer of a call that had not come back
            return
        self.happened += 1
        self._done.add(place)
        while self._at in self._done:
            self._done.remove(self._at)
            self._at += 1


@dataclass(slots=True)
class Tape:
    """All that a session says about calls."""

    methods: dict[str, Method]
    queues: dict[str, Queue]
    by_connection: bool

    def queue_of(self, method: Method, arguments: Mapping[str, Any]) -> Queue:
        """Where a call stands that has these arguments."""
        name = method.connection(arguments) if self.by_connection else ""
        return self.queues.setdefault(name, Queue())

    def remaining(self) -> list[Call]:
        """Calls that were not made yet, in recorded order."""
        calls = (call for queue in self.queues.values() for call in queue.remaining)
        return sorted(calls, key=lambda call: call.number)


def tape_of(session: Session, *, by_connection: bool) -> Tape:
    """The tape of a session; raises CassetteError for rows that are no calls."""
    read = _recorded if Op.METHOD in session.log.ops else _mocked
    tape = Tape({}, {}, by_connection)
    for call, is_answer in read(session, tape.methods):
        tape.queue_of(call.method, call.arguments).add(call, is_answer=is_answer)
    return tape


def event_of(name: str, arguments: Mapping[str, Any]) -> Event:
    """Arguments as the payload of an event, which can be compared."""
    return Event(Op.OBJECT, "", Direction.DOWNSTREAM, 0, name, 0, packed(dict(arguments)), 0, 0)


# --- of an object ----------------------------------------------------------------------------


def _recorded(session: Session, methods: dict[str, Method]) -> Iterator[tuple[Call, bool]]:
    """Calls and answers in the order of their rows; ``methods`` is filled on the way."""
    log, arrived = session.log, _arrivals(session)
    calls: dict[int, Call] = {}
    inner: set[int] = set()
    message = -1
    for row, op in enumerate(log.ops):
        if op in MESSAGES:
            message = row
        if op not in (Op.METHOD, Op.CALL, Op.RETURN):
            continue
        number = log.indexes[row]
        try:
            about = log.value(row)
            if op == Op.METHOD:
                method = Method.of(about)
                methods[method.name] = method
            elif op == Op.CALL and number not in calls and number not in inner:
                arguments = about["arguments"]
                call = Call(number, row, methods[about["name"]], dict(arguments))
                if "parent" in about:
                    inner.add(number)
                else:
                    calls[number] = call
                    yield call, False
            elif op == Op.RETURN and number in calls and calls[number].answer is None:
                call = calls[number]
                call.answer = _answer(log, row, about, call)
                if about.get("message") and message > call.row:
                    _under_the_mode(call.answer, session, message)
                    call.answer.duration_ns += arrived.get(message, 0)
                yield call, True
            elif number not in inner:
                raise ValueError(f"{Op(op).name} {number} answers no call, or comes twice")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise CassetteError(
                f"this is no {Op(op).name}: {type(error).__name__}: {error}",
                where=f"row {row}",
                mend="replay-ws verify the cassette, or record it anew",
            ) from error


def _answer(log: Log, row: int, about: Mapping[str, Any], call: Call) -> Answer:
    error = about.get("error")
    if error is not None and not (
        isinstance(error["type"], str)
        and isinstance(error["message"], str)
        and isinstance(error.get("args", []), list)
    ):
        raise ValueError("an error without type and message")
    value = about["value"] if error is None else None
    duration_ns = log.times[row] - log.times[call.row]
    return Answer(value, error, duration_ns, bool(about.get("awaited")))


def _under_the_mode(answer: Answer, session: Session, message: int) -> None:
    """What the sender hears now: a message that was sent may be rejected in this session."""
    is_accepted = Fate(session.outcome.fates[message]).accepted
    if not is_accepted and session.log.ops[message] != Op.UNSENT:
        answer.value, answer.error = False, None


def _arrivals(session: Session) -> dict[int, int]:
    """How long each message took until it arrived first, by its row."""
    outcome, took_ns = session.outcome, dict[int, int]()
    for time_ns, row in zip(outcome.times, outcome.rows, strict=True):
        took_ns.setdefault(row, time_ns - session.log.times[row])
    return took_ns


# --- of our own mock -------------------------------------------------------------------------


def _sender(name: str, direction: Direction) -> Method:
    parameters = [
        Parameter(each, Parameter.POSITIONAL_OR_KEYWORD) for each in ("thread_id", "message")
    ]
    sends = Sends("thread_id", "message", direction=direction)
    return Method(name, "async", Signature(parameters), sends)


_SENDERS = (
    _sender("send_to_thread", Direction.DOWNSTREAM),
    _sender("receive_from_thread", Direction.UPSTREAM),
)


def _mocked(session: Session, methods: dict[str, Method]) -> Iterator[tuple[Call, bool]]:
    """Each message as a call, which took until the message arrived first."""
    methods.update({method.name: method for method in _SENDERS})
    log, fates, arrived = session.log, session.outcome.fates, _arrivals(session)
    rows = [row for row, op in enumerate(log.ops) if op in MESSAGES]
    steps: list[tuple[int, int, Call, bool]] = []
    for number, row in enumerate(rows):
        sent_ns = log.times[row]
        duration_ns = arrived.get(row, 0)
        lane = log.lanes[row]
        arguments: dict[str, Any] = {
            "thread_id": log.connections[lane >> 1].name,
            "message": log.value(row),
        }
        answer = Answer(Fate(fates[row]).accepted, None, duration_ns)
        unread = ("message",) if log.ops[row] == Op.INVALID else ()
        call = Call(number, row, _SENDERS[lane & 1], arguments, answer, unread=unread)
        steps += [(sent_ns, row, call, False), (sent_ns + duration_ns, row, call, True)]
    for _, _, call, is_answer in sorted(steps, key=lambda step: (*step[:2], step[3])):
        yield call, is_answer
