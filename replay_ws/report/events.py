"""Events as lines: what ``cat`` prints, and what stands around a divergence.

Three forms. A *row* shows everything that the log holds, with its time and what became of it. A
*delivery* shows one event as a receiver saw it. A *stable line* leaves out all that moves when an
event is inserted elsewhere, so that ``git diff`` shows exactly what changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from replay_ws.clock import NS_PER_S
from replay_ws.errors import ConfigError
from replay_ws.events.encoding import EncodingError
from replay_ws.events.log import MESSAGES, Direction, Log, Op
from replay_ws.events.model import Event, Fate
from replay_ws.events.plain import plain, to_json
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.report.blocks import Block, Line, Tone, plural
from replay_ws.report.calls import row_text
from replay_ws.session import Session
from replay_ws.text import clean, columns, cut, escaped, padded

NAME_WIDTH_MAX = 24
TYPE_WIDTH = 16
BOOKKEEPING = frozenset({Op.KIND, Op.CONNECTION})
"""Rows that a reader of events does not miss: they only give numbers to names."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The events of a session, in the order of the log or as they were delivered.

    ``limit`` is how many are shown at most.
    """

    session: Session
    delivered: bool = False
    limit: int | None = None

    def blocks(self) -> Iterator[Block]:
        lines = self._deliveries() if self.delivered else self._rows()
        more = 0
        for number, line in enumerate(lines):
            if self.limit is None or number < self.limit:
                yield line
            else:
                more += 1
        if more:
            yield Line(f"… and {plural(more, 'more line')}", Tone.QUIET)

    def _deliveries(self) -> Iterator[Line]:
        width = name_width(self.session.connections)
        for number, event in enumerate(self.session.delivered()):
            yield Line(delivery_line(number, event, width), cut=True)

    def _rows(self) -> Iterator[Line]:
        log, fates = self.session.log, self.session.outcome.fates
        width = name_width(self.session.connections)
        number = 0
        for row, op in enumerate(log.ops):
            if op in MESSAGES:
                yield _message_line(log, row, number, Fate(fates[row]), width)
                number += 1
            elif op not in BOOKKEEPING:
                yield Line(_other_line(log, row, width), Tone.QUIET, cut=True)

    def to_dict(self) -> dict[str, Any]:
        """The events up to the limit (``more`` counts the rest), all decisions, the end."""
        events = self.session.delivered() if self.delivered else self.session.events
        shown = events[: self.limit]
        return {
            "events": [event_dict(number, event) for number, event in enumerate(shown)],
            "more": len(events) - len(shown),
            "decisions": [asdict(decision) for decision in self.session.plan],
            "end": self.session.end,
        }


def stable_lines(session: Session) -> Iterator[str]:
    """What the session says of itself, then a line per row, without times, numbers or offsets."""
    log, header = session.log, session.log.header
    yield f"session seed={header.seed} profile={header.profile} source={clean(header.source)}"
    for row, op in enumerate(log.ops):
        lane = log.lanes[row]
        text = _stable_text(log, row, Op(op))
        yield f"{lane >> 1}{Direction(lane & 1).sign} {Op(op).name.lower()} {text}"


def _stable_text(log: Log, row: int, op: Op) -> str:
    body = log.bodies[row]
    if op is Op.TEXT and isinstance(body, str):
        return clean(body)
    return _other_text(log, row, op)


# --- one event -----------------------------------------------------------------------------


def name_width(names: tuple[str, ...]) -> int:
    """How wide the column of connection names is."""
    return min(NAME_WIDTH_MAX, max((columns(clean(name)) for name in names), default=0))


def delivery_line(number: int, event: Event, width: int, instead: str = "") -> str:
    """``4    0.010000  thread-1  <  tool_completed    {...}``: an event as its receiver saw it.

    ``instead`` is what there is to say of it in the place of its payload.
    """
    notes = ["copy"] * (event.copy > 0) + ["damaged"] * event.damaged
    what = [*notes, instead or payload_text(event.type, event.payload)]
    head = _head(str(number), event.time_ns, event.connection, event.direction.sign, width)
    return f"{head}  {_type(event.type, event.op)}  {'  '.join(filter(None, what))}".rstrip()


def _message_line(log: Log, row: int, number: int, fate: Fate, width: int) -> Line:
    lane = log.lanes[row]
    name, sign = log.connections[lane >> 1].name, Direction(lane & 1).sign
    event = log.kinds[log.kind_ids[row]]
    head = _head(str(number), log.times[row], name, sign, width)
    what = [payload_text(event, _payload(log, row))]
    if fate is not Fate.DELIVERED:
        what.insert(0, fate.label)
    text = f"{head}  {_type(event, Op(log.ops[row]))}  {'  '.join(filter(None, what))}"
    return Line(text.rstrip(), Tone.PLAIN if fate is Fate.DELIVERED else Tone.BAD, cut=True)


_CALLS = (Op.CALL, Op.RETURN)
_ABOUT_THE_RUN = (Op.CHANNEL, Op.CONTROL, Op.MARK, Op.SCHEDULE, Op.METHOD, *_CALLS, Op.END)


def _other_line(log: Log, row: int, width: int) -> str:
    """A row that is no message: what happened to a connection, or what was decided."""
    op, lane = Op(log.ops[row]), log.lanes[row]
    about = op not in _ABOUT_THE_RUN and log.connections
    name = log.connections[lane >> 1].name if about else ""
    head = _head("", log.times[row], name, Direction(lane & 1).sign if about else " ", width)
    text = f"#{log.indexes[row]} " if op in _CALLS else ""
    return f"{head}  {op.name.lower():{TYPE_WIDTH}}  {text}{_other_text(log, row, op)}".rstrip()


def _other_text(log: Log, row: int, op: Op) -> str:
    try:
        value = log.value(row)
    except EncodingError as error:
        return error.what
    match op, value:
        case Op.DECISION, [toxic, attempt, amount]:
            retry = f", attempt {attempt}" if attempt else ""
            return f"{toxic} strikes {clean(log.kinds[log.kind_ids[row]])} ({amount}{retry})"
        case Op.INCIDENT, {"what": str(what), **about}:
            facts = _facts({str(name): value for name, value in about.items()})
            return f"{clean(what)} {clean(facts)}".rstrip()
        case Op.SCHEDULE, [kind, path, list(pairs)]:
            return f"{clean(kind)} {clean(path) or 'callbacks'}, {len(pairs) // 2} times"
        case Op.CONTROL, {"do": "configure", "config": dict(config)}:
            return f"configure {settings_text(config)}"
        case Op.CONTROL, {"do": "configure", "config": dict(config)}:
            return f"configure {settings_text(config)}"
        case Op.CHANNEL, [name, dict(config)]:
            return f"{clean(name)} {settings_text(config)}".strip()
        case ((Op.METHOD | Op.CALL | Op.RETURN), _):
            return row_text(op, value)
        case _:
            return escaped(to_json(value))


def _facts(about: Mapping[str, Any]) -> str:
    """``code=1013 cause=overflow``; what is None is left out."""
    return " ".join(f"{name}={value}" for name, value in about.items() if value is not None)


def settings_text(config: Mapping[str, Any]) -> str:
    """The mode, and the fields that differ from what the mode says: ``normal latency_ms=5.0``."""
    named = {name: config[name] for name in ("mode", "preset") if name in config}
    try:
        usual = MockConfiguration(**named).values()
    except ConfigError:
        usual = {}
    modes = named.pop("mode", "")
    heads = [modes] if isinstance(modes, str) else [" + ".join(map(str, modes))]
    heads += [f"preset={preset}" for preset in named.values()]
    own = {name: value for name, value in config.items() if usual.get(name, usual) != value}
    texts = (_setting(*item) for item in own.items() if item[0] not in ("mode", "preset"))
    return clean(" ".join([*heads, *texts]).strip())


def _setting(name: str, value: Any) -> str:
    """``latency_ms=5.0``; of what is long, how many there are: ``2 faults``."""
    return f"{len(value)} {name}" if name in ("toxics", "faults") else f"{name}={value}"


def _head(number: str, time_ns: int, name: str, sign: str, width: int) -> str:
    shown = padded(cut(clean(name), width), width)
    seconds, rest = divmod(time_ns, NS_PER_S)
    return f"{number:>4}  {seconds:>4}.{rest // 1000:06}  {shown} {sign}"


def _type(event: str, op: Op) -> str:
    return f"{clean(event) or op.name.lower():{TYPE_WIDTH}}"


def _payload(log: Log, row: int) -> Any:
    """The payload of a message that is looked at in the log itself."""
    try:
        return log.value(row)
    except EncodingError:
        return log.bodies[row]


def payload_text(event: str, payload: Any) -> str:
    """A payload on one line; its ``type`` is left out, for it stands before it."""
    if isinstance(payload, dict) and event:
        payload = {name: value for name, value in payload.items() if name != "type"}
        return escaped(to_json(payload)) if payload else ""
    match payload:
        case str():
            return clean(payload)
        case bytes():
            return f"{plural(len(payload), 'byte')} {payload.hex()}".rstrip()
        case _:
            return escaped(to_json(payload))


def event_dict(number: int, event: Event) -> dict[str, Any]:
    """An event as plain data for JSON."""
    return {
        "number": number,
        "connection": event.connection,
        "direction": event.direction.name.lower(),
        "op": event.op.name.lower(),
        "type": event.type,
        "sent_ns": event.sent_ns,
        "time_ns": event.time_ns,
        "outcome": event.outcome.label,
        "copy": event.copy,
        "damaged": event.damaged,
        "payload": plain(event.payload),
    }
