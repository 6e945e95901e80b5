"""Verify and mend cassettes, also damaged, cut and unfinished ones."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from replay_ws.cassette import format as cassette_format
from replay_ws.cassette.opened import Source, open_cassette
from replay_ws.cassette.reader import read
from replay_ws.cassette.salvage import Salvage, salvage
from replay_ws.cassette.shapes import misfit
from replay_ws.cassette.writer import save
from replay_ws.errors import CassetteError
from replay_ws.events.log import Log

RECOVERING = ".recovering"
"""What the output's name ends with meanwhile; ``.partial`` may be the file that is recovered."""

PROBLEMS_MAX = 20
"""Malformed rows that a verification names; it counts the rest."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether every byte of a cassette is as it was written."""

    where: str
    problems: tuple[str, ...]
    """What is wrong, a line each; empty if nothing is."""
    salvage: Salvage
    digest: str
    """In hex; empty for a file that has none because it is damaged or unfinished."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(source: Source) -> Verification:
    """Check everything: checksums, every row's body, and that the bytes are the canonical ones.

    Raises CassetteError if there is no cassette at all.
    """
    where = "<bytes>" if isinstance(source, bytes) else str(source)
    found = salvage(source)
    problems: list[str] = []
    digest = ""
    try:
        with open_cassette(source) as cassette:
            log, digest = cassette.log(), cassette.digest()
            minor = cassette.version[1]
    except CassetteError as error:
        problems.append(error.what)
    else:
        problems += _malformed_rows(log)
        canonical = minor > cassette_format.VERSION_MINOR or cassette_format.digest(log) == digest
        if not canonical:
            problems.append("the bytes are not those that replay_ws writes for these rows")
    return Verification(where, tuple(problems), found, digest)


def _malformed_rows(log: Log) -> list[str]:
    lines = []
    for row, (op, body) in enumerate(zip(log.ops, log.bodies, strict=True)):
        if problem := misfit(op, body):
            lines.append(f"record {row} is malformed: {problem}")
    rest = len(lines) - PROBLEMS_MAX
    return [*lines[:PROBLEMS_MAX], f"and {rest} more"] if rest > 0 else lines


def recover(source: Source, out: str | PathLike[str]) -> Salvage:
    """Write what is whole of ``source`` to the new cassette ``out`` and read it back to be sure.

    Raises CassetteError if nothing is whole, or ``out`` exists.
    """
    found = salvage(source)
    if not found.verified and not found.unverified:
        where = "<bytes>" if isinstance(source, bytes) else str(source)
        raise CassetteError(
            "no record in it is whole", where=where, mend="record the session again"
        )
    target = Path(out)
    if target.exists():
        raise CassetteError(
            "there is a file already", where=str(out), mend="name a new file, or delete this one"
        )
    save(found.log, target, durable=True, suffix=RECOVERING)
    try:
        again = read(target)
        if list(again.rows()) != list(found.log.rows()) or again.header != found.log.header:
            raise CassetteError(
                "what was recovered does not read back", where=str(out), mend="check the disk"
            )
    except CassetteError:
        target.unlink(missing_ok=True)
        raise
    return found
