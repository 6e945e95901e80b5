"""A repro that was made on one Python leaves the same bytes on every other."""

from __future__ import annotations

import pytest

from replay_ws.hunter.repro import State, load_repro
from replay_ws.hunter.targets import ProgramTarget
from tests.races.answers import flaky, made_on

MADE_ON = ("3.11", "3.12", "3.13")


@pytest.mark.parametrize("minor", MADE_ON)
def test_it_fails_to_the_same_bytes(minor: str) -> None:
    repro = load_repro(made_on(minor))
    verdict = repro.run(ProgramTarget(flaky))
    assert (verdict.state, verdict.is_same) == (State.FAILS, True)
    assert repro.facts["cause"] == "fault"
