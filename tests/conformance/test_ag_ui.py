"""The profiles of AG-UI beside its reference client and beside an independent validator."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import ag_ui_validate
import pytest
from ag_ui_validate import RULES, Validator

from tests.conformance.mutants import Stream, mutants
from tests.conformance.reading import (
    STREAMS,
    Verdict,
    disagreements,
    judged_by,
    read_by,
    stream_in,
)

FIXTURES = Path(ag_ui_validate.__file__).parent / "spec" / "fixtures"

UNKNOWN_TYPE = "AGUI503-unknown-event-type"
"""The client's parser refuses a type that the protocol lacks before it verifies a stream; the
profile warns of it, and its strict form refuses it."""

NOT_OF_A_PROFILE = {
    "AGUI302": "whether a patch applies asks for the state that it changes",
    "AGUI303": "what is in a patch; RFC 6902 has a grammar of its own",
    "AGUI001": "only where the first event is RUN_ERROR, which the client takes for a run",
    "AGUI504": "only of the first chunk of a message, which names it for those after it",
}
"""Errors of ag-ui-validate that the strict profile does not have, and why."""


@cache
def bases() -> dict[str, Stream]:
    """Recorded streams, and the fixtures of ag-ui-validate that are streams of events."""
    files = [*FIXTURES.glob("**/*.jsonl"), *(STREAMS / "ag-ui").glob("*.json*")]
    unread = ("AGUI502-payload-not-json", UNKNOWN_TYPE)
    return {
        path.parent.name + "/" + path.stem: stream_in(path)
        for path in sorted(files)
        if path.parent.name not in unread
    }


@pytest.mark.readers
def test_the_profile_rejects_what_the_client_rejects_at_the_same_event() -> None:
    streams = bases() | mutants(bases(), 3_000)
    theirs = read_by("verify_events.mjs", streams.values())
    ours = judged_by("ag-ui-1.0", streams.values())
    assert not disagreements(ours, theirs, [*streams])
    passed = sum(verdict.index == -1 for verdict in theirs)
    assert 500 < passed < len(streams) - 500


@pytest.mark.readers
def test_only_the_client_remembers_whose_an_id_was_when_it_is_closed() -> None:
    """A scope remembers while it is open, and knows nothing of the message around a tool call."""
    streams = mutants(bases(), 1_000, mistakes=(one_given_away,))
    theirs = read_by("verify_events.mjs", streams.values())
    ours = judged_by("ag-ui-1.0", streams.values())
    for one, two in zip(ours, theirs, strict=True):
        if one.index != two.index:
            assert one.index == -1 or one.index > two.index
            assert re.search("parent message|opener's subagent|is owned by", two.why)
    assert sum(one.index == two.index for one, two in zip(ours, theirs, strict=True)) > 950


def one_given_away(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    """An event says that it comes from a subagent."""
    rng.choice(stream)["subagentRunId"] = rng.choice(["s1", "s2"])


def validated(stream: Stream) -> Verdict:
    """The first error of ag-ui-validate; what is missed at the end is one of the last event."""
    validator = Validator()
    for each in stream:
        validator.feed(each)
    validator.finalize()
    last = len(stream) - 1
    errors = [
        (found.event_index if 0 <= found.event_index <= last else last, found.rule)
        for found in validator.report().diagnostics
        if found.severity == "error"
    ]
    return Verdict(*min(errors, default=(-1, "")))


def test_the_strict_profile_has_the_errors_of_the_client_and_of_the_validator() -> None:
    made = bases() | mutants(bases(), 1_500)
    streams = {name: stream for name, stream in made.items() if stream}
    loose = judged_by("ag-ui-1.0", streams.values())
    strict = judged_by("ag-ui-1.0-lint", streams.values())
    validators = [validated(stream) for stream in streams.values()]
    explained = 0
    for name, base, ours, theirs in zip(streams, loose, strict, validators, strict=True):
        due = [verdict for verdict in (base, theirs) if verdict.index >= 0]
        expected = min(due, default=Verdict(-1, ""))
        if ours.index != expected.index:
            assert expected.why in NOT_OF_A_PROFILE, (name, expected, ours)
            explained += 1
    assert explained < len(streams) / 50


def fixtures_of_errors() -> list[Path]:
    """The fixtures of rules that are errors there, and that a profile can have."""
    paths = (FIXTURES / "invalid").glob("*/stream.jsonl")
    apart = {*NOT_OF_A_PROFILE, "AGUI502"} - {"AGUI001", "AGUI504"}
    return sorted(
        path
        for path in paths
        if RULES[_rule(path)].severity == "error" and _rule(path) not in apart
    )


def _rule(fixture: Path) -> str:
    return fixture.parent.name.partition("-")[0]


@pytest.mark.parametrize("path", fixtures_of_errors(), ids=_rule)
def test_each_fixture_that_is_an_error_there_is_one_here(path: Path) -> None:
    stream = stream_in(path)
    (ours,) = judged_by("ag-ui-1.0-lint", [stream])
    theirs = validated(stream)
    assert (theirs.why, theirs.index) == (_rule(path), ours.index)


@pytest.mark.parametrize("name", ["ag-ui-1.0", "ag-ui-1.0-lint"])
def test_recorded_streams_pass(name: str) -> None:
    recorded = {key: stream for key, stream in bases().items() if key.startswith("ag-ui/")}
    assert len(recorded) == 6
    assert [verdict.why for verdict in judged_by(name, recorded.values())] == [""] * 6
