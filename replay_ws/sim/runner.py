"""One program on one loop, from its first step to the last task's end.

Clean-up follows ``asyncio.Runner``: tasks that are still pending are cancelled, then
asynchronous generators are closed. Two things differ. The order is that of creation, because
it shows. And a task that swallows its cancellation is asked again a bounded number of times
and then named in an error: virtual time would let it go on for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any, TypeVar

from replay_ws.errors import ConfigError, ProgramError, ReplayWsError
from replay_ws.sim.deadlock import label, waiting_lines
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.places import name_of

Value = TypeVar("Value")

# A task may clean up after its cancellation, also by waiting. These bounds are far beyond
# what a program does on purpose, and near enough to reach at once.
_CANCEL_ROUNDS = 5
_GRACE_PER_ROUND_S = 600
_TURNS_PER_INSTANT_MAX = 10_000


def run_program(program: Callable[[], Awaitable[Value]], *, loop: VirtualLoop) -> Value:
    """The value of ``await program()``, run on ``loop``, which is closed afterwards.

    ``program`` is called on the running loop. What it raises comes out unchanged; if its
    clean-up fails too, that is a note on the exception. ProgramError if it is not callable or
    gives nothing to await, ConfigError if an event loop already runs in this thread.
    """
    try:
        refuse_to_nest()
        _refuse_what_cannot_be_called(program)
        try:
            value = loop.run_until_complete(_main(program))
        except BaseException as error:
            clean_up_after(error, lambda: shut_down(loop))
            raise
        shut_down(loop)
        return value
    finally:
        if not loop.is_running():
            loop.close()


def refuse_to_nest() -> None:
    """Raises ConfigError when an event loop runs in this thread already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigError(
        "a run cannot start inside a running event loop",
        mend="await the program itself here, or start the run in a plain function",
    )


def _refuse_what_cannot_be_called(program: object) -> None:
    if not callable(program):
        raise ProgramError(
            f"a program is a callable, not {_an_instance_of(program)}",
            mend="pass the coroutine function itself, not what it returned",
        )


def _main(program: Callable[[], Awaitable[Value]]) -> Coroutine[Any, Any, Value]:
    main = _call_and_await(program)
    main.__qualname__ = name_of(program)  # type: ignore[attr-defined]  # reports name what the user wrote
    return main


async def _call_and_await(program: Callable[[], Awaitable[Value]]) -> Value:
    awaitable = program()
    if not inspect.isawaitable(awaitable):
        raise ProgramError(
            f"{name_of(program)}() returned {_an_instance_of(awaitable)}, which cannot be awaited",
            mend="define the program with 'async def', or return a coroutine",
        )
    return await awaitable


def clean_up_after(error: BaseException, clean_up: Callable[[], None]) -> None:
    """Clean up behind a program that failed, without hiding how it failed."""
    try:
        clean_up()
    except ReplayWsError as second:
        with contextlib.suppress(Exception):  # one that is frozen
            error.add_note(f"and while the run was shut down: {second}")


def shut_down(loop: VirtualLoop) -> None:
    """Cancel what is pending, close generators, let managed threads end."""
    cancel_pending(loop)
    if loop.has_open_generators:
        loop.run_until_complete(loop.shutdown_asyncgens())
    if loop.finish_threads is not None:
        loop.run_until_complete(loop.finish_threads())


def cancel_pending(loop: VirtualLoop, spared: Collection[asyncio.Task[Any]] = ()) -> None:
    """Cancel the pending tasks but for those ``spared``, and let them end."""
    loop.turns_per_instant_max = _TURNS_PER_INSTANT_MAX
    for _ in range(_CANCEL_ROUNDS):
        pending = [task for task in loop.pending_tasks() if task not in spared]
        if not pending:
            return
        for task in pending:
            task.cancel()
        _run_until_done(pending, loop)
        for task in pending:
            _report_failure(task, loop)
    stubborn = [task for task in loop.pending_tasks() if task not in spared]
    if stubborn:
        _refuse_stubborn(stubborn)


def _run_until_done(tasks: list[asyncio.Task[Any]], loop: VirtualLoop) -> None:
    """Give ``tasks`` their time to end; who spins in one instant forfeits the rest of it."""

    def stop(_: object = None) -> None:
        loop.stop()

    everyone = asyncio.gather(*tasks, return_exceptions=True)
    everyone.add_done_callback(stop)
    deadline = loop.call_later(_GRACE_PER_ROUND_S, stop)
    # No deadlock can end this wait, for the deadline is a timer that is left.
    with contextlib.suppress(ReplayWsError):
        loop.run_forever()
    deadline.cancel()
    everyone.remove_done_callback(stop)


def _report_failure(task: asyncio.Task[Any], loop: VirtualLoop) -> None:
    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
        loop.call_exception_handler(
            {
                "message": f"{label(task)} failed while the run was shut down",
                "exception": error,
                "task": task,
            }
        )


def _refuse_stubborn(tasks: list[asyncio.Task[Any]]) -> None:
    lines = "\n  ".join(waiting_lines(tasks))
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # the error says it
    raise ProgramError(
        f"cancelled {_CANCEL_ROUNDS} times, and still pending:\n  {lines}",
        where="end of the run",
        mend="let CancelledError pass, or end the task when it comes",
    )


def _an_instance_of(value: object) -> str:
    return "None" if value is None else f"an instance of {type(value).__qualname__}"
