"""`cassettes/README.md` says what is true: its tables, its rules and its example."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
import pytest

from replay_ws.cassette.format import digest, encode
from replay_ws.events import encoding
from replay_ws.events.log import Channel, Connection, Header, Log, Op
from tests.unit.cassette.logs import conversation

ROOT = Path(__file__).parents[3]
README = (ROOT / "cassettes" / "README.md").read_text(encoding="utf-8")


def example() -> Log:
    """The session of the worked example."""
    log = Log(Header(seed=7, profile="agent5", source="example"))
    channel = log.add_channel(Channel("mock", {"mode": "normal"}), 0)
    log.add_connection(Connection("thread-1", "message", channel), 0)
    kind = log.kind("agent_started", 5_000_000)
    log.append(Op.TEXT, 0, 5_000_000, kind, 0, '{"type": "agent_started"}')
    log.append(Op.BINARY, 1, 5_000_300, 0, 0, b"\x00\xff")
    log.note(Op.END, 0, 6_000_000, {"status": "ok"})
    return log


def hex_column(text: str) -> bytes:
    """The bytes of a hex listing: `offset  bytes  | remark`."""
    lines = re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)", text, re.MULTILINE)
    return bytes.fromhex("".join(lines))


def test_the_worked_example_is_what_replay_ws_writes() -> None:
    [listing] = re.findall(r"```hex\n(.*?)```", README, re.DOTALL)
    assert hex_column(listing) == encode(example())
    assert digest(example()) in README


def table(title: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    section = README.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in row] for row in rows[2:]]


def test_the_table_of_ops_is_complete() -> None:
    assert {(int(row[0]), row[1]) for row in table("Ops")} == {(op.value, op.name) for op in Op}


def test_the_table_of_tags_is_complete() -> None:
    names = {int(row[0]): row[1] for row in table("Tagged values")}
    assert sorted(names) == list(range(encoding.DATETIME, encoding.NAMED + 1))


def test_the_table_of_header_fields_is_complete_and_in_order() -> None:
    assert [row[0] for row in table("Header")] == [field.name for field in fields(Header)]


# --- a reader by somebody who knows the page alone -------------------------------------------


def strangers_rows(data: bytes) -> list[tuple[Any, ...]]:
    """Rows of a finished cassette, checked, from the page and with msgpack alone."""
    assert data[:16] == b"\xd8\x01replay_ws\x00\r\n\x1a\n"
    assert data[16] == 1
    tag, index_offset, crc, seal = struct.unpack(">2sQI4s", data[-18:])
    assert (tag, seal) == (b"\xd8\x04", b"RWSE")
    code, packed_index = msgpack.unpackb(data[index_offset:-18])
    assert code == 3
    index = msgpack.unpackb(packed_index)
    covered = index[-1][0] + 18
    assert zlib.crc32(data[covered:-8]) == crc
    start, row_count, time_ns = 0, 0, 0
    rows: list[tuple[Any, ...]] = []
    for offset, rows_so_far, time_so_far in index:
        tag, crc, count, t_end = struct.unpack(">2sIIQ", data[offset : offset + 18])
        assert (tag, count, t_end) == (b"\xd8\x02", rows_so_far, time_so_far)
        assert zlib.crc32(data[start:offset] + data[offset + 6 : offset + 18]) == crc
        unpacker = msgpack.Unpacker(max_buffer_size=0)
        unpacker.feed(data[start or 18 : offset])
        for record in unpacker:
            if isinstance(record, dict):  # the header
                continue
            op, lane, dt_ns, kind, number, body = record
            time_ns += dt_ns
            rows.append((op, lane, time_ns, kind, number, body))
        assert (len(rows), time_ns) == (count, t_end)
        if offset != index[-1][0]:
            assert count % 64 == 0
            assert offset - start >= 65536
        start, row_count = offset + 18, count
    assert row_count == len(rows)
    return rows


@pytest.mark.parametrize("log", [example(), conversation(2000, size=200), Log()])
def test_a_stranger_reads_what_replay_ws_writes(log: Log) -> None:
    data = encode(log)
    assert strangers_rows(data) == list(log.rows())
    covered = msgpack.unpackb(msgpack.unpackb(data[struct.unpack(">Q", data[-16:-8])[0] : -18])[1])
    assert sha256(data[: covered[-1][0] + 18]).hexdigest() == digest(log)
