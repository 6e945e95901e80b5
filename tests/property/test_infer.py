"""A profile proposed from goldens is kept by each of them, whatever they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_ws.compliance import check, parse_profile
from replay_ws.compliance.automaton import Automaton
from replay_ws.compliance.chains import chain
from replay_ws.compliance.infer import infer
from replay_ws.errors import ConfigError
from replay_ws.events.model import Event
from tests.helpers import event, session

TYPES = ["run.started", "tool.start", "tool.end", "tokén", 'an "odd" one', "run.finished"]

fields = st.fixed_dictionaries(
    {},
    optional={
        "run_id": st.sampled_from(["r1", "r2", ""]),
        "call": st.integers(0, 2),
        "data": st.fixed_dictionaries({"call_id": st.sampled_from(["c1", "c2", True])}),
        "seq": st.integers(0, 5),
    },
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    if draw(st.integers(0, 15)) == 0:
        return event(body=draw(st.sampled_from(["hello", "[1]", '{"kind": "other"}'])))
    return event(
        draw(st.sampled_from(TYPES)),
        connection=draw(st.sampled_from(["one", "two"])),
        upstream=draw(st.integers(0, 5)) == 0,
        **draw(fields),
    )


@st.composite
def orderly(draw: st.DrawFn) -> list[Event]:
    """A session as protocols have them: runs with tools, under names."""
    found = []
    for run in range(draw(st.integers(1, 3))):
        names = {"run_id": f"r{run}"}
        found.append(event("run.started", **names))
        step = draw(st.booleans())
        found += [event("step.start", **names, step_id=run)] * step
        for call in range(draw(st.integers(0, 3))):
            call_id = {"data": {"call_id": f"c{run}.{call}"}}
            found.append(event("tool.start", **names, **call_id))
            pieces = draw(st.lists(st.sampled_from(["a", "b", ""]), max_size=3))
            for number, piece in enumerate(pieces):
                found.append(event("tool.piece", **names, **call_id, delta=piece, seq=number))
            found.append(event("tool.end", **names, **call_id, args="".join(pieces)))
        found += [event("step.end", **names, step_id=run)] * step
        found.append(event("run.finished", **names))
    return found


goldens = st.lists(
    st.one_of(orderly(), st.lists(events(), min_size=1, max_size=12)), min_size=1, max_size=3
)


@given(goldens)
def test_goldens_keep_what_is_proposed_from_them(found: list[list[Event]]) -> None:
    sessions = [session(*one).delivered() for one in found]
    down = [one for events in sessions for one in events if not one.direction]
    if not any(isinstance(one.payload, dict) for one in down):
        with pytest.raises(ConfigError, match="says what it is"):
            infer(sessions)
        return
    proposal = infer(sessions)
    profile = parse_profile(proposal.toml())
    assert profile == proposal.profile
    for one in sessions:
        report = check(one, profile=profile)
        if any(asked.total for asked in report.checks):
            assert report.lines()[1:] == []
            assert report.score == 1.0


@given(st.lists(st.lists(st.sampled_from([*"abcd", "any", "data-*", "two words"])), min_size=1))
def test_a_chain_describes_the_streams_that_it_was_learned_from(streams: list[list[str]]) -> None:
    automaton = Automaton.compile(" ".join(chain(streams)) or "()")
    assert [stream for stream in streams if not automaton.accepts(stream)] == []
