"""Cyclic garbage is looked for at fixed turns of a run only, and in its own objects only.

A collection runs finalizers and weak references' callbacks, so when it runs is part of a program's
story; left to itself that depends on everything the process ever allocated. What exists before the
run is set aside for its time, which also makes a collection cost what the run itself allocated.

What is set aside and taken back is the oldest generation, and Python's own rule for looking through
that one never hears of it. So we count what outlives its run (an exception that is being raised
holds the whole run) and look through everything when that has become much.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from replay_ws.sim.loop import VirtualLoop

# Python 3.12 freezes some hundred objects when it starts; who freezes, freezes whole programs.
_FROZEN_BY_PYTHON_MAX = 2_000

# Some hundred failed runs; to look through everything then costs each of them little.
_SURVIVORS_MAX = 20_000

_survivors = 0


@contextlib.contextmanager
def steady_collection(loop: VirtualLoop) -> Iterator[None]:
    """While open, ``loop`` collects at fixed turns, and nobody else does."""
    was_enabled = gc.isenabled()
    # What the user froze could not be told from ours afterwards.
    sets_aside = gc.get_freeze_count() <= _FROZEN_BY_PYTHON_MAX
    gc.disable()
    if sets_aside:
        gc.freeze()
    loop.collects_garbage = True
    try:
        yield
    finally:
        loop.collects_garbage = False
        if sets_aside:
            _collect_after_run()
        if was_enabled:
            gc.enable()


def _collect_after_run() -> None:
    global _survivors
    gc.collect()  # while there is little to look at
    _survivors += len(gc.get_objects())
    gc.unfreeze()
    if _survivors > _SURVIVORS_MAX:
        gc.collect()
        _survivors = 0
