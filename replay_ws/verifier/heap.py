"""Another history of the heap, so that one program gets other addresses.

``id()`` is an address, and so is the hash of an object without ``__hash__``. In a fresh process the
addresses are much the same every time: that is how a test passes alone and fails in the suite.

CPython takes small objects from pools, one size each. A new pool hands out its blocks upwards; a
used one hands out first what was freed last. So blocks of every size fill what holes there are, and
the objects of the first run come mostly from new pools, one above the other. Then most blocks are
freed in an order of chance, and the objects of the next run come in that order; one in so many
stays, or its pool would be given back and be new again. A set of two objects may still have the
same order in both runs, as chance has it; a set of five hardly ever.
"""

from __future__ import annotations

import contextlib
import gc
import random
from collections.abc import Callable, Iterator
from functools import partial

_BYTES_SIZE = 33  # what a bytes object takes besides its content
_KINDS: tuple[Callable[[], object], ...] = (object, float, dict, list)
_SIZES = range(48, 513, 16)
_BLOCKS = 4096
_STAYS_ONE_IN = 16


class Heap:
    """Blocks of memory, that are held as long as this object lives."""

    def __init__(self) -> None:
        makers: list[Callable[[], object]] = [
            *_KINDS,
            *(partial(bytes, size - _BYTES_SIZE) for size in _SIZES),
        ]
        self._blocks: list[list[object]] = [[make() for _ in range(_BLOCKS)] for make in makers]

    @contextlib.contextmanager
    def stirred(self) -> Iterator[None]:
        """While open, objects have other addresses, and the collector comes at other times."""
        order = list(range(_BLOCKS))
        random.Random(0).shuffle(order)
        for blocks in self._blocks:
            for number in order[_BLOCKS // _STAYS_ONE_IN :]:
                blocks[number] = None
        thresholds = gc.get_threshold()
        gc.set_threshold(thresholds[0] * 2 // 3, *thresholds[1:])
        try:
            yield
        finally:
            gc.set_threshold(*thresholds)
