"""One difference among ten thousand events: a page names it, where it is, when, and what kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import jsonschema_rs
import pytest

import replay_ws as rws
from replay_ws.diff.model import Category
from replay_ws.events.log import Direction, Header, Op
from replay_ws.events.model import Decision, Plan
from replay_ws.recorder.transcript import Moment, Transcript
from replay_ws.report.blocks import Line
from replay_ws.report.differences import Difference

THREADS, STEPS = 10, 1_000
CALLS = 332
STEP = 501
"""Where something is planted: the step of a thread that completes a call."""

Story = list[Moment]


def at_step(thread: int, step: int) -> int:
    """The number of a step's event in the story, and its time in milliseconds."""
    return step * THREADS + thread


@cache
def story() -> Story:
    """Ten agents that take turns; each begins, calls a tool over and over, and completes."""
    turns = [(step, thread) for step in range(STEPS) for thread in range(THREADS)]
    told = [message(at_step(thread, step), thread, spoken(thread, step)) for step, thread in turns]
    ends = [
        Moment(
            (STEPS * THREADS + thread) * 10**6, f"t{thread}", Direction.DOWNSTREAM, Op.CLOSE, end
        )
        for thread in range(THREADS)
        for end in [[1000, ""]]
    ]
    return told + ends


def spoken(thread: int, step: int) -> dict[str, Any]:
    """What an agent says at a step: thinking, and a call that is announced and completed."""
    call, part = divmod(step - 1, 3)
    if step in (0, STEPS - 1):
        return {"type": "agent_completed" if step else "agent_started", "run_id": f"run-{thread}"}
    if part == 0 or call == CALLS:
        return {"type": "agent_thinking", "step": step}
    type = "tool_executing" if part == 1 else "tool_completed"
    return {"type": type, "step": step, "tool_call_id": f"call-{thread}-{call}", "tool_name": "s"}


def message(at_ms: float, thread: int, payload: dict[str, Any]) -> Moment:
    return Moment(
        round(at_ms * 10**6), f"t{thread}", Direction.DOWNSTREAM, Op.TEXT, json.dumps(payload)
    )


def session_of(moments: Sequence[Moment]) -> rws.Session:
    transcript = Transcript(link="message")
    for moment in moments:
        transcript.add(moment, "story")
    return transcript.session(Header(profile="agent5"), None)


@cache
def golden() -> rws.Session:
    return session_of(story())


# --- what is planted -------------------------------------------------------------------------


def lose(moments: Story, thread: int) -> None:
    del moments[at_step(thread, STEP)]


def add(moments: Story, thread: int) -> None:
    at = at_step(thread, STEP)
    moments.insert(at, message(at - 0.5, thread, {"type": "agent_thinking", "step": "more"}))


def move(moments: Story, thread: int) -> None:
    """The event comes three hundred turns of its thread later."""
    late = at_step(thread, STEP + 300) + 0.5
    moments.append(message(late, thread, spoken(thread, STEP)))
    lose(moments, thread)


def change(moments: Story, thread: int) -> None:
    at = at_step(thread, STEP)
    moments[at] = message(at, thread, spoken(thread, STEP) | {"step": -1})


def swap_name(moments: Story, thread: int) -> None:
    at = at_step(thread, STEP)
    other = {"tool_call_id": f"call-{thread}-7"}
    moments[at] = message(at, thread, spoken(thread, STEP) | other)


def retype(moments: Story, thread: int) -> None:
    at = at_step(thread, STEP)
    moments[at] = message(at, thread, spoken(thread, STEP) | {"type": "tool_finished"})


def delay(moments: Story, thread: int) -> None:
    at = at_step(thread, STEP)
    moments[at] = message(at + 5, thread, spoken(thread, STEP))


def close_otherwise(moments: Story, thread: int) -> None:
    at = STEPS * THREADS + thread
    moments[at] = moments[at]._replace(body=[1011, "overloaded"])


def ping(moments: Story, thread: int) -> None:
    at = at_step(thread, STEP)
    one = Moment(at * 10**6 - 1, f"t{thread}", Direction.DOWNSTREAM, Op.PING, b"")
    moments.insert(at, one)


def leave(moments: Story, thread: int) -> None:
    """The thread says nothing more, and never closes."""
    last = at_step(thread, STEP) * 10**6
    name = f"t{thread}"
    moments[:] = [each for each in moments if each.connection != name or each.time_ns < last]


class Planted(NamedTuple):
    """What is planted in which thread, and what a page says first of it."""

    plant: Callable[[Story, int], None]
    thread: int
    line: str
    place: str
    count: int = 1


PLANTED = {
    Category.CHANGED: Planted(
        change, 3, "changed #5013 t3 < tool_completed: $.step: 501 -> -1", "#5013, t=+5.013 s"
    ),
    Category.IDENTITY: Planted(
        swap_name, 4, "identity #5014 t4 < tool_completed: answers another call", "t=+5.014 s"
    ),
    Category.RETYPED: Planted(
        retype, 5, "retyped #5015 t5 < tool_completed: type: 'tool_completed' -> ", "t=+5.015 s"
    ),
    Category.TIMING: Planted(
        delay, 6, "timing #5016 t6 < tool_completed: 5 ms late", "t=+5.016 s ≙ +5.021 s"
    ),
    Category.CLOSE: Planted(
        close_otherwise, 7, "close t7 < closed: code: 1000 -> 1011; reason: ", "t=+10.007 s"
    ),
    Category.FRAMING: Planted(
        ping, 8, "framing #5018 t8 <", "golden after #5008 ≙ run #5018, t=+5.017999999 s"
    ),
    Category.MOVED: Planted(
        move,
        2,
        "moved #5012 t2 < tool_completed: 300 later",
        "golden #5012 ≙ run #8012, t=+5.012 s",
    ),
    Category.EXTRA: Planted(
        add, 1, "extra #5011 t1 < agent_thinking", "golden after #5001 ≙ run #5011, t=+5.0105 s"
    ),
    Category.MISSING: Planted(
        lose, 0, "missing #5010 t0 < tool_completed", "golden #5010 ≙ run after #5000, t=+5.01 s"
    ),
    Category.TRUNCATED: Planted(
        leave, 9, "truncated #5019 t9 < tool_completed: the run ends here", "t=+5.019 s", 499
    ),
}
"""In an order in which all can be planted in one story: what moves others comes last."""

VOLATILE = {"**.tool_call_id": "id:call"}


def difference(ours: rws.Session, theirs: rws.Session, **options: Any) -> Difference:
    diff = rws.compare(ours, theirs, volatile=VOLATILE, allow=(), **options)
    return Difference("golden.rws", "run.rws", ours, theirs, diff)


def page(shown: Difference) -> list[str]:
    lines = [block.text for block in shown.blocks() if isinstance(block, Line)]
    assert len(lines) <= 40
    return lines


def checked(shown: Difference) -> dict[str, Any]:
    """The JSON, which is what its schema says."""
    text = json.dumps(shown.to_dict())
    schema = files("replay_ws.report") / "schemas" / "diff.schema.json"
    jsonschema_rs.validator_for(json.loads(schema.read_text("utf-8"))).validate(json.loads(text))
    return dict(json.loads(text))


def names_it(shown: Difference, category: Category, line: str, place: str) -> None:
    """A page begins with the difference; the JSON has it with its category."""
    lines = page(shown)
    first = next(at for at, text in enumerate(lines) if text.startswith("first divergence: "))
    assert lines[first].startswith(f"first divergence: {line}")
    assert place in lines[first + 1]
    assert checked(shown)["divergences"][0]["category"] == category


@pytest.mark.parametrize("category", PLANTED, ids=str)
def test_each_is_named_alone(category: Category) -> None:
    one = PLANTED[category]
    moments = list(story())
    one.plant(moments, one.thread)
    shown = difference(golden(), session_of(moments))
    names_it(shown, category, one.line, one.place)
    assert checked(shown)["counts"][category] == one.count


def test_an_event_that_is_lost_for_another_reason_has_another_fate() -> None:
    def without(toxic: str) -> rws.Session:
        struck = Decision(toxic, "t3", Direction.DOWNSTREAM, "tool_completed", 166, 0, 1)
        return rws.replay(golden(), plan=Plan((struck,)))

    shown = difference(without("loss"), without("timeout"))
    names_it(
        shown,
        Category.FATE,
        "fate t3 < tool_completed [166]: outcome: lost (loss)",
        "after #5012, t=+5.013 s",
    )


def test_a_rule_that_the_run_breaks_is_named_with_the_event_that_breaks_it() -> None:
    moments = list(story())
    lose(moments, 3)
    shown = difference(golden(), session_of(moments), profile="agent5")
    (lapse,) = [one for one in checked(shown)["divergences"] if one["category"] == "compliance"]
    assert lapse["run"] == 5_003
    assert any("§ compliance" in line and "pairs tool" in line for line in page(shown))


def test_all_together_are_all_told() -> None:
    moments = list(story())
    for one in PLANTED.values():
        one.plant(moments, one.thread)
    shown = difference(golden(), session_of(moments))
    lines = page(shown)
    for category, one in PLANTED.items():
        assert any(category in line for line in lines[1:2]), category
        assert any(category in line and f"t{one.thread} <" in line for line in lines[4:]), category
    told = {found["category"] for found in checked(shown)["divergences"]}
    assert told == set(PLANTED)
