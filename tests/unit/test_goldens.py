"""The goldens come out of their recipes, hold no secret, and every mode shows on one of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import replay_ws
from replay_ws import MockBehaviorMode, MockConfiguration, Session
from replay_ws.cli.demo.settings import SEED, SETTINGS
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


# --- every mode shows ----------------------------------------------------------------------


def deliveries(session: Session) -> Counter[tuple[object, ...]]:
    """What arrived, and when."""
    return Counter((event.key, event.body, event.time_ns) for event in session.delivered())


def changes(golden: Session, mode: MockBehaviorMode) -> str:
    """What a mode changes in what is delivered or when, counted; empty where nothing."""
    config = MockConfiguration(mode=mode, **SETTINGS[mode])
    session = replay_ws.replay(golden, config=config, seed=SEED)
    if deliveries(session) == deliveries(golden):
        return ""
    arrived = session.delivered()
    counts = {
        "missing": golden.ledger.delivered - session.ledger.delivered,
        "late": sum(event.time_ns > event.sent_ns for event in arrived),
        "damaged": sum(event.damaged for event in arrived),
        "twice": session.ledger.duplicated,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


@pytest.mark.parametrize("mode", MockBehaviorMode)
def test_every_mode_changes_what_is_delivered_or_when(mode: MockBehaviorMode) -> None:
    """With the demo's settings; `pytest -s` shows the list."""
    changed = {path.stem: changes(replay_ws.load(path), mode) for path in GOLDENS}
    for name, what in changed.items():
        print(f"{mode}: {name}: {what or 'nothing'}")
    assert any(changed.values())
