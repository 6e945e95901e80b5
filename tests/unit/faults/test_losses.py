"""Losses in bursts: what a chain does, whoever asks in whichever order."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from replay_ws.errors import ConfigError
from replay_ws.faults.losses import RENEWAL, Chain, Draw, chain_of, losses_of, repeats_of
from replay_ws.faults.toxics import Toxic
from replay_ws.rng import WORD, Stream, threshold

GILBERT = {"model": "gemodel", "p": 0.1, "r": 0.3}
STATES = {"model": "state", "p13": 0.2, "p31": 0.2, "p32": 0.4, "p23": 0.3, "p14": 0.1}


def stream(seed: int = 0) -> Draw:
    return Stream(seed, "loss.model:downstream:token:0", "a").draw


def chain(**attributes: Any) -> Chain:
    made = chain_of(Toxic("loss", **attributes))
    assert made is not None
    return made


def walk(draws: list[float], **attributes: Any) -> list[int]:
    """Which messages are lost (their thresholds in percent) when these are the draws."""
    loss = losses_of(chain(**attributes), lambda index: int(draws[index] * WORD))
    return [round(loss(index) * 100 / WORD) for index in range(len(draws))]


def test_losses_that_are_independent_have_no_chain() -> None:
    assert chain_of(Toxic("loss", rate=0.5)) is None


def test_a_good_link_turns_bad_below_p_and_a_bad_one_good_below_r() -> None:
    lost = walk([0.9, 0.11, 0.09, 0.31, 0.5, 0.29, 0.5], **GILBERT)
    assert lost == [0, 0, 100, 100, 100, 0, 0]


def test_a_gilbert_elliott_link_begins_as_often_bad_as_it_is_in_the_long_run() -> None:
    assert walk([0.24], **GILBERT) == [100]
    assert walk([0.26], **GILBERT) == [0]
    assert walk([0.0], model="gemodel", p=0, r=0) == [0]
    assert walk([0.999], model="gemodel", p=0.5, r=0) == [100]


def test_each_of_its_states_loses_at_its_own_rate() -> None:
    assert walk([0.9, 0.05, 0.5], **GILBERT, **{"1-h": 0.7, "1-k": 0.02}) == [2, 70, 70]


def test_four_states_lose_in_bursts_and_alone() -> None:
    # 1 -> 3 -> 3 -> 2 -> 2 -> 3 -> 1 -> 4 -> 1 -> 1
    draws = [0.15, 0.9, 0.1, 0.5, 0.1, 0.5, 0.05, 0.0, 0.9]
    assert walk(draws, **STATES) == [100, 100, 0, 0, 100, 0, 100, 0, 0]


@pytest.mark.parametrize("ways", [("p13", "p14"), ("p31", "p32")])
def test_ways_out_of_a_state_that_add_up_to_more_than_one_are_refused(ways: list[str]) -> None:
    with pytest.raises(ConfigError, match=f"{' and '.join(ways)} are more than 1 together"):
        Toxic("loss", model="state", **dict.fromkeys(ways, 0.6))


@pytest.mark.parametrize("attributes", [GILBERT, STATES], ids=["gemodel", "state"])
def test_a_chain_may_be_asked_in_any_order_and_with_gaps(attributes: dict[str, Any]) -> None:
    assert_any_order(lambda: losses_of(chain(**attributes), stream()))


@pytest.mark.parametrize("repeat", [0.1, 0.9, 1.0])
def test_a_correlation_may_be_asked_in_any_order_and_with_gaps(repeat: float) -> None:
    assert_any_order(lambda: repeats_of(threshold(repeat), stream()))


def assert_any_order(make: Callable[[], Draw]) -> None:
    one = make()
    in_order = [one(index) for index in range(300)]
    for seed in range(5):
        indexes = Random(seed).choices(range(300), k=400)
        another = make()
        assert [another(index) for index in indexes] == [in_order[index] for index in indexes]


def test_a_message_shares_the_fate_of_the_nearest_one_before_it_that_has_its_own() -> None:
    draws = [0.1, 0.9, 0.1, 0.1, 0.7, 0.2]
    share = repeats_of(WORD // 2, lambda index: int(draws[index] * WORD))
    assert [share(index) for index in range(6)] == [0, 1, 1, 1, 4, 4]


def test_a_correlation_of_one_repeats_the_first_message() -> None:
    share = repeats_of(WORD, stream())
    assert {share(index) for index in range(100)} == {0}


def test_no_index_is_too_large_to_ask_for() -> None:
    far = (1 << 62) + 7
    for start in (far, RENEWAL + 3):
        assert repeats_of(WORD, stream())(start) == start - start % RENEWAL
        fixed = chain(model="gemodel", p=0.5, r=0.5)
        assert losses_of(fixed, stream())(start) in (0, WORD)


@pytest.mark.parametrize("attributes", [GILBERT, STATES], ids=["gemodel", "state"])
def test_a_chain_that_began_anew_forgets_what_came_before(attributes: dict[str, Any]) -> None:
    nearby = losses_of(chain(**attributes), stream())
    asked = [nearby(index) for index in range(RENEWAL - 5, RENEWAL + 50)]
    fresh = losses_of(chain(**attributes), stream())
    assert [fresh(index) for index in range(RENEWAL, RENEWAL + 50)] == asked[5:]
