"""What a user names on the command line to be run: a program, or a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay_ws.hunter.targets import Target


def named(name: str) -> Target | str:
    """A test for its node id, ``path/to/test.py::test``; a program's name as it is."""
    if "::" not in name:
        return name
    from replay_ws.pytest_plugin.nodes import node_target  # which loads pytest

    return node_target(name)


def target_named(name: str) -> Target:
    """A test, or a program under plain conditions."""
    from replay_ws.cassette.redaction import redactor_of
    from replay_ws.hunter.targets import target_of
    from replay_ws.running import Conditions

    return target_of(named(name), Conditions(redactor=redactor_of("default")))
