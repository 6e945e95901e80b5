"""Ten ways to damage a message, each the same every time."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from replay_ws.events.encoding import encode
from replay_ws.events.log import Op
from replay_ws.events.plain import plain, to_json
from replay_ws.faults.malformed import KINDS, damage

MESSAGE = {"type": "token", "text": "hé", "n": 3}
TEXT = to_json(MESSAGE)
POSITIONS = (0, 1, 2, 5, 17, 1 << 47)


def damaged(kind: str, message: Any = MESSAGE, at: int = 0) -> str:
    op, text = damage(Op.OBJECT, encode(message), kind, at)
    assert op is Op.TEXT
    assert isinstance(text, str)
    return text


def test_there_are_ten_kinds() -> None:
    assert len(set(KINDS)) == len(KINDS) == 10


@pytest.mark.parametrize(
    ("kind", "at", "shown"),
    [
        ("truncate_json", 9, '{"type":"'),
        ("invalid_json", 1, '{}{"type":"token","text":"hé","n":3}'),
        ("bom", 0, "\ufeff" + TEXT),
        ("double_encoded", 0, json.dumps(TEXT, ensure_ascii=False)),
        ("wrong_type", 0, '{"type":"token","text":0,"n":3}'),
        ("wrong_type", 1, '{"type":"token","text":"hé","n":"3"}'),
        ("missing_field", 1, '{"type":"token","text":"hé"}'),
        ("unknown_event", 0, '{"type":"unknown_event","text":"hé","n":3}'),
        ("null_field", 0, '{"type":"token","text":null,"n":3}'),
        ("wrong_case", 0, '{"type":"TOKEN","text":"hé","n":3}'),
        ("duplicate_key", 1, '{"type":"token","text":"hé","n":3,"n":null}'),
    ],
)
def test_each_kind_does_what_its_name_says(kind: str, at: int, shown: str) -> None:
    assert damaged(kind, at=at) == shown


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", POSITIONS)
@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        {"type": "TOKEN"},
        {"type": "unknown_event", "data": None},
        {"": None},
        {},
        [],
        ["list"],
        "text",
        7,
        None,
        {"at": date(2026, 1, 1), "s": {1, 2}, b"k": 1, (1,): 2, "big": 1 << 20_000},
    ],
    ids=range(11),
)
def test_no_kind_leaves_a_message_as_it_was(kind: str, at: int, message: Any) -> None:
    assert damaged(kind, message, at) != to_json(plain(message))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", [TEXT, "no json", "[1]", "9" * 5_000, "[" * 99_999])
def test_a_text_frame_can_be_damaged_in_every_way(kind: str, text: str) -> None:
    op, body = damage(Op.TEXT, text, kind, 3)
    assert op is Op.TEXT
    assert body != text


@pytest.mark.parametrize("kind", KINDS)
def test_a_binary_frame_is_cut(kind: str) -> None:
    assert damage(Op.BINARY, b"abcdef", kind, 2) == (Op.BINARY, b"ab")


@pytest.mark.parametrize("kind", KINDS)
def test_a_position_damages_the_same_place_every_time(kind: str) -> None:
    assert damaged(kind, at=1 << 40) == damaged(kind, at=1 << 40)


@pytest.mark.parametrize("kind", ["wrong_type", "missing_field", "null_field", "duplicate_key"])
@pytest.mark.parametrize("at", range(4))
def test_damage_to_a_field_spares_the_type(kind: str, at: int) -> None:
    assert json.loads(damaged(kind, at=at))["type"] == "token"


def test_bytes_that_are_no_payload_are_damaged_as_hex() -> None:
    assert damage(Op.OBJECT, b"\xc1", "bom", 0) == (Op.TEXT, '\ufeff"0xc1"')
