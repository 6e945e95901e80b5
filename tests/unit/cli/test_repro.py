"""``replay-ws shrink``, ``repro`` and ``hunt --shrink``: from a failure to the proof of a fix."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import data, replay_ws, said

PROGRAM = """
import asyncio
import replay_ws as rws

async def main():
    print("a thousand times")
    mock = rws.MockWebSocketManager()
    for number in range(20):
        await mock.send_to_thread("thread-1", {"type": "token", "n": number})
    await asyncio.sleep(60)
    seen = {event.payload["n"] for event in mock.session().delivered()}
    assert NEEDED in seen, "no third token"
"""


def write(folder: Path, needed: str = "2", kind: str = "token") -> None:
    text = PROGRAM.replace("NEEDED", needed).replace('"token"', f'"{kind}"')
    (folder / "flaky_app.py").write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def made(folder: Path, *words: str) -> Any:
    hunted = ("hunt", "flaky_app.py:main", "--mode", "packet_loss", "--seeds", "0..200")
    return data(*hunted, "-o", "repro.rws", *words, cwd=folder, code=1)


def test_a_hunt_keeps_what_it_shrinks(folder: Path) -> None:
    (group,) = made(folder)["groups"]
    (decision,) = group["shrunk"]["decisions"]
    assert (decision["toxic"], decision["index"], group["cause"]) == ("loss", 2, "fault")
    assert group["steps"] == ["lose the 3rd token on thread-1 <"]
    told = said("repro", "repro.rws", cwd=folder, code=1)
    assert told.startswith("repro.rws: still fails\n")


def test_a_fix_is_shown_by_the_repro_and_proved_by_the_hunt_that_it_names(folder: Path) -> None:
    found = made(folder)
    write(folder, needed="-1 or 1")
    first, _, proof = said("repro", "repro.rws", cwd=folder).splitlines()
    assert first == "repro.rws: fixed"
    last = 200 + ceil(found["groups"][0]["clean_runs"])
    hunted = f"hunt flaky_app.py:main --seeds 200..{last} --mode packet_loss"
    failed = f"(it was {found['failures']} of 200 runs)"
    assert proof == f"  prove it: replay-ws {hunted}   {failed}"
    assert "no failure in" in said(*hunted.split(), cwd=folder)


def test_a_repro_shows_how_likely_its_failure_was_at_each_step(folder: Path) -> None:
    from_it = ("--from", "repro.rws", "-o", "again.rws")
    made(folder)
    told = said("shrink", "flaky_app.py:main", *from_it, cwd=folder, code=1)
    first, *_, last = told.partition("draw the rest anew\n")[2].splitlines()
    facts = data("shrink", "flaky_app.py:main", *from_it, "--force", cwd=folder, code=1)
    assert facts["decided"].startswith("inevitable from step ")
    assert facts["curve"][0][1] < 0.5
    assert facts["curve"][-1][1] == 1.0
    assert first.count("█") < last.count("█") == 40


def test_a_repro_that_finds_nothing_to_strike_is_trouble(folder: Path) -> None:
    made(folder)
    write(folder, kind="chunk")
    told = said("repro", "repro.rws", cwd=folder, code=2)
    assert "stale" in told
    assert "finds nothing to strike: lose the 3rd token on thread-1 <" in told


def test_a_failure_that_is_known_by_its_seed_is_shrunk(folder: Path) -> None:
    seed = str(made(folder)["groups"][0]["first_seed"])
    schedule = ("--mode", "packet_loss", "--schedule", "portfolio")
    words = ("shrink", "flaky_app.py:main", "--seed", seed, *schedule, "-o", "by_seed.rws")
    told = said(*words, cwd=folder, code=1)
    assert "AssertionError: no third token" in told
    assert "a thousand times" not in told
    assert "1. lose the 3rd token on thread-1 <" in told
    assert "again: replay-ws repro by_seed.rws" in told


def test_a_session_that_was_kept_is_shrunk(folder: Path) -> None:
    made(folder)
    from_it = ("--from", "repro.rws", "-o", "again.rws")
    found = data("shrink", "flaky_app.py:main", *from_it, cwd=folder, code=1)
    assert len(found["decisions"]) == 1


def test_a_folder_of_repros_is_run_whole(folder: Path) -> None:
    (folder / "repros").mkdir()
    made(folder)
    for name in ("a.rws", "b.rws"):
        (folder / "repros" / name).write_bytes((folder / "repro.rws").read_bytes())
    found = data("repro", "repros", cwd=folder, code=1)
    assert [(each["file"], each["state"]) for each in found["repros"]] == [
        ("repros/a.rws", "fails"),
        ("repros/b.rws", "fails"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["repro", "nowhere.rws"], "no such cassette"),
        (["repro", "flaky_app.py"], "not a cassette"),
        (["repro", "."], "no repro in this folder"),
        (["shrink", "flaky_app.py:main", "--seed", "0", "-o", "x.rws"], "it passes with seed 0"),
        (["shrink", "flaky_app.py:main", "-o", "flaky_app.py"], "this file exists"),
    ],
)
def test_what_cannot_be_done_is_said(folder: Path, words: list[str], said: str) -> None:
    done = replay_ws(*words, cwd=folder)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
