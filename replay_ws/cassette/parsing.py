"""From bytes back to a log: the steps that the strict reader and recovery share. No files here.

Nothing is believed: every number is checked before it is used, and whatever is wrong with the
bytes comes out as a CassetteError, in time and memory that grow with the size of the file only.
The checks run over whole columns, in C, because they are most of what reading costs.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import accumulate, compress
from typing import Any, NamedTuple, NoReturn

import msgpack

from replay_ws.cassette.format import (
    BLOCK_SIZE,
    EXT_INDEX,
    FOOTER_TAG,
    MAGIC,
    MAGIC_SIZE,
    RECORD_FIELDS,
    VERSION_MAJOR,
    VERSION_MINOR,
    Buffer,
    Checkpoint,
    Footer,
    IndexEntry,
)
from replay_ws.cassette.shapes import SHAPES, fits, misfit
from replay_ws.errors import CassetteError
from replay_ws.events.encoding import decode, encode
from replay_ws.events.log import Channel, Connection, Header, Log, Op

HEADER_BYTES_MAX = 64 * 1024
"""Bytes that a header may have."""
FIELDS_MAX = 16
"""Fields that a record may have, whatever the minor version."""

# Whatever msgpack, the array module and the decoders say about bytes that are wrong.
MALFORMED = (TypeError, ValueError, OverflowError, RecursionError, msgpack.UnpackException)


class DamagedError(CassetteError):
    """Bytes that are not what was written.

    ``row`` is the first row that is affected and ``offset`` its byte; ``expected`` and ``found``
    are the checksums, where one was wrong.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str,
        row: int = 0,
        offset: int = 0,
        expected: int | None = None,
        found: int | None = None,
    ) -> None:
        if expected is not None and found is not None:
            what += f"\n  expected checksum {expected:08x}, found {found:08x}"
        mend = f"replay-ws recover {where}   (keeps every record that is whole)"
        super().__init__(what, where=where, mend=mend)
        self.row = row
        self.offset = offset
        self.expected = expected
        self.found = found


# --- magic and header ------------------------------------------------------------------------


def parse_version(head: bytes, where: str) -> tuple[int, int]:
    """The format version in the first bytes of a file, or why they are not those of a cassette."""
    version = head[len(MAGIC) : MAGIC_SIZE]
    if not head.startswith(MAGIC):
        _refuse_magic(head, where)
    if len(version) < 2:
        raise DamagedError("the file is cut off inside its first bytes", where=where)
    major, minor = version
    if major != VERSION_MAJOR:
        known = f"this replay_ws, which reads {VERSION_MAJOR}.x"
        age = "newer than" if major > VERSION_MAJOR else "unknown to"
        raise CassetteError(
            f"format version {major}.{minor} is {age} {known}",
            where=where,
            mend="pip install --upgrade replay-ws",
        )
    return major, minor


# The magic with its newlines changed, or its first byte read in another encoding.
_CONVERTED = re.compile(rb"(\xef\xbb\xbf)?.{0,3}\x01replay_ws", re.DOTALL)


def _refuse_magic(head: bytes, where: str) -> NoReturn:
    if not head:
        what, mend = "the file is empty", "record the session again"
    elif head.startswith(b"version https://git-lfs"):
        what, mend = "this is a git-lfs pointer, not the cassette itself", "git lfs pull"
    elif MAGIC.startswith(head):
        raise DamagedError("the file is cut off inside its first bytes", where=where)
    elif _CONVERTED.match(head):
        what = "something converted the file as if it were text (newlines or encoding)"
        mend = "put `*.rws binary` into .gitattributes (replay-ws git-setup) and check it out again"
    else:
        what = "this is not a cassette: it does not begin as one"
        mend = "name a file that replay-ws recorded, or replay-ws import another format"
    raise CassetteError(what, where=where, mend=mend)


def parse_header(head: bytes, where: str) -> tuple[Header, int]:
    """The header, and the offset of the first record. ``head`` starts with the magic."""
    unpacker = _unpacker(max_map_len=FIELDS_MAX * 4, max_ext_len=256)
    unpacker.feed(head[MAGIC_SIZE : MAGIC_SIZE + HEADER_BYTES_MAX])
    try:
        unpacker.skip()
        end = MAGIC_SIZE + unpacker.tell()
        given = decode(head[MAGIC_SIZE:end])
        known = {field.name: given[field.name] for field in fields(Header)}
        for field in fields(Header):
            _require(
                type(known[field.name]) is type(field.default), f"{field.name} has a wrong type"
            )
    except (*MALFORMED, KeyError) as error:
        raise DamagedError(
            f"the header is damaged: {_reason(error)}", where=where, offset=MAGIC_SIZE
        ) from error
    return Header(**known), end


# --- the end of the file ---------------------------------------------------------------------


def parse_footer(block: bytes, where: str, size: int) -> Footer:
    """The footer in the last 18 of ``size`` bytes; its checksum is not checked yet."""
    footer = Footer.parse(block)
    if footer is None:
        raise DamagedError(
            "the recording was not finished, or the file is cut: no footer", where=where
        )
    if footer.index_offset > size - BLOCK_SIZE:
        what = "the footer is damaged: the index would be behind it"
        raise DamagedError(what, where=where, offset=size - BLOCK_SIZE)
    return footer


def parse_index(packed: bytes, footer: Footer, where: str) -> list[IndexEntry]:
    """The index in the bytes between its offset and the footer, which end with the footer's tag."""
    try:
        _require(packed.endswith(FOOTER_TAG), "no footer behind it")
        ext = msgpack.unpackb(packed[: -len(FOOTER_TAG)])
        _require(type(ext) is msgpack.ExtType and ext.code == EXT_INDEX, "no index")
        entries = [IndexEntry(*entry[:3]) for entry in decode(ext.data)]
        _require(bool(entries), "it is empty")
        _require(all(type(n) is int for entry in entries for n in entry), "it holds no numbers")
        ends = [MAGIC_SIZE, *(entry.offset + BLOCK_SIZE for entry in entries), footer.index_offset]
        starts = [entry.offset for entry in entries]
        _require(all(map(int.__le__, ends, [*starts, footer.index_offset])), "it is out of order")
        rows = [0, *(entry.rows for entry in entries)]
        _require(all(map(int.__le__, rows, rows[1:])), "its rows are out of order")
    except MALFORMED as error:
        raise DamagedError(
            f"the index is damaged: {_reason(error)}", where=where, offset=footer.index_offset
        ) from error
    return entries


# --- spans -----------------------------------------------------------------------------------


class Columns(NamedTuple):
    """The records of some bytes, turned around. Types are right; numbers are not checked yet."""

    ops: bytes
    lanes: Sequence[int]
    deltas: Sequence[int]
    kinds: Sequence[int]
    indexes: Sequence[int]
    bodies: Sequence[str | bytes]


def check_span(packed: Buffer, block: Buffer, where: str, row: int, offset: int) -> Checkpoint:
    """The checkpoint that vouches for the span ``packed``; raises DamagedError if it does not."""
    checkpoint = Checkpoint.parse(block)
    if checkpoint is None:
        what = f"no checkpoint at byte {offset + len(packed)}, behind record {row}"
        raise DamagedError(what, where=where, row=row, offset=offset)
    found = Checkpoint.of(zlib.crc32(packed), checkpoint.rows, checkpoint.time_ns)
    if found.crc != checkpoint.crc:
        end = offset + len(packed) + BLOCK_SIZE
        raise DamagedError(
            f"a record from {row} on is damaged, between byte {offset} and byte {end}",
            where=where,
            row=row,
            offset=offset,
            expected=checkpoint.crc,
            found=found.crc,
        )
    return checkpoint


def _unpacker(**limits: int) -> Any:
    return msgpack.Unpacker(max_buffer_size=0, max_array_len=FIELDS_MAX, use_list=False, **limits)


def record_unpacker() -> Any:
    """A msgpack Unpacker that takes records and nothing else."""
    return _unpacker(max_map_len=0, max_ext_len=0)


def unpack_columns(packed: Buffer, minor: int) -> Columns:
    """The records in ``packed``; raises one of MALFORMED."""
    unpacker = record_unpacker()
    unpacker.feed(packed)
    unpacker.feed(_NIL)  # half a record at the end would swallow it
    records = list(unpacker)
    _require(bool(records) and records.pop() is None, "half a record")
    if minor > VERSION_MINOR:
        records = [record[:RECORD_FIELDS] for record in records]
    return columns_of(records, minor)


_NIL = b"\xc0"
_BODY_TYPES = [str if op == Op.TEXT else bytes for op in range(256)]
_KNOWN_OPS = bytes(Op)


def columns_of(records: Sequence[Any], minor: int) -> Columns:
    """``records``, turned around; raises one of MALFORMED.

    A record that is a str or a bytes of six is turned too, but into columns of wrong types.
    """
    if not records:
        return Columns(b"", (), (), (), (), ())
    turned: Iterable[Any] = zip(*records, strict=True)
    op_column, lanes, deltas, kinds, indexes, bodies = turned
    ops = bytes(op_column)
    if ops.translate(None, _KNOWN_OPS):
        _require(minor > VERSION_MINOR, "an unknown op")
        ops, bodies = _known_ops(ops, bodies)
    if Op.TEXT in ops or set(map(type, bodies)) != {bytes}:
        types = list(map(_BODY_TYPES.__getitem__, ops))
        _require(list(map(type, bodies)) == types, "a body of a wrong type")
    return Columns(ops, lanes, deltas, kinds, indexes, bodies)


def _known_ops(ops: bytes, bodies: Sequence[Any]) -> tuple[bytes, tuple[Any, ...]]:
    """Ops of a later minor version become remarks, so that every other row keeps its number."""
    known, kept = bytearray(ops), list(bodies)
    for row, op in enumerate(ops):
        if op not in _KNOWN_OPS:
            known[row] = Op.MARK
            kept[row] = encode({"mark": "unknown op", "op": op, "body": bodies[row]})
    return bytes(known), tuple(kept)


# --- rows ------------------------------------------------------------------------------------


def append_columns(log: Log, columns: Columns, start_ns: int) -> None:
    """Add the rows to ``log``, or raise one of MALFORMED and add none.

    ``start_ns`` is the time of the row before them.
    """
    times = list(accumulate(columns.deltas, initial=start_ns))
    _require(min(columns.deltas, default=0) >= 0, "time goes back")
    _check_end(log, columns)
    _check_shapes(columns)
    names = _definitions(log, columns)
    numbers = (  # arrays refuse what is no integer or out of range
        array("I", columns.lanes),
        array("q", times[1:]),
        array("I", columns.kinds),
        array("Q", columns.indexes),
    )
    log.kind_numbers.update(names.kinds)
    log.kinds.extend(names.kinds)
    log.connections.extend(names.connections)
    log.channels.extend(names.channels)
    log.ops.frombytes(columns.ops)
    for column, more in zip(
        (log.lanes, log.times, log.kind_ids, log.indexes), numbers, strict=True
    ):
        column.extend(more)
    log.bodies.extend(columns.bodies)


def _check_end(log: Log, columns: Columns) -> None:
    """A log has one end at most, and nothing comes behind it."""
    ended = columns.ops.find(Op.END)
    _require(ended in (-1, len(columns.ops) - 1), "a row behind the end")
    _require(not columns.ops or not log.ops or log.ops[-1] != Op.END, "a row behind the end")


def _check_shapes(columns: Columns) -> None:
    """What playing and reporting take for granted; ``verify`` looks at every other row too."""
    for op, chosen in _PLAYED.items():
        if op in columns.ops:
            # Decisions may be many, and are often equal.
            for body in set(compress(columns.bodies, columns.ops.translate(chosen))):
                problem = misfit(op, body)
                _require(not problem, problem)


_PLAYED = {
    op: bytes(number == op for number in range(256))
    for op in (Op.CONTROL, Op.DECISION, Op.SCHEDULE, Op.END)
}
"""Ops whose bodies are played; for each a table that translates it to 1 and all others to 0."""
_REFERRING_OPS = (Op.CHANNEL, Op.CONNECTION, Op.KIND, Op.CONTROL)
"""Ops of the rows that define names, or refer to one inside their body."""
_REFERRING = re.compile(b"[%c%c%c%c]" % _REFERRING_OPS)
UNBOUND_OPS = bytes(
    (
        *(Op.MARK, Op.CHANNEL, Op.CONNECTION, Op.KIND, Op.CONTROL, Op.SCHEDULE, Op.END),
        *(Op.METHOD, Op.CALL, Op.RETURN),
    )
)
"""Ops that need no connection."""


class _Definitions(NamedTuple):
    """The names that some rows add."""

    kinds: dict[str, int]
    connections: list[Connection]
    channels: list[Channel]


def _definitions(log: Log, columns: Columns) -> _Definitions:
    """The names that the rows define; a row may refer only to what was defined before it."""
    new = _Definitions({}, [], [])
    start = 0
    # Few spans define anything, and `in` finds that out ten times as fast as a regex.
    some = any(op in columns.ops for op in _REFERRING_OPS)
    for row in [found.start() for found in _REFERRING.finditer(columns.ops)] if some else ():
        _check_references(log, new, columns, start, row)
        _define(log, new, columns, row)
        start = row
    _check_references(log, new, columns, start, len(columns.ops))
    return new


def _define(log: Log, new: _Definitions, columns: Columns, row: int) -> None:
    """Take what a row defines; a control defines nothing, but names a channel."""
    op = Op(columns.ops[row])
    value = decode(columns.bodies[row])  # type: ignore[arg-type]  # columns_of has checked it
    _require(fits(value, SHAPES[op]), f"a wrong body of {op.name}")
    number = columns.indexes[row]
    channel_count = len(log.channels) + len(new.channels)
    if op is Op.CONTROL:
        _require(value["channel"] < channel_count, "an unknown channel")
        return
    if op is Op.KIND:
        number, expected = columns.kinds[row], len(log.kinds) + len(new.kinds)
        _require(value not in log.kind_numbers and value not in new.kinds, "a kind defined twice")
        new.kinds[value] = number
    elif op is Op.CONNECTION:
        expected = len(log.connections) + len(new.connections)
        _require(columns.lanes[row] >> 1 == number, "a connection with two numbers")
        _require(0 <= value[2] < channel_count, "an unknown channel")
        new.connections.append(Connection(*value[:3]))
    else:
        expected = channel_count
        new.channels.append(Channel(*value[:2]))
    _require(number == expected, f"{op.name} {number} where {expected} is next")


def _check_references(log: Log, new: _Definitions, columns: Columns, start: int, stop: int) -> None:
    connection_count = len(log.connections) + len(new.connections)
    if connection_count == 0:
        unbound = not columns.ops[start:stop].translate(None, UNBOUND_OPS)
        _require(unbound, "a message without a connection")
    kind = max(columns.kinds[start:stop], default=0)
    _require(kind < len(log.kinds) + len(new.kinds), "an unknown kind")
    lane = max(columns.lanes[start:stop], default=0)
    _require(lane >> 1 < max(connection_count, 1), "an unknown connection")


def _require(true: bool, what: str) -> None:
    if not true:
        raise ValueError(what)


def _reason(error: Exception) -> str:
    return f"{error}" if type(error) is ValueError else f"{type(error).__name__}: {error}"
