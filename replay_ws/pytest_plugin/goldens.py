"""Goldens in a suite: where they are, what differs from them, and what would become one.

The process that runs a test never writes a golden. It keeps the session and proposes it; the
process that sums up writes, once it knows that the test passed as a whole. So there is one writer,
also when workers run the tests.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from replay_ws.api import compare, load
from replay_ws.clock import ms
from replay_ws.compliance import is_profile
from replay_ws.errors import ConfigError, GoldenMismatch, did_you_mean
from replay_ws.pytest_plugin.facts import facts_of, quoted_id, rerun_line, shown_path
from replay_ws.pytest_plugin.kept import path_of_failed, propose
from replay_ws.pytest_plugin.options import Settings, is_departure, settings_of, updates
from replay_ws.report.blocks import command
from replay_ws.report.differences import Difference
from replay_ws.report.kept import comparison_text
from replay_ws.report.mismatch import mismatch_text
from replay_ws.session import Session

if TYPE_CHECKING:
    from replay_ws.diff import Diff

SUFFIX = ".rws"
_NAME_MAX = 200
"""Bytes of each part of a golden's name: what file systems take, less our suffixes."""


def golden_name(name: str, where: str) -> str:
    """One name for each golden, a path below their folder; raises ConfigError for what is none."""
    path = posixpath.normpath(name.removesuffix(SUFFIX))
    parts = path.split("/")
    if path.startswith("/") or ".." in parts:
        what, mend = "is not in the folder of the goldens", "name one below it"
    elif path == "." or name.endswith("/"):
        what, mend = "is no name", "name a file; leave golden= out where there is none"
    elif "\0" in path or any(len(part.encode()) > _NAME_MAX for part in parts):
        what, mend = "cannot be the name of a file", f"take a name of at most {_NAME_MAX} bytes"
    else:
        return path
    raise ConfigError(f"golden {name!r:.80} {what}", where=where, mend=mend)


class Goldens:
    """The goldens of a project, for one test."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._settings: Settings = settings_of(item.config)
        self._updates = updates(item.config)

    def path(self, name: str) -> Path:
        """The file of a golden; raises ConfigError for a name that is none."""
        return self._settings.golden_folder / f"{golden_name(name, self._item.nodeid)}{SUFFIX}"

    def load(self, name: str) -> Session:
        """A golden's session; raises GoldenMismatch where there is none."""
        path = self._used(name)
        if not path.exists():
            raise self._missing(name, path)
        return load(path)

    def compare(
        self,
        name: str,
        session: Session,
        *,
        order: str = "",
        tolerance_ms: float | None = None,
        ignore: Iterable[str] = (),
        volatile: Mapping[str, str] | None = None,
    ) -> Diff:
        """How a session differs from a golden; what is not said here the project's settings say."""
        how = self._how(session, order, tolerance_ms, ignore, volatile or {})
        return compare(self.load(name), session, **how)

    def check(
        self,
        name: str,
        session: Session,
        *,
        order: str = "",
        tolerance_ms: float | None = None,
        ignore: Iterable[str] = (),
        volatile: Mapping[str, str] | None = None,
    ) -> None:
        """Raise GoldenMismatch where a session differs from its golden, or there is none.

        Where goldens are being updated, the session is proposed instead.
        """
        path = self._used(name)
        how = self._how(session, order, tolerance_ms, ignore, volatile or {})
        if not path.exists():
            if "create" not in self._updates:
                raise self._missing(name, path)
            self._propose(name, session, how)
            return
        golden = load(path)
        diff = compare(golden, session, **how)
        if diff.same:
            return
        if "fix" not in self._updates:
            raise self._mismatch(path, golden, session, diff, how)
        self._propose(name, session, how)

    # --- what is told ----------------------------------------------------------------------

    def _used(self, name: str) -> Path:
        path = self.path(name)
        facts_of(self._item).goldens.append(golden_name(name, self._item.nodeid))
        return path

    def _how(
        self,
        session: Session,
        order: str,
        tolerance_ms: float | None,
        ignore: Iterable[str],
        volatile: Mapping[str, str],
    ) -> dict[str, Any]:
        """Options of ``compare``."""
        settings = self._settings
        return {
            "profile": session.profile if is_profile(session.profile) else None,
            "order": order or settings.order,
            "tolerance_ns": ms(settings.tolerance_ms if tolerance_ms is None else tolerance_ms),
            "ignore": sorted({*settings.ignore, *ignore}),
            "volatile": {**settings.volatile, **volatile},
        }

    def _propose(self, name: str, session: Session, how: dict[str, Any]) -> None:
        name, nodeid = golden_name(name, self._item.nodeid), self._item.nodeid
        if not session.log.channels:
            raise ConfigError(
                f"nothing that could be the golden {name!r} was recorded: the run has no mock",
                where=nodeid,
                mend="make the mock in the test, or in a fixture of function scope",
            )
        try:
            file = propose(self._settings.artifact_folder, name, nodeid, session)
        except OSError as error:
            folder = self._shown(self._settings.artifact_folder)
            mend = "make room for it, or name another folder: artifacts= in [tool.replay_ws]"
            raise ConfigError(f"{folder} cannot be written: {error}", mend=mend) from error
        facts_of(self._item).proposals.append((name, str(file), how))

    def _missing(self, name: str, path: Path) -> GoldenMismatch:
        folder = self._settings.golden_folder
        names = [str(p.relative_to(folder).with_suffix("")) for p in folder.rglob(f"*{SUFFIX}")]
        what = f"there is no golden {name!r}{did_you_mean(name, names)}"
        facts_of(self._item).first = what
        line = f"pytest {quoted_id(self._item)} --ws-update=create"
        return GoldenMismatch(what, where=self._shown(path), mend=f"{line}, and read it")

    def _mismatch(
        self, path: Path, golden: Session, session: Session, diff: Diff, how: dict[str, Any]
    ) -> GoldenMismatch:
        item, facts = self._item, facts_of(self._item)
        ours, theirs = self._shown(path), self._shown(self._kept)
        assert diff.first is not None
        facts.first = diff.first.line(name_connection=len(diff.connections) > 1)
        accept = f"accept  {command('accept', theirs)}"
        closing = (
            f"see     {command('diff', ours, theirs)}",
            *([] if is_departure(item.config) else [accept]),
            f"rerun   {rerun_line(item)}",
        )
        difference = Difference(ours, theirs, golden, session, diff)
        facts.details = "\n".join(diff.lines())
        facts.comparison = comparison_text(self._kept.parent, path, how)
        return GoldenMismatch(mismatch_text(difference, closing))

    @property
    def _kept(self) -> Path:
        return path_of_failed(self._settings.artifact_folder, self._item.nodeid)

    def _shown(self, path: Path) -> str:
        return shown_path(self._item.config, path)
