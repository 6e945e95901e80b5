"""Writing: whole or not at all, one writer for a name, the same bytes however it happens."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from replay_ws.cassette.format import digest, encode
from replay_ws.cassette.opened import open_cassette
from replay_ws.cassette.reader import read
from replay_ws.cassette.writer import FLUSH_INTERVAL_S, StreamingWriter, save
from replay_ws.errors import CassetteError
from replay_ws.events.log import Channel, Connection, Log, Op
from tests.unit.cassette.logs import conversation, cut_off, rows_of


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
    assert [p.name for p in tmp_path.iterdir()] == ["a.rws"]


def test_rows_reach_the_disk_while_the_recording_runs(tmp_path: Path) -> None:
    log = conversation(10)
    writer = StreamingWriter(log, tmp_path / "a.rws")
    log.append(Op.TEXT, 0, log.end_ns, 0, 0, "a late frame")
    deadline = time.monotonic() + 5
    while b"a late frame" not in (tmp_path / "a.rws.partial").read_bytes():
        assert time.monotonic() < deadline, "the row never came"
        time.sleep(0.002)
    writer.close()


def test_a_recording_that_is_cut_off_leaves_its_partial_and_the_golden(tmp_path: Path) -> None:
    golden = tmp_path / "a.rws"
    save(conversation(50), golden)
    before = golden.read_bytes()
    partial = cut_off(conversation(70, seed=2), golden)
    assert partial == tmp_path / "a.rws.partial"
    assert golden.read_bytes() == before
    with pytest.raises(CassetteError, match="not finished") as caught:
        read(partial)
    assert "replay-ws recover" in caught.value.mend
    assert rows_of(read(partial, partial=True)) == rows_of(conversation(70, seed=2))


def test_a_writer_may_be_closed_twice(tmp_path: Path) -> None:
    writer = StreamingWriter(conversation(20), tmp_path / "a.rws")
    writer.close()
    writer.close()
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


def test_a_failed_recording_behind_a_link_stands_beside_what_the_link_leads_to(
    tmp_path: Path,
) -> None:
    golden, link = tmp_path / "goldens" / "a.rws", tmp_path / "link.rws"
    golden.parent.mkdir()
    link.symlink_to(golden)
    assert StreamingWriter(conversation(20), link).close(failed=True) == link
    assert StreamingWriter(conversation(30), link).close(failed=True) == Path(f"{golden}.failed")
    assert [len(read(path)) for path in (link, golden)] == [20, 20]
    StreamingWriter(conversation(40), link).close()
    assert link.is_symlink()
    assert len(read(golden)) == 40
    assert sorted(path.name for path in golden.parent.iterdir()) == ["a.rws", "a.rws.failed"]


def test_an_output_that_cannot_be_written_says_why_and_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.rws").mkdir()
    (tmp_path / "loop.rws").symlink_to("loop.rws")
    os.mkfifo(tmp_path / "pipe.rws")  # not /dev/null: root, and so a mistake, could replace that
    log = conversation(7)
    for path, what, mend in [
        (tmp_path / "no" / "a.rws", "there is no folder", "mkdir -p"),
        (tmp_path / "file" / "a.rws", "there is no folder", "mkdir -p"),
        (tmp_path / "folder.rws", "this is a directory", "name a file"),
        (tmp_path / ("x" * 300), "cannot be written", "write elsewhere"),
        (tmp_path / "pipe.rws", "not a regular file", "name a file"),
        (tmp_path / "loop.rws", "a link that leads to itself", "name a file"),
        (tmp_path / "a\0b.rws", "embedded null", "check the name"),
    ]:
        with pytest.raises(CassetteError) as caught:
            save(log, path)
        assert what in caught.value.what
        assert caught.value.where == str(path)
        assert mend in caught.value.mend
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "file",
        "folder.rws",
        "loop.rws",
        "pipe.rws",
    ]


def test_a_save_that_fails_leaves_nothing_and_the_golden_as_it_was(tmp_path: Path) -> None:
    golden = tmp_path / "a.rws"
    save(conversation(7), golden)
    before = golden.read_bytes()
    log = conversation(200)
    log.append(Op.TEXT, 0, log.end_ns, 0, 0, "half a pair: \ud800")
    with pytest.raises(CassetteError, match="not Unicode") as caught:
        save(log, golden)
    assert caught.value.where == str(golden)
    assert golden.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.rws"]


def fill_the_disk(writer: StreamingWriter, path: Path) -> None:
    def refuse(data: object) -> None:
        raise writer._file._refusal(OSError(errno.ENOSPC, "No space left on device"))

    writer._packer._sink = refuse


def take_the_folder(writer: StreamingWriter, path: Path) -> None:
    shutil.rmtree(path.parent)


def take_the_partial(writer: StreamingWriter, path: Path) -> None:
    path.with_name("a.rws.partial").unlink()


def send_half_a_pair(writer: StreamingWriter, path: Path) -> None:
    writer._log.append(Op.TEXT, 0, writer._log.end_ns, 0, 0, "\ud800")


@pytest.mark.parametrize(
    ("harm", "what", "mend"),
    [
        (fill_the_disk, "No space left", "free some space"),
        (take_the_folder, "there is no folder", "mkdir -p"),
        (take_the_partial, "a.rws.partial was taken away", "record the session again"),
        (send_half_a_pair, "not Unicode", "send the frame as bytes"),
    ],
)
@pytest.mark.parametrize("wait_s", [0, 3 * FLUSH_INTERVAL_S])
def test_what_stops_a_recording_is_told_when_it_closes_and_no_thread_is_left(
    tmp_path: Path,
    harm: Callable[[StreamingWriter, Path], None],
    what: str,
    mend: str,
    wait_s: float,
) -> None:
    path = tmp_path / "folder" / "a.rws"
    path.parent.mkdir()
    log = conversation(20)
    writer = StreamingWriter(log, path)
    harm(writer, path)
    log.append(Op.TEXT, 0, log.end_ns, 0, 0, "one more")
    time.sleep(wait_s)  # so that the thread meets it first
    with pytest.raises(CassetteError) as caught:
        writer.close()
    assert what in caught.value.what
    assert caught.value.where == str(path)
    assert mend in caught.value.mend
    assert not path.exists()
    assert "replay_ws recording" not in [thread.name for thread in threading.enumerate()]


def test_a_span_ends_with_the_group_that_fills_it() -> None:
    log = Log()
    channel = log.add_channel(Channel("c"), 0)
    log.add_connection(Connection("c", "tcp", channel), 0)
    while len(log) < 640:
        log.append(Op.BINARY, 0, 0, 0, len(log), bytes(1000))
    with open_cassette(encode(log)) as cassette:
        assert [entry.rows for entry in cassette.index] == [128, 256, 384, 512, 640]
