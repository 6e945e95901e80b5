"""Every line of chosen files a sync point, so that races between sync points come into the open.

``counter += 1`` on two lines is lost now and then by real threads, and never by threads that take
turns at locks alone. Python tells of each line: from 3.12 on by ``sys.monitoring``, for all threads
at once and at no cost for other files, before that by a trace function in each thread.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from functools import cache
from types import CodeType, FrameType
from typing import Any

from replay_ws.errors import ConfigError
from replay_ws.sim.threads.actors import sync_point

_TOOLS = range(3, 6)  # of sys.monitoring; the ones below are those of debuggers and profilers


class Lines:
    """The lines of files that ``patterns`` name: paths, whole or from the right, with ``*``."""

    def __init__(self, patterns: Sequence[str | os.PathLike[str]]) -> None:
        self._patterns = [os.fspath(pattern) for pattern in patterns]
        self._unseen = set(self._patterns)
        self.are_chosen = cache(self._are_chosen)

    def require_seen(self) -> None:
        """Raises ConfigError for a pattern of which no line was run."""
        for pattern in self._patterns:
            if pattern in self._unseen:
                raise ConfigError(
                    f"preempt names {pattern!r}, and no line of such a file was run",
                    mend="name files as their modules' __file__ does, or by the end of that",
                )

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """While open, they are sync points; a thread that begins calls ``enter_thread``."""
        if not self._patterns:
            yield
        elif sys.version_info >= (3, 12):
            with _monitored(self):
                yield
        else:
            before = sys.gettrace()
            self.enter_thread()
            try:
                yield
            finally:
                sys.settrace(before)

    def enter_thread(self) -> None:
        """Called in a new thread."""
        if self._patterns and sys.version_info < (3, 12):
            sys.settrace(_tracer(self, sys.gettrace()))

    def _are_chosen(self, path: str) -> bool:
        fits = [
            pattern
            for pattern in self._patterns
            if fnmatch(path, pattern) or fnmatch(path, f"*/{pattern}")
        ]
        self._unseen.difference_update(fits)
        return bool(fits)


def _tracer(lines: Lines, other: Any) -> Any:
    """A trace function that leaves room for another, such as coverage's."""

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        others_local = other and other(frame, event, arg)
        if not lines.are_chosen(frame.f_code.co_filename):
            return others_local

        def trace_local(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal others_local
            others_local = others_local and others_local(frame, event, arg)
            if event == "line":
                sync_point()
            return trace_local

        return trace_local

    return trace


if sys.version_info >= (3, 12):
    from sys import monitoring

    @contextlib.contextmanager
    def _monitored(lines: Lines) -> Iterator[None]:
        tool = next((tool for tool in _TOOLS if monitoring.get_tool(tool) is None), None)
        if tool is None:
            raise ConfigError(
                "preempt needs sys.monitoring, and others use all of it",
                mend="run without the debugger, profiler or coverage that does",
            )

        def on_line(code: CodeType, line: int) -> object:
            if not lines.are_chosen(code.co_filename):
                return monitoring.DISABLE
            sync_point()
            return None

        monitoring.use_tool_id(tool, "replay_ws")
        try:
            monitoring.register_callback(tool, monitoring.events.LINE, on_line)
            monitoring.set_events(tool, monitoring.events.LINE)
            monitoring.restart_events()  # what an earlier run disabled may be chosen now
            yield
        finally:
            monitoring.set_events(tool, 0)
            monitoring.register_callback(tool, monitoring.events.LINE, None)
            monitoring.free_tool_id(tool)
