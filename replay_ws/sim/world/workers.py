"""Worker threads of anyio, inside a run: their functions run on the loop's own thread.

``anyio.to_thread.run_sync`` starts threads of its own, behind the back of ``run_in_executor``.
Where the threads of a run are not managed it goes that way too: a step of its own, with the
caller's context variables, its limiter and its cancel scopes. What such a function asks of the
loop through ``anyio.from_thread`` needs a thread that can wait, so a managed one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

from replay_ws.sim.world.patches import Patch, patched

_MODULE = "anyio._backends._asyncio"
_METHOD = "run_sync_in_worker_thread"


class InlineWorkers:
    """While open anyio's functions for threads run inline, also if anyio is imported meanwhile."""

    def __init__(self) -> None:
        self._patched = ExitStack()

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        self.withdraw()

    def install(self) -> None:
        """Called whenever a module may be there that was not there before."""
        self.withdraw()
        backend = getattr(sys.modules.get(_MODULE), "AsyncIOBackend", None)
        if _METHOD in vars(backend or object):  # it is no part of anyio's public interface
            patch = Patch(backend, _METHOD, classmethod(_run_inline))
            self._patched.enter_context(patched([patch]))

    def withdraw(self) -> None:
        """Give anyio its own way again."""
        self._patched.close()


async def _run_inline(
    backend: Any,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    abandon_on_cancel: bool = False,
    limiter: Any = None,
) -> Any:
    from anyio import CancelScope

    await backend.checkpoint()
    async with limiter or backend.current_default_thread_limiter():
        with CancelScope(shield=not abandon_on_cancel):
            return await asyncio.get_running_loop().run_in_executor(None, func, *args)
