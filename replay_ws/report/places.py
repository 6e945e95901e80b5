"""Divergences in their places among the golden's events: the first with its neighbours, the others
one to a line, with what is equal between them folded.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice

from replay_ws.clock import time_text
from replay_ws.diff.model import Category, Diff, Divergence
from replay_ws.report.blocks import Line, Tone, plural
from replay_ws.report.events import delivery_line, name_width
from replay_ws.session import Session
from replay_ws.text import NAME_MAX, clean, cut

CONTEXT = 3
"""Events shown before and after the first divergence."""
BESIDE_MAX = 3
"""Divergences without an event of the golden that are shown in one place."""
WIDTH = 120
"""Columns of a line that shows an event or a divergence."""

SIGNS = {
    Category.MISSING: "-",
    Category.EXTRA: "+",
    Category.MOVED: "↕",
    Category.CHANGED: "~",
    Category.IDENTITY: "≠",
    Category.RETYPED: "~",
    Category.TIMING: "»",
    Category.CLOSE: "x",
    Category.FRAMING: "·",
    Category.COMPLIANCE: "§",
    Category.TRUNCATED: "-",
    Category.FATE: "!",
}

_SHOWN_BY_PAYLOAD = (Category.MISSING, Category.EXTRA)
"""Of these a reader wants to see the payload; of the others, what is different about it."""


def short_line(diff: Diff, divergence: Divergence) -> str:
    """A divergence on one line; the type of an event stands for its payload where it has one."""
    short = replace(divergence, text="") if divergence.type else divergence
    return short.line(name_connection=len(diff.connections) > 1)


def place_text(found: Divergence) -> str:
    """``thread-1 <, golden #412 ≙ run #411, t=+3.21 s``: where it is in both sessions."""
    ours = _number_text(found.golden, found.golden_place)
    theirs = _number_text(found.run, found.run_place)
    name = cut(clean(found.connection), NAME_MAX)
    where = f"{name} {found.direction.sign}, golden {ours} ≙ run {theirs}"
    if found.golden_ns is None or found.run_ns in (None, found.golden_ns):
        return f"{where}{_time_of(found)}"
    golden_text, run_text = time_text(found.golden_ns), time_text(found.run_ns or 0)
    return f"{where}, t=+{golden_text} ≙ +{run_text}"


def _number_text(number: int | None, place: int) -> str:
    if number is not None:
        return f"#{number}"
    return f"after #{place}" if place >= 0 else "before #0"


def _time_of(found: Divergence) -> str:
    time_ns = found.run_ns if found.golden_ns is None else found.golden_ns
    return "" if time_ns is None else f", t=+{time_text(time_ns)}"


class Places:
    """The divergences of two sessions, by their place in the golden."""

    def __init__(self, golden: Session, run: Session, diff: Diff) -> None:
        self._events = golden.columns().events
        self._lane_numbers = golden.columns().lane_numbers
        self._run_events = run.columns().events
        self._diff = diff
        self._width = name_width(diff.connections)

    # --- the first ---------------------------------------------------------------------------

    def around(self, first: Divergence) -> Iterator[Line]:
        """``first`` among the events around it, with whatever else differs there."""
        anchor, own = first.golden_place, self._numbers(first)
        shown = self._window(anchor, own)
        marks, beside = self._marks(shown)
        for number in [anchor] if anchor < 0 else []:
            yield from self._beside(beside[number])
        for number in shown:
            yield self._event_line(number, marks.get(number))
            if own and number == own[0] and len(own) > 1:
                yield Line(f"  ⋮ and {plural(len(own) - 1, 'event')} more with it", Tone.QUIET)
            yield from self._beside(beside[number])

    def _window(self, anchor: int, own: Sequence[int]) -> list[int]:
        """Numbers of the events to show; of a block that belongs together, its first."""
        start = max(0, anchor - CONTEXT + (0 if own else 1))
        rest = range(anchor + 1, len(self._events))
        block = set(own)
        behind = islice((number for number in rest if number not in block), CONTEXT)
        return [*range(start, anchor + 1), *behind]

    def _marks(
        self, shown: Sequence[int]
    ) -> tuple[dict[int, Divergence], dict[int, list[Divergence]]]:
        """Divergences by the golden event that they are about, and others by their place."""
        by_number: dict[int, Divergence] = {}
        beside: dict[int, list[Divergence]] = defaultdict(list)
        visible = {-1, *shown}
        for found in self._diff.divergences:
            if found.golden_place not in visible:
                continue
            if not _is_of_event(found):
                beside[found.golden_place].append(found)
            for number in self._numbers(found):
                by_number.setdefault(number, found)
        return by_number, beside

    def _beside(self, found: list[Divergence]) -> Iterator[Line]:
        """What stands behind one event, or before the first: what is allowed comes last."""
        ordered = sorted(found, key=lambda each: bool(each.rule))
        for each in ordered[:BESIDE_MAX]:
            if each.category is Category.EXTRA and each.run is not None:
                event = self._run_events[each.run]
                instead = _instead(each) if each.count > 1 else ""
                yield _marked(delivery_line(each.run, event, self._width, instead), each)
            else:
                words = short_line(self._diff, each).removeprefix(each.category.value).lstrip()
                yield _marked(f"{'':6}{words}{_time_of(each)}", each)
        if len(found) > BESIDE_MAX:
            yield Line(f"  … and {len(found) - BESIDE_MAX:,} more here", Tone.QUIET)

    def _event_line(self, number: int, found: Divergence | None) -> Line:
        event = self._events[number]
        if found is None:
            line = f"  {'':12} {delivery_line(number, event, self._width)}"
            return Line(cut(line, WIDTH), cut=True)
        is_first = number == found.golden
        instead = _instead(found) if is_first else ""
        return _marked(delivery_line(number, event, self._width, instead), found)

    # --- the others --------------------------------------------------------------------------

    def others(self, first: Divergence, limit: int) -> Iterator[Line]:
        """The divergences beside ``first``, on at most ``limit`` lines with a last one that counts.

        Equal events between them are folded where there is room for that.
        """
        counted = [found for found in self._diff.divergences if not found.rule]
        left = len(counted) - 1
        shown = left if left <= limit else limit - 1
        listed = [found for found in islice(counted, shown + 1) if found is not first][:shown]
        gaps = self._gaps(listed, first)
        folds = sum(map(bool, gaps)) if shown == left else limit
        for found, gap in zip(listed, gaps, strict=True):
            if gap and left + folds <= limit:
                yield Line(f"  ⋮ {plural(gap, 'equal event')}", Tone.QUIET)
            yield self.line(found)
        if shown < left:
            yield Line(f"  … and {left - shown:,} more", Tone.QUIET)

    def line(self, found: Divergence) -> Line:
        """One divergence with its sign, and when it is."""
        time = _time_of(found)
        text = cut(f"  {SIGNS[found.category]} {short_line(self._diff, found)}", WIDTH - len(time))
        return Line(f"{text}{time}")

    def _gaps(self, listed: list[Divergence], first: Divergence) -> list[int]:
        """How many equal events stand before each, since the one before it."""
        if not listed:
            return []
        last = listed[-1].golden_place
        until = [found for found in self._diff.divergences if found.golden_place <= last]
        told = sorted(set(chain.from_iterable(map(self._numbers, until))))
        gaps = []
        for found, before in zip(listed, [first, *listed], strict=False):
            reached = max(before.golden_place, first.golden_place)
            start = (reached if reached <= found.golden_place else before.golden_place) + 1
            stop = found.golden_place + (not _is_of_event(found))
            differing = bisect_left(told, stop) - bisect_left(told, start)
            gaps.append(max(0, stop - start - differing))
        return gaps

    # --- which events ------------------------------------------------------------------------

    def _numbers(self, found: Divergence) -> Sequence[int]:
        """The golden events that a divergence is about."""
        if found.golden is None or not _is_of_event(found):
            return ()
        if found.count == 1:
            return (found.golden,)
        if self._diff.order == "total" and found.category is not Category.TRUNCATED:
            return range(found.golden, found.golden + found.count)
        lane = self._lanes[self._lane_numbers[found.golden]]
        at = bisect_right(lane, found.golden) - 1
        return lane[at : at + found.count]

    @cached_property
    def _lanes(self) -> dict[int, list[int]]:
        """Numbers of the golden's events, by lane."""
        lanes: dict[int, list[int]] = defaultdict(list)
        for number, lane in enumerate(self._lane_numbers):
            lanes[lane].append(number)
        return lanes


def _is_of_event(found: Divergence) -> bool:
    """Whether it says of one event of the golden how that differs."""
    return found.golden is not None and found.category is not Category.COMPLIANCE


def _instead(found: Divergence) -> str:
    """What is said of an event in the place of its payload."""
    if found.category in _SHOWN_BY_PAYLOAD and found.count == 1:
        return ""
    return "; ".join(found.facts())


def _marked(text: str, found: Divergence) -> Line:
    """An event with the sign and the name of what is different about it."""
    tone = Tone.GOOD if found.category is Category.EXTRA else Tone.BAD
    allowed = f"   ({cut(clean(found.rule), NAME_MAX)})" if found.rule else ""
    line = f"  {SIGNS[found.category]} {found.category.value:10} {text}"
    return Line(
        cut(line, WIDTH - len(allowed)) + allowed, Tone.QUIET if allowed else tone, cut=True
    )
