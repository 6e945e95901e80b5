"""Which lane goes next: policies as pure functions of keyed draws.

A *lane* is whatever can be scheduled apart: a task, a managed thread, or the loop's plain
callbacks taken together (permuting those breaks real libraries). Each time a lane has
something to run it asks its policy for a *rank*, and the lane with the lowest rank goes next, so
that a step among ``n`` ready lanes costs O(log n). A rank is drawn for (path of the lane, nth
step), never for a global step number: an edit elsewhere in a program moves no draw.

======== ===============================================================================
fifo     in order of arrival, what asyncio itself does
legal    fifo, and the loop may be late: only orders that a stock loop can show under load
pos      each step draws its own rank: partial order sampling
urw      a uniform random walk over interleavings: who has more left to do goes sooner
pct      each lane has a rank, and some steps put theirs last: finds starvation
random   each ready lane is as likely as any other
======== ===============================================================================

``random`` and ``urw`` pick one of many by chance at every step, which sounds as though every
ready lane needed a draw each time. They run a race instead: a lane's rank is its arrival on a
clock of the race plus an exponential waiting time. Such times have no memory, so whoever has
waited has no advantage, and the first to finish is distributed as a fresh choice would be.

Sources: partial order sampling, Yuan et al., CAV 2018; probabilistic concurrency testing,
Burckhardt et al., ASPLOS 2010; uniform random walks, Zhao et al., ASPLOS 2025.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import Any, Protocol

from replay_ws.clock import NS_PER_S
from replay_ws.errors import ConfigError, unknown
from replay_ws.rng import WORD, Stream, below

POLICIES = ("fifo", "legal", "pos", "urw", "pct", "random")
SCHEDULES = (*POLICIES, "portfolio")

# Seed 0 runs in fifo order, as a smoke test; the others take turns in this round.
_PORTFOLIO = ("pos", "urw", "pos", "random", "urw", "pos", "urw", "pct", "pos", "urw")

_PCT_DEPTHS = (2, 3)
_PCT_STREAK_MAX = 500
"""Steps in a row after which a lane is put last, for a lane that spins would starve the rest."""

_STALL_NS_MAX = NS_PER_S
_STALL_SCALES = (0, 0, 1, 3, 6)
"""A timer of ``d`` waits less than ``d >> scale`` for the loop, each as likely; scale 0: not."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which ready task or thread runs next, and what else may go wrong between two steps.

    ``policy`` is one of ``SCHEDULES``; ``portfolio`` derives one from the seed. With ``jitter`` the
    loop is late for some timers, as on a busy machine: by up to half of their delay and at most a
    second, and what else became due meanwhile follows in its order. Timers that are due at one
    instant change places. Without a word about it every policy but fifo does so.

    ``cancel_rate`` is the chance that a task is cancelled where it awaits; the main task never is.
    ``fail_first={"fetch": 2}`` raises a ConnectionError the first two times that a task would go
    on inside a function named ``fetch``.
    """

    policy: str = "fifo"
    jitter: bool | None = None
    cancel_rate: float = 0.0
    fail_first: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.policy not in SCHEDULES:
            raise unknown("schedule", self.policy, SCHEDULES)
        if self.jitter is not None and not isinstance(self.jitter, bool):
            raise ConfigError(f"jitter is {self.jitter!r}", mend="True, False or None")
        if not _is_rate(self.cancel_rate):
            raise ConfigError(f"cancel_rate is {self.cancel_rate!r}", mend="a number from 0 to 1")
        if not _are_counts(self.fail_first):
            raise ConfigError(
                f"fail_first is {self.fail_first!r:.60}",
                mend='map names of functions to counts, as in {"fetch": 2}',
            )

    def resolved(self, seed: int) -> Schedule:
        """This schedule with the policy that ``seed`` stands for, and its jitter decided."""
        policy = self.policy
        if policy == "portfolio":
            policy = "fifo" if seed == 0 else _PORTFOLIO[(seed - 1) % len(_PORTFOLIO)]
        jitter = policy != "fifo" if self.jitter is None else self.jitter
        return Schedule(policy, jitter, self.cancel_rate, self.fail_first)

    @property
    def is_plain(self) -> bool:
        """Whether it never departs from the order of arrival, so that no lanes are needed."""
        return self == Schedule("fifo", jitter=False)

    @property
    def needs_profile(self) -> bool:
        """Whether its policy asks how much each lane has to do, see ``Profile``."""
        return self.policy in ("urw", "pct")

    @property
    def interrupts(self) -> bool:
        """Whether it cancels tasks or makes them fail."""
        return bool(self.cancel_rate or self.fail_first)

    def __str__(self) -> str:
        words = [self.policy]
        if self.jitter is not None:
            words.append(f"jitter={str(self.jitter).lower()}")
        if self.cancel_rate:
            words.append(f"cancel_rate={self.cancel_rate}")
        words += [f"fail_first={name}:{times}" for name, times in sorted(self.fail_first.items())]
        return " ".join(words)


def _is_rate(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _are_counts(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and type(count) is int and count >= 0 for name, count in value.items()
    )


FIFO = Schedule()
"""What asyncio does."""


class Lane:
    """A task, a managed thread, or the loop's plain callbacks, as a policy sees it.

    ``path`` is its stable name: the names of its ancestors and its own, ``main/worker#1`` being
    the second ``worker`` that ``main`` started. ``steps`` counts the steps that have begun, and
    ``seed`` keys its draws; it is the same for all of them.
    """

    __slots__ = (
        "_children",
        "_streams",
        "arrival",
        "handle",
        "later",
        "parent",
        "path",
        "seed",
        "standing",
        "steps",
        "timers",
    )

    def __init__(self, path: str, parent: Lane | None, seed: int) -> None:
        self.path = path
        self.parent = parent
        self.steps = 0
        self.timers = 0
        self.standing: int | None = None
        """What its policy remembers of it."""
        # What it has to run, for the queue. Most lanes never have more than one handle.
        self.handle: Any = None
        self.arrival = 0
        self.later: deque[tuple[Any, int]] | None = None
        self.seed = seed
        self._streams: dict[str, Stream] = {}
        self._children: dict[str, int] = {}

    def draw(self, stream: str, index: int) -> int:
        """Draw ``index`` of this lane's ``stream``, a u64."""
        found = self._streams.get(stream)
        if found is None:
            found = self._streams[stream] = Stream(self.seed, stream, self.path)
        return found.draw(index)

    def child_path(self, name: str) -> str:
        """The path of the next child that is called ``name``."""
        name = name.translate(_SEPARATORS)
        number = self._children.get(name, 0)
        self._children[name] = number + 1
        ordinal = f"#{number}" if number else ""
        # A chain of tasks, each started by the one before, may be long.
        ancestors = self.path if len(self.path) <= _PATH_SIZE_MAX else _abridged(self.path)
        return f"{ancestors}/{name}{ordinal}" if ancestors else f"{name}{ordinal}"


_SEPARATORS = str.maketrans("/#", "__")
_PATH_SIZE_MAX = 160


def _abridged(path: str) -> str:
    digest = blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"~{digest}"


class Policy(Protocol):
    """Gives each step its rank; the lowest goes next."""

    def rank(self, lane: Lane, arrival: int) -> int:
        """The rank of the next step of ``lane``, which became ready as the ``arrival``-th."""
        ...

    def picked(self, lane: Lane, rank: int) -> None:
        """``lane`` goes next, with this rank."""
        ...


class Fifo:
    """In order of arrival."""

    def rank(self, lane: Lane, arrival: int) -> int:
        return arrival

    def picked(self, lane: Lane, rank: int) -> None:
        pass


class Held(Fifo):
    """In order of arrival, but for steps that are held until so many others have arrived.

    ``holds`` maps (path, nth step) to how many. Every order that any policy chose can be said in
    this way (``lanes`` does so), which is how a run comes back without its policy and its seed.
    """

    def __init__(self, holds: Mapping[tuple[str, int], int]) -> None:
        self._holds = holds

    def rank(self, lane: Lane, arrival: int) -> int:
        return arrival + self._holds.get((lane.path, lane.steps), 0)


class PartialOrder(Fifo):
    """Each step draws its own rank."""

    def rank(self, lane: Lane, arrival: int) -> int:
        return lane.draw("schedule", lane.steps)


class RandomWalk:
    """A race of exponential waiting times; ``profile`` makes lanes with more to do faster."""

    def __init__(self, profile: Profile | None = None) -> None:
        self._profile = profile
        self._clock = 0

    def rank(self, lane: Lane, arrival: int) -> int:
        waiting = _exponential(lane.draw("schedule", lane.steps))
        speed = 1 if self._profile is None else self._profile.remaining(lane)
        return self._clock + (waiting << 16) // speed

    def picked(self, lane: Lane, rank: int) -> None:
        self._clock = rank


class Priorities:
    """Each lane has a rank of its own, and ``depth - 1`` steps of the run put theirs last.

    Those are among the steps that ``profile`` knows: a lane that goes on for longer than that may
    wait for one that it starves, and a change would free both.
    """

    def __init__(self, depth: int, profile: Profile) -> None:
        self._changes = depth - 1
        self._known = profile.known
        self._steps = max(profile.steps, 1)
        self._last = WORD
        self._streak: tuple[Lane | None, int] = (None, 0)

    def rank(self, lane: Lane, arrival: int) -> int:
        if lane.standing is None:
            lane.standing = lane.draw("priority", 0)
        if (
            lane.steps < self._known.get(lane.path, 0)
            and below(lane.draw("schedule", lane.steps), self._steps) < self._changes
        ):
            self._put_last(lane)
        return lane.standing

    def picked(self, lane: Lane, rank: int) -> None:
        before, streak = self._streak
        streak = streak + 1 if lane is before else 0
        if streak == _PCT_STREAK_MAX:
            self._put_last(lane)
            streak = 0
        self._streak = (lane, streak)

    def _put_last(self, lane: Lane) -> None:
        self._last += 1
        lane.standing = self._last


class Profile:
    """How many steps each lane took in a run in fifo order, and all that it started with it."""

    def __init__(self, steps: dict[str, int], parents: Mapping[str, str]) -> None:
        self.known = steps
        self.steps = sum(steps.values())
        self._totals = dict(steps)
        for path in reversed(steps):  # children began after their parents
            if (parent := parents.get(path)) is not None:
                self._totals[parent] = self._totals.get(parent, 0) + self._totals[path]

    def remaining(self, lane: Lane) -> int:
        """How much ``lane`` has to do, at least 1. Its children's part is theirs once they run."""
        return max(self._share(lane) - lane.steps, 1)

    def _share(self, lane: Lane) -> int:
        if lane.standing is None:
            lane.standing = self._totals.get(lane.path, 1)
            if lane.parent is not None:
                lane.parent.standing = self._share(lane.parent) - lane.standing
        return lane.standing


def policy_of(schedule: Schedule, seed: int, profile: Profile | None) -> Policy:
    """The policy of a resolved ``schedule``."""
    match schedule.policy:
        case "pos":
            return PartialOrder()
        case "random":
            return RandomWalk()
        case "urw":
            return RandomWalk(profile)
        case "pct":
            depth = _PCT_DEPTHS[Stream(seed, "depth", "").draw(0) % len(_PCT_DEPTHS)]
            return Priorities(depth, profile or Profile({}, {}))
        case _:
            return Fifo()


def lateness_ns(lane: Lane) -> int:
    """How much later the next timer of ``lane`` is due: enough to break a tie, or not at all."""
    return lane.draw("timer", lane.timers) & 1


def stall_ns(lane: Lane, nth: int, delay_ns: int) -> int:
    """For how long the loop is kept from the nth timer of ``lane``, which was set for a delay."""
    scale = _STALL_SCALES[below(lane.draw("stall", nth), len(_STALL_SCALES))]
    if scale == 0:
        return 0
    return below(lane.draw("stall time", nth), min(delay_ns >> scale, _STALL_NS_MAX))


@cache
def _log2_table() -> tuple[int, ...]:
    """``log2(1 + i / 256)`` in units of 2**-16, from integers alone: by squaring, bit by bit."""
    return tuple(_log2_fraction(256 + step) for step in range(257))


def _log2_fraction(numerator: int) -> int:
    if numerator == 512:
        return 1 << 16
    value, result = numerator << 24, 0  # a number from 1 to 2, with 32 bits behind the point
    for _ in range(16):
        value = value * value >> 32
        result <<= 1
        if value >> 33:
            value >>= 1
            result |= 1
    return result


def _exponential(draw: int) -> int:
    """``-log2`` of a u64 read as a fraction of 1, in units of 2**-16; no float, no libm."""
    if draw == 0:
        return 65 << 16
    bits = draw.bit_length()
    mantissa = (draw << (64 - bits)) >> 39  # 25 bits, the highest of which is set
    index, rest = mantissa >> 16 & 0xFF, mantissa & 0xFFFF
    table = _log2_table()
    fraction = table[index] + ((table[index + 1] - table[index]) * rest >> 16)
    return ((65 - bits) << 16) - fraction
