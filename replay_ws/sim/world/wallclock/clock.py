"""Puts the clocks of a run in place, and takes them away.

Theory of operation. Stand-ins for the functions of ``time`` and for ``datetime`` and ``date`` are
made once. While a run lasts, the names of those things are bound to them, in their own modules and
in every module that has an alias. A stand-in asks whether its thread is one of the run, so that
other threads keep real time; the modules that wait in host time, such as asyncio's stock loops,
keep it everywhere.

freezegun is not what does this: its start and stop look through all modules anew each time, 3 to 5
ms against some 10 us here, it shows one frozen time to all threads, knows microseconds only, has
its own kind of datetime in what a program keeps, and time-machine refuses to start beside it.
It is a guest instead, see ``guests``.

Limits: an alias that is not a name of a module (a default argument, a class attribute, a value in
a container) stays real, and so do clocks read in C, such as uvloop's.
"""

from __future__ import annotations

import copyreg
import functools
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

from replay_ws.sim.world.aliases import Alias, Aliases, globals_of, show_reals, show_stand_ins
from replay_ws.sim.world.patches import Patch, patched
from replay_ws.sim.world.wallclock.dates import DATES, PICKLING
from replay_ws.sim.world.wallclock.functions import STEADY_FUNCTIONS, WALL_FUNCTIONS, Reading, here
from replay_ws.sim.world.wallclock.guests import blocks, is_frozen, is_travelling, watched

CLOCKS = Aliases((*STEADY_FUNCTIONS, *WALL_FUNCTIONS, *DATES), homes=("time", "datetime"))
_STEADY = {id(pair.real) for pair in STEADY_FUNCTIONS}

_REALS = {pair.real.__name__: pair.real for pair in (*STEADY_FUNCTIONS, *WALL_FUNCTIONS)}
_HOST_TIME = SimpleNamespace(**vars(time) | _REALS)
_WAITS_IN_HOST_TIME = ("asyncio.base_events", "multiprocessing.connection")

_at_work: list[Clock] = []
"""The runs that show the stand-ins, which may overlap if they are in several threads."""


class Clock:
    """The clocks of one run."""

    def __init__(self, reading: Reading, program: Callable[..., object]) -> None:
        self._reading = reading
        self._globals = globals_of(program)
        self._own: list[Alias] = []
        self._outer: Reading | None = None
        self._names = patched(())

    def restart(self, time_ns: Callable[[], int]) -> None:
        """Show the time of another run."""
        self._reading = here.reading = self._reading._replace(time_ns=time_ns)
        self._names.renew()

    def __enter__(self) -> Clock:
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        self.withdraw()

    @property
    def is_here(self) -> bool:
        """Whether the current thread has the time of the run."""
        return here.reading is self._reading

    def enter_thread(self) -> None:
        """From now on the current thread has the time of the run."""
        here.reading = self._reading

    def install(self) -> None:
        """Show virtual time, in the current thread."""
        self._outer, here.reading = here.reading, self._reading
        # The module of a program may still be loading, or have changed since.
        self._own = CLOCKS.among(self._globals)
        self._names = patched(_patches())
        self._names.__enter__()
        _at_work.append(self)
        _show()

    def withdraw(self) -> None:
        """Show real time."""
        if len(_at_work) == 1:
            _hide()
        _at_work.remove(self)
        self._names.__exit__(None, None, None)
        here.reading, self._outer = self._outer, None

    @property
    def aliases(self) -> list[Alias]:
        """All names of clocks that there are; while freezegun is at work they are its own."""
        return [] if is_frozen() else [*CLOCKS.everywhere(), *self._own]


def _patches() -> Iterator[Patch]:
    for name in _WAITS_IN_HOST_TIME:
        if (module := sys.modules.get(name)) is not None:
            yield Patch(module, "time", _HOST_TIME)
    for block in blocks():
        yield from _watched(block)


@functools.cache
def _watched(block: type) -> tuple[Patch, ...]:
    return tuple(watched(block, _hide, _show))


def _show() -> None:
    """Bind the names to the stand-ins, as far as no guest is at work."""
    for clock in _at_work:
        aliases = clock.aliases
        if is_travelling():
            aliases = [alias for alias in aliases if id(alias.real) in _STEADY]
        elif aliases:
            copyreg.dispatch_table.update(PICKLING)
        show_stand_ins(aliases)


def _hide() -> None:
    for clock in _at_work:
        show_reals(clock.aliases)
    for kind, reduce in PICKLING.items():
        if copyreg.dispatch_table.get(kind) is reduce:
            del copyreg.dispatch_table[kind]


def virtual_clock(
    time_ns: Callable[[], int], epoch_unix_ns: int, program: Callable[..., object]
) -> Clock:
    """While open, the clocks of the current thread show virtual time.

    ``time_ns`` counts from 0, at which the wall clock shows ``epoch_unix_ns`` nanoseconds of Unix
    time. The module of ``program`` is looked through for aliases each time, others when they are
    new. Processor time stays real.
    """
    return Clock(Reading(time_ns, epoch_unix_ns), program)
