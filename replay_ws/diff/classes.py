"""In which way the values of one place differ from run to run.

    rarely                             perhaps a real difference
    numbers or times that go forward   a clock
    one to one                         names; places that share values share a domain
    else                               the narrowest check that holds

Whole numbers are names only where they recur; else they may be measurements. A text that is
neither time nor name, and of which there are few, is of no class.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise
from math import floor, isfinite, log10
from typing import Any, NamedTuple, TypeAlias

from replay_ws.diff.checks import (
    check_of,
    clock_reading,
    is_epoch,
    is_iso8601,
    is_name,
    is_number,
    is_whole,
)
from replay_ws.diff.ignoring import path_text

RARE = 0.2
"""The share of pairs up to which a difference is rare."""

COMMON = 0.5
"""The share of pairs from which names must differ to be some."""

FEW = 3
"""Pairs below which a text must look like a name to be one."""

NAME_SIZE_MAX = 128
"""Characters of the longest name."""

_ID = re.compile(r"(?<=.)(?:[_-]?(?:uu)?id|U?U?I[dD])$")

Steps: TypeAlias = "tuple[str | int | None, ...]"


class Where(NamedTuple):
    """One place in the events of one type; None among the steps is every element."""

    type: str
    steps: Steps

    @property
    def path(self) -> str:
        """The place as a rule spells it."""
        return path_text(self.steps)

    @property
    def key(self) -> str:
        """The rule about this place alone."""
        return f"{self.type}:{self.path}" if self.type else self.path

    @property
    def name(self) -> str:
        """The field that it is."""
        return next((step for step in reversed(self.steps) if isinstance(step, str)), "")


class Seen(NamedTuple):
    """The values of one place in two events that answer each other."""

    own: Any
    other: Any
    run: int
    lane: tuple[str, int]

    @property
    def differs(self) -> bool:
        """Whether they do."""
        return not equal(self.own, self.other)


class Verdict(NamedTuple):
    """What the rule about a place says, and what speaks for it."""

    value: str
    sure: str
    differing: int
    seen: int
    note: str


def equal(own: Any, other: Any) -> bool:
    return type(own) is type(other) and bool(own == other or (own != own and other != other))


def is_rare(seen: list[Seen]) -> bool:
    differing = sum(s.differs for s in seen)
    return differing < len(seen) and differing <= max(1, RARE * len(seen))


def are_names(seen: list[Seen]) -> bool:
    """Whether the values can be names, and most of them differ."""
    if not all(_is_like_a_name(s.own) and _is_like_a_name(s.other) for s in seen):
        return False
    return sum(s.differs for s in seen) > COMMON * len(seen)


def _is_like_a_name(value: Any) -> bool:
    if not isinstance(value, str):
        return is_name(value)
    return 0 < len(value) <= NAME_SIZE_MAX and not any(map(str.isspace, value))


def is_bijective(seen: Iterable[Seen]) -> bool:
    ours: dict[tuple[int, Any], Any] = {}
    theirs: dict[tuple[int, Any], Any] = {}
    return all(
        ours.setdefault((s.run, s.own), s.other) == s.other
        and theirs.setdefault((s.run, s.other), s.own) == s.own
        for s in seen
    )


def recur(group: list[Where], candidates: dict[Where, list[Seen]]) -> bool:
    """Whether values of one place stand in another one too, as names do and measurements do not."""
    common: Counter[Any] = Counter()
    for where in group:
        common.update({s.own for s in candidates[where] if not is_epoch(s.own)})
    return any(count > 1 for count in common.values())


def groups(values: dict[Where, set[Any]]) -> list[list[Where]]:
    """Places that share values, with those that share values with them, and so on."""
    owner: dict[Any, list[Where]] = {}
    for where in sorted(values, key=in_order):
        group = [where]
        for met in {id(owner[v]): owner[v] for v in values[where] if v in owner}.values():
            group = [*met, *group]
        for member in group:
            owner.update(dict.fromkeys(values[member], group))
    return list({id(group): group for group in owner.values()}.values())


def domain_name(group: list[Where]) -> str:
    """The field that most of them are, without what says that it is an id."""
    names = Counter(where.name for where in group)
    name = min(names, key=lambda each: (not _ID.search(each), -names[each], len(each), each))
    return _ID.sub("", name) or name or "id"


def classify(seen: list[Seen], domain: str) -> Verdict | None:
    """What the values of a place are; None where no check is sensible."""
    differing, count = sum(s.differs for s in seen), len(seen)

    def verdict(value: str, sure: str, note: str = "") -> Verdict:
        return Verdict(value, sure, differing, count, note)

    recurs = domain and is_whole(seen[0].own) and not is_epoch(seen[0].own)
    if _is_clock(seen) and not recurs:
        return verdict("clock", "sure", ", going forward")
    if domain and (count >= FEW or all(map(_has_digit, (seen[0].own, seen[0].other)))):
        return verdict(f"id:{domain}", "sure" if count >= FEW else "likely", ", one to one")
    values = [value for s in seen for value in (s.own, s.other)]
    for text in ("uuid", "ulid", "iso8601", "epoch"):
        if all(check_of(text).near(value, value) for value in values):
            return verdict(text, "sure")
    if all(is_number(value) and isfinite(value) for value in values):
        most = max(abs(s.own - s.other) for s in seen)
        if most <= max(map(abs, values)):
            return verdict(f"abs={_round_up(2 * most)}", "likely", f", by up to {most:g}")
        return verdict("int" if all(map(is_whole, values)) else "any", "unsure")
    if count < FEW:
        return None
    return verdict("any", "unsure", ", and no narrower check holds")


def _is_clock(seen: list[Seen]) -> bool:
    """Whether both sides go forward on every lane; few numbers must look like a time, too."""
    if not all(_same_kind(s) for s in seen):
        return False
    evident = all(is_iso8601(v) or is_epoch(v) for s in seen for v in (s.own, s.other))
    by_lane: dict[tuple[int, tuple[str, int]], list[Seen]] = defaultdict(list)
    for s in seen:
        by_lane[s.run, s.lane].append(s)
    sides: tuple[Callable[[Seen], Any], ...] = (lambda s: s.own, lambda s: s.other)
    lines = [
        [clock_reading(side(s)) or 0 for s in lane] for lane in by_lane.values() for side in sides
    ]
    if not all(one <= two for line in lines for one, two in pairwise(line)):
        return False
    return evident or max(len(set(line)) for line in lines) > FEW


def _same_kind(s: Seen) -> bool:
    if None in (clock_reading(s.own), clock_reading(s.other)):
        return False
    return is_number(s.own) is is_number(s.other)


def _has_digit(value: Any) -> bool:
    return any(map(str.isdigit, str(value)))


def _round_up(size: float) -> str:
    """The next of 1, 2, 5, 10, 20, ... from ``size`` up."""
    power = 10.0 ** floor(log10(size))
    rounded = next(step * power for step in (1, 2, 5, 10) if step * power >= size * 0.999_999)
    return f"{rounded:g}"


def in_order(where: Where) -> tuple[str, str]:
    """By path, then by type."""
    return (where.path, where.type)
