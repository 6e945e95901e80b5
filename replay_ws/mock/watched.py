"""A mock under ``watch``: what its calls access, and what order its messages give.

A connection has two places: whether it is open, and the messages on it, which a send adds to. Only
what closes a connection writes the first. Sends and ``connect_user`` use it: who finds it closed
opens it, so that they do not get into each other's way, but whoever uses a connection over several
steps, or looks at its state and then sends, is in a race with somebody who closes it meanwhile.

A message orders steps as a queue's item does: once it has arrived, its sender comes before what the
other side of the connection does next, and before whoever looks at the messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from replay_ws.events.log import Direction
from replay_ws.events.model import Fate
from replay_ws.sim.world.patches import Patch

if TYPE_CHECKING:
    from replay_ws.mock.threads import Thread
    from replay_ws.sim.races.causality import Causality, Step, Strand
    from replay_ws.sim.races.objects import Watched


# --- accesses ------------------------------------------------------------------------------


def accesses(kind: type[Any], watched: Callable[[object], Watched | None]) -> Iterator[Patch]:
    """What to patch so that the mocks which are watched tell their accesses."""
    from replay_ws.sim.races.detector import READ, USE, WRITE

    submit, connect, close = kind._submit, kind.connect_user, kind._close
    state, events, messages = kind.get_connection_state, kind.get_events_for_thread, kind.messages

    def tell_state(mock: Any, thread: str, access: str) -> None:
        if (told := watched(mock)) is not None:
            told.note(("state", thread), access, f" connection {thread!r}", " connection")

    def tell_messages(mock: Any, thread: str, *kinds: str) -> None:
        if (told := watched(mock)) is not None:
            for access in kinds:
                told.note(thread, access, f" messages of {thread!r}", " messages")

    def submitting(self: Any, name: str, message: Any, direction: Direction) -> Any:
        tell_state(self, name, USE)
        tell_messages(self, name, READ, WRITE)
        return submit(self, name, message, direction)

    async def connecting(
        self: Any, user_id: str, websocket: object = None, thread_id: str | None = None
    ) -> Any:
        tell_state(self, thread_id or user_id, USE)
        return await connect(self, user_id, websocket, thread_id)

    def closing(self: Any, thread: Thread, *args: Any) -> None:
        tell_state(self, _name_of(self, thread), WRITE)
        close(self, thread, *args)

    def looking(self: Any, thread_id: str) -> Any:
        tell_state(self, thread_id, READ)
        return state(self, thread_id)

    def reading(self: Any, thread_id: str) -> Any:
        tell_messages(self, thread_id, READ)
        return events(self, thread_id)

    def reading_all(self: Any) -> Any:
        for thread_id in list(self._threads):
            tell_messages(self, thread_id, READ)
        return messages.__get__(self)

    yield Patch(kind, "_submit", submitting)
    yield Patch(kind, "connect_user", connecting)
    yield Patch(kind, "_close", closing)
    yield Patch(kind, "get_connection_state", looking)
    yield Patch(kind, "get_events_for_thread", reading)
    yield Patch(kind, "messages", property(reading_all))


def _name_of(mock: Any, thread: Thread) -> str:
    names: dict[str, Thread] = mock._threads
    return next(name for name, known in names.items() if known is thread)


# --- order ---------------------------------------------------------------------------------


class _Sent:
    """Who sent what on one side of a connection, as far as it may still arrive or has."""

    __slots__ = ("_arrived", "_on_its_way")

    def __init__(self) -> None:
        self._on_its_way: list[tuple[int, Step]] = []
        self._arrived: dict[Strand, Step] = {}

    def add(self, row: int, step: Step) -> None:
        self._on_its_way.append((row, step))

    def arrived(self, fates: bytearray) -> list[Step]:
        """The last step of each sender of which something has arrived."""
        on_its_way, self._on_its_way = self._on_its_way, []
        for row, step in on_its_way:
            if fates[row] == Fate.DELIVERED:
                self._arrived[step.strand] = step
            elif fates[row] == Fate.PENDING:
                self._on_its_way.append((row, step))
        return list(self._arrived.values())


def edges(kind: type[Any], causality: Causality) -> Iterator[Patch]:
    """What to patch so that ``causality`` hears of messages."""
    mocks: WeakKeyDictionary[Any, dict[tuple[str, int], _Sent]] = WeakKeyDictionary()
    submit, events, messages = kind._submit, kind.get_events_for_thread, kind.messages

    def follow(mock: Any, thread: str, direction: int) -> None:
        sent = mocks.get(mock, {}).get((thread, direction))
        if sent is not None:
            with mock._settled():
                steps = sent.arrived(mock._network.outcome.fates)
            for step in steps:
                causality.follow(step)

    def submitting(self: Any, name: str, message: Any, direction: Direction) -> Any:
        follow(self, name, 1 - direction)
        now_ns, verdict = submit(self, name, message, direction)
        step = causality.up_to_now()
        if step is not None:
            sides = mocks.setdefault(self, {})
            sides.setdefault((name, direction), _Sent()).add(verdict.row, step)
        return now_ns, verdict

    def reading(self: Any, thread_id: str) -> Any:
        for direction in Direction:
            follow(self, thread_id, direction)
        return events(self, thread_id)

    def reading_all(self: Any) -> Any:
        for thread, direction in list(mocks.get(self, {})):
            follow(self, thread, direction)
        return messages.__get__(self)

    yield Patch(kind, "_submit", submitting)
    yield Patch(kind, "get_events_for_thread", reading)
    yield Patch(kind, "messages", property(reading_all))
