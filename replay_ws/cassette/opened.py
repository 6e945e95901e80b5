"""A cassette that is open, read strictly: every byte is vouched for before a row is handed out.

The footer leads to the index, the index to the spans; one span at a time is read, checked and
turned into columns, so that beside the log itself memory holds a span. A file that is damaged or
unfinished is refused, with the command that saves what is whole (``replay_ws.cassette.recovery``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgpack

from replay_ws.cassette.format import (
    BLOCK_SIZE,
    EXT_VOLATILE,
    FOOTER_TAG,
    MAGIC_SIZE,
    Checkpoint,
    Footer,
    IndexEntry,
)
from replay_ws.cassette.parsing import (
    MALFORMED,
    DamagedError,
    append_columns,
    check_span,
    parse_footer,
    parse_header,
    parse_index,
    parse_version,
    unpack_columns,
)
from replay_ws.errors import CassetteError
from replay_ws.events.encoding import decode
from replay_ws.events.log import Log

Source = str | PathLike[str] | bytes
"""A file, or what is in it."""


@contextmanager
def open_cassette(source: Source) -> Iterator[Cassette]:
    """A finished cassette, its version, footer and index checked, its records not yet."""
    with open_source(source) as (file, where):
        yield Cassette.open(file, where)


class Facts(NamedTuple):
    """What a file says besides its rows; ``volatile`` is outside the digest, e.g. the host."""

    size_bytes: int
    version: tuple[int, int]
    volatile: dict[str, Any]


def read_facts(source: Source) -> Facts:
    """The facts of a cassette, also of a damaged one, from its two ends: no row is read.

    Raises CassetteError if it is no cassette at all.
    """
    with open_source(source) as (file, where):
        try:
            cassette = Cassette.open(file, where)
        except CassetteError:
            version = parse_version(_read(file, 0, MAGIC_SIZE * 2), where)
            return Facts(file.seek(0, io.SEEK_END), version, {})
        return Facts(cassette.size, cassette.version, cassette.volatile())


@contextmanager
def open_source(source: Source) -> Iterator[tuple[BinaryIO, str]]:
    """The bytes of ``source`` and what errors call it."""
    if isinstance(source, bytes):
        yield io.BytesIO(source), "<bytes>"
        return
    where = str(source)
    try:
        with _open_file(Path(source), where) as file:
            yield file, where
    except OSError as error:
        what = f"the cassette cannot be read: {error.strerror or error}"
        raise CassetteError(what, where=where, mend="check the path and its rights") from error


def _open_file(path: Path, where: str) -> BinaryIO:
    mend = "check the path, or record the session"
    try:
        if path.exists() and not path.is_file():
            kind = "a directory" if path.is_dir() else "not a regular file"
            raise CassetteError(
                f"this is {kind}", where=where, mend="name a file that ends with .rws"
            )
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CassetteError("there is no such cassette", where=where, mend=mend) from error
    except ValueError as error:  # a NUL in the name
        raise CassetteError(f"this is no path: {error}", where=where, mend=mend) from error


@dataclass(frozen=True, slots=True)
class Cassette:
    """A finished cassette that is open for reading."""

    file: BinaryIO
    where: str
    version: tuple[int, int]
    size: int
    footer: Footer
    index: list[IndexEntry]

    @classmethod
    def open(cls, file: BinaryIO, where: str) -> Cassette:
        """Check the first bytes, the footer and the index of ``file``."""
        size = file.seek(0, io.SEEK_END)
        version = parse_version(_read(file, 0, MAGIC_SIZE * 2), where)
        footer = parse_footer(_read(file, max(0, size - BLOCK_SIZE), size), where, size)
        tagged_end = size - BLOCK_SIZE + len(FOOTER_TAG)
        index = parse_index(_read(file, footer.index_offset, tagged_end), footer, where)
        cassette = cls(file, where, version, size, footer, index)
        cassette._check_trailer()
        return cassette

    @property
    def covered_size(self) -> int:
        """Size of what the digest covers: everything up to the end of the last checkpoint."""
        return self.index[-1].offset + BLOCK_SIZE

    def _check_trailer(self) -> None:
        trailer = _read(self.file, self.covered_size, self.footer.index_offset)
        trailer += _read(self.file, self.footer.index_offset, self.size - BLOCK_SIZE)
        found = Footer.of(trailer, self.footer.index_offset)
        if found.crc != self.footer.crc:
            raise DamagedError(
                f"the index is damaged, between byte {self.covered_size} and byte {self.size}",
                where=self.where,
                row=self.index[-1].rows,
                offset=self.covered_size,
                expected=self.footer.crc,
                found=found.crc,
            )

    def volatile(self) -> dict[str, Any]:
        """Facts outside the digest: when and where the session was recorded."""
        packed = _read(self.file, self.covered_size, self.footer.index_offset)
        if not packed:
            return {}
        try:
            ext = msgpack.unpackb(packed)
            value = decode(ext.data) if ext.code == EXT_VOLATILE else {}
            return value if isinstance(value, dict) else {}
        except (*MALFORMED, AttributeError):
            return {}

    def digest(self) -> str:
        """SHA-256 of everything up to the end of the last checkpoint, in hex."""
        state = sha256()
        for offset in range(0, self.covered_size, 1 << 20):
            state.update(_read(self.file, offset, min(self.covered_size, offset + (1 << 20))))
        return state.hexdigest()

    def spans(self) -> Iterator[tuple[int, bytes, Checkpoint]]:
        """Offset, checked bytes and checkpoint of every span, in order."""
        offset = row = 0
        for entry in self.index:
            packed = _read(self.file, offset, entry.offset)
            block = self.file.read(BLOCK_SIZE)
            checkpoint = check_span(packed, block, self.where, row, offset)
            if (checkpoint.rows, checkpoint.time_ns) != (entry.rows, entry.time_ns):
                what = f"checkpoint and index disagree on the records from {row} on"
                raise DamagedError(what, where=self.where, row=row, offset=offset)
            yield offset, packed, checkpoint
            offset, row = entry.offset + BLOCK_SIZE, entry.rows

    def log(self) -> Log:
        """All rows."""
        log = Log()
        for offset, packed, checkpoint in self.spans():
            if offset == 0:
                header, records_offset = parse_header(packed, self.where)
                log = Log(header)
                packed = packed[records_offset:]
            first = len(log)
            try:
                append_columns(log, unpack_columns(packed, self.version[1]), log.end_ns)
            except MALFORMED as error:
                what = f"a record from {first} on is malformed, behind byte {offset}: {error}"
                raise DamagedError(what, where=self.where, row=first, offset=offset) from error
            if (len(log), log.end_ns) != (checkpoint.rows, checkpoint.time_ns):
                what = f"{checkpoint.rows} records were expected here, {len(log)} found"
                raise DamagedError(what, where=self.where, row=first, offset=offset)
        return log


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(max(0, end - start))
