"""One deterministic run: a program, the conditions under which it runs, and what it leaves.

The conditions are a value, so that whoever runs a program many times (to check it, to hunt, to
shrink) says only what differs from one run to the next. A run enters its world edge by edge, each a
context manager that puts back what it changed, runs the program to the end of its last task, and
ends the recording.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args
from weakref import WeakKeyDictionary

from replay_ws.errors import ConfigError, ProgramError, unknown
from replay_ws.events.log import Header, Op
from replay_ws.events.model import SCHEDULING
from replay_ws.faults.configuration import DEFAULT, MockConfiguration
from replay_ws.faults.plans import NO_PLAN, FaultPlan
from replay_ws.recording import CURRENT, LoopClock, Recording
from replay_ws.session import RunResult, Session
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.races.watching import Watcher
from replay_ws.sim.runner import refuse_to_nest, run_program
from replay_ws.sim.schedule import FIFO, Profile, Schedule
from replay_ws.sim.world.boundary import guarded
from replay_ws.sim.world.garbage import steady_collection
from replay_ws.sim.world.members import shared_with_threads
from replay_ws.sim.world.shared import World
from replay_ws.sim.world.tape import Tape, Words, keyed_words
from replay_ws.sim.world.watchdog import watched

if TYPE_CHECKING:
    from pathlib import Path

    from replay_ws.cassette.redaction import Redactor
    from replay_ws.cassette.writer import StreamingWriter
    from replay_ws.events.log import Log
    from replay_ws.sim.lanes import Observer

Value = TypeVar("Value")
Program = Callable[[], Awaitable[Value]]

Threads = Literal["refuse", "managed", "free"]
Escapes = Literal["error", "warn"]

_TURNS_PER_INSTANT_MAX = 1_000_000
_PROFILE_TURNS_MAX = 100_000
_BATCH_MAX, _BATCH_GROWTH = 64, 4
_BATCH_NS_MAX = 50_000_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """Everything beside the program that decides how a run goes; ConfigError if it cannot.

    Of ``plan`` the decisions count; its configuration and seed are in ``config`` and ``seed``.
    A ``tape`` has the words that chance gives the program, and takes down further ones.
    """

    seed: int = 0
    schedule: Schedule = FIFO
    plan: FaultPlan = NO_PLAN
    config: MockConfiguration = DEFAULT
    profile: str = "agent5"
    redactor: Redactor | None = None
    threads: Threads = "refuse"
    preempt: Sequence[str] = ()
    escapes: Escapes = "error"
    turns_per_instant_max: int | None = _TURNS_PER_INSTANT_MAX
    tape: Tape | None = None

    def __post_init__(self) -> None:
        for name, choices in (("threads", Threads), ("escapes", Escapes)):
            if getattr(self, name) not in get_args(choices):
                raise unknown(f"choice of {name}", getattr(self, name), get_args(choices))
        for name, is_right, mend in _RULES:
            value = getattr(self, name)
            if not is_right(value):
                raise ConfigError(f"{name} is {value!r:.60}", mend=mend)
        plain = self.schedule.resolved(self.seed).is_plain
        if self.repeats_schedule and not (self.plan.exact or plain):
            raise ConfigError(
                f"the plan decides about the schedule, and so does schedule={str(self.schedule)!r}",
                mend="make the plan exact, or leave the schedule out",
            )
        if self.preempt and self.threads != "managed":
            raise ConfigError("preempt is for managed threads", mend='add threads="managed"')

    @property
    def words(self) -> Words:
        """What the program is given where it asks for chance."""
        return keyed_words(self.seed) if self.tape is None else self.tape.words(self.seed)

    @property
    def repeats_schedule(self) -> bool:
        """Whether the order comes from the plan."""
        return self.plan.exact or any(d.toxic in SCHEDULING for d in self.plan.decisions)


def require_profile(name: Any) -> Any:
    """``name``, if sessions can be judged by it; ConfigError if no profile is called so."""
    if not isinstance(name, str) or name in ("", "agent5"):
        return name  # of the default nothing must be read

    from replay_ws.compliance import is_profile, load_profile

    if not is_profile(name):
        load_profile(name)  # which says why not
    return name


def _are_paths(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(each, _PATH) for each in value)


def _is_bound(value: object) -> bool:
    return value is None or (type(value) is int and value > 0)


_PATH = (str, os.PathLike)
_RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("schedule", lambda value: isinstance(value, Schedule), "pass a Schedule"),
    (
        "plan",
        lambda value: isinstance(value, FaultPlan),
        "pass the plan of a session, as in plan=session.plan",
    ),
    (
        "profile",
        lambda value: isinstance(value, str),
        "pass the name of a protocol's profile, or an empty one for none",
    ),
    ("preempt", _are_paths, "pass a list of paths, as in preempt=['app.py']"),
    ("turns_per_instant_max", _is_bound, "pass a whole number from 1, or None for no bound"),
)


def execute(
    program: Program[Value],
    conditions: Conditions,
    *,
    record: str | os.PathLike[str] | None = None,
    observers: Sequence[Observer] = (),
) -> RunResult[Value]:
    """Run ``program()`` once; with ``record`` its session streams to that cassette.

    ``observers`` are told of every step. What the program raises comes out unchanged, with the
    session as its attribute ``session``.
    """
    refuse_to_nest()
    loop = loop_of(program, conditions)
    recording = recording_of(loop, conditions)
    world = _world(program, conditions)
    return _run(program, conditions, loop, recording, world, record, observers)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Value]):
    """How the run with ``seed`` ended: with a ``result``, or with an ``error``."""

    seed: int
    session: Session
    result: RunResult[Value] | None = None
    error: BaseException | None = None


def executions(
    program: Program[Value],
    variants: Iterable[Conditions],
    observers: Sequence[Observer] = (),
) -> Iterator[Outcome[Value]]:
    """What ``execute`` leaves under each of ``variants``, at a part of its cost.

    A batch of runs shares one world. Whoever takes an outcome is outside of it. The first batch is
    one run, so that who stops early has not paid for many that nobody looks at, and long runs make
    short batches.
    """
    remaining = iter(variants)
    size = 1
    for first in remaining:
        batch = chain([first], islice(remaining, size - 1))
        yield from _batch(program, first, batch, observers)
        size = min(_BATCH_GROWTH * size, _BATCH_MAX)


def _batch(
    program: Program[Value],
    first: Conditions,
    variants: Iterator[Conditions],
    observers: Sequence[Observer],
) -> list[Outcome[Value]]:
    """What the runs of one world left, which takes no more of them when it grows late."""
    until_ns = time.process_time_ns() + _BATCH_NS_MAX
    outcomes = []
    with _world(program, first) as world:
        for conditions in variants:
            outcomes.append(_outcome(program, _apart(conditions), world, observers))
            if time.process_time_ns() > until_ns:
                break
    return outcomes


def _apart(conditions: Conditions) -> Conditions:
    """``conditions`` for a run of their own: placeholders of secrets are numbered from 1."""
    redactor = conditions.redactor
    return conditions if redactor is None else replace(conditions, redactor=redactor.fresh())


def _outcome(
    program: Program[Value], conditions: Conditions, world: World, observers: Sequence[Observer]
) -> Outcome[Value]:
    refuse_to_nest()
    loop = loop_of(program, conditions)
    recording = recording_of(loop, conditions)
    try:
        result = _run(program, conditions, loop, recording, world, observers=observers)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if recording.ended is None:  # it is none of the program's
            raise
        return Outcome(conditions.seed, recording.ended, error=error)
    return Outcome(conditions.seed, result.session, result)


def _world(program: Program[Any], conditions: Conditions) -> World:
    return World(program, inlines_workers=conditions.threads != "managed")


def _run(
    program: Program[Value],
    conditions: Conditions,
    loop: VirtualLoop,
    recording: Recording,
    world: World,
    record: str | os.PathLike[str] | None = None,
    observers: Sequence[Observer] = (),
) -> RunResult[Value]:
    with contextlib.ExitStack() as edges:
        edges.callback(loop.close)
        edges.callback(CURRENT.reset, CURRENT.set(recording))
        writer = _writer(recording.log, record)
        if writer is not None:
            edges.callback(writer.close, failed=True)  # unless it was closed below
        for observer in observers:
            loop.observe(observer)
        watcher = Watcher(loop)
        begun_ns = time.process_time_ns()
        try:
            shown = world.shown(conditions.words, loop.time_ns)
            with entered(shown, loop, conditions, world), watcher:
                value = run_program(program, loop=loop)
                watcher.refuse_races()
        except BaseException as error:
            session = end(loop, recording, error)
            attach(error, session=session)
            watcher.note_races(error)
            if writer is not None:
                end_failed(writer, session, error)
            raise
        session = end(loop, recording)
        if writer is not None:
            writer.close()
        host_ns = time.process_time_ns() - begun_ns
        return RunResult(value, session, races=watcher.races, host_ns=host_ns)


def entered(
    shown: AbstractContextManager[object],
    loop: VirtualLoop,
    conditions: Conditions,
    world: World,
) -> contextlib.ExitStack:
    """All that is another during the run; it is put back when the stack closes.

    ``shown`` enters ``world``.
    """
    stack = contextlib.ExitStack()
    try:
        for edge in _edges(shown, loop, conditions, world):
            edge.__enter__()
            # As a callback, for a context manager would write to an exception that may be frozen.
            stack.callback(edge.__exit__, None, None, None)
    except BaseException:
        stack.close()
        raise
    return stack


def _edges(
    shown: AbstractContextManager[object],
    loop: VirtualLoop,
    conditions: Conditions,
    world: World,
) -> Iterator[AbstractContextManager[object]]:
    """What of the world is another during a run. The last one entered is the first one left."""
    if conditions.threads == "managed":
        # Before anything else, for it takes note of what the real functions are.
        from replay_ws.sim.threads.managed import managed_threads
    yield shown
    yield _bounded(loop, conditions)
    yield steady_collection(loop)
    if conditions.threads == "managed":
        yield shared_with_threads(world.parts)
        yield managed_threads(loop, preempt=conditions.preempt, carried=(CURRENT,))


@contextlib.contextmanager
def _bounded(loop: VirtualLoop, conditions: Conditions) -> Iterator[None]:
    """Guard the edge of the run; the recording is told what crossed it."""
    with (
        guarded(
            loop, escapes=conditions.escapes, threads=conditions.threads, carried=(CURRENT,)
        ) as boundary,
        watched(loop, threads=boundary.free_threads.lines),
    ):
        yield
    if (recording := CURRENT.get()) is not None:
        recording.escapes += boundary.crossings()


def recording_of(loop: VirtualLoop, conditions: Conditions, *, source: str = "") -> Recording:
    """The recording of a run on ``loop``; ``source`` says where the session comes from."""
    header = Header(
        seed=conditions.seed,
        schedule=str(conditions.schedule),
        profile=conditions.profile,
        source=source,
    )
    recording = Recording(
        header, LoopClock(loop), conditions.redactor, conditions.config, conditions.plan
    )
    loop.turns_per_instant_max = conditions.turns_per_instant_max
    loop.progress = recording.log.__len__
    return recording


# --- the schedule ------------------------------------------------------------------------------


def loop_of(program: Program[Any] | None, conditions: Conditions) -> VirtualLoop:
    """The loop that keeps the schedule, or the plan.

    Without a ``program`` that can be run once more, policies do without its profile.
    """
    schedule = conditions.schedule.resolved(conditions.seed)
    planned = conditions.repeats_schedule
    if not planned and schedule.is_plain and conditions.threads != "managed":
        return VirtualLoop()
    from replay_ws.sim.scheduling import loop_with_lanes, loop_with_plan

    if planned:
        return loop_with_plan(conditions.plan.decisions)
    profile = None
    if program is not None and schedule.needs_profile:
        profile = _profile(program, conditions)
    return loop_with_lanes(schedule, conditions.seed, profile)


_profiles: WeakKeyDictionary[Program[Any], dict[MockConfiguration, Profile]] = WeakKeyDictionary()


def _profile(program: Program[Any], conditions: Conditions) -> Profile:
    """The steps of ``program`` in arrival order, counted in a run of its own, once in a process.

    That run has seed 0, whatever the seed, so that all seeds have the same profile. How it ends
    does not matter: what it counted until then counts.
    """
    plain = replace(conditions, seed=0, schedule=FIFO, turns_per_instant_max=_PROFILE_TURNS_MAX)
    try:
        known = _profiles.setdefault(program, {})
    except TypeError:  # it has no weak references
        known = {}
    if conditions.config not in known:
        from replay_ws.sim.scheduling import StepCounts

        counts = StepCounts()
        try:
            execute(program, plain, observers=[counts])
        except KeyboardInterrupt:
            raise
        except BaseException:
            pass
        known[conditions.config] = counts.profile()
    return known[conditions.config]


def end(loop: VirtualLoop, recording: Recording, error: BaseException | None = None) -> Session:
    """End the session, with how the run departed from arrival order and what left it."""
    if loop.lanes is not None:
        for (kind, path), pairs in loop.lanes.departures.items():
            recording.note(Op.SCHEDULE, [kind, path, pairs.tolist()])
    if loop.outsiders.calls:
        recording.escapes.append("threads outside of the schedule called in")
    return recording.finish(error)


# --- the recording -----------------------------------------------------------------------------


def _writer(log: Log, path: str | os.PathLike[str] | None) -> StreamingWriter | None:
    if path is None:
        return None
    from replay_ws.cassette.writer import StreamingWriter

    return StreamingWriter(log, path)


def keep(
    session: Session, path: str | os.PathLike[str], error: BaseException | None = None
) -> None:
    """Write the cassette of a run that is over, as ``execute`` would have while it went on."""
    writer = _writer(session.log, path)
    assert writer is not None
    if error is None:
        writer.close()
    else:
        end_failed(writer, session, error)


def end_failed(writer: StreamingWriter, session: Session, error: BaseException) -> Path | None:
    """Keep what a program recorded that failed, and say where; of one that never began, nothing."""
    if isinstance(error, ProgramError) and not session.events:
        writer.discard()
        return None
    place = writer.close(failed=True)
    attach(error, recorded=place)
    if place is not None and place != writer.path:
        with contextlib.suppress(Exception):
            error.add_note(f"recorded in {place}; {writer.path} stays as it was")
    return place


def attach(error: BaseException, **facts: object) -> None:
    """Set attributes of an exception, if it takes any."""
    with contextlib.suppress(Exception):  # one that takes none, and says so in its own way
        for name, fact in facts.items():
            setattr(error, name, fact)
