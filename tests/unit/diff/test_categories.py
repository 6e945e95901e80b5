"""Which category a difference is of, and what a rule allows."""

from __future__ import annotations

import pytest

from replay_ws.compliance import load_profile
from replay_ws.diff import Category, compare
from replay_ws.errors import ConfigError
from replay_ws.events.log import Op
from replay_ws.events.model import Fate
from tests.helpers import Told, event, session


def lines(golden: Told, run: Told) -> list[str]:
    one, other = compare(golden, run), compare(run, golden)
    assert one == other.mirrored()
    return one.lines()


def test_the_end_that_a_lane_lacks_is_one_truncation() -> None:
    golden = session(*(event("a", n=n) for n in range(10)), event("x", connection="t2"))
    run = session(*(event("a", n=n) for n in range(6)), event("x", connection="t2"))
    assert lines(golden, run) == ['truncated #6 t1 < a {"n":6}: the run ends here, 4 events short']
    assert lines(run, golden) == [
        'truncated #6 t1 < a {"n":6}: the golden ends here, 4 events short'
    ]
    assert compare(golden, run).counts["truncated"] == 4


def test_an_end_that_was_sent_and_lost_is_told_event_by_event() -> None:
    golden = session(*(event("a", n=n) for n in range(4)))
    lost = (event("a", n=n, outcome=Fate.LOST_LOSS) for n in range(1, 4))
    assert [line.split()[0] for line in lines(golden, session("a", *lost))][-3:] == ["missing"] * 3


def test_an_end_of_a_lane_that_goes_on_otherwise_is_not_truncated() -> None:
    golden = session("a", *(event("b", n=n) for n in range(3)))
    run = session("a", event(body="another"))
    assert compare(golden, run).counts["truncated"] == 0


def test_the_same_payload_under_another_type_or_opcode_is_retyped() -> None:
    golden = session(event("a"), event("tool_executing", call=1), event("z"))
    run = session(event("a"), event("tool_started", call=1), event("z"))
    assert lines(golden, run) == [
        "retyped #1 < tool_executing: type: 'tool_executing' -> 'tool_started'"
    ]
    binary = session(event("a"), event(op=Op.BINARY, body=b"abc"), event("z"))
    text = session(event("a"), event(body="abc"), event("z"))
    assert "opcode" in lines(binary, text)[0]


def test_pings_differ_without_making_sessions_different() -> None:
    golden = session("a", event(op=Op.PING, body=b""), "b")
    diff = compare(golden, session("a", "b"))
    assert diff.same
    assert diff.first is None
    assert (diff.counts["framing"], diff.allowed["framing"]) == (0, 1)
    assert not compare(golden, session("a", "b"), allow=()).same


def test_what_is_allowed_is_told_with_its_rule_and_is_no_difference() -> None:
    golden, run = session("a", event("b")), session("a", event("b", at=5))
    diff = compare(golden, run, allow=["timing"])
    assert diff.same
    assert [found.rule for found in diff.divergences] == ["timing is allowed"]
    with pytest.raises(ConfigError, match="timing"):
        compare(golden, run, allow=["timings"])


def test_a_rule_that_only_one_session_keeps_is_told_with_the_event_that_breaks_it() -> None:
    story = ("agent_started", "agent_thinking", "tool_executing", "tool_completed")
    more = [event(name, tool_name="search", run_id="r") for name in story]
    end = event("agent_completed", run_id="r")
    diff = compare(session(*more, end), session(*more[:3], end), profile=load_profile("agent5"))
    lapses = [found for found in diff.divergences if found.category is Category.COMPLIANCE]
    assert lapses
    assert not any(found.root for found in lapses)
    assert any(found.type.startswith("pairs tool") and found.run == 2 for found in lapses)
    assert diff.counts["compliance"] == len(lapses)
