"""``replay-ws migrate``: shows, writes, reports, and says so by its exit code."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from replay_ws.cli.app import main

TRACKER = """\
class MockWebSocketManager:
    def __init__(self):
        self.messages = []

    async def send_to_thread(self, thread_id, message):
        self.messages.append({"thread_id": thread_id, "message": message})
        return True
"""
SPECIAL = TRACKER.replace("return True", "return len(thread_id) * 7")


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["migrate", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    (tmp_path / "test_plain.py").write_text(TRACKER, encoding="utf-8")
    (tmp_path / "test_special.py").write_text(SPECIAL, encoding="utf-8")
    (tmp_path / "test_other.py").write_text("def test_it(): pass\n", encoding="utf-8")
    return tmp_path


def test_without_write_it_shows_a_diff_and_leaves_the_files(
    tests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(str(tests)) == 1
    out = capsys.readouterr().out
    assert out.startswith("would change 1 file: 1 replaced, 1 stay; 3 files seen\n")
    assert "-class MockWebSocketManager:\n" in out
    assert "instead of" in " ".join(out.split())
    assert f"next: replay-ws migrate --write {tests}" in out
    assert (tests / "test_plain.py").read_text(encoding="utf-8") == TRACKER


def test_write_changes_the_files_and_a_second_time_there_is_nothing_to_do(
    tests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("--write", str(tests)) == 0
    assert capsys.readouterr().out.startswith("changed 1 file: 1 replaced")
    assert (tests / "test_plain.py").read_text(encoding="utf-8").startswith("from replay_ws")
    assert (tests / "test_special.py").read_text(encoding="utf-8") == SPECIAL
    assert code_of(str(tests)) == 0
    assert capsys.readouterr().out.startswith("nothing to change: 3 files seen")


@pytest.mark.parametrize("option", [["--json"], ["--report", "json"]])
def test_the_report_for_programs_says_the_same(
    tests: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    assert code_of(str(tests), *option) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["kinds"] == {
        "mechanical": {"found": 1, "replaced": 1},
        "not mechanical": {"found": 1, "replaced": 0},
    }
    plain, special = report["files"]
    assert plain["changed"]
    assert plain["findings"][0]["name"] == "MockWebSocketManager"
    assert special["findings"][0]["reason"]
    assert not report["written"]


def test_trouble_with_one_file_spares_the_others(
    tests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tests / "test_broken.py").write_text("class MockWebSocket(:\n", encoding="utf-8")
    assert code_of("--write", str(tests)) == 2
    assert "test_broken.py: it does not parse" in capsys.readouterr().out
    assert "replay_ws" in (tests / "test_plain.py").read_text(encoding="utf-8")


def test_a_path_that_is_not_there_is_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("nowhere") == 2
    assert "nowhere: no such file or folder" in capsys.readouterr().err


def test_without_its_tool_it_says_how_to_get_it(
    tests: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = builtins.__import__

    def without_libcst(name: str, *rest: Any, **more: Any) -> Any:
        if name == "libcst":
            raise ImportError(name)
        return really(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_libcst)
    assert code_of(str(tests)) == 2
    assert "pip install 'replay-ws[migrate]'" in capsys.readouterr().err
