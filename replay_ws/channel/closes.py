"""Stub of the lead, to be overwritten."""

from typing import NamedTuple


class Ending(NamedTuple):
    client: int = 1006
    server: int = 1006


def frame_ending(kind: str) -> Ending:
    return Ending()
