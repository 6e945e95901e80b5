"""What hand-written mocks remember of a message, in the four shapes that they do it in.

Tests read these lists, empty them and write to them, so they are plain lists, and whoever asks for
the events of a thread gets what stands in them by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, get_args

from replay_ws.errors import unknown
from replay_ws.events.frames import type_of

RecordShape = Literal["record", "dict", "tuple", "message"]

UNKNOWN = "unknown"
"""The type of a message that has none, and the agent of one that names none."""


class Arrival(NamedTuple):
    """A message that reached the client of a thread; ``timestamp`` is in seconds."""

    thread_id: str
    message: Any
    event_type: str
    timestamp: float
    sequence: int


def _record(arrival: Arrival) -> dict[str, Any]:
    message = arrival.message
    agent = message.get("agent_name", UNKNOWN) if isinstance(message, dict) else UNKNOWN
    return {**arrival._asdict(), "agent_name": agent}


SHAPES: Mapping[str, Callable[[Arrival], Any]] = {
    "record": _record,
    "dict": lambda arrival: {
        "thread_id": arrival.thread_id,
        "message": arrival.message,
        "timestamp": arrival.timestamp,
    },
    "tuple": lambda arrival: (arrival.thread_id, arrival.message),
    "message": lambda arrival: arrival.message,
}

LISTS: Mapping[str, RecordShape] = {
    "messages": "record",
    "sent_messages": "tuple",
    "events": "message",
    "tool_events": "record",
}
"""The lists of a manager, and the shape that each has where none was asked for."""

TOOLS = ("tool_executing", "tool_completed")


def require_shape(shape: str | None) -> None:
    """Raises ConfigError for a shape that there is not."""
    if shape is not None and shape not in SHAPES:
        raise unknown("shape of records", shape, get_args(RecordShape))


class Shelf:
    """The lists of one mock; each may be replaced by one that a test brings."""

    def __init__(self, shape: RecordShape | None) -> None:
        self.shapes = {name: shape or usual for name, usual in LISTS.items()}
        self.lists: dict[str, list[Any]] = {name: [] for name in LISTS}
        self.history: dict[str, list[Any]] = {}
        """Thread -> its messages."""

    def add(self, arrival: Arrival) -> None:
        """Remember a message in every list that it belongs to."""
        shaped = {shape: SHAPES[shape](arrival) for shape in set(self.shapes.values())}
        for name, kept in self.lists.items():
            if name != "tool_events" or arrival.event_type in TOOLS:
                kept.append(shaped[self.shapes[name]])
        self.history.setdefault(arrival.thread_id, []).append(arrival.message)

    def clear(self) -> None:
        """Empty the lists; who holds one sees that."""
        for kept in self.lists.values():
            kept.clear()
        self.history.clear()


# --- reading a record, whoever wrote it -----------------------------------------------------


def thread_of(record: Any) -> Any:
    """The thread of a record, or of a bare message that names one."""
    if isinstance(record, tuple) and record:
        return record[0]
    return record.get("thread_id") if isinstance(record, dict) else None


def message_of(record: Any) -> Any:
    """The message of a record; a bare message is its own."""
    if isinstance(record, tuple) and len(record) > 1:
        return record[1]
    is_record = isinstance(record, dict) and "message" in record and "type" not in record
    return record["message"] if is_record else record


def event_type_of(record: Any) -> str:
    """What a record says of its type, else what its message says."""
    if isinstance(record, dict) and "event_type" in record:
        return str(record["event_type"])
    return type_of(message_of(record)) or UNKNOWN


def of_type(records: Iterable[Any], event_type: str) -> list[Any]:
    """Those of a type."""
    return [record for record in records if event_type_of(record) == event_type]


def of_thread(records: Iterable[Any], thread_id: str | None) -> list[Any]:
    """Those of a thread; None: all."""
    return [record for record in records if thread_id is None or thread_of(record) == thread_id]


def pairs(records: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Each ``tool_executing`` with the next ``tool_completed`` of the same tool and thread."""
    begun: dict[tuple[Any, Any], list[Any]] = {}
    found = []
    for record in records:
        message = message_of(record)
        tool = message.get("tool_name") if isinstance(message, dict) else None
        waiting = begun.setdefault((thread_of(record), tool), [])
        match event_type_of(record):
            case "tool_executing":
                waiting.append(record)
            case "tool_completed" if waiting:
                found.append((waiting.pop(0), record))
    return found


def plain_text(message: Any) -> dict[str, Any]:
    """What the session keeps of a message that it cannot hold: names of classes for the rest."""

    def named(value: object) -> str:
        return f"<{type(value).__qualname__}>"

    try:
        plain = json.loads(json.dumps(message, default=named, skipkeys=True))
    except (ValueError, RecursionError):  # it holds itself
        plain = named(message)
    if isinstance(plain, dict):
        return plain
    return {"type": type_of(message), "message": plain}
