"""The profiles of AG-UI beside its reference client and beside an independent validator."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from functools import cache
from itertools import zip_longest
from pathlib import Path

import ag_ui_validate
import pytest
from ag_ui_validate import RULES, Validator

from replay_ws.compliance import check, load_profile
from replay_ws.events.columns import Columns
from tests.conformance.ag_ui_streams import OTHERWISE, RETIRED, WRITTEN
from tests.conformance.mutants import MISTAKES, Stream, mutants, one_doubled, one_moved, one_renamed
from tests.conformance.reading import (
    STREAMS,
    Verdict,
    disagreements,
    judged_by,
    read_by,
    stream_in,
)
from tests.helpers import event

FIXTURES = Path(ag_ui_validate.__file__).parent / "spec" / "fixtures"

OF_CHUNKS = ("AGUI104", "AGUI204", "AGUI205")
"""What it says of chunks where it takes any event for their end: a client lets those pass that are
of others, and some. So it knows no lanes."""


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
@pytest.mark.parametrize("about", ["subagents", "history", "two runs", "chunks", "chunks in lanes"])
def test_the_profile_knows_chunks_and_owners_as_the_client_does(
    about: str,
) -> None:
    mistakes = (one_given_away, one_doubled, one_moved, one_renamed, one_of_any_type, one_null)
    made = mutants({about: WRITTEN[about]}, 500, mistakes=mistakes)
    streams = {name: stream for name, stream in made.items() if not chunks_retold(stream)}
    theirs = read_by("verify_events.mjs", streams.values())
    ours = judged_by("ag-ui-1.0", streams.values())
    assert not disagreements(ours, theirs, [*streams])
    assert sum("subagent" in verdict.why for verdict in theirs) > 25


@pytest.mark.readers
def test_retired_names_are_read_as_those_of_today() -> None:
    """The client makes up a new id where one opens; so it takes a second, and misses an end."""
    streams = {"retired": RETIRED} | mutants({"retired": RETIRED}, 500)
    theirs = read_by("verify_events.mjs", streams.values())
    ours = judged_by("ag-ui-1.0", streams.values())
    twice = [("is open since" in one.why) for one in ours]
    for name, one, two, opened_twice in zip(streams, ours, theirs, twice, strict=True):
        assert opened_twice or one.index == two.index, (name, one, two)
    assert sum(twice) < 100


@pytest.mark.readers
def test_all_that_is_known_to_be_otherwise_is_otherwise() -> None:
    """Of 30,000 mutants of all streams here 19 differed, in these ways."""
    theirs = read_by("verify_events.mjs", OTHERWISE.values())
    ours = judged_by("ag-ui-1.0", OTHERWISE.values())
    same = [name for name, a, b in zip(OTHERWISE, ours, theirs, strict=True) if a.index == b.index]
    assert same == []


def one_given_away(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    """An event says that it comes from a subagent."""
    rng.choice(stream)["subagentRunId"] = rng.choice(["s1", "s2"])


def chunks_retold(stream: Stream) -> bool:
    """Whether a result has the name of a chunk, which later chunks without a name go on with."""
    results = [event.get("messageId") for event in stream if event["type"] == "TOOL_CALL_RESULT"]
    return any(
        event["type"][-6:] == "_CHUNK" and event.get("messageId") in results for event in stream
    )


def has_chunks(stream: Stream) -> bool:
    return any(event["type"].endswith("_CHUNK") for event in stream)


def one_of_any_type(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    """An event has a type of another stream."""
    rng.choice(stream)["type"] = rng.choice(TYPES)


def one_null(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    """Whose an event is, is null."""
    rng.choice(stream)["subagentRunId"] = None


TYPES = [type for type in sorted(load_profile("ag-ui-1.0").types) if type[:8] != "THINKING"]


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
    """But for lanes of chunks, of which the validator knows nothing."""
    base = {"retired": RETIRED, **bases()}
    del base["chunks in lanes"]
    made = base | mutants(base, 2_000, mistakes=(*MISTAKES, one_given_away, one_of_any_type))
    streams = {name: stream for name, stream in made.items() if stream}
    loose = judged_by("ag-ui-1.0", streams.values())
    strict = judged_by("ag-ui-1.0-lint", streams.values())
    validators = [validated(stream) for stream in streams.values()]
    explained = 0
    for name, base, ours, theirs in zip(streams, loose, strict, validators, strict=True):
        due = [verdict for verdict in (base, theirs) if verdict.index >= 0]
        expected = min(due, default=Verdict(-1, ""))
        if ours.index != expected.index:
            assert expected.why in OF_CHUNKS, (name, expected, ours)
            assert has_chunks(streams[name]), (name, expected, ours)
            explained += 1
    assert explained < len(streams) / 100


def fixtures_of_errors() -> list[Path]:
    """The fixtures of rules that are errors there, and that a profile can have."""
    paths = (FIXTURES / "invalid").glob("*/stream.jsonl")
    return sorted(
        path
        for path in paths
        if RULES[_rule(path)].severity == "error" and _rule(path) != "AGUI502"
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


def test_streams_side_by_side_and_in_columns_are_judged_as_each_alone() -> None:
    streams = [*mutants(bases(), 200, seed=2).values()]
    for one, two in zip(streams, streams[1:] + streams[:1], strict=True):
        events = [
            [event(body=json.dumps(each), connection=name) for each in stream]
            for name, stream in (("one", one), ("two", two))
        ]
        together = [each for pair in zip_longest(*events) for each in pair if each]
        for judged in (together, Columns.of(together)):
            report = check(judged, profile="ag-ui-1.0-lint")
            for name, alone in zip(("one", "two"), events, strict=True):
                found = [each.message for each in report.findings if each.connection == name]
                expected = check(alone, profile="ag-ui-1.0-lint").findings
                assert [plain(told) for told in found] == [plain(each.message) for each in expected]


def plain(message: str) -> str:
    """Without the numbers of other events, which depend on what is between."""
    return re.sub("#[0-9]+", "#", message)
