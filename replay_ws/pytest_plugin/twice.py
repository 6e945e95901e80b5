"""``--ws-verify``: a test runs once more before the run that counts, and both must do the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from _pytest.runner import runtestprotocol

from replay_ws.api import compare
from replay_ws.errors import DeterminismError
from replay_ws.pytest_plugin.facts import facts_of, rerun_line
from replay_ws.session import Session
from replay_ws.verifier.heap import Heap

_BEFORE = pytest.StashKey[Session]()


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
        runtestprotocol(item, nextitem=nextitem, log=False)
        found = session()
        if found is not None:
            item.stash[_BEFORE] = found
        self._heap = Heap()
        with self._heap.stirred():
            pass

    def compare(self, item: pytest.Item, session: Session) -> None:
        """Raise DeterminismError where the session is another than that of the run before."""
        before = item.stash.get(_BEFORE, None)
        if before is None or before.digest == session.digest:
            return
        facts_of(item).first = "two runs of this test differ"
        diff = compare(before, session)
        first = diff.first.line(name_connection=True) if diff.first else "what was decided differs"
        raise DeterminismError(
            "two runs of this test, with one seed and under the same conditions, differ",
            where=item.nodeid,
            varied="heap",
            events=(f"{len(before.events)} events", f"{len(session.events)} events"),
            lines=(f"first   {first}", f"rerun   {rerun_line(item)}"),
            mend="look for what depends on addresses or on an earlier test: sets of objects, "
            "caches, global state",
        )
