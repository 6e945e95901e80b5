"""What failed, and how: the signature by which failures of one bug are told from another's.

Two seeds that meet the same bug seldom fail in the same words: numbers, names of connections and
times differ. A signature keeps what the bug decides: the kind of the exception, its message without
those, and the function of the user's that raised it. Lines do not count, so that it survives edits.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import FrameType
from typing import NamedTuple

from replay_ws.cassette.redaction import redactor_of
from replay_ws.errors import ConfigError, DeadlockError
from replay_ws.faults.configuration import DEFAULT, recorded
from replay_ws.faults.plans import FaultPlan
from replay_ws.running import Conditions
from replay_ws.session import Session
from replay_ws.sim.places import is_installed, is_library
from replay_ws.sim.schedule import FIFO
from replay_ws.text import cut

_MESSAGE_MAX = 200
_PLACES_MAX = 4

_REWRITTEN = "assert "
"""How an assertion begins that says nothing of its own, and is told by pytest."""

_VOLATILE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), "<id>"),
    (re.compile(r"\b0x[0-9a-fA-F…]+"), "<address>"),
    (re.compile(r"\b(?=\w*\d)(?=\w*[a-fA-F])[0-9a-fA-F]{8,}\b"), "<id>"),
    (re.compile(r"\d+(?:[.:,]\d+)*(?:e[+-]?\d+)?"), "N"),
    (re.compile(r"\[[^\[\]]+\]"), "[...]"),
    (re.compile(r"\s+"), " "),
)


class Signature(NamedTuple):
    """What failures of one bug have in common.

    ``kind`` is the name of the exception, ``message`` the first line of what it says (of an
    assertion that says nothing, the line itself), ``place`` the function that raised it, or for a
    deadlock who waits for what. ``event`` is the type of the first event that differs where it is a
    golden that does.
    """

    kind: str
    message: str
    place: str = ""
    event: str = ""

    def __str__(self) -> str:
        head = f"{self.kind}: {self.message}" if self.message else self.kind
        event = f" ({self.event})" if self.event else ""
        return f"{head}{event} in {self.place}" if self.place else head + event


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed: the ``number``-th of its hunt, under ``conditions``, which bring it back.

    ``message`` is what the error said, without secrets.
    """

    conditions: Conditions
    signature: Signature
    message: str = ""
    number: int = 0

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.conditions.seed

    @property
    def mode(self) -> str:
        """The behaviour mode of the run, ``a+b`` for two at once."""
        return "+".join(mode.value for mode in self.conditions.config.modes)


def failure_of(found: Failure | BaseException) -> Failure:
    """The failure that ``found`` is, or that ``run`` raised: its session says how to repeat it."""
    if isinstance(found, Failure):
        return found
    session = getattr(found, "session", None)
    if not isinstance(session, Session):
        raise ConfigError(
            f"{found!r:.60} is no failure of a run",
            mend="pass one of hunt.failures, or what run(...) raised",
        )
    return Failure(conditions_of(session), signature_of(found), message_of(found))


def conditions_of(session: Session, base: Conditions | None = None) -> Conditions:
    """What brings ``session`` back: its seed, its decisions, and the configuration of its mocks.

    ``base`` has what no session says: threads, escapes, redaction.
    """
    channels = session.log.channels
    config = recorded(channels[0].config) if channels else DEFAULT
    return replace(
        base or Conditions(redactor=redactor_of("default")),
        seed=session.seed,
        plan=FaultPlan(decisions=session.plan, exact=True),
        config=config,
        schedule=FIFO,
        profile=session.profile,
    )


def signature_of(error: BaseException) -> Signature:
    """The signature of what a program raised in a run."""
    leaf = _leaf(error)
    kinds = [type(error).__qualname__] if leaf is error else _kinds(error)
    if isinstance(leaf, DeadlockError):
        return Signature("DeadlockError", "nothing can happen any more", _waits(leaf))
    frame, line = _raised_at(leaf)
    message = steady_message(message_of(error))
    if frame and (not message or message.startswith(_REWRITTEN)):
        message = linecache.getline(frame.f_code.co_filename, line).strip()
    place = frame.f_code.co_qualname if frame else ""
    event = getattr(error, "event_type", "")
    return Signature(" > ".join(kinds), message, place, event if isinstance(event, str) else "")


def message_of(error: BaseException) -> str:
    """The first line of what an error said, as its session tells it: without secrets."""
    session = getattr(error, "session", None)
    if not isinstance(session, Session):
        return ""
    text = str(session.end.get("message", ""))
    if isinstance(error, BaseExceptionGroup):
        *_, text = text.split("\n")
    return text.partition("\n")[0].strip()


def steady_message(text: str) -> str:
    """``text`` without what differs from one failure of a bug to the next."""
    for pattern, word in _VOLATILE:
        text = pattern.sub(word, text)
    return cut(text, _MESSAGE_MAX)


def _kinds(error: BaseException) -> list[str]:
    """The names of an exception group, and of what is in it first, and so on."""
    kinds = [type(error).__qualname__]
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
        kinds.append(type(error).__qualname__)
    return kinds


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _raised_at(error: BaseException) -> tuple[FrameType | None, int]:
    """The innermost frame of the user's own code, and its line; of a library's if there is none."""
    own: tuple[FrameType | None, int] = (None, 0)
    other = own
    for frame, line in _frames(error):
        if is_library(frame):
            continue
        if is_installed(frame.f_code.co_filename):
            other = (frame, line)
        else:
            own = (frame, line)
    return own if own[0] else other


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


_WAITER = re.compile(
    r"^(?:Task-\S+ \((?P<task>[^)]*)\)|(?P<other>.*?)) (?:at .*? )?(?P<waits>waits .*)$"
)


def _waits(error: DeadlockError) -> str:
    """``Conductor.run waits for asyncio.Queue.get``: who they are, however many of each."""
    told = set()
    for line in error.waiting:
        found = _WAITER.match(line)
        words = f"{found['task'] or found['other']} {found['waits']}" if found else line
        told.add(steady_message(words))
    return cut("; ".join(sorted(told)[:_PLACES_MAX]), _MESSAGE_MAX)
