"""From a pairing to divergences: what is said of each event that has no equal in its place."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from replay_ws.diff import show
from replay_ws.diff.causality import Orphan
from replay_ws.diff.identity import Agreement, Break
from replay_ws.diff.model import Category, Detail, Divergence
from replay_ws.diff.pairing import Move, Numbers, Pair, Pairing
from replay_ws.diff.payload import excerpt, explain, note
from replay_ws.diff.sides import Side
from replay_ws.events.log import Op
from replay_ws.events.model import Event

_FRAMES = (Op.PING, Op.PONG)

TAIL_MIN = 3
"""Events at the end of a lane that are told as one truncation, at least."""

EXPLAINED_SIZE_MAX = 256 * 1024
"""Bytes of changed payloads that are compared by path; what follows is compared as bytes."""


class Story(NamedTuple):
    """One session: what it delivered, and by ``Event.key`` the intents that it did not."""

    side: Side
    undelivered: Mapping[tuple[str, int, str, int], Event]

    def number_at(self, time_ns: int) -> int:
        """The last event that was delivered by then; -1 before the first."""
        return bisect_right(self.side.times, time_ns) - 1

    def why_not(self, event: Event) -> str:
        """Why this session did not deliver an event of the other; empty when it does not know."""
        if intent := self.undelivered.get(event.key):
            return intent.outcome.label
        return "duplicate" if event.copy else ""


def find(
    left: Story,
    right: Story,
    pairing: Pairing,
    agreement: Agreement,
    orphaned: Collection[Orphan],
    *,
    tolerance_ns: int,
    explain_max: int,
) -> tuple[int, list[Divergence]]:
    """How many events match, and every divergence, with the left session as the golden.

    ``orphaned`` are equal events that follow other causes in each session.
    """
    finder = _Finder(left, right)
    same, breaks = agreement.same, agreement.breaks
    if orphaned:
        without_cause = {orphan.pair for orphan in orphaned}
        same = [pair for pair in same if pair not in without_cause]
        breaks = [found for found in breaks if found.pair not in without_cause]
    mirror = _Finder(right, left)
    divergences = [
        *finder.lacking(pairing.missing, pairing.extra),
        *(found.mirrored() for found in mirror.lacking(pairing.extra, pairing.missing)),
        *finder.unaligned(pairing.unaligned),
        *(found.mirrored() for found in mirror.unaligned(two[::-1] for two in pairing.unaligned)),
        *map(finder.moved, pairing.moved),
        *map(finder.orphaned, orphaned),
        *map(finder.retyped, pairing.retyped),
        *map(finder.broken, breaks),
        *finder.changed(pairing.changed, agreement, explain_max),
        *finder.mistimed(same, tolerance_ns),
        *finder.fates(),
    ]
    return len(same), divergences


class _Finder:
    """What there is to say of two sessions, each category on its own."""

    def __init__(self, left: Story, right: Story) -> None:
        self.left = left
        self.right = right

    def _of_pair(
        self,
        category: Category,
        pair: Pair,
        *,
        text: str = "",
        why: str = "",
        count: int = 1,
        distance: int = 0,
        details: tuple[Detail, ...] = (),
    ) -> Divergence:
        golden, run = pair
        event = self.left.side.events[golden]
        return Divergence(
            category=Category.FRAMING if event.op in _FRAMES else category,
            connection=event.connection,
            direction=event.direction,
            type=event.type,
            golden=golden,
            run=run,
            golden_place=golden,
            run_place=run,
            golden_ns=event.time_ns,
            run_ns=self.right.side.times[run],
            text=text,
            why=why,
            count=count,
            distance=distance,
            details=details,
        )

    def lacking(self, pairs: list[Pair], others: list[Pair]) -> Iterator[Divergence]:
        """Events that only the left session delivered, each with its place in the right one.

        ``others`` are those that only the right one delivered.
        """
        tails = self._tails(pairs, others)
        told = {number for tail in tails.values() for number in tail}
        for number, place in pairs:
            if number in tails:
                found = self._missing(number, place, count=len(tails[number]))
                yield replace(found, category=Category.TRUNCATED, details=())
            elif number not in told:
                yield self._missing(number, place)

    def _tails(self, pairs: list[Pair], others: list[Pair]) -> dict[int, list[int]]:
        """The events by which a lane goes on where it ends in the right session, by their first."""
        left, right = self.left.side.columns, self.right.side.columns
        lacking, extra = {number for number, _ in pairs}, {number for number, _ in others}
        lasts = zip(right.lane_numbers, range(len(right)), strict=True)
        ended_by_extra = {right.lanes[lane] for lane, last in dict(lasts).items() if last in extra}
        going_on = {left.lane_numbers[number] for number in lacking}
        going_on = {lane for lane in going_on if left.lanes[lane] not in ended_by_extra}
        tails: dict[int, list[int]] = {lane: [] for lane in going_on}
        for number in reversed(range(len(left))):
            if not going_on:
                break
            lane = left.lane_numbers[number]
            if lane in going_on:
                if number in lacking:
                    tails[lane].append(number)
                else:
                    going_on.remove(lane)
        return {tail[-1]: tail for tail in tails.values() if self._ends(tail)}

    def _ends(self, tail: list[int]) -> bool:
        """Whether the right session knows nothing of these events, which are enough to be one."""
        events = self.left.side.events
        return len(tail) >= TAIL_MIN and not any(self.right.why_not(events[n]) for n in tail)

    def unaligned(self, strands: Iterable[Numbers]) -> Iterator[Divergence]:
        """What only the left session delivered of strands without anything in common, at once."""
        for own, other in strands:
            if own:
                place = other[0] - 1 if other else len(self.right.side.ids) - 1
                yield self._missing(own[0], place, count=len(own))

    def _missing(self, number: int, place: int, *, count: int = 1) -> Divergence:
        event = self.left.side.events[number]
        return Divergence(
            category=Category.FRAMING if event.op in _FRAMES else Category.MISSING,
            connection=event.connection,
            direction=event.direction,
            type=event.type,
            golden=number,
            run=None,
            golden_place=number,
            run_place=place,
            golden_ns=event.time_ns,
            run_ns=None,
            text=excerpt(event),
            why=self.right.why_not(event),
            count=count,
            details=(Detail(f"and {count - 1:,} more"),) if count > 1 else (),
        )

    def moved(self, move: Move) -> Divergence:
        """A block that stands elsewhere in its strand."""
        text = excerpt(self.left.side.events[move.left])
        pair = (move.left, move.right)
        return self._of_pair(
            Category.MOVED, pair, text=text, count=move.length, distance=move.distance
        )

    def orphaned(self, orphan: Orphan) -> Divergence:
        """An event that follows something else than its equal does."""
        side = self.left if orphan.of_left else self.right
        cause = side.side.events[orphan.cause]
        named = f"{cause.type or 'its cause'} on {cause.connection}"
        detail = Detail("follows", named, None)
        return self._of_pair(
            Category.MOVED,
            orphan.pair,
            text=excerpt(self.left.side.events[orphan.pair[0]]),
            details=(detail if orphan.of_left else detail.mirrored(),),
        )

    def retyped(self, pair: Pair) -> Divergence:
        """An event whose payload is there under another type or opcode."""
        golden, run = self.left.side.events[pair[0]], self.right.side.events[pair[1]]
        sides = {"type": (golden.type, run.type), "opcode": (golden.op.name, run.op.name)}
        details = tuple(
            Detail(name, show.value(old), show.value(new))
            for name, (old, new) in sides.items()
            if old != new
        )
        return self._of_pair(Category.RETYPED, pair, details=details)

    def broken(self, found: Break) -> Divergence:
        """Events that are equal but for volatile values."""
        return self._of_pair(found.category, found.pair, why=found.why, details=found.details)

    def changed(
        self, pairs: list[Pair], agreement: Agreement, explain_max: int
    ) -> Iterator[Divergence]:
        """Pairs with other payloads."""
        size_left = EXPLAINED_SIZE_MAX
        for rank, pair in enumerate(sorted(pairs)):
            golden, run = self.left.side.events[pair[0]], self.right.side.events[pair[1]]
            why = "damaged" if golden.damaged is not run.damaged else ""
            size_left -= len(golden.body) + len(run.body)
            shown = rank < explain_max and size_left >= 0
            details = explain(golden, run, agreement.payloads) if shown else note(golden, run)
            yield self._of_pair(Category.CHANGED, pair, why=why, details=details)

    def mistimed(self, pairs: Iterable[Pair], tolerance_ns: int) -> Iterator[Divergence]:
        """Equal pairs, of which one was delivered later than the other."""
        left, right = self.left.side, self.right.side
        golden_ns, run_ns = left.times, right.times
        for golden, run in pairs:
            if not -tolerance_ns <= run_ns[run] - golden_ns[golden] <= tolerance_ns:
                event = left.events[golden]
                text = "" if event.type else excerpt(event)
                yield self._of_pair(Category.TIMING, (golden, run), text=text)

    def fates(self) -> Iterator[Divergence]:
        """Intents of both sessions that neither delivered, for different reasons."""
        for key in sorted(self.left.undelivered.keys() & self.right.undelivered.keys()):
            golden, run = self.left.undelivered[key], self.right.undelivered[key]
            if golden.outcome is run.outcome:
                continue
            yield Divergence(
                category=Category.FATE,
                connection=golden.connection,
                direction=golden.direction,
                type=golden.type,
                golden=None,
                run=None,
                golden_place=self.left.number_at(golden.sent_ns),
                run_place=self.right.number_at(run.sent_ns),
                golden_ns=golden.time_ns,
                run_ns=run.time_ns,
                text=f"[{golden.index}]",
                details=(Detail("outcome", golden.outcome.label, run.outcome.label),),
            )
