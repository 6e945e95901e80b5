"""The codemod on disk: what it looks at, which bytes stay, and that nothing is half-written."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from replay_ws.errors import ConfigError
from replay_ws.legacy.migration import files
from replay_ws.legacy.migration.files import migrate_file, sources

TRACKER = """\
import asyncio


class MockWebSocketManager:
    def __init__(self):
        self.messages = []

    async def send_to_thread(self, thread_id, message):
        self.messages.append({"thread_id": thread_id, "message": message})
        return True


def test_it():
    text = "ü – one"
    asyncio.run(MockWebSocketManager().send_to_thread(text, {"type": "x"}))
"""


@pytest.fixture
def tracker(tmp_path: Path) -> Path:
    path = tmp_path / "test_tracker.py"
    path.write_text(TRACKER, encoding="utf-8")
    return path


def test_a_dry_run_writes_nothing_and_shows_a_diff(tracker: Path) -> None:
    result = migrate_file(tracker, write=False)
    assert tracker.read_text(encoding="utf-8") == TRACKER
    assert any(line.startswith("+from replay_ws import") for line in result.diff)


def test_a_written_file_needs_nothing_more(tracker: Path) -> None:
    assert migrate_file(tracker, write=True).changed
    assert not migrate_file(tracker, write=True).changed
    assert [path.name for path in tracker.parent.iterdir()] == [tracker.name]


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("# -*- coding: latin-1 -*-\n", "latin-1"),
        ("# vim: set fileencoding=cp1252 :\n", "cp1252"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encoding_and_line_ends_stay(
    tmp_path: Path, head: str, encoding: str, newline: str
) -> None:
    dash = "–" if encoding != "latin-1" else "-"
    text = (head + TRACKER).replace("–", dash).replace("\n", newline)
    path = tmp_path / "test_it.py"
    path.write_bytes(text.encode(encoding))
    assert migrate_file(path, write=True).changed
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
    after = data.decode(encoding)
    assert after.count("\n") == after.count(newline)
    kept = f'    text = "ü {dash} one"{newline}'
    assert kept in after
    assert "replay_ws" in after


def test_the_mode_of_a_file_stays(tracker: Path) -> None:
    tracker.chmod(0o754)
    migrate_file(tracker, write=True)
    assert stat.S_IMODE(tracker.stat().st_mode) == 0o754


def test_a_link_stays_a_link(tracker: Path, tmp_path: Path) -> None:
    link = tmp_path / "linked.py"
    link.symlink_to(tracker)
    assert migrate_file(link, write=True).changed
    assert link.is_symlink()
    assert "replay_ws" in tracker.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (b"class MockWebSocketManager:\n    def (:\n", "line 2"),
        (b"# websocket\n\nx = '\xff'\n", "line 3"),
        (b"# coding: no-such-thing\n# websocket\n", "encoding"),
        (b"# websocket\nx = 1\x00\n", "does not parse"),
        (b"# websocket\nif x:\n\tpass\n        pass\n", "line 4"),
    ],
)
def test_what_cannot_be_read_is_told_and_stays(tmp_path: Path, data: bytes, trouble: str) -> None:
    path = tmp_path / "test_it.py"
    path.write_bytes(data)
    result = migrate_file(path, write=True)
    assert trouble in result.trouble
    assert path.read_bytes() == data


def test_a_write_that_fails_leaves_the_old_file_alone(
    tracker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    assert migrate_file(tracker, write=True).trouble == "No space left on device"
    assert tracker.read_text(encoding="utf-8") == TRACKER
    assert [path.name for path in tracker.parent.iterdir()] == [tracker.name]


def test_a_file_that_changed_meanwhile_is_not_overwritten(
    tracker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(*_: object) -> None:
        tracker.write_text("# somebody was here: websocket\n", encoding="utf-8")

    monkeypatch.setattr(files.shutil, "copymode", edit)
    assert "run this again" in migrate_file(tracker, write=True).trouble
    assert tracker.read_text(encoding="utf-8").startswith("# somebody")


def test_folders_of_others_are_skipped(tmp_path: Path) -> None:
    for name in ("tests", ".git", ".venv", "own_env", "node_modules", "__pycache__"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "test_it.py").write_text("")
    (tmp_path / "own_env" / "pyvenv.cfg").write_text("")
    (tmp_path / "tests" / "notes.txt").write_text("")
    (tmp_path / "tests" / "again.py").symlink_to(tmp_path / "tests" / "test_it.py")
    assert sources([tmp_path]) == [tmp_path / "tests" / "test_it.py"]


def test_a_file_that_is_named_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / ".venv" / "notes.txt"
    path.parent.mkdir()
    path.write_text("")
    assert sources([path, path]) == [path]


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        sources([tmp_path / "nowhere"])
