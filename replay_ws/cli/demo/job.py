"""The job: record, replay under every mode, three times over, compare, check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from replay_ws.api import check, compare, load, run
from replay_ws.cli.demo import fresh
from replay_ws.cli.demo.program import three_agents
from replay_ws.cli.demo.settings import SETTINGS
from replay_ws.cli.invocation import invocation
from replay_ws.compliance import is_profile
from replay_ws.errors import ConfigError
from replay_ws.faults.modes import MockBehaviorMode
from replay_ws.report.demo import Demo, ModeReplay
from replay_ws.report.places import short_line
from replay_ws.session import Session

LIVE = "(recorded live)"
"""What the session is called that was recorded now."""


def goldens_in(folder: Path | None) -> tuple[Path | None, list[Path]]:
    """Where the goldens are, and they: in ``folder``, else in the first usual place that has any.

    Raises ConfigError for a folder that was asked for and has none.
    """
    checkout = fresh.PACKAGE_PARENT / "cassettes"
    for place in [folder] if folder else [Path("cassettes"), checkout]:
        goldens = sorted(place.glob("*.rws"))
        if goldens:
            return place, goldens
    if folder:
        raise ConfigError(
            "there is no cassette in it", where=str(folder), mend="name a folder with *.rws files"
        )
    return None, []


def demonstrate(
    seed: int, folder: Path | None, goldens: Sequence[Path], step: Callable[[], None]
) -> Demo:
    """Do the whole job; ``step`` is called after each replay."""
    with TemporaryDirectory() as scratch:
        live = Path(scratch) / "live.rws"
        run(three_agents, seed=seed, record=live)
        paths = [live, *goldens]
        process = fresh.start(seed, paths)
        try:
            ours = {path: _replays(path, seed, step) for path in paths}
            theirs = fresh.finish(process)
        finally:
            process.kill()
            process.wait()
    return Demo(
        seed,
        SETTINGS,
        str(folder or ""),
        [
            replace(
                replay,
                cassette=LIVE if path is live else path.name,
                digests=(*replay.digests, theirs[str(path)][replay.mode]),
            )
            for path, replays in ours.items()
            for replay in replays
        ],
        invocation(Path.cwd()),
    )


def _replays(path: Path, seed: int, step: Callable[[], None]) -> list[ModeReplay]:
    """One cassette under every mode, twice, read anew for each time."""
    golden, again = load(path), load(path)
    replays = []
    for mode in SETTINGS:
        session = fresh.replay_under(golden, mode, seed)
        second = fresh.replay_under(again, mode, seed)
        replays.append(_mode_replay(path, mode, golden, session, second.digest))
        step()
    return replays


def _mode_replay(
    path: Path, mode: MockBehaviorMode, golden: Session, session: Session, second_digest: str
) -> ModeReplay:
    diff = compare(golden, session)
    return ModeReplay(
        cassette=str(path),
        mode=mode,
        digests=(session.digest, second_digest),
        ledger=session.ledger,
        damaged=sum(event.damaged for event in session.delivered()),
        late=sum(found.drift_ns > 0 for found in diff.divergences if found.category == "timing"),
        score=check(session).score if is_profile(session.profile) else None,
        counts=diff.counts,
        first=short_line(diff, diff.first) if diff.first else "",
    )
