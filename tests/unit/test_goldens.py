"""The goldens come out of their recipes, and hold no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

import replay_ws
from replay_ws.events.log import Op
from tools import regold

GOLDENS = sorted(regold.CASSETTES.glob("*.rws"))
SIZE_MAX = 60_000

every_golden = pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)


# --- made by their recipes -----------------------------------------------------------------


def test_every_golden_comes_out_of_its_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert regold.main(["--check"]) == 0, capsys.readouterr().out


def test_a_golden_that_its_recipe_would_change_is_named_with_the_row_that_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "agent_without_tools"
    session = replay_ws.load(regold.path_of(name))
    slower = replay_ws.replay(session, mode="slow_network")
    monkeypatch.setattr(regold, "ROOT", tmp_path)
    monkeypatch.setattr(regold, "CASSETTES", tmp_path)
    monkeypatch.setattr(regold, "recipes", lambda: {name: lambda: session})
    replay_ws.save(slower, tmp_path / f"{name}.rws")
    assert regold.check() == 1
    told = capsys.readouterr().out
    assert told.startswith(f"{name}.rws: row 0 was")
    assert "channel slow_network" in told

    regold.remake()
    assert regold.check() == 0
    replay_ws.save(slower, tmp_path / "stranger.rws")
    assert regold.check() == 1
    assert "stranger.rws: no recipe makes it" in capsys.readouterr().out


@every_golden
def test_a_golden_is_small_and_has_a_source(path: Path) -> None:
    assert path.stat().st_size <= SIZE_MAX
    assert f"`{path.name}`" in (regold.CASSETTES / "NOTICE.md").read_text(encoding="utf-8")


@every_golden
def test_a_golden_replays_to_its_own_bytes(path: Path) -> None:
    session = replay_ws.load(path)
    assert replay_ws.replay(session).digest == session.digest
    assert session.ledger.delivered == session.ledger.sent
    assert session.end == {"status": "ok"}


# --- no secret, and nothing else taken out -------------------------------------------------


@every_golden
def test_no_golden_holds_a_secret_of_its_source(path: Path) -> None:
    data = path.read_bytes()
    for secret in (b"PUBLISHED0UPSTREAM", b"GA1.1.636013294", b"GS1.1.169331"):
        assert secret not in data


@pytest.mark.parametrize("name", regold.STREAMS)
def test_redaction_touched_nothing_but_the_handshakes_of_the_har_file(name: str) -> None:
    """Token counts, call ids and session ids are no secrets."""
    stream = regold.STREAMS[name]
    cleaned, plain = regold.imported(stream).log, regold.imported(stream, redactor=None).log
    assert len(cleaned) == len(plain)
    touched = {
        Op(row[0]) for row, other in zip(cleaned.rows(), plain.rows(), strict=True) if row != other
    }
    assert touched == ({Op.HANDSHAKE} if name == "three_sockets_of_a_page" else set())
