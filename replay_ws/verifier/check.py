"""The determinism check: the same program again, with what should not matter changed.

    warm-up     fills caches and imports what is imported late; its story is thrown away
    first run   the result, and the story that the others are held against
    heap        again in this process, with other addresses
    hash seed   twice more in another process, with another PYTHONHASHSEED; the second counts

When the run in the other process differs, a few more processes tell why: some with the same hash
seed, some with others.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import Any

from replay_ws.running import Conditions, Program, Value, keep
from replay_ws.session import RunResult, Verification
from replay_ws.sim.places import name_of
from replay_ws.sim.runner import refuse_to_nest
from replay_ws.verifier.attempt import Attempt, Parting, attempt
from replay_ws.verifier.carried import carried_state, modules_of
from replay_ws.verifier.difference import determinism_error
from replay_ws.verifier.heap import Heap
from replay_ws.verifier.process import NotAskable, Question, ask, question
from replay_ws.verifier.sources import HASH_SEED, HEAP, PARENT, PROCESS

_HASH_SEEDS = ("1", "2", "3", "4")
_SAME_SEED_TRIES = 2  # two orders of a few things may agree by chance


def execute_verified(
    program: Program[Value],
    conditions: Conditions,
    *,
    record: str | os.PathLike[str] | None = None,
) -> RunResult[Value]:
    """As ``running.execute``, and ``verified``; the cassette is written once all runs agree.

    Raises DeterminismError where they do not, and what the program raises if it always does, with
    what was verified as its attribute ``verified``.
    """
    refuse_to_nest()
    first, verified = _check(program, conditions)
    if first.error is not None:
        with contextlib.suppress(AttributeError):  # a frozen exception
            first.error.verified = verified  # type: ignore[attr-defined]
        session = getattr(first.error, "session", None)
        if record is not None and session is not None:
            keep(session, record, first.error)
        raise first.error
    assert first.result is not None
    if record is not None:
        keep(first.result.session, record)
    return replace(first.result, verified=verified)


def _check(program: Program[Any], conditions: Conditions) -> tuple[Attempt, Verification]:
    """The first run, and what it was held against."""
    files = attempt(program, conditions).trace.files
    heap = Heap()
    before = _state(program, files)
    first = attempt(program, conditions)
    after = _state(program, files)
    with heap.stirred():
        parting = attempt(program, conditions, first.trace.story).parting
    del heap
    name, story = name_of(program), first.trace.story
    if parting is not None:
        redact = conditions.redactor.text if conditions.redactor else str
        changed = [n for n in after if before.get(n, after[n]) != after[n]]
        carried = {n: (redact(before[n]), redact(after[n])) for n in changed}
        raise determinism_error(first.trace, parting, varied=HEAP, program=name, carried=carried)
    try:
        asked = question(program, conditions, story)
        difference = ask(asked, _other_seeds()[0])
    except NotAskable as refusal:
        return first, Verification((HEAP,), story.steps, len(story), (f"{HASH_SEED}: {refusal}",))
    if difference is not None:
        varied = _told_apart(asked, difference)
        raise determinism_error(first.trace, difference, varied=varied, program=name)
    return first, Verification((HEAP, HASH_SEED), story.steps, len(story))


def _state(program: Program[Any], files: set[str]) -> dict[str, str]:
    return carried_state(modules_of(files), program)


def _other_seeds() -> list[str]:
    return [seed for seed in _HASH_SEEDS if seed != os.environ.get("PYTHONHASHSEED")]


def _told_apart(asked: Question, parting: Parting) -> str:
    """What makes a run in another process differ, by experiment.

    If more processes with the same hash seed differ from that one, it is not the seed; if one with
    another seed does, it is.
    """
    same_seed, *other_seeds = _other_seeds()
    if _any_differs(asked, parting, [same_seed] * _SAME_SEED_TRIES):
        return PROCESS
    return HASH_SEED if _any_differs(asked, parting, other_seeds) else PARENT


def _any_differs(asked: Question, parting: Parting, hash_seeds: list[str]) -> bool:
    return any(not _agree(ask(asked, seed), parting) for seed in hash_seeds)


def _agree(one: Parting | None, other: Parting) -> bool:
    return one is not None and (one.position, one.after) == (other.position, other.after)
