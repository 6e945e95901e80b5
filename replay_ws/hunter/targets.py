"""What is hunted: something that can be run again and again, here or in a worker.

A target is sent to workers, so it is a value. ``within`` brings it to life: a program is found by
its name, a test is collected with its fixtures; and what is done there gets a ``Runner``.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar, runtime_checkable

from replay_ws.errors import ConfigError
from replay_ws.programs import find_program
from replay_ws.running import Conditions, Outcome, Program, executions
from replay_ws.sim.lanes import Observer

Found = TypeVar("Found")


class Runner(Protocol):
    """Runs a target under conditions, one after the other."""

    @property
    def base(self) -> Conditions:
        """The conditions that the target has of itself."""
        ...

    def __call__(
        self, variants: Iterable[Conditions], observers: Sequence[Observer] = ()
    ) -> Iterator[Outcome[Any]]:
        """How the runs ended. What is no failure of the target's comes out as an exception.

        ``observers`` are told of every step.
        """
        ...


@runtime_checkable
class Target(Protocol):
    """A program or a test, by name; it can be pickled."""

    @property
    def name(self) -> str:
        """What a user calls it, as for ``replay-ws hunt``."""
        ...

    def within(self, work: Callable[[Runner], Found]) -> Found:
        """What ``work`` returns, which can run the target meanwhile."""
        ...

    def require_sendable(self) -> None:
        """Raises ConfigError for one that no other process can find."""
        ...


@dataclass(frozen=True)
class ProgramTarget:
    """A program: the function itself, or ``module:function`` or ``file.py:function``."""

    program: Program[Any] | str
    base: Conditions = field(default_factory=Conditions)

    @property
    def name(self) -> str:
        if isinstance(self.program, str):
            return self.program
        program = getattr(self.program, "func", self.program)  # functools.partial
        owner = program if hasattr(program, "__qualname__") else type(program)
        return f"{owner.__module__}:{owner.__qualname__}"

    @cached_property
    def found(self) -> Program[Any]:
        """The function; raises ProgramError when there is none of this name."""
        return _found_once(self.program) if isinstance(self.program, str) else self.program

    def within(self, work: Callable[[Runner], Found]) -> Found:
        return work(_ProgramRunner(self.found, self.base))

    def require_sendable(self) -> None:
        try:
            pickle.dumps(self)
        except Exception as error:  # whatever a user's own __reduce__ raises
            first, *_ = str(error).splitlines() or [type(error).__qualname__]
            raise ConfigError(
                f"{self.name} cannot be sent to another process: {first}",
                mend="hunt a function at the top of a module, or hunt here: jobs=1, no executor",
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {"program": self.program, "base": self.base}  # not what was found, which is here


def target_of(program: Program[Any] | Target | str, base: Conditions) -> Target:
    """The target that ``program`` is or names; raises ConfigError for what is none."""
    if isinstance(program, Target):
        return program
    if isinstance(program, str) or callable(program):
        return ProgramTarget(program, base)
    raise ConfigError(
        f"{program!r:.60} cannot be hunted",
        mend="pass an async function without arguments, or its name: app.py:main",
    )


def require_its_own(target: Target, base: Conditions) -> None:
    """Raises ConfigError where ``base`` asks for something that a test says itself."""
    if isinstance(target, ProgramTarget):
        return
    plain = Conditions()
    for name in ("plan", "config", "profile", "threads", "preempt", "escapes"):
        if getattr(base, name) != getattr(plain, name):
            raise ConfigError(
                f"{name} is for programs, and a test has its own",
                mend=f"say it in the marker of the test: @pytest.mark.replay_ws({name}=...)",
            )


@dataclass(frozen=True, slots=True)
class _ProgramRunner:
    program: Program[Any]
    base: Conditions

    def __call__(
        self, variants: Iterable[Conditions], observers: Sequence[Observer] = ()
    ) -> Iterator[Outcome[Any]]:
        return executions(self.program, variants, observers)


_programs: dict[str, Program[Any]] = {}


def _found_once(name: str) -> Program[Any]:
    """A worker is sent its target with each piece of work, and imports the module once."""
    if name not in _programs:
        _programs[name] = find_program(name)
    return _programs[name]
