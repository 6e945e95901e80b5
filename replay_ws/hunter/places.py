"""Where the user's code stands at steps and timers of a run, from a run that is watched."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterable, Sequence
from types import FrameType

from replay_ws.hunter.targets import Runner
from replay_ws.running import Conditions
from replay_ws.sim.deadlock import await_chain
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.lanes import Lane
from replay_ws.sim.places import is_installed, is_library
from replay_ws.sim.trace import task_of
from replay_ws.text import clean

Key = tuple[str, str, int]
"""A ``step`` or a ``timer``, of the lane with that path, the nth from 0."""

Place = tuple[str, str]
"""``app.py:12 in Conductor.run``, and that line."""


def places_of(runner: Runner, conditions: Conditions, wanted: Iterable[Key]) -> dict[Key, Place]:
    """The innermost lines of the user's own at what is ``wanted``; of callbacks there are none."""
    watch = _Watch(set(wanted))
    if watch.wanted:
        for _ in runner([conditions], [watch]):
            pass
    return watch.places


class _Watch:
    """Notes where tasks stand at the steps and timers that are ``wanted``, as an observer."""

    def __init__(self, wanted: set[Key]) -> None:
        self.wanted = wanted
        self.places: dict[Key, Place] = {}

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        """An observer's; nothing to do."""

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        key: Key = ("step", lane.path, lane.steps - 1)
        if key in self.wanted and (task := task_of(handle)) is not None:
            self._note(key, list(reversed(await_chain(task))))

    def armed(self, timer: Timer) -> None:
        if timer.origin is None:
            return
        lane, nth, _ = timer.origin
        key: Key = ("timer", lane.path, nth)
        if key in self.wanted:
            frames: list[FrameType] = []
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:
                frames.append(frame)
                frame = frame.f_back
            self._note(key, frames)

    def _note(self, key: tuple[str, str, int], frames: Sequence[FrameType]) -> None:
        """The innermost of ``frames`` that is the user's own."""
        for frame in frames:
            path, line = frame.f_code.co_filename, frame.f_lineno
            if not is_library(frame) and not is_installed(path):
                code = linecache.getline(path, line).strip()
                name = path.replace("\\", "/").rpartition("/")[2]
                place = f"{name}:{line} in {frame.f_code.co_qualname}"
                self.places.setdefault(key, (place, clean(code)))
                return
