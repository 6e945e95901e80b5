"""What a report calls the user's own code: its names, and its places as ``file:line``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType

_INSTALLED = ("site-packages", "dist-packages")
_STANDARD = (str(Path(os.__file__).parent), "<frozen")
_LIBRARIES = ("asyncio", "replay_ws")
_MACHINERY = "replay_ws.sim."


def is_library(frame: FrameType) -> bool:
    """Whether ``frame`` runs code of asyncio or of replay_ws, which no report should blame."""
    return package_of(frame) in _LIBRARIES


def is_machinery(frame: FrameType) -> bool:
    """Whether ``frame`` belongs to the loop and its runner, of which a reader never thinks."""
    return _module_of(frame).startswith(_MACHINERY)


def package_of(frame: FrameType) -> str:
    """The top-level package of the code that ``frame`` runs."""
    return _module_of(frame).partition(".")[0]


def place_of(frame: FrameType) -> str:
    """The line that ``frame`` stands on."""
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def is_installed(path: str) -> bool:
    """Whether a file of code belongs to a package that somebody installed."""
    return any(part in path for part in _INSTALLED)


def place_of_caller(frame: FrameType | None) -> str:
    """The innermost line of the user's code in the stack under ``frame``; ``""`` if none.

    A line outside of the loop is a last resort.
    """
    frames = list(_stack(frame))
    inside = next((i for i, frame in enumerate(frames) if _is_loop(frame)), len(frames))
    return place_among(frames[:inside]) or place_among(frames[inside:])


def place_among(frames: Iterable[FrameType]) -> str:
    """The first line of ``frames`` that is the user's; ``""`` if none.

    Their own line rather than one of a package that they installed, and that rather than one of
    the standard library.
    """
    installed = standard = ""
    for frame in frames:
        path = frame.f_code.co_filename
        if is_library(frame):
            continue
        if is_installed(path):
            installed = installed or place_of(frame)
        elif path.startswith(_STANDARD):
            standard = standard or place_of(frame)
        else:
            return place_of(frame)
    return installed or standard


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_loop(frame: FrameType) -> bool:
    return frame.f_code.co_name == "_run" and _module_of(frame) == "replay_ws.sim.loop"


def name_of(thing: object) -> str:
    """The name of a callable or a generator; ``repr`` would show an address."""
    return getattr(thing, "__qualname__", None) or type(thing).__qualname__


def _module_of(frame: FrameType) -> str:
    module: str = frame.f_globals.get("__name__", "")
    return module
