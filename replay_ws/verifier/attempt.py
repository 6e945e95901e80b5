"""One run that is watched, and what is seen of it when it parts from the run before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType, FunctionType
from typing import Any

from replay_ws.recording import CURRENT
from replay_ws.running import Conditions, Program, execute
from replay_ws.session import RunResult
from replay_ws.sim.trace import AFTERMATH, Event, Label, Story, Trace
from replay_ws.verifier.outcome import error_text, value_text
from replay_ws.verifier.suspects import NameUse, SetWalk, name_uses, reachable_code, set_walks


@dataclass(frozen=True, slots=True)
class Parting:
    """The place where a run parts from an expected one.

    ``after`` holds the events from there on, as far as they were looked at.
    """

    position: int
    found: Event
    after: Sequence[tuple[int, Label]]
    walks: Sequence[SetWalk] = ()
    names: Sequence[NameUse] = ()
    foreign_calls: int = 0


@dataclass(slots=True)
class Attempt:
    """A run that is over. One of ``result`` and ``error`` is not None."""

    trace: Trace
    result: RunResult[Any] | None = None
    error: BaseException | None = None
    parting: Parting | None = None


def attempt(
    program: Program[Any], conditions: Conditions, expected: Story | None = None
) -> Attempt:
    """Run ``program`` once and compare it with ``expected``, if that is given.

    Whatever the program raises is its outcome; KeyboardInterrupt alone comes out.
    """
    witness = _Witness(program)
    redactor = conditions.redactor
    trace = Trace(
        lambda: CURRENT.get().log,  # type: ignore[union-attr]  # asked for inside of the run
        expected,
        on_difference=witness.look,
        redact=redactor.text if redactor else str,
    )
    done = Attempt(trace)
    try:
        done.result = execute(program, conditions, observers=[trace])
        trace.ended(value_text(done.result.value))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        done.error = error
        trace.ended(error_text(error))
    if trace.difference is not None:
        done.parting = witness.parting(trace, trace.difference)
    return done


@dataclass(slots=True)
class _Witness:
    program: Program[Any]
    walks: list[SetWalk] = field(default_factory=list)
    names: list[NameUse] = field(default_factory=list)

    def look(self, frames: list[FrameType]) -> None:
        """Take down what can be known only now, while ``frames`` are alive."""
        # A program's objects may answer a look with anything; a report with less in it is a report.
        with contextlib.suppress(Exception):
            codes = reachable_code(frames, _functions(self.program))
            self.walks = set_walks(frames, codes)
            self.names = name_uses(codes)

    def parting(self, trace: Trace, position: int) -> Parting:
        return Parting(
            position,
            trace.event(position),
            trace.story.window(position, position + AFTERMATH),
            self.walks,
            self.names,
            trace.foreign_calls,
        )


def _functions(program: Any) -> Iterator[FunctionType]:
    """The functions that ``program`` is made of: itself, and those that it closes over."""
    waiting, seen = [program], set()
    while waiting:
        thing = waiting.pop()
        thing = getattr(thing, "func", thing)  # functools.partial
        thing = getattr(thing, "__func__", thing)  # a bound method
        if not isinstance(thing, FunctionType) or thing in seen:
            continue
        seen.add(thing)
        yield thing
        for cell in thing.__closure__ or ():
            with contextlib.suppress(ValueError):  # not yet bound
                waiting.append(cell.cell_contents)
