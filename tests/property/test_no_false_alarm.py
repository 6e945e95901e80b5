"""A correct program is hunted through every mode that it claims to survive, and nothing is found.

Here with few seeds. For 20,000 in each mode, which takes some minutes::

    replay-ws hunt tests/races/survivors.py:reliable_agents --seeds 0..20000 --mode all
"""

from __future__ import annotations

import pytest

from replay_ws.faults.modes import MockBehaviorMode
from replay_ws.hunter.hunt import hunt
from replay_ws.hunter.sweep import trials_of
from replay_ws.hunter.targets import ProgramTarget
from replay_ws.sim.schedule import Schedule
from tests.races.survivors import reliable_agents

SEEDS = range(60)
TWO_AT_ONCE = ("packet_loss+slow_network", "auth_failure+race_conditions")


@pytest.mark.parametrize("mode", [*MockBehaviorMode, *TWO_AT_ONCE])
def test_what_is_right_survives(mode: str) -> None:
    trials = trials_of(SEEDS, [mode], Schedule("portfolio"))
    assert hunt(ProgramTarget(reliable_agents), trials).groups == ()
