"""Where asyncio orders two steps without waking anybody: what to patch while a run is followed.

A task that finds a lock free, an event set, a queue filled or a result there goes on at once, and
the loop's queue never hears of it. Each entry here names one such place. Fields are patched where
asyncio keeps bound methods (a condition has those of its lock), so that objects that existed
before are followed as well.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any
from weakref import WeakKeyDictionary

from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.races.causality import Causality, Step
from replay_ws.sim.tasks import VirtualFuture, VirtualTask
from replay_ws.sim.world.patches import Patch


def asyncio_edges(causality: Causality) -> Iterator[Patch]:
    """Everything to patch so that ``causality`` hears of it."""
    yield from _locks(causality)
    yield from _queues(causality)
    yield from _futures(causality)
    yield from _tasks(causality)
    release, acquire = causality.release, causality.acquire
    yield Patch(asyncio.Event, "_value", Flag("_value", on_set=release, on_seen_set=acquire))
    yield around(asyncio.Barrier, "wait", first=release, after=acquire)
    yield before(asyncio.StreamReader, "feed_data", release)
    yield before(asyncio.StreamReader, "feed_eof", release)
    for read in ("read", "readexactly", "readuntil"):
        yield around(asyncio.StreamReader, read, after=acquire)


# --- wrappers ------------------------------------------------------------------------------

Tell = Callable[[Any], None]


def _nothing(_: object) -> None:
    pass


def before(owner: type, name: str, tell: Tell) -> Patch:
    """For a method: ``tell`` hears of a call before it happens."""
    original = getattr(owner, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        tell(self)
        return original(self, *args, **options)

    return Patch(owner, name, method)


def after(owner: type, name: str, tell: Tell) -> Patch:
    """For a method: ``tell`` hears when it returned."""
    original = getattr(owner, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        result = original(self, *args, **options)
        tell(self)
        return result

    return Patch(owner, name, method)


def around(owner: type, name: str, *, first: Tell = _nothing, after: Tell) -> Patch:
    """For a coroutine method: ``after`` hears when it returned."""
    original = getattr(owner, name)

    async def method(self: Any, *args: Any, **options: Any) -> Any:
        first(self)
        result = await original(self, *args, **options)
        after(self)
        return result

    return Patch(owner, name, method)


class Flag:
    """A boolean attribute of instances that tells who sets it, clears it and finds it set."""

    def __init__(
        self,
        name: str,
        *,
        on_set: Tell = _nothing,
        on_cleared: Tell = _nothing,
        on_seen_set: Tell = _nothing,
    ) -> None:
        self._name = name
        self._on_set = on_set
        self._on_cleared = on_cleared
        self._on_seen_set = on_seen_set

    def __get__(self, owner: Any, kind: type | None = None) -> bool:
        value: bool = owner.__dict__[self._name]
        if value:
            self._on_seen_set(owner)
        return value

    def __set__(self, owner: Any, value: bool) -> None:
        if value:
            self._on_set(owner)
        else:
            self._on_cleared(owner)
        owner.__dict__[self._name] = value


# --- locks ---------------------------------------------------------------------------------


def _locks(causality: Causality) -> Iterator[Patch]:
    """Order by a lock is the order of this run only, also where it wakes the next one."""

    def acquire(lock: object) -> None:
        causality.acquire(lock, always=False)

    def handing_on(owner: type, name: str) -> Patch:
        original = getattr(owner, name)

        def wake_up(self: Any) -> Any:
            causality.by_lock = True
            try:
                return original(self)
            finally:
                causality.by_lock = False

        return Patch(owner, name, wake_up)

    locked = Flag("_locked", on_set=acquire, on_cleared=causality.release)
    yield Patch(asyncio.Lock, "_locked", locked)
    yield handing_on(asyncio.Lock, "_wake_up_first")
    yield before(asyncio.Semaphore, "release", causality.release)
    yield around(asyncio.Semaphore, "acquire", after=acquire)
    yield handing_on(asyncio.Semaphore, "_wake_up_next")


# --- queues --------------------------------------------------------------------------------


class _Room:
    """The places of a bounded queue, as something to release and acquire."""

    __slots__ = ("__weakref__",)


def _queues(causality: Causality) -> Iterator[Patch]:
    """Who takes an item comes after who put it; ``join`` comes after every ``task_done``."""
    items: WeakKeyDictionary[object, dict[int, deque[Step | None]]] = WeakKeyDictionary()
    rooms: WeakKeyDictionary[object, _Room] = WeakKeyDictionary()
    put, take = asyncio.Queue.put_nowait, asyncio.Queue.get_nowait
    task_done = asyncio.Queue.task_done

    def put_nowait(self: asyncio.Queue[Any], item: Any) -> None:
        put(self, item)
        items.setdefault(self, {}).setdefault(id(item), deque()).append(causality.step)
        if self.maxsize > 0:
            causality.acquire(rooms.setdefault(self, _Room()), always=False)

    def get_nowait(self: asyncio.Queue[Any]) -> Any:
        item = take(self)
        known = items.get(self, {})
        if id(item) in known:
            causality.follow(known[id(item)].popleft())
            if not known[id(item)]:
                del known[id(item)]
        if self.maxsize > 0:
            causality.release(rooms.setdefault(self, _Room()))
        return item

    def one_done(self: Any) -> None:
        causality.release(self)
        if self._unfinished_tasks == 1:  # it wakes who waits, and speaks for all
            causality.acquire(self)
        task_done(self)

    yield Patch(asyncio.Queue, "put_nowait", put_nowait)
    yield Patch(asyncio.Queue, "get_nowait", get_nowait)
    yield Patch(asyncio.Queue, "task_done", one_done)
    yield around(asyncio.Queue, "join", after=causality.acquire)


# --- futures and tasks ---------------------------------------------------------------------


def _futures(causality: Causality) -> Iterator[Patch]:
    """Who finds a future done comes after who completed it."""

    def completing(name: str) -> Patch:
        original = getattr(VirtualFuture, name)

        def complete(self: VirtualFuture, *args: Any, **options: Any) -> Any:
            if not causality.by_lock and not _is_done(self):
                self.completed_by = causality.step
            return original(self, *args, **options)

        return Patch(VirtualFuture, name, complete)

    def follow(future: VirtualFuture) -> None:
        causality.follow(getattr(future, "completed_by", None))

    for name in ("set_result", "set_exception", "cancel"):
        yield completing(name)
    yield from _looks(VirtualFuture, follow)


def _tasks(causality: Causality) -> Iterator[Patch]:
    """Who finds a task done comes after its last step; a task after who cancels it."""
    cancel, create_task = VirtualTask.cancel, VirtualLoop.create_task

    def follow(task: VirtualTask) -> None:
        causality.follow(causality.last_step(task))

    def cancel_and_tell(self: Any, *args: Any, **options: Any) -> bool:
        if self._fut_waiter is None and not _is_done(self):  # it runs anyway: nobody wakes it
            causality.precede(self)
        return cancel(self, *args, **options)

    def create_and_tell(self: Any, *args: Any, **options: Any) -> Any:
        task = create_task(self, *args, **options)
        causality.precede(task)  # an eager one may have begun, and is not queued
        return task

    yield Patch(VirtualTask, "cancel", cancel_and_tell)
    yield Patch(VirtualLoop, "create_task", create_and_tell)
    yield from _looks(VirtualTask, follow)


_is_done = asyncio.Future.done


def _looks(owner: type[asyncio.Future[Any]], follow: Tell) -> Iterator[Patch]:
    """The ways to find out that a future is done."""

    def looking(name: str) -> Patch:
        original = getattr(owner, name)

        def look(self: Any) -> Any:
            if _is_done(self):
                follow(self)
            return original(self)

        return Patch(owner, name, look)

    def wait(self: Any) -> Generator[Any, None, Any]:
        if _is_done(self):
            follow(self)
        return asyncio.Future.__await__(self)

    for name in ("done", "result", "exception"):
        yield looking(name)
    yield Patch(owner, "__await__", wait)
    yield Patch(owner, "__iter__", wait)
