"""The main job, as the demonstration does it."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from replay_ws.cli.demo import fresh, job
from replay_ws.cli.demo.settings import SEED, SETTINGS
from replay_ws.faults.modes import MockBehaviorMode
from tests.e2e import demo_changes
from tests.e2e.commands import ROOT, replay_ws, said

GOLDENS = demo_changes.GOLDENS


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return said("demo", cwd=ROOT).splitlines()


def test_every_mode_has_a_row_under_its_full_name(lines: list[str]) -> None:
    for mode in MockBehaviorMode:
        (row,) = [line for line in lines if line.startswith(f"{mode} ")]
        assert row.rstrip().endswith("yes")
        assert len(row.split()) == 11


def test_the_table_says_why_messages_are_late_in_normal(lines: list[str]) -> None:
    ((name, value),) = SETTINGS[MockBehaviorMode.NORMAL].items()
    assert f"late: later than in the golden; normal runs with {name}={value} here" in lines


def test_every_golden_has_a_line_with_its_first_divergence(lines: list[str]) -> None:
    start = next(i for i, line in enumerate(lines) if line.startswith("first divergence"))
    named = [line.split()[0] for line in lines[start + 1 : start + 2 + len(GOLDENS)]]
    assert named == ["(recorded", *(golden.stem for golden in GOLDENS)]


def test_the_last_lines_are_the_verdict_and_what_to_run_next(lines: list[str]) -> None:
    count = (1 + len(GOLDENS)) * len(MockBehaviorMode)
    assert lines[-3] == f"identical: {count} replays, the same bytes each of three times"
    program, *_ = shlex.split(lines[-1].removeprefix("next: "))
    assert shutil.which(program) or (ROOT / program).is_file(), "it can be pasted"
    assert " replay cassettes/" in lines[-1]


def test_mode_names_are_whole_in_a_narrow_terminal() -> None:
    done = replay_ws("demo", cwd=ROOT, COLUMNS="80")
    table = done.stdout.split("first divergence")[0]
    assert all(f"\n{mode} " in table for mode in MockBehaviorMode)
    assert max(map(len, table.splitlines()[2:])) <= 80


def test_json_says_the_same_as_the_table(lines: list[str]) -> None:
    found = json.loads(said("demo", "--json", cwd=ROOT))
    assert found["identical"]
    for row in found["modes"]:
        (shown,) = [line for line in lines if line.startswith(f"{row['mode']} ")]
        counts = [row[name] for name in ("delivered", "lost", "late", "duplicated")]
        assert shown.split()[1:5] == [f"{count:,}" for count in counts]
        assert row["digest"].startswith(shown.split()[-2])


def test_the_demo_works_without_any_golden(tmp_path: Path) -> None:
    """As where only the package is installed."""
    demo = job.demonstrate(SEED, None, [], lambda: None)
    assert demo.cassettes == [job.LIVE]
    assert demo.identical


def test_a_replay_that_comes_out_different_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fresh.finish

    def tampered(process: object) -> fresh.Digests:
        digests = real(process)  # type: ignore[arg-type]
        next(iter(digests.values()))["packet_loss"] = "0" * 64
        return digests

    monkeypatch.setattr(fresh, "finish", tampered)
    demo = job.demonstrate(SEED, None, [], lambda: None)
    assert not demo.identical
    texts = [getattr(block, "text", "") for block in demo.blocks()]
    assert "NOT identical: 1 of 10 replays, the first (recorded live) under packet_loss" in texts


def test_goldens_are_looked_for_where_they_were_asked_for(tmp_path: Path) -> None:
    shutil.copy(GOLDENS[0], tmp_path / "mine.rws")
    assert job.goldens_in(tmp_path) == (tmp_path, [tmp_path / "mine.rws"])
    done = replay_ws("demo", "--cassettes", tmp_path / "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no cassette in it" in done.stderr


def test_each_mode_changes_in_each_golden_what_is_written_down() -> None:
    assert demo_changes.lines() == demo_changes.STORED.read_text().splitlines()


def test_every_mode_changes_what_a_golden_delivers_or_when() -> None:
    changing = {mode for _, mode, what in demo_changes.changes() if what}
    assert changing == set(MockBehaviorMode)
