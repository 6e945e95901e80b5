"""Writing: whole or not at all, one writer for a name, the same bytes however it happens."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from replay_ws.cassette.format import digest, encode
from replay_ws.cassette.reader import open_cassette, read
from replay_ws.cassette.writer import PartialFile, StreamingWriter, save
from replay_ws.errors import CassetteError
from replay_ws.events.log import Channel, Connection, Log, Op
from tests.unit.cassette.logs import conversation, rows_of


def test_a_saved_log_reads_back_as_it_was(tmp_path: Path) -> None:
    log = conversation(1000)
    save(log, tmp_path / "a.rws")
    assert rows_of(read(tmp_path / "a.rws")) == rows_of(log)
    assert [p.name for p in tmp_path.iterdir()] == ["a.rws"]


def test_an_empty_log_makes_a_cassette_too(tmp_path: Path) -> None:
    save(Log(), tmp_path / "a.rws", durable=True)
    assert rows_of(read(tmp_path / "a.rws")) == rows_of(Log())


def test_volatile_facts_change_the_file_and_not_the_digest(tmp_path: Path) -> None:
    log = conversation(100)
    save(log, tmp_path / "a.rws", volatile={"host": "h", "recorded": 1.5})
    with open_cassette(tmp_path / "a.rws") as cassette:
        assert cassette.volatile() == {"host": "h", "recorded": 1.5}
        assert cassette.digest() == digest(log)
    assert (tmp_path / "a.rws").read_bytes() != encode(log)


def test_a_streamed_recording_is_the_same_bytes_as_one_saved_in_one_go(tmp_path: Path) -> None:
    whole = conversation(3000, size=200)
    live = Log(whole.header)
    writer = StreamingWriter(live, tmp_path / "a.rws")
    for row in whole.rows():
        live.append(*row)
        if row[4] % 40 == 0:
            time.sleep(0.001)
    assert not (tmp_path / "a.rws").exists()
    writer.close()
    assert (tmp_path / "a.rws").read_bytes() == encode(whole)
    assert not writer.partial_path.exists()


def test_rows_reach_the_disk_while_the_recording_runs(tmp_path: Path) -> None:
    log = conversation(10)
    writer = StreamingWriter(log, tmp_path / "a.rws")
    log.append(Op.TEXT, 0, log.end_ns, 0, 0, "a late frame")
    deadline = time.monotonic() + 5
    while b"a late frame" not in writer.partial_path.read_bytes():
        assert time.monotonic() < deadline, "the row never came"
        time.sleep(0.002)
    writer.abandon()


def test_an_abandoned_recording_leaves_its_partial_and_the_golden(tmp_path: Path) -> None:
    golden = tmp_path / "a.rws"
    save(conversation(50), golden)
    before = golden.read_bytes()
    writer = StreamingWriter(conversation(70, seed=2), golden)
    assert writer.abandon() == tmp_path / "a.rws.partial"
    assert golden.read_bytes() == before
    with pytest.raises(CassetteError, match="not finished") as caught:
        read(writer.partial_path)
    assert "replay-ws recover" in caught.value.mend
    assert rows_of(read(writer.partial_path, partial=True)) == rows_of(conversation(70, seed=2))


def test_a_writer_may_be_closed_twice(tmp_path: Path) -> None:
    writer = StreamingWriter(conversation(20), tmp_path / "a.rws")
    writer.close()
    writer.close()
    writer.abandon()
    assert len(read(tmp_path / "a.rws")) == 20


def test_a_name_has_one_writer(tmp_path: Path) -> None:
    writer = StreamingWriter(conversation(7), tmp_path / "a.rws")
    with pytest.raises(CassetteError, match="another recording is running") as caught:
        save(conversation(7), tmp_path / "a.rws")
    assert f"replay-ws recover {tmp_path / 'a.rws.partial'}" in caught.value.mend
    writer.close()
    save(conversation(30), tmp_path / "a.rws")
    assert len(read(tmp_path / "a.rws")) == 30


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.rws").symlink_to(tmp_path / "real" / "a.rws")
    save(conversation(20), tmp_path / "link.rws")
    assert (tmp_path / "link.rws").is_symlink()
    assert len(read(tmp_path / "real" / "a.rws")) == 20


def test_an_output_that_cannot_be_written_says_why_and_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.rws").mkdir()
    log = conversation(7)
    for path, what, mend in [
        (tmp_path / "no" / "a.rws", "there is no folder", "mkdir -p"),
        (tmp_path / "file" / "a.rws", "there is no folder", "mkdir -p"),
        (tmp_path / "folder.rws", "this is a directory", "name a file"),
        (tmp_path / ("x" * 300), "cannot be written", "write elsewhere"),
        (Path("/dev/null"), "not a regular file", "name a file"),
    ]:
        with pytest.raises(CassetteError) as caught:
            save(log, path)
        assert what in caught.value.what
        assert caught.value.where == str(path)
        assert mend in caught.value.mend
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.rws"]


def test_a_save_that_fails_leaves_nothing_and_the_golden_as_it_was(tmp_path: Path) -> None:
    golden = tmp_path / "a.rws"
    save(conversation(7), golden)
    before = golden.read_bytes()
    log = conversation(200)
    log.append(Op.TEXT, 0, log.end_ns, 0, 0, "half a pair: \ud800")
    with pytest.raises(CassetteError, match="not Unicode"):
        save(log, golden)
    assert golden.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.rws"]


def test_a_full_disk_is_told_when_the_recording_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = conversation(20)
    writer = StreamingWriter(log, tmp_path / "a.rws")

    def refuse(self: PartialFile, data: object) -> None:
        raise self._refusal(OSError(28, "No space left on device"))

    monkeypatch.setattr(PartialFile, "write", refuse)
    writer._packer._sink = writer._file.write
    log.append(Op.TEXT, 0, log.end_ns, 0, 0, "one more")
    with pytest.raises(CassetteError, match="No space left") as caught:
        writer.close()
    assert caught.value.mend == "free some space"
    assert not (tmp_path / "a.rws").exists()


def test_a_span_ends_with_the_group_that_fills_it() -> None:
    log = Log()
    channel = log.add_channel(Channel("c"), 0)
    log.add_connection(Connection("c", "tcp", channel), 0)
    while len(log) < 640:
        log.append(Op.BINARY, 0, 0, 0, len(log), bytes(1000))
    with open_cassette(encode(log)) as cassette:
        assert [entry.rows for entry in cassette.index] == [128, 256, 384, 512, 640]
