"""The collector rests for a while, and is afterwards as it was."""

from __future__ import annotations

import gc

import pytest

from replay_ws import collector


@collector.at_rest()
def fail() -> None:
    assert not gc.isenabled()
    raise ZeroDivisionError


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_collector_rests_and_is_then_as_it_was(is_enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        with pytest.raises(ZeroDivisionError):
            fail()
        assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if before else gc.disable)()
