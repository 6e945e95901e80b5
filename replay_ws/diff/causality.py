"""What happened before what: causes across lanes, and which divergences follow from which.

On a lane (one direction of one connection) every event happens after those before it. Across lanes
only a cause is sure: what closes follows what opened it, a response its request, a child run the
event that started it. A profile says which types those are and what names them.

Two sessions whose events have the same causes are the same behaviour, however the lanes were
interleaved: ``behaviour`` is equal for them. And of many divergences the ones that count are those
before which nothing differs; an event that comes after a divergence can follow from it.

Source: happens-before is Lamport's (1978); labelled partial orders as what a run is, Mazurkiewicz
(1977).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from replay_ws.compliance import Profile
from replay_ws.compliance.reading import choices, namer, typer
from replay_ws.compliance.rules import BeforeRule, fits
from replay_ws.diff.keys import comparable
from replay_ws.diff.model import Category, Divergence
from replay_ws.diff.pairing import ORDERS, Order, Pair, Pairs
from replay_ws.diff.sides import Side
from replay_ws.diff.volatile import NO_RULES, Volatile
from replay_ws.events.columns import Columns

Causes: TypeAlias = Mapping[int, tuple[int, ...]]
"""The events on other lanes that each event follows; those that follow none are left out."""

_NO_CAUSES: Causes = {}


def causes_of(columns: Columns, profile: Profile | None) -> Causes:
    """The causes of each event that has some, by the rules of ``profile``."""
    rules = _rules(profile) if profile else ()
    if not profile or not rules or len(columns.lanes) < 2:
        return _NO_CAUSES
    kinds = _kinds_to_read(columns, profile, rules)
    namers = [
        tuple(namer(by, profile, joined=rule.joined) for by in (rule.by, rule.then_by or rule.by))
        for rule in rules
    ]
    read_type = typer(profile)
    last: dict[tuple[int, str], int] = {}
    causes: dict[int, tuple[int, ...]] = {}
    lanes = columns.lane_numbers
    for number, kind in enumerate(columns.kinds):
        if kind not in kinds:
            continue
        payload = columns.events[number].payload
        name = read_type(payload)
        found = set()
        for rank, rule in enumerate(rules):
            own, then = namers[rank]
            if fits(name, rule.then):
                cause = last.get((rank, then(payload)))
                if cause is not None and lanes[cause] != lanes[number]:
                    found.add(cause)
            if fits(name, rule.first):
                last[rank, own(payload)] = number
        if found:
            causes[number] = tuple(sorted(found))
    return causes


def _rules(profile: Profile) -> tuple[BeforeRule, ...]:
    """What follows what: what goes on or closes follows what opened it, and the profile's own."""
    pairs = (BeforeRule(pair.open, pair.close, pair.by) for pair in profile.pairs)
    scopes = (
        BeforeRule(
            scope.open,
            (*scope.cont, *scope.close),
            scope.by_all or scope.by,
            joined=bool(scope.by_all),
        )
        for scope in profile.scopes
        if scope.open
    )
    return (*pairs, *scopes, *profile.before)


def _kinds_to_read(columns: Columns, profile: Profile, rules: tuple[BeforeRule, ...]) -> set[int]:
    """Numbers of the types that a rule may be about; an envelope hides which type it holds."""
    told = {name for rule in rules for name in (*rule.first, *rule.then)}
    told |= {alias for alias, name in profile.aliases.items() if fits(name, tuple(told))}
    wanted = (value for envelope in profile.envelopes for _, value in envelope.when)
    told |= {str(value) for each in wanted for value in choices(each)}
    elsewhere = profile.type[:1] != (("type",),) or bool(profile.within)
    if elsewhere or not all(envelope.when for envelope in profile.envelopes):
        return {*range(len(columns.types))}
    names = tuple(sorted(told))
    return {number for number, name in enumerate(columns.types) if not name or fits(name, names)}


# --- events that lost their cause ----------------------------------------------------------


class Orphan(NamedTuple):
    """Two equal events that do not follow the same causes, and one cause that only one follows."""

    pair: Pair
    cause: int
    of_left: bool


def orphans(pairs: Pairs, left: Causes, right: Causes) -> list[Orphan]:
    """The equal events of which one follows a cause that the other does not follow.

    A cause that is not among ``pairs`` differs itself; of what follows it nothing more is said.
    """
    if not left and not right:
        return []
    partners: dict[int, int] = {}
    owners: dict[int, int] = {}
    followers: list[Pair] = []
    wanted_left = {cause for causes in left.values() for cause in causes}
    wanted_right = {cause for causes in right.values() for cause in causes}
    for a, b in pairs:
        if a in wanted_left or b in wanted_right:
            partners[a], owners[b] = b, a
        if a in left or b in right:
            followers.append((a, b))
    found = []
    for a, b in followers:
        if not all(cause in partners for cause in left.get(a, ())):
            continue
        if not all(cause in owners for cause in right.get(b, ())):
            continue
        ours, theirs = {*left.get(a, ())}, {owners[cause] for cause in right.get(b, ())}
        if ours != theirs:
            cause = min(ours ^ theirs)
            found.append(Orphan((a, b), cause, cause in ours))
    return found


# --- which divergence follows from which ---------------------------------------------------


def with_roots(
    divergences: Iterable[Divergence], side: Side, causes: Causes, order: Order
) -> list[Divergence]:
    """``divergences`` of ``side`` against another, marked whether they can follow from another.

    They come in the order of the side's places. A mistimed event explains other mistimed ones,
    and no content; a rule of the protocol is broken by what else differs.
    """
    found = list(divergences)
    events_differ = any(
        each.category is not Category.COMPLIANCE and not each.rule for each in found
    )
    if order is ORDERS["bag"]:
        return found
    content, timing = _Reach(side, causes, order), _Reach(side, causes, order)
    marked = []
    for divergence in found:
        strand = order.strand(divergence)
        place = divergence.golden_place
        follows = content.follows(strand, place)
        if divergence.category is Category.TIMING:
            follows = follows or timing.follows(strand, place)
            timing.add(strand, place)
        elif divergence.category is Category.COMPLIANCE:
            follows = events_differ
        elif not divergence.rule:
            content.add(strand, place)
        marked.append(divergence.following() if follows else divergence)
    return marked


class _Reach:
    """Where divergences can reach: what stands on their strands behind them, and its effects."""

    def __init__(self, side: Side, causes: Causes, order: Order) -> None:
        lanes, numbers = side.columns.lanes, side.columns.lane_numbers
        self._steps = [
            (
                effect,
                order.strand(lanes[numbers[effect]]),
                order.strand(lanes[numbers[cause]]),
                cause,
            )
            for effect, found in sorted(causes.items())
            for cause in found
        ]
        self._next = 0
        self._from: dict[object, int] = {}

    def add(self, strand: object, place: int) -> None:
        """Something differs at ``place``."""
        self._from.setdefault(strand, place)

    def follows(self, strand: object, place: int) -> bool:
        """Whether what stands at ``place`` comes after something that differs."""
        while self._next < len(self._steps) and self._steps[self._next][0] <= place:
            effect, own, other, cause = self._steps[self._next]
            if other in self._from and self._from[other] <= cause:
                self._from.setdefault(own, effect)
            self._next += 1
        return strand in self._from


# --- behaviours ----------------------------------------------------------------------------


def behaviour(columns: Columns, profile: Profile | None, rules: Volatile = NO_RULES) -> str:
    """One number, in hex, for what happened: equal whatever the interleaving of the lanes.

    Each event's hash covers it, the event before it on its lane and its causes; their sum modulo
    2^64 does not depend on the order in which they are added up. Times do not count.
    """
    causes = causes_of(columns, profile)
    seeds = [
        blake2b(f"{lane.direction:d} {lane.connection}".encode("utf-8", "surrogatepass")).digest()
        for lane in columns.lanes
    ]
    on_lane: list[bytes] = seeds
    wanted = {cause for found in causes.values() for cause in found}
    kept: dict[int, bytes] = {}
    total = 0
    rows = zip(columns.lane_numbers, columns.ops, columns.kinds, columns.bodies, strict=True)
    for number, (lane, op, kind, body) in enumerate(rows):
        body = comparable(op, columns.types[kind], body, rules)
        raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        state = blake2b(on_lane[lane], digest_size=8)
        for cause in causes.get(number, ()):
            state.update(kept[cause])
        state.update(b"%d %d " % (op, len(raw)))
        state.update(raw)
        on_lane[lane] = own = state.digest()
        if number in wanted:
            kept[number] = own
        total += int.from_bytes(own, "little")
    return f"{total % (1 << 64):016x}"
