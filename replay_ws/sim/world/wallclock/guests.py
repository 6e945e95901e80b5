"""Other libraries that replace the clocks: theirs win for as long as they are at work.

A block of freezegun or time-machine, inside a run or around it, shows what it shows outside of
runs. Such a library must find the real functions when it starts: freezegun looks for them in all
modules, and time-machine writes into their C structures. So the run's clocks step aside before a
block starts or stops, and come back when no block is left.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

from replay_ws.sim.world.patches import Patch


def is_frozen() -> bool:
    """Whether freezegun is at work, which replaces all clocks."""
    api: Any = sys.modules.get("freezegun.api")
    return bool(api is not None and api.freeze_factories)


def is_travelling() -> bool:
    """Whether time-machine is at work, which replaces the wall clock only."""
    library: Any = sys.modules.get("time_machine")
    return bool(library is not None and library.escape_hatch.is_travelling())


def blocks() -> Iterator[type]:
    """The classes of what such libraries start and stop."""
    freezegun: Any = sys.modules.get("freezegun")
    if freezegun is not None:
        yield _class_of_blocks(freezegun.freeze_time)
    time_machine: Any = sys.modules.get("time_machine")
    if time_machine is not None:
        yield time_machine.travel


def watched(
    block: type, step_aside: Callable[[], None], come_back: Callable[[], None]
) -> Iterator[Patch]:
    """Tell when a block starts or stops: before it does, and after it did."""

    def around(theirs: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(theirs)
        def start_or_stop(*args: Any, **options: Any) -> Any:
            step_aside()
            try:
                return theirs(*args, **options)
            finally:
                come_back()

        return start_or_stop

    for name in ("start", "stop"):
        yield Patch(block, name, around(vars(block)[name]))


@functools.cache
def _class_of_blocks(freeze_time: Callable[[str], object]) -> type:
    return type(freeze_time("1970-01-01"))
