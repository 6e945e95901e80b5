"""A managed thread is of the run that started it, and sees its clocks and its chance."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from replay_ws.sim.world.patches import Patch, patched

_STARTS = ("_start_new_thread", "_start_joinable_thread")  # the second from Python 3.13 on


class Edge(Protocol):
    """A part of the run's world that differs from thread to thread."""

    @property
    def is_here(self) -> bool:
        """Whether the current thread sees it."""
        ...

    def enter_thread(self) -> None:
        """From now on the current thread sees it."""
        ...


@contextmanager
def shared_with_threads(edges: Sequence[Edge]) -> Iterator[None]:
    """While open, a thread sees those of ``edges`` that the thread which starts it sees."""

    def sharing(start: Callable[..., Any]) -> Callable[..., Any]:
        def start_sharing(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
            shared = [edge for edge in edges if edge.is_here]

            def run(*args: Any, **options: Any) -> None:
                for edge in shared:
                    edge.enter_thread()
                function(*args, **options)

            return start(run, *args, **options)

        return start_sharing

    starts = [name for name in _STARTS if hasattr(threading, name)]
    with patched([Patch(threading, name, sharing(getattr(threading, name))) for name in starts]):
        yield
