"""Old test files of every shape, before and after: what is replaced does the same, what stays says
why.

A sample in ``tests/data/old_mocks`` is a pytest module; its ``# expect:`` lines say what becomes of
each class in it, and for one that stays what the reason mentions.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from replay_ws.legacy.migration import Kind, Migrated, migrate_source

SAMPLES = sorted((Path(__file__).parents[3] / "data" / "old_mocks").glob("*.py.txt"))
EXPECT = re.compile(r"^# expect: ([\w.]+) = ([^:\n]+)(?:: (.*))?$", re.MULTILINE)
REPLACEABLE = (Kind.MECHANICAL, Kind.SMALL_MAPPING)

ORIGINALS = {
    "websocket_manager_mock": """
        from replay_ws import MockWebSocketManager, create_compliance_mock

        class PrivateThing:
            answer = 42
        """,
    "websocket_test_helpers": "from replay_ws import WebSocketAssertions",
}
"""What the samples import before; ours take their place, but for PrivateThing."""

every_sample = pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name.split(".")[0])


@cache
def source_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def migrated(path: Path) -> Migrated:
    return migrate_source(source_of(path))


def expected(path: Path) -> dict[str, tuple[str, str]]:
    found = EXPECT.findall(source_of(path))
    return {name: (kind.strip(), reason) for name, kind, reason in found}


@every_sample
def test_each_class_is_what_the_sample_says(path: Path) -> None:
    findings = {finding.name: finding for finding in migrated(path).findings}
    assert findings.keys() == expected(path).keys()
    for name, (kind, reason) in expected(path).items():
        assert str(findings[name].kind) == kind, findings[name]
        assert reason in findings[name].reason


@every_sample
def test_a_class_is_replaced_or_says_why_it_stays(path: Path) -> None:
    for finding in migrated(path).findings:
        assert bool(finding.done) != bool(finding.reason)
        assert bool(finding.done) == (finding.kind is not Kind.NOT_MECHANICAL) or (
            finding.kind is Kind.IMPORT
        )


@every_sample
def test_the_result_parses_and_a_second_run_changes_nothing(path: Path) -> None:
    ast.parse(migrated(path).after)
    again = migrate_source(migrated(path).after)
    assert not again.changed
    stay = {finding.name for finding in migrated(path).findings if not finding.done}
    assert {finding.name for finding in again.findings} <= stay


def test_what_could_be_replaced_is_replaced() -> None:
    wanted = [
        (path, name)
        for path in SAMPLES
        for name, (kind, _) in expected(path).items()
        if kind in REPLACEABLE
    ]
    done = [
        (path, finding.name)
        for path in SAMPLES
        for finding in migrated(path).findings
        if finding.done
    ]
    assert len(wanted) >= 25
    assert len([item for item in wanted if item in done]) >= 0.95 * len(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_tests_of_all_samples_pass(when: str, tmp_path: Path) -> None:
    fixtures = tmp_path / "test_framework" / "fixtures"
    fixtures.mkdir(parents=True)
    for name, text in ORIGINALS.items():
        body = "\n".join(line.removeprefix(" " * 8) for line in text.splitlines())
        (fixtures / f"{name}.py").write_text(body, encoding="utf-8")
    for path in SAMPLES:
        text = source_of(path) if when == "before" else migrated(path).after
        name = path.name.removesuffix(".txt")
        (tmp_path / f"test_{name}").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, "-o", "pythonpath=.", "-c", os.devnull, "--rootdir=.", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4_000:]
    assert f"{sum(source_of(path).count('def test_') for path in SAMPLES)} passed" in done.stdout
