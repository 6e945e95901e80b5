"""Which of the events that are left over have moved."""

from __future__ import annotations

from replay_ws.diff.moves import NEAR, find_moves

FAR = NEAR + 1


def moves(a: list[int], b: list[int], *, distance: int) -> list[tuple[int, int, int]]:
    """The blocks that moved where everything is left over, all of it so far away."""
    return find_moves((a, b), range(len(a)), range(len(b)), lambda left, right: distance)


def test_a_long_run_that_stands_elsewhere_is_one_block() -> None:
    assert moves([7, 8] * 4, [1, *[7, 8] * 4], distance=FAR) == [(0, 1, 8)]


def test_a_short_run_of_common_events_has_moved_only_if_it_came_not_far() -> None:
    a, b = [5, 6, 9, 9], [3, 3, 5, 6]
    assert moves([*a, 5, 6], [*b, 4], distance=FAR) == []
    assert moves(a, [*b, 6], distance=NEAR) == [(0, 2, 2)]


def test_an_event_that_the_strand_has_once_takes_its_equal_neighbours_along() -> None:
    a, b = [5, 5, 1, 5, 2, 2], [3, 3, 3, 3, 5, 5, 1, 5]
    assert moves(a, b, distance=FAR) == [(0, 4, 4)]


def test_events_that_kept_their_place_are_never_part_of_a_move() -> None:
    a, b = [1, 2, 3, 4], [3, 4, 1, 2]
    assert find_moves((a, b), [0, 1], [2, 3], lambda left, right: 2) == [(0, 2, 2)]
    assert find_moves((a, b), [0], [2, 3], lambda left, right: 2) == [(0, 2, 1)]
