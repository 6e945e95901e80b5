"""What a run did, event by event, so that two runs of one program can be compared.

Theory of operation. A ``Trace`` watches a loop and a log. Whatever shows from outside of the
program is an event: a step begins, a callback is made ready, a timer is set, a row enters the log,
the program ends. An event is its instant and its ``Label``, which says what happened in words that
have no addresses, so that it means the same in every process. Labels repeat, so a ``Story`` keeps
each once, and two integers per event: to compare two events is to compare integers.

The stack of an event is no part of its label beyond the names of its functions: an assertion that
pytest has rewritten stands on other lines than the same one in a process without pytest. Lines are
kept beside the labels, for reports.

A trace that was given an ``expected`` story compares as it goes, and at the first event that
differs it shows the live frames to ``on_difference``: this is the one moment at which variables
can still be looked at. It then goes on for a few events more, to show what came of it, and stops.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from types import CodeType, FrameType
from typing import Any, NamedTuple, cast

from replay_ws.clock import time_text
from replay_ws.events.log import STRUCTURED, Log, Op
from replay_ws.sim.deadlock import await_chain
from replay_ws.sim.generators import OpenGenerators
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.lanes import Lane
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.places import is_library, is_machinery, name_of

AFTERMATH = 64
"""How many events a trace takes in after the first that differs."""

BEGINS, READIES, SETS_TIMER, RECORDS, ENDS = (
    "begins",
    "makes ready",
    "sets a timer",
    "records",
    "ends",
)

_BOTTOM = VirtualLoop._run.__code__
_BODY_SIZE_SHOWN = 80

_OF_NO_CONNECTION = {Op.MARK, Op.CHANNEL, Op.CONNECTION, Op.KIND, Op.CONTROL, Op.SCHEDULE, Op.END}


class Label(NamedTuple):
    """What an event is, in words that mean the same in every process.

    ``lane`` is the path of the lane whose step it is, ``act`` one of the words above, ``what`` the
    object of that verb, ``where`` the names of the functions on the stack, outermost first.
    """

    lane: str
    act: str
    what: str
    where: str


class Place(NamedTuple):
    """One line of a stack; ``is_users`` if it is neither asyncio's nor ours."""

    file: str
    line: int
    function: str
    is_users: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


Stack = tuple[Place, ...]
"""Places, outermost first."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, to be read. ``step`` counts the steps of the run that have begun, from 1."""

    step: int
    time_ns: int
    label: Label
    stack: Stack
    detail: str = ""

    @property
    def text(self) -> str:
        """``records TEXT t1 {"type": ...}``."""
        what = self.detail or self.label.what
        return f"{self.label.act} {what}".rstrip()

    def __str__(self) -> str:
        lane = self.label.lane or "a callback"
        return f"step {self.step} at {time_text(self.time_ns)}, {lane}: {self.text}"


class Story:
    """The events of a run, in order, as columns. Stories that are compared share ``labels``."""

    def __init__(self, labels: dict[Label, int] | None = None) -> None:
        self.labels = {} if labels is None else labels
        self.times = array("q")
        self.label_numbers = array("I")
        self.steps = 0

    def __len__(self) -> int:
        return len(self.times)

    def note(self, time_ns: int, label: Label) -> None:
        """Add an event."""
        number = self.labels.get(label)
        if number is None:
            number = self.labels[label] = len(self.labels)
        self.times.append(time_ns)
        self.label_numbers.append(number)
        if label.act is BEGINS:
            self.steps += 1

    def same(self, other: Story, position: int) -> bool:
        """Whether the event at ``position`` is the same in both, which are the same up to there.

        Both have one there, for a story closes with the end of its run, and only there.
        """
        return (
            self.label_numbers[position] == other.label_numbers[position]
            and self.times[position] == other.times[position]
        )

    def window(self, start: int, stop: int) -> list[tuple[int, Label]]:
        """(instant, label) of the events ``start .. stop``."""
        labels = list(self.labels)
        numbers = self.label_numbers[start:stop]
        return [
            (time, labels[number])
            for time, number in zip(self.times[start:stop], numbers, strict=True)
        ]

    def step_at(self, position: int) -> int:
        """How many steps have begun once the event at ``position`` has happened."""
        begins = {number for label, number in self.labels.items() if label.act == BEGINS}
        return sum(number in begins for number in self.label_numbers[: position + 1])


class Trace:
    """Watches one run and writes its story, as an observer of its loop; see the top of this module.

    ``log`` is asked for once the run has begun. ``redact`` takes secrets out of text that a report
    may show.
    """

    def __init__(
        self,
        log: Callable[[], Log],
        expected: Story | None = None,
        *,
        on_difference: Callable[[list[FrameType]], None] | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.story = Story(expected.labels if expected else None)
        self.expected = expected
        self.difference: int | None = None
        """Position of the first event that is not as expected."""
        self.redact = redact
        self.foreign_calls = 0
        self._log_of_run = log
        self._on_difference = on_difference
        self._stacks = array("I")
        self._stack_numbers: dict[tuple[int, ...], int] = {}
        self._stacks_known: list[tuple[Stack, str]] = []
        self._codes: dict[int, CodeType] = {}  # kept alive, for a stack is known by their ids
        self._rows = array("I")
        self._details: dict[int, str] = {}
        self._loop: VirtualLoop | None = None
        self._log: Log | None = None

    @property
    def files(self) -> set[str]:
        """Where the users' code is that was seen on a stack."""
        return {place.file for stack, _ in self._stacks_known for place in stack if place.is_users}

    def _watch_log(self) -> None:
        self._log = log = self._log_of_run()
        append = log.append

        def append_and_tell(
            op: int, lane: int, time_ns: int, kind: int, index: int, body: str | bytes
        ) -> int:
            row = append(op, lane, time_ns, kind, index, body)
            self._recorded(row)
            return row

        log.append = append_and_tell  # type: ignore[method-assign]  # of this one log

    # What the queue and the log tell

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        task = task_of(handle)
        frames = await_chain(task) if task is not None else []
        frames.reverse()
        self._note(lane.path, BEGINS, "" if task is not None else _name(handle), frames)

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        if self._loop is None:
            self._loop = cast(VirtualLoop, handle._loop)
            self._watch_log()
        what = lane.path or _name(handle)
        self._note(self._current, READIES, what, self._live_frames())

    def armed(self, timer: Timer) -> None:
        assert self._loop is not None
        delay_ns = round(timer._when * 1e9) - self._loop.time_ns()
        what = f"of {time_text(max(delay_ns, 0))} for {_name(timer)}"
        self._note(self._current, SETS_TIMER, what, self._live_frames())

    def _recorded(self, row: int) -> None:
        log = self._log
        assert log is not None
        body = log.bodies[row]
        raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        about = (log.lanes[row], log.kind_ids[row])
        digest = blake2b(raw, digest_size=8).hexdigest()
        what = f"{Op(log.ops[row]).name} {'.'.join(map(str, about))} {digest}"
        self._rows.extend((len(self.story), row))
        self._note(self._current, RECORDS, what, self._live_frames())

    def ended(self, outcome: str) -> None:
        """The program gave ``outcome``, a value or an exception, and its run is over."""
        if self._loop is not None:
            self.foreign_calls = self._loop.outsiders.calls
            vars(self._log).pop("append", None)  # the class's own is there again
        digest = blake2b(outcome.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        self._details[len(self.story)] = f"with {self.redact(outcome)}"
        self._note("", ENDS, digest, [])  # a story that stops early differs in this event

    @property
    def _current(self) -> str:
        assert self._loop is not None
        assert self._loop.lanes is not None
        return self._loop.lanes.current.path

    def _live_frames(self) -> list[FrameType]:
        """The frames of the step that runs, innermost first; none before the first and after the
        last step."""
        frames: list[FrameType] = []
        assert self._loop is not None
        frame = sys._getframe(2) if self._loop.is_running() else None
        while frame is not None and frame.f_code is not _BOTTOM:
            frames.append(frame)
            frame = frame.f_back
        return frames

    # Writing and comparing

    def _note(self, lane: str, act: str, what: str, frames: list[FrameType]) -> None:
        position = len(self._stacks)
        if self.difference is not None and position > self.difference + AFTERMATH:
            return
        number, where = self._stack(frames)
        now_ns = self._loop.time_ns() if self._loop is not None else 0
        self._stacks.append(number)
        self.story.note(now_ns, Label(lane, act, what, where))
        if self.expected is None or self.difference is not None:
            return
        if not self.story.same(self.expected, position):
            self.difference = position
            if self._on_difference is not None:
                self._on_difference(frames)

    def _stack(self, frames: list[FrameType]) -> tuple[int, str]:
        """The number of the stack that ``frames`` are, innermost first, and its names."""
        key = (*[id(frame.f_code) for frame in frames], *[frame.f_lasti for frame in frames])
        number = self._stack_numbers.get(key)
        if number is None:
            self._codes.update((id(frame.f_code), frame.f_code) for frame in frames)
            number = self._stack_numbers[key] = len(self._stacks_known)
            stack = stack_of(frames)
            self._stacks_known.append((stack, " > ".join(place.function for place in stack)))
        return number, self._stacks_known[number][1]

    # Reading

    def event(self, position: int) -> Event:
        """The event at ``position``."""
        story = self.story
        ((time_ns, label),) = story.window(position, position + 1)
        stack, _ = self._stacks_known[self._stacks[position]]
        return Event(story.step_at(position), time_ns, label, stack, self._detail(position))

    def _detail(self, position: int) -> str:
        if position in self._details:
            return self._details[position]
        rows = dict(zip(self._rows[::2], self._rows[1::2], strict=True))
        row = rows.get(position)
        return "" if row is None or self._log is None else _row_text(self._log, row)


def stack_of(frames: Iterable[FrameType]) -> Stack:
    """``frames``, which come innermost first, as places, without those of the loop itself.

    The one that closes a dropped generator stays: nobody calls it, and a reader asks who did.
    """
    stack = [
        Place(
            frame.f_code.co_filename,
            frame.f_lineno,
            frame.f_code.co_qualname,
            not is_library(frame),
        )
        for frame in frames
        if not is_machinery(frame) or frame.f_code is OpenGenerators._dropped.__code__
    ]
    return tuple(reversed(stack))


def task_of(handle: Ready | Timer) -> Any:
    """The task whose step ``handle`` is; None for a plain callback."""
    owner = getattr(handle._callback, "__self__", None)
    return owner if hasattr(owner, "get_coro") else None


def _name(handle: Ready | Timer) -> str:
    """The name of a handle's callback."""
    callback: Any = handle._callback
    while isinstance(callback, partial):
        callback = callback.func
    return name_of(callback)


def _row_text(log: Log, row: int) -> str:
    """A row, as far as it fits a line."""
    op, lane = Op(log.ops[row]), log.lanes[row]
    name = "" if op in _OF_NO_CONNECTION else log.connections[lane >> 1].name
    value = log.value(row) if op in STRUCTURED else log.bodies[row]
    body = value if isinstance(value, str) else repr(value)
    text = body if len(body) <= _BODY_SIZE_SHOWN else f"{body[:_BODY_SIZE_SHOWN]}…"
    return " ".join(filter(None, (op.name, name, text)))
