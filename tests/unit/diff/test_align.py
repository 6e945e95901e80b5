"""Alignment of plain sequences: what is paired, and at which cost."""

from __future__ import annotations

from random import Random
from time import process_time

import pytest

from replay_ws.diff.align import EDITS_MAX, as_bag, in_sequence


def matched(a: list[int], b: list[int]) -> int:
    return sum(count for _, _, count in in_sequence(a, b)[0])


def test_equal_sequences_are_one_block() -> None:
    assert in_sequence([1, 2, 3], [1, 2, 3]) == ([(0, 0, 3)], [])


def test_an_insertion_is_a_gap_on_one_side() -> None:
    blocks, gaps = in_sequence([1, 2], [1, 9, 2])
    assert blocks == [(0, 0, 1), (1, 2, 1)]
    assert [(list(a), list(b)) for a, b in gaps] == [([], [1])]


def test_of_equal_items_the_earliest_answers() -> None:
    blocks, _ = in_sequence([5, 6, 7], [4, 6, 7, 7, 7])
    assert blocks == [(1, 1, 2)]


def test_a_bag_pairs_the_first_with_the_first_wherever_they_stand() -> None:
    blocks, gaps = as_bag([1, 2, 1], [2, 1, 3])
    assert blocks == [(0, 1, 1), (1, 0, 1)]
    assert gaps == [([2], [2])]


def test_a_stream_of_few_values_without_any_unique_item_is_aligned_by_runs() -> None:
    a = [value * value % 11 for value in range(20_000)]
    a = [(x + n // 97) % 12 for n, x in enumerate(a)]
    b = a[:5_000] + a[5_040:12_000] + [3] * 40 + a[12_000:]
    assert matched(a, b) >= len(a) - 80


def test_a_search_that_gets_too_long_keeps_what_it_found() -> None:
    a = [0, 1] * 10 * EDITS_MAX
    b = [1, 1, 0] * 7 * EDITS_MAX
    assert matched(a, b) > len(a) // 2


@pytest.mark.parametrize("values", [1, 2, 12, 10**9])
def test_unrelated_streams_cost_no_more_than_their_length_allows(values: int) -> None:
    def stream(seed: int) -> list[int]:
        return [(seed * n * n * 2654435761 + n * 40503) % 1000003 % values for n in range(40_000)]

    start = process_time()
    in_sequence(stream(7), stream(11))
    assert process_time() - start < 20


def test_a_hop_leads_over_a_gap_to_where_both_sides_agree_again() -> None:
    a = list(range(5_000))
    b = [*a[:1_000], -1, *a[1_003:2_000], *range(-90, -10), *a[2_000:4_000], *a[4_600:]]
    blocks, gaps = in_sequence(a, b)
    assert blocks == [
        (0, 0, 1_000),
        (1_003, 1_001, 997),
        (2_000, 2_078, 2_000),
        (4_600, 4_078, 400),
    ]
    assert [(len(x), len(y)) for x, y in gaps] == [(3, 1), (0, 80), (600, 0)]


def test_of_a_block_that_moved_the_rest_is_the_alignment() -> None:
    a = [n * n % 101 * 50 + n // 200 for n in range(50_000)]
    b = [*a[:10_000], *a[15_000:40_000], *a[10_000:15_000], *a[40_000:]]
    assert matched(a, b) == 45_000
    assert len(in_sequence(a, b)[1]) == 2


def test_long_sequences_without_anything_in_common_are_not_searched() -> None:
    a, b = ([chance.randrange(12) for _ in range(9_000)] for chance in map(Random, "ab"))
    assert matched(a, b) < 90
    assert matched(a, a[::-1]) < 90
    assert matched(a[:4_000], b[:4_000]) > 500


@pytest.mark.parametrize("values", [1, 2, 5])
def test_few_values_that_come_again_and_again_are_aligned_without_anchors(values: int) -> None:
    a = [number % values for number in range(20_000)]
    b = [item for number, item in enumerate(a) if number * number % 11 != 3]
    assert matched(a, b) == len(b)
