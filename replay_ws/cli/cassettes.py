"""Cassettes as the commands read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from replay_ws.api import load
from replay_ws.cassette.salvage import Salvage
from replay_ws.errors import CassetteError
from replay_ws.report.condition import Condition
from replay_ws.session import Session


class Reading(NamedTuple):
    """What is whole of a cassette; ``damage`` says what is wrong with it, empty if nothing."""

    session: Session
    damage: str = ""
    mend: str = ""


def read_whole(path: Path) -> Reading:
    """The cassette at ``path``, or what is whole of a damaged one.

    Raises CassetteError for a file that is no cassette at all.
    """
    try:
        return Reading(load(path))
    except CassetteError as error:
        return Reading(load(path, partial=True), error.what, error.mend)


def session_at(path: Path) -> Session:
    """The cassette at ``path``; or what another tool recorded there, as HAR or JSON lines."""
    if path.suffix.lower() not in (".har", ".jsonl"):
        return load(path)
    from replay_ws.recorder.importers import import_file

    return import_file(path)


def condition_of(name: str, found: Salvage, problems: Sequence[str], digest: str = "") -> Condition:
    """What was found in a cassette, as a report shows it."""
    return Condition(
        cassette=name,
        problems=tuple(problems),
        verified=found.verified,
        unverified=found.unverified,
        missing=sum(gap.size for gap in found.gaps),
        digest=digest,
    )
