"""The codemod on disk: which files are looked at, how they are read, and written whole or not."""

from __future__ import annotations

import difflib
import io
import os
import re
import shutil
import tempfile
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

from replay_ws.errors import ConfigError, SourceError
from replay_ws.legacy.migration.model import Migrated
from replay_ws.legacy.migration.sources import migrate_source
from replay_ws.report.migration import MigratedFile

SKIPPED = frozenset({"__pycache__", "__pypackages__", "node_modules", "site-packages"})
"""Folders that hold no sources of the user's own, beside hidden ones and environments."""

SIZE_MAX = 2_000_000
WORTH_READING = re.compile(rb"websocket|mock\w*manager|bridge", re.IGNORECASE)


def sources(paths: Iterable[Path]) -> list[Path]:
    """The files that ``paths`` name: themselves, and the Python files below folders.

    Links inside of folders are not followed: what they lead to is found where it lives. Raises
    ConfigError for a path that does not exist.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise ConfigError("no such file or folder", where=str(path), mend="check the path")
        for file in _below(path) if path.is_dir() else [path]:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_skipped(Path(root, name)))
        files = (Path(root, name) for name in sorted(names) if name.endswith(".py"))
        yield from (file for file in files if file.is_file() and not file.is_symlink())


def _is_skipped(folder: Path) -> bool:
    name = folder.name
    return name in SKIPPED or name.startswith(".") or (folder / "pyvenv.cfg").exists()


def migrate_file(path: Path, *, write: bool) -> MigratedFile:
    """What becomes of one file, and the change itself if ``write``.

    What cannot be read, parsed or written is told as ``trouble``, and stays untouched.
    """
    try:
        data = path.read_bytes()
        if len(data) > SIZE_MAX:
            return MigratedFile(str(path), trouble=f"it is larger than {SIZE_MAX:,} bytes")
        if not WORTH_READING.search(data):
            return MigratedFile(str(path))
        encoding = _encoding(data)
        migrated = migrate_source(data.decode(encoding))
        if write and migrated.changed:
            _replace(path, data, migrated.after.encode(encoding))
    except SourceError as error:
        return MigratedFile(str(path), trouble=error.what)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return MigratedFile(str(path), trouble=f"it is not {error.encoding}, line {line}")
    except OSError as error:
        return MigratedFile(str(path), trouble=error.strerror or str(error))
    return MigratedFile(str(path), migrated.findings, tuple(_diff(path, migrated)))


def _encoding(data: bytes) -> str:
    """The encoding that a source declares (PEP 263), with its byte order mark."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        raise SourceError(f"it has no valid encoding: {error.msg}, line 1") from None
    return encoding


def _diff(path: Path, migrated: Migrated) -> Iterator[str]:
    before, after = migrated.before.splitlines(), migrated.after.splitlines()
    return difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm="")


def _replace(path: Path, before: bytes, after: bytes) -> None:
    """Put ``after`` in the place of ``before``, at once and with its mode; links stay links."""
    target = path.resolve()
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(target, name)
        if target.read_bytes() != before:
            raise SourceError("it changed while it was read: run this again")
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
