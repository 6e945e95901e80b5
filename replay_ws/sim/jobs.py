"""Functions given to an executor, run on the loop's own thread as steps of lanes of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from replay_ws.sim.schedule import Lane


class Job:
    """``function(*args)``, and the future that its result completes."""

    __slots__ = ("_args", "_function", "future", "lane")

    def __init__(
        self,
        future: asyncio.Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        lane: Lane | None,
    ) -> None:
        self.future = future
        self.lane = lane
        self._function = function
        self._args = args

    def run(self) -> None:
        """Run it as a thread would: there is no running loop."""
        future = self.future
        if future.done():  # cancelled before its turn
            return
        loop = future.get_loop()
        asyncio._set_running_loop(None)
        try:
            result = self._function(*self._args)
        except StopIteration as error:
            # Raised through a coroutine it would end that coroutine (PEP 479).
            wrapped = RuntimeError("a function in an executor raised StopIteration")
            wrapped.__cause__ = error
            future.set_exception(wrapped)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        finally:
            asyncio._set_running_loop(loop)
