"""Finding records and checkpoints in bytes that may be damaged, in time that stays linear."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from operator import attrgetter
from typing import Any, NamedTuple

import msgpack

from replay_ws.cassette.format import BLOCK_SIZE, CHECKPOINT_TAG, Checkpoint
from replay_ws.cassette.parsing import MALFORMED, record_unpacker

RECORD_SIZE_MIN = 7
"""Bytes of the smallest record: an array of five small numbers and an empty text."""
TRIES_MAX = 16
"""Places that are tried as the end of one span, so that no byte is summed more often."""
_WALK_BLOCK = 16 * 1024


class Found(NamedTuple):
    """A checkpoint, or what looks like one, and its offset."""

    offset: int
    checkpoint: Checkpoint

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + BLOCK_SIZE

    def vouches_for(self, span_crc: int) -> bool:
        """Whether it belongs to a span with this CRC-32."""
        rows, time_ns = self.checkpoint.rows, self.checkpoint.time_ns
        return Checkpoint.of(span_crc, rows, time_ns) == self.checkpoint


class Checkpoints:
    """Everything in a file that looks like a checkpoint."""

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)
        self._found: list[Found] = []
        offset = data.find(CHECKPOINT_TAG)
        while offset >= 0:
            checkpoint = Checkpoint.parse(data[offset : offset + BLOCK_SIZE])
            if checkpoint is not None and checkpoint.rows * RECORD_SIZE_MIN <= offset:
                self._found.append(Found(offset, checkpoint))
            offset = data.find(CHECKPOINT_TAG, offset + 1)

    def behind(self, offset: int) -> Found | None:
        """The first one at ``offset`` or later."""
        place = self._place(offset)
        return self._found[place] if place < len(self._found) else None

    def vouching_from(self, start: int) -> Found | None:
        """The one that vouches for a span that begins at ``start``, if it is among the next."""
        place = self._place(start)
        crc, at = 0, start
        for found in self._found[place : place + TRIES_MAX]:
            crc, at = zlib.crc32(self._view[at : found.offset], crc), found.offset
            if found.vouches_for(crc):
                return found
        return None

    def vouching_at(self, start: int, end: int) -> Found | None:
        """The one at ``end``, if it vouches for a span that begins at ``start``."""
        found = self.behind(end)
        if found is None or found.offset != end:
            return None
        return found if found.vouches_for(zlib.crc32(self._view[start:end])) else None

    def _place(self, offset: int) -> int:
        return bisect_left(self._found, offset, key=attrgetter("offset"))


class Walk(NamedTuple):
    """Records that follow each other, and what stopped them."""

    records: list[tuple[tuple[Any, ...], int]]  # each with the offset behind it
    end: int
    cut: bool  # the file ended, perhaps inside a record; else something is no record


def walk_records(data: bytes, start: int) -> Walk:
    """Follow records from ``start`` on."""
    unpacker = record_unpacker()
    records: list[tuple[tuple[Any, ...], int]] = []
    fed = end = start
    while True:
        try:
            record = unpacker.unpack()
        except msgpack.OutOfData:
            if fed >= len(data):
                return Walk(records, end, cut=True)
            unpacker.feed(data[fed : fed + _WALK_BLOCK])
            fed += _WALK_BLOCK
            continue
        except MALFORMED:
            return Walk(records, end, cut=False)
        if not isinstance(record, tuple):
            return Walk(records, end, cut=False)
        end = start + unpacker.tell()
        records.append((record, end))
