"""A diff as lines: the answer, the first divergence in its place, what to run next."""

from __future__ import annotations

from typing import Any

from replay_ws import MockConfiguration, MockWebSocketManager, Session, compare, replay, run
from replay_ws.report.blocks import Line
from replay_ws.report.differences import Difference


def session(*events: str, **fields: Any) -> Session:
    """One thread that is sent ``events``, a tenth of a second apart in flight."""

    async def program() -> None:
        mock = MockWebSocketManager(**fields)
        for number, event in enumerate(events):
            await mock.send_to_thread("t", {"type": event, "n": number})

    return run(program, seed=1).session


def lines(golden: Session, again: Session) -> list[str]:
    view = Difference("golden.rws", "run.rws", golden, again, compare(golden, again))
    return [block.text for block in view.blocks() if isinstance(block, Line)]


def test_the_same_session_is_the_same_bit_for_bit() -> None:
    golden = session("a", "b")
    assert lines(golden, golden) == [
        "same: golden.rws and run.rws deliver the same 2 events",
        f"  bit for bit: digest {golden.digest}",
    ]


def test_a_lost_event_stands_where_it_was_expected() -> None:
    golden = session("a", "b", "c")
    plan = replay(golden, config=MockConfiguration(packet_loss_rate=1), seed=1).plan
    only_b = next(decision for decision in plan if decision.type == "b")
    lossy = replay(golden, plan=type(plan)((only_b,)))
    shown = lines(golden, lossy)
    assert shown[:4] == [
        "different: golden.rws and run.rws   (mode normal, seed 1)",
        "  1 missing   2/3 events match (66.6 %), order causal",
        "  golden  3 messages: 3 delivered",
        "  run     3 messages: 2 delivered, 1 lost (loss)",
    ]
    at = shown.index("first divergence: missing #1 < b: lost (loss)")
    assert [line[:21].split() for line in shown[at + 2 : at + 5]] == [
        ["0"],
        ["-", "missing", "1"],
        ["2"],
    ]
    assert shown[at + 1] == "  t <, golden #1 ≙ run after #0, t=+0"
    assert shown[-2:] == [
        "  see     replay-ws cat run.rws   (what was decided)",
        "  accept  replay-ws accept run.rws golden.rws",
    ]


def test_an_extra_event_stands_behind_the_one_that_it_follows() -> None:
    shown = lines(session("a", "c"), session("a", "b", "c"))
    signs = [line.split()[0] for line in shown if line.startswith("  ") and "0.000000" in line]
    assert "+" in signs


def test_an_extra_event_may_come_before_all_others() -> None:
    shown = lines(session(), session("a"))
    assert any(line.startswith("  + extra") for line in shown)


def test_hundreds_of_divergences_make_a_page() -> None:
    golden = session(*(f"event {number}" for number in range(300)))
    shown = lines(golden, session(*(f"another {number}" for number in range(300))))
    assert len(shown) <= 40
    assert any(" more" in line for line in shown)
    see = "  see     replay-ws diff golden.rws run.rws --tree   (or --json: all of them)"
    assert see in shown


def test_lateness_alone_suggests_a_tolerance() -> None:
    golden = session("a", "b")
    late = replay(golden, config=MockConfiguration(latency_ms=7.5))
    see = "  see     replay-ws diff golden.rws run.rws --tolerance-ms 8"
    assert see in lines(golden, late)
