"""Tasks that know their place in the order of creation.

asyncio keeps tasks in sets: TaskGroup cancels its children in set order, ``wait`` subscribes
in it, ``all_tasks`` returns one. A stock task hashes by its address, so that order changes
with the history of the heap: the same test passes alone and fails in the full suite. A
``VirtualTask`` hashes by its creation number instead, and numbers start anew in every loop.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any


class VirtualTask(asyncio.Task[Any]):
    """An asyncio task that hashes by ``number``, its place in its loop's creation order."""

    __slots__ = ("number",)

    def __init__(self, number: int, coroutine: Any, **options: Any) -> None:
        # First of all: asyncio puts the task into a set while it initialises it.
        self.number = number
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self.number


def in_creation_order(tasks: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """``tasks`` as they were created; those of a foreign task factory come last, by name."""
    return sorted(tasks, key=lambda task: (getattr(task, "number", sys.maxsize), task.get_name()))
