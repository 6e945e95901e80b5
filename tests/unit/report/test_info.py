"""A cassette summed up."""

from __future__ import annotations

import json

from replay_ws.report.blocks import Line
from replay_ws.report.info import Info
from replay_ws.session import Session
from tests.helpers import sent, tokens


def info(session: Session) -> Info:
    return Info("x.rws", session, damage="", size_bytes=1, version=(1, 0), volatile={})


def lines(session: Session) -> dict[str, str]:
    """The facts of a summary, by name."""
    texts = [
        block.text.split(None, 1) for block in info(session).blocks() if isinstance(block, Line)
    ]
    return {text[0]: text[1] for text in texts if len(text) == 2}


def test_a_summary_tells_latency_throughput_and_the_fullest_queue() -> None:
    told = lines(sent(*["12345"] * 10, at_once=True, consume_rate=10).session)
    assert told["latency"] == "p50 500 ms, p90 900 ms, p99 1 s, max 1 s"
    assert told["throughput"] == "10.0 messages/s, 50.0 bytes/s over 1 s"
    assert told["queue"] == "at most 10 messages, 50 bytes on their way in one direction"


def test_a_session_in_which_nothing_took_time_says_nothing_of_it() -> None:
    assert not lines(sent(*tokens(3)).session).keys() & {"latency", "throughput", "queue"}


def test_the_json_of_a_summary_holds_all_metrics_of_each_connection() -> None:
    told = json.loads(json.dumps(info(sent(*tokens(3), latency_ms=5).session).to_dict()))
    assert told["metrics"]["latency"]["p99_ns"] == 5_000_000
    assert told["metrics"]["connections"]["t1"]["downstream"]["delivered"] == 3
