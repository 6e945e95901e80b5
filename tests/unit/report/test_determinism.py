"""How it is told that a program does not do the same again."""

from __future__ import annotations

import io
import json

from replay_ws.errors import DeterminismError
from replay_ws.report.determinism import Parted
from replay_ws.report.terminal import draw
from replay_ws.session import Verification

ERROR = DeterminismError(
    "a second run differs at step 3",
    where="app:main",
    mend="sort it",
    varied="heap",
    step=3,
    time_ns=5,
    lane="main",
    events=("records a", "records b\x1b[0m"),
    stacks=(("app.py:1 in main",), ("app.py:2 in main",)),
    likely="iteration over a set",
    lines=("first run: records a", "other run: records b\x1b[0m"),
)


def test_the_answer_comes_first_and_the_mend_last() -> None:
    screen = io.StringIO()
    draw(Parted("app:main", ERROR).blocks(), screen)
    lines = screen.getvalue().splitlines()
    assert lines[0] == "different: app:main: a second run differs at step 3"
    assert "likely: iteration over a set" in lines
    assert lines[-1] == "mend: sort it"


def test_what_a_terminal_would_act_on_is_spelt_out() -> None:
    screen = io.StringIO()
    draw(Parted("app:main", ERROR).blocks(), screen)
    assert "\x1b" not in screen.getvalue()


def test_a_program_reads_the_same_facts() -> None:
    told = json.loads(json.dumps(Parted("app:main", ERROR).to_dict()))
    assert (told["varied"], told["step"], told["lane"]) == ("heap", 3, "main")
    assert told["runs"][1]["stack"] == ["app.py:2 in main"]
    assert told["likely"] == "iteration over a set"


def test_a_verification_says_how_much_was_compared_and_what_was_not() -> None:
    assert (
        str(Verification(("heap", "hash seed"), 2, 9)) == "9 events in 2 steps, heap and hash seed"
    )
    told = str(Verification(("heap",), 2, 9, ("hash seed: a lambda",)))
    assert told == "9 events in 2 steps, heap; not checked: hash seed: a lambda"
