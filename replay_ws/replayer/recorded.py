"""A session that can stand in for the manager that it was recorded from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from replay_ws.session import Session

if TYPE_CHECKING:
    from replay_ws.cassette.redaction import RedactorChoice
    from replay_ws.replayer.manager import Order, ReplayedManager


class RecordedSession(Session):
    """What ``load`` and ``replay`` return."""

    def as_manager(
        self,
        order: Order = "lockstep",
        *,
        redactor: RedactorChoice = "default",
        errors: Iterable[type[Exception]] = (),
    ) -> ReplayedManager:
        """An object with the recorded methods, which answers from the recording.

        Each call must be the one that was recorded next: of all calls (``lockstep``), or of those
        about the same connection (``thread``); a task that is early waits for its turn. Calls from
        threads cannot wait: ``thread`` is for them. Two tasks that make equal calls at once cannot
        be told apart. A call returns what was returned then, as plain data, or raises what was
        raised: exceptions of Python's own and those among ``errors`` as they were, others as a
        RecordedError. A message that this session rejects, and the recording did not, returns
        False. Arguments are compared after redaction by ``redactor``, so give the one that was
        recorded with. A cassette of our own mock gives ``send_to_thread`` and
        ``receive_from_thread``.

        Within a run a call takes the time that it took then, if it was async; elsewhere none. One
        that was cancelled or had not come back waits to be cancelled.

        Raises ReplayMismatch (an AssertionError) at the first other call, and at the end of a
        ``with`` block, or from ``finish()``, for calls that were never made. Calls that the
        object made on itself are not expected. CassetteError for rows that are no calls.
        """
        from replay_ws.replayer.manager import ReplayedManager

        return ReplayedManager(self, order, redactor=redactor, errors=errors)
