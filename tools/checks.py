"""The checks of ``python tools/dev.py test``: what each runs, and where it cannot be made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tools.environments import (
    NEIGHBOURS,
    OTHER_VENVS,
    ROOT,
    THIS_MINOR,
    THIS_VERSION,
    Failure,
    base_python,
    find_python,
    run,
    run_quietly,
    say,
    set_up,
)

NEIGHBOURS_VENV = OTHER_VENVS / "neighbours"
READERS = ROOT / "tests" / "conformance" / "readers"
SUPPORTED_MINORS = ("3.11", "3.12", "3.13")

# What may differ between Pythons: asyncio takes other steps, and threading has other code.
ON_EVERY_PYTHON = (
    "tests/property",
    "tests/conformance",
    "tests/unit/sim",
    "tests/unit/verifier",
    "tests/unit/test_staged.py",
    "tests/plugin/test_hosts.py",
)

# A few workers, also on a large machine: starting more costs more than it saves.
WORKERS = ["-n", "auto", "--maxprocesses", "4"]
TOGETHER = [*WORKERS, "-m", "not host_time and not readers"]


class Outcome(NamedTuple):
    """How one check ended: ``passed``, ``failed`` or ``skipped``, and why."""

    state: str
    reason: str = ""


class Check(NamedTuple):
    """One check of ``test``: what the summary calls it, and what runs it."""

    name: str
    run: Callable[[], Outcome]


def skipped(reason: str) -> Outcome:
    """A check that could not be made here, and why."""
    say("skipped: " + reason)
    return Outcome("skipped", reason)


def run_checker(arguments: list[str], extra_env: dict[str, str] | None = None) -> Outcome:
    """Run a checker that says by its exit code whether the check passed."""
    code = run(arguments, extra_env)
    return Outcome("passed") if code == 0 else Outcome("failed", f"exit code {code}")


def run_tests(
    python: str, arguments: list[str], extra_env: dict[str, str] | None = None
) -> Outcome:
    """Run pytest with ``arguments``; to find no test is to skip, not to fail."""
    code = run([python, "-m", "pytest", *arguments], extra_env)
    if code == 5:  # pytest's "no tests collected"
        return skipped("no test there")
    return Outcome("passed") if code == 0 else Outcome("failed", f"pytest exit code {code}")


def digest_tables() -> list[str]:
    """The test files that compare digests with the stored table."""
    return [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("tests/**/test_digest*.py"))]


def check_digests_in_pure_python(python: str) -> Outcome:
    """The digest table again, with the msgpack that is written in Python."""
    tables = digest_tables()
    if not tables:
        return skipped("tests/**/test_digest*.py not found")
    return run_tests(python, tables, {"MSGPACK_PUREPYTHON": "1"})


def check_laws(minor: str) -> Outcome:
    """The laws, the digest table and what leans on asyncio, on Python ``minor`` if it is here."""
    folders = [folder for folder in ON_EVERY_PYTHON if (ROOT / folder).exists()]
    if not folders + digest_tables():
        return skipped(f"neither {' nor '.join(ON_EVERY_PYTHON)} found")
    found = find_python(minor)
    if found is None:
        return skipped(f"Python {minor} not found")
    executable, version = found
    try:
        python = set_up(OTHER_VENVS / minor, executable, version)
    except Failure as failure:
        say(str(failure))
        return Outcome("failed", f"set-up of .venvs/{minor} failed")
    return run_tests(str(python), [*TOGETHER, *folders, *digest_tables()])


def check_neighbours() -> Outcome:
    """One suite with the plugins of others at work beside ours."""
    try:
        python = set_up(NEIGHBOURS_VENV, base_python(), THIS_VERSION, NEIGHBOURS)
    except Failure as failure:
        say(str(failure))
        return Outcome("failed", "set-up of .venvs/neighbours failed")
    return run_tests(str(python), ["tests/plugin/test_beside_others.py"])


def check_readers(python: str) -> Outcome:
    """The built-in profiles beside the readers of those protocols, which are for Node."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return skipped("Node and npm not found")
    stamp, lock = READERS / "node_modules" / "made-from", READERS / "package-lock.json"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        place = str(READERS.relative_to(ROOT))
        say(f"setting up {place} ...")
        mend = "see that npm reaches its package index (network, proxy)"
        try:
            run_quietly([npm, "ci", "--ignore-scripts", "--prefix", place], where=place, mend=mend)
            stamp.write_bytes(lock.read_bytes())
        except Failure as failure:
            say(str(failure))
            return Outcome("failed", f"set-up of {place} failed")
    return run_tests(python, [*WORKERS, "-m", "readers"])


def check_goldens(python: str) -> Outcome:
    """Whether every golden comes out of its recipe with the same bytes."""
    if not (ROOT / "tools" / "regold.py").exists():
        return skipped("tools/regold.py not found")
    return run_checker([python, "tools/regold.py", "--check"])


def static_checks(python: str) -> list[Check]:
    """The checks that read the code and do not run it."""
    return [
        Check("ruff check", partial(run_checker, [python, "-m", "ruff", "check"])),
        Check("ruff format", partial(run_checker, [python, "-m", "ruff", "format", "--check"])),
        Check("mypy", partial(run_checker, [python, "-m", "mypy"])),
    ]


def all_checks(python: str) -> list[Check]:
    """Every check of the project, cheapest first."""
    others = [minor for minor in SUPPORTED_MINORS if minor != THIS_MINOR]
    return [
        *static_checks(python),
        Check(f"tests, Python {THIS_MINOR}", partial(run_tests, python, TOGETHER)),
        Check("tests of host time", partial(run_tests, python, ["-m", "host_time"])),
        Check("digests, pure msgpack", partial(check_digests_in_pure_python, python)),
        *[
            Check(f"laws, loop and digests, Python {minor}", partial(check_laws, minor))
            for minor in others
        ],
        Check("plugin beside others", check_neighbours),
        Check("profiles beside readers", partial(check_readers, python)),
        Check("goldens", partial(check_goldens, python)),
    ]


def run_checks(checks: list[Check]) -> int:
    """Run every check, also after one has failed; print how each ended; 1 if one failed."""
    outcomes = []
    for check in checks:
        say(f"\n--- {check.name}")
        outcomes.append(check.run())
    print()
    for check, outcome in zip(checks, outcomes, strict=True):
        reason = f"  ({outcome.reason})" if outcome.reason else ""
        print(f"{outcome.state:8}{check.name}{reason}")
    states = [outcome.state for outcome in outcomes]
    counts = [f"{states.count(state)} {state}" for state in ("passed", "failed", "skipped")]
    print("checks: " + ", ".join(counts), flush=True)
    return 1 if "failed" in states else 0
