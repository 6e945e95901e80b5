"""Reading strictly: what is no cassette, or not whole, is refused; why, where, how to mend."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import msgpack
import pytest

from replay_ws.cassette.format import (
    CHECKPOINT_TAG,
    EXT_INDEX,
    MAGIC,
    Checkpoint,
    Footer,
    encode,
)
from replay_ws.cassette.opened import open_cassette, read_facts
from replay_ws.cassette.parsing import DamagedError
from replay_ws.cassette.reader import read
from replay_ws.cassette.recovery import recover, verify
from replay_ws.cassette.salvage import salvage
from replay_ws.errors import CassetteError
from replay_ws.events.encoding import encode as encode_value
from replay_ws.events.log import Channel, Connection, Log, Op
from tests.unit.cassette.logs import conversation, rows_of

HEADER = {"seed": 0, "schedule": "fifo", "profile": "", "source": "", "epoch_ns": 0}
CHANNEL = [Op.CHANNEL, 0, 0, 0, 0, encode_value(["c", {}])]
CONNECTION = [Op.CONNECTION, 0, 0, 0, 0, encode_value(["t", "message", 0])]
TEXT = [Op.TEXT, 0, 0, 0, 0, "hi"]


def forge(
    *records: object, rows: int | None = None, time_ns: int = 0, minor: int = 0, raw: bytes = b""
) -> bytes:
    """A file with these records and right checksums all over."""
    data = MAGIC + bytes((1, minor)) + msgpack.packb(HEADER)
    data += b"".join(map(msgpack.packb, records)) + raw
    return seal(data, len(records) if rows is None else rows, time_ns)


def seal(data: bytes, rows: int, time_ns: int = 0, index: object = None) -> bytes:
    checkpoint = Checkpoint.of(zlib.crc32(data), rows, time_ns)
    if index is None:
        index = [[len(data), rows, time_ns]]
    trailer = msgpack.packb(msgpack.ExtType(EXT_INDEX, msgpack.packb(index)))
    data += checkpoint.packed()
    return data + trailer + Footer.of(trailer, len(data)).packed()


def test_a_forged_file_is_as_good_as_a_written_one() -> None:
    assert read(forge(CHANNEL, CONNECTION, TEXT)).bodies[-1] == "hi"


# --- files that are no cassettes -------------------------------------------------------------

UNKIND = {
    "empty": (b"", "is empty", "record"),
    "text": (b'{"type": "hello"}\n', "not a cassette", "import"),
    "text about us": (b"# replay_ws, said early\n" * 9, "not a cassette", "import"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid", "git-lfs pointer", "lfs pull"),
    "crlf": (encode(Log()).replace(b"\r\n", b"\n"), "converted", ".gitattributes"),
    "lf": (encode(Log()).replace(b"\n", b"\r\n"), "converted", ".gitattributes"),
    "utf-8": (encode(Log()).decode("latin-1").encode(), "converted", ".gitattributes"),
    "replaced": (encode(Log()).decode(errors="replace").encode(), "converted", ".gitattributes"),
    "cut magic": (MAGIC[:9], "cut off", "recover"),
    "cut version": (MAGIC + b"\x01", "cut off", "recover"),
    "newer": (MAGIC + b"\x02\x00" + encode(Log())[18:], "2.0 is newer than", "pip install"),
    "unknown": (MAGIC + b"\x00\x09" + encode(Log())[18:], "0.9 is unknown to", "pip install"),
    "only magic": (MAGIC + b"\x01\x00", "not finished", "recover"),
    "cut header": (encode(Log())[:40], "not finished", "recover"),
    "grown": (encode(Log()) + b"\n", "not finished", "recover"),
}


@pytest.mark.parametrize("name", UNKIND)
def test_what_is_no_cassette_is_named(name: str, tmp_path: Path) -> None:
    data, what, mend = UNKIND[name]
    path = tmp_path / "x.rws"
    path.write_bytes(data)
    with pytest.raises(CassetteError, match=what) as caught:
        read(path)
    assert mend in caught.value.mend
    assert caught.value.where == str(path)


def test_a_folder_a_missing_file_and_a_device_are_named(tmp_path: Path) -> None:
    for path, what in [
        (tmp_path, "a directory"),
        (tmp_path / "no.rws", "no such cassette"),
        (tmp_path / "no" / "no.rws", "no such cassette"),
        (Path("/dev/zero"), "not a regular file"),
        (tmp_path / ("x" * 300), "cannot be read"),
        ("\0", "no path"),
    ]:
        for verb in (read, verify, read_facts, salvage):
            with pytest.raises(CassetteError, match=what):
                verb(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.rws"
    path.write_bytes(encode(Log()))
    path.chmod(0)
    with pytest.raises(CassetteError, match="cannot be read"):
        read(path)


def test_damage_is_told_with_record_bytes_checksums_and_what_to_run(tmp_path: Path) -> None:
    log = conversation(1000, size=200)
    data = bytearray(encode(log))
    with open_cassette(bytes(data)) as cassette:
        first, second = cassette.index[:2]
    data[first.offset + 100] ^= 1
    path = tmp_path / "a.rws"
    path.write_bytes(data)
    with pytest.raises(DamagedError) as caught:
        read(path)
    error = caught.value
    assert (error.row, error.offset) == (first.rows, first.offset + 18)
    assert str(error) == (
        f"{path}: a record from {first.rows} on is damaged,"
        f" between byte {first.offset + 18} and byte {second.offset + 18}\n"
        f"  expected checksum {error.expected:08x}, found {error.found:08x}\n"
        f"  mend: replay-ws recover {path}   (keeps every record that is whole)"
    )


# --- hostile files: every checksum is right --------------------------------------------------

DEEP = b"\x91" * 65536
HOSTILE = {
    "a record of five": forge(CHANNEL, CONNECTION, TEXT[:5]),
    "a record of seven": forge(CHANNEL, CONNECTION, [*TEXT, 0]),
    "records of two lengths": forge(CHANNEL, CONNECTION, TEXT, TEXT[:5]),
    "a number as record": forge(CHANNEL, 5),
    "nil as record": forge(CHANNEL, None),
    "a map as record": forge(CHANNEL, {i: i for i in range(6)}),
    "an empty map as record": forge({}),
    "a str as record": forge("abcdef"),
    "bytes as record": forge(b"\x01\x00\x00\x00\x00\x00"),
    "an ext as record": forge(msgpack.ExtType(9, b"x")),
    "a checkpoint as record": forge(CHANNEL, raw=CHECKPOINT_TAG + bytes(16)),
    "an unknown op": forge([99, 0, 0, 0, 0, b""]),
    "op 256": forge([256, 0, 0, 0, 0, b""]),
    "a float as op": forge([1.0, 0, 0, 0, 0, "x"]),
    "a negative lane": forge(CHANNEL, CONNECTION, [1, -1, 0, 0, 0, "x"]),
    "an unknown lane": forge(CHANNEL, CONNECTION, [1, 2, 0, 0, 0, "x"]),
    "a str as lane": forge(CHANNEL, CONNECTION, [1, "0", 0, 0, 0, "x"]),
    "only str as lane": forge([32, "0", 0, 0, 0, b""]),
    "a huge lane": forge(CHANNEL, CONNECTION, [1, 1 << 40, 0, 0, 0, "x"]),
    "no connection": forge([1, 0, 0, 0, 0, "x"]),
    "a later connection": forge(CHANNEL, TEXT, CONNECTION),
    "time goes back": forge(CHANNEL, CONNECTION, [1, 0, -1, 0, 0, "x"]),
    "time overflows": forge(CHANNEL, CONNECTION, [1, 0, 1 << 63, 0, 0, "x"]),
    "times overflow": forge(CHANNEL, CONNECTION, *[[1, 0, (1 << 63) - 1, 0, 0, "x"]] * 2),
    "a float as time": forge(CHANNEL, CONNECTION, [1, 0, 0.5, 0, 0, "x"]),
    "nil as time": forge(CHANNEL, CONNECTION, [1, 0, None, 0, 0, "x"]),
    "an array as time": forge(CHANNEL, CONNECTION, [1, 0, [], 0, 0, "x"]),
    "an unknown kind": forge(CHANNEL, CONNECTION, [1, 0, 0, 1, 0, "x"]),
    "a negative kind": forge(CHANNEL, CONNECTION, [1, 0, 0, -1, 0, "x"]),
    "a negative index": forge(CHANNEL, CONNECTION, [1, 0, 0, 0, -1, "x"]),
    "a str as index": forge(CHANNEL, CONNECTION, [1, 0, 0, 0, "1", "x"]),
    "bytes as text": forge(CHANNEL, CONNECTION, [1, 0, 0, 0, 0, b"x"]),
    "text as bytes": forge(CHANNEL, CONNECTION, [2, 0, 0, 0, 0, "x"]),
    "nil as body": forge(CHANNEL, CONNECTION, [2, 0, 0, 0, 0, None]),
    "text that is no UTF-8": forge(CHANNEL, CONNECTION, raw=b"\x96\x01\0\0\0\0\xa1\xff", rows=3),
    "kind 0 again": forge([50, 0, 0, 0, 0, encode_value("x")]),
    "a kind too far": forge([50, 0, 0, 2, 0, encode_value("x")]),
    "a kind twice": forge(*[[50, 0, 0, n, 0, encode_value("x")] for n in (1, 2)]),
    "a kind without a name": forge([50, 0, 0, 1, 0, encode_value(5)]),
    "a kind that is no msgpack": forge([50, 0, 0, 1, 0, b"\xc1"]),
    "a kind too deep": forge([50, 0, 0, 1, 0, DEEP]),
    "a channel too far": forge([48, 0, 0, 0, 1, encode_value(["c", {}])]),
    "a channel without a map": forge([48, 0, 0, 0, 0, encode_value(["c", 1])]),
    "a connection without a channel": forge(CONNECTION),
    "a connection of a negative channel": forge(
        CHANNEL, [49, 0, 0, 0, 0, encode_value(["t", "message", -1])]
    ),
    "a connection with two numbers": forge(CHANNEL, [49, 2, 0, 0, 0, CONNECTION[5]]),
    "too many rows": forge(CHANNEL, rows=5),
    "another time": forge(CHANNEL, time_ns=7),
    "half a record": forge(CHANNEL, raw=b"\x96\x01"),
    "a record that claims too much": forge(CHANNEL, raw=b"\x96\x01\0\0\0\0\xdb\xff\xff\xff\xff"),
    "an array that claims too much": forge(raw=b"\xdd\xff\xff\xff\xff"),
    "arrays that claim too much": forge(raw=b"\xdd\x00\x10\x00\x00" * 10_000),
    "a map that claims too much": forge(raw=b"\xdf\xff\xff\xff\xff"),
    "depth": forge(raw=DEEP),
    "depth in a body": forge(raw=b"\x96\x02\0\0\0\0" + DEEP),
    "bad byte": forge(raw=b"\xc1"),
    "no header": seal(MAGIC + b"\x01\x00", 0),
    "a header of another kind": seal(MAGIC + b"\x01\x00\x90", 0),
    "a header without fields": seal(MAGIC + b"\x01\x00\x80", 0),
    "a header of wrong types": seal(
        MAGIC + b"\x01\x00" + msgpack.packb({**HEADER, "seed": "1"}), 0
    ),
    "a header with an array as key": seal(MAGIC + b"\x01\x00\x81\x90\x00", 0),
    "a deep header": seal(MAGIC + b"\x01\x00" + DEEP, 0),
    "a header without an end": seal(MAGIC + b"\x01\x00\xdf\xff\xff\xff\xff" + b"\x00" * 100, 0),
    "an index of numbers": seal(MAGIC + b"\x01\x00\x80", 0, index=5),
    "an index of nothing": seal(MAGIC + b"\x01\x00\x80", 0, index=[]),
    "an index of texts": seal(MAGIC + b"\x01\x00\x80", 0, index=[["a", "b", "c"]]),
    "an index of pairs": seal(MAGIC + b"\x01\x00\x80", 0, index=[[1, 2]]),
    "an index behind the end": seal(MAGIC + b"\x01\x00\x80", 0, index=[[1 << 60, 0, 0]]),
    "an index before the start": seal(MAGIC + b"\x01\x00\x80", 0, index=[[-50, 0, 0]]),
    "an index that goes back": seal(forge(CHANNEL), 1, index=[[60, 0, 0], [30, 1, 0]]),
    "a deep index": seal(MAGIC + b"\x01\x00\x80", 0, index=msgpack.ExtType(1, DEEP)),
    "the index as footer": MAGIC + b"\x01\x00" + Footer(1 << 63, 0).packed(),
    "checkpoints only": MAGIC + b"\x01\x00" + Checkpoint(1, 0, 0).packed() * 5000,
    "tags only": MAGIC + b"\x01\x00" + CHECKPOINT_TAG * 50_000,
    "random": MAGIC + b"\x01\x00" + Random(1).randbytes(65536),
    "random behind a header": encode(Log())[:60] + Random(2).randbytes(65536),
    "zeros behind half a record": encode(conversation(20))[:400] + bytes(65536),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_refused_quickly_and_only_with_cassette_errors(name: str) -> None:
    data = HOSTILE[name]
    start = time.process_time()
    with pytest.raises(CassetteError):
        read(data)
    for verb in (salvage, verify, read_facts):
        verb(data)
    read(data, partial=True)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("seed", range(200))
def test_random_bytes_are_refused(seed: int) -> None:
    rnd = Random(seed)
    data = rnd.randbytes(rnd.choice([1, 20, 500, 65536]))
    for head in (b"", MAGIC, MAGIC + b"\x01\x00"):
        with pytest.raises(CassetteError):
            read(head + data)
        try:
            salvage(head + data)
        except CassetteError:
            assert head != MAGIC + b"\x01\x00"


def mangled(data: bytes, rnd: Random) -> Iterator[bytes]:
    """Copies with a few bytes changed, inserted or taken away, and every checksum made right."""
    for _ in range(150):
        hurt = bytearray(data)
        for _ in range(rnd.randrange(1, 4)):
            at = rnd.randrange(18, len(hurt))
            piece = rnd.choice([rnd.randbytes(1), b"\xc1", b"\xdc\xff\xff", b"\x80", b"\xc0", b""])
            hurt[at : at + rnd.randrange(3)] = piece
        yield seal(bytes(hurt), rnd.choice([20, rnd.randrange(30)]), rnd.choice([0, 5_000_000]))


@pytest.mark.parametrize("seed", range(20))
def test_mangled_records_with_right_checksums_raise_nothing_else(seed: int) -> None:
    data = encode(conversation(20, seed=seed, size=10))
    with open_cassette(data) as cassette:
        covered = data[: cassette.index[-1].offset]
    for hurt in mangled(covered, Random(seed)):
        try:
            log = read(hurt)
            for row in range(len(log)):
                log.connections[log.lanes[row] >> 1] if log.ops[row] < Op.MARK else None
                log.kinds[log.kind_ids[row]]
        except CassetteError:
            pass
        verify(hurt)


def test_a_hostile_file_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.rws"
    bombs = [forge(raw=b"\xdd\x00\x10\x00\x00" * 200_000), forge(raw=b"\x9f" * 1_000_000)]
    for bomb in bombs:
        path.write_bytes(bomb)
        code = (
            "import sys; from replay_ws.cassette.recovery import verify; r = verify(sys.argv[1]);"
            "assert not r.ok"
        )

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))

        subprocess.run([sys.executable, "-c", code, path], check=True, preexec_fn=limit, timeout=60)


def row(op: Op, value: object, number: int = 0) -> list[object]:
    return [op, 0, 0, 0, number, encode_value(value)]


WRONG = {
    "no decision": row(Op.DECISION, 5),
    "half a decision": row(Op.DECISION, ["loss", 0]),
    "a decision of nobody": row(Op.DECISION, [None, 0, 1]),
    "an attempt before the first": row(Op.DECISION, ["loss", -1, 1]),
    "a strike of nothing": row(Op.DECISION, ["loss", 0, 0]),
    "a strike backwards": row(Op.DECISION, ["jitter", 0, -5]),
    "a strike beyond time": row(Op.DECISION, ["jitter", 0, 1 << 63]),
    "a yes for a number": row(Op.DECISION, ["loss", 0, True]),
    "no msgpack": [Op.DECISION, 0, 0, 0, 0, b"\xc1"],
    "no control": row(Op.CONTROL, 5),
    "a control of no channel": row(Op.CONTROL, {"do": "cut"}),
    "a control of a name": row(Op.CONTROL, {"do": "cut", "channel": "0"}),
    "a control of an unknown channel": row(Op.CONTROL, {"do": "cut", "channel": 1}),
    "a control from behind": row(Op.CONTROL, {"do": "cut", "channel": -1}),
    "no end": row(Op.END, None),
    "an end without status": row(Op.END, {}),
    "an end with a number": row(Op.END, {"status": 5}),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_row_that_cannot_be_played_is_refused(name: str) -> None:
    data = forge(CHANNEL, CONNECTION, TEXT, WRONG[name])
    with pytest.raises(DamagedError, match="a record from 0 on is malformed"):
        read(data)
    assert Op(int(WRONG[name][0])) not in salvage(data).log.ops  # type: ignore[call-overload]


@pytest.mark.parametrize("behind", [TEXT, row(Op.END, {"status": "ok"})])
def test_nothing_comes_behind_an_end(behind: list[object]) -> None:
    with pytest.raises(DamagedError, match="a row behind the end"):
        read(forge(CHANNEL, CONNECTION, row(Op.END, {"status": "ok"}), behind))


def test_a_row_behind_an_end_is_refused_also_in_another_span() -> None:
    log = conversation(600, size=400)
    log.ops[511], log.bodies[511] = Op.END, encode_value({"status": "ok"})
    with open_cassette(encode(log)) as cassette:
        assert 512 in [entry.rows for entry in cassette.index]
        with pytest.raises(DamagedError, match="a row behind the end"):
            cassette.log()


def test_a_decision_and_a_control_may_say_more() -> None:
    decision = row(Op.DECISION, ["loss", 0, 1, "more", 2])
    control = row(Op.CONTROL, {"do": "cut", "channel": 0, "more": 1})
    assert len(read(forge(CHANNEL, CONNECTION, decision, control))) == 4


# --- versions --------------------------------------------------------------------------------


def test_a_newer_minor_version_may_have_more_fields_and_ops() -> None:
    data = forge(
        CHANNEL,
        [*CONNECTION, "more"],
        [*TEXT, 1, [2]],
        [77, 0, 5, 0, 3, [1, b"new"]],
        TEXT,
        minor=1,
        time_ns=5,
    )
    log = read(data)
    assert [log.bodies[row] for row in (2, 4)] == ["hi", "hi"]
    assert log.ops[3] == Op.MARK
    assert log.value(3) == {"mark": "unknown op", "op": 77, "body": (1, b"new")}
    assert verify(data).ok
    assert salvage(data[: data.index(CHECKPOINT_TAG) + 9]).unverified == 5


def test_a_newer_minor_version_may_say_more_in_header_and_index() -> None:
    data = MAGIC + b"\x01\x07" + msgpack.packb({**HEADER, "more": [1]})
    assert len(read(seal(data, 0, index=[[len(data), 0, 0, "more"]]))) == 0


# --- limits ----------------------------------------------------------------------------------


def test_numbers_may_be_as_large_as_the_columns_of_a_log(tmp_path: Path) -> None:
    log = Log()
    channel = log.add_channel(Channel("c"), 0)
    for number in range(200):
        log.add_connection(Connection(f"t{number}", "tcp", channel), 0)
    log.append(Op.BINARY, 399, (1 << 63) - 1, 0, (1 << 64) - 1, bytes(1 << 20))
    log.append(Op.TEXT, 0, (1 << 63) - 1, 0, 0, "é" * (1 << 20))
    (tmp_path / "a.rws").write_bytes(encode(log))
    assert rows_of(read(tmp_path / "a.rws")) == rows_of(log)
    assert verify(tmp_path / "a.rws").ok
    assert rows_of(salvage(encode(log)[:-1]).log) == rows_of(log)


def test_a_seed_may_be_any_integer() -> None:
    log = Log(replace(Log().header, seed=-(1 << 200)))
    assert read(encode(log)).header.seed == -(1 << 200)


def test_recover_of_hostile_bytes_writes_a_good_file_or_none(tmp_path: Path) -> None:
    for number, data in enumerate(HOSTILE.values()):
        out = tmp_path / f"{number}.rws"
        try:
            recover(data, out)
        except CassetteError:
            assert not out.exists()
        else:
            assert verify(out).ok
