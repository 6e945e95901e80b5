"""What readers of others say of streams, and what a profile says."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from replay_ws.compliance import check
from replay_ws.compliance.rules import Severity
from tests.conformance.mutants import Stream
from tests.helpers import event

READERS = Path(__file__).parent / "readers"
STREAMS = Path(__file__).parents[1] / "data" / "streams"


class Verdict(NamedTuple):
    """The ``index`` of the first event that is rejected, -1 where none is; and ``why``."""

    index: int
    why: str


def stream_in(path: Path) -> Stream:
    """A file of one array, or of one event a line."""
    text = path.read_text("utf-8-sig")
    if path.suffix == ".json":
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def read_by(script: str, streams: Iterable[Stream]) -> list[Verdict]:
    """What a reader for Node says of each stream."""
    node = shutil.which("node")
    if node is None or not (READERS / "node_modules").is_dir():
        pytest.skip("needs Node, and what `npm ci` installs in tests/conformance/readers")
    lines = "".join(json.dumps(stream) + "\n" for stream in streams)
    done = subprocess.run(
        [node, script], cwd=READERS, input=lines, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return [Verdict(**json.loads(line)) for line in done.stdout.splitlines()]


def judged_by(profile: str, streams: Iterable[Stream]) -> list[Verdict]:
    """What a profile says of each: its first error, if it has one."""
    return [_judged(profile, stream) for stream in streams]


def _judged(profile: str, stream: Stream) -> Verdict:
    report = check([event(body=json.dumps(each)) for each in stream], profile=profile)
    errors = [found for found in report.findings if found.severity is Severity.ERROR]
    numbered = [found for found in errors if found.number is not None]
    if not errors:
        return Verdict(-1, "")
    first = min(numbered, key=lambda found: found.number or 0, default=errors[0])
    return Verdict(len(stream) if first.number is None else first.number, first.message)


def disagreements(ours: Sequence[Verdict], theirs: Sequence[Verdict], names: Sequence[str]) -> str:
    """Where two judges differ, to be read in a failed test."""
    return "\n".join(
        f"{name}\n  ours   {one}\n  theirs {two}"
        for name, one, two in zip(names, ours, theirs, strict=True)
        if one.index != two.index
    )
