"""asyncio's own sets, in the order in which they were filled.

A task group cancels its children in the order of a set, ``wait`` gives sets to its caller, and
``as_completed`` makes tasks from one. Tasks and futures of a virtual loop hash by number, but
coroutines, what ``gather`` returns and tasks of the user's own making hash by their address.
"""

from __future__ import annotations

import asyncio
import asyncio.taskgroups
from collections.abc import Iterable, Iterator
from typing import Any

from replay_ws.sim.tasks import in_creation_order
from replay_ws.sim.world.patches import Patch


def ordered_sets() -> Iterator[Patch]:
    """What to patch while a virtual loop runs; other loops are none the worse for it."""
    # The name that asyncio's modules use, so that a function that was imported from there, under
    # whatever name, is reached as well.
    for module in (asyncio.tasks, asyncio.taskgroups):
        yield Patch(module, "set", OrderedSet)
    for module in (asyncio, asyncio.tasks):
        yield Patch(module, "all_tasks", _all_tasks)


class OrderedSet(set[Any]):
    """A set that is iterated in the order in which its members came."""

    def __init__(self, members: Iterable[Any] = ()) -> None:
        self._places = dict.fromkeys(members)
        super().__init__(self._places)

    def add(self, member: Any) -> None:
        self._places[member] = None
        super().add(member)

    def discard(self, member: Any) -> None:
        self._places.pop(member, None)
        super().discard(member)

    def remove(self, member: Any) -> None:
        super().remove(member)
        self._places.pop(member, None)

    def pop(self) -> Any:
        for member in self:
            self.remove(member)
            return member
        return super().pop()

    def __iter__(self) -> Iterator[Any]:
        if self._places.keys() != self:  # it was changed as a whole, by |= and the like
            ordered = [member for member in self._places if member in self]
            self._places = dict.fromkeys([*ordered, *super().__iter__()])
        return iter(self._places)


_stock_all_tasks = asyncio.all_tasks


def _all_tasks(loop: asyncio.AbstractEventLoop | None = None) -> set[asyncio.Task[Any]]:
    return OrderedSet(in_creation_order(_stock_all_tasks(loop)))
