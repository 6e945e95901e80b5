"""The verb: two sessions in, their differences out.

What is found must not depend on which session is called the golden, but for the names of the sides.
So one of the two is always put left, whichever it is; everything is found in that direction,
and mirrored at the end if the left one was the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from replay_ws.compliance import Profile
from replay_ws.diff.blocks import common_prefix
from replay_ws.diff.causality import Causes, causes_of, orphans, with_roots
from replay_ws.diff.divergences import Story, find
from replay_ws.diff.endings import find_endings
from replay_ws.diff.identity import Agreement, settle
from replay_ws.diff.judging import find_lapses
from replay_ws.diff.keys import key, rank
from replay_ws.diff.lanes import find_renamed, renamed, under
from replay_ws.diff.model import ALLOWED, Category, Deliveries, Diff, in_golden_order
from replay_ws.diff.pairing import ORDERS, Pairing, all_same, pair
from replay_ws.diff.sides import Numbering, Side, are_equal, columns_of, undelivered_of
from replay_ws.diff.volatile import CONNECTION, Volatile, volatile_of
from replay_ws.errors import ConfigError, unknown

_NO_CAUSES: Sequence[Causes] = ({}, {})


def compare(
    golden: Deliveries,
    run: Deliveries,
    *,
    order: str = "causal",
    tolerance_ns: int = 0,
    ignore: Iterable[str] = (),
    volatile: Mapping[str, object] | None = None,
    profile: Profile | None = None,
    allow: Iterable[str] = ALLOWED,
    explain: int = 50,
) -> Diff:
    """How ``run`` differs from ``golden``.

    ``order`` says which events must keep their order: all (``total``), those of one connection and
    direction (``thread``), these and whatever follows its cause by the rules of ``profile``
    (``causal``), none (``bag``). With a ``profile`` it is also told which of its checks either
    session keeps to another degree. ``allow`` names categories that may differ; what differs so is
    told, and does not make the sessions different. Events that come up to ``tolerance_ns`` late or
    early are on time. ``volatile`` names values that differ from run to run and says what they may
    be, as does the table of that name in ``profile`` (see ``replay_ws.diff.ignoring`` and
    ``replay_ws.diff.checks``); in places that ``ignore`` names anything may stand. At most
    ``explain`` changed pairs have their payloads compared by JSON path; of the others it is said
    where their bytes differ.

    ``compare(a, b)`` equals ``compare(b, a).mirrored()``. Cost grows with the number of events and
    of differences. Raises ConfigError for an unknown order or category, a negative tolerance, or a
    rule that is none.
    """
    if order not in ORDERS:
        raise ConfigError(f"unknown order {order!r}", mend=f"use one of: {', '.join(ORDERS)}")
    if tolerance_ns < 0:
        raise ConfigError(f"tolerance_ns is {tolerance_ns}", mend="give nanoseconds from 0 up")
    rules_of = _rules_that_allow(allow)
    rules = volatile_of(profile.volatile if profile else None, volatile, ignore=ignore)
    left, right = _stories(golden, run, rules)
    exchanged = _stands_left(right.side, left.side)
    if exchanged:
        rules_of = {category.mirrored(): rule for category, rule in rules_of.items()}
        left, right = right, left
        golden, run = run, golden
    equal = left.side.ids is right.side.ids
    names = {} if equal else renamed(left.side.columns, right.side.columns, rules)
    if names:
        left, right = _under_names(left, right, names, rules)
    pairing, agreement = _settled(left.side, right.side, order, rules, names)
    causes = _NO_CAUSES
    if order == "causal" and not equal:
        causes = [causes_of(story.side.columns, profile) for story in (left, right)]
    matched, divergences = find(
        left,
        right,
        pairing,
        agreement,
        orphans(pairing.same, *causes),
        tolerance_ns=tolerance_ns,
        explain_max=explain,
    )
    divergences += find_renamed(names, rules.allows_renaming)
    divergences += find_endings(golden, run, left, right, names)
    if profile and not equal:
        divergences += find_lapses(left, right, profile)
    told = (
        replace(found, rule=found.rule or rules_of[found.category])
        if found.category in rules_of
        else found
        for found in in_golden_order(divergences)
    )
    connections = left.side.connections | right.side.connections
    diff = Diff(
        order=order,
        golden_count=len(left.side.ids),
        run_count=len(right.side.ids),
        matched=matched,
        connections=tuple(sorted(connections)),
        divergences=tuple(with_roots(told, left.side, causes[0], ORDERS[order])),
        unrelated=pairing.unrelated,
    )
    return diff.mirrored() if exchanged else diff


def _rules_that_allow(categories: Iterable[str]) -> dict[Category, str]:
    """What allows each category."""
    names = list(categories)
    for name in names:
        if name not in set(Category):
            raise unknown("category", name, [category.value for category in Category])
    return {Category(name): f"{name} is allowed" for name in names}


def _stories(golden: Deliveries, run: Deliveries, rules: Volatile) -> tuple[Story, Story]:
    """Both sessions; equal ones, which need no numbering, have the same ids."""
    columns = (columns_of(golden), columns_of(run))
    if are_equal(*columns):
        ids = range(len(columns[0]))
        sides = [Side(own, ids, ()) for own in columns]
    else:
        numbering = Numbering(rules)
        sides = [numbering.side(own) for own in columns]
    lost = ({e.key: e for e in undelivered_of(session)} for session in (golden, run))
    left, right = map(Story, sides, lost)
    return left, right


def _under_names(
    left: Story, right: Story, names: Mapping[str, str], rules: Volatile
) -> tuple[Story, Story]:
    """Both stories, numbered again with the right one's connections called by other ``names``."""
    numbering = Numbering(rules)
    sides = [numbering.side(own) for own in (left.side.columns, under(right.side.columns, names))]
    lost = (
        replace(event, connection=names.get(event.connection, event.connection))
        for event in right.undelivered.values()
    )
    return Story(sides[0], left.undelivered), Story(sides[1], {e.key: e for e in lost})


def _settled(
    left: Side, right: Side, order: str, rules: Volatile, names: Mapping[str, str]
) -> tuple[Pairing, Agreement]:
    """The pairing of two sides, and what of it agrees."""

    def pair_up(one: Side, other: Side) -> Pairing:
        equal = one.ids is other.ids
        return all_same(len(one.ids)) if equal else pair(one, other, ORDERS[order])

    own_names = {own: other for other, own in names.items()}
    return settle(left, right, pair_up, rules, {CONNECTION: own_names})


def _stands_left(one: Side, other: Side) -> bool:
    """Whether ``one`` is the side to begin with: the shorter, or lower where they first differ."""
    if len(one.ids) != len(other.ids):
        return len(one.ids) < len(other.ids)
    start = common_prefix(one.ids, other.ids)
    if start == len(one.ids):
        # Equal but for what is volatile, of which the names are unified from left to right.
        start = common_prefix(one.columns.bodies, other.columns.bodies)
    if start == len(one.ids):
        return False
    return rank(key(one.events[start])) < rank(key(other.events[start]))
