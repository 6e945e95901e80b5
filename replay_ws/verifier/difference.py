"""The report of a difference between two runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from replay_ws.clock import time_text
from replay_ws.errors import DeterminismError
from replay_ws.sim.trace import AFTERMATH, Event, Trace
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
_NOTHING = "nothing: the run was over"


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
    at = expected or found
    assert at is not None, "a story ends with an event, so two that differ do so in one"
    source = source_of(_evidence(expected, parting, varied, carried or {}))
    lane = at.label.lane or ("the end of the run" if at.label.act == "ends" else "callbacks")
    return DeterminismError(
        f"{_OTHER_RUN[varied]} differs from the first at step {at.step}, "
        f"at {time_text(at.time_ns)}, in {lane}",
        where=program,
        mend=source.mend,
        varied=varied,
        step=at.step,
        time_ns=at.time_ns,
        lane=at.label.lane,
        events=(_text(expected), _text(found)),
        stacks=(_lines(expected), _lines(found)),
        likely=source.likely,
        lines=tuple(_report(first, parting, expected, found)),
    )


def _evidence(
    expected: Event | None, parting: Parting, varied: str, carried: dict[str, tuple[str, str]]
) -> Evidence:
    return Evidence(
        varied,
        (_text(expected), _text(parting.found)),
        _finalizer(expected) or _finalizer(parting.found),
        carried,
        parting.walks,
        parting.names,
        parting.foreign_calls,
    )


def _finalizer(event: Event | None) -> str:
    """The function on an event's stack that nobody called but the end of an object."""
    for place in event.stack if event else ():
        if place.function in _FINALIZERS:
            return _FINALIZERS[place.function]
        if place.function.endswith(".__del__"):
            return f"{place.function}()"
    return ""


def _text(event: Event | None) -> str:
    return event.text if event else _NOTHING


def _lines(event: Event | None) -> tuple[str, ...]:
    return tuple(map(str, event.stack)) if event else ()


def _report(
    first: Trace, parting: Parting, expected: Event | None, found: Event | None
) -> Iterator[str]:
    start = max(parting.position - _EVENTS_BEFORE, 0)
    yield from (f"  {first.event(position)}" for position in range(start, parting.position))
    for who, event in (("first run", expected), ("other run", found)):
        late = (
            f", at {time_text(event.time_ns)}" if _times_differ(expected, found) and event else ""
        )
        yield f"{who}: {_text(event)}{late}"
        yield from (f"    {line}" for line in _shown(event))
    if _is_reordered(first, parting):
        yield "what follows is the same in both, in another order"


def _times_differ(expected: Event | None, found: Event | None) -> bool:
    return bool(expected and found and expected.time_ns != found.time_ns)


def _shown(event: Event | None) -> list[str]:
    """The stack, innermost first: the user's own lines, or all where there are none of these."""
    stack = event.stack[::-1] if event else ()
    lines = [str(place) for place in stack if place.is_users] or [*map(str, stack)]
    more = len(lines) - _STACK_LINES_MAX
    return lines if more <= 0 else [*lines[:_STACK_LINES_MAX], f"... and {more} more"]


def _is_reordered(first: Trace, parting: Parting) -> bool:
    """Whether, from there to the end of that instant, both have the same events."""
    theirs = first.story.window(parting.position, parting.position + AFTERMATH)
    ours = list(parting.after)
    if not theirs or not ours:
        return False
    instant = theirs[0][0]
    counts = [Counter(label for time, label in w if time == instant) for w in (theirs, ours)]
    return counts[0] == counts[1] and sum(counts[0].values()) > 1
