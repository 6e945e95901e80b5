"""Python's collector of cyclic garbage, at rest while much is built that holds no cycle.

It looks through all objects again whenever a quarter has been added, and finds nothing: for a long
comparison that is a quarter of the time.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def at_rest() -> Iterator[None]:
    """No garbage is looked for; not for long, for that holds for the whole process."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
