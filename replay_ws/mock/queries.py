"""What a test asks a mock afterwards, read from the log and the outcome.

Deliveries are indexed by thread as they come, so that asking for one thread costs what that
thread received.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from replay_ws.channel import Network
from replay_ws.clock import NS_PER_S
from replay_ws.compliance import required_events
from replay_ws.events.frames import type_of
from replay_ws.events.log import MESSAGES, Direction
from replay_ws.events.model import Fate, Ledger
from replay_ws.mock.threads import Thread
from replay_ws.session import Session

FAILED = tuple(fate for fate in Fate if fate not in (Fate.PENDING, Fate.DELIVERED))


class Records:
    """The records of one mock: what its clients saw, what did not arrive, since the last clear."""

    def __init__(self, network: Network, threads: Mapping[str, Thread]) -> None:
        self._network = network
        self._threads = threads
        self._by_lane: dict[int, list[int]] = {}
        self._indexed = 0
        self.start = 0
        """The row from which on rows count."""

    def clear(self) -> None:
        """Start anew."""
        self.start = len(self._network.log)
        self._by_lane.clear()
        self._indexed = len(self._network.outcome.rows)

    def _deliveries(self, thread: str) -> list[int]:
        outcome, lanes = self._network.outcome, self._network.log.lanes
        for number in range(self._indexed, len(outcome.rows)):
            self._by_lane.setdefault(lanes[outcome.rows[number]], []).append(number)
        self._indexed = len(outcome.rows)
        if thread not in self._threads:
            return []
        return self._by_lane.get(self._threads[thread].number << 1 | Direction.DOWNSTREAM, [])

    def of(self, thread: str) -> list[dict[str, Any]]:
        """Records of one thread."""
        return self._records((thread, number) for number in self._deliveries(thread))

    def all(self) -> list[dict[str, Any]]:
        """Records of all threads, in the order of their arrival."""
        numbered = [(t, n) for t in self._threads for n in self._deliveries(t)]
        return self._records(sorted(numbered, key=lambda pair: pair[1]))

    def _records(self, deliveries: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
        epoch_ns = self._network.log.header.epoch_ns
        view = Session(self._network.log, self._network.outcome)
        records = []
        for thread, number in deliveries:
            event = view.delivery(number)
            records.append(
                {
                    "thread_id": thread,
                    "message": event.payload,
                    "event_type": event.type,
                    "timestamp": (epoch_ns + event.time_ns) / NS_PER_S,
                    "sequence": number,
                }
            )
        return records

    def required(self, thread: str) -> dict[str, bool]:
        """The profile's required events, and whether the thread's client saw them."""
        log, outcome = self._network.log, self._network.outcome
        view, kinds, seen = Session(log, outcome), set(), set()
        for number in self._deliveries(thread):
            if number in outcome.damages:  # whatever it was sent as
                seen.add(type_of(view.delivery(number).payload))
            else:
                kinds.add(log.kind_ids[outcome.rows[number]])
        return required_events(seen | {log.kinds[kind] for kind in kinds}, "agent5")

    def _sent(self) -> Iterable[tuple[str, int]]:
        """Rows of this mock's messages, with their thread."""
        log = self._network.log
        threads = {thread.number: name for name, thread in self._threads.items()}
        for row in range(self.start, len(log)):
            if log.ops[row] in MESSAGES and log.lanes[row] >> 1 in threads:
                yield threads[log.lanes[row] >> 1], row

    def failures(self) -> dict[str, Any]:
        """Everything that did not arrive, and is not still on its way."""
        log, fates = self._network.log, self._network.outcome.fates
        failed = [(t, row, Fate(fates[row])) for t, row in self._sent() if fates[row] in FAILED]
        return {
            "total_failures": len(failed),
            "by_outcome": dict(sorted(Counter(fate.label for _, _, fate in failed).items())),
            "by_thread": dict(Counter(thread for thread, _, _ in failed)),
            "failures": [
                {
                    "thread_id": thread,
                    "event_type": log.kinds[log.kind_ids[row]],
                    "outcome": fate.label,
                    "time": log.times[row] / NS_PER_S,
                }
                for thread, row, fate in failed
            ],
        }

    def totals(self) -> dict[str, Any]:
        """Counts per fate, and what waits where."""
        fates = Counter(Fate(self._network.outcome.fates[row]) for _, row in self._sent())
        ledger = Ledger(fates)
        counts = ("sent", "delivered", "pending", "in_doubt", "lost", "rejected")
        return {
            **{name: getattr(ledger, name) for name in counts},
            "by_outcome": {fate.label: count for fate, count in sorted(fates.items())},
        }
