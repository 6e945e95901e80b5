"""The profiles of AG-UI beside its reference client and beside an independent validator."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import ag_ui_validate
import pytest
from ag_ui_validate import RULES, Validator

from tests.conformance.ag_ui_streams import WRITTEN
from tests.conformance.mutants import Stream, mutants, one_doubled, one_moved, one_renamed
from tests.conformance.reading import (
    STREAMS,
    Verdict,
    disagreements,
    judged_by,
    read_by,
    stream_in,
)

FIXTURES = Path(ag_ui_validate.__file__).parent / "spec" / "fixtures"

NOT_OF_A_PROFILE = {
    "AGUI302": "whether a patch applies asks for the state that it changes",
    "AGUI303": "what is in a patch; RFC 6902 has a grammar of its own",
    "AGUI001": "only where the first event is RUN_ERROR, which the client takes for a run",
    "AGUI504": "only of the first chunk of a message, which names it for those after it",
}
"""Errors of ag-ui-validate that the strict profile does not have, and why."""


@cache
def bases() -> dict[str, Stream]:
    """Recorded and written streams, and the fixtures of ag-ui-validate that are JSON."""
    files = [*FIXTURES.glob("**/*.jsonl"), *(STREAMS / "ag-ui").glob("*.json*")]
    return WRITTEN | {
        path.parent.name + "/" + path.stem: stream_in(path)
        for path in sorted(files)
        if path.parent.name != "AGUI502-payload-not-json"
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
def test_whose_something_is_the_profile_knows_as_the_client_does() -> None:
    owned = {name: WRITTEN[name] for name in ("subagents", "history", "two runs")}
    streams = mutants(owned, 1_000, mistakes=(one_given_away, one_doubled, one_moved, one_renamed))
    theirs = read_by("verify_events.mjs", streams.values())
    ours = judged_by("ag-ui-1.0", streams.values())
    assert not disagreements(ours, theirs, [*streams])
    assert sum("subagent" in verdict.why for verdict in theirs) > 100


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
