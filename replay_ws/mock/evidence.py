"""What a failed assertion shows: the events of a thread, and what did not arrive there.

It is read from the session, and only once an assertion has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from replay_ws.clock import time_text
from replay_ws.events.log import Direction
from replay_ws.events.model import Event, Fate
from replay_ws.report.blocks import plural
from replay_ws.report.events import delivery_line
from replay_ws.text import clean, cut, quoted

if TYPE_CHECKING:
    from replay_ws.mock.manager import MockWebSocketManager

SHOWN_MAX = 9
"""Events shown of a thread."""
UNDELIVERED_MAX = 3
"""Messages shown that did not arrive."""
WIDTH = 100


class Evidence:
    """The events of one mock since its messages were cleared; of one thread or of all."""

    def __init__(self, mock: MockWebSocketManager, thread: str | None = None) -> None:
        self._mock = mock
        self._thread = thread
        self._session = mock.session()
        threads = mock._threads if thread is None else {thread: mock._threads.get(thread)}
        numbers = [known.number for known in threads.values() if known is not None]
        connections = self._session.connections
        self._connections = {connections[number] for number in numbers}

    def _is_ours(self, event: Event) -> bool:
        is_counted = event.row >= self._mock._records.start
        return is_counted and event.connection in self._connections

    def delivered(self) -> list[tuple[int, Event]]:
        """What clients saw, with its number in the session."""
        numbered = enumerate(self._session.delivered())
        down = Direction.DOWNSTREAM
        return [(n, e) for n, e in numbered if e.direction is down and self._is_ours(e)]

    def sent(self) -> list[Event]:
        """What was sent, in either direction, with what became of it."""
        return [event for event in self._session.events if self._is_ours(event)]

    def undelivered(self) -> list[Event]:
        """What was sent and did not arrive, in either direction."""
        return [event for event in self.sent() if event.outcome is not Fate.DELIVERED]

    # --- as lines --------------------------------------------------------------------------

    def events(self, is_meant: Callable[[Event], bool] = lambda _: False) -> Iterator[str]:
        """What arrived; those that are meant have a mark, and are shown before others."""
        delivered = self.delivered()
        whose = "" if self._thread is None else f" at {quoted(self._thread)}"
        title = f"{plural(len(delivered), 'event')} arrived{whose}"
        if not delivered:
            known = ", ".join(quoted(thread) for thread in list(self._mock._threads)[:5])
            strange = self._thread is not None and not self._connections
            others = f"; the mock knows {known or 'no thread'}" if strange else ""
            yield f"nothing arrived{whose}{others}"
            return
        yield f"{title}:"
        names = max((len(clean(name)) for name in self._connections), default=0)
        lines = [
            f"{'>' if is_meant(event) else ' '}{delivery_line(n, event, names)}"
            for n, event in delivered
        ]
        yield from _window([cut(line, WIDTH) for line in lines])

    def lost(self, is_meant: Callable[[Event], bool] = lambda _: True) -> Iterator[str]:
        """What did not arrive, and why."""
        missing = [event for event in self.undelivered() if is_meant(event)]
        for event in missing[:UNDELIVERED_MAX]:
            name = clean(event.type) or event.op.name.lower()
            why = "still on its way" if event.outcome is Fate.PENDING else event.outcome.label
            where = clean(cut(event.connection, 40))
            yield f"not arrived: {name} to {where}, sent at {time_text(event.sent_ns)}: {why}"
        if len(missing) > UNDELIVERED_MAX:
            yield f"… and {len(missing) - UNDELIVERED_MAX} more that did not arrive"

    def incidents(self) -> Iterator[str]:
        """What the network did to the connections, the last of it."""
        ours = [i for i in self._session.incidents if i.connection in self._connections]
        for incident in ours[-UNDELIVERED_MAX:]:
            about = " ".join(f"{k}={v}" for k, v in incident.about.items() if v is not None)
            yield f"{incident.what} at {time_text(incident.time_ns)} {clean(about)}".rstrip()


def _window(lines: list[str]) -> Iterable[str]:
    """At most some lines: the marked ones first, then the first and the last."""
    if len(lines) <= SHOWN_MAX:
        return lines
    marked = [n for n, line in enumerate(lines) if line.startswith(">")][: SHOWN_MAX - 2]
    order = [*marked, 0, len(lines) - 1, *range(1, len(lines))]
    chosen = sorted(list(dict.fromkeys(order))[:SHOWN_MAX])
    return [*(lines[n] for n in chosen), f"… and {len(lines) - len(chosen)} more events"]


# --- what a message holds --------------------------------------------------------------------

_BODIES = ("payload", "data")
"""Where an event may keep its fields, beside itself."""


def holds(message: Any, fields: dict[str, Any]) -> bool:
    """Whether a message has all ``fields``, itself or in its payload or data."""
    if not isinstance(message, dict):
        return not fields
    places = [message, *(message[body] for body in _BODIES if isinstance(message.get(body), dict))]
    return all(
        any(name in place and _agrees(place[name], value) for place in places)
        for name, value in fields.items()
    )


def _agrees(value: Any, wanted: Any) -> bool:
    """Equal; of a dict, the keys that are wanted."""
    if isinstance(wanted, dict) and isinstance(value, dict):
        return all(key in value and _agrees(value[key], item) for key, item in wanted.items())
    return bool(value == wanted)
