"""``--ws-verify``: a test runs once more before the run that counts, and both must do the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from _pytest.runner import runtestprotocol

from replay_ws.api import compare
from replay_ws.clock import time_text
from replay_ws.errors import DeterminismError
from replay_ws.pytest_plugin.facts import facts_of, rerun_line
from replay_ws.session import Session
from replay_ws.verifier.heap import Heap

BEFORE = pytest.StashKey[tuple[Session, str]]()
"""What the run before left, and how its set-up ended if that did not pass."""


class Twice:
    """Runs tests twice. Between the two, objects get other addresses."""

    def __init__(self) -> None:
        self._heap: Heap | None = None

    def run_before(
        self,
        item: pytest.Item,
        nextitem: pytest.Item | None,
        session: Callable[[], Session | None],
    ) -> None:
        """Run a test, and let nobody hear of it but ``compare``."""
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        ends = [each.outcome for each in reports if each.when == "setup" and not each.passed]
        found = session()
        if found is not None:
            item.stash[BEFORE] = found, "".join(ends)
        self._heap = Heap()
        with self._heap.stirred():
            pass

    def compare(self, item: pytest.Item, session: Session) -> None:
        """Raise DeterminismError where the session is another than that of the run before."""
        before, set_up = item.stash.get(BEFORE, (session, ""))
        if before.digest == session.digest and not set_up:
            return
        facts_of(item).first = "two runs of this test differ"
        diff = compare(before, session)
        first = diff.first.line(name_connection=True) if diff.first else _otherwise(before, session)
        if set_up:
            first = f"the set-up of the run before: {set_up}"
        raise DeterminismError(
            "two runs of this test, with one seed and under the same conditions, differ",
            where=item.nodeid,
            varied="heap",
            events=(f"{len(before.events)} events", f"{len(session.events)} events"),
            lines=(f"first   {first}", f"rerun   {rerun_line(item)}"),
            mend="look for what depends on addresses or on an earlier test: sets of objects, "
            "caches, global state",
        )


def _otherwise(before: Session, session: Session) -> str:
    """How two sessions of the same events differ."""
    ends = [f"{each.end['status']} after {time_text(each.end_ns)}" for each in (before, session)]
    if ends[0] != ends[1]:
        return f"the run before ended {ends[0]}, this one {ends[1]}"
    return "what was decided differs"
