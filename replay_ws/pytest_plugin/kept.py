"""Sessions of tests, kept as files: of those that failed, and those that may become goldens."""

from __future__ import annotations

import re
import shutil
from hashlib import sha256
from pathlib import Path

from replay_ws.api import save
from replay_ws.session import Session

_SLUG_MAX = 80


def keep_failed(folder: Path, nodeid: str, session: Session, texts: dict[str, str]) -> Path:
    """Keep what a failed test left, ``texts`` by file name; returns the path of its session."""
    place = _place(_made(folder), nodeid)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name, text in texts.items():
        (place / name).write_text(f"{text}\n", "utf-8")
    save(session, place / "session.rws")
    return place / "session.rws"


def path_of_failed(folder: Path, nodeid: str) -> Path:
    """Where ``keep_failed`` puts the session."""
    return _place(folder, nodeid) / "session.rws"


def forget_failed(folder: Path, nodeid: str) -> None:
    """Remove what an earlier failure of a test left, now that it passes."""
    if folder.is_dir():
        shutil.rmtree(_place(folder, nodeid), ignore_errors=True)


def propose(folder: Path, name: str, nodeid: str, session: Session) -> Path:
    """Keep a session that may become the golden ``name``."""
    place = _made(folder) / "proposed" / f"{_slug(name + '@' + nodeid)}.rws"
    place.parent.mkdir(parents=True, exist_ok=True)
    save(session, place)
    return place


def _place(folder: Path, nodeid: str) -> Path:
    return folder / "failed" / _slug(nodeid)


def _made(folder: Path) -> Path:
    """``folder``, which git does not see."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", "utf-8")
    return folder


def _slug(nodeid: str) -> str:
    """A file name that a reader recognises and no other test has."""
    words = re.sub(r"[^\w=.+-]+", "_", nodeid)[-_SLUG_MAX:].strip("_")
    return f"{words}-{sha256(nodeid.encode()).hexdigest()[:8]}"
