"""What of the process is another while a program runs, for one run or for many.

To enter this world costs more than a small run. Runs of one program that follow each other can
share it: each begins with new draws and a new clock, and with every name that the one before has
replaced as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Self

from replay_ws.clock import EPOCH_UNIX_NS
from replay_ws.sim.world.boundary import guards
from replay_ws.sim.world.entropy import Entropy
from replay_ws.sim.world.imports import imports_outside
from replay_ws.sim.world.ordered import ordered_sets
from replay_ws.sim.world.patches import Patched, patched
from replay_ws.sim.world.tape import Words
from replay_ws.sim.world.wallclock import Clock, virtual_clock
from replay_ws.sim.world.workers import InlineWorkers


class World:
    """The world of the runs of ``program``.

    The first run enters it. It is left when that run ends or, used as a context manager, when that
    is closed. ``inlines_workers`` where nobody manages the threads of the program.
    """

    def __init__(self, program: Callable[..., object], *, inlines_workers: bool) -> None:
        self._program = program
        self._inlines_workers = inlines_workers
        self._lasts = False
        self._edges = ExitStack()
        self._names: list[Patched] = []
        self._parts: tuple[Entropy, Clock] | None = None
        self._workers: list[InlineWorkers] = []

    def __enter__(self) -> Self:
        self._lasts = True
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    @contextmanager
    def shown(self, words: Words, time_ns: Callable[[], int]) -> Iterator[None]:
        """While open, it is the world of a run with these words and clock, that begins now."""
        try:
            if self._parts is None:
                self._begin(words, time_ns)
                self._enter()
            else:
                self._restart(self._parts, words, time_ns)
            yield
        finally:
            if not self._lasts:
                self._leave()

    @contextmanager
    def shown_again(self, words: Words, time_ns: Callable[[], int]) -> Iterator[None]:
        """While open, it is the world of one run, whose draws go on where they were."""
        if self._parts is None:
            self._begin(words, time_ns)
        try:
            self._enter()
            yield
        finally:
            self._edges.close()

    @property
    def parts(self) -> Sequence[Entropy | Clock]:
        """What differs from thread to thread."""
        assert self._parts is not None
        return self._parts

    def _begin(self, words: Words, time_ns: Callable[[], int]) -> None:
        entropy = Entropy(words, self._program)
        self._parts = entropy, virtual_clock(time_ns, EPOCH_UNIX_NS, self._program)
        self._workers = [InlineWorkers()] if self._inlines_workers else []

    def _enter(self) -> None:
        enter = self._edges.enter_context
        self._names = [enter(guards()), enter(patched(ordered_sets()))]
        edges = [*self.parts, *self._workers]
        for edge in edges:
            enter(edge)
        enter(imports_outside(edges))

    def _restart(
        self, parts: tuple[Entropy, Clock], words: Words, time_ns: Callable[[], int]
    ) -> None:
        for names in self._names:
            names.renew()
        parts[0].restart(words)
        parts[1].restart(time_ns)
        for workers in self._workers:
            workers.install()

    def _leave(self) -> None:
        self._parts = None
        self._edges.close()
