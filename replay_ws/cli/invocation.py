"""How ``replay-ws`` is called here, where it is not on the path too."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def invocation(near: Path | None = None) -> tuple[str, ...]:
    """The words that call ``replay-ws``: its name if a shell finds that, else a path.

    The path is relative if it leads down from ``near``.
    """
    if shutil.which("replay-ws"):
        return ("replay-ws",)
    script = shutil.which("replay-ws", path=str(Path(sys.executable).parent))
    if script:
        return (_seen_from(near, script),)
    return (_seen_from(near, sys.executable), "-m", "replay_ws")


def _seen_from(near: Path | None, path: str) -> str:
    if near is not None and Path(path).is_relative_to(near):
        return str(Path(path).relative_to(near))
    return path
