"""The story of a run: what its events say, and where two stories part."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.recording import CURRENT
from replay_ws.running import Conditions, execute
from replay_ws.sim.trace import AFTERMATH, Story, Trace


def log_of_run() -> Any:
    recording = CURRENT.get()
    assert recording is not None
    return recording.log


def traced(program: Callable[[], Awaitable[Any]], expected: Story | None = None) -> Trace:
    trace = Trace(log_of_run, expected)
    result = execute(program, Conditions(), observers=[trace])
    trace.ended(repr(result.value))
    return trace


def texts(trace: Trace) -> list[str]:
    return [str(trace.event(position)) for position in range(len(trace.story))]


async def worker() -> None:
    await asyncio.sleep(0.5)
    await MockWebSocketManager().send_to_thread("t", {"type": "token"})


async def program() -> int:
    await asyncio.create_task(worker())
    return 7


def test_a_story_tells_steps_timers_rows_and_the_end() -> None:
    told = "\n".join(texts(traced(program)))
    for line in (
        "step 1 at 0, main: begins",
        "step 1 at 0, main: makes ready main/worker",
        "step 2 at 0, main/worker: begins",
        "step 2 at 0, main/worker: sets a timer of 500 ms for",
        "at 500 ms, main/worker: records OBJECT t {'type': 'token'}",
        ": ends with 7",
    ):
        assert line in told


def test_an_event_knows_the_stack_that_it_came_from() -> None:
    trace = traced(program)
    (position,) = [n for n, text in enumerate(texts(trace)) if "records OBJECT" in text]
    event = trace.event(position)
    (own,) = [place for place in event.stack if place.is_users]
    assert own.function == "worker"
    assert own.line == worker.__code__.co_firstlineno + 2
    assert own.file == __file__
    assert trace.files == {__file__}


def test_a_step_is_placed_where_its_task_was_suspended() -> None:
    trace = traced(program)
    events = [trace.event(position) for position in range(len(trace.story))]
    begun = [e for e in events if e.label.act == "begins" and e.label.lane == "main/worker"]
    assert [event.label.where.split(" > ")[0] for event in begun] == ["worker"] * len(begun)


def test_the_same_run_has_the_same_story() -> None:
    first = traced(program)
    again = traced(program, first.story)
    assert again.difference is None
    assert texts(again) == texts(first)


def test_a_story_keeps_its_meaning_in_another_process() -> None:
    story = pickle.loads(pickle.dumps(traced(program).story))
    assert traced(program, story).difference is None


def varying(numbers: list[int]) -> Callable[[], Awaitable[None]]:
    async def program() -> None:
        for number in numbers:
            await asyncio.sleep(number)

    return program


def test_the_first_event_that_differs_is_found_and_a_few_more_are_told() -> None:
    first = traced(varying([1, 2] + [3] * 1000))
    again = traced(varying([1, 5] + [3] * 1000), first.story)
    assert again.difference is not None
    assert "sets a timer of 2 s" in str(first.event(again.difference))
    assert "sets a timer of 5 s" in str(again.event(again.difference))
    assert len(again.story) == again.difference + AFTERMATH + 1


def test_a_run_that_goes_on_longer_or_ends_sooner_differs() -> None:
    first = traced(varying([1, 2]))
    for other in ([1], [1, 2, 3]):
        assert traced(varying(other), first.story).difference is not None


def test_another_value_is_another_end() -> None:
    async def seven() -> int:
        return 7

    async def eight() -> int:
        return 8

    first = traced(seven)
    again = traced(eight, first.story)
    assert again.difference == len(first.story) - 1


def test_at_the_first_difference_live_frames_are_shown_once() -> None:
    seen: list[list[FrameType]] = []
    first = traced(varying([1, 2, 3]))
    trace = Trace(log_of_run, first.story, on_difference=seen.append)
    execute(varying([1, 4, 5]), Conditions(), observers=[trace])
    (frames,) = seen
    assert "varying.<locals>.program" in [frame.f_code.co_qualname for frame in frames]


def test_a_log_is_left_as_it_was() -> None:
    trace = Trace(log_of_run)
    session = execute(program, Conditions(), observers=[trace]).session
    trace.ended("")
    assert "append" not in vars(session.log)


def test_what_a_report_may_show_is_redacted() -> None:
    async def secret() -> str:
        return "hunter2"

    trace = Trace(log_of_run, redact=lambda text: text.replace("hunter2", "<secret-1>"))
    execute(secret, Conditions(), observers=[trace])
    trace.ended("hunter2")
    assert texts(trace)[-1].endswith("ends with <secret-1>")
