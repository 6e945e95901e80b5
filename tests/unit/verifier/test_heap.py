"""A stirred heap: other addresses, and everything put back."""

from __future__ import annotations

import gc

from replay_ws.verifier.heap import Heap


class Thing:
    """Has no hash of its own."""


def order_of_addresses() -> list[int]:
    things = [Thing() for _ in range(12)]
    return sorted(range(12), key=lambda number: id(things[number]))


def test_objects_made_after_the_heap_was_stirred_lie_in_another_order() -> None:
    heap = Heap()
    before = order_of_addresses()
    with heap.stirred():
        assert order_of_addresses() != before


def test_the_collector_comes_sooner_and_only_while_the_heap_is_stirred() -> None:
    before = gc.get_threshold()
    with Heap().stirred():
        assert 0 < gc.get_threshold()[0] < before[0]
    assert gc.get_threshold() == before
