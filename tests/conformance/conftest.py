"""Each test here runs once on every loop that it is for."""

from __future__ import annotations

from functools import partial

import pytest

from tests.conformance.loops import LOOPS, MakeLoop, Run, run_on


@pytest.fixture(params=LOOPS)
def make_loop(request: pytest.FixtureRequest) -> MakeLoop:
    return LOOPS[request.param]


@pytest.fixture
def run(make_loop: MakeLoop) -> Run:
    return partial(run_on, make_loop)
