"""``replay-ws accept``: a run becomes the golden, whole, and only where somebody reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import replay_ws as rws
from replay_ws.cli.app import main
from replay_ws.report.kept import comparison_text
from tests.helpers import sent, tokens

Said = Callable[..., str]


@pytest.fixture
def said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Said:
    """Runs a command in a folder with a golden and a run of which one event is another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    rws.save(sent(*tokens(5)).session, "golden.rws")
    rws.save(sent(*tokens(4), {"type": "token", "n": 9, "text": ""}).session, "run.rws")

    def say(*words: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = capsys.readouterr()
        assert ended.value.code == code, out + err
        return out + (err if code == 2 else "")

    return say


def test_the_golden_is_the_run_bit_for_bit(said: Said) -> None:
    shown = said("accept", "run.rws", "golden.rws")
    assert shown.startswith("accepted: golden.rws is now run.rws\n  1 changed; first changed #4 <")
    assert Path("golden.rws").read_bytes() == Path("run.rws").read_bytes()
    said("diff", "golden.rws", "run.rws")


def test_the_reason_is_in_the_line_that_commits_it(said: Said) -> None:
    shown = said("accept", "run.rws", "golden.rws", "--reason", "nine it is")
    line = "git commit -m 'Accept golden.rws: nine it is' -- golden.rws"
    assert shown.endswith(f"  keep    {line}\n")


def test_diff_names_the_command_that_accepts(said: Said) -> None:
    shown = said("diff", "golden.rws", "run.rws", code=1)
    assert "  accept  replay-ws accept run.rws golden.rws\n" in shown


def test_only_what_was_asked_for_is_accepted(said: Said) -> None:
    before = Path("golden.rws").read_bytes()
    shown = said("accept", "run.rws", "golden.rws", "--only", "moved,timing", code=2)
    assert "more than that differs: 1 changed" in shown
    assert Path("golden.rws").read_bytes() == before
    said("accept", "run.rws", "golden.rws", "--only", "moved,changed")
    assert Path("golden.rws").read_bytes() != before


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["run.rws"], "its golden is not known"),
        (["run.rws", "none.rws"], "none.rws"),
        (["run.rws", "golden.rws", "--only", "change"], "did you mean 'changed'?"),
        (["run.rws", "golden.rws", "--only", ""], "'--only': a category has a name"),
    ],
)
def test_what_cannot_be_accepted_is_told(said: Said, words: list[str], wrong: str) -> None:
    assert wrong in said("accept", *words, code=2)


def test_nothing_is_accepted_in_ci(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    before = Path("golden.rws").read_bytes()
    assert "CI is set" in said("accept", "run.rws", "golden.rws", code=2)
    assert Path("golden.rws").read_bytes() == before


@pytest.mark.parametrize("at", [40, -20])
def test_a_damaged_run_is_never_a_golden(said: Said, at: int) -> None:
    data = bytearray(Path("run.rws").read_bytes())
    data[at] ^= 1
    Path("run.rws").write_bytes(data)
    before = Path("golden.rws").read_bytes()
    said("accept", "run.rws", "golden.rws", code=2)
    assert Path("golden.rws").read_bytes() == before


def test_an_equal_run_leaves_the_golden_as_it_is(said: Said) -> None:
    rws.save(rws.load("golden.rws"), "again.rws")
    told = json.loads(said("accept", "again.rws", "golden.rws", "--json"))
    assert (told["written"], sum(told["counts"].values())) == (False, 0)


def test_the_run_of_a_failed_test_knows_its_golden_and_how_it_was_compared(said: Said) -> None:
    kept = Path("failed") / "session.rws"
    kept.parent.mkdir()
    rws.save(rws.load("run.rws"), kept)
    (kept.parent / "rerun.txt").write_text("pytest test_it.py\n")
    how = {"ignore": ["$.n"], "tolerance_ns": 0}
    place = kept.parent / "comparison.json"
    place.write_text(comparison_text(kept.parent, Path("golden.rws"), how))
    assert said("accept", str(kept)).startswith("same: golden.rws stays")
    place.write_text(comparison_text(kept.parent, Path("golden.rws"), {}))
    assert said("accept", str(kept)).startswith("accepted: golden.rws is now")
