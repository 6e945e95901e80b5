"""How well two sessions keep the rules of one protocol: what either lost or gained."""

from __future__ import annotations

from collections.abc import Iterator

from replay_ws.compliance import Finding, Profile, Report, check
from replay_ws.diff.divergences import Story
from replay_ws.diff.model import Category, Detail, Divergence
from replay_ws.events.log import Direction


def find_lapses(left: Story, right: Story, profile: Profile) -> Iterator[Divergence]:
    """The checks of ``profile`` that one session keeps to another degree than the other."""
    golden, run = (check(story.side.columns, profile=profile) for story in (left, right))
    ours, theirs = _shares(golden), _shares(run)
    for asked in sorted(ours.keys() | theirs.keys()):
        rule, subject = asked
        new = (_new_findings(golden, run, asked), _new_findings(run, golden, asked))
        if ours.get(asked) != theirs.get(asked) and any(new):
            shown = (_shown(shares.get(asked)) for shares in (ours, theirs))
            name = f"{rule} {subject}".strip()
            yield _divergence(name, Detail("share", *shown), *new, left, right)


def _shares(report: Report) -> dict[tuple[str, str], float]:
    return {(each.rule.value, each.subject): each.share for each in report.checks}


def _shown(share: float | None) -> str | None:
    return None if share is None else f"{share:.3f}"


def _new_findings(own: Report, other: Report, asked: tuple[str, str]) -> list[Finding]:
    """The findings of a check of which the other session has none that reads the same."""
    known = {found.message for found in other.findings}
    return [
        f for f in own.findings if (f.rule.value, f.subject) == asked and f.message not in known
    ]


def _divergence(
    check_name: str,
    detail: Detail,
    golden: list[Finding],
    run: list[Finding],
    left: Story,
    right: Story,
) -> Divergence:
    """One check; it stands where the first finding is that only one side has."""
    finding = [*run, *golden][0]
    time_ns = finding.time_ns
    places = [len(story.side.ids) - 1 for story in (left, right)]
    if time_ns is not None:
        places = [story.number_at(time_ns) for story in (left, right)]
    return Divergence(
        category=Category.COMPLIANCE,
        connection=finding.connection,
        direction=Direction.DOWNSTREAM,
        type=check_name,
        golden=golden[0].number if golden else None,
        run=run[0].number if run else None,
        golden_place=places[0],
        run_place=places[1],
        golden_ns=golden[0].time_ns if golden else None,
        run_ns=run[0].time_ns if run else None,
        why=finding.message,
        details=(detail,),
    )
