"""A hunt: many trials of one target, and what they say about it.

The same trials give the same hunt with any engine and any number of workers: slices are added up in
the order of the trials, and a rule that ends the hunt is asked in that order too. What was run
beyond the end, because several workers were at it, does not count. Only a ``budget`` of time
depends on the machine.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Literal

from replay_ws.errors import ConfigError
from replay_ws.hunter.dispatch import Dispatch
from replay_ws.hunter.engines import engine_of
from replay_ws.hunter.failure import Failure, Signature
from replay_ws.hunter.statistics import NO_IDEA, Behaviours, Interval, interval, rate, runs_to_see
from replay_ws.hunter.sweep import Failed, Order, Slice, Trials
from replay_ws.hunter.targets import Target
from replay_ws.running import Conditions

Stop = Literal["first", "saturation"] | int | None
"""When to end before all trials are done: at the first failure, when some group has so many, or
when hardly any run does something new."""

SATURATED = 0.01
"""The chance of something new below which a hunt is saturated."""

_KEPT_PER_GROUP = 20
_FIRST_LOOK = 200
"""After so many runs, and each time that they have doubled, a hunt asks whether it is saturated."""


@dataclass(slots=True)
class Group:
    """The failures of one signature: how many, and the first of them."""

    signature: Signature
    failures: list[Failure] = field(default_factory=list)
    count: int = 0
    by_mode: dict[str, int] = field(default_factory=dict)
    rate: float | None = None
    """How many of the runs fail so; without bias where this group ended the hunt, and None where
    its first failure did, which says nothing about a rate."""
    interval: Interval = NO_IDEA
    """The rates that fit what was seen, with 95 % confidence."""

    @property
    def first(self) -> Failure:
        """The one with the lowest number."""
        return self.failures[0]

    @property
    def clean_runs(self) -> float:
        """How many runs without this failure prove that it is mended, with 95 % confidence."""
        return runs_to_see(self.interval.low)


@dataclass(frozen=True, slots=True)
class Hunt:
    """What a hunt found: ``groups`` of failures, in the order of their first.

    ``runs`` trials were done, of ``trials``. ``behaviours`` of them were different, and ``novelty``
    is the chance that one more does something new. ``ended`` says why it ended: ``done``,
    ``first``, ``count``, ``saturation``, ``budget`` or ``interrupted``. ``notes`` tell of workers
    that died.
    """

    target: str
    trials: Trials
    runs: int
    groups: tuple[Group, ...]
    behaviours: int
    novelty: float
    ended: str = "done"
    notes: tuple[str, ...] = ()
    engine: str = field(default="here", compare=False)
    host_s: float = field(default=0.0, compare=False)

    @property
    def failed(self) -> int:
        """How many runs failed."""
        return sum(group.count for group in self.groups)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The first failures of every group, in the order of their trials."""
        found = (failure for group in self.groups for failure in group.failures)
        return tuple(sorted(found, key=lambda failure: failure.number))

    @property
    def interval(self) -> Interval:
        """The failure rates that fit what was seen, with 95 % confidence."""
        return interval(self.failed, self.runs)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a hunt is; ``seconds`` since it began."""

    runs: int
    trials: int
    failed: int
    groups: int
    behaviours: int
    seconds: float


def hunt(
    target: Target,
    trials: Trials,
    *,
    stop: Stop = None,
    budget_s: float | None = None,
    executor: Executor | str | None = None,
    jobs: int | None = None,
    quiet: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Hunt:
    """Run the ``trials`` of ``target`` on an engine, and group what fails.

    Raises ConfigError for an option that cannot be kept, and what the target raises that is no
    failure of its runs. Ctrl-C ends the hunt with what was found until then.
    """
    _require(trials, stop, budget_s)
    engine = engine_of(executor, jobs)
    if not engine.is_here:
        target.require_sendable()
    tally = _Tally(target, trials, stop)
    dispatch = Dispatch(
        engine,
        len(trials),
        lambda first, last: Order(target, trials, first, last, quiet),
        tally.horizon,
    )
    begun_s = time.monotonic()
    slices = dispatch.__iter__()
    try:
        for piece in slices:
            tally.add(piece)
            seconds = time.monotonic() - begun_s
            if progress is not None:
                progress(tally.progress(seconds))
            if tally.ended == "done" and budget_s is not None and seconds >= budget_s:
                tally.ended = "budget"
            if tally.ended != "done":
                break
    except KeyboardInterrupt:
        tally.ended = "interrupted"
    finally:
        slices.close()
    return tally.result(dispatch.notes, engine.name, time.monotonic() - begun_s)


def _require(trials: Trials, stop: Stop, budget_s: float | None) -> None:
    if len(trials) == 0:
        raise ConfigError("there are no seeds to hunt", mend="give a range: 0..1000, range(1000)")
    if stop not in (None, "first", "saturation") and not (type(stop) is int and stop > 0):
        raise ConfigError(
            f"stop is {stop!r:.60}", mend="first, saturation, a number of failures, or None"
        )
    if budget_s is not None and not budget_s > 0:
        raise ConfigError(f"budget is {budget_s!r:.60}", mend="a number of seconds, or None")


class _Tally:
    """Adds slices up, in order, until a rule ends the hunt."""

    def __init__(self, target: Target, trials: Trials, stop: Stop) -> None:
        self._target = target
        self._trials = trials
        self._wanted = 1 if stop == "first" else stop if isinstance(stop, int) else None
        self._saturates = stop == "saturation"
        self._groups: dict[Signature, Group] = {}
        self._behaviours = Behaviours()
        self._look_at = _FIRST_LOOK
        self._shown = (0, 0)
        self._base: Conditions | None = None
        self._ended_by: Group | None = None
        self.runs = 0
        self.ended = "done"

    def horizon(self, piece: Slice) -> int | None:
        """From where on no trial is wanted, once this slice has come in, whatever its turn."""
        return piece.failures[0].number + 1 if self._wanted == 1 and piece.failures else None

    def add(self, piece: Slice) -> None:
        self._behaviours.add(piece.behaviours)
        last = self._saturated_at(piece.last)
        failures = piece.failures[: bisect_left(piece.failures, last, key=lambda f: f.number)]
        for failed in failures:
            group = self._counted(failed)
            if group.count == self._wanted:
                last = failed.number + 1
                self.ended = "first" if self._wanted == 1 else "count"
                self._ended_by = group
                break
        self.runs = last

    def _saturated_at(self, last: int) -> int:
        """``last``, or where before that the runs had nothing new to show."""
        while self._saturates and self._look_at <= last:
            if self._behaviours.chance_of_new(self._look_at) < SATURATED:
                self.ended = "saturation"
                return self._look_at
            self._look_at *= 2
        return last

    def _counted(self, failed: Failed) -> Group:
        group = self._groups.get(failed.signature)
        if group is None:
            group = self._groups[failed.signature] = Group(failed.signature)
        conditions = self._conditions(failed.number)
        failure = Failure(conditions, failed.signature, failed.message, failed.number)
        group.count += 1
        group.by_mode[failure.mode] = group.by_mode.get(failure.mode, 0) + 1
        if len(group.failures) < _KEPT_PER_GROUP:
            group.failures.append(failure)
        return group

    def _conditions(self, number: int) -> Conditions:
        if self._base is None:
            self._base = self._target.within(lambda runner: runner.base)
        (conditions,) = self._trials.conditions(self._base, range(number, number + 1))
        return conditions

    def progress(self, seconds: float) -> Progress:
        counted, behaviours = self._shown
        if self.runs >= 1.2 * counted:  # to count them takes time
            behaviours, _ = self._behaviours.count()
            self._shown = (self.runs, behaviours)
        failed = sum(group.count for group in self._groups.values())
        trials = len(self._trials)
        return Progress(self.runs, trials, failed, len(self._groups), behaviours, seconds)

    def result(self, notes: list[str], engine: str, seconds: float) -> Hunt:
        runs = self.runs
        for group in self._groups.values():
            ended = group is self._ended_by
            if not (ended and group.count == 1):
                group.rate = rate(group.count, runs, stopped_at_failure=ended)
            group.interval = interval(group.count, runs)
        behaviours, once = self._behaviours.count(runs)
        return Hunt(
            self._target.name,
            self._trials,
            runs,
            tuple(self._groups.values()),
            behaviours,
            once / runs if runs else 1.0,
            self.ended,
            tuple(notes),
            engine,
            seconds,
        )
