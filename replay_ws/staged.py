"""A deterministic run whose program comes in parts: set-up, body and tear-down of a test.

``running`` runs one program from its first step to its last. A test runner instead calls one
function after the other and does its own work in between, in the real world. So this run is entered
for each part and left behind it: its clock stands still meanwhile, its draws go on where they were,
and tasks that a part has left behind wait until the next one lets the loop run. The session is over
when the body is; what the tear-down still sends belongs to no session.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from replay_ws.race import Race
from replay_ws.recording import CURRENT, Recording
from replay_ws.running import Conditions, attach, end, entered, loop_of, recording_of
from replay_ws.session import Session
from replay_ws.sim.places import name_of
from replay_ws.sim.races.watching import Watcher
from replay_ws.sim.runner import cancel_pending, clean_up_after, refuse_to_nest, shut_down
from replay_ws.sim.world.loans import loans, orders
from replay_ws.sim.world.patches import patched
from replay_ws.sim.world.shared import World

Value = TypeVar("Value")


class StagedRun:
    """One run of ``body``, which is called last and by whoever holds it; see the module.

    It must be closed. ``source`` is what the session's header says of its origin.
    """

    def __init__(
        self, body: Callable[..., object], conditions: Conditions, *, source: str = ""
    ) -> None:
        refuse_to_nest()
        self.conditions = conditions
        self.loop = loop_of(None, conditions)
        self.recording: Recording = recording_of(self.loop, conditions, source=source)
        self.recording.has_aftermath = True
        self._world = World(body, inlines_workers=conditions.threads != "managed")
        self._watcher = Watcher(self.loop)
        self._watcher.__enter__()
        self._is_inside = False
        self.value: object = None
        """What the body returned, once it has."""

    @property
    def races(self) -> tuple[Race, ...]:
        """Those of what was watched with ``report="collect"``."""
        return self._watcher.races

    def inside(self) -> contextlib.ExitStack:
        """While this is open, the process is in the run; threads are managed in the body only."""
        conditions = self.conditions
        if conditions.threads == "managed":
            conditions = replace(conditions, threads="refuse", preempt=())
        return self._entered(conditions)

    def call(self, function: Callable[[], Value]) -> Value:
        """``function()``, as a part of the run; it may use ``asyncio.run`` and its kind."""
        with self.inside():
            return function()

    def wait(self, awaitable: Callable[[], Awaitable[Value]]) -> Value:
        """What ``awaitable()`` gives when it is awaited on the run's loop, as a part of the run."""
        return self.call(lambda: self.loop.run_until_complete(_main(awaitable)))

    def body(self, body: Callable[[], object], *, is_async: bool) -> Session:
        """Run the test itself, and end the session.

        What it raises comes out unchanged, with the session as its attribute ``session``.
        """
        spared = self.loop.pending_tasks()

        def clean_up() -> None:
            cancel_pending(self.loop, spared)
            if self.loop.finish_threads is not None:
                self.loop.run_until_complete(self.loop.finish_threads())

        def main() -> None:
            try:
                self._run(body, is_async)
            except BaseException as error:
                clean_up_after(error, clean_up)
                raise
            clean_up()
            self._watcher.refuse_races()

        try:
            with self._entered(self.conditions):
                main()
        except BaseException as error:
            attach(error, session=end(self.loop, self.recording, error))
            self._watcher.note_races(error)
            raise
        return end(self.loop, self.recording)

    def _run(self, body: Callable[[], Any], is_async: bool) -> None:
        run = self.loop.run_until_complete
        if is_async:
            value = run(_main(body))
        elif self.conditions.threads == "managed":
            # In a thread of its own, where what blocks is a step of the schedule.
            value = run(_in_a_thread(body))
        else:
            value = body()
        # A plain function around an asynchronous one is what a careless decorator makes.
        self.value = run(_main(lambda: value)) if inspect.isawaitable(value) else value

    def _entered(self, conditions: Conditions) -> contextlib.ExitStack:
        edges = contextlib.ExitStack()
        if self._is_inside:
            return edges
        shown = self._world.shown_again(conditions.words, self.loop.time_ns)
        lend = orders if conditions.threads == "managed" else loans
        edges.callback(CURRENT.reset, CURRENT.set(self.recording))
        try:
            edges.push(entered(shown, self.loop, conditions, self._world))
            edges.enter_context(patched(lend(self.loop)))
        except BaseException:
            edges.close()
            raise
        self._is_inside = self._watcher.is_inside = True
        edges.callback(self._left)
        return edges

    def _left(self) -> None:
        self._is_inside = self._watcher.is_inside = False

    def finish(self, error: BaseException | None = None) -> Session:
        """End the session of a run whose body is never called; while it runs, what is there yet."""
        if self._is_inside:
            return self.recording.snapshot()
        return self.recording.ended or end(self.loop, self.recording, error)

    def close(self) -> None:
        """Cancel what still waits, and leave the run for good."""
        try:
            if not self.loop.is_closed():
                self.finish()
                self.call(lambda: shut_down(self.loop))
        finally:
            self._watcher.__exit__()
            self.loop.close()


def _main(awaitable: Callable[[], Awaitable[Value]]) -> Coroutine[Any, Any, Value]:
    main = _awaited(awaitable)
    named = awaitable.func if isinstance(awaitable, partial) else awaitable
    main.__qualname__ = name_of(named)  # type: ignore[attr-defined]  # reports name what the user wrote
    return main


async def _awaited(awaitable: Callable[[], Awaitable[Value]]) -> Value:
    return await awaitable()


async def _in_a_thread(function: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(function)
