"""What is whole in a cassette that is damaged, cut or unfinished.

Spans whose checksum holds are found in one of two ways:

- The index is intact: it says where every span is.
- It is not: spans are followed from the start, one behind the other. Where none begins, records
  are followed instead. If they end with the file, it was merely cut. If they end with something
  that is no record, there is damage, and the next bytes that look like a checkpoint are where
  reading goes on.

A row is *verified* if an unbroken chain from the start, or the intact index, leads to its span. A
span found behind damage is whole, but it may lie inside a frame (a session can carry cassettes as
payloads), so its rows are *unverified*; and so are whole records that no checkpoint follows.
Damaged spans are left out: which of their rows is wrong cannot be known.

Rows behind a gap may refer to names that were defined inside it. They get placeholders
(``kind-7``, ``connection-3``), and a mark in the log says how many bytes are missing there.
"""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from replay_ws.cassette.format import (
    BLOCK_SIZE,
    MAGIC_SIZE,
    RECORD_FIELDS,
    VERSION_MINOR,
)
from replay_ws.cassette.opened import Cassette, Source, open_source
from replay_ws.cassette.parsing import (
    HEADER_BYTES_MAX,
    MALFORMED,
    UNBOUND_OPS,
    Columns,
    append_columns,
    check_span,
    columns_of,
    parse_header,
    parse_version,
    unpack_columns,
)
from replay_ws.cassette.search import Checkpoints, Found, Walk, walk_records
from replay_ws.cassette.shapes import SHAPES, fits, misfit
from replay_ws.errors import CassetteError
from replay_ws.events.encoding import decode
from replay_ws.events.log import Channel, Connection, Header, Log, Op

DEFINITION_SIZE_MIN = 9
"""Bytes of the smallest record that defines a name."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of bytes that was read: rows ``first_row ..`` of the salvaged log."""

    offset: int
    size: int
    first_row: int
    row_count: int
    verified: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of bytes that was left out."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Salvage:
    """What is whole: the rows, where they were found, and what is missing."""

    log: Log
    pieces: tuple[Piece, ...]
    gaps: tuple[Gap, ...]
    finished: bool
    """Whether footer and index are intact."""
    header_verified: bool
    placeholders: tuple[str, ...]
    """Names that had to be made up."""

    @property
    def verified(self) -> int:
        """Rows that a checksum vouches for."""
        return sum(piece.row_count for piece in self.pieces if piece.verified)

    @property
    def unverified(self) -> int:
        """Rows that are whole, with nothing to vouch for them."""
        return sum(piece.row_count for piece in self.pieces if not piece.verified)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing and everything is verified."""
        return self.finished and not self.gaps and not self.unverified


def salvage(source: Source) -> Salvage:
    """What is whole in a cassette, and what is missing.

    Raises CassetteError if there is no cassette at all.
    """
    with open_source(source) as (file, where):
        return _Salvager(file.read(), where).run()


class _Salvager:
    """Reads what is whole, in order; up to the byte ``_at`` the file is accounted for."""

    def __init__(self, data: bytes, where: str) -> None:
        self._data = data
        self._minor = parse_version(data[: MAGIC_SIZE * 2], where)[1]
        self._header_verified = False
        try:
            header, self._records_offset = parse_header(data[:HEADER_BYTES_MAX], where)
        except CassetteError:
            header, self._records_offset = Header(), 0
        try:
            self._cassette: Cassette | None = Cassette.open(io.BytesIO(data), where)
        except CassetteError:
            self._cassette = None
        self._log = Log(header)
        self._at = 0
        self._lost_bytes = 0
        self._unmarked_bytes = 0  # lost since the last row
        self._pieces: list[Piece] = []
        self._gaps: list[Gap] = []
        self._placeholders: list[str] = []

    def run(self) -> Salvage:
        if self._cassette is not None:
            self._follow_index(self._cassette)
        else:
            self._follow_chain()
        return Salvage(
            log=self._log,
            pieces=tuple(self._pieces),
            gaps=tuple(self._gaps),
            finished=self._cassette is not None,
            header_verified=self._header_verified,
            placeholders=tuple(self._placeholders),
        )

    def _follow_index(self, cassette: Cassette) -> None:
        for entry in cassette.index:
            packed = memoryview(self._data)[self._at : entry.offset]
            block = self._data[entry.offset : entry.offset + BLOCK_SIZE]
            found = None
            with suppress(CassetteError):
                checkpoint = check_span(packed, block, cassette.where, len(self._log), self._at)
                found = Found(entry.offset, checkpoint)
            if not self._read_span(found, verified=True):
                self._skip_to(entry.offset + BLOCK_SIZE)

    def _follow_chain(self) -> None:
        checkpoints = Checkpoints(self._data)
        unbroken = True
        time_ns = 0
        while self._at < len(self._data):
            if self._read_span(checkpoints.vouching_from(self._at), verified=unbroken):
                continue
            walk = walk_records(self._data, self._at or self._records_offset)
            if self._read_span(checkpoints.vouching_at(self._at, walk.end), verified=unbroken):
                continue
            found = None if walk.cut else checkpoints.behind(walk.end)
            if found is None:
                self._read_loose(walk, time_ns)
                self._skip_to(len(self._data))
                return
            unbroken = False
            self._skip_to(found.end)
            time_ns = max(time_ns, found.checkpoint.time_ns)

    def _skip_to(self, offset: int) -> None:
        if offset > self._at:
            self._gaps.append(Gap(self._at, offset - self._at))
            self._lost_bytes += offset - self._at
            self._unmarked_bytes += offset - self._at
            self._at = offset

    def _read_span(self, found: Found | None, *, verified: bool) -> bool:
        """Read the records from ``_at`` to a checkpoint that vouches for them, if there is one."""
        if found is None:
            return False
        start = self._at or self._records_offset
        try:
            packed = memoryview(self._data)[start : found.offset]
            columns = unpack_columns(packed, self._minor)
            # The checkpoint's own time, so that a damaged span before this one shifts nothing.
            start_ns = found.checkpoint.time_ns - sum(columns.deltas)
            start_row = found.checkpoint.rows - len(columns.ops)
            if not self._lost_bytes and (start_row, start_ns) != (len(self._log), self._log.end_ns):
                return False
            self._append(columns, start_ns)
        except MALFORMED:
            return False
        self._header_verified |= self._at == 0
        self._account_for(found.end, len(columns.ops), verified=verified)
        return True

    def _read_loose(self, walk: Walk, time_ns: int) -> None:
        """Read records that no checkpoint follows, up to the first that is wrong."""
        time_ns = max(time_ns, self._log.end_ns)
        count, end = 0, self._at
        for record, record_end in walk.records:
            try:
                fields = record[:RECORD_FIELDS] if self._minor > VERSION_MINOR else record
                columns = columns_of([fields], self._minor)
                # A cut filled with zeros, as file systems do, can look like a whole record.
                if misfit(columns.ops[0], columns.bodies[0]):
                    break
                self._append(columns, time_ns)
            except MALFORMED:
                break
            time_ns, end, count = self._log.end_ns, record_end, count + 1
        if count:
            self._account_for(end, count, verified=False)

    def _account_for(self, end: int, row_count: int, *, verified: bool) -> None:
        first = len(self._log) - row_count
        self._pieces.append(Piece(self._at, end - self._at, first, row_count, verified))
        self._at = end

    def _append(self, columns: Columns, start_ns: int) -> None:
        """Add rows, and before them what a gap took; raises one of MALFORMED."""
        if start_ns < self._log.end_ns:
            raise ValueError("time goes back")
        if len(self._log) and self._log.ops[-1] == Op.END and columns.ops:
            self._log.ops[-1] = Op.MARK  # more follows: it was the end of something else
        if self._lost_bytes:
            self._stand_in(columns, start_ns)
        append_columns(self._log, columns, start_ns)

    def _stand_in(self, columns: Columns, time_ns: int) -> None:
        """Say what is missing, and define names that ``columns`` take for granted."""
        log, needed = self._log, _names_needed(columns)
        known = len(log.kinds) + len(log.connections) + len(log.channels)
        if (sum(needed) - known) * DEFINITION_SIZE_MIN > self._lost_bytes:
            raise ValueError("more names than the gaps can have defined")
        if self._unmarked_bytes:
            log.note(Op.MARK, 0, time_ns, {"mark": "skipped", "bytes": self._unmarked_bytes})
            self._unmarked_bytes = 0
        while len(log.channels) < needed.channels:
            log.add_channel(Channel(self._placeholder("channel", len(log.channels))), time_ns)
        while len(log.connections) < needed.connections:
            name = self._placeholder("connection", len(log.connections))
            log.add_connection(Connection(name, "message", 0), time_ns)
        while len(log.kinds) < needed.kinds:
            log.kind(self._placeholder("kind", len(log.kinds)), time_ns)

    def _placeholder(self, word: str, number: int) -> str:
        name = f"{word}-{number}"
        while name in self._log.kind_numbers:
            name += "?"
        self._placeholders.append(name)
        return name


class _Needed(NamedTuple):
    """How many names must have been defined before some rows."""

    kinds: int
    connections: int
    channels: int


def _names_needed(columns: Columns) -> _Needed:
    """Names are numbered in order, so a definition tells how many came before it."""
    kinds = max(columns.kinds, default=0) + 1
    bound = columns.ops.translate(None, UNBOUND_OPS)
    connections = (max(columns.lanes) >> 1) + 1 if bound else 0
    channels = min(connections, 1)
    for op, body in zip(columns.ops, columns.bodies, strict=True):
        if op in (Op.CONNECTION, Op.CONTROL):
            channels = max(channels, _channels_before(Op(op), body))
    if (row := columns.ops.find(Op.KIND)) >= 0:
        kinds = columns.kinds[row]
    if (row := columns.ops.find(Op.CONNECTION)) >= 0:
        connections = columns.indexes[row]
    if (row := columns.ops.find(Op.CHANNEL)) >= 0:
        channels = columns.indexes[row]
    return _Needed(kinds, connections, channels)


def _channels_before(op: Op, body: str | bytes) -> int:
    """How many channels a connection or control with this body takes for granted."""
    value: Any = decode(body) if isinstance(body, bytes) else None
    if not fits(value, SHAPES[op]):
        return 0
    return int(value[2] if op is Op.CONNECTION else value["channel"]) + 1
