"""What happened before what: vector clocks over the steps of a run.

Theory of operation. A *strand* is a sequence of steps that can only run one after the other: a
task, a managed thread, a job of an executor, or one plain callback. A *step* is what a strand does
without letting go; on a loop nothing comes in between. One step comes before another if it is an
earlier one of the same strand, or if a chain of these edges leads from the one to the other:

- whoever makes a handle ready, or sets a timer, comes before the step of that handle: the creator
  of a task before the task, ``set_result`` before the waiter that it wakes;
- a ``release`` of something comes before a later ``acquire`` of it. These are the edges without a
  wake-up, which ``edges`` finds in asyncio: a queue's item, an event that is set, a result that is
  there already, a lock that is free;
- callbacks that one strand made ready run in that order; those of asyncio that work for one object
  (a task group, a gather) see what the ones before them did.

An edge leaves a loop's step at its *end*: nobody can see the step half done, so what it does after
``create_task`` is before the task as well. A thread's step is cut in two where it releases, and so
is a loop's step where it releases something to threads. That a thread is made ready orders nothing
by itself; what it waited for does.

A lock's edge says who came first this time, and not who must. Clocks tell both apart: the entry
``n`` of a clock is the last step of strand ``n`` that came before, the entry ``-n`` the last one
that comes before in every order, that is, by a chain of edges without locks.

A strand has a number only from its first access of something watched; clocks stay small, and who
touches nothing watched only passes them on. Clocks are never changed in place, so they are shared.
The step in which somebody first watches something is the base: it is before everything after it,
and what was before it is nobody's business.
"""

from __future__ import annotations

import asyncio
import threading
from _thread import get_ident
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary, ref

from replay_ws.errors import ConfigError
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.lanes import Lane
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.places import name_of
from replay_ws.sim.threads.actors import Actor, ThreadActor, current_actor

Clock = Mapping[int, int]
"""Strand number -> its last step before; with a minus, its last step before in every order."""

_LIBRARIES = ("asyncio", "anyio")


class Strand:
    """A sequence of steps; ``thread`` is None for those that share the loop's thread."""

    __slots__ = ("callbacks", "last", "name", "number", "pending", "task", "thread")

    def __init__(self, name: str, base: Clock, owner: object = None, thread: object = None) -> None:
        self.name = name
        self.number = 0
        self.thread = thread
        self.task = ref(owner) if isinstance(owner, asyncio.Future) else None
        self.last = Step(self, 0, base)
        self.callbacks: Clock | None = None
        """What the last callback that it made ready knew when it ended."""
        self.pending: Step | None = None
        """Who comes before its next step beside the one who made it ready."""

    def is_over(self) -> bool:
        """Whether it will take no more steps."""
        task = self.task() if self.task is not None else None
        return self.thread is None and (task is None or asyncio.Future.done(task))


class Step:
    """One step; ``origin`` is the step whose clock it has, as long as it adds nothing to it."""

    __slots__ = ("clock", "origin", "strand", "tick")

    def __init__(self, strand: Strand, tick: int, clock: Clock, origin: Step | None = None) -> None:
        self.strand = strand
        self.tick = tick
        self.clock = clock
        self.origin = origin

    def seen(self) -> Clock:
        """Everything up to the end of this step."""
        number = self.strand.number
        if number:
            return {**self.clock, number: self.tick, -number: self.tick}
        return self.origin.seen() if self.origin else self.clock

    def learn(self, clock: Clock, *, always: bool = True) -> None:
        """Take in what somebody else knew who came before; ``always``: in every order."""
        if self.origin is not None:
            self.clock, self.origin = self.origin.seen(), None
        if clock is not self.clock:
            self.clock = _joined(self.clock, clock if always else _of_this_run(clock))

    def follow(self, cause: Step, *, always: bool = True) -> None:
        """Come after ``cause``."""
        cause = cause.origin or cause
        number = cause.strand.number
        if cause.strand is self.strand or cause is self.origin:
            return
        if number and self.clock.get(-number if always else number, 0) >= cause.tick:
            return  # who knows the step knows what it knew
        self.learn(cause.seen(), always=always)


class _Released:
    """What those who released something knew; the last one's step may go on."""

    __slots__ = ("acquired_by", "clock", "last")

    def __init__(self) -> None:
        self.clock: Clock = {}
        self.last: Step | None = None
        self.acquired_by: Strand | None = None
        """Who knows all of it."""


class Causality:
    """Follows a loop from now on; an observer of its queue. ``step`` is the one that runs."""

    def __init__(self, loop: VirtualLoop) -> None:
        loop.observe(self)
        assert loop.lanes is not None
        self.lanes = loop.lanes
        self.by_lock = False
        """Whether a lock is handing itself on: what becomes ready now need not come after."""
        self._posted: dict[int, tuple[Step, bool]] = {}
        self._strands: dict[object, Strand] = {}
        self._released: WeakKeyDictionary[object, _Released] = WeakKeyDictionary()
        self._numbers = 1
        self._poster: Strand | None = None
        self._patron: object = None
        self._threads: WeakKeyDictionary[Any, tuple[ThreadActor, Strand]] = WeakKeyDictionary()
        self._base: Clock = {1: 1, -1: 1}
        self._home_ident = loop._thread_id or get_ident()
        self.ident = get_ident()
        """The thread of the operating system that ``step`` runs on."""
        first = self._first_strand(loop)
        first.number = 1
        self.step: Step | None = Step(first, 1, {})
        self._home = first.last = self.step
        """The step that the loop's own thread is in, while it lets other threads run."""
        if first.thread is not None:
            self._home = Step(Strand("the loop", self._base), 1, self._base)

    def _first_strand(self, loop: VirtualLoop) -> Strand:
        """The one that runs, whose step is the base."""
        actor = current_actor()
        name = self.lanes.current.path or "main"
        if isinstance(actor, ThreadActor):
            strand = Strand(name, {}, thread=actor.thread)
            self._threads[actor.thread] = actor, strand
        else:
            task = asyncio.current_task(loop)
            strand = Strand(name, {}, task)
            self._strands[getattr(task, "lane", None) or task] = strand
        return strand

    # --- what the queue tells ---------------------------------------------------------------

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        """Whoever runs made ``handle`` ready; a timer's step comes after who set it."""
        step = self.step
        if step is None or type(handle) is Timer:
            return
        self._posted[id(handle)] = self._up_to_now(step), not self.by_lock

    def armed(self, timer: Timer) -> None:
        """Whoever runs set ``timer``."""
        if self.step is not None:
            self._posted[id(timer)] = self._up_to_now(self.step), True

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        """The next step, after the ones that it follows."""
        cause, always = self._posted.pop(id(handle), (None, True))
        callback: Any = handle._callback
        owner = getattr(callback, "__self__", None)
        if isinstance(owner, Actor):
            self._begin_actor(owner)
            return
        self.step, self.ident = self._home, self._home_ident  # threads may have had their turn
        self._end()
        if lane is not self.lanes.callbacks:
            strand = self._strands.get(lane) or self._strand(lane, lane.path, owner)
        elif isinstance(owner, asyncio.Task):  # of a foreign task factory
            strand = self._strands.get(owner) or self._strand(owner, owner.get_name(), owner)
        else:
            self._begin_callback(callback, cause, is_timer=type(handle) is Timer)
            return
        last = strand.last
        step = self.step = self._home = strand.last = Step(strand, last.tick + 1, last.clock)
        if cause is not None and cause.strand is not strand:
            step.follow(cause, always=always)
        if strand.pending is not None:
            step.follow(strand.pending)
            strand.pending = None

    def _strand(self, key: object, name: str, owner: object) -> Strand:
        strand = self._strands[key] = Strand(name, self._base, owner)
        return strand

    def _begin_callback(self, callback: Any, cause: Step | None, *, is_timer: bool) -> None:
        strand = Strand(f"callback {name_of(callback)}", self._base)
        origin = cause and (cause.origin or cause)
        step = self.step = self._home = strand.last = Step(strand, 1, self._base, origin)
        if cause is not None and not is_timer:
            self._poster = cause.strand
            if cause.strand.callbacks is not None:
                step.learn(cause.strand.callbacks)
        self._patron = _patron_of(callback)
        if self._patron is not None:
            self.acquire(self._patron)

    def _begin_actor(self, actor: Actor) -> None:
        if not isinstance(actor, ThreadActor):  # the loop's own thread goes on in its step
            self.step, self.ident = self._home, self._home_ident
            return
        thread = actor.thread
        known = self._threads.get(thread)
        self.ident = thread.ident or 0
        if known is None:
            strand = Strand(actor.lane.path, self._base, thread=thread)
            self._threads[thread] = actor, strand
        else:
            strand = known[1]
        step = self.step = strand.last = Step(strand, strand.last.tick + 1, strand.last.clock)
        if known is None:
            self._acquire(step, thread)  # from who started it

    def _end(self) -> None:
        if self._patron is not None:
            self.release(self._patron)
            self._patron = None
        if self._poster is not None:
            step = self.step
            if step is not None and (step.strand.number or step.origin is None):
                self._poster.callbacks = step.seen()
            self._poster = None

    # --- what others tell --------------------------------------------------------------------

    def number(self, step: Step) -> None:
        """The strand of ``step`` accesses something watched: from now on clocks have it."""
        strand = step.strand
        if not strand.number:
            if step.origin is not None:
                step.clock, step.origin = step.origin.seen(), None
            self._numbers += 1
            strand.number = self._numbers

    def release(self, key: object) -> None:
        """The step that runs comes before whoever acquires ``key`` later."""
        step = self.step
        if step is None:
            return
        released = self._released.get(key)
        if released is None:
            released = self._released[key] = _Released()
        last, released.last = released.last, step
        if released.acquired_by is step.strand:
            released.clock = {}
        elif last is not None and last is not step:
            released.clock = _joined(released.clock, last.seen())
        released.acquired_by = None

    def release_now(self, key: object) -> None:
        """As ``release``, but only what was up to now comes before: the step is cut in two."""
        step = self.step
        if step is None or self.ident != get_ident():  # over, or a thread nobody follows
            return
        self.release(key)
        released = self._released[key]
        released.clock, released.last = _joined(released.clock, step.seen()), None
        step.tick += 1

    def acquire(self, key: object, *, always: bool = True) -> None:
        """The step that runs comes after those that released ``key``."""
        if self.step is not None and self.ident == get_ident():
            self._acquire(self.step, key, always=always)

    def _acquire(self, step: Step, key: object, *, always: bool = True) -> None:
        released = self._released.get(key)
        if released is None:
            return
        if released.clock:
            step.learn(released.clock, always=always)
        if released.last is not None:
            step.follow(released.last, always=always)
        released.acquired_by = step.strand

    def up_to_now(self) -> Step | None:
        """What ``follow`` takes, for an edge that begins here."""
        return self._up_to_now(self.step) if self.step is not None else None

    def _up_to_now(self, step: Step) -> Step:
        """The step that runs, which for a thread is cut in two here."""
        if step.strand.thread is None:
            return step
        step.tick += 1
        return Step(step.strand, step.tick - 1, step.clock)

    def follow(self, cause: Step | None) -> None:
        """The step that runs comes after ``cause``."""
        if cause is not None and self.step is not None and self.ident == get_ident():
            self.step.follow(cause)

    def last_step(self, task: Any) -> Step | None:
        """The last step of ``task`` so far, if it took one that was followed."""
        strand = self._strands.get(getattr(task, "lane", None) or task)
        return strand.last if strand is not None else None

    def join(self, thread: threading.Thread) -> None:
        """The step that runs comes after all of ``thread``, if that has ended."""
        actor, strand = self._threads.get(thread, (None, None))
        if actor is not None and actor.has_ended and strand is not None:
            self.follow(strand.last)

    def precede(self, task: Any) -> None:
        """The step that runs comes before the next one of ``task``."""
        key = getattr(task, "lane", None) or task
        strand = self._strands.get(key)
        if strand is None:
            lane = getattr(task, "lane", None)
            strand = self._strand(key, lane.path if lane else task.get_name(), task)
        strand.pending = self.step


def _joined(clock: Clock, other: Clock) -> Clock:
    known = clock.get
    news = {number: tick for number, tick in other.items() if known(number, 0) < tick}
    return {**clock, **news} if news else clock


def _of_this_run(clock: Clock) -> Clock:
    """``clock`` as a lock hands it on: who came first, and not who must."""
    return {number: tick for number, tick in clock.items() if number > 0}


def _patron_of(callback: Any) -> object:
    """The object for which a callback of asyncio works, and others beside it; None if alone."""
    owner = getattr(callback, "__self__", None)
    if owner is not None:
        is_theirs = type(owner).__module__.partition(".")[0] in _LIBRARIES
        return owner if is_theirs and not isinstance(owner, asyncio.Future) else None
    cells = getattr(callback, "__closure__", None)
    if not cells or callback.__module__.partition(".")[0] not in _LIBRARIES:
        return None
    inside = dict(zip(callback.__code__.co_freevars, cells, strict=True))
    return inside["self"].cell_contents if "self" in inside else callback


_followed: Causality | None = None


@contextmanager
def followed(loop: VirtualLoop) -> Iterator[Causality]:
    """Follow ``loop``, which runs; ConfigError if another one is followed in this process."""
    global _followed
    if _followed is not None:
        raise ConfigError(
            "another run of this process watches something",
            mend="run programs that watch one after the other, or in processes of their own",
        )
    causality = _followed = Causality(loop)
    try:
        yield causality
    finally:
        _followed = None
        causality.step = None
        causality.lanes.observers.remove(causality)
