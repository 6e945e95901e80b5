"""Recovery: everything whole comes back, labelled, and never a wrong row as verified."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from replay_ws.cassette.format import BLOCK_SIZE, MAGIC_SIZE, digest, encode
from replay_ws.cassette.opened import open_cassette, read_facts
from replay_ws.cassette.reader import read
from replay_ws.cassette.recovery import recover, verify
from replay_ws.cassette.salvage import Salvage, salvage
from replay_ws.cassette.writer import save
from replay_ws.errors import CassetteError
from replay_ws.events.log import Connection, Log, Op, Row
from tests.unit.cassette.logs import conversation, cut_off, record_ends, rows_of

LONG = conversation(1000, size=250)
LONG_DATA = encode(LONG)


def assert_prefix(found: Salvage, rows: list[Row], row_count: int) -> None:
    """``found`` is the first ``rows``."""
    assert list(found.log.rows()) == rows[:row_count]
    assert found.verified + found.unverified == row_count


def verified_rows(found: Salvage) -> list[Row]:
    """The rows that a checksum vouches for."""
    pieces = [piece for piece in found.pieces if piece.verified]
    spans = [(piece.first_row, piece.first_row + piece.row_count) for piece in pieces]
    return [row for span in spans for row in found.log.rows(*span)]


def span_ends(data: bytes) -> list[int]:
    with open_cassette(data) as cassette:
        return [entry.offset + BLOCK_SIZE for entry in cassette.index]


def test_a_cut_cassette_gives_every_whole_row_before_the_cut() -> None:
    """At every byte of its last 4 KiB, and at 500 other places."""
    log = conversation(1000, size=53)
    data, rows, ends = encode(log), list(log.rows()), record_ends(log)
    cuts = [*range(len(data) - 4096, len(data))]
    cuts += Random(3).sample(range(ends[0], len(data) - 4096), 500)
    with open_cassette(data) as cassette:
        verified_rows = [0, *(entry.rows for entry in cassette.index)]
    assert len(verified_rows) == 3  # a checkpoint is among the last 4 KiB
    spans = span_ends(data)
    for cut in cuts:
        found = salvage(data[:cut])
        assert_prefix(found, rows, bisect_right(ends, cut) - 1)
        assert found.verified == verified_rows[bisect_right(spans, cut)]
        assert not found.finished
        assert not found.placeholders


def test_a_cut_cassette_is_refused_unless_asked_for() -> None:
    for cut in (1, 17, 18, 30, 200, 5000, len(LONG_DATA) - 1):
        with pytest.raises(CassetteError) as caught:
            read(LONG_DATA[:cut])
        assert "replay-ws recover" in caught.value.mend
    assert len(read(LONG_DATA[:5000], partial=True)) > 10


def test_a_damaged_span_is_left_out_and_the_rest_is_verified() -> None:
    data = bytearray(LONG_DATA)
    ends = span_ends(LONG_DATA)
    data[ends[0] + 1000] ^= 4
    found = salvage(bytes(data))
    [gap] = found.gaps
    assert (gap.offset, gap.size) == (ends[0], ends[1] - ends[0])
    assert found.finished
    assert not found.whole
    assert found.unverified == 0
    with open_cassette(LONG_DATA) as cassette:
        first, second = cassette.index[0].rows, cassette.index[1].rows
    assert found.verified == 1000 - (second - first)
    assert_same_messages(found, LONG, [*range(first), *range(second, 1000)])


def assert_same_messages(found: Salvage, log: Log, rows: list[int]) -> None:
    """What is verified of ``found`` are these rows of ``log``."""
    want = list(log.rows())
    assert verified_rows(found) == [want[row] for row in rows]


def test_without_an_index_rows_behind_damage_are_whole_but_unverified() -> None:
    ends = span_ends(LONG_DATA)
    data = bytearray(LONG_DATA[: ends[2] + 500])
    data[ends[0] + 1000] ^= 4
    found = salvage(bytes(data))
    with open_cassette(LONG_DATA) as cassette:
        first, second = cassette.index[0].rows, cassette.index[1].rows
    assert found.verified == first
    assert found.unverified > cassette.index[2].rows - second
    tail = list(LONG.rows(second, second + found.unverified))
    assert list(found.log.rows())[-found.unverified :] == tail


def test_names_that_were_lost_get_placeholders(tmp_path: Path) -> None:
    log = conversation(1000, size=250)
    data = bytearray(encode(log))
    data[600] ^= 1  # the first span defines channel, connections and most kinds
    (tmp_path / "hurt.rws").write_bytes(data)
    found = recover(tmp_path / "hurt.rws", tmp_path / "mended.rws")
    assert "kind-1" in found.placeholders
    assert "connection-0" in found.placeholders
    assert not found.header_verified
    mended = read(tmp_path / "mended.rws")
    assert mended.connections[0] == Connection("connection-0", "message", 0)
    assert mended.value(0) == {"mark": "skipped", "bytes": found.gaps[0].size}
    last = found.pieces[-1]
    assert list(mended.rows(last.first_row)) == list(log.rows(1000 - last.row_count))
    assert mended.kinds[-1] == log.kinds[-1]


def test_a_cassette_inside_a_frame_is_never_taken_for_the_one_around_it() -> None:
    inner = encode(LONG)
    log = conversation(100, ended=False)
    for row in range(4):
        log.append(Op.BINARY, 0, log.end_ns, 0, row, inner)
    while len(log) < 300:
        log.append(Op.TEXT, 1, log.end_ns, 0, len(log), "after")
    data = encode(log)
    rows = list(log.rows())
    assert_prefix(salvage(data), rows, 300)
    ends = record_ends(log)
    for cut in (*range(ends[100], ends[104], 30011), ends[104] - 1, ends[150], len(data) - 40):
        assert_prefix(salvage(data[:cut]), rows, bisect_right(ends, cut) - 1)
    want = set(rows)
    for bit in range(0, 8 * len(data), 8 * 9973 + 1):
        hurt = bytearray(data)
        hurt[bit // 8] ^= 1 << bit % 8
        for whole in (bytes(hurt), bytes(hurt[:-100])):
            if bit >= 8 * MAGIC_SIZE:
                assert want.issuperset(verified_rows(salvage(whole)))


def flipped(data: bytes, rnd: Random) -> bytes:
    hurt = bytearray(data)
    bit = rnd.randrange(8 * len(hurt))
    hurt[bit // 8] ^= 1 << bit % 8
    return bytes(hurt)


GOLDENS = sorted(Path(__file__).parents[3].glob("cassettes/**/*.rws"))
WHOLE = {
    "three spans": encode(conversation(700, size=250), {"host": "h"}),
    "one span": encode(conversation(100)),
    "empty": encode(Log()),
    **{path.stem: path.read_bytes() for path in GOLDENS},
}


@pytest.mark.parametrize("name", WHOLE)
def test_no_flipped_bit_is_silent_and_no_wrong_row_verified(name: str) -> None:
    data, rnd = WHOLE[name], Random(name)
    want = set(read(data).rows())
    for _ in range(-(-2000 // len(WHOLE))):
        hurt = flipped(data, rnd)
        with pytest.raises(CassetteError):
            read(hurt)
        try:
            found = salvage(hurt)
        except CassetteError:  # the magic is hit: this is no cassette
            continue
        assert not found.whole
        assert want.issuperset(verified_rows(found))


def test_verify_finds_nothing_wrong_with_what_was_written(tmp_path: Path) -> None:
    save(LONG, tmp_path / "a.rws", volatile={"host": "h"})
    report = verify(tmp_path / "a.rws")
    assert report.ok
    assert report.salvage.whole
    assert report.digest == digest(LONG)


def test_verify_names_rows_whose_body_is_not_what_their_op_says() -> None:
    log = conversation(20, ended=False)
    log.append(Op.CLOSE, 0, log.end_ns, 0, 0, log.encode("1000"))
    log.append(Op.OBJECT, 0, log.end_ns, 0, 0, b"\xc1")
    report = verify(encode(log))
    assert [problem[:23] for problem in report.problems] == [
        "record 20 is malformed:",
        "record 21 is malformed:",
    ]


def test_random_bytes_behind_a_header_are_no_rows_and_no_fault_of_ours() -> None:
    header = encode(Log())[: record_ends(Log())[0]]
    for seed in (132, *range(100)):
        size = 65536 if seed == 132 else 4096
        found = salvage(header + Random(seed).randbytes(size))
        assert not found.verified


def test_an_end_that_more_rows_follow_is_kept_as_a_remark(tmp_path: Path) -> None:
    """It may be that of another cassette, which a damaged frame carried."""
    found = recover_bytes(encode(conversation(100)) + LONG_DATA, tmp_path)
    assert len(found.log) > 100
    assert found.log.value(99) == {"status": "ok"}
    assert [row for row, op in enumerate(found.log.ops) if op == Op.END] == [len(found.log) - 1]
    assert found.log.ops[99] == Op.MARK


def recover_bytes(data: bytes, folder: Path) -> Salvage:
    (folder / "a.rws").write_bytes(data)
    return recover(folder / "a.rws", folder / "b.rws")


def test_an_unfinished_recording_is_described(tmp_path: Path) -> None:
    partial = cut_off(LONG, tmp_path / "a.rws")
    report = verify(partial)
    assert not report.ok
    assert report.salvage.verified + report.salvage.unverified == 1000
    assert report.salvage.unverified
    assert report.salvage.log.header == LONG.header
    assert read_facts(partial) == (partial.stat().st_size, (1, 0), {})


def test_the_facts_of_a_cassette_are_read_also_where_its_rows_are_damaged() -> None:
    data = bytearray(encode(LONG, {"host": "h"}))
    data[len(data) // 2] ^= 1
    assert read_facts(bytes(data)) == (len(data), (1, 0), {"host": "h"})


def test_a_partial_recovers_to_the_name_it_was_meant_for(tmp_path: Path) -> None:
    partial = cut_off(LONG, tmp_path / "a.rws")
    found = recover(partial, tmp_path / "a.rws")
    assert found.gaps == ()
    assert rows_of(read(tmp_path / "a.rws")) == rows_of(LONG)
    assert verify(tmp_path / "a.rws").ok


def test_recovery_overwrites_nothing_and_needs_something(tmp_path: Path) -> None:
    save(LONG, tmp_path / "a.rws")
    with pytest.raises(CassetteError, match="a file already"):
        recover(tmp_path / "a.rws", tmp_path / "a.rws")
    (tmp_path / "b.rws").write_bytes(LONG_DATA[:20])
    with pytest.raises(CassetteError, match="no record in it is whole"):
        recover(tmp_path / "b.rws", tmp_path / "c.rws")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.rws", "b.rws"]


def test_pieces_and_gaps_account_for_every_byte() -> None:
    rnd = Random(5)
    for _ in range(50):
        hurt = flipped(flipped(LONG_DATA, rnd), rnd)[: rnd.randrange(20, len(LONG_DATA))]
        try:
            found = salvage(hurt)
        except CassetteError:
            continue
        runs = sorted((run.offset, run.size) for run in (*found.pieces, *found.gaps))
        assert runs[0][0] == 0
        assert sum(runs[-1]) == len(hurt)
        assert all(a + size == b for (a, size), (b, _) in pairwise(runs))
