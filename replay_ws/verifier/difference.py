"""The report of a difference between two runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from replay_ws.clock import time_text
from replay_ws.errors import DeterminismError
from replay_ws.sim.trace import AFTERMATH, ENDS, Event, Trace
from replay_ws.verifier.attempt import Parting
from replay_ws.verifier.sources import HASH_SEED, HEAP, PARENT, PROCESS, Evidence, source_of

_EVENTS_BEFORE = 4
_STACK_LINES_MAX = 6

_OTHER_RUN = {
    HEAP: "a second run, with other addresses,",
    HASH_SEED: "a run in another process, with another PYTHONHASHSEED,",
    PROCESS: "a run in another process",
    PARENT: "a run in another process",
}
_FINALIZERS = {
    "finalize.__call__": "a callback of weakref.finalize",
    "OpenGenerators._dropped": "the closing of an asynchronous generator that was left open",
}


def determinism_error(
    first: Trace,
    parting: Parting,
    *,
    varied: str,
    program: str,
    carried: dict[str, tuple[str, str]] | None = None,
) -> DeterminismError:
    """The error that says where another run parted from the ``first``, and likely why."""
    expected, found = first.event(parting.position), parting.found
    source = source_of(
        Evidence(
            varied,
            (expected.text, found.text),
            _finalizer(expected) or _finalizer(found),
            carried or {},
            parting.walks,
            parting.names,
            parting.foreign_calls,
        )
    )
    label = expected.label
    lane = label.lane or ("the end of the run" if label.act == ENDS else "callbacks")
    return DeterminismError(
        f"{_OTHER_RUN[varied]} differs from the first at step {expected.step}, "
        f"at {time_text(expected.time_ns)}, in {lane}",
        where=program,
        mend=source.mend,
        varied=varied,
        step=expected.step,
        time_ns=expected.time_ns,
        lane=label.lane,
        events=(expected.text, found.text),
        stacks=(tuple(map(str, expected.stack)), tuple(map(str, found.stack))),
        likely=source.likely,
        lines=tuple(_report(first, parting)),
    )


def _finalizer(event: Event) -> str:
    """The function on an event's stack that nobody called but the end of an object."""
    for place in event.stack:
        if place.function in _FINALIZERS:
            return _FINALIZERS[place.function]
        if place.function.endswith(".__del__"):
            return f"{place.function}()"
    return ""


def _report(first: Trace, parting: Parting) -> Iterator[str]:
    expected, found = first.event(parting.position), parting.found
    start = max(parting.position - _EVENTS_BEFORE, 0)
    yield from (f"  {first.event(position)}" for position in range(start, parting.position))
    is_late = found.time_ns != expected.time_ns
    yield f"first run: {expected.text}"
    yield from _stack_lines(expected)
    yield f"other run: {found.text}" + is_late * f", at {time_text(found.time_ns)}"
    yield from _stack_lines(found)
    if _is_reordered(first, parting):
        yield "what follows is the same in both, in another order"


def _stack_lines(event: Event) -> Iterator[str]:
    """The stack, innermost first: the user's own lines, or all where there are none of these."""
    stack = event.stack[::-1]
    lines = [place for place in stack if place.is_users] or stack
    yield from (f"    {line}" for line in lines[:_STACK_LINES_MAX])
    if len(lines) > _STACK_LINES_MAX:
        yield f"    ... and {len(lines) - _STACK_LINES_MAX} more"


def _is_reordered(first: Trace, parting: Parting) -> bool:
    """Whether, from there to the end of that instant, both have the same events."""
    windows = (
        first.story.window(parting.position, parting.position + AFTERMATH),
        parting.after,
    )
    instant = windows[0][0][0]
    theirs, ours = (Counter(label for time, label in w if time == instant) for w in windows)
    return theirs == ours and theirs.total() > 1
