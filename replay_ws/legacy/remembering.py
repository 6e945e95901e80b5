"""A mock that remembers as hand-written ones do: plain lists of what its clients saw.

The lists follow the network: what has arrived is put into them after every send, and whenever
somebody looks. What they hold is what the test sent, as it was then, and not what the session keeps
of it, which is redacted.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from replay_ws.cassette.redaction import RedactorChoice
from replay_ws.channel import Verdict
from replay_ws.events.log import Direction, Op
from replay_ws.events.model import Fate
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.legacy.records import (
    UNKNOWN,
    Arrival,
    RecordShape,
    Shelf,
    event_type_of,
    message_of,
    of_thread,
    of_type,
    pairs,
    plain_text,
)
from replay_ws.legacy.timestamps import timestamp
from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.session import Session


class Kept:
    """A list of what arrived; a test may put another one in its place."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, mock: RememberingManager | None, _: object = None) -> Any:
        if mock is None:
            return self
        mock._sync()
        return mock._shelf.lists[self._name]

    def __set__(self, mock: RememberingManager, value: Any) -> None:
        mock._sync()
        mock._shelf.lists[self._name] = value


class RememberingManager(MockWebSocketManager):
    """Our mock, its memory and the questions that tests ask it."""

    def __init__(
        self,
        config: MockConfiguration,
        *,
        strict_mode: bool,
        records: RecordShape | None,
        alias_messages: bool,
        name: str,
        redactor: RedactorChoice,
    ) -> None:
        super().__init__(config, name=name, redactor=redactor)
        self.strict_mode = strict_mode
        self.alias_messages = alias_messages
        self._shelf = Shelf(records)
        self._kept: dict[int, Any] = {}
        """Row of a send -> what was sent, as the test has it."""
        self._seen = 0
        """Deliveries that the lists hold, from the beginning."""

    messages = Kept("messages")
    sent_messages = Kept("sent_messages")
    events = Kept("events")
    tool_events = Kept("tool_events")

    @property
    def message_history(self) -> dict[str, list[Any]]:
        """Thread -> its messages."""
        self._sync()
        return self._shelf.history

    @property
    def event_counts(self) -> dict[str, int]:
        """Type -> how many of it there are."""
        counts: dict[str, int] = {}
        for record in self.messages:
            counts[event_type_of(record)] = counts.get(event_type_of(record), 0) + 1
        return counts

    # --- remembering -----------------------------------------------------------------------

    def _submit(self, name: str, message: Any, direction: Direction) -> tuple[int, Verdict]:
        with self._recording.lock:
            now_ns, verdict = super()._submit(name, message, direction)
            is_heard = self._recording.ended is None and verdict.fate < Fate.REJECTED
            if direction is Direction.DOWNSTREAM and is_heard:
                self._keep(verdict.row, message)
        return now_ns, verdict

    def _keep(self, row: int, message: Any) -> None:
        try:
            self._kept[row] = message if self.alias_messages else deepcopy(message)
        except Exception:  # what cannot be copied is shown as the session has it
            self._kept.pop(row, None)

    def _encode(self, message: Any) -> tuple[Op, str, str | bytes]:
        op, event, body = super()._encode(message)
        if self.strict_mode and op is Op.OBJECT and not event and not isinstance(message, dict):
            what = f"{type(message).__name__} is no message"
            return Op.INVALID, "", self._recording.log.encode(what)
        if op is Op.INVALID and not self.strict_mode:
            return super()._encode(plain_text(message))
        return op, event, body

    # --- what arrived ----------------------------------------------------------------------

    def _sync(self) -> None:
        """Put into the lists what has arrived since."""
        with self._settled():
            outcome, log = self._network.outcome, self._network.log
            if self._seen == len(outcome.rows):
                return
            names = {thread.number: name for name, thread in self._threads.items()}
            for number in range(self._seen, len(outcome.rows)):
                row, time_ns = outcome.rows[number], outcome.times[number]
                connection, direction = divmod(log.lanes[row], 2)
                if direction or connection not in names:  # upstream, or another mock's
                    continue
                if row in self._kept and number not in outcome.damages:
                    message = self._kept[row]
                else:
                    message = Session(log, outcome).delivery(number).payload
                event_type, time_s = event_type_of(message), timestamp(self, time_ns)
                self._shelf.add(Arrival(names[connection], message, event_type, time_s, number))
            self._seen = len(outcome.rows)

    def get_events_for_thread(self, thread_id: str) -> list[Any]:
        """Records of one thread, in the order of their arrival."""
        return of_thread(self._main, thread_id)

    def get_event_types_for_thread(self, thread_id: str) -> list[str]:
        """Types of one thread's events, in the order of their arrival."""
        return self.get_event_types(thread_id)

    def get_event_types(self, thread_id: str | None = None) -> list[str]:
        """Types of the events of a thread, or of all."""
        return [event_type_of(record) for record in of_thread(self._main, thread_id)]

    def get_events_by_type(self, event_type: str) -> list[Any]:
        """Records of one type."""
        return of_type(self._main, event_type)

    def get_event_count(self, event_type: str | None = None) -> int:
        """How many events there are, of a type or at all."""
        return len(self._main if event_type is None else of_type(self._main, event_type))

    def get_messages_for_thread(self, thread_id: str) -> list[Any]:
        """Messages of one thread, without what the records say beside them."""
        return [message_of(record) for record in of_thread(self._main, thread_id)]

    get_thread_messages = get_messages_for_thread

    def get_messages_by_type(self, message_type: str) -> list[Any]:
        """Messages of one type, without what the records say beside them."""
        return [message_of(record) for record in of_type(self._main, message_type)]

    def get_thread_message_count(self, thread_id: str) -> int:
        """How many messages a thread has."""
        return len(of_thread(self._main, thread_id))

    def get_events_for_run(self, run_id: str) -> list[Any]:
        """Records whose message names the run."""
        return self._whose("run_id", run_id)

    def get_events_for_agent(self, agent_name: str) -> list[Any]:
        """Records whose message names the agent."""
        return self._whose("agent_name", agent_name)

    def get_tool_events_for_thread(self, thread_id: str) -> list[Any]:
        """Records of the beginnings and ends of tools."""
        return of_thread(self.tool_events, thread_id)

    def get_tool_event_pairs(self, thread_id: str) -> list[tuple[Any, Any]]:
        """Each beginning of a tool with its end."""
        return pairs(self.get_tool_events_for_thread(thread_id))

    get_tool_execution_pairs = get_tool_event_pairs

    @property
    def _main(self) -> list[Any]:
        """The list that questions are about."""
        records: list[Any] = self.messages
        return records

    def _whose(self, key: str, value: str) -> list[Any]:
        def named(record: Any) -> Any:
            message = message_of(record)
            return message.get(key, UNKNOWN) if isinstance(message, dict) else UNKNOWN

        return [record for record in self._main if named(record) == value]

    def clear_messages(self) -> None:
        """Empty the lists, also for who holds one; scores and metrics start anew."""
        self._sync()
        super().clear_messages()
        fates = self._network.outcome.fates
        self._kept = {r: kept for r, kept in self._kept.items() if fates[r] == Fate.PENDING}
        self._shelf.clear()
