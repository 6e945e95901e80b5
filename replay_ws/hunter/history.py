"""What hunts found over time, in one SQLite file: what fails, what seems fixed, what may fail.

Each hunt is a row, and each group of its failures one more. From them follows, for every target and
signature, how often it failed of how many runs, since when and until when, and whether it is fixed:
whether as many runs went well since as it takes to rule out the lowest rate that the failures
before allow.

Nothing here asks the clock; who calls says what time it is. Several processes may write at once.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from replay_ws.errors import ConfigError
from replay_ws.hunter.failure import Signature
from replay_ws.hunter.hunt import Hunt
from replay_ws.hunter.statistics import Interval, interval, runs_to_see

VERSION = 1
_APPLICATION = 0x52575348  # "RWSH"
_WAIT_S = 30
_STOPPED_AT_FAILURE = ("first", "count")

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS hunts (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, target TEXT NOT NULL, runs INTEGER NOT NULL,
    first_seed INTEGER NOT NULL, seeds INTEGER NOT NULL, modes TEXT NOT NULL,
    schedule TEXT NOT NULL, ended TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS failures (
    hunt INTEGER NOT NULL REFERENCES hunts (id), kind TEXT NOT NULL, message TEXT NOT NULL,
    place TEXT NOT NULL, event TEXT NOT NULL, count INTEGER NOT NULL, seed INTEGER NOT NULL,
    mode TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS hunts_by_target ON hunts (target, at);
CREATE TABLE IF NOT EXISTS quarantine (
    target TEXT PRIMARY KEY, until TEXT NOT NULL, reason TEXT NOT NULL
);
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""


class State(StrEnum):
    """How a failure stands."""

    FAILING = "failing"
    """The last hunt met it."""
    QUIET = "quiet"
    """The last hunts did not, and that proves nothing yet."""
    FIXED = "fixed"
    """As many runs went well since as it takes."""
    CLEAN = "clean"
    """No hunt ever met a failure."""


class Quarantine(NamedTuple):
    """A target whose failures are known: until the end of that day they fail no hunt."""

    target: str
    until: date
    reason: str

    def is_over(self, today: date) -> bool:
        """Whether it holds no more."""
        return today > self.until


@dataclass(frozen=True, slots=True)
class Record:
    """One target and one way in which it fails, or none.

    ``hunts`` were done in ``runs`` runs, of which ``failures`` failed so. ``seen`` is when that was
    first and last, ``seeds`` are the first of each hunt that met it, and ``trend`` the share of
    each hunt, the oldest first. ``clean_runs`` different ones went well since, of ``needed`` that
    prove a fix: the same seed again proves nothing more.
    """

    target: str
    signature: Signature | None
    hunts: int
    runs: int
    failures: int
    interval: Interval
    seen: tuple[datetime, datetime] | None = None
    seeds: tuple[int, ...] = ()
    trend: tuple[float, ...] = ()
    clean_runs: int = 0
    needed: float = inf
    next_seed: int = 0
    """The first seed that no hunt has seen."""

    @property
    def state(self) -> State:
        """How it stands."""
        if self.signature is None:
            return State.CLEAN
        if not self.clean_runs:
            return State.FAILING
        return State.FIXED if self.clean_runs >= self.needed else State.QUIET


class _Done(NamedTuple):
    """A hunt as the file has it."""

    id: int
    at: datetime
    target: str
    runs: int
    first_seed: int
    seeds: int
    modes: str
    schedule: str
    ended: str

    @property
    def way(self) -> tuple[str, str]:
        """Under what its seeds were run."""
        return self.modes, self.schedule

    @property
    def seen(self) -> range:
        """The seeds that were run in every mode."""
        modes = self.modes.count(",") + 1
        return range(self.first_seed, self.first_seed + min(self.seeds, self.runs // modes))


class Met(NamedTuple):
    """A group of failures: how many, and the first of them."""

    failures: int
    seed: int
    mode: str


class Entry(NamedTuple):
    """A hunt as it is kept: ``runs`` of a target, how they were done, and how they failed.

    ``modes`` are those of each seed, with commas between; without any, the target's own. ``ended``
    is as for a hunt.
    """

    target: str
    runs: int
    seeds: range
    modes: str = ""
    schedule: str = ""
    ended: str = "done"
    failures: Mapping[Signature, Met] = MappingProxyType({})


def entry_of(hunt: Hunt) -> Entry:
    """What is kept of a hunt."""
    trials = hunt.trials
    return Entry(
        hunt.target,
        hunt.runs,
        trials.seeds,
        ",".join(str(mode) for mode in trials.modes),
        str(trials.schedule or ""),
        hunt.ended,
        {
            group.signature: Met(group.count, group.first.seed, group.first.mode)
            for group in hunt.groups
        },
    )


class History:
    """The file; made where there is none. Raises ConfigError for one that is something else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._changes() as file:
            application, version, tables = (
                file.execute(f"SELECT * FROM {name}").fetchone()[0]
                for name in (
                    "pragma_application_id",
                    "pragma_user_version",
                    "(SELECT count(*) FROM sqlite_schema)",
                )
            )
            if tables and application != _APPLICATION:
                raise self._error("this database is no history", "name another file")
            if version > VERSION:
                what = f"this history is of version {version}, and {VERSION} is known"
                raise self._error(what, "use the version of replay_ws that wrote it")
            file.executescript(_SCHEMA)

    # --- writing ---------------------------------------------------------------------------

    def add(self, hunt: Hunt, now: datetime) -> None:
        """Keep what a hunt found."""
        self.keep([entry_of(hunt)], now)

    def keep(self, entries: Iterable[Entry], now: datetime) -> None:
        """Keep what was found, all of it or nothing."""
        at = round(now.timestamp())
        with self._changes() as file:
            for target, runs, seeds, modes, schedule, ended, failures in entries:
                number = file.execute(
                    "INSERT INTO hunts"
                    " (at, target, runs, first_seed, seeds, modes, schedule, ended)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (at, target, runs, seeds.start, len(seeds), modes, schedule, ended),
                ).lastrowid
                file.executemany(
                    "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [(number, *signature, *met) for signature, met in failures.items()],
                )

    def quarantine(self, target: str, until: date, reason: str = "") -> None:
        """Let a target fail until the end of a day."""
        with self._changes() as file:
            row = (target, until.isoformat(), reason)
            file.execute("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?)", row)

    def release(self, target: str) -> bool:
        """End a quarantine; whether there was one."""
        with self._changes() as file:
            return file.execute("DELETE FROM quarantine WHERE target = ?", (target,)).rowcount > 0

    # --- reading ---------------------------------------------------------------------------

    def quarantines(self) -> list[Quarantine]:
        """All of them, the first to end first."""
        with self._changes() as file:
            rows = file.execute("SELECT * FROM quarantine ORDER BY until, target")
            return [Quarantine(target, date.fromisoformat(day), why) for target, day, why in rows]

    def quarantine_of(self, target: str) -> Quarantine | None:
        """That of a target."""
        return next((each for each in self.quarantines() if each.target == target), None)

    def records(self, target: str | None = None, since: datetime | None = None) -> list[Record]:
        """What is known of every target and of each way in which it fails; the worst first."""
        hunts: dict[str, list[_Done]] = defaultdict(list)
        met: dict[tuple[str, Signature], dict[int, Met]] = defaultdict(dict)
        earliest = 0 if since is None else round(since.timestamp())
        with self._changes() as file:
            for id, at, name, *more in file.execute(
                "SELECT id, at, target, runs, first_seed, seeds, modes, schedule, ended"
                " FROM hunts WHERE at >= ? ORDER BY at, id",
                (earliest,),
            ):
                if target in (None, name):
                    hunts[name].append(_Done(id, datetime.fromtimestamp(at, UTC), name, *more))
            names = {done.id: done.target for several in hunts.values() for done in several}
            for id, *signature, count, seed, mode in file.execute(
                "SELECT * FROM failures ORDER BY hunt"
            ):
                if id in names:
                    met[names[id], Signature(*signature)][id] = Met(count, seed, mode)
        records = [_record(hunts[name], name, sign, found) for (name, sign), found in met.items()]
        failing = {record.target for record in records}
        records += [_clean(hunts[name], name) for name in hunts if name not in failing]
        rank = {state: number for number, state in enumerate(State)}
        return sorted(records, key=lambda it: (rank[it.state], it.target, -it.failures))

    # --- the file --------------------------------------------------------------------------

    @contextmanager
    def _changes(self) -> Iterator[sqlite3.Connection]:
        """The file, open; what is done to it is done whole or not at all."""
        try:
            file = sqlite3.connect(self.path, timeout=_WAIT_S)
            try:
                with file:
                    yield file
            finally:
                file.close()
        except sqlite3.Error as error:
            mend = "name another file, or see that it can be written"
            raise self._error(f"no history can be kept here: {error}", mend) from error

    def _error(self, what: str, mend: str) -> ConfigError:
        return ConfigError(what, where=str(self.path), mend=mend)


def _record(
    hunts: Sequence[_Done], target: str, signature: Signature, met: dict[int, Met]
) -> Record:
    last = max(number for number, done in enumerate(hunts) if done.id in met)
    failing = [done for done in hunts if done.id in met]
    before, after = hunts[: last + 1], hunts[last + 1 :]
    # A hunt that a failure ended says too much of its rate, and the same runs again say nothing.
    whole = [done for done in before if done.ended not in _STOPPED_AT_FAILURE] or before
    whole = list({(done.first_seed, done.seeds, *done.way): done for done in whole}.values())
    failed = sum(met[done.id].failures for done in whole if done.id in met)
    found = interval(failed, sum(done.runs for done in whole))
    return Record(
        target,
        signature,
        hunts=len(hunts),
        runs=sum(done.runs for done in hunts),
        failures=sum(each.failures for each in met.values()),
        interval=found,
        seen=(failing[0].at, failing[-1].at),
        seeds=tuple(met[done.id].seed for done in failing),
        trend=tuple(met[done.id].failures / done.runs if done.id in met else 0.0 for done in hunts),
        clean_runs=_different_runs(after),
        needed=runs_to_see(found.low),
        next_seed=max(done.first_seed + done.seeds for done in hunts),
    )


def _different_runs(hunts: Sequence[_Done]) -> int:
    """How many runs there were, those of the same seed, mode and schedule counted once."""
    alike: dict[tuple[str, str], list[range]] = defaultdict(list)
    for done in hunts:
        alike[done.way].append(done.seen)
    count = 0
    for (modes, _), ranges in alike.items():
        end = 0
        for seen in sorted(ranges, key=lambda seeds: seeds.start):
            count += max(0, seen.stop - max(seen.start, end)) * (modes.count(",") + 1)
            end = max(end, seen.stop)
    return count


def _clean(hunts: Sequence[_Done], target: str) -> Record:
    return Record(
        target,
        None,
        hunts=len(hunts),
        runs=sum(done.runs for done in hunts),
        failures=0,
        interval=interval(0, _different_runs(hunts)),
        trend=(0.0,) * len(hunts),
    )


def since_text(text: str, now: datetime) -> datetime:
    """When ``7d``, ``12h`` or ``2026-11-23`` is; raises ConfigError for anything else."""
    units = {"d": "days", "h": "hours", "m": "minutes"}
    try:
        if text[-1:] in units:
            return now - timedelta(**{units[text[-1]]: float(text[:-1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        mend = "give days or hours, as in 7d or 12h, or a date, as in 2026-11-23"
        raise ConfigError(f"{text!r:.40} is no time", mend=mend) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
