"""Thirteen ways in which a session can go, and what each measure makes of it.

The fitness of each is what the alignments of a process-mining library gave, which also pins the
sessions down. A run may have several messages here: with one, ``reversed`` costs an edit more.
"""

from __future__ import annotations

import pytest

from replay_ws.compliance import check, parse_profile
from replay_ws.compliance.automaton import Automaton
from replay_ws.compliance.rules import Rule
from replay_ws.events.model import Event
from tests.helpers import event

PROTOCOL = """
    session.start run.started
    ((token | tool.start tool.progress* tool.end)* message.end)+
    run.finished session.end
"""
PROFILE = parse_profile(f"""
    protocol = '''{PROTOCOL}'''
    name = "agent-stream"
    required = ["session.start", "run.started", "message.end", "run.finished", "session.end"]
    known = ["token", "tool.progress"]
    order = ["session.start", "run.started", "run.finished", "session.end"]
    terminal = ["session.end"]
    at_most_once = ["session.start", "run.finished", "session.end"]

    [[pairs]]
    name = "tool"
    open = ["tool.start"]
    close = ["tool.end"]
    by = ["/call_id"]
""")

REQUIRED = [*PROFILE.required]
TOOL = ["tool.start", "tool.progress", "tool.end"]
OK = [*REQUIRED[:2], *["token"] * 3, *TOOL, *["token"] * 3, *REQUIRED[2:]]
LONG = [*REQUIRED[:2], *[*["token"] * 997, *TOOL, "token"], *REQUIRED[2:]]


def without(type: str, stream: list[str] = OK) -> list[str]:
    return [other for other in stream if other != type]


EXAMPLES = {
    "ok": (OK, 1.0, 1.0),
    "drop message.end": (without("message.end"), 0.8, 0.944),
    "truncated after tool.start": (OK[:6], 0.4, 0.636),
    "tool.end before tool.start": ([*OK[:5], *reversed(TOOL), *OK[8:]], 1.0, 0.842),
    "drop tool.end": (without("tool.end"), 1.0, 0.944),
    "duplicate run.finished": ([*OK[:-1], *OK[-2:]], 1.0, 0.95),
    "token after session.end": ([*OK, "token"], 1.0, 0.95),
    "run.started last": ([*without("run.started"), "run.started"], 1.0, 0.895),
    "reversed": (OK[::-1], 1.0, 0.368),
    "empty": ([], 0.0, 0.0),
    "3 unknown events": ([*OK[:4], "odd", *OK[4:9], "odd", "odd", *OK[9:]], 1.0, 0.864),
    "required only, reversed": (REQUIRED[::-1], 1.0, 0.2),
    "1 lost tool.end in 1,006 events": (without("tool.end", LONG), 1.0, 0.999),
}
each = pytest.mark.parametrize("name", EXAMPLES)


def told(stream: list[str]) -> list[Event]:
    return [event(type, call_id="c1") for type in stream]


@each
def test_the_share_of_required_types_is_blind_to_most_of_them(name: str) -> None:
    stream, share, _ = EXAMPLES[name]
    assert check(told(stream), profile=PROFILE).required_share == share


@each
def test_fitness_is_that_of_process_mining(name: str) -> None:
    stream, _, fitness = EXAMPLES[name]
    assert round(Automaton.compile(PROTOCOL).fitness(stream), 3) == fitness


@each
def test_the_protocol_is_one_check_which_is_worth_its_fitness(name: str) -> None:
    """An unknown type is the business of ``known``, and a session without events has no stream."""
    stream, _, fitness = EXAMPLES[name]
    checks = check(told(stream), profile=PROFILE).checks
    shares = [round(one.share, 3) for one in checks if one.rule is Rule.PROTOCOL]
    assert shares == {"empty": [], "3 unknown events": [1.0]}.get(name, [fitness])


@each
def test_the_score_tells_every_bad_session_from_the_good_one(name: str) -> None:
    """One lost event of a thousand costs a whole check, where fitness is diluted to 0.999."""
    stream, _, _ = EXAMPLES[name]
    report = check(told(stream), profile=PROFILE)
    assert (report.score == 1.0) == (name == "ok")
    assert report.score <= 0.99 or name == "ok"
    assert bool(report.findings) == (name != "ok")


def test_the_edits_that_mend_a_session_are_told() -> None:
    (finding,) = [
        found
        for found in check(told(EXAMPLES["drop tool.end"][0]), profile=PROFILE).findings
        if found.rule is Rule.PROTOCOL
    ]
    assert finding.message.endswith("to mend: insert tool.end after #6")


def test_what_is_lost_in_a_long_session_is_named_by_the_edit_that_mends_it() -> None:
    stream, _, _ = EXAMPLES["1 lost tool.end in 1,006 events"]
    (edit,) = Automaton.compile(PROTOCOL).diagnosis(stream)
    assert str(edit) == "insert tool.end after #1000"
