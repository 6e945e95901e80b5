"""What all rules about runs have in common: a part of a run's judgement, compiled from a profile.

A part says for each type which steps it takes when such an event comes; it keeps what it remembers
of a run in the run, so that one part serves all runs of all sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from replay_ws.compliance.profile import Profile, check_name
from replay_ws.compliance.reading import Getter, Namer, getter, namer
from replay_ws.compliance.rules import Rule, Severity
from replay_ws.compliance.tally import Asked, Tally
from replay_ws.text import quoted


class RunState:
    """What is remembered of a run."""

    __slots__ = ("came", "ended", "last", "name", "states", "tally")

    def __init__(self, tally: Tally, name: str, parts: Sequence[Part]) -> None:
        self.tally = tally
        self.name = name
        self.came: dict[str, list[int]] = {}
        """By type: how often it came, and number and time of the first."""
        self.last: tuple[str, int, int] | None = None
        self.ended = ""
        """The type that ended it."""
        self.states = [part.begin() for part in parts]
        """What each part remembers."""

    def count(self, types: set[str]) -> int:
        """How many events came of some types."""
        came = self.came
        return sum([came[type][0] for type in came if type in types])


Step: TypeAlias = Callable[[RunState, Any, int, int], None]
"""What is done with an event of a run: its payload, number and time."""


class Context:
    """What parts are compiled with."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.places: dict[str, int] = {}
        """Where each scope keeps what it remembers, by its name."""
        self.checks: dict[str, Asked] = {}
        """What is asked, by name."""

    def asked(
        self, rule: Rule, subject: str = "", severity: Severity | None = None, *, must: bool = False
    ) -> Asked:
        """A check; the profile's own tables of severities come before ``severity``."""
        name, profile = check_name(rule, subject), self.profile
        if name not in self.checks:
            said = profile.severity.get(name, profile.severity.get(rule)) or severity
            must = must or rule in profile.must or name in profile.must
            severity = said or profile.severity_of(rule, subject)
            self.checks[name] = Asked(rule, subject, severity, must)
        return self.checks[name]

    def getter(self, places: tuple[tuple[str, ...], ...]) -> Getter:
        """What looks up the first of some places."""
        return getter(places, self.profile)

    def namer(self, places: tuple[tuple[str, ...], ...], *, joined: bool = False) -> Namer:
        """What reads a name."""
        return namer(places, self.profile, joined=joined)


class Part:
    """One rule about runs."""

    place = 0
    """Where runs keep what it remembers of them."""

    reads = True
    """Whether it looks into events, and not only at their types and times."""

    takes_strangers = False
    """Whether it judges events of types that are not known, too, where those are a run's."""

    def begin(self) -> Any:
        """What it remembers of a run of which nothing came."""
        return None

    def step(self, type: str) -> Step | None:
        """What it does with events of a type; None if nothing."""
        return None

    def finish(self, run: RunState) -> None:
        """Judge what can be told only when no more of a run comes."""


def any_of(types: tuple[str, ...]) -> str:
    """Types in words."""
    return " or ".join(filter(None, [", ".join(types[:-1]), *types[-1:]]))


def called(type: str, name: str) -> str:
    """An event in words."""
    return f"{type} {quoted(name.strip())}" if name else type
