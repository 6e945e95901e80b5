"""Races: accesses of what is watched whose order nothing decides.

Theory. Let ``a -> b`` say that ``a`` comes before ``b``, as ``causality`` has it. Two accesses are
*unordered* if neither ``a -> b`` nor ``b -> a``. No clock is looked at, neither the virtual nor the
real one: a time difference orders nothing. There are three kinds of race.

**Data race**, between threads, or between a thread and the loop: two unordered accesses of one
place, at least one of them a write.

**Stale write**, between tasks of one loop. There a step is atomic, so that two unordered accesses
are often right: ``self.hits += 1`` by a hundred tasks, in any order, is a hundred hits. What goes
wrong is a decision on a value that has changed meanwhile. A *pair* ``(r, w)`` is a read ``r`` of a
strand in one step and its next write ``w`` in a later step, with no read in between, also not in
the step of ``w``. (A write uses up what was read before: who tests and sets a flag in one step may
clear it later without another look.) The pair is stale if another strand has a write ``m`` with

    neither  m -> r       the read has seen it
    nor      w -> m       it comes after all of this
    nor      r -> m -> w  in every order: the strand had it done, and waited for it

and if no look in the step of ``w``, before it, has seen whether ``m`` was: a read there of anything
else that the step of ``m`` writes too, a version number or a flag.

So ``n = self.n; await ...; self.n = n + 1`` is a race also where the schedule of this run did not
lose an update, and also where ``w`` is written under a lock but ``r`` was read outside of it; it is
none where one lock is around both, or where the value is read again after the ``await``. The last
line has "in every order" because the edge of a lock could point the other way in another run: to
read under a lock, let it go, and write under it later is stale.

**Unordered accesses** of two tasks, at least one of them a write, are reported where the watch is
``strict``.

What happens before is known only for the order of this run: where locks are taken in another order
other pairs may show. A report therefore is never a guess, and no report is no proof.

Of every place the last accesses of each strand are kept. A later access that is unordered with an
earlier one of the same strand is unordered with these too, so that every place with a race has a
report. The same two lines of code are reported once, and counted.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import os
import queue
import sys
import threading
from _thread import get_ident
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from replay_ws.race import Access, Race
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.races.causality import Causality, Step, Strand

READ, WRITE, USE = "read", "write", "use"
"""A use acts upon a value without changing it: stale like a write, to others like a read."""

_STACK_MAX = 12
_SHOWN_MAX = 4
_SEEN_WORTH_PRUNING = 64
_SEEN_WORTH_ALL = 256


class Touch:
    """An access as it is kept while the run goes on.

    ``looked`` is what else its step had read by then and not written, ``wrote`` what its step
    writes; both are known to the end only when the step has ended.
    """

    __slots__ = ("_site", "clock", "kind", "looked", "stack", "step", "tick", "time_ns", "wrote")

    def __init__(
        self, step: Step, kind: str, stack: _RawStack, time_ns: int, wrote: set[Variable]
    ) -> None:
        self.step = step
        self.tick = step.tick
        self.clock = step.clock
        self.kind = kind
        self.stack = stack
        self.time_ns = time_ns
        self.wrote = wrote
        self.looked: frozenset[Variable] = frozenset()
        self._site: tuple[CodeType, int] | None = None

    def site(self) -> tuple[CodeType, int] | None:
        """The user's line of code."""
        if self._site is None:
            for code, position in _users(self.stack):
                self._site = code, _line(code, position)
                break
        return self._site


_RawStack = list[tuple[CodeType, int]]


class _Seen:
    """The last accesses of one strand; ``unused`` is the read that no write has used up."""

    __slots__ = ("read", "unused", "write")

    def __init__(self) -> None:
        self.read: Touch | None = None
        self.write: Touch | None = None
        self.unused: Touch | None = None


class Variable:
    """One place that is read and written: an attribute, an item, a connection.

    ``group`` is what its races are counted under.
    """

    __slots__ = ("group", "is_strict", "must_end", "name", "pruned", "seen", "stale", "threads")

    def __init__(self, name: str, group: str, *, is_strict: bool, must_end: bool) -> None:
        self.name = name
        self.group = group
        self.is_strict = is_strict
        self.must_end = must_end
        """Whether its races end the run with an error."""
        self.seen: dict[Strand, _Seen] = {}
        self.stale: dict[Strand, tuple[Touch, Touch]] = {}
        self.threads: set[object] = set()
        self.pruned = _SEEN_WORTH_PRUNING


class Races:
    """Takes in accesses, and gives the races among them."""

    def __init__(self, causality: Causality, loop: VirtualLoop) -> None:
        self._causality = causality
        self._loop = loop
        self._found: dict[object, _Found] = {}
        self._suspects: list[tuple[Variable, Touch, Touch, Touch, Touch, Touch]] = []
        self._step: Step | None = None
        self._looked: set[Variable] = set()
        self._wrote: set[Variable] = set()

    @property
    def races(self) -> tuple[Race, ...]:
        """What was found so far, in the order in which it was."""
        self._decide()
        return tuple(found.race() for found in self._found.values())

    @property
    def refused(self) -> tuple[Race, ...]:
        """Those of what was watched with ``report="error"``."""
        self._decide()
        return tuple(found.race() for found in self._found.values() if found.must_end)

    def note(self, variable: Variable, kind: str) -> None:
        """The step that runs accesses ``variable``; the caller's caller is the place."""
        causality = self._causality
        step = causality.step
        if step is None or causality.ident != get_ident():  # over, or a thread nobody follows
            return
        if step is not self._step:
            self._decide()
            self._step, self._looked, self._wrote = step, set(), set()
        strand = step.strand
        seen = variable.seen.get(strand)
        if seen is None:
            causality.number(step)
            seen = variable.seen[strand] = _Seen()
            variable.threads.add(strand.thread)
        elif kind is READ:
            if (last := seen.unused) is not None and last.step is step and last.tick == step.tick:
                return  # nothing came in between
        elif (last := seen.write) is not None and last.step is step and last.tick == step.tick:
            seen.unused = None
            return
        touch = Touch(step, kind, _stack(), self._loop.time_ns(), self._wrote)
        if variable.is_strict or len(variable.threads) > 1:
            self._check_all(variable, touch)
        if kind is READ:
            seen.read = seen.unused = touch
            self._looked.add(variable)
            return
        self._check_stale(variable, seen, touch)
        if kind is USE:
            seen.read = seen.unused = touch
            return
        seen.write, seen.unused = touch, None
        self._wrote.add(variable)
        self._looked.discard(variable)
        if len(variable.seen) > variable.pruned:
            _prune(variable, touch)

    # --- the rules --------------------------------------------------------------------------

    def _check_all(self, variable: Variable, touch: Touch) -> None:
        """Unordered accesses of other threads, and where the watch is strict of other tasks."""
        strand = touch.step.strand
        for other, seen in variable.seen.items():
            if other is strand:
                continue
            is_data_race = other.thread is not strand.thread
            if not is_data_race and not variable.is_strict:
                continue
            for before in (seen.write, seen.read if touch.kind is WRITE else None):
                if before is not None and not _precedes(before, touch):
                    kind = "data race" if is_data_race else "unordered accesses"
                    self._report(variable, kind, before, touch, None)

    def _check_stale(self, variable: Variable, seen: _Seen, touch: Touch) -> None:
        """``touch`` as the write of a pair, and as the write that makes other pairs stale."""
        strand = touch.step.strand
        if strand.thread is not None:
            return
        read = seen.unused
        if read is not None and read.step is not touch.step:
            touch.looked = frozenset(self._looked)
            for number, other in enumerate(_writes_unseen(variable, read)):
                if not (_always_precedes(read, other) and _always_precedes(other, touch)):
                    self._suspects.append((variable, other, touch, read, touch, other))
                    if number > _SEEN_WORTH_ALL:
                        break
            variable.stale[strand] = read, touch
        if touch.kind is WRITE:
            for their, (their_read, theirs) in variable.stale.items():
                if their is not strand and not _precedes(theirs, touch):
                    self._suspects.append((variable, theirs, touch, their_read, theirs, touch))

    def _decide(self) -> None:
        """Report pairs that were found in the last step, unless a look tells of the other write."""
        suspects, self._suspects = self._suspects, []
        for variable, first, second, read, write, other in suspects:
            if write.looked.isdisjoint(other.wrote):
                self._report(variable, "stale write", first, second, read)

    def _report(
        self, variable: Variable, kind: str, first: Touch, second: Touch, read: Touch | None
    ) -> None:
        key = variable.group, kind, frozenset((first.site(), second.site()))
        found = self._found.get(key)
        if found is None:
            self._found[key] = _Found(variable, kind, first, second, read)
        elif second is not found.last:  # one access counts once, however many it meets
            found.count += 1
            found.last = second


class _Found:
    """A race, as often as it was found; its texts are made when somebody asks."""

    __slots__ = ("_first", "_kind", "_name", "_read", "_second", "count", "last", "must_end")

    def __init__(
        self, variable: Variable, kind: str, first: Touch, second: Touch, read: Touch | None
    ) -> None:
        self._name = variable.name
        self._kind = kind
        self._first = first
        self._read = read
        self._second = self.last = second
        self.count = 1
        self.must_end = variable.must_end

    def race(self) -> Race:
        """The report."""
        first, second = _access(self._first), _access(self._second)
        read = _access(self._read) if self._read is not None else None
        missing = _missing(first, second, read)
        return Race(self._name, self._kind, first, second, read, missing, self.count)


def _missing(first: Access, second: Access, read: Access | None) -> str:
    if read is None:
        return (
            f"missing: nothing that {first.lane} releases after its {first.kind} is acquired by "
            f"{second.lane} before its {second.kind} (a lock, a queue, an event, a join)"
        )
    other, own = (first, second) if read.lane == second.lane else (second, first)
    return (
        f"missing: nothing puts the {other.kind} by {other.lane} before the read by {read.lane}, "
        f"nor after its {own.kind}: hold one lock around both, or read again before the {own.kind}"
    )


# --- order ---------------------------------------------------------------------------------


def _precedes(before: Touch, after: Touch) -> bool:
    strand = before.step.strand
    return strand is after.step.strand or after.clock.get(strand.number, 0) >= before.tick


def _always_precedes(before: Touch, after: Touch) -> bool:
    strand = before.step.strand
    return strand is after.step.strand or after.clock.get(-strand.number, 0) >= before.tick


def _writes_unseen(variable: Variable, read: Touch) -> Iterator[Touch]:
    """The last write of every other strand of the loop that ``read`` does not come after."""
    strand, known = read.step.strand, read.clock.get
    for other, seen in variable.seen.items():
        write = seen.write
        if write is None or known(other.number, 0) >= write.tick or other is strand:
            continue
        if other.thread is None:
            yield write


def _prune(variable: Variable, write: Touch) -> None:
    """Forget strands that are over and came before ``write``, which stands for them from now on."""

    def is_done_with(strand: Strand, seen: _Seen) -> bool:
        return (
            strand.thread is write.step.strand.thread
            and strand is not write.step.strand
            and strand.is_over()
            and all(_precedes(touch, write) for touch in (seen.read, seen.write) if touch)
        )

    for strand in [s for s, seen in variable.seen.items() if is_done_with(s, seen)]:
        del variable.seen[strand]
        variable.stale.pop(strand, None)
    variable.pruned = max(_SEEN_WORTH_PRUNING, 2 * len(variable.seen))


# --- places --------------------------------------------------------------------------------

_LOOP_CODE = VirtualLoop._run.__code__
_LIBRARIES = (
    *(
        f"{Path(inspect.getfile(package)).parent}{os.sep}"
        for package in (asyncio, concurrent.futures)
    ),
    *(inspect.getfile(module) for module in (queue, threading)),
    f"{Path(__file__).parents[2]}{os.sep}",
    "<",
)
"""How the names of files begin whose code no report should blame."""
_INSTALLED = f"{os.sep}site-packages{os.sep}"


def _stack() -> _RawStack:
    """The frames of who accesses, innermost first: code and position, to be read later."""
    stack: _RawStack = []
    frame: FrameType | None = sys._getframe(2)
    for _ in range(_STACK_MAX):
        if frame is None or (code := frame.f_code) is _LOOP_CODE:
            break
        stack.append((code, frame.f_lasti))
        frame = frame.f_back
    return stack


def _users(stack: _RawStack) -> list[tuple[CodeType, int]]:
    """The frames of the user's code; those of installed packages only if there are no others."""
    all_of_them = [entry for entry in stack if not entry[0].co_filename.startswith(_LIBRARIES)]
    own = [entry for entry in all_of_them if _INSTALLED not in entry[0].co_filename]
    return own or all_of_them


def _access(touch: Touch) -> Access:
    frames = [
        (f"{code.co_filename}:{_line(code, position)}", code.co_name)
        for code, position in _users(touch.stack)
    ][:_SHOWN_MAX]
    return Access(
        lane=touch.step.strand.name,
        kind=touch.kind,
        place=frames[0][0] if frames else "",
        stack=tuple(f"{place} in {function}" for place, function in frames),
        time_ns=touch.time_ns,
    )


@lru_cache(maxsize=4096)
def _line(code: CodeType, position: int) -> int:
    lines: Any = code.co_lines()
    return next(
        (line for start, end, line in lines if line is not None and start <= position < end),
        code.co_firstlineno,
    )
