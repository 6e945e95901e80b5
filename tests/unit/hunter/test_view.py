"""What a hunt found is told on a few lines, and in JSON with all there is."""

from __future__ import annotations

import json
from typing import Any

import replay_ws as rws
from replay_ws.hunter.view import Hunted
from replay_ws.report.blocks import Line
from tests.unit.hunter import hunted


def told(hunt: rws.Hunt) -> str:
    return "\n".join(block.text for block in Hunted(hunt).blocks() if isinstance(block, Line))


def test_a_clean_hunt_says_what_it_rules_out() -> None:
    text = told(rws.hunt(hunted.never_fails, seeds="0..100", schedule="fifo"))
    assert "no failure in 100 runs, so fewer than 2.95 % fail (95 %)" in text
    assert "seeds 0..100 · schedule fifo · 1 behaviour" in text


def test_each_group_has_its_rate_and_the_way_back() -> None:
    text = told(rws.hunt(hunted.fails_sometimes, seeds=range(400), schedule="fifo"))
    assert "runs failed, in 2 groups" in text
    assert "ValueError: N is too little in fails_sometimes" in text
    assert "clean runs prove a fix" in text
    assert "again: replay-ws record tests.unit.hunter.hunted:fails_sometimes --seed" in text


def test_a_group_says_in_which_modes_it_fails() -> None:
    found = rws.hunt(hunted.loses_a_message, seeds=range(30), modes=["normal", "packet_loss"])
    assert "only in packet_loss (" in told(found)
    assert list(found.groups[0].by_mode) == ["packet_loss"]
    assert "--mode packet_loss" in told(found)


def test_two_modes_at_once_are_one_of_the_modes() -> None:
    found = rws.hunt(hunted.loses_a_message, seeds=range(30), modes=["packet_loss+slow_network"])
    assert found.failures[0].mode == "packet_loss+slow_network"
    assert "--mode packet_loss --mode slow_network" in told(found)


def test_all_modes_are_ten() -> None:
    found = rws.hunt(hunted.never_fails, seeds=range(3), modes="all")
    assert found.runs == 30
    assert "10 modes" in told(found)


def test_json_has_every_group_whole() -> None:
    found = rws.hunt(hunted.fails_sometimes, seeds=range(400), stop="first")
    data: dict[str, Any] = json.loads(json.dumps(Hunted(found).to_dict()))
    assert (data["runs"], data["failures"], data["ended"]) == (found.runs, 1, "first")
    (group,) = data["groups"]
    assert group["rate"] is None
    assert group["first_seed"] == found.failures[0].seed
    assert set(group["signature"]) == {"kind", "message", "place", "event"}


def test_a_hunt_with_many_groups_is_bounded() -> None:
    failures = [
        rws.Group(rws.Signature("ValueError", str(number)), found.failures, 1)
        for found in [rws.hunt(hunted.fails_sometimes, seeds=range(100)).groups[0]]
        for number in range(100)
    ]
    found = rws.hunt(hunted.never_fails, seeds=range(1))
    many = rws.Hunt(found.target, found.trials, 100, tuple(failures), 1, 0.0)
    lines = told(many).splitlines()
    assert len(lines) < 70
    assert "80 more groups" in lines[-1]
