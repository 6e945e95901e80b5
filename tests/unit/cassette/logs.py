"""Logs for the tests of cassettes, built in one line."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgpack

from replay_ws.cassette.format import SpanPacker, encode
from replay_ws.cassette.writer import PartialFile
from replay_ws.events.log import Channel, Connection, Header, Log, Op


def rows_of(log: Log) -> list[tuple[object, ...]]:
    """Everything that a log holds, row by row, and its names: what a round trip keeps."""
    names = (log.header, log.channels, log.connections, log.kinds, log.kind_numbers)
    return [names, *log.rows()]


def conversation(row_count: int, *, seed: int = 1, size: int = 60, ended: bool = True) -> Log:
    """A log of ``row_count`` rows (7 or more): two connections; text, binary and objects."""
    rnd = Random(seed)
    log = Log(Header(seed=seed, profile="agent5", source="test"))
    channel = log.add_channel(Channel("mock", {"mode": "normal", "latency_ms": 0}), 0)
    time_ns = 0
    for name in ("thread-1", "thread-2"):
        log.add_connection(Connection(name, "message", channel), time_ns)
    kinds = [log.kind(f"type {number}", time_ns) for number in range(3)]
    while len(log) < row_count - ended:
        time_ns += rnd.choice([0, 0, 5_000_000, 12_345_678])
        if len(log) % 50 == 40:  # kinds are defined where they are met first
            kinds.append(log.kind(f"type {len(kinds)}", time_ns))
            continue
        kind = rnd.choice(kinds)
        lane = rnd.randrange(4)
        index = log.next_index(lane, kind)
        text = "".join(rnd.choices("abc é😀", k=rnd.randrange(2 * size)))
        match rnd.randrange(4):
            case 0:
                log.append(Op.TEXT, lane, time_ns, kind, index, text)
            case 1:
                log.append(Op.BINARY, lane, time_ns, kind, index, rnd.randbytes(len(text)))
            case 2:
                log.append(Op.DECISION, lane, time_ns, kind, index, b"\x93\xa4loss\x00\x01")
            case _:
                body = log.encode({"type": "x", "n": rnd.randrange(1000), "text": text})
                log.append(Op.OBJECT, lane, time_ns, kind, index, body)
    if ended:
        log.note(Op.END, 0, time_ns, {"status": "ok"})
    return log


def cut_off(log: Log, path: Path) -> Path:
    """The file that is left of a recording of ``log`` to ``path`` whose process was killed."""
    file = PartialFile(path)
    packer = SpanPacker(file.write)
    packer.start(log.header)
    packer.rows(log)
    packer.flush()
    file.close()
    return file.path


def record_ends(log: Log) -> list[int]:
    """Offsets behind the header and behind every record of ``encode(log)``."""
    data = encode(log)
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    unpacker.feed(data)
    return [unpacker.tell() for value in unpacker if isinstance(value, dict | list)]
