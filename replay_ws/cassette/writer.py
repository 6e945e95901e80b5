"""Writing a cassette: whole or not at all.

The bytes go to ``name.rws.partial``, which is created exclusively and so also claims the name for
one writer; only a complete file takes the name itself. Whatever stood there before is untouched
until then. A recording that was cut off leaves its ``.partial``, which ``replay-ws recover`` reads.
One whose program failed replaces nothing: where a file stands it goes to ``name.rws.failed``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from replay_ws.cassette.format import Buffer, SpanPacker, pack_log
from replay_ws.errors import CassetteError
from replay_ws.events.log import Log

PARTIAL = ".partial"
"""What a cassette's name ends with while it is being written."""

FAILED = ".failed"
"""What the name of a failed run's cassette ends with where a file has the name itself."""

FLUSH_INTERVAL_S = 0.02
"""Host time between two flushes of a recording; with a busy host it stays below 50 ms."""


def save(
    log: Log,
    path: str | PathLike[str],
    *,
    volatile: Mapping[str, Any] | None = None,
    durable: bool = False,
    suffix: str = PARTIAL,
) -> None:
    """Write ``log`` to ``path``; raises CassetteError and leaves nothing behind if it cannot.

    ``volatile`` holds facts outside the digest. ``durable`` waits until the file is on the disk.
    ``suffix`` names the file that is written meanwhile.
    """
    file = PartialFile(path, suffix)
    try:
        pack_log(log, file.write, volatile, file.where)
        file.commit(durable=durable)
    except BaseException:
        file.discard()
        raise


class PartialFile:
    """A file that takes its name when it is complete. Every method raises CassetteError."""

    def __init__(self, path: str | PathLike[str], suffix: str = PARTIAL) -> None:
        self.where = str(path)
        self._target = self._resolve(path)
        self.path = self._target.with_name(self._target.name + suffix)
        try:
            self._file = self.path.open("xb", buffering=0)
        except (OSError, ValueError) as error:
            raise self._refusal(error, began=False) from error

    def _resolve(self, path: str | PathLike[str]) -> Path:
        """The file behind ``path``: a link stays one. Refuses what is there and no file."""
        try:
            target = Path(os.path.realpath(path))  # Path.resolve() raises at a loop
            is_link, is_folder = target.is_symlink(), target.is_dir()
            is_other = target.exists() and not target.is_file()
        except (OSError, ValueError) as error:  # a name that no file can have
            what = f"the cassette cannot be written: {getattr(error, 'strerror', None) or error}"
            raise self._error(what, "check the name, or write elsewhere") from error
        if is_link or is_folder or is_other:
            others = "a link that leads to itself" if is_link else "not a regular file"
            kind = "a directory" if is_folder else others
            raise self._error(f"this is {kind}", "name a file that ends with .rws")
        return target

    def write(self, data: Buffer) -> None:
        """Append ``data``; a reader of the file sees it at once."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._refusal(error) from error

    def commit(self, *, durable: bool = False) -> None:
        """Give the file its name."""
        self._commit(self._target, durable)

    def commit_aside(self) -> Path:
        """Give the file its name if that is free, else the first free one with ``.failed``.

        Returns the name; beside the file that a link leads to if the name is a link.
        """
        target, number = self._target, 1
        while target.exists():
            more = FAILED if number == 1 else f"{FAILED}.{number}"
            target, number = self._target.with_name(self._target.name + more), number + 1
        self._commit(target, durable=False)
        named = Path(self.where)
        if target == self._target:
            return named
        return target if named.is_symlink() else named.with_name(target.name)

    def _commit(self, target: Path, durable: bool) -> None:
        try:
            if durable:
                os.fsync(self._file.fileno())
            self._file.close()
            self.path.replace(target)
            if durable:
                _sync_folder(target.parent)
        except OSError as error:
            raise self._refusal(error) from error

    def close(self) -> None:
        """Leave the file aside under its partial name."""
        self._file.close()

    def discard(self) -> None:
        """Take the file away."""
        self._file.close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _error(self, what: str, mend: str) -> CassetteError:
        return CassetteError(what, where=self.where, mend=mend)

    def _refusal(self, error: OSError | ValueError, *, began: bool = True) -> CassetteError:
        if isinstance(error, FileExistsError):
            what = f"{self.path.name} is there: another recording is running, or one was cut off"
            mend = f"wait for it; or replay-ws recover {self.path}, then delete it"
        elif began and isinstance(error, FileNotFoundError) and self._target.parent.is_dir():
            what = f"{self.path.name} was taken away while it was written"
            mend = "record the session again"
        elif (
            isinstance(error, (FileNotFoundError, NotADirectoryError))
            and not self._target.parent.is_dir()
        ):
            what = f"there is no folder {self._target.parent}"
            mend = f"mkdir -p {self._target.parent}"
        else:
            what = f"the cassette cannot be written: {getattr(error, 'strerror', None) or error}"
            mend = f"check the rights of {self._target.parent}, or write elsewhere"
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                mend = "free some space"
        return self._error(what, mend)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class StreamingWriter:
    """Writes the rows of a live log to ``path`` while they appear.

    A thread of its own packs and flushes them every ``FLUSH_INTERVAL_S`` of host time, so that a
    process that is killed loses only what was younger. The thread only reads: a row of the log is
    whole as soon as ``len(log)`` counts it. End with ``close``. Where no thread may start, with
    ``follow=False``, everything is written at the end.
    """

    def __init__(self, log: Log, path: str | PathLike[str], *, follow: bool = True) -> None:
        self.path = Path(path)
        self._log = log
        self._file = PartialFile(path)
        self._packer = SpanPacker(self._file.write, self._file.where)
        self._failure: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._keep_up, name="replay_ws recording", daemon=True
        )
        try:
            self._packer.start(log.header)
            if follow:
                self._thread.start()
        except BaseException:
            self._file.discard()
            raise

    def _keep_up(self) -> None:
        try:
            while not self._ended.wait(FLUSH_INTERVAL_S):
                self._catch_up()
        except Exception as error:  # it belongs to the thread that closes
            self._failure = error

    def _catch_up(self) -> None:
        self._packer.rows(self._log)
        self._packer.flush()

    def close(self, *, failed: bool = False) -> Path | None:
        """Finish the cassette, give it its name and return that; None when it was closed before.

        A ``failed`` program replaces no file: where one stands, the name ends with ``.failed``.

        Raises CassetteError if a row could not be written; the ``.partial`` stays then.
        """
        if not self._end():
            return None
        try:
            if self._failure is not None:
                raise self._failure
            self._catch_up()
            self._packer.finish()
            if failed:
                return self._file.commit_aside()
            self._file.commit()
            return self.path
        finally:
            self._file.close()

    def discard(self) -> None:
        """Leave nothing behind: there is nothing to keep."""
        if self._end():
            self._file.discard()

    def _end(self) -> bool:
        """Stop the thread; False if it was stopped before."""
        if self._ended.is_set():
            return False
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        return True
