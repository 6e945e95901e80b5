"""A marked test that failed: what is said of it, and what is kept."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay_ws.cassette.redaction import Redactor
from replay_ws.errors import CassetteError, DeterminismError, GoldenMismatch, ReplayWsError
from replay_ws.hunter.failure import signature_of
from replay_ws.pytest_plugin.facts import Facts, facts_of, quoted_id, shown_path
from replay_ws.pytest_plugin.kept import forget_failed, keep_failed
from replay_ws.pytest_plugin.options import settings_of
from replay_ws.report.blocks import command
from replay_ws.report.kept import COMPARISON
from replay_ws.report.ledger import ledger_text
from replay_ws.running import attach
from replay_ws.session import Session

_NO_FAILURES = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception)

_WITH_COMMANDS = (GoldenMismatch, DeterminismError)
"""Errors that end with the commands to run."""


def tell(
    item: pytest.Item,
    report: pytest.TestReport,
    call: pytest.CallInfo[None],
    end: Callable[[], Session],
    redactor: Redactor,
) -> None:
    """Add to the report of a phase what a reader needs, and keep the session of one that failed.

    ``end`` ends the session, if that still goes on, and gives it. What is written to files goes
    through ``redactor``: a test's own words may hold what the session does not.
    """
    folder = settings_of(item.config).artifact_folder
    if call.excinfo is not None and not isinstance(call.excinfo.value, _NO_FAILURES):
        facts_of(item).signature = facts_of(item).signature or _signature(call.excinfo.value, end())
    if call.excinfo is None or not report.failed:
        if call.when == "call" and report.passed and not facts_of(item).kept:
            forget_failed(folder, item.nodeid)
        return
    error, session = call.excinfo.value, end()
    if _says_all(item, call.excinfo):
        report.longrepr = str(error)
    facts = facts_of(item)
    first = call.excinfo.exconly(tryshort=True).splitlines()[0]
    facts.first = facts.first or redactor.text(first)
    if facts.details:
        report.sections.append(("replay_ws: all differences", facts.details))
    if session.ledger.sent:
        texts = {"failure.txt": redactor.text(report.longreprtext), "rerun.txt": facts.rerun}
        if facts.details:
            texts |= {"diff.txt": facts.details, COMPARISON: facts.comparison}
        try:
            facts.kept = str(keep_failed(folder, item.nodeid, session, texts))
        except (OSError, CassetteError) as trouble:
            report.sections.append(("replay_ws: not kept", str(trouble)))
    elif call.when != "call":  # a fixture that is missing, and nothing of ours
        return
    if not isinstance(error, _WITH_COMMANDS):
        report.sections.append(("replay_ws", "\n".join(_story(item, facts, session))))


def _signature(error: BaseException, session: Session) -> list[str]:
    if getattr(error, "session", None) is None:
        attach(error, session=session)
    return list(signature_of(error))


def _says_all(item: pytest.Item, found: pytest.ExceptionInfo[BaseException]) -> bool:
    """Whether an error's words are enough: none of its frames is one of the test."""
    paths = (Path(entry.path) for entry in found.traceback)
    return isinstance(found.value, ReplayWsError) and not any(
        path == item.path or path.name == "conftest.py" for path in paths
    )


def _story(item: pytest.Item, facts: Facts, session: Session) -> Iterator[str]:
    mode = f", mode {facts.mode}" if facts.mode else ""
    yield f"seed {facts.seed}{mode}, schedule {facts.schedule}: {ledger_text(session.ledger)}"
    if facts.kept:
        kept = shown_path(item.config, Path(facts.kept))
        yield f"see     {command('cat', kept)}"
        yield f"again   pytest {quoted_id(item)} {shlex.quote(f'--ws-repro={kept}')}"
    yield f"rerun   {facts.rerun}"
