"""The shortest edit script of two sequences, or the best beginning of it.

Source: Myers 1986, the greedy algorithm.
"""

from __future__ import annotations


def pairs_along(
    a: list[int], b: list[int], start_x: int, start_y: int, edits_max: int
) -> tuple[list[tuple[int, int]], int, int, int]:
    """Pairs from a start to the end, or as far as so many edits lead; what it cost; and that end.

    ``farthest[k]`` is the farthest x on diagonal ``k = x - y`` that so many edits can reach;
    ``history[n]`` is ``farthest`` after less than n edits.
    """
    end_x, end_y = len(a) - start_x, len(b) - start_y
    farthest = {1: 0}
    history: list[dict[int, int]] = []
    steps = 0
    for edits in range(edits_max + 1):
        history.append(farthest.copy())
        diagonals = range(_within(-edits, -end_y), _within(edits, end_x) + 1, 2)
        steps += len(diagonals)
        for k in diagonals:
            x, _ = _step(farthest, k)
            y = x - k
            while x < end_x and y < end_y and a[start_x + x] == b[start_y + y]:
                x, y = x + 1, y + 1
            farthest[k] = x
            if x >= end_x and y >= end_y:
                return _path(history, x, y, start_x, start_y), steps, len(a), len(b)
    reached = ((farthest[k], farthest[k] - k) for k in diagonals)
    x, y = max((x + y, x, y) for x, y in reached if x <= end_x and y <= end_y)[1:]
    return _path(history, x, y, start_x, start_y), steps, start_x + x, start_y + y


def _within(diagonal: int, bound: int) -> int:
    """``diagonal``, or where it lies beyond ``bound``, the nearest within of the same parity."""
    if abs(diagonal) <= abs(bound):
        return diagonal
    return bound if (diagonal - bound) % 2 == 0 else bound - (1 if bound > 0 else -1)


def _step(farthest: dict[int, int], k: int) -> tuple[int, int]:
    """The x at which one more edit enters diagonal ``k``, and the diagonal that it comes from."""
    above, below = farthest.get(k + 1, -1), farthest.get(k - 1, -1)
    return (above, k + 1) if below < above else (below + 1, k - 1)


def _path(
    history: list[dict[int, int]], x: int, y: int, start_x: int, start_y: int
) -> list[tuple[int, int]]:
    """The pairs on the way from the start to ``(x, y)``."""
    pairs: list[tuple[int, int]] = []
    for farthest in reversed(history):
        entered, before = _step(farthest, x - y)
        pairs.extend((start_x + x - n, start_y + y - n) for n in range(1, x - entered + 1))
        x = farthest[before]
        y = x - before
    return pairs[::-1]
