"""Where managed threads order their steps: what to patch while a run is followed.

All that threads wait for is made of the two locks in ``threads.primitives``, and whether it is a
condition, an event or a queue, its order is theirs. An event is looked at without its lock as well.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

from replay_ws.sim.races.causality import Causality
from replay_ws.sim.races.edges import Flag, after, before
from replay_ws.sim.world.patches import Patch


def thread_edges(causality: Causality) -> Iterator[Patch]:
    """Everything to patch so that ``causality`` hears of it; nothing if no threads are managed."""
    primitives: Any = sys.modules.get("replay_ws.sim.threads.primitives")
    if primitives is None or threading.Lock is not primitives.Lock:
        return
    release = causality.release_now
    yield _taking(primitives.Signal, "_acquire", causality)
    for lock in (primitives.Lock, primitives.Signal):
        yield before(lock, "release", release)
    seen_set = Flag("_flag", on_set=release, on_seen_set=causality.acquire)
    yield Patch(threading.Event, "_flag", seen_set)
    yield before(threading.Thread, "start", release)
    for name in ("join", "is_alive"):
        yield after(threading.Thread, name, causality.join)


def _taking(owner: type, name: str, causality: Causality) -> Patch:
    """For a lock's own way to get it: whoever did comes after who let it go."""
    original = getattr(owner, name)

    def take(self: Any, *args: Any, **options: Any) -> bool:
        has_it: bool = original(self, *args, **options)
        if has_it:
            causality.acquire(self, always=False)
        return has_it

    return Patch(owner, name, take)
