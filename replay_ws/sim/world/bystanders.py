"""The functions of ``random`` where other threads of the process use them too.

They share one generator, which in a run is the run's: what another thread drew meanwhile would
move all that the program draws after it. A worker of a cluster has such threads, and a server that
a fixture started. So, while there are any, each function asks which thread calls: one of a run
draws as ever, all others from a generator of their own.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

from replay_ws.sim.world.aliases import Aliases, StandIn
from replay_ws.sim.world.patches import Patch

_generator = random.Random()


class Bystanders:
    """``patches`` and ``aliases`` that keep other threads out of the generator of a run."""

    def __init__(self, is_in_run: Callable[[], bool], **of_runs: Callable[..., Any]) -> None:
        """``of_runs`` are functions that have a stand-in in runs already, by name."""
        named = vars(random)
        apart = {
            name: _asking(is_in_run, of_runs.get(name, named[name]), getattr(_generator, name))
            for name in _methods()
        }
        self.patches = tuple(Patch(random, name, function) for name, function in apart.items())
        self.aliases = Aliases(StandIn(named[name], function) for name, function in apart.items())


def _methods() -> Iterator[str]:
    """The functions that are methods of the one generator."""
    shared = random.random.__self__  # type: ignore[attr-defined]
    return (name for name, value in vars(random).items() if _owner(value) is shared)


def _owner(value: Any) -> Any:
    return getattr(value, "__self__", None)


def _asking(
    is_in_run: Callable[[], bool], of_run: Callable[..., Any], of_others: Callable[..., Any]
) -> Callable[..., Any]:
    @functools.wraps(of_run)
    def function(*args: Any, **options: Any) -> Any:
        return (of_run if is_in_run() else of_others)(*args, **options)

    return function
