"""Under which conditions two sessions were made, and how well each keeps its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from replay_ws.compliance import Profile, Report, check, is_profile, load_profile
from replay_ws.report.events import settings_text
from replay_ws.session import Session
from replay_ws.text import NAME_MAX, clean, cut

LOST_MAX = 3
"""Checks named that cost something."""
MODES_MAX = 3


def conditions(session: Session) -> str:
    """``mode packet_loss, seed 7``: what chance worked with."""
    settings = dict.fromkeys(settings_text(channel.config) for channel in session.log.channels)
    modes = [f"mode {cut(text, NAME_MAX)}" for text in settings if text]
    more = ["…"] if len(modes) > MODES_MAX else []
    return ", ".join([*modes[:MODES_MAX], *more, f"seed {session.seed}"])


def conditions_of_both(golden: Session, run: Session) -> str:
    """Those of the run, and those of the golden where they are others."""
    ran, recorded = conditions(run), conditions(golden)
    return ran if ran == recorded else f"{ran}; the golden: {recorded}"


@dataclass(frozen=True, slots=True)
class Standing:
    """The scores of both sessions under one profile; ``lost`` are points by check."""

    profile: str
    golden: float
    run: float
    lost: tuple[tuple[str, float], ...]

    @property
    def text(self) -> str:
        """``agent5 1.000 → 0.857; lost: pairs tool −1.00``."""
        named = [f"{cut(clean(name), NAME_MAX)} −{points:.2f}" for name, points in self.lost]
        more = [f"{len(named) - LOST_MAX} more"] if len(named) > LOST_MAX else []
        lost = f"; lost: {', '.join([*named[:LOST_MAX], *more])}" if named else ""
        name = cut(clean(self.profile), NAME_MAX)
        return f"{name} {self.golden:.3f} → {self.run:.3f}{lost}"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data for JSON."""
        lost = [{"check": name, "points": points} for name, points in self.lost]
        return {"profile": self.profile, "golden": self.golden, "run": self.run, "lost": lost}


def standing(golden: Session, run: Session, profile: Profile | None = None) -> Standing | None:
    """How both score under ``profile``, or the one that they name; None where none is known."""
    name = run.profile or golden.profile
    if profile is None and is_profile(name):
        profile = load_profile(name)
    if profile is None:
        return None
    before, after = (check(each.columns(), profile=profile) for each in (golden, run))
    return Standing(profile.name, before.score, after.score, tuple(_lost(before, after)))


def _lost(before: Report, after: Report) -> Iterator[tuple[str, float]]:
    """What a check of ``after`` is worth less than the same one before, in points."""
    shares = {(check.rule, check.subject): check.share for check in before.checks}
    for each in after.checks:
        points = each.weight * (shares.get((each.rule, each.subject), 1.0) - each.share)
        if points > 0:
            yield f"{each.rule.value} {each.subject}".strip(), points
