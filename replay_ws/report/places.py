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
from replay_ws.events.log import Direction
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
FIRST_WIDTH = 200
"""Columns of a divergence that stands for all."""

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
    """A divergence on one line; the type of an event stands for its payload where it has one.

    What nobody received has no number, and is told by its ordinal, which is its text.
    """
    is_told = divergence.type and divergence.category is not Category.FATE
    short = replace(divergence, text="") if is_told else divergence
    return short.line(name_connection=len(diff.connections) > 1)


def first_and_more(diff: Diff) -> str:
    """The first divergence, and how many more there are: what a list of failures has room for."""
    if diff.first is None:
        return ""
    more = sum(not found.rule for found in diff.divergences) - 1
    told = cut(short_line(diff, diff.first), FIRST_WIDTH)
    return f"{told}{f', and {more:,} more' if more else ''}"


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

        What differs in the same way one after the other is one line, and so is all that is late or
        early on one lane; that comes last. Equal events are folded where there is room.
        """
        groups = self._groups(first)
        shown = groups if len(groups) <= limit else groups[: limit - 1]
        gaps = self._gaps([group[0] for group in shown], first)
        has_room = len(groups) + sum(map(bool, gaps)) <= limit
        for group, gap in zip(shown, gaps, strict=True):
            if gap and has_room:
                yield Line(f"  ⋮ {plural(gap, 'equal event')}", Tone.QUIET)
            yield self._group_line(group)
        if more := sum(map(len, groups[len(shown) :])):
            yield Line(f"  … and {more:,} more", Tone.QUIET)

    def line(self, found: Divergence, more: str = "") -> Line:
        """One divergence with its sign, and when it is."""
        end = f"{_time_of(found)}{more}"
        text = cut(f"  {SIGNS[found.category]} {short_line(self._diff, found)}", WIDTH - len(end))
        return Line(f"{text}{end}")

    def _groups(self, first: Divergence) -> list[list[Divergence]]:
        """What no rule allows, without ``first``; those of each group are told together."""
        groups: list[list[Divergence]] = []
        mistimed: dict[tuple[str, Direction], list[Divergence]] = defaultdict(list)
        for found in self._diff.divergences:
            if found.rule or found is first:
                continue
            if found.category is Category.TIMING:
                mistimed[found.connection, found.direction].append(found)
            elif groups and _goes_on(groups[-1][-1], found):
                groups[-1].append(found)
            else:
                groups.append([found])
        return [*groups, *mistimed.values()]

    def _group_line(self, group: list[Divergence]) -> Line:
        found = group[0]
        if len(group) == 1:
            return self.line(found)
        last = f"and {len(group) - 1:,} more to #{group[-1].number}"
        if found.category is Category.TIMING:
            most = max(abs(each.drift_ns) for each in group)
            return self.line(found, f"; {last}, by {time_text(most)} at most")
        return self.line(found, f"; {last}")

    def _gaps(self, listed: list[Divergence], first: Divergence) -> list[int]:
        """How many equal events stand before each, since the one before it."""
        content = [found for found in listed if found.category is not Category.TIMING]
        if not content:
            return [0] * len(listed)
        last = content[-1].golden_place
        until = [found for found in self._diff.divergences if found.golden_place <= last]
        told = sorted(set(chain.from_iterable(map(self._numbers, until))))
        gaps = []
        for found, before in zip(content, [first, *content], strict=False):
            reached = max(before.golden_place, first.golden_place)
            start = (reached if reached <= found.golden_place else before.golden_place) + 1
            stop = found.golden_place + (not _is_of_event(found))
            differing = bisect_left(told, stop) - bisect_left(told, start)
            gaps.append(max(0, stop - start - differing))
        return [*gaps, *[0] * (len(listed) - len(content))]

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


def _goes_on(before: Divergence, found: Divergence) -> bool:
    """Whether one differs as the one before it does, right behind it."""
    return (
        found.category is before.category
        and found.category in _SHOWN_BY_PAYLOAD
        and (found.connection, found.direction, found.why)
        == (before.connection, before.direction, before.why)
        and found.number == (before.number or 0) + before.count
    )


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
