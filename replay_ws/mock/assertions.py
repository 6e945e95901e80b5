"""``WebSocketAssertions``: what a test says of a mock, in one line each.

What a client *saw* counts: an event that was sent and lost was not sent to it. Every failure is an
``ExpectationError`` (an AssertionError) that shows the events which it is about. Times are virtual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from replay_ws.clock import NS_PER_S, ms, time_text
from replay_ws.errors import ConfigError, ExpectationError, GoldenMismatch, RaceError, unknown
from replay_ws.metrics import Metrics, measure
from replay_ws.mock.evidence import UNDELIVERED_MAX, Evidence, holds
from replay_ws.mock.threads import MockWebSocketState
from replay_ws.report.blocks import plural
from replay_ws.report.ledger import ledger_text
from replay_ws.session import Session
from replay_ws.sim.races.watching import current
from replay_ws.text import quoted

if TYPE_CHECKING:
    from replay_ws.events.model import Event
    from replay_ws.mock.manager import MockWebSocketManager

__tracebackhide__ = True  # pytest shows the line of the test that asserts

LEDGER = (
    "sent", "accepted", "delivered", "lost", "in_doubt", "pending", "rejected", "duplicated",
)  # fmt: skip
"""The counts of a ledger that can be asserted."""

ORDER_MAX = 12
"""Types shown of an expected order."""


class WebSocketAssertions:
    """Assertions about one mock: ``WebSocketAssertions(mock).assert_event_sent("t", "ping")``."""

    def __init__(self, mock: MockWebSocketManager) -> None:
        self.mock = mock

    def for_mock(self, mock: MockWebSocketManager) -> Self:
        """The same assertions about another mock."""
        return type(self)(mock)

    # --- events ----------------------------------------------------------------------------

    def assert_event_sent(
        self, thread_id: str, event_type: str, count: int | None = 1, **fields: Any
    ) -> None:
        """The thread's client saw exactly ``count`` events of the type (None: one or more).

        With ``fields`` those count that have them, at the top or in ``payload`` or ``data``; of a
        field that is a dict, the keys that are given: ``tool_name="search"``, ``data={"n": 1}``.
        """
        events = self.mock.get_events_for_thread(thread_id)
        same = [event for event in events if event["event_type"] == event_type]
        found = sum(holds(event["message"], fields) for event in same)
        if (found >= 1) if count is None else (found == count):
            return
        wanted = "at least one" if count is None else str(count) if count else "no"
        having = f" with {', '.join(f'{k}={v!r}' for k, v in fields.items())}" if fields else ""
        noun = f"{event_type!r}{having}"
        other = len(same) - found
        self._fail(
            f"expected {wanted} {noun} at {quoted(thread_id)}, found {found or 'none'}",
            thread_id,
            types=(event_type,),
            lines=[f"{plural(other, 'event')} of the type with other fields"] if other else [],
            mend=f"count={found}, or count=None for one or more" if count and found > 1 else "",
        )

    def assert_required_events_sent(
        self, thread_id: str, required: Iterable[str] | None = None
    ) -> None:
        """The thread's client saw every required type; by default the five agent events."""
        if required is None:
            came = self.mock.get_required_event_compliance(thread_id)
        else:
            seen = set(self._types(thread_id))
            came = {name: name in seen for name in required}
        missing = [name for name, is_there in came.items() if not is_there]
        if missing:
            what = f"{quoted(thread_id)} lacks {len(missing)} of {len(came)} required events"
            self._fail(f"{what}: {', '.join(missing)}", thread_id, types=missing)

    def assert_event_order(
        self, thread_id: str, expected_order: Iterable[str], *, others: bool = False
    ) -> None:
        """The thread's client saw these types, in this order, and nothing else.

        With ``others`` more events may stand between them.
        """
        expected, types = list(expected_order), self._types(thread_id)
        gap = _first_not_in_turn(types, expected)
        if gap is None if others else types == expected:
            return
        mend = ""
        if others:
            assert gap is not None
            place = gap
            behind = f" behind {expected[place - 1]!r}" if place else ""
            what = f"no {expected[place]!r}{behind} at {quoted(thread_id)}"
        else:
            place = _first_difference(types, expected)
            wanted = repr(expected[place]) if place < len(expected) else "no more"
            found = f"is {types[place]!r}" if place < len(types) else "did not come"
            what = f"event {place} at {quoted(thread_id)} {found}, expected {wanted}"
            if gap is None:
                mend = "they came in this order, with others between: others=True allows that"
        more = ", …" if len(expected) > ORDER_MAX else ""
        lines = [f"expected order: {', '.join(expected[:ORDER_MAX])}{more}"]
        self._fail(what, thread_id, types=expected[place : place + 1], mend=mend, lines=lines)

    def assert_message_count(
        self,
        thread_id: str,
        expected_count: int | None = None,
        *,
        min_count: int | None = None,
        max_count: int | None = None,
    ) -> None:
        """The thread's client saw so many messages, or a number within bounds."""
        if expected_count is None and min_count is None and max_count is None:
            raise ConfigError(
                "no count was given", mend="give expected_count, min_count, max_count"
            )
        bounds = (("", expected_count), ("at least ", min_count), ("at most ", max_count))
        found = len(self._types(thread_id))
        if (
            expected_count in (None, found)
            and (min_count is None or found >= min_count)
            and (max_count is None or found <= max_count)
        ):
            return
        wanted = " and ".join(f"{word}{n}" for word, n in bounds if n is not None)
        what = f"expected {wanted} messages at {quoted(thread_id)}, found {found}"
        self._fail(what, thread_id)

    # --- rules -----------------------------------------------------------------------------

    def assert_compliance_score(
        self, thread_id: str, min_score: float = 1.0, *, profile: str = ""
    ) -> None:
        """At least this share (0.0 to 1.0) of the five agent events came to the thread's client.

        With ``profile`` (``agent5``) the score of ``replay_ws.check`` counts, which also asks for
        order, pairs and fields.
        """
        if not 0 <= min_score <= 1:
            raise ConfigError(f"min_score is {min_score!r}", mend="it must be a share, 0.0 to 1.0")
        if profile:
            from replay_ws.compliance import check

            events = [event for _, event in Evidence(self.mock, thread_id).delivered()]
            report = check(events, profile=profile)
            score, faults = report.score, [str(finding) for finding in report.findings]
        else:
            score = self.mock.get_compliance_score(thread_id)
            came = self.mock.get_required_event_compliance(thread_id)
            faults = [f"missing: {', '.join(name for name, seen in came.items() if not seen)}"]
        if score < min_score:
            what = f"compliance of {quoted(thread_id)} is {score:.3f}, below {min_score:g}"
            self._fail(what, thread_id, lines=faults[:UNDELIVERED_MAX])

    def assert_no_race_conditions(self) -> None:
        """No accesses lack an order (happens-before) in the run whose mock is watched.

        All races count that the run found so far, also of other things that it watches. The mock
        must be watched, and used since: else nothing was looked for, and this fails. Raises
        RaceError, an AssertionError, for races.
        """
        watcher = current()
        if watcher is None or not watcher.accesses(self.mock):
            raise _untracked(is_in_run=watcher is not None)
        if watcher.races:
            raise RaceError(watcher.races)

    # --- where it ended --------------------------------------------------------------------

    def assert_no_failures(self) -> None:
        """Nothing was rejected, lost or left in doubt, on any thread of the mock."""
        analysis = self.mock.get_failure_analysis()
        if analysis["total_failures"]:
            total = plural(analysis["total_failures"], "message")
            counts = ", ".join(f"{n} {label}" for label, n in analysis["by_outcome"].items())
            threads = ", ".join(f"{t!r}: {n}" for t, n in list(analysis["by_thread"].items())[:5])
            lines = [f"by thread: {threads}", *Evidence(self.mock).lost()]
            raise ExpectationError(f"{total} did not arrive: {counts}", lines=tuple(lines))

    def assert_ledger(self, thread_id: str | None = None, **counts: int) -> None:
        """So many messages ended so, on a thread or on all: ``sent=5, delivered=4, lost=1``.

        Counts are ``sent``, ``accepted``, ``delivered``, ``lost``, ``in_doubt``, ``pending``,
        ``rejected`` and ``duplicated``, of both directions.
        """
        for name in counts:
            if name not in LEDGER:
                raise unknown("count of a ledger", name, LEDGER)
        if not counts:
            raise ConfigError("no count was given", mend=f"give one of: {', '.join(LEDGER)}")
        ledger = self._measured(thread_id).ledger
        wrong = [
            f"{getattr(ledger, name)} {name}, expected {count}"
            for name, count in counts.items()
            if getattr(ledger, name) != count
        ]
        if wrong:
            where = "the mock" if thread_id is None else quoted(thread_id)
            lines = (f"ledger: {ledger_text(ledger)}", *Evidence(self.mock, thread_id).lost())
            raise ExpectationError(f"{where} has {'; '.join(wrong)}", lines=lines)

    # --- times and connections -------------------------------------------------------------

    def assert_performance_threshold(
        self,
        max_latency: float | None = 1.0,
        min_throughput: float | None = 10.0,
        *,
        max_latency_ms: float | None = None,
        max_duration: float | None = None,
        thread_id: str | None = None,
    ) -> None:
        """What arrived was quick enough, in virtual time; None asks for nothing.

        ``max_latency`` is seconds from a message's sending to its arrival (``max_latency_ms`` the
        same in milliseconds), ``min_throughput`` messages per second and ``max_duration`` seconds,
        both from the first sending to the last arrival. Fails when nothing arrived.
        """
        metrics = self._measured(thread_id)
        if not metrics.throughput.messages:
            self._fail("nothing arrived, so there is no performance", thread_id)
        busy_s, latency = metrics.throughput.busy_ns / NS_PER_S, metrics.latency
        max_s = max_latency if max_latency_ms is None else max_latency_ms / 1_000
        # What takes no time at all is as fast as can be.
        rate = metrics.throughput.messages_per_second if busy_s else float("inf")
        slow = []
        if max_s is not None and latency.max_ns > max_s * NS_PER_S:
            most = time_text(round(max_s * NS_PER_S))
            slow.append(f"a latency of {time_text(latency.max_ns)}, at most {most} allowed")
        if min_throughput is not None and rate < min_throughput:
            slow.append(f"{rate:.1f} messages per second, at least {min_throughput:g} wanted")
        if max_duration is not None and busy_s > max_duration:
            slow.append(f"a duration of {busy_s:g} s, at most {max_duration:g} s allowed")
        if slow:
            percentiles = ", ".join(
                f"{name} {time_text(getattr(latency, f'{name}_ns'))}"
                for name in ("min", "p50", "p90", "p99", "max")
            )
            lines = [f"latency of {plural(latency.count, 'message')}: {percentiles}"]
            slowest = (
                (lambda e: e.time_ns - e.sent_ns == latency.max_ns) if latency.max_ns else None
            )
            evidence = Evidence(self.mock, thread_id)
            lines += evidence.events(slowest) if slowest else []
            raise ExpectationError(f"too slow: {'; '.join(slow)}", lines=tuple(lines))

    def assert_connection_established(self, thread_id: str) -> None:
        """The thread's connection is open."""
        state = self.mock.get_connection_state(thread_id)
        if state is MockWebSocketState.CONNECTED:
            return
        never = thread_id not in self.mock._threads
        threads = list(self.mock._threads)[:5]
        known = ", ".join(f"{t!r} {self.mock.get_connection_state(t)}" for t in threads)
        what = "was never opened" if never else f"is {state}"
        lines = (
            f"connections: {known or 'none'}",
            *Evidence(self.mock, thread_id).incidents(),
        )
        mend = f"await mock.connect_user({thread_id!r}), or send to it" if never else ""
        raise ExpectationError(
            f"the connection of {quoted(thread_id)} {what}", lines=lines, mend=mend
        )

    # --- goldens ---------------------------------------------------------------------------

    def assert_matches_golden(
        self,
        golden: str | Path | Session,
        *,
        order: str = "causal",
        tolerance_ms: float = 0,
        ignore: Iterable[str] = (),
        volatile: Mapping[str, str] | None = None,
    ) -> None:
        """The session so far delivers what ``golden`` (a path or a session) does.

        Arguments are those of ``replay_ws.compare``. Raises GoldenMismatch.
        """
        from replay_ws.cassette.reader import read
        from replay_ws.diff import compare
        from replay_ws.report.differences import Difference
        from replay_ws.report.mismatch import mismatch_text

        run = self.mock.session()
        recorded = golden if isinstance(golden, Session) else Session(read(golden))
        diff = compare(
            recorded,
            run,
            order=order,
            tolerance_ns=ms(tolerance_ms),
            ignore=ignore,
            volatile=volatile,
        )
        if diff.same:
            return
        name = "golden" if isinstance(golden, Session) else str(golden)
        closing = [f"accept  replay_ws.save(mock.session(), {name!r})   (and read it)"]
        difference = Difference(name, "the run", recorded, run, diff)
        is_file = not isinstance(golden, Session)
        raise GoldenMismatch(mismatch_text(difference, closing if is_file else ()))

    # --- helpers ---------------------------------------------------------------------------

    def _types(self, thread_id: str) -> list[str]:
        return [event["event_type"] for event in self.mock.get_events_for_thread(thread_id)]

    def _measured(self, thread_id: str | None) -> Metrics:
        """The metrics of a thread or of the whole mock, since its messages were cleared."""
        mock, session = self.mock, self.mock.session()
        threads = list(mock._threads) if thread_id is None else [thread_id]
        numbers = [mock._threads[name].number for name in threads if name in mock._threads]
        start = mock._records.start
        return measure(session.log, session.outcome, connections=numbers, start=start)

    def _fail(
        self,
        what: str,
        thread_id: str | None,
        *,
        types: Iterable[str] = (),
        mend: str = "",
        lines: Iterable[str] = (),
    ) -> NoReturn:
        """Raise, with the events of the thread; those of ``types`` are marked."""
        meant = frozenset(types)

        def is_meant(event: Event) -> bool:
            return event.type in meant

        evidence = Evidence(self.mock, thread_id)
        lost: Iterator[str] = evidence.lost(is_meant) if meant else evidence.lost()
        raise ExpectationError(what, lines=(*lines, *evidence.events(is_meant), *lost), mend=mend)


def _first_difference(types: list[str], expected: list[str]) -> int:
    pairs = enumerate(zip(types, expected, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(types), len(expected)))


def _first_not_in_turn(types: list[str], expected: list[str]) -> int | None:
    """Which of ``expected`` does not come behind those before it; None where all do."""
    rest = iter(types)
    return next((n for n, name in enumerate(expected) if name not in rest), None)


def _untracked(*, is_in_run: bool) -> ExpectationError:
    """Nothing was looked for: no answer is better than a good one."""
    if is_in_run:
        return ExpectationError(
            "nobody looked for races: this mock is not watched, or was not used since",
            mend="mock = replay_ws.watch(mock, report='collect'), before the tasks use it",
        )
    return ExpectationError(
        "nobody looked for races: this is outside of a deterministic run",
        mend="watch the mock and assert inside the program that replay_ws.run runs, or mark the "
        "test: @pytest.mark.replay_ws; after a run its result has .races",
    )
