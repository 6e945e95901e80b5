"""The bytes of a cassette, without the files: constants, fixed blocks, and the packer.

``cassettes/README.md`` specifies them. In short::

    magic        fixext16 type 1, with the format's version
    header       map
    records      array [op, lane, dt_ns, kind, index, body] each, one per row of the log
    checkpoint   fixext16 type 2: crc32, rows so far, time so far; repeated
    volatile     ext type 5: a map of facts that vary between runs; optional
    index        ext type 3: [[offset, rows, time], ...], one entry per checkpoint
    footer       fixext16 type 4: offset of the index, crc32, "RWSE"

A *span* is what one checkpoint vouches for: everything since the one before. Where spans end
follows from the rows alone, never from when they were written, so a session that was streamed
to disk row by row and one that was saved in one go are the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from hashlib import sha256
from itertools import chain, islice
from operator import sub
from struct import Struct
from typing import Any, NamedTuple, Self

import msgpack

from replay_ws.errors import CassetteError
from replay_ws.events.encoding import encode as encode_value
from replay_ws.events.log import Header, Log

VERSION_MAJOR = 1
"""Raised when an old reader would read a new file wrong."""
VERSION_MINOR = 0
"""Raised when an old reader can leave out what is new: more fields, more ops."""

# The high first byte and the NUL say "binary" to git and grep; a conversion of newlines breaks
# CR LF or LF; ^Z stops the file from scrolling by on a Windows console. After PNG and MCAP.
MAGIC = b"\xd8\x01replay_ws\x00\r\n\x1a\n"
MAGIC_SIZE = len(MAGIC) + 2

EXT_INDEX = 3
EXT_VOLATILE = 5

BLOCK_SIZE = 18
"""Size of a checkpoint and of the footer."""
CHECKPOINT_TAG = b"\xd8\x02"
FOOTER_TAG = b"\xd8\x04"
FOOTER_SEAL = b"RWSE"

GROUP_ROWS = 64
"""A span ends after whole groups of so many rows only, by absolute row number."""
SPAN_BYTES = 64 * 1024
"""A span ends after the first group that brings it to this size."""
RECORD_FIELDS = 6

_CHUNK_ROWS = 4096
_CHECKPOINT = Struct(">2sIIQ")
_COVERED = Struct(">IQ")
_FOOTER = Struct(">2sQI4s")
_OFFSET = Struct(">Q")

Buffer = bytes | bytearray | memoryview
Sink = Callable[[Buffer], object]
"""Takes the next bytes of a file; it must not keep the buffer, which is used again."""


class Checkpoint(NamedTuple):
    """What stands at the end of a span: its checksum, and rows and time since the file began."""

    crc: int
    rows: int
    time_ns: int

    @classmethod
    def of(cls, span_crc: int, rows: int, time_ns: int) -> Self:
        """The checkpoint behind bytes whose CRC-32 is ``span_crc``; it covers its own facts too."""
        return cls(zlib.crc32(_COVERED.pack(rows, time_ns), span_crc), rows, time_ns)

    @classmethod
    def parse(cls, block: Buffer) -> Self | None:
        """The checkpoint in these 18 bytes, or None if they are none."""
        if len(block) != BLOCK_SIZE:
            return None
        tag, crc, rows, time_ns = _CHECKPOINT.unpack(block)
        return cls(crc, rows, time_ns) if tag == CHECKPOINT_TAG else None

    def packed(self) -> bytes:
        """Its 18 bytes."""
        return _CHECKPOINT.pack(CHECKPOINT_TAG, self.crc, self.rows, self.time_ns)


class IndexEntry(NamedTuple):
    """Where a checkpoint stands, and what it says."""

    offset: int
    rows: int
    time_ns: int


class Footer(NamedTuple):
    """The last 18 bytes: where the index is, and the CRC-32 of all behind the last checkpoint."""

    index_offset: int
    crc: int

    @classmethod
    def of(cls, trailer: bytes, index_offset: int) -> Self:
        """The footer behind ``trailer``; it covers its own tag and offset too."""
        own = FOOTER_TAG + _OFFSET.pack(index_offset)
        return cls(index_offset, zlib.crc32(own, zlib.crc32(trailer)))

    @classmethod
    def parse(cls, block: Buffer) -> Self | None:
        """The footer in these 18 bytes, or None if they are none."""
        if len(block) != BLOCK_SIZE:
            return None
        tag, index_offset, crc, seal = _FOOTER.unpack(block)
        return cls(index_offset, crc) if (tag, seal) == (FOOTER_TAG, FOOTER_SEAL) else None

    def packed(self) -> bytes:
        """Its 18 bytes."""
        return _FOOTER.pack(FOOTER_TAG, self.index_offset, self.crc, FOOTER_SEAL)


class SpanPacker:
    """Turns the rows of a log into the bytes of a cassette and hands them to ``sink``.

    Call ``start``, then ``rows`` as often as there are new ones, then ``finish``. ``flush`` hands
    over what is packed so far; it moves no byte. ``where`` is what errors call the file.
    """

    def __init__(self, sink: Sink, where: str = "") -> None:
        self._sink = sink
        self._where = where
        # One packer fills one buffer with many rows: three times as fast as an object per row.
        self._packer = msgpack.Packer(autoreset=False, use_bin_type=True)
        self._index: list[IndexEntry] = []
        self._offset = 0  # bytes handed over
        self._span_start = 0
        self._span_crc = 0  # of the span's bytes that were handed over
        self._time_ns = 0
        self.row_count = 0

    def start(self, header: Header) -> None:
        """Begin the file."""
        assert self._offset == 0, "a file begins once"
        self._hand_over(MAGIC + bytes((VERSION_MAJOR, VERSION_MINOR)))
        self._hand_over(encode_value({f.name: getattr(header, f.name) for f in fields(header)}))

    def rows(self, log: Log, stop: int | None = None) -> None:
        """Pack the rows of ``log`` that are new, up to row ``stop``."""
        stop = len(log) if stop is None else stop
        for first in range(self.row_count, stop, _CHUNK_ROWS):
            self._chunk(log, first, min(stop, first + _CHUNK_ROWS))

    def _chunk(self, log: Log, first: int, last: int) -> None:
        times = log.times[first:last].tolist()
        deltas = list(map(sub, times, chain((self._time_ns,), times)))
        assert min(deltas) >= 0, f"time goes back between rows {first} and {last}"
        records = zip(
            log.ops[first:last],
            log.lanes[first:last],
            deltas,
            log.kind_ids[first:last],
            log.indexes[first:last],
            log.bodies[first:last],
            strict=True,
        )
        pack = self._packer.pack
        while first < last:
            group_end = min(last, first - first % GROUP_ROWS + GROUP_ROWS)
            try:
                any(map(pack, islice(records, group_end - first)))  # pack returns None: a loop in C
            except UnicodeEncodeError as error:
                raise CassetteError(
                    f"a text frame among rows {first} to {group_end - 1} is not Unicode: {error}",
                    where=self._where,
                    mend="send the frame as bytes",
                ) from error
            first = self.row_count = group_end
            if group_end % GROUP_ROWS == 0 and self._span_size() >= SPAN_BYTES:
                self._time_ns = log.times[group_end - 1]
                self._checkpoint()
        self._time_ns = times[-1]

    def _span_size(self) -> int:
        with self._packer.getbuffer() as packed:
            return self._offset - self._span_start + len(packed)

    def flush(self) -> None:
        """Hand over everything that is packed."""
        with self._packer.getbuffer() as packed:
            self._hand_over(packed)
        self._packer.reset()

    def _hand_over(self, data: Buffer) -> None:
        self._span_crc = zlib.crc32(data, self._span_crc)
        self._offset += len(data)
        self._sink(data)

    def _checkpoint(self) -> None:
        self.flush()
        checkpoint = Checkpoint.of(self._span_crc, self.row_count, self._time_ns)
        self._index.append(IndexEntry(self._offset, self.row_count, self._time_ns))
        self._hand_over(checkpoint.packed())
        self._span_start, self._span_crc = self._offset, 0

    def seal(self) -> None:
        """End the last span: all that the digest covers is handed over."""
        self.flush()
        if self._offset > self._span_start:
            self._checkpoint()

    def finish(self, volatile: Mapping[str, Any] | None = None) -> None:
        """End the file. ``volatile`` holds facts outside the digest."""
        self.seal()
        trailer = b""
        if volatile is not None:
            trailer = _ext(EXT_VOLATILE, encode_value(dict(volatile)))
        index_offset = self._offset + len(trailer)
        trailer += _ext(EXT_INDEX, encode_value(list(map(list, self._index))))
        self._hand_over(trailer + Footer.of(trailer, index_offset).packed())


def _ext(code: int, data: bytes) -> bytes:
    packed: bytes = msgpack.packb(msgpack.ExtType(code, data))
    return packed


def pack_log(
    log: Log, sink: Sink, volatile: Mapping[str, Any] | None = None, where: str = ""
) -> None:
    """Hand the whole file of ``log`` to ``sink``, a span at a time."""
    packer = SpanPacker(sink, where)
    packer.start(log.header)
    packer.rows(log)
    packer.finish(volatile)


def encode(log: Log, volatile: Mapping[str, Any] | None = None) -> bytes:
    """The whole file of ``log``."""
    data = bytearray()
    pack_log(log, data.extend, volatile)
    return bytes(data)


def digest(log: Log) -> str:
    """SHA-256 of the file of ``log`` up to the end of its last checkpoint, in hex."""
    state = sha256()
    packer = SpanPacker(state.update)
    packer.start(log.header)
    packer.rows(log)
    packer.seal()
    return state.hexdigest()
