"""What a test says whose run is not as its golden."""

from __future__ import annotations

import replay_ws as rws
from replay_ws.cli.demo.program import three_agents
from replay_ws.report.differences import LINES_MAX, Difference
from replay_ws.report.mismatch import mismatch_text
from tests.helpers import sent, tokens

GOLDEN = rws.run(three_agents, seed=1).session


def text(golden: rws.Session, run: rws.Session, *closing: str) -> list[str]:
    view = Difference("golden.rws", "run.rws", golden, run, rws.compare(golden, run))
    return mismatch_text(view, closing).splitlines()


def lossy(*numbers: int) -> rws.Session:
    """The golden, with messages lost by their number in it."""
    struck = [GOLDEN.events[number] for number in numbers]
    return rws.replay(
        GOLDEN,
        plan=rws.Plan(
            tuple(
                rws.Decision("loss", e.connection, e.direction, e.type, e.index, 0, 1)
                for e in struck
            )
        ),
    )


def test_it_says_first_what_comes_first_in_which_golden_under_which_conditions() -> None:
    head = text(GOLDEN, rws.replay(GOLDEN, mode="packet_loss", seed=5))[0]
    assert head == (
        "golden.rws: missing #18 thread-planner < agent_thinking: lost (loss)   "
        "(mode packet_loss, seed 5; the golden: mode normal, seed 1)"
    )


def test_it_counts_what_comes_after_the_first() -> None:
    assert ", and 1 more   (mode normal, seed 1)" in text(GOLDEN, lossy(4, 6))[0]


def test_conditions_that_are_the_same_are_said_once() -> None:
    assert text(GOLDEN, lossy(4))[0].endswith("(mode normal, seed 1)")


def test_it_counts_what_differs_and_what_does_not() -> None:
    assert text(GOLDEN, lossy(4, 6))[1] == "  2 missing   31/33 events match (93.9 %), order causal"


def test_it_names_the_points_of_compliance_that_were_lost() -> None:
    last = max(n for n, event in enumerate(GOLDEN.events) if event.type == "agent_completed")
    (line,) = (line for line in text(GOLDEN, lossy(last)) if "compliance" in line)
    assert line.startswith("  compliance agent5 1.000 → 0.9")
    assert "lost: required agent_completed −0.33" in line


def test_a_score_that_stayed_is_not_mentioned() -> None:
    thought = max(n for n, event in enumerate(GOLDEN.events) if event.type == "agent_thinking")
    assert not any("compliance" in line for line in text(GOLDEN, lossy(thought)))


def test_the_first_divergence_stands_among_its_neighbours() -> None:
    shown = text(GOLDEN, lossy(4))
    at = next(n for n, line in enumerate(shown) if line.startswith("first divergence: missing #4 "))
    marked = next(n for n, line in enumerate(shown) if line.startswith("  - missing"))
    assert at < marked <= at + 5


def test_the_caller_has_the_last_lines() -> None:
    assert text(GOLDEN, lossy(4), "see     this", "rerun   that")[-3:] == [
        "",
        "  see     this",
        "  rerun   that",
    ]


def test_it_is_never_more_than_forty_lines() -> None:
    golden = sent(*tokens(300)).session
    other = sent(*({"type": f"other-{n}", "text": "x" * 500} for n in range(200))).session
    for run in (other, rws.replay(golden, mode=["packet_loss", "race_conditions"], seed=2)):
        shown = text(golden, run, *(f"line {n}" for n in range(5)))
        assert len(shown) <= LINES_MAX == 40
        assert max(map(len, shown)) <= 160
        assert any(" more" in line for line in shown)
