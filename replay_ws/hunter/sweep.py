"""The trials of a hunt, and one slice of them: what a worker is asked, and what it answers.

Only ranges go out and only digests come back. A slice ends early when its time is over, so that
whoever waits for it never waits long; the rest is asked again, of whichever worker is free.
"""

from __future__ import annotations

import contextlib
import io
import time
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from replay_ws.errors import ConfigError
from replay_ws.faults.configuration import require_seed
from replay_ws.faults.modes import MockBehaviorMode, ModeChoice, modes_of
from replay_ws.hunter.failure import Signature, message_of, signature_of
from replay_ws.hunter.targets import Runner, Target
from replay_ws.rng import WORD, seed_range
from replay_ws.running import Conditions
from replay_ws.session import Session
from replay_ws.sim.schedule import Schedule

PATIENCE_S = 0.2
"""After how long a slice ends, whole or not."""


@dataclass(frozen=True, slots=True)
class Trials:
    """Each of ``seeds`` under each of ``modes``, numbered from 0: all modes of a seed in turn.

    Without modes, or a schedule, those of the target hold.
    """

    seeds: range
    modes: tuple[ModeChoice, ...] = ()
    schedule: Schedule | None = None

    def __len__(self) -> int:
        return len(self.seeds) * max(len(self.modes), 1)

    def seed(self, number: int) -> int:
        """The seed of a trial."""
        return self.seeds[number // max(len(self.modes), 1)]

    def conditions(self, base: Conditions, numbers: range) -> Iterator[Conditions]:
        """What the trials ``numbers`` run under; ``base`` has everything else."""
        if self.schedule is not None:
            base = replace(base, schedule=self.schedule)
        configs = [base.config.replace(mode=mode) for mode in self.modes] or [base.config]
        bases = [replace(base, config=config) for config in configs]
        for number in numbers:
            yield replace(bases[number % len(bases)], seed=self.seed(number))


def trials_of(
    seeds: Iterable[int] | str,
    modes: Iterable[ModeChoice] | str | None,
    schedule: Schedule | None = None,
) -> Trials:
    """The trials that a caller means; raises ConfigError for seeds or modes that are none."""
    if isinstance(seeds, str):
        seeds = seed_range(seeds)
    if not isinstance(seeds, range):
        raise ConfigError(
            f"seeds is {seeds!r:.60}", mend="pass a range, as in range(1000), or '0..1000'"
        )
    for seed in (seeds[0], seeds[-1]) if seeds else ():
        require_seed(seed)
    if modes == "all":
        modes = tuple(MockBehaviorMode)
    elif isinstance(modes, str):
        modes = (modes,)
    return Trials(seeds, tuple(map(_mode, modes or ())), schedule)


def _mode(choice: ModeChoice) -> ModeChoice:
    """``a+b`` is two modes at once."""
    if isinstance(choice, str) and not isinstance(choice, MockBehaviorMode):
        choice = tuple(choice.split("+"))
    modes = modes_of(choice)
    return modes[0] if len(modes) == 1 else modes


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is asked: the trials ``first .. last`` of a target.

    ``quiet`` keeps what the program prints to itself: a thousand runs say it a thousand times.
    """

    target: Target
    trials: Trials
    first: int
    last: int
    quiet: bool = False


class Failed(NamedTuple):
    """That a trial failed, and how."""

    number: int
    signature: Signature
    message: str


@dataclass(frozen=True, slots=True)
class Slice:
    """What a worker answers: what the trials ``first .. last`` did, fewer perhaps than asked.

    ``interrupted`` says that somebody ended it, or the program itself, by a KeyboardInterrupt.
    """

    first: int
    last: int
    failures: tuple[Failed, ...] = ()
    behaviours: array[int] = field(default_factory=lambda: array("Q"))
    interrupted: bool = False


def run_slice(order: Order) -> Slice:
    """Run trials until they are done, or time is over; at least one."""
    with contextlib.ExitStack() as stack:
        if order.quiet:
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        try:
            return order.target.within(lambda runner: _run(runner, order))
        except KeyboardInterrupt:  # which would take a worker of a cluster with it
            return Slice(order.first, order.first, interrupted=True)


def _run(runner: Runner, order: Order) -> Slice:
    numbers = range(order.first, order.last)
    failures: list[Failed] = []
    behaviours = array("Q")
    last = order.first
    for outcome in runner(_in_time(order.trials.conditions(runner.base, numbers))):
        signature = None
        if outcome.error is not None:
            signature = signature_of(outcome.error)
            failures.append(Failed(last, signature, message_of(outcome.error)))
        behaviours.append(behaviour_of(outcome.session, signature))
        last += 1
    return Slice(order.first, last, tuple(failures), behaviours)


def _in_time(variants: Iterator[Conditions]) -> Iterator[Conditions]:
    """The first of ``variants``, and further ones until time is over."""
    until_s = time.monotonic() + PATIENCE_S
    for conditions in variants:
        yield conditions
        if time.monotonic() > until_s:
            return


def behaviour_of(session: Session, signature: Signature | None = None) -> int:
    """64 bits of what a run did: what was delivered, by its causes, and how the program ended."""
    ended = _steady_hash(signature) if signature is not None else 0
    return (int(session.behaviour, 16) + ended) % WORD


def _steady_hash(signature: Signature) -> int:
    from hashlib import blake2b

    text = "\0".join(signature).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
