"""The profiles of the AI SDK's streams beside the SDK's own readers."""

from __future__ import annotations

from functools import cache

import pytest

from tests.conformance.mutants import Stream, mutants
from tests.conformance.reading import STREAMS, disagreements, judged_by, read_by, stream_in

PROFILE = "vercel-ui-message-stream"
ENDS = ("finish", "abort")


@cache
def bases() -> dict[str, Stream]:
    """Streams that the SDK made of what scripted models said."""
    return {path.stem: stream_in(path) for path in sorted((STREAMS / "vercel").glob("*.jsonl"))}


def is_one_response(stream: Stream) -> bool:
    """Whether no other begins in it, which is where a profile and a reader forget differently.

    A profile does so where another begins after an end, a reader where it has another name.
    """
    types = [chunk["type"] for chunk in stream]
    end = min((types.index(name) for name in ENDS if name in types), default=len(types))
    renamed = any(chunk["type"] == "start" and "messageId" in chunk for chunk in stream[1:])
    return "start" not in types[end:] and not renamed


@pytest.mark.readers
def test_the_profile_rejects_what_the_reader_rejects_at_the_same_chunk() -> None:
    made = bases() | mutants(bases(), 4_000)
    streams = {name: stream for name, stream in made.items() if is_one_response(stream)}
    theirs = read_by("read_ui_messages.mjs", streams.values())
    ours = judged_by(PROFILE, streams.values())
    assert not disagreements(ours, theirs, [*streams])
    assert len(streams) > 3_000
    passed = sum(verdict.index == -1 for verdict in theirs)
    assert 500 < passed < len(streams) - 500


@pytest.mark.parametrize("name", sorted(bases()))
def test_what_the_sdk_makes_passes(name: str) -> None:
    (verdict,) = judged_by(PROFILE, [bases()[name]])
    assert verdict.index == -1, verdict.why
