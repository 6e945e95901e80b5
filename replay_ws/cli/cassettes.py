"""Cassettes as the commands read them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from replay_ws.api import load
from replay_ws.errors import CassetteError
from replay_ws.session import Session


class Reading(NamedTuple):
    """What is whole of a cassette; ``damage`` says what is wrong with it, empty if nothing."""

    session: Session
    damage: str = ""


def read_whole(path: Path) -> Reading:
    """The cassette at ``path``, or what is whole of a damaged one.

    Raises CassetteError for a file that is no cassette at all.
    """
    try:
        return Reading(load(path))
    except CassetteError as error:
        return Reading(load(path, partial=True), error.what)
