"""From a test file's text to the text on our mocks."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from replay_ws.errors import SourceError
from replay_ws.legacy.migration.finding import candidates, uses_of
from replay_ws.legacy.migration.model import Finding, Kind, Migrated, Refusal
from replay_ws.legacy.migration.rewriting import rewrite, spelt
from replay_ws.legacy.migration.soundness import require_free
from replay_ws.legacy.migration.surroundings import ORIGINALS, Surroundings
from replay_ws.legacy.migration.verdicts import (
    Verdict,
    judge,
    public_names,
    refuse_mixed,
)

WORTH_A_LOOK = re.compile(r"websocket|bridge|mock|manager", re.IGNORECASE)


def migrate_legacy_mock_usage(content: str) -> str:
    """The source of a test file, with its hand-written mocks replaced by ours where that is safe.

    What is not safe stays as it is; ``replay-ws migrate`` says why. Raises SourceError if
    ``content`` does not parse.
    """
    return migrate_source(content).after


def migrate_source(content: str) -> Migrated:
    """``migrate_legacy_mock_usage`` with a finding for each mock class and import."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        what = f"it does not parse: {getattr(error, 'msg', error)}, line {line}"
        raise SourceError(what, mend="mend the file first; it is left as it is") from None
    if not WORTH_A_LOOK.search(content):
        return Migrated(content, content)
    mocks = candidates(tree)
    uses = uses_of(tree, mocks)
    verdicts = refuse_mixed(judge(Surroundings(tree, mocks), uses), content)
    verdicts = [_where_free(verdict, verdicts, content) for verdict in verdicts]
    moved, imports = _moved(tree)
    try:
        after = rewrite(content, verdicts, moved)
    except Refusal as refusal:
        verdicts = [_left(verdict, refusal.reason) for verdict in verdicts]
        imports = [
            Finding(item.name, item.line, item.kind, "", item.reason or refusal.reason)
            for item in imports
        ]
        after = content
    findings = [*imports, *map(_finding, verdicts)]
    return Migrated(content, after, tuple(sorted(findings, key=lambda item: item.line)))


def _where_free(verdict: Verdict, verdicts: Sequence[Verdict], content: str) -> Verdict:
    if verdict.replacement is None:
        return verdict
    try:
        mocks = [other.candidate for other in verdicts if other.replacement is not None]
        require_free([verdict.replacement.target.__name__], content, mocks)
    except Refusal as refusal:
        return _left(verdict, refusal.reason)
    return verdict


def _left(verdict: Verdict, reason: str) -> Verdict:
    return Verdict(verdict.candidate, Kind.NOT_MECHANICAL, reason=verdict.reason or reason)


def _finding(verdict: Verdict) -> Finding:
    candidate, replacement = verdict.candidate, verdict.replacement
    if replacement is None:
        return Finding(candidate.name, candidate.node.lineno, verdict.kind, "", verdict.reason)
    given = [f"{name}={spelt(value)}" for name, value in replacement.options.items()]
    given += [f"{name}={name}" for name in replacement.passed]
    done = f"now {replacement.target.__name__}({', '.join(given)})"
    return Finding(candidate.name, candidate.node.lineno, verdict.kind, done)


def _moved(tree: ast.Module) -> tuple[dict[int, list[str]], list[Finding]]:
    """What the file imports from the original's modules: by line, and as findings."""
    moved: dict[int, list[str]] = {}
    findings = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in ORIGINALS:
                    reason = "the module is imported whole: import its names instead"
                    findings.append(Finding(alias.name, node.lineno, Kind.IMPORT, reason=reason))
        if not isinstance(node, ast.ImportFrom) or node.module not in ORIGINALS:
            continue
        names = [alias.name for alias in node.names]
        ours = [name for name in names if name in public_names()]
        if node not in tree.body:
            reason = "it stands inside of something"
            findings.append(Finding(node.module, node.lineno, Kind.IMPORT, reason=reason))
            continue
        if ours:
            moved[node.lineno] = ours
            done = f"from replay_ws: {', '.join(ours)}"
            findings.append(Finding(node.module, node.lineno, Kind.IMPORT, done))
        if left := [name for name in names if name not in ours]:
            reason = f"we have no {', '.join(left)}"
            findings.append(Finding(node.module, node.lineno, Kind.IMPORT, reason=reason))
    return moved, findings
