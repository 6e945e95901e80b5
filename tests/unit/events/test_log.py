"""A log: rows in columns, and the tables of names behind their numbers."""

from __future__ import annotations

import pytest

from replay_ws.events.encoding import encode
from replay_ws.events.log import Channel, Connection, Direction, Header, Log, Op


def test_a_row_comes_back_as_it_was_appended() -> None:
    log = Log()
    row = (int(Op.TEXT), 3, 17, 0, 5, "hello")
    assert log.append(*row) == 0
    assert list(log.rows()) == [row]
    assert len(log) == 1
    assert log.end_ns == 17


def test_rows_can_be_read_from_the_middle() -> None:
    log = Log()
    for number in range(5):
        log.append(Op.TEXT, 0, number, 0, number, str(number))
    assert [row[5] for row in log.rows(1, 3)] == ["1", "2"]
    assert [row[5] for row in log.rows(3)] == ["3", "4"]


def test_an_empty_log_ends_at_zero() -> None:
    assert Log().end_ns == 0
    assert list(Log().rows()) == []


def test_a_type_gets_a_number_and_a_row_when_it_is_new() -> None:
    log = Log()
    assert log.kind("", 0) == 0
    assert [log.kind("token", 1), log.kind("tool", 2), log.kind("token", 3)] == [1, 2, 1]
    assert log.kinds == ["", "token", "tool"]
    assert [row[:4] for row in log.rows()] == [(Op.KIND, 0, 1, 1), (Op.KIND, 0, 2, 2)]


def test_messages_are_numbered_within_lane_and_type() -> None:
    log = Log()
    asked = [(0, 1), (0, 1), (1, 1), (0, 2), (0, 1)]
    assert [log.next_index(*about) for about in asked] == [0, 1, 0, 0, 2]


def test_channels_and_connections_get_numbers_and_rows() -> None:
    log = Log()
    assert log.add_channel(Channel("mock", {"mode": "normal"}), 0) == 0
    assert log.add_connection(Connection("a", "message", 0), 0) == 0
    assert log.add_connection(Connection("b", "message", 0), 5) == 1
    assert [log.value(row) for row in range(3)] == [
        ["mock", {"mode": "normal"}],
        ["a", "message", 0],
        ["b", "message", 0],
    ]
    assert list(log.lanes) == [0, 0, 2]


@pytest.mark.parametrize("body", ["text", b"\x81\x01"])
def test_the_value_of_a_frame_is_the_frame(body: str | bytes) -> None:
    log = Log()
    log.append(Op.TEXT if isinstance(body, str) else Op.BINARY, 0, 0, 0, 0, body)
    assert log.value(0) == body


def test_the_value_of_a_row_with_structure_is_decoded() -> None:
    log = Log()
    log.append(Op.OBJECT, 0, 0, 0, 0, encode({"a": (1, 2)}))
    log.note(Op.MARK, 0, 0, {"mark": "here"})
    assert [log.value(0), log.value(1)] == [{"a": (1, 2)}, {"mark": "here"}]


def test_a_copy_and_its_original_go_separate_ways() -> None:
    log = Log(Header(seed=7))
    log.kind("token", 0)
    log.next_index(0, 1)
    twin = log.copy()
    assert list(twin.rows()) == list(log.rows())
    assert twin.header.seed == 7
    assert twin.next_index(0, 1) == 1
    twin.kind("tool", 1)
    twin.add_channel(Channel("late"), 1)
    assert log.kinds == ["", "token"]
    assert log.channels == []
    assert len(log) == 1
    assert log.next_index(0, 1) == 1


def test_directions_have_a_sign() -> None:
    assert [Direction.DOWNSTREAM.sign, Direction.UPSTREAM.sign] == ["<", ">"]
