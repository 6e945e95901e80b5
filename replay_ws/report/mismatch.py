"""Why a run is not as its golden: what a failed test says.

A test's log is read from the top and often cut, so the answer stands first, then what it costs, the
first divergence in its place, the rest as far as there is room, and at last what to run.
"""

from __future__ import annotations

from collections.abc import Iterable

from replay_ws.report.differences import Difference
from replay_ws.report.places import first_and_more
from replay_ws.report.standing import conditions_of_both


def mismatch_text(difference: Difference, closing: Iterable[str] = ()) -> str:
    """How a run differs from its golden, on at most 40 lines.

    ``closing`` are the last lines: how to run it again, to see more, to accept it.
    """
    made = conditions_of_both(difference.golden, difference.run)
    head = f"{difference.golden_name}: {first_and_more(difference.diff)}   ({made})"
    return "\n".join(line.text for line in difference.page(head, closing))
