"""Where a difference between two runs is likely to come from: a table of rules.

A rule looks at the evidence and says what it knows, or nothing; the first that speaks is believed.
The order is that of certainty: first what was seen to happen or to change, then what fits the way
in which the runs differ, last a name that is used somewhere near.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from replay_ws.verifier.suspects import ADDRESS, NONE, TEXT, UNKNOWN, NameUse, SetWalk

HEAP, HASH_SEED, PROCESS, PARENT = "heap", "hash seed", "process", "parent process"
"""What was varied when the runs parted: the heap of one process; the hash seed of another; nothing
but the process; or nothing: all other processes agree with each other, and not with this one."""


@dataclass(frozen=True, slots=True)
class Source:
    """A likely source, and how to mend it."""

    likely: str
    mend: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about the place where two runs part.

    ``texts`` are the two events. ``finalizer`` is the function that the collector, or the end of
    the last reference, called there. ``carried`` maps what one run left to the next to what it was
    when each began.
    """

    varied: str
    texts: tuple[str, str] = ("", "")
    finalizer: str = ""
    carried: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    walks: Sequence[SetWalk] = ()
    names: Sequence[NameUse] = ()
    foreign_calls: int = 0


def source_of(evidence: Evidence) -> Source:
    """The likely source of a difference."""
    for rule in RULES:
        source = rule(evidence)
        if source is not None:
            return source
    return _UNRECOGNISED[evidence.varied]


# --- rules -------------------------------------------------------------------------------------


def _foreign_threads(evidence: Evidence) -> Source | None:
    if not evidence.foreign_calls:
        return None
    calls = f"{evidence.foreign_calls} call{'s' if evidence.foreign_calls > 1 else ''}"
    return Source(
        f"real threads: {calls} came in from outside of the run, at times of their own",
        'give their work to the run, or run with threads="managed"',
    )


def _finalizer(evidence: Evidence) -> Source | None:
    if not evidence.finalizer:
        return None
    return Source(
        f"{evidence.finalizer}, which runs when an object is found to be garbage",
        "close the object where its use ends: with a 'with' block, aclose(), or try/finally",
    )


def _carried(evidence: Evidence) -> Source | None:
    used = {use.name for use in evidence.names}
    changes = [
        f"`{name}` was {before} when the first run began, and {after} when the second did"
        for name, (before, after) in evidence.carried.items()
        if name.rpartition(".")[2] in used
    ]
    if not changes:
        return None
    return Source(
        f"state that one run leaves to the next: {'; '.join(changes)}",
        "make it inside the program, or reset it where the program begins",
    )


_MEND_SET = "sort the members by something of their own, or keep them in a list or a dict"
_HASHES = {
    ADDRESS: "which hash by their addresses (id)",
    NONE: "and the hash of None is an address before Python 3.12",
    TEXT: "whose hashes depend on PYTHONHASHSEED",
}
_FITTING = {
    HEAP: (ADDRESS,),
    HASH_SEED: (TEXT, NONE, ADDRESS),
    PROCESS: (NONE, ADDRESS),
    PARENT: (ADDRESS, TEXT),
}
_HASHED_BY_WHAT = {
    HEAP: "whose members would hash by their addresses (id)",
    HASH_SEED: "whose members would have hashes that depend on PYTHONHASHSEED, as text does",
    PROCESS: "whose members would hash by an address, as None does before Python 3.12",
    PARENT: "whose members would have other hashes in another process",
}


def _set_under_way(evidence: Evidence) -> Source | None:
    return _set_looked_at(replace(evidence, walks=[w for w in evidence.walks if w.is_live]))


def _set_looked_at(evidence: Evidence) -> Source | None:
    for walk in evidence.walks:
        if walk.hashed_by in _FITTING[evidence.varied]:
            return Source(
                f"iteration over {walk.what}, {_HASHES[walk.hashed_by]}, at {walk.place}", _MEND_SET
            )
    return None


def _set_in_the_source(evidence: Evidence) -> Source | None:
    for walk in evidence.walks:
        if walk.hashed_by == UNKNOWN:
            by = _HASHED_BY_WHAT[evidence.varied]
            return Source(f"iteration over {walk.what}, {by}, at {walk.place}", _MEND_SET)
    return None


class _Suspects(NamedTuple):
    """Names that bring something in from outside of a run, if ``varied`` fits.

    One that ``is_global`` counts only as such, for an attribute may well be called so.
    """

    names: tuple[str, ...]
    why: str
    mend: str
    is_global: bool = False
    varied: tuple[str, ...] = (HEAP, HASH_SEED, PROCESS, PARENT)


_ELSEWHERE = (HASH_SEED, PROCESS, PARENT)
_FILES = "what it finds may change between runs"
_OWN_FILE = "give the program a file of its own, that every run finds as the first did"
_SUSPECTS = (
    _Suspects(("id",), "id() is an address", "number the objects as they are made", is_global=True),
    _Suspects(
        ("process_time", "process_time_ns", "thread_time", "thread_time_ns", "times", "getrusage"),
        "it measures the host, and stays real inside a run",
        "keep measurements out of what the program sends, waits for and returns",
    ),
    _Suspects(
        ("read_text", "read_bytes", "readlines", "st_size", "st_mtime", "getmtime", "getsize"),
        _FILES,
        _OWN_FILE,
    ),
    _Suspects(("open",), _FILES, _OWN_FILE, is_global=True),
    _Suspects(
        ("listdir", "scandir", "iterdir", "glob", "rglob"),
        f"{_FILES}, and so may its order",
        "sort it, and give the program a folder of its own",
    ),
    _Suspects(
        ("get_ident", "get_native_id", "current_thread"),
        "it names a real thread",
        "give the threads names of their own",
    ),
    _Suspects(
        ("getpid", "getppid"),
        "it is another one in every process",
        "keep it out of what the program sends and returns",
        varied=_ELSEWHERE,
    ),
    _Suspects(
        ("hash",),
        "the hash of text depends on PYTHONHASHSEED",
        "use hashlib, or zlib.crc32",
        is_global=True,
        varied=_ELSEWHERE,
    ),
)


def _name_used(evidence: Evidence) -> Source | None:
    table = {name: row for row in _SUSPECTS for name in row.names}
    for use in evidence.names:
        row = table.get(use.name)
        if row is not None and evidence.varied in row.varied and use.is_global >= row.is_global:
            return Source(f"`{use.name}`, used at {use.place}: {row.why}", row.mend)
    return None


_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_ADDRESS_TEXT = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_UNIX_TIME = re.compile(r"\b1[6-9]\d{8}(?:\.\d+|\d{3}|\d{6}|\d{9})?\b")
_DATE = re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?")
_SHAPES = (
    (_ADDRESS_TEXT, "an address, as in the repr of an object", "give the class a __repr__"),
    (_UUID, "a UUID that the run did not draw", "make it inside the run, with the uuid module"),
    (_DATE, "a wall-clock time", "ask for the time inside the run, by time or datetime"),
    (_UNIX_TIME, "a wall-clock time", "ask for the time inside the run, by time or datetime"),
)


def _shape(evidence: Evidence) -> Source | None:
    for pattern, what, mend in _SHAPES:
        ours, theirs = (pattern.findall(text) for text in evidence.texts)
        if ours and theirs and ours != theirs:
            return Source(f"{ours[0]!r} against {theirs[0]!r}: this looks like {what}", mend)
    return None


RULES: tuple[Callable[[Evidence], Source | None], ...] = (
    _foreign_threads,
    _finalizer,
    _set_under_way,
    _carried,
    _set_looked_at,
    _shape,
    _name_used,
    _set_in_the_source,
)

_UNRECOGNISED = {
    HEAP: Source(
        "not recognised; what changed between the runs is the heap (addresses, when garbage is "
        "collected) and whatever the first run left behind",
        "look for an order, a value or a state that comes from outside of the program",
    ),
    HASH_SEED: Source(
        "hashes of text, which depend on PYTHONHASHSEED; where they are used was not recognised",
        "look for a set of str or bytes whose order shows, or a use of hash()",
    ),
    PROCESS: Source(
        "something that differs from process to process under one hash seed: an address"
        + (" (hash(None) is one)" if sys.version_info < (3, 12) else "")
        + ", the process id, real time",
        "look for an order or a value that comes from outside of the program",
    ),
    PARENT: Source(
        "this process: other processes agree with each other, and not with it; what was loaded, "
        "set or left here before the run shows in the program",
        "look for globals, caches, environment variables that others set before the run",
    ),
}
