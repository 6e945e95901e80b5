"""The end of a test run: goldens are written, unused ones are told, failures are summed up.

In one process only: the one that has the terminal. What the tests did comes with their reports, see
``facts``.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from replay_ws.api import compare, load, save
from replay_ws.errors import CassetteError, ReplayWsError
from replay_ws.pytest_plugin.facts import shown_path
from replay_ws.pytest_plugin.options import is_departure, settings_of, updates

FORMAT = 1
"""Of the JSON report."""


@dataclass(slots=True)
class Told:
    """One marked test: its facts, and how its phases ended."""

    facts: dict[str, Any]
    location: tuple[str, int | None, str]
    outcomes: dict[str, str] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """``passed``, ``failed`` or ``skipped``."""
        ends = self.outcomes.values()
        return next((end for end in ("failed", "skipped") if end in ends), "passed")

    @property
    def has_run(self) -> bool:
        """Whether it is marked, and passed or failed; maybe it was expected to fail."""
        return bool(self.facts["target"]) and (
            self.outcome == "passed" or bool(self.facts["signature"])
        )

    @property
    def is_whole(self) -> bool:
        """Whether it passed to the end of its tear-down."""
        # What an unmarked test does with goldens may begin after its set-up was reported.
        return self.outcome == "passed" and {"call", "teardown"} <= self.outcomes.keys()


class Proposal(NamedTuple):
    """A session that a test would make its golden, and how it compares."""

    told: Told
    file: str
    how: dict[str, Any]

    def agrees(self, other: Proposal) -> bool:
        """Whether either would pass with what the other proposes."""
        return all(compare(self.file, other.file, **how).same for how in (self.how, other.how))


class Summary:
    """Collects what reports tell, and acts on it when all tests are done."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._settings = settings_of(config)
        self._updates = updates(config)
        self._tests: dict[str, Told] = {}
        self._lines: list[str] = []

    def add(self, report: Any) -> None:
        """Take the report of one phase of a marked test."""
        told = self._tests.setdefault(report.nodeid, Told(report.replay_ws, report.location))
        told.facts = report.replay_ws
        told.outcomes[report.when] = report.outcome

    def finish(self, session: pytest.Session, exitstatus: int, *, left_out: int) -> None:
        """Write goldens and the report; ``left_out`` tests were not run."""
        failed = Counter(told.outcome for told in self._tests.values())["failed"]
        if not self._write_goldens():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if exitstatus == pytest.ExitCode.OK and not left_out and self._is_complete():
            self._tell_unused()
        elif "trim" in self._updates:
            self._lines.append("no golden was trimmed: not every test ran, and passed")
        if failed:
            where = self._shown(self._settings.artifact_folder / "failed")
            self._lines.append(f"sessions of failed tests are in {where}")
        self._remove_proposals()
        if not self._attempt("the history", self._keep_history):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if not self._attempt(self._config.getoption("--ws-report"), self._write_report):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def show(self, terminal: pytest.TerminalReporter) -> None:
        """Say what was done, and what a workflow shows beside the code."""
        if self._lines:
            terminal.section("replay_ws", sep="-")
        annotations = self._annotations() if os.environ.get("GITHUB_ACTIONS") == "true" else ()
        for line in (*self._lines, *annotations):
            terminal.line(line)

    # --- goldens ---------------------------------------------------------------------------

    def _write_goldens(self) -> bool:
        """Write what passed tests propose; False where that cannot be done."""
        proposed: dict[str, list[Proposal]] = {}
        for told in self._tests.values():
            for name, *proposal in told.facts["proposals"]:
                proposed.setdefault(name, []).append(Proposal(told, *proposal))
        written, is_done = 0, True
        for name, proposals in sorted(proposed.items()):
            path = self._settings.golden_folder / f"{name}.rws"
            failed = [p.told.facts["nodeid"] for p in proposals if not p.told.is_whole]
            if failed:
                self._lines.append(
                    f"not written: {self._shown(path)}, for {failed[0]} did not pass"
                )
            elif not all(proposals[0].agrees(other) for other in proposals[1:]):
                is_done = False
                self._lines += _contradiction(self._shown(path), proposals)
            else:
                verb = "updated" if path.exists() else "created"
                if self._attempt(self._shown(path), partial(_copy, proposals[0].file, path)):
                    written += 1
                    self._lines.append(f"{verb} {self._shown(path)}")
                else:
                    is_done = False
        if written:
            self._lines.append("read them before you commit them: replay-ws cat, git diff")
        return is_done

    def _attempt(self, what: str, write: Callable[[], object]) -> bool:
        """Write a file; where that fails, say so among the lines: the tests are over."""
        try:
            write()
        except (OSError, ReplayWsError) as error:
            self._lines.append(f"not written: {what}: {error}")
            return False
        return True

    def _remove_proposals(self) -> None:
        """Those of this run: another one may be at work in the same folder."""
        for told in self._tests.values():
            for _, file, _ in told.facts["proposals"]:
                Path(file).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are in it, or it never was
            (self._settings.artifact_folder / "proposed").rmdir()

    def _is_complete(self) -> bool:
        """Whether all tests of the project ran, so that what no test named nobody needs."""
        config, option = self._config, self._config.getoption
        leaves_out = ("collectonly", "lf", "ignore", "ignore_glob")
        if is_departure(config) or any(option(name, None) for name in leaves_out):
            return False
        if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
            return True
        here, root = config.invocation_params.dir, config.rootpath
        given = {(here / argument).resolve() for argument in config.args}
        paths = {(root / path).resolve() for path in config.getini("testpaths")}
        return root.resolve() in given or (bool(paths) and paths <= given)

    def _tell_unused(self) -> None:
        used = {name for told in self._tests.values() for name in told.facts["goldens"]}
        folder = self._settings.golden_folder
        unused = [
            path
            for path in sorted(folder.rglob("*.rws"))
            if str(path.relative_to(folder).with_suffix("").as_posix()) not in used
            and _is_ours(path)
        ]
        if "trim" in self._updates:
            for path in unused:
                path.unlink()
                self._lines.append(f"removed {self._shown(path)}")
        elif unused:
            self._lines.append("goldens that no test names (--ws-update=trim removes them):")
            self._lines += [f"  {self._shown(path)}" for path in unused]

    # --- what is told ----------------------------------------------------------------------

    def _keep_history(self) -> None:
        if self._config.getoption("--ws-history") is None:
            return
        from replay_ws.pytest_plugin.history import keep  # for who keeps one

        keep(self._config, [told.facts for told in self._tests.values() if told.has_run])

    def _write_report(self) -> None:
        name = self._config.getoption("--ws-report")
        if name is None:
            return
        path = self._config.invocation_params.dir / name
        tests = [
            {
                **told.facts,
                "outcome": told.outcome,
                "seconds_virtual": told.facts["virtual_ms"] / 1e3,
            }
            for told in self._tests.values()
        ]
        document = {"format": FORMAT, "tests": tests, "goldens": self._lines}
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.partial")
        unfinished.write_text(f"{json.dumps(document, indent=2)}\n", "utf-8")
        unfinished.replace(path)

    def _annotations(self) -> Iterator[str]:
        """Lines that a GitHub workflow shows beside the code: where, and the first divergence."""
        for told in self._tests.values():
            if told.outcome == "failed":
                path, line, name = told.location
                place = f"file={path},line={(line or 0) + 1},title={_escaped(name, ':,')}"
                message = f"{told.facts['first']}\n{told.facts['rerun']}"
                yield f"::error {place}::{_escaped(message)}"

    def _shown(self, path: Path) -> str:
        return shown_path(self._config, path)


def _copy(source: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(load(source), path)


def _contradiction(path: str, proposals: list[Proposal]) -> list[str]:
    names = [f"  {proposal.told.facts['nodeid']}" for proposal in proposals]
    return [
        f"not written: {path}, for these tests would write it differently:",
        *names,
        "  mend: give each its own, as in golden='{test}-{mode}-{seed}'",
    ]


def _is_ours(path: Path) -> bool:
    """Whether a test run wrote this golden: others may be there for other reasons."""
    try:
        return load(path).log.header.source.startswith("pytest ")
    except CassetteError:
        return False


def _escaped(text: str, more: str = "") -> str:
    for char in f"%\r\n{more}":
        text = text.replace(char, f"%{ord(char):02X}")
    return text
