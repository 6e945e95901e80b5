"""Who waits for what, told when nothing can happen any more.

A suspended task is a chain: its coroutine awaits another, which awaits another, down to the
future that somebody should complete. The reader's interest lies where that chain leaves their
own code, so a line names the task, that last line of theirs, and the call they made there.
Nothing in a line is an address, so two runs of one program report the same words.

A thread waits in the middle of a call, and so does a task that blocks the loop's own thread: there
the chain is a stack of frames. Who waits for a lock is told who has it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from types import FrameType
from typing import Any, NamedTuple

from replay_ws import clock
from replay_ws.errors import DeadlockError
from replay_ws.sim.places import is_library, is_machinery, package_of, place_of


class Waiter(NamedTuple):
    """Who waits in the middle of a call."""

    name: str
    frame: FrameType | None
    """The innermost one."""
    awaited: str = ""
    """What for, where the call does not say."""
    holder: str = ""
    """Who has what it waits for, and since where."""


def deadlock_at(
    time_ns: int,
    tasks: list[asyncio.Task[Any]],
    threads: Sequence[Waiter] = (),
    loop_waits: Waiter | None = None,
) -> DeadlockError:
    """The error for a run in which only ``tasks`` and ``threads`` are left, and nothing wakes them.

    ``loop_waits`` when the current task is one that blocks the loop's own thread.
    """
    counts = [(len(tasks), "task"), (len(threads), "thread")]
    told = [_counted(*count) for count in counts if count[0]] or ["0 tasks"]
    verb = "waits" if len(tasks) + len(threads) == 1 else "wait"
    return DeadlockError(
        f"deadlock at {clock.time_text(time_ns)}: nothing is ready, no timer is left, "
        f"{' and '.join(told)} {verb}",
        waiting=waiting_lines(tasks, loop_waits) + tuple(map(waiter_line, threads)),
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def waiting_lines(
    tasks: Iterable[asyncio.Task[Any]], loop_waits: Waiter | None = None
) -> tuple[str, ...]:
    """One line for each task, in the order given, such as
    ``Task-2 (worker) at tests/test_worker.py:12 waits for asyncio.Queue.get``."""
    return tuple(_waiting_line(task, loop_waits) for task in tasks)


def _waiting_line(task: asyncio.Task[Any], loop_waits: Waiter | None) -> str:
    future = getattr(task, "_fut_waiter", None)
    if loop_waits is not None and task is asyncio.current_task(task.get_loop()):
        return f"{waiter_line(loop_waits._replace(name=label(task)))}, and the loop waits with it"
    own, calls = _own_and_calls(task)
    if loop_waits is not None and future is None:
        return f"{label(task)}{_at(own, calls)} could go on, but the loop waits"
    awaited = _call_name(calls[0]) if calls else _future_name(future)
    return f"{label(task)}{_at(own, calls)} waits for {awaited}"


def waiter_line(waiter: Waiter) -> str:
    """A line such as
    ``Thread-1 (work) at app.py:12 waits for threading.Lock, which Thread-2 has since app.py:20``.
    """
    stack = _stack(waiter.frame)
    own_count = len(stack)
    while own_count and is_library_call(stack[own_count - 1]):
        own_count -= 1
    calls = stack[own_count or _program_of_thread(stack) :]
    awaited = waiter.awaited or (_thread_call_name(calls[0]) if calls else "its turn")
    held = f", which {waiter.holder}" if waiter.holder else ""
    return f"{waiter.name}{_at(stack[:own_count], [])} waits for {awaited}{held}"


def _program_of_thread(stack: list[FrameType]) -> int:
    """The index of what the thread of ``stack`` was started for."""
    runs = (index for index, frame in enumerate(stack) if frame.f_code is _THREAD_RUN)
    return next(runs, -1) + 1


_THREAD_RUN = threading.Thread.run.__code__


def label(task: asyncio.Task[Any]) -> str:
    """A task's name and the name of its coroutine."""
    coroutine = getattr(task.get_coro(), "__qualname__", None)
    return f"{task.get_name()} ({coroutine})" if coroutine else task.get_name()


def _at(own: list[FrameType], calls: list[FrameType]) -> str:
    deepest = (own or calls)[-1:]
    return "".join(f" at {place_of(frame)}" for frame in deepest)


def is_library_call(frame: FrameType) -> bool:
    """Whether ``frame`` runs what a thread waits in, and not the code of a user."""
    return is_library(frame) or package_of(frame) in _THREAD_LIBRARIES


_THREAD_LIBRARIES = ("threading", "queue", "concurrent")


def _stack(innermost: FrameType | None) -> list[FrameType]:
    """The frames of a thread, outermost first."""
    frames: list[FrameType] = []
    while innermost is not None:
        frames.append(innermost)
        innermost = innermost.f_back
    return frames[::-1]


def _thread_call_name(frame: FrameType) -> str:
    """``threading.Event.wait``; what stands in for a module of threads is called as that."""
    told_as = getattr(frame.f_locals.get("self"), "told_as", None)
    if told_as is not None:
        return str(told_as)
    if frame.f_code.co_name == "_worker":  # of a pool
        return "work"
    return _call_name(frame).replace("concurrent.", "concurrent.futures.", 1)


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
