"""One seed tells one story, also where asyncio's own order comes from addresses."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.stories import STORIES, told

RUNS = 100


def noise() -> Iterator[None]:
    """Give the heap another history at every step: objects of many sizes, some of which stay."""
    chance = random.Random(1)
    kept: list[object] = []
    makers = (object, list, dict, set, lambda: bytes(chance.randrange(800)), lambda: [None] * 40)
    while True:
        block = [chance.choice(makers)() for _ in range(chance.randrange(400))]
        chance.shuffle(block)
        kept += block[::3]
        del kept[: len(kept) // 4]
        yield


@pytest.mark.parametrize("schedule", ["fifo", "pos", "random"])
@pytest.mark.parametrize("name", STORIES)
def test_one_seed_has_one_outcome_whatever_the_heap_saw_before(name: str, schedule: str) -> None:
    heap = noise()
    outcomes = {told(name, schedule) for _ in range(RUNS) if next(heap) is None}
    assert len(outcomes) == 1
