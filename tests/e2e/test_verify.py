"""``replay-ws record --verify``: what it says, how it ends, what it leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.commands import data, replay_ws, said

PROGRAM = """
import asyncio
from replay_ws import MockWebSocketManager

async def tell(numbers):
    mock = MockWebSocketManager()
    for number in numbers:
        await mock.send_to_thread("thread-1", {"type": "number", "number": number})
        await asyncio.sleep(0.01)

async def steady():
    await tell(range(3))

async def by_hash():
    names = {f"name-{number}" for number in range(12)}
    await tell(names)

class Thing:
    def __init__(self, number):
        self.number = number

async def by_address():
    things = {Thing(number) for number in range(12)}
    await tell([thing.number for thing in things])

async def waits_for_ever():
    await asyncio.Event().wait()

async def fails():
    await tell(range(2))
    raise ValueError("no colour")
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "stories.py").write_text(PROGRAM)
    return tmp_path


def test_a_program_that_does_the_same_again_is_recorded(place: Path) -> None:
    told = said("record", "stories.py:steady", "-o", "x.rws", "--verify", cwd=place)
    assert told.startswith("recorded x.rws: 1 connection, ended ok")
    assert "steps, heap and hash seed" in told
    plain = data("record", "stories:steady", "-o", "y.rws", cwd=place)
    verified = data("record", "stories:steady", "-o", "z.rws", "--verify", cwd=place)
    assert verified["digest"] == plain["digest"]
    assert verified["verified"]["checked"] == ["heap", "hash seed"]
    assert "verified" not in plain


def test_a_program_that_does_not_is_told_apart_and_leaves_no_cassette(place: Path) -> None:
    told = said("record", "stories.py:by_address", "-o", "x.rws", "--verify", cwd=place, code=1)
    assert told.startswith("different: stories.py:by_address: a second run, with other addresses")
    assert "first run: records OBJECT thread-1" in told
    assert "other run: records OBJECT thread-1" in told
    assert "likely: iteration over `things`, a set of Thing" in told
    assert "stories.py:" in told
    assert not (place / "x.rws").exists()


def test_a_golden_is_left_alone_by_a_program_that_differs(place: Path) -> None:
    said("record", "stories.py:steady", "-o", "x.rws", cwd=place)
    golden = (place / "x.rws").read_bytes()
    words = ("record", "stories.py:by_hash", "-o", "x.rws", "--verify", "--force")
    told = data(*words, cwd=place, code=1)
    assert (place / "x.rws").read_bytes() == golden
    assert told["varied"] == "hash seed"
    assert "iteration over `numbers`, a set of str" in told["likely"]
    assert told["verified"] is False
    assert [run["event"].startswith("records OBJECT") for run in told["runs"]] == [True, True]
    assert told["mend"]


def test_a_deadlock_is_the_same_deadlock_in_another_process(place: Path) -> None:
    words = ("record", "stories.py:waits_for_ever", "-o", "x.rws", "--verify")
    done = replay_ws(*words, cwd=place)
    assert done.returncode == 2
    assert "waits for asyncio.Event.wait" in done.stderr
    assert "verified: " in done.stdout


def test_a_program_that_always_fails_is_trouble_and_is_kept(place: Path) -> None:
    done = replay_ws("record", "stories.py:fails", "-o", "x.rws", "--verify", cwd=place)
    assert done.returncode == 2
    assert "the program raised ValueError: no colour" in done.stderr
    assert "verified: " in done.stdout
    assert "ended with ValueError: no colour" in said("info", "x.rws", cwd=place)
