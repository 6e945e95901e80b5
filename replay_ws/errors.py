"""Every error of replay_ws: what is wrong, where, and how to mend it.

The three facts are attributes, so that a program can use them too; ``str(error)`` puts
them in that order, one under the other. The classes tell apart who has to act: the user
(``ConfigError``), the owner of a file (``CassetteError``, ``SourceError``), the author of the
program under test (``ProgramError``, ``DeadlockError``, ``DeterminismError``, ``EscapeError``,
``ExpectationError``, ``GoldenMismatch``).
"""

from __future__ import annotations

from collections.abc import Iterable


class ReplayWsError(Exception):
    """Base of all errors that replay_ws raises on purpose."""

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  mend: {self.mend}" if self.mend else head


class ConfigError(ReplayWsError, ValueError):
    """An option, field, mode or name that replay_ws does not accept, or a missing tool."""


class CassetteError(ReplayWsError):
    """A cassette that is damaged, unfinished, too new, or not a cassette at all."""


class SourceError(ReplayWsError):
    """Something to import that is damaged, empty, or not what it was taken for."""


class ProgramError(ReplayWsError):
    """A program that cannot be found, is not a callable that returns an awaitable, or does not end.

    Also a mock that is used after the run that it belongs to.
    """


class DeadlockError(ReplayWsError):
    """Nothing is ready, no timer is left, and tasks still wait.

    ``waiting`` holds one line for each of them: its name, where it waits and for what.
    """

    def __init__(self, what: str, *, waiting: tuple[str, ...] = ()) -> None:
        super().__init__(
            what,
            mend="complete what the tasks wait for, or give the wait a timeout",
        )
        self.waiting = waiting

    def __str__(self) -> str:
        lines = [self.what, *(f"  {line}" for line in self.waiting), f"  mend: {self.mend}"]
        return "\n".join(lines)


class DeterminismError(ReplayWsError):
    """Two runs of one program, with one seed and under the same conditions, differ.

    ``varied`` says what was changed between them on purpose: ``heap``, ``hash seed``, ... The first
    event that differs is the one in ``step`` (from 1) of the run, at ``time_ns``, done by ``lane``;
    ``events`` says what it is in each of the two runs, ``stacks`` where that was, outermost line
    first. ``likely`` is where the difference is likely to come from.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        mend: str = "",
        varied: str = "",
        step: int = 0,
        time_ns: int = 0,
        lane: str = "",
        events: tuple[str, str] = ("", ""),
        stacks: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
        likely: str = "",
        lines: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what, where=where, mend=mend)
        self.varied = varied
        self.step = step
        self.time_ns = time_ns
        self.lane = lane
        self.events = events
        self.stacks = stacks
        self.likely = likely
        self.lines = lines
        """The report, for a reader."""

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        closing = (("likely", self.likely), ("mend", self.mend))
        told = (f"{word}: {text}" for word, text in closing if text)
        return "\n  ".join((head, *self.lines, *told))


class EscapeError(ReplayWsError):
    """A deterministic run reached for something outside of it (a socket, a real thread)."""


class RaceError(ReplayWsError, AssertionError):
    """Accesses of something watched have no order; ``races`` holds what was found."""

    def __init__(self, races: tuple[object, ...]) -> None:
        number = "a race" if len(races) == 1 else f"{len(races)} races"
        lines = "\n  ".join(str(race) for race in races)
        super().__init__(f"{number} in what is watched:\n  {lines}", mend=_MEND_RACE)
        self.races = races


_MEND_RACE = (
    "order the accesses, or watch with report='collect' and look at the result's races yourself"
)


class EscapeWarning(UserWarning):
    """A run was let through to something outside of it, so that it cannot be replayed."""


class ExpectationError(ReplayWsError, AssertionError):
    """What a test expects of a mock is not so; ``lines`` show the events that it is about."""

    def __init__(
        self, what: str, *, where: str = "", mend: str = "", lines: tuple[str, ...] = ()
    ) -> None:
        super().__init__(what, where=where, mend=mend)
        self.lines = lines

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        mend = [f"mend: {self.mend}"] if self.mend else []
        return "\n  ".join([head, *self.lines, *mend])


class GoldenMismatch(ReplayWsError, AssertionError):
    """A run differs from its golden."""


class ReplayMismatch(ReplayWsError, AssertionError):
    """A program called a stand-in otherwise than the cassette recorded, or not as often.

    ``expected`` and ``actual`` are the two calls as text, ``nearest`` the recorded call that is
    most like the actual one, ``details`` where the arguments of these two differ; ``missing`` holds
    the recorded calls that were never made.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        mend: str = "",
        expected: str = "",
        actual: str = "",
        nearest: str = "",
        details: tuple[str, ...] = (),
        missing: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what, where=where, mend=mend)
        self.expected = expected
        self.actual = actual
        self.nearest = nearest
        self.details = details
        self.missing = missing

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        nearest = "" if self.nearest == self.expected else self.nearest
        sides = (("expected", self.expected), ("actual", self.actual), ("nearest", nearest))
        told = [f"{name:8}  {text}" for name, text in sides if text]
        told += [f"  {detail}" for detail in self.details]
        told += [f"missing   {call}" for call in self.missing]
        return "\n  ".join((head, *told, f"mend: {self.mend}"))


class RecordedError(ReplayWsError):
    """What a recorded call raised, where that is no built-in exception.

    ``type`` is the name of its class, ``message`` what it said.
    """

    def __init__(
        self, what: str, *, where: str = "", mend: str = "", type: str = "", message: str = ""
    ) -> None:
        super().__init__(what, where=where, mend=mend)
        self.type = type
        self.message = message


def known(names: Iterable[object]) -> str:
    """``names`` as a mend line lists them: sorted, comma separated."""
    return ", ".join(sorted(map(str, names)))


def did_you_mean(name: str, names: Iterable[object]) -> str:
    """``; did you mean 'x'?`` for the nearest of ``names``, or one that begins so, or nothing."""
    from difflib import get_close_matches  # rarely needed

    choices = sorted(map(str, names))
    near = get_close_matches(name, choices, n=1)
    near = near or [choice for choice in choices if name and choice.startswith(name)]
    return f"; did you mean {near[0]!r}?" if near else ""


def unknown(kind: str, name: object, names: Iterable[object]) -> ConfigError:
    """The error that says which ``kind`` of thing is not known as ``name``, and what is."""
    listed = list(names)
    what = f"unknown {kind} {name!r}{did_you_mean(str(name), listed)}"
    return ConfigError(what, mend=f"use one of: {known(listed)}")
