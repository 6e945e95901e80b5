"""Blocks of two sequences, and where the gaps between them stand."""

from __future__ import annotations

from random import Random

import pytest

from replay_ws.diff.align import in_sequence
from replay_ws.diff.blocks import common_prefix, facing
from replay_ws.diff.moves import NEAR, find_moves


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 100, 1000])
def test_a_common_prefix_is_found_to_the_item(size: int) -> None:
    a = list(range(size))
    assert common_prefix(a, [*a, 1]) == size
    assert common_prefix([*a, -1, 0], [*a, -2, 0]) == size


def test_a_gap_slides_to_the_front_until_it_has_what_a_gap_of_the_other_side_has() -> None:
    a, b = [0, 7, 8, 7, 1, 2], [0, 7, 1, 2, 7, 8]
    assert facing([(0, 0, 2), (4, 2, 2)], a, b) == [(0, 0, 1), (3, 1, 3)]


def test_either_side_may_slide_also_behind_the_last_block() -> None:
    a, b = [7, 8, 1, 2, 7], [1, 2, 7, 8, 7]
    assert facing([(2, 0, 3)], a, b) == [(2, 0, 2), (4, 4, 1)]


def test_gaps_that_face_nothing_or_already_do_so_stay() -> None:
    faces = [0, 7, 8, 7, 1, 2], [0, 7, 1, 2, 8, 7]
    nothing = [0, 7, 8, 7, 1, 2], [0, 7, 1, 2, 8, 9]
    for a, b in (faces, nothing):
        assert facing([(0, 0, 2), (4, 2, 2)], a, b) == [(0, 0, 2), (4, 2, 2)]


@pytest.mark.parametrize("values", [12, 100])
def test_a_block_that_moved_is_one_move_also_where_its_edges_repeat(values: int) -> None:
    random = Random(values)
    for _ in range(100):
        a = [random.randrange(values) for _ in range(2_000)]
        size, source, target = random.randrange(30, 120), random.randrange(800), 1_000
        rest = a[:source] + a[source + size :]
        b = rest[:target] + a[source : source + size] + rest[target:]
        for ids in ((a, b), (b, a)):
            _, gaps = in_sequence(*ids)
            left, right = ([place for gap in gaps for place in gap[side]] for side in (0, 1))
            moves = find_moves(ids, left, right, lambda left, right: NEAR + 1)
            assert sum(length for _, _, length in moves) == len(left) == len(right) == size
            assert len(moves) == 1
