"""Why a run is not as its golden: what a failed test says.

A test's log is read from the top and often cut, so the answer stands first, then what it costs, the
first divergence in its place, the rest as far as there is room, and at last what to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from replay_ws.compliance import Report, check, profile_names
from replay_ws.report.blocks import Line
from replay_ws.report.differences import Difference, short_line
from replay_ws.report.events import settings_text
from replay_ws.session import Session
from replay_ws.text import NAME_MAX, clean, cut

LINES_MAX = 40
"""Lines of the whole text."""
WIDTH = 110
"""Columns of a line that shows an event."""
FIRST_MAX = 14
"""Lines about the first divergence."""
LOST_MAX = 3
"""Checks named that cost something."""


def mismatch_text(difference: Difference, closing: Iterable[str] = ()) -> str:
    """How a run differs from its golden, on at most 40 lines.

    ``closing`` are the last lines: how to run it again, to see more, to accept it.
    """
    closing = list(closing)[:10]
    head = [f"{difference.golden_name}: {_headline(difference)}", *_texts(_figures(difference)), ""]
    first = _texts(difference.first())
    if len(first) > FIRST_MAX:
        first = [*first[: FIRST_MAX - 1], "  ⋮"]
    end = ["", *(f"  {line}" for line in closing)] if closing else []
    room = LINES_MAX - len(head) - len(first) - len(end)
    others = _texts(difference.others(room - 3))  # beside a blank line, a title, "and n more"
    return "\n".join([*head, *first, *others, *end])


def _texts(lines: Iterable[Line]) -> list[str]:
    return [cut(line.text, WIDTH) if line.cut else line.text for line in lines]


def _headline(difference: Difference) -> str:
    ran, recorded = _conditions(difference.run), _conditions(difference.golden)
    origin = "" if ran == recorded else f"; the golden: {recorded}"
    return f"{_first_and_more(difference)}   ({ran}{origin})"


def _first_and_more(difference: Difference) -> str:
    """The first divergence: what a list of failed tests has room for."""
    diff = difference.diff
    assert diff.first is not None
    more = len(diff.divergences) - 1
    return f"{short_line(diff, diff.first)}{f', and {more:,} more' if more else ''}"


def _conditions(session: Session) -> str:
    """``mode packet_loss, seed 7``: what chance worked with."""
    settings = dict.fromkeys(settings_text(channel.config) for channel in session.log.channels)
    modes = [f"mode {cut(text, 60)}" for text in settings if text]
    return ", ".join([*modes[:3], *(["…"] if len(modes) > 3 else []), f"seed {session.seed}"])


def _figures(difference: Difference) -> Iterator[Line]:
    yield difference.counts()
    yield from _compliance(difference.golden, difference.run)
    yield from difference.ledgers()


def _compliance(golden: Session, run: Session) -> Iterator[Line]:
    """The score of both, and the checks that the run does worse in, unless it scores the same."""
    profile = run.profile or golden.profile
    if profile not in profile_names():
        return
    before, after = (check(each.delivered(), profile=profile) for each in (golden, run))
    if before.score == after.score:
        return
    lost = [f"{cut(clean(name), NAME_MAX)} −{points:.2f}" for name, points in _lost(before, after)]
    more = [f"{len(lost) - LOST_MAX} more"] if len(lost) > LOST_MAX else []
    named = f"; lost: {', '.join([*lost[:LOST_MAX], *more])}" if lost else ""
    yield Line(f"  compliance {profile} {before.score:.3f} → {after.score:.3f}{named}")


def _lost(before: Report, after: Report) -> Iterator[tuple[str, float]]:
    """What a check of ``after`` is worth less than the same one before, in points."""
    shares = {(check.rule, check.subject): check.share for check in before.checks}
    for each in after.checks:
        points = each.weight * (shares.get((each.rule, each.subject), 1.0) - each.share)
        if points > 0:
            yield f"{each.rule.value} {each.subject}", points
