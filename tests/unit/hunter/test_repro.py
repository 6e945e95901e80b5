"""A repro brings a failure back, from one file, with no seed; and tells fixed from stale."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import replay_ws as rws
from replay_ws.cassette.format import encode
from replay_ws.hunter.explain import explain
from replay_ws.hunter.hunt import hunt
from replay_ws.hunter.repro import Repro, State, load_repro, make_repro
from replay_ws.hunter.shrink import shrink
from replay_ws.hunter.sweep import trials_of
from replay_ws.hunter.targets import ProgramTarget
from replay_ws.sim.schedule import Schedule

Program = Callable[[], Any]


class App:
    """What the programs below are about: an answer that is lost, and a watchdog that looks early.

    ``edits`` are what somebody changes in it later.
    """

    def __init__(self, *edits: str) -> None:
        self.edits = edits

    async def __call__(self) -> None:
        self.mock = rws.MockWebSocketManager()
        self.answered = False
        if "another task" in self.edits:
            asyncio.get_running_loop().create_task(self.chat(), name="chat")
        if "another thought" in self.edits:
            asyncio.get_running_loop().create_task(self.think(), name="thought")
        await asyncio.gather(self.answer(), self.watchdog())

    async def think(self) -> None:
        await asyncio.sleep(10)

    async def chat(self) -> None:
        for number in range(3):
            await self.mock.send_to_thread("another", {"type": "token", "n": number})

    async def answer(self) -> None:
        id = f"{uuid4()} {random.random()}"
        if "another name" not in self.edits:
            await self.mock.send_to_thread("thread-1", {"type": "answer", "id": id})
        else:
            await self.mock.send_to_thread("thread-1", {"type": "reply", "id": id})
        self.answered = True

    async def watchdog(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)
        was_answered = self.answered
        await asyncio.sleep(60)
        if "fixed" not in self.edits and not self.delivered():
            assert was_answered, "nobody answered, and nobody tries again"
        if "other" in self.edits:
            raise LookupError("something else")

    def delivered(self) -> bool:
        return any(e.connection == "thread-1" for e in self.mock.session().delivered())


def repro(program: Program | None = None) -> Repro:
    target = ProgramTarget(program or App())
    found = hunt(target, trials_of(range(2_000), ["packet_loss"], Schedule("portfolio")))
    shrunk = shrink(target, found.failures[0])
    return make_repro(target, shrunk, explain(target, shrunk))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("repros") / "answer.rws"
    repro().save(path)
    return path


def test_a_repro_is_a_cassette_that_every_tool_reads(path: Path) -> None:
    session = rws.load(path)
    assert session.end["error"] == "AssertionError"
    assert session.digest == repro().session.digest


def test_what_was_saved_is_read_again(path: Path) -> None:
    made, read = repro(), load_repro(path)
    assert (read.target, read.signature, read.facts) == (made.target, made.signature, made.facts)
    assert list(read.decisions) == list(made.decisions)
    assert read.facts["cause"] == "concurrency"


def test_a_repro_leaves_the_same_bytes(path: Path) -> None:
    verdict = load_repro(path).run(ProgramTarget(App()))
    assert (verdict.state, verdict.is_same) == (State.FAILS, True)


def test_it_survives_an_edit_elsewhere_in_the_program(path: Path) -> None:
    verdict = load_repro(path).run(ProgramTarget(App("another task")))
    assert verdict.state is State.FAILS


def test_it_leaves_the_same_bytes_where_an_edit_says_nothing(path: Path) -> None:
    verdict = load_repro(path).run(ProgramTarget(App("another thought")))
    assert (verdict.state, verdict.is_same) == (State.FAILS, True)


def test_it_needs_no_seed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay_ws.rng.stream_key", lambda *_: b"another algorithm" * 3)
    verdict = load_repro(path).run(ProgramTarget(App()))
    assert (verdict.state, verdict.is_same) == (State.FAILS, True)


def test_it_survives_another_toxic_in_the_mode(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from replay_ws.faults.modes import MODES, MockBehaviorMode

    row = {**MODES[MockBehaviorMode.PACKET_LOSS], "duplicate_rate": 1.0}
    monkeypatch.setitem(MODES, MockBehaviorMode.PACKET_LOSS, row)  # type: ignore[arg-type]
    verdict = load_repro(path).run(ProgramTarget(App()))
    assert (verdict.state, verdict.is_same) == (State.FAILS, True)


def test_a_program_that_was_mended_is_fixed(path: Path) -> None:
    verdict = load_repro(path).run(ProgramTarget(App("fixed")))
    assert (verdict.state, verdict.missing) == (State.FIXED, ())


def test_a_plan_that_finds_nothing_to_strike_is_stale_and_says_what(path: Path) -> None:
    verdict = load_repro(path).run(ProgramTarget(App("another name")))
    assert verdict.state is State.STALE
    assert verdict.missing == ("lose the 1st answer on thread-1 <",)


def test_another_failure_is_told_apart(path: Path) -> None:
    verdict = load_repro(path).run(ProgramTarget(App("fixed", "other")))
    assert verdict.state is State.OTHER
    assert verdict.signature is not None
    assert verdict.signature.kind == "LookupError"


def test_a_plain_cassette_is_no_repro_and_says_how_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "plain.rws"
    rws.save(rws.run(App("fixed")), path)
    with pytest.raises(rws.CassetteError, match="no repro") as refused:
        load_repro(path)
    assert "replay-ws shrink" in refused.value.mend


@pytest.mark.parametrize(
    "values",
    [
        {"version": 1},
        {"version": 7},
        {"version": 1, "target": 3, "signature": [], "decisions": [[1]], "tape": {}},
        {"version": 1, "decisions": "many"},
    ],
)
def test_a_hostile_repro_is_refused_with_its_name(path: Path, tmp_path: Path, values: Any) -> None:
    hostile = tmp_path / "hostile.rws"
    hostile.write_bytes(encode(rws.load(path).log, {"repro": values}))
    with pytest.raises(rws.CassetteError) as refused:
        load_repro(hostile)
    assert refused.value.where == str(hostile)


def test_every_flipped_byte_is_noticed(path: Path, tmp_path: Path) -> None:
    raw = path.read_bytes()
    chance = random.Random(1)
    for position in chance.sample(range(len(raw)), 40):
        broken = tmp_path / "broken.rws"
        broken.write_bytes(raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :])
        with pytest.raises(rws.CassetteError):
            load_repro(broken)
