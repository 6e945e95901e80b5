"""A protocol expression learned from streams that keep it.

Types that come in turn with each other, in either order, are one link; links come in one order, and
each says how often something of it comes. Every stream that was learned from is described.

Source: the algorithm CRX of Bex, Gelade, Neven and Vansummeren 2010, without its merging of links
that are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter
from itertools import pairwise

from replay_ws.compliance.expression import spelt


def chain(streams: Sequence[Sequence[str]]) -> list[str]:
    """The links that describe ``streams``, to be joined by spaces."""
    follows: dict[str, set[str]] = {}
    for stream in streams:
        for type in stream:
            follows.setdefault(type, set())
        for one, two in pairwise(stream):
            follows[one].add(two)
    return [_link(link, streams) for link in _ordered(follows)]


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


def _link(types: tuple[str, ...], streams: Sequence[Sequence[str]]) -> str:
    counts = [sum(type in types for type in stream) for stream in streams]
    often = {(True, True): "", (False, True): "?", (True, False): "+", (False, False): "*"}
    sign = often[min(counts) > 0, max(counts) < 2]
    words = [*map(spelt, types)]
    return f"({' | '.join(words)}){sign}" if len(words) > 1 else f"{words[0]}{sign}"
