"""The verbs, on sessions and on paths."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import replay_ws as rws
from replay_ws import (
    CassetteError,
    ConfigError,
    DeadlockError,
    MockConfiguration,
    MockWebSocketManager,
    ProgramError,
)
from tests.helpers import TOKEN, sent, tokens

ROOT = Path(__file__).resolve().parents[2]


async def awkward() -> int:
    """Everything whose order or text could differ from process to process."""
    mock = MockWebSocketManager(mode="malformed_data", malformed_rate=0.5, jitter_ms=5)
    other = MockWebSocketManager(mode="race_conditions", duplicate_rate=0.3)

    async def agent(thread: str) -> None:
        for number in range(10):
            message = {"type": "token", "set": {"a", "b", "c", number}, (1, 2): frozenset("xyz")}
            await asyncio.gather(
                mock.send_to_thread(thread, message), other.send_to_thread(thread, message)
            )
            await mock.send_to_thread(thread, object())
            await asyncio.sleep(0.001)

    await asyncio.gather(*(agent(thread) for thread in ("t1", "t2", "t3")))
    return len(mock.messages)


# --- run -----------------------------------------------------------------------------------


def test_a_run_gives_value_session_and_digest() -> None:
    async def program() -> str:
        await MockWebSocketManager().send_to_thread("t", TOKEN)
        return "done"

    out = rws.run(program, seed=7)
    assert out.value == "done"
    assert out.session.seed == 7
    assert out.digest == out.session.digest


def test_one_seed_tells_one_story_whatever_happened_before() -> None:
    first = rws.run(awkward, seed=3)
    random.seed(os.urandom(8))
    garbage = [object() for _ in range(10_000)]
    rws.run(awkward, seed=4)
    again = rws.run(awkward, seed=3)
    del garbage
    assert again.digest == first.digest
    assert again.session.fingerprint == first.session.fingerprint
    assert rws.run(awkward, seed=4).digest != first.digest


@pytest.mark.parametrize(
    "environment", [{"PYTHONHASHSEED": "1"}, {"MSGPACK_PUREPYTHON": "1"}], ids=str
)
def test_one_seed_tells_one_story_in_any_process(environment: dict[str, str]) -> None:
    code = (
        "import replay_ws as rws; from tests.unit.test_api import awkward\n"
        "out = rws.run(awkward, seed=3)\n"
        "print(out.digest, out.session.fingerprint)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    session = rws.run(awkward, seed=3).session
    assert said == f"{session.digest} {session.fingerprint}\n"


def test_what_a_program_raises_comes_out_with_the_session() -> None:
    error = KeyError("mine")

    async def program() -> None:
        await MockWebSocketManager().send_to_thread("t", TOKEN)
        raise error

    with pytest.raises(KeyError) as caught:
        rws.run(program)
    assert caught.value is error
    session = caught.value.session  # type: ignore[attr-defined]
    assert session.end == {"status": "error", "error": "KeyError", "message": "'mine'"}
    assert session.ledger.delivered == 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_also_what_is_no_exception_comes_out(kind: type[BaseException]) -> None:
    async def program() -> None:
        raise kind

    with pytest.raises(kind) as caught:
        rws.run(program)
    assert caught.value.session.end["error"] == kind.__qualname__  # type: ignore[attr-defined]


def test_an_exception_that_takes_no_attributes_comes_out_as_it_is() -> None:
    @dataclass(frozen=True)
    class Frozen(Exception):
        code: int

    async def program() -> None:
        raise Frozen(7)

    try:  # pytest.raises would write to it
        rws.run(program)
    except Frozen as error:
        caught = error
    assert caught.code == 7


def test_a_deadlock_tells_the_same_story_twice() -> None:
    async def program() -> None:
        mock = MockWebSocketManager()
        await mock.send_to_thread("t", TOKEN)
        await asyncio.gather(asyncio.Event().wait(), asyncio.Event().wait())

    digests = []
    for _ in range(2):
        with pytest.raises(DeadlockError) as caught:
            rws.run(program)
        digests.append(caught.value.session.digest)  # type: ignore[attr-defined]
    assert digests[0] == digests[1]


def test_what_is_on_its_way_at_the_end_arrives() -> None:
    async def program() -> None:
        mock = MockWebSocketManager(consume_rate=10)
        for message in tokens(5):
            await mock.send_to_thread("t", message)

    session = rws.run(program).session
    assert session.ledger.delivered == 5
    assert session.end_ns == 500_000_000


def test_mode_and_configuration_of_a_run_go_together() -> None:
    async def program() -> dict[str, Any]:
        return MockWebSocketManager().config.values()

    config = MockConfiguration(mode="slow_network", latency_ms=7)
    values = rws.run(program, mode="packet_loss", config=config).value
    assert (values["mode"], values["latency_ms"]) == ("packet_loss", 7.0)
    assert (values["packet_loss_rate"], values.get("jitter_ms")) == (0.1, None)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"mode": "lossy"}, "unknown mode 'lossy'"),
        ({"schedule": "lifo"}, "unknown schedule 'lifo'; did you mean 'fifo'?"),
        ({"seed": "7"}, "seed is '7'"),
        ({"seed": 1.0}, "seed is 1.0"),
        ({"seed": True}, "seed is True"),
    ],
    ids=str,
)
def test_what_a_run_cannot_be_given_is_refused_before_it_starts(
    given: dict[str, Any], what: str
) -> None:
    started: list[int] = []

    async def program() -> None:
        started.append(1)

    with pytest.raises(ConfigError) as caught:
        rws.run(program, **given)
    assert caught.value.what == what
    assert caught.value.mend
    assert not started


def test_what_is_no_program_is_refused() -> None:
    with pytest.raises(ProgramError):
        rws.run(lambda: 7)  # type: ignore[arg-type, return-value]


def test_a_run_inside_a_run_is_refused_and_leaves_the_outer_one_whole() -> None:
    async def inner() -> None: ...

    async def program() -> int:
        mock = MockWebSocketManager()
        with pytest.raises(ConfigError):
            rws.run(inner)
        await mock.send_to_thread("t", TOKEN)
        return len(MockWebSocketManager().session().events)

    assert rws.run(program).value == 1


def test_a_run_that_reaches_the_end_of_time_is_told_and_recorded(tmp_path: Path) -> None:
    async def program() -> None:
        mock = MockWebSocketManager()
        for _ in range(5):
            await mock.send("t", TOKEN)
            await asyncio.sleep(100 * 365 * 86_400)

    with pytest.raises(rws.ReplayWsError, match="virtual time ends at") as caught:
        rws.run(program, record=tmp_path / "a.rws")
    session: rws.Session = caught.value.session  # type: ignore[attr-defined]
    assert session.end["status"] == "error"
    assert rws.load(tmp_path / "a.rws").digest == session.digest


def test_a_mock_made_after_a_run_has_a_session_of_its_own() -> None:
    with pytest.raises(ConfigError):
        rws.run(awkward, mode="lossy")
    rws.run(awkward)
    assert MockWebSocketManager().config == MockConfiguration()


# --- paths ---------------------------------------------------------------------------------


@pytest.fixture
def lossy() -> rws.Session:
    return sent(*tokens(30), mode="packet_loss", packet_loss_rate=0.5, seed=5).session


def test_a_saved_session_loads_as_it_was(lossy: rws.Session, tmp_path: Path) -> None:
    rws.save(lossy, tmp_path / "a.rws")
    again = rws.load(tmp_path / "a.rws")
    assert again.digest == lossy.digest
    assert again.fingerprint == lossy.fingerprint
    assert (again.ledger, again.plan, again.end) == (lossy.ledger, lossy.plan, lossy.end)
    assert again.events == lossy.events


def test_paths_and_sessions_are_interchangeable(lossy: rws.Session, tmp_path: Path) -> None:
    path = tmp_path / "a.rws"
    rws.save(lossy, path)
    assert rws.replay(str(path)).digest == rws.replay(path).digest == lossy.digest
    assert rws.replay(path, mode="normal").ledger.delivered == 30
    assert rws.compare(path, lossy).same
    assert not rws.compare(path, rws.replay(path, mode="normal")).same
    assert rws.check(path).score == rws.check(lossy).score


def test_a_run_streams_what_it_would_have_saved(tmp_path: Path) -> None:
    out = rws.run(awkward, seed=3, record=tmp_path / "streamed.rws")
    rws.save(out.session, tmp_path / "saved.rws")
    assert rws.load(tmp_path / "streamed.rws").digest == out.digest
    assert rws.replay(tmp_path / "streamed.rws").digest == out.digest


def test_a_recording_is_whole_also_after_an_exception(tmp_path: Path) -> None:
    async def program() -> None:
        await MockWebSocketManager().send_to_thread("t", TOKEN)
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        rws.run(program, record=tmp_path / "own.rws")
    session = rws.load(tmp_path / "own.rws")
    assert session.end["status"] == "error"
    assert session.ledger.delivered == 1
    assert [path.name for path in tmp_path.iterdir()] == ["own.rws"]


@pytest.mark.parametrize("how", [ValueError, KeyboardInterrupt, SystemExit])
def test_only_a_program_that_ended_well_replaces_a_golden(
    how: type[BaseException], tmp_path: Path
) -> None:
    async def program() -> None:
        await MockWebSocketManager().send_to_thread("t", TOKEN)
        raise how("half way")

    golden = tmp_path / "golden.rws"
    rws.run(awkward, seed=3, record=golden)
    before = golden.read_bytes()
    for name in ("golden.rws.failed", "golden.rws.failed.2"):
        with pytest.raises(how) as caught:
            rws.run(program, record=golden)
        assert golden.read_bytes() == before
        assert caught.value.recorded == tmp_path / name  # type: ignore[attr-defined]
        assert caught.value.__notes__ == [
            f"recorded in {tmp_path / name}; {golden} stays as it was"
        ]
        assert rws.load(tmp_path / name).ledger.delivered == 1
    rws.run(awkward, seed=4, record=golden)
    assert rws.load(golden).seed == 4


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("program", [3, lambda: 3])
def test_what_is_no_program_leaves_no_recording(program: Any, exists: bool, tmp_path: Path) -> None:
    golden = tmp_path / "golden.rws"
    if exists:
        golden.write_bytes(b"golden")
    with pytest.raises(ProgramError):
        rws.run(program, record=golden)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"golden"] * exists


@pytest.mark.parametrize("make", ["missing", "directory", "text", "empty"])
def test_what_is_no_cassette_is_refused_with_its_path(make: str, tmp_path: Path) -> None:
    path = tmp_path / "x.rws"
    match make:
        case "directory":
            path.mkdir()
        case "text":
            path.write_text("hello\n")
        case "empty":
            path.touch()
    with pytest.raises(CassetteError) as caught:
        rws.load(path)
    assert "x.rws" in str(caught.value)
    assert caught.value.mend


def test_a_recording_that_cannot_be_written_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    started: list[int] = []

    async def program() -> None:
        started.append(1)

    with pytest.raises(CassetteError):
        rws.run(program, record=tmp_path / "nowhere" / "x.rws")
    assert not started


# --- names ---------------------------------------------------------------------------------


def test_every_public_name_is_there() -> None:
    for name in rws.__all__:
        assert getattr(rws, name) is not None
    assert set(rws.__all__) <= set(dir(rws))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        rws.nope  # noqa: B018


def test_every_verb_takes_the_result_of_a_run(tmp_path: Path) -> None:
    async def program() -> None:
        await MockWebSocketManager().send_to_thread("t", TOKEN)

    out = rws.run(program, record=tmp_path / "golden.rws")
    rws.save(out, tmp_path / "again.rws")
    assert rws.compare(tmp_path / "golden.rws", out).same
    assert rws.check(out).score == rws.check(tmp_path / "again.rws").score
    assert rws.replay(out, plan=out.session.plan).digest == out.digest


def test_what_is_no_session_is_an_error_that_says_what_to_pass() -> None:
    with pytest.raises(ConfigError, match="a run's result, or a path"):
        rws.check(5)  # type: ignore[arg-type]
