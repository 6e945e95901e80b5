"""Who waits for what, told when nothing can happen any more.

A suspended task is a chain: its coroutine awaits another, which awaits another, down to the
future that somebody should complete. The reader's interest lies where that chain leaves their
own code, so a line names the task, that last line of theirs, and the call they made there.
Nothing in a line is an address, so two runs of one program report the same words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import FrameType
from typing import Any

from replay_ws import clock
from replay_ws.errors import DeadlockError
from replay_ws.sim.places import is_library, is_machinery, package_of, place_of


def deadlock_at(time_ns: int, tasks: list[asyncio.Task[Any]]) -> DeadlockError:
    """The error for a run in which only ``tasks`` are left, and nothing will wake them."""
    number = f"{len(tasks)} task{'s wait' if len(tasks) != 1 else ' waits'}"
    return DeadlockError(
        f"deadlock at {clock.time_text(time_ns)}: nothing is ready, no timer is left, {number}",
        waiting=waiting_lines(tasks),
    )


def waiting_lines(tasks: Iterable[asyncio.Task[Any]]) -> tuple[str, ...]:
    """One line for each task, in the order given, such as
    ``Task-2 (worker) at tests/test_worker.py:12 waits for asyncio.Queue.get``."""
    return tuple(_waiting_line(task) for task in tasks)


def _waiting_line(task: asyncio.Task[Any]) -> str:
    own, calls = _own_and_calls(task)
    future = getattr(task, "_fut_waiter", None)
    awaited = _call_name(calls[0]) if calls else _future_name(future)
    return f"{label(task)}{_at(own, calls)} waits for {awaited}"


def label(task: asyncio.Task[Any]) -> str:
    """A task's name and the name of its coroutine."""
    coroutine = getattr(task.get_coro(), "__qualname__", None)
    return f"{task.get_name()} ({coroutine})" if coroutine else task.get_name()


def _at(own: list[FrameType], calls: list[FrameType]) -> str:
    deepest = (own or calls)[-1:]
    return "".join(f" at {place_of(frame)}" for frame in deepest)


def _own_and_calls(task: asyncio.Task[Any]) -> tuple[list[FrameType], list[FrameType]]:
    """The frames of a task down to the last one of the user's, and the library's below it."""
    frames = await_chain(task)
    own_count = len(frames)
    while own_count and is_library(frames[own_count - 1]):
        own_count -= 1
    return frames[:own_count], frames[own_count:]


def await_chain(task: asyncio.Task[Any]) -> list[FrameType]:
    """The frames of a suspended task, outermost first, without those of the loop itself.

    Coroutines, generators and asynchronous generators spell the same two facts with
    different prefixes. The chain ends early at an object written in C.
    """
    frames: list[FrameType] = []
    link: Any = task.get_coro()
    while link is not None:
        frame = _first(link, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None and not is_machinery(frame):
            frames.append(frame)
        link = _first(link, "cr_await", "gi_yieldfrom", "ag_await")
    return frames


def _first(link: Any, *names: str) -> Any:
    return next((value for name in names if (value := getattr(link, name, None))), None)


def _call_name(frame: FrameType) -> str:
    """``asyncio.Queue.get``; the type alone when the call is the ``with`` statement's own."""
    package, call, local = package_of(frame), frame.f_code.co_name, frame.f_locals
    if "self" in local:
        kind = type(local["self"]).__name__
        return f"{package}.{kind}" if call.startswith("__") else f"{package}.{kind}.{call}"
    if call == "sleep":
        return f"{package}.sleep({local.get('delay')})"
    return f"{package}.{call}"


def _future_name(future: Any) -> str:
    if isinstance(future, asyncio.Task):
        return f"task {label(future)}"
    members = getattr(future, "_children", None)  # asyncio.gather
    if members is not None:
        names = [_future_name(member) for member in members if not member.done()]
        return f"asyncio.gather of {', '.join(names)}"
    return "a Future that nobody completed"
