"""Two opposite histories of the heap, so that one program gets other addresses in each.

``id()`` is an address, and so is the hash of an object without ``__hash__``. In a fresh process the
addresses are much the same every time: that is how a test passes alone and fails in the suite.

CPython takes small objects from pools, one size each. A new pool hands out its blocks upwards; a
used one hands out first what was freed last. So blocks of every size fill what holes there are, and
the objects of the first run come from new pools, one above the other. Then most blocks are freed
from the bottom up, and the objects of the next run come one below the other. One block in so many
stays, or the pool would be given back and be new again.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator

_BYTES_SIZE = 33  # what a bytes object takes besides its content
_KINDS: tuple[Callable[[], object], ...] = (object, float, dict, list)
_SIZES = range(48, 513, 16)
_BLOCKS = 4096
_STAYS_ONE_IN = 16


class Heap:
    """Blocks of memory, that are held as long as this object lives."""

    def __init__(self) -> None:
        self._blocks = [[bytes(size - _BYTES_SIZE) for _ in range(_BLOCKS)] for size in _SIZES]
        self._objects = [[kind() for _ in range(_BLOCKS)] for kind in _KINDS]

    @contextlib.contextmanager
    def turned(self) -> Iterator[None]:
        """While open, objects have other addresses, and the collector comes at other times."""
        for blocks in (*self._blocks, *self._objects):
            _make_holes(blocks)  # type: ignore[arg-type]  # a list of blocks, whatever they are
        thresholds = gc.get_threshold()
        gc.set_threshold(thresholds[0] * 2 // 3, *thresholds[1:])
        try:
            yield
        finally:
            gc.set_threshold(*thresholds)


def _make_holes(blocks: list[object]) -> None:
    """Free most of ``blocks``, the lowest address first."""
    blocks.sort(key=id)
    for number in range(len(blocks)):
        if number % _STAYS_ONE_IN:
            blocks[number] = None
