"""Why a run is not as its golden: what a failed test says.

A test's log is read from the top and often cut, so the answer stands first, then what it costs, the
first divergence in its place, the rest as far as there is room, and at last what to run.
"""

from __future__ import annotations

from collections.abc import Iterable

from replay_ws.report.differences import Difference
from replay_ws.report.places import short_line
from replay_ws.report.standing import conditions_of_both
from replay_ws.text import cut

FIRST_WIDTH = 200
"""Columns that the first divergence may take of the first line."""


def mismatch_text(difference: Difference, closing: Iterable[str] = ()) -> str:
    """How a run differs from its golden, on at most 40 lines.

    ``closing`` are the last lines: how to run it again, to see more, to accept it.
    """
    made = conditions_of_both(difference.golden, difference.run)
    head = f"{difference.golden_name}: {_first_and_more(difference)}   ({made})"
    return "\n".join(line.text for line in difference.page(head, closing))


def _first_and_more(difference: Difference) -> str:
    """The first divergence: what a list of failed tests has room for."""
    diff = difference.diff
    assert diff.first is not None
    more = sum(not found.rule for found in diff.divergences) - 1
    told = cut(short_line(diff, diff.first), FIRST_WIDTH)
    return f"{told}{f', and {more:,} more' if more else ''}"
