"""Events as lines: rows of the log, deliveries, payloads."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from replay_ws import MockWebSocketManager, Session, replay, run
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.recorder.jsonl import export_jsonl
from replay_ws.report.blocks import Line, Tone
from replay_ws.report.events import (
    Listing,
    _head,
    name_width,
    payload_text,
    settings_text,
    stable_lines,
)
from replay_ws.text import columns


def session(*messages: Any, **fields: Any) -> Session:
    """What one thread gets when it is sent ``messages``, 10 ms apart."""

    async def program() -> None:
        mock = MockWebSocketManager(**fields)
        for message in messages:
            await mock.send_to_thread("t", message)
            await asyncio.sleep(0.01)

    return run(program, seed=1).session


def lines(listing: Listing) -> list[str]:
    return [block.text for block in listing.blocks() if isinstance(block, Line)]


def test_a_message_has_number_time_connection_direction_type_and_payload() -> None:
    shown = lines(Listing(session({"type": "hello", "n": 1}, {"type": "bye"})))
    assert '   0     0.000000  t <  hello             {"n":1}' in shown
    assert "   1     0.010000  t <  bye" in shown


def test_what_is_no_message_has_no_number_and_is_quiet() -> None:
    blocks = list(Listing(session({"type": "hello"})).blocks())
    quiet = [b.text.split()[1] for b in blocks if isinstance(b, Line) and b.tone is Tone.QUIET]
    assert quiet[0] == "channel"
    assert quiet[-1] == "end"
    assert "kind" not in quiet


def test_a_message_that_did_not_arrive_says_why_and_which_decision_it_was() -> None:
    shown = lines(Listing(session({"type": "hello", "n": 1}, packet_loss_rate=1)))
    assert any(line.endswith('hello             lost (loss)  {"n":1}') for line in shown)
    assert any(line.endswith("loss strikes hello (1)") for line in shown)


def test_json_calls_a_field_what_the_export_calls_it() -> None:
    told = session({"type": "hello"}, malformed_rate=1, malformed_kinds=("truncate_json",))
    (event,) = Listing(told, delivered=True).to_dict()["events"]
    (exported,) = map(json.loads, export_jsonl(told))
    shared = event.keys() & exported.keys()
    assert shared >= {"connection", "op", "type", "sent_ns", "outcome", "damaged"}
    assert event["op"] == "text"
    assert event["damaged"] is exported["damaged"] is True


def test_deliveries_are_numbered_as_they_arrived() -> None:
    twice = session({"type": "hello", "n": 1}, duplicate_rate=1)
    assert lines(Listing(twice, delivered=True)) == [
        '   0     0.000000  t <  hello             {"n":1}',
        '   1     0.000000  t <  hello             copy  {"n":1}',
    ]


def test_the_lines_beyond_the_limit_are_counted() -> None:
    listing = Listing(session(*[{"type": "hello"}] * 9), delivered=True, limit=2)
    assert lines(listing)[2:] == ["… and 7 more lines"]
    assert listing.to_dict()["more"] == 7
    assert len(listing.to_dict()["events"]) == 2


@pytest.mark.parametrize(
    ("event", "payload", "shown"),
    [
        ("hello", {"type": "hello"}, ""),
        ("", {"n": 1}, '{"n":1}'),
        ("", "two\nlines \x1b[31m", "two\\nlines \\u001b[31m"),
        ("", {"text": "\x9b31m\u202e"}, '{"text":"\\u009b31m\\u202e"}'),
        ("", b"\x00\xff", "2 bytes 00ff"),
        ("", {"at": datetime(2026, 1, 1, tzinfo=UTC)}, '{"at":"2026-01-01 00:00:00+00:00"}'),
    ],
)
def test_a_payload_is_one_line_without_its_type_and_without_control_characters(
    event: str, payload: Any, shown: str
) -> None:
    assert payload_text(event, payload) == shown


def test_a_configuration_is_its_mode_and_what_differs_from_it() -> None:
    config = MockConfiguration(mode="packet_loss", latency_ms=5)
    assert settings_text(config.values()) == "packet_loss latency_ms=5.0"
    assert settings_text(MockConfiguration().values()) == "normal"
    assert settings_text({"mode": "of a later version", "x": 1}) == "of a later version x=1"
    assert settings_text({}) == ""
    several = MockConfiguration(
        mode=["slow_network", "packet_loss"], preset="3g", toxics=[{"type": "idle"}]
    )
    assert settings_text(several.values()) == "slow_network + packet_loss preset=3g 1 toxics"


def test_stable_lines_do_not_know_the_time() -> None:
    story = session({"type": "hello"}, {"type": "bye"})
    late = replay(story, config=MockConfiguration(latency_ms=7))
    before, after = list(stable_lines(story)), list(stable_lines(late))
    differing = [b for a, b in zip(before, after, strict=True) if a != b]
    assert differing == ["0< channel normal latency_ms=7.0"], "the configuration, and no event"


def test_a_name_of_wide_characters_leaves_the_columns_where_they_are() -> None:
    assert name_width(("連" * 20, "short")) == 24
    assert name_width(("連接", "c")) == 4
    wide, narrow = (_head("", 0, name, "<", 24) for name in ("連" * 20, "c"))
    assert columns(wide) == columns(narrow)
