"""The verbs: run, hunt, shrink, record, save, load, replay, compare, check.

A session, the result of a run or the path of a cassette will do as input.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from replay_ws import collector
from replay_ws.errors import CassetteError, ConfigError
from replay_ws.faults.configuration import (
    DEFAULT,
    MockConfiguration,
    recorded,
    require_configuration,
    require_seed,
)
from replay_ws.session import RunResult, Session

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from replay_ws.cassette.redaction import RedactorChoice
    from replay_ws.compliance import Profile, Report
    from replay_ws.diff import Diff
    from replay_ws.events.model import Plan
    from replay_ws.faults.modes import ModeChoice
    from replay_ws.faults.plans import FaultPlan
    from replay_ws.hunter.failure import Failure
    from replay_ws.hunter.hunt import Hunt, Progress, Stop
    from replay_ws.hunter.repro import Repro
    from replay_ws.hunter.targets import Target
    from replay_ws.recorder.methods import Methods
    from replay_ws.recorder.taps import ClockChoice, Tap
    from replay_ws.replayer.recorded import RecordedSession
    from replay_ws.running import Conditions, Escapes, Program, Threads
    from replay_ws.sim.schedule import Schedule

Value = TypeVar("Value")
Source = Session | RunResult[Any] | str | os.PathLike[str]
"""A session, the result of a run, or the path of a cassette."""


def run(
    program: Callable[[], Awaitable[Value]],
    *,
    seed: int | None = None,
    schedule: str | Schedule = "fifo",
    plan: Plan | FaultPlan | str | os.PathLike[str] | None = None,
    mode: ModeChoice | None = None,
    config: MockConfiguration | None = None,
    profile: str = "agent5",
    record: str | os.PathLike[str] | None = None,
    redactor: RedactorChoice = "default",
    threads: Threads = "refuse",
    preempt: Sequence[str] = (),
    escapes: Escapes = "error",
    turns_per_instant_max: int | None = 1_000_000,
    verify: bool = False,
) -> RunResult[Value]:
    """Run ``program()`` on virtual time and return its value and session.

    Mocks made inside follow ``seed`` (0 unless given) and ``mode`` (one or a list; or ``config``)
    unless they were given their own. What the program raises comes out unchanged, with the session
    as its attribute ``session``.

    ``schedule`` says which ready task goes next: ``fifo``, ``legal``, ``pos``, ``urw``, ``pct``,
    ``random``, ``portfolio`` (one of these, by the seed), or a ``Schedule`` with more to say.
    ``urw`` and ``pct`` run the program once more, to count its steps. With the ``plan`` of an
    earlier session both faults and order come from there, and no chance decides them. A fault plan,
    or the path of its file, says what mocks go through where nothing else was given; it decides
    about the order only where it is exact.

    Threads that the program starts are refused, or with ``threads="managed"`` take turns with its
    tasks, in one schedule and on one clock: at locks, queues, sleeps, starts and ends, and at every
    line of the files that ``preempt`` names (paths, whole or from the right, ``*`` where they
    vary). With ``threads="free"`` they are real, and the session is not ``replayable``. No more is
    one of which something left with ``escapes="warn"``, as a real socket does.

    With ``record`` the session streams to that cassette, which is whole also after an exception,
    but only a program that ended well replaces a file: the session of another goes to a new file
    beside it, ``.failed``, which a note on the exception names. ``recorded`` is where it is.
    ``redactor=None`` records secrets as they are.

    With ``verify`` the program runs three times here, and twice in another process, with all its
    side effects: first to warm up, then to be compared step by step when objects have other
    addresses, and when strings have other hashes. ``verified`` says what was compared; a program
    that another process cannot find by its name (a closure, a lambda) is not run there. The first
    event that differs is a DeterminismError, with both stacks and the likely source, and leaves no
    cassette.

    Raises ConfigError for an option that cannot be kept, EscapeError where the program would leave
    the run, DeadlockError when nothing can happen any more, RaceError for unordered accesses of
    what it watches, CassetteError when ``record`` cannot be written, and ProgramError for
    something that is no program, or takes more turns than ``turns_per_instant_max`` while neither
    time passes nor anything is recorded.
    """
    from replay_ws.running import execute

    if not isinstance(record, (str, os.PathLike, type(None))):
        raise ConfigError(f"record is {record!r:.60}", mend="pass the path of a cassette")
    if not isinstance(verify, bool):
        raise ConfigError(f"verify is {verify!r:.60}", mend="pass True or False")
    base = DEFAULT if config is None else config
    require_configuration(base)
    conditions = _conditions(
        seed=seed,
        schedule=schedule,
        plan=plan_of(plan),
        config=base if mode is None else base.replace(mode=mode),
        profile=profile,
        redactor=redactor,
        threads=threads,
        preempt=preempt,
        escapes=escapes,
        turns_per_instant_max=turns_per_instant_max,
    )
    if verify:
        from replay_ws.verifier import execute_verified

        return execute_verified(program, conditions, record=record)
    return execute(program, conditions, record=record)


def _conditions(
    *,
    seed: int | None,
    schedule: str | Schedule,
    plan: FaultPlan,
    config: MockConfiguration,
    profile: str,
    redactor: RedactorChoice,
    **others: Any,
) -> Conditions:
    """What is given to ``run`` or ``hunt``, as the value that decides a run."""
    from replay_ws.cassette.redaction import redactor_of
    from replay_ws.running import Conditions, require_profile
    from replay_ws.sim.schedule import Schedule

    return Conditions(
        seed=require_seed((plan.seed or 0) if seed is None else seed),
        schedule=schedule if isinstance(schedule, Schedule) else Schedule(schedule),
        plan=plan,
        config=plan.applied(config),
        profile=require_profile(profile),
        redactor=redactor_of(redactor),
        **others,
    )


def hunt(
    program: Program[Any] | Target | str,
    *,
    seeds: Iterable[int] | str = range(1_000),
    schedule: str | Schedule = "portfolio",
    modes: Iterable[ModeChoice] | str | None = None,
    plan: FaultPlan | str | os.PathLike[str] | None = None,
    config: MockConfiguration | None = None,
    profile: str = "agent5",
    redactor: RedactorChoice = "default",
    threads: Threads = "refuse",
    preempt: Sequence[str] = (),
    escapes: Escapes = "error",
    turns_per_instant_max: int | None = 1_000_000,
    stop: Stop = None,
    budget: float | None = None,
    executor: Executor | str | None = None,
    jobs: int | None = None,
    quiet: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Hunt:
    """Run ``program()`` under many seeds, and group what fails by how it does.

    Each of ``seeds`` (a range, or a text as ``"0..500"``) runs in each of ``modes``; None is the
    one of ``config``, ``"all"`` each there is, and a list is several at once. The rest is as for
    ``run``; the program may also be given by name, ``module:function`` or ``file.py:function``.

    ``stop`` ends the hunt at the ``first`` failure, when some group has so many, or at
    ``saturation``, when hardly any run does something new; ``budget`` ends it after so many
    seconds. Runs take place here, in ``jobs`` processes, or in any ``concurrent.futures.Executor``,
    which may also be named: ``process``, ``loky``, ``dask``, ``dask:tcp://host:port``, ``mpi``,
    ``ray``. What is found is the same with all of them. Workers find the program by its name, so it
    stands at the top of a module. With ``quiet`` what it prints is not shown; ``progress`` is told
    how far the hunt is.

    Raises ConfigError for an option that cannot be kept, and ProgramError for what is no program.
    Ctrl-C ends the hunt with what was found until then.
    """
    from replay_ws.hunter.hunt import hunt as hunt_target
    from replay_ws.hunter.sweep import trials_of
    from replay_ws.hunter.targets import require_its_own, target_of

    base = DEFAULT if config is None else config
    require_configuration(base)
    conditions = _conditions(
        seed=0,
        schedule=schedule,
        plan=plan_of(plan),
        config=base,
        profile=profile,
        redactor=redactor,
        threads=threads,
        preempt=preempt,
        escapes=escapes,
        turns_per_instant_max=turns_per_instant_max,
    )
    target = target_of(program, conditions)
    require_its_own(target, conditions)
    return hunt_target(
        target,
        trials_of(seeds, modes, conditions.schedule),
        stop=stop,
        budget_s=budget,
        executor=executor,
        jobs=jobs,
        quiet=quiet,
        progress=progress,
    )


def shrink(
    program: Program[Any] | Target | str,
    failure: Failure | BaseException,
    *,
    runs_max: int = 2_000,
) -> Repro:
    """The fewest decisions with which ``program`` fails as it did, as a repro.

    ``failure`` is one that a hunt found, or what ``run`` raised. Faults, delays of tasks and late
    timers are dropped, and made smaller, as long as it fails in the same way. Where ``runs_max``
    runs do not suffice, the best so far is given, and its facts say so. ``save`` of the result
    writes a file that needs no seed; ``facts`` has the cause, the steps in words, and how likely
    the failure had become at which step of the run.

    Raises ProgramError where it does not fail so any more, and DeterminismError where it does not
    do the same twice.
    """
    from replay_ws.hunter.explain import explain
    from replay_ws.hunter.failure import failure_of
    from replay_ws.hunter.forks import fork
    from replay_ws.hunter.repro import make_repro
    from replay_ws.hunter.shrink import shrink as shrink_failure
    from replay_ws.hunter.targets import target_of

    found = failure_of(failure)
    target = target_of(program, found.conditions)
    shrunk = shrink_failure(target, found, runs_max=runs_max)
    return make_repro(target, shrunk, explain(target, shrunk), fork(target, shrunk))


def shrink_messages(
    program: Callable[[list[Any]], Awaitable[Any]],
    messages: Sequence[Any] | Session | str | os.PathLike[str],
    failure: Failure | BaseException | None = None,
) -> list[Any]:
    """The fewest of ``messages`` with which ``program(messages)`` fails as it does with all.

    A session, or the path of one, stands for the payloads that its clients sent. Every run has the
    seed, the faults and the order of ``failure``, or without one those of ``run`` as it is.

    Raises ProgramError if the program passes with all of them.
    """
    from replay_ws.hunter.failure import failure_of
    from replay_ws.hunter.messages import fewest_messages, said_in
    from replay_ws.running import Conditions

    if isinstance(messages, (str, os.PathLike)):
        messages = load(messages)
    if isinstance(messages, Session):
        messages = said_in(messages)
    conditions = Conditions() if failure is None else failure_of(failure).conditions
    return fewest_messages(program, messages, conditions)


def record(
    manager: object,
    methods: Methods = None,
    *,
    to: str | os.PathLike[str] | None = None,
    clock: ClockChoice = "virtual",
    redactor: RedactorChoice = "default",
    profile: str | None = None,
) -> Tap:
    """Record what is called on an object of your own, while the ``with`` block lasts.

    ``methods`` names them; None is every public method. The object works as ever, and is as before
    when the block ends. Each call is recorded with its arguments (defaults included) and with what
    it returned or raised, redacted; what has no encoding is recorded as the name of its type. A
    call whose parameters name a connection (``thread_id``, ``user_id``, ``connection_id``,
    ``run_id``, ...) and something to send (``message``, ``payload``, ``data``, ...) is a message
    too: delivered, or rejected if it returned False or raised, or in doubt if it was cancelled or
    timed out. Where the names do not say so, a mapping does:
    ``methods={"emit": ("room", "body"), "log": None}``; a third parameter is the message's type.
    Methods whose name begins with ``receive``, ``recv``, ``handle`` or ``on_`` send upstream.

    Within a run the times are the run's, and the run's own session is as without it. Elsewhere no
    time passes, so that a program that does the same leaves the same bytes; ``clock="host"`` takes
    the host's time since the beginning instead.

    ``session()`` is what was recorded so far. With ``to`` it is a cassette, which is whole also
    after an exception, but only a block that ended well replaces a file: another goes to a new one
    beside it, ``.failed``. ``recorded`` is where it is. ``profile`` is the run's, else agent5.

    Raises ConfigError for what is no method, a generator, a class, and an object whose
    ``__slots__`` leave no room; CassetteError when ``to`` cannot be written.
    """
    from replay_ws.recorder.taps import Tap

    return Tap(manager, methods, to=to, clock=clock, redactor=redactor, profile=profile)


def save(source: Source, path: str | os.PathLike[str]) -> None:
    """Write a session's cassette, whole or not at all; raises CassetteError."""
    from replay_ws.cassette.writer import save as write

    write(session_of(source).log, path)


def load(path: str | os.PathLike[str], *, partial: bool = False) -> RecordedSession:
    """Read a cassette and verify it.

    ``as_manager()`` of what comes back stands in for the manager that it was recorded from. Raises
    CassetteError when it is damaged, unfinished or none; with ``partial`` what is whole of a
    damaged one is read all the same.
    """
    from replay_ws.cassette.reader import read
    from replay_ws.replayer.recorded import RecordedSession

    log = read(path, partial=partial)
    for channel in log.channels:
        try:
            recorded(channel.config)
        except (ConfigError, TypeError) as error:
            raise CassetteError(
                f"the configuration of a channel is not one of ours: {error}",
                where=str(path),
                mend="replay-ws verify it, or record it anew",
            ) from error
    return RecordedSession(log)


def session_of(source: Source) -> Session:
    """The session that ``source`` is, has, or is the path of."""
    match source:
        case Session():
            return source
        case RunResult():
            return source.session
        case str() | os.PathLike():
            return load(source)
        case _:
            raise ConfigError(
                f"{source!r:.60} is no session", mend="pass a session, a run's result, or a path"
            )


def replay(
    source: Source,
    *,
    mode: ModeChoice | None = None,
    seed: int | None = None,
    config: MockConfiguration | None = None,
    plan: Plan | FaultPlan | str | os.PathLike[str] | None = None,
) -> RecordedSession:
    """What a recorded session becomes under another mode, seed, configuration or plan.

    Sends the recorded intents at their recorded times; no user code runs. With no argument it comes
    back bit for bit. ``mode`` is one or a list, ``plan`` that of a session, a fault plan or the
    path of its file. ``as_manager()`` of the result stands in for the manager that it was recorded
    from, and answers as that would have.
    """
    from replay_ws.replayer import replay as replay_session
    from replay_ws.replayer.recorded import RecordedSession

    session, planned = session_of(source), plan_of(plan)
    again = replay_session(session, mode=mode, seed=seed, config=config, plan=planned)
    return RecordedSession(again.log, again.outcome)


def plan_of(source: Plan | FaultPlan | str | os.PathLike[str] | None) -> FaultPlan:
    """The fault plan that ``source`` is, or is the path of; the plan of a session is exact."""
    from replay_ws.faults.plans import parse_plan, plan_from

    if not isinstance(source, str | os.PathLike):
        return plan_from(source)
    try:
        text = Path(source).read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        mend = "name a plan file, e.g. what `replay-ws plan CASSETTE -o plan.toml` writes"
        raise ConfigError(f"this is no plan: {what}", where=str(source), mend=mend) from error
    return parse_plan(text, where=str(source))


def compare(
    golden: Source,
    run: Source,
    *,
    order: str = "causal",
    tolerance_ns: int = 0,
    ignore: Iterable[str] = (),
    volatile: Mapping[str, object] | None = None,
    profile: str | Profile | None = None,
    allow: Iterable[str] = ("framing",),
) -> Diff:
    """How ``run`` differs from ``golden`` in what was delivered: order, payload, timing, fate.

    ``order`` is ``total``, ``causal``, ``thread`` or ``bag``; deliveries that differ by no more
    than ``tolerance_ns`` are on time. ``ignore`` names values that may differ, as in
    ``$.data.timestamp``, ``agent_started:$.run_id`` or ``$..id``; ``volatile`` says what they may
    be, as in ``{"**.run_id": "id:run", "**.ts": "clock"}``: names answer each other one to one.
    ``allow`` names categories that do not make the sessions different. With a ``profile`` events
    keep the order of cause and effect that it states, its own volatile values are known, and its
    checks are compared too.
    """
    from replay_ws.compliance import load_profile
    from replay_ws.diff import compare as compare_sessions

    ours, theirs = session_of(golden), session_of(run)
    with collector.at_rest():
        return compare_sessions(
            ours,
            theirs,
            order=order,
            tolerance_ns=tolerance_ns,
            ignore=ignore,
            volatile=volatile,
            profile=load_profile(profile) if isinstance(profile, str) else profile,
            allow=allow,
        )


def check(source: Source, *, profile: str | Profile | None = None) -> Report:
    """Whether what was delivered keeps the rules of a protocol, scored 0.0 to 1.0.

    Without ``profile`` the one that the session names; agent5 when it names none.
    """
    from replay_ws.compliance import check as check_events

    session = session_of(source)
    return check_events(session.columns(), profile=profile or session.profile or "agent5")
