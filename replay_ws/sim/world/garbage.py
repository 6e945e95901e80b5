"""Cyclic garbage is looked for at fixed turns of a run only, and in its own objects only.

A collection runs finalizers and weak references' callbacks, so when it runs is part of a program's
story; left to itself that depends on everything the process ever allocated. What exists before the
run is set aside for its time, which also makes a collection cost what the run itself allocated.

What is set aside and taken back is the oldest generation, and Python's own rule for looking through
that one never hears of it. Its rule is ours, then: when what is allocated has grown by a quarter.
An exception that is being raised holds its whole run, so that failing runs leave much behind.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator

from replay_ws.sim.loop import VirtualLoop

# Python 3.12 freezes some hundred objects when it starts; who freezes, freezes whole programs.
_FROZEN_BY_PYTHON_MAX = 2_000

_RUNS_PER_LOOK = 64

_runs = 0
_blocks_kept = 0
"""How many blocks of memory were in use after everything was last looked through."""


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
        (gc.enable if was_enabled else gc.disable)()  # the program may have said otherwise


def _collect_after_run() -> None:
    global _runs, _blocks_kept
    gc.collect()  # while there is little to look at
    gc.unfreeze()
    _runs += 1
    if _runs % _RUNS_PER_LOOK == 0 and sys.getallocatedblocks() > _blocks_kept * 5 // 4:
        gc.collect()
        _blocks_kept = sys.getallocatedblocks()
