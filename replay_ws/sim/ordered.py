"""asyncio's own sets, in the order in which they were made.

``as_completed`` puts what it is given into a set, and coroutines hash by their address; the tasks
made from them would be created in another order in each run. Tasks and futures of a virtual loop
hash by number, so a set of them is as good as a list if it is always filled in one order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

from replay_ws.sim.patches import Patch
from replay_ws.sim.tasks import in_creation_order


def ordered_sets() -> Iterator[Patch]:
    """What to patch while a virtual loop runs; other loops are none the worse for it."""
    # The name that asyncio.tasks uses, so that a function that was imported from there, under
    # whatever name, is reached as well.
    yield Patch(asyncio.tasks, "set", _ordered_set)
    for module in (asyncio, asyncio.tasks):
        yield Patch(module, "all_tasks", _all_tasks)


_stock_all_tasks = asyncio.all_tasks


def _ordered_set(members: Iterable[Any] = ()) -> Any:
    """``set(members)``; where a member is no future, a set-like view in the order given."""
    unique = dict.fromkeys(members)
    return set(unique) if all(map(asyncio.isfuture, unique)) else unique.keys()


def _all_tasks(loop: asyncio.AbstractEventLoop | None = None) -> set[asyncio.Task[Any]]:
    return set(in_creation_order(_stock_all_tasks(loop)))
