"""What is told of one marked test: as plain data, from the process that ran it to the one that
sums up; and the lines that bring it back.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass(slots=True)
class Facts:
    """Grows while the test runs. ``goldens`` are the names that it was compared with.

    ``target`` is the test as a hunt names it, ``asked_mode`` that of the command line, and
    ``signature`` says how it failed, as hunts group failures: kind, message, place and event.
    ``proposals`` are goldens that it would write: name, file of the new session, and the options
    that it is compared with. ``first`` is the first divergence, or what else went wrong, in a line;
    ``details`` are all of them, and ``comparison`` says with which golden and how; both stay in
    the process.
    """

    nodeid: str
    target: str = ""
    seed: int = 0
    mode: str = ""
    asked_mode: str = ""
    schedule: str = "fifo"
    digest: str = ""
    events: int = 0
    virtual_ms: float = 0
    goldens: list[str] = field(default_factory=list)
    proposals: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    first: str = ""
    signature: list[str] = field(default_factory=list)
    kept: str = ""
    rerun: str = ""
    details: str = ""
    comparison: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As a report between processes carries it."""
        stays = ("details", "comparison")
        return {name: value for name, value in asdict(self).items() if name not in stays}


FACTS = pytest.StashKey[Facts]()


def facts_of(item: pytest.Item) -> Facts:
    """The facts of a test, which begin when they are first asked for."""
    return item.stash[FACTS] if FACTS in item.stash else new_facts(item)


def new_facts(item: pytest.Item) -> Facts:
    """Facts of a test that begins, maybe once more."""
    plugins = item.config.pluginmanager
    if not plugins.has_plugin(_REPORTER):
        plugins.register(_Reporter(), _REPORTER)
    item.stash[FACTS] = facts = Facts(item.nodeid, rerun=rerun_line(item))
    return facts


_REPORTER = "replay_ws_reporter"


class _Reporter:
    """Sends the facts along with the reports of their tests, also between processes."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if FACTS in item.stash:
            report.replay_ws = item.stash[FACTS].to_dict()  # type: ignore[attr-defined]
        return report


def shown_path(config: pytest.Config, path: Path) -> str:
    """A path as a command line in the current folder names it."""
    here = config.invocation_params.dir
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def shown_id(item: pytest.Item) -> str:
    """A test as a command line in the current folder names it."""
    _, colons, name = item.nodeid.partition("::")
    return f"{shown_path(item.config, item.path)}{colons}{name}"


def quoted_id(item: pytest.Item) -> str:
    """``shown_id`` in quotes, as a shell needs it: ids of parameters may hold anything."""
    return "'" + shown_id(item).replace("'", "'\\''") + "'"


def target_of(item: pytest.Item) -> str:
    """A test as a hunt names it, which has its own seeds, and modes of the command line."""
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return item.nodeid
    left = callspec.id
    for name, of_command_line in (("seed", True), ("mode", item.config.getoption("--ws-mode"))):
        if of_command_line and f"_ws_{name}" in callspec.params:
            left = left.removeprefix(f"{name}={callspec.params[f'_ws_{name}']}").removeprefix("-")
    return item.nodeid.removesuffix(f"[{callspec.id}]") + (f"[{left}]" if left else "")


def rerun_line(item: pytest.Item) -> str:
    """The command that runs this test again, alone and under the same conditions."""
    option = item.config.getoption
    words = ["pytest", shown_id(item)]
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if option("--ws-seeds") and "_ws_seed" in parameters:
        seed = parameters["_ws_seed"]
        words.append(f"--ws-seeds={seed}..{seed + 1}")
    given = {name: option(name) for name in ("--ws-seed", "--ws-schedule", "--ws-repro")}
    words += [f"{name}={value}" for name, value in given.items() if value is not None]
    # Of several modes each test has its own, and its name; that of one is in no name.
    words += [f"--ws-mode={mode}" for mode in option("--ws-mode") or ()]
    words += [name for name in ("--ws-verify", "--ws-strict-escapes") if option(name)]
    return shlex.join(words)
