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
    """The scores of both sessions under one profile; ``lost`` are points by check.

    Sessions of two protocols are judged by one each, and then nothing can be lost.
    """

    profile: str
    golden: float
    run: float
    lost: tuple[tuple[str, float], ...] = ()
    golden_profile: str = ""

    @property
    def text(self) -> str:
        """``agent5 1.000 → 0.857; lost: pairs tool −1.00``."""
        named = [f"{cut(clean(name), NAME_MAX)} −{points:.2f}" for name, points in self.lost]
        more = [f"{len(named) - LOST_MAX} more"] if len(named) > LOST_MAX else []
        lost = f"; lost: {', '.join([*named[:LOST_MAX], *more])}" if named else ""
        name, its_own = (cut(clean(text), NAME_MAX) for text in (self.profile, self.golden_profile))
        if its_own:
            return f"{its_own} {self.golden:.3f}, and of the run {name} {self.run:.3f}"
        return f"{name} {self.golden:.3f} → {self.run:.3f}{lost}"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data for JSON."""
        lost = [{"check": name, "points": points} for name, points in self.lost]
        return {
            "profile": self.profile,
            "golden_profile": self.golden_profile or self.profile,
            "golden": self.golden,
            "run": self.run,
            "lost": lost,
        }


def standing(golden: Session, run: Session, profile: Profile | None = None) -> Standing | None:
    """How both score under ``profile``, or those that they name; None where none is known."""
    theirs = profile or _named(run) or _named(golden)
    ours = profile or _named(golden) or theirs
    if ours is None or theirs is None:
        return None
    before, after = check(golden.columns(), profile=ours), check(run.columns(), profile=theirs)
    if ours.name != theirs.name:
        return Standing(theirs.name, before.score, after.score, golden_profile=ours.name)
    return Standing(theirs.name, before.score, after.score, tuple(_lost(before, after)))


def _named(session: Session) -> Profile | None:
    return load_profile(session.profile) if is_profile(session.profile) else None


def _lost(before: Report, after: Report) -> Iterator[tuple[str, float]]:
    """What a check of ``after`` is worth less than the same one before, in points."""
    shares = {(check.rule, check.subject): check.share for check in before.checks}
    for each in after.checks:
        points = each.weight * (shares.get((each.rule, each.subject), 1.0) - each.share)
        if points > 0:
            yield f"{each.rule.value} {each.subject}".strip(), points
