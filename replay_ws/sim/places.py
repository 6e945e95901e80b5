"""What a report calls the user's own code: its names, and its places as ``file:line``."""

from __future__ import annotations

from types import FrameType

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


def place_of_caller(frame: FrameType | None) -> str:
    """The innermost line of the user's code in the stack under ``frame``; ``""`` if none."""
    while frame is not None:
        if not is_library(frame):
            return place_of(frame)
        frame = frame.f_back
    return ""


def name_of(thing: object) -> str:
    """The name of a callable or a generator; ``repr`` would show an address."""
    return getattr(thing, "__qualname__", None) or type(thing).__qualname__


def _module_of(frame: FrameType) -> str:
    module: str = frame.f_globals.get("__name__", "")
    return module
