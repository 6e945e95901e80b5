"""A protocol expression learned from streams that keep it.

Types that come in turn with each other, in either order, are one link; links come in one order, and
each says how often something of it comes. Every stream that was learned from is described.

Source: the algorithm CRX of Bex, Gelade, Neven and Vansummeren 2010, without its merging of links
that are alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise

from replay_ws.compliance.expression import spelt

_NONE: Mapping[str, str] = {}


def chain(streams: Sequence[Sequence[str]], folds: Mapping[str, str] = _NONE) -> list[str]:
    """The links that describe ``streams``, to be joined by spaces.

    ``folds`` are words of the streams that stand for expressions.
    """
    follows: dict[str, set[str]] = {}
    for stream in streams:
        for type in stream:
            follows.setdefault(type, set())
        for one, two in pairwise(stream):
            follows[one].add(two)
    return [_link(link, streams, folds) for link in _ordered(follows)]


def fold(
    streams: Sequence[Sequence[str]],
    opening: str,
    going: Collection[str],
    closing: Collection[str],
    folds: Mapping[str, str] = _NONE,
) -> tuple[list[list[str]], str] | None:
    """``streams`` with ``opening`` in the place of all that it opens, and that as an expression.

    None where something else comes between, or what goes on or closes comes elsewhere.
    """
    folded = []
    bodies = []
    for stream in streams:
        left: list[str] = []
        body: list[str] = []
        for type in stream:
            if bool(body) != (type in going or type in closing):
                return None
            if type == opening or body:
                body.append(type)
            if not body:
                left.append(type)
            elif type in closing:
                left.append(opening)
                bodies.append(body)
                body = []
        if body:
            return None
        folded.append(left)
    return folded, " ".join(chain(bodies, folds))


def _ordered(follows: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """The types that lead to each other, as links, each before those that it leads to."""
    reached = {type: _reached(type, follows) for type in follows}
    links: dict[str, tuple[str, ...]] = {}
    for type, others in reached.items():
        mutual = [other for other in follows if other in others and type in reached[other]]
        links[type] = tuple(mutual) or (type,)
    before: dict[tuple[str, ...], list[tuple[str, ...]]] = {link: [] for link in links.values()}
    for one, others in follows.items():
        for two in sorted(others):
            if links[one] != links[two]:
                before[links[two]].append(links[one])
    return [*TopologicalSorter(before).static_order()]


def _reached(type: str, follows: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [type]
    while waiting:
        fresh = follows[waiting.pop()] - found
        found |= fresh
        waiting += fresh
    return found


def _link(
    types: tuple[str, ...], streams: Sequence[Sequence[str]], folds: Mapping[str, str]
) -> str:
    counts = [sum(type in types for type in stream) for stream in streams]
    often = {(True, True): "", (False, True): "?", (True, False): "+", (False, False): "*"}
    sign = often[min(counts) > 0, max(counts) < 2]
    text = " | ".join(folds.get(type) or spelt(type) for type in types)
    grouped = types[1:] or (sign and types[0] in folds)
    return f"({text}){sign}" if grouped else f"{text}{sign}"
