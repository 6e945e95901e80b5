"""One value, one sequence of bytes: on every Python, with either msgpack back end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from math import copysign, inf, isnan, nan
from pathlib import Path
from typing import Any
from uuid import UUID

import msgpack
import pytest

from replay_ws.events.encoding import (
    DEPTH_MAX,
    Encoder,
    EncodingError,
    decode,
    encode,
    json_too_deep,
)

ROOT = Path(__file__).resolve().parents[3]


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Kind(StrEnum):
    TOKEN = "token"


@dataclass(frozen=True)
class Point:
    x: int
    y: Any = None


class Model:
    """What pydantic's models look like from outside."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def model_dump(self) -> dict[str, Any]:
        return self.fields


Pair = namedtuple("Pair", "left right")
SUMMER = timezone(timedelta(hours=2))

KEPT: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    2**64 - 1,
    -(2**63),
    2**64,
    -(2**63) - 1,
    2**1000,
    -(2**1000),
    0.1,
    inf,
    -inf,
    5e-324,
    "",
    "é\U0001f600",
    "\ud800",
    b"\x00\xff",
    [],
    [1, [2]],
    {},
    {"b": 1, "a": 2},
    {1: "int", b"k": "bytes", None: "none", (1, 2): "tuple"},
    (),
    (1, (2, [3])),
    set(),
    {1, "a", None},
    frozenset({(1, 2)}),
    datetime(2026, 1, 2, 3, 4, 5, 678),
    datetime(2026, 1, 2, tzinfo=SUMMER),
    date(2026, 1, 2),
    time(1, 2, 3, 4),
    time(1, 2, tzinfo=SUMMER),
    timedelta(days=-1, microseconds=1),
    Decimal("1.10"),
    UUID(int=5),
    {"deep": [{"at": datetime(2026, 1, 1)}, {Decimal("NaN").__class__("2")}]},
]

PLAIN: list[tuple[Any, Any]] = [
    (Colour.RED, "red"),
    (Level.HIGH, 3),
    (Kind.TOKEN, "token"),
    (Point(1, Point(2)), {"x": 1, "y": {"x": 2, "y": None}}),
    (Model(type="token", at=date(2026, 1, 1)), {"type": "token", "at": date(2026, 1, 1)}),
    (Pair(1, 2), (1, 2)),
    (OrderedDict(a=1), {"a": 1}),
    (bytearray(b"x"), b"x"),
    (memoryview(b"x"), b"x"),
    ({Point(1)}, [{"x": 1, "y": None}]),
    (frozenset({Point(1)}), [{"x": 1, "y": None}]),
    ({Point(1): 2}, [({"x": 1, "y": None}, 2)]),
    (type("Text", (str,), {})("t"), "t"),
    (type("Whole", (int,), {})(2**70), 2**70),
    (type("Real", (float,), {})(0.5), 0.5),
]


@pytest.mark.parametrize("value", KEPT, ids=lambda value: type(value).__name__)
def test_a_value_reads_back_as_it_was(value: Any) -> None:
    again = decode(encode(value))
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize(("value", "plain"), PLAIN, ids=lambda value: type(value).__name__)
def test_what_plain_data_has_no_type_for_reads_back_as_plain_data(value: Any, plain: Any) -> None:
    assert decode(encode(value)) == plain


def test_nothing_is_imported_by_name_to_read_a_value_back() -> None:
    assert type(decode(encode(Point(1)))) is dict
    assert b"Point" in encode(Point(1))


def test_signs_and_nan_of_floats_stay() -> None:
    assert copysign(1, decode(encode(-0.0))) == -1
    assert isnan(decode(encode(nan)))
    assert encode(nan) == encode(float("nan"))
    assert encode(0.0) != encode(-0.0)
    assert encode(1.0) != encode(1)


def test_a_set_has_one_encoding_whatever_its_order() -> None:
    names = [f"name-{number}" for number in range(50)]
    backwards: set[str] = set()
    for name in reversed(names):
        backwards.add(name)
    assert encode(set(names)) == encode(backwards)


def test_a_dict_keeps_its_order_for_it_is_part_of_what_was_sent() -> None:
    assert encode({"a": 1, "b": 2}) != encode({"b": 2, "a": 1})
    assert list(decode(encode({"b": 1, "a": 2}))) == ["b", "a"]


def test_the_bytes_never_change_between_versions() -> None:
    packed = encode({"type": "x", "n": [1, -1, 2**70, -0.0]})
    assert packed.hex() == ("82a474797065a178a16e9401ffc70919400000000000000000cb8000000000000000")


def test_any_msgpack_library_can_read_the_bytes() -> None:
    packed = encode({"at": date(2026, 1, 1), "n": 1})
    assert msgpack.unpackb(packed) == {"at": msgpack.ExtType(17, b"\xaa2026-01-01"), "n": 1}


# --- depth ---------------------------------------------------------------------------------


def nested(wrap: Callable[[Any], Any], count: int) -> Any:
    value: Any = "core"
    for _ in range(count):
        value = wrap(value)
    return value


WRAPS: dict[str, Callable[[Any], Any]] = {
    "list": lambda value: [value],
    "dict": lambda value: {"a": value},
    "tuple": lambda value: (value,),
    "model": lambda value: Model(inner=value),
}


@pytest.mark.parametrize("wrap", ["list", "dict", "tuple"])
def test_sixty_four_levels_are_kept_and_one_more_is_refused(wrap: str) -> None:
    deepest = nested(WRAPS[wrap], DEPTH_MAX)
    assert decode(encode(deepest)) == deepest
    with pytest.raises(EncodingError, match="deeper than 64"):
        encode(nested(WRAPS[wrap], DEPTH_MAX + 1))


def test_levels_add_up_across_kinds_of_containers() -> None:
    def mixed(value: Any) -> Any:
        return {"a": [(value,)]}

    assert decode(encode([nested(mixed, 21)])) == [nested(mixed, 21)]
    with pytest.raises(EncodingError, match="deeper than 64"):
        encode([[nested(mixed, 21)]])


def test_a_named_value_counts_with_its_name() -> None:
    encode(nested(WRAPS["model"], DEPTH_MAX // 2))
    with pytest.raises(EncodingError, match="deeper than 64"):
        encode(nested(WRAPS["model"], DEPTH_MAX // 2 + 1))


def test_a_wide_payload_is_not_taken_for_a_deep_one() -> None:
    wide = [[number] for number in range(10_000)]
    assert decode(encode(wide)) == wide


@pytest.mark.parametrize("wrap", sorted(WRAPS))
@pytest.mark.parametrize("count", [170, 400, 5_000])
def test_absurd_nesting_is_refused_in_the_same_words(wrap: str, count: int) -> None:
    with pytest.raises(EncodingError) as caught:
        encode(nested(WRAPS[wrap], count))
    assert caught.value.what == "a payload nests deeper than 64 containers, or contains itself"


def test_a_payload_that_contains_itself_is_refused() -> None:
    knot: list[Any] = []
    knot.append({"again": knot})
    ring: dict[str, Any] = {}
    ring["again"] = (ring,)
    for value in (knot, ring):
        with pytest.raises(EncodingError, match="contains itself"):
            encode(value)


@pytest.mark.parametrize(
    "packed",
    [
        b"\x91" * 65 + b"\x00",
        b"\x91" * 100_000 + b"\x00",
        b"\xd4\x16" * 5_000 + b"\x00",
        b"\xc7\xff\x16" * 100,
        b"\xdd\xff\xff\xff\xff" * 3,
        b"\xc9\xff\xff\xff\xff\x16",
        b"",
        b"\xc1",
        b"\x00\x00",
        encode((1,))[:-1],
        b"\xc7\x01\x10\x00",
        b"\xd4\x15\x00",
    ],
    ids=lambda packed: packed[:6].hex(),
)
def test_hostile_bytes_are_an_error_of_ours(packed: bytes) -> None:
    with pytest.raises(EncodingError):
        decode(packed)


# --- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [object(), lambda: None, int, 1j, (n for n in [1])])
def test_what_cannot_be_recorded_is_refused_by_its_type(value: object) -> None:
    with pytest.raises(EncodingError, match="cannot be recorded") as caught:
        encode({"deep": [value]})
    assert " at 0x" not in str(caught.value)


def test_an_encoder_works_on_after_a_refusal() -> None:
    encoder = Encoder()
    for bad in (object(), [[object()]], nested(WRAPS["list"], 700)):
        with pytest.raises(EncodingError):
            encoder.encode([1, 2, {"a": bad}])
        assert encoder.encode([1]) == b"\x91\x01"


# --- two back ends -------------------------------------------------------------------------

_BOTH = """
import sys, hashlib
sys.path.insert(0, {root!r})
from tests.unit.events import test_encoding as t
import msgpack
print(msgpack.Packer.__module__, file=sys.stderr)
for value in [*t.KEPT, *(value for value, _ in t.PLAIN)]:
    print(hashlib.sha256(t.encode(value)).hexdigest(), repr(t.decode(t.encode(value))).encode())
for wrap in sorted(t.WRAPS):
    for count in (31, 32, 33, 63, 64, 65, 200, 600, 3000):
        try:
            print(wrap, count, len(t.encode(t.nested(t.WRAPS[wrap], count))))
        except t.EncodingError as error:
            print(wrap, count, error.what)
"""


def test_both_back_ends_give_and_refuse_the_same(tmp_path: Path) -> None:
    said = []
    for pure in ("", "1"):
        done = subprocess.run(
            [sys.executable, "-c", _BOTH.format(root=str(ROOT))],
            env={**os.environ, "MSGPACK_PUREPYTHON": pure, "PYTHONHASHSEED": f"4{pure}"},
            capture_output=True,
            text=True,
            check=True,
        )
        said.append(done)
    c, python = said
    assert "fallback" in python.stderr
    assert "fallback" not in c.stderr
    # Sets are shown in the order of their hashes.
    assert [line.split(" ")[0] for line in c.stdout.splitlines()] == [
        line.split(" ")[0] for line in python.stdout.splitlines()
    ]
    assert c.stdout.splitlines()[-30:] == python.stdout.splitlines()[-30:]


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[" * 64 + "]" * 64, False),
        ("[" * 65 + "]" * 65, True),
        ('{"a":' * 65 + "1" + "}" * 65, True),
        (json.dumps([{"a": [n]} for n in range(100)]), False),
        (json.dumps(["[" * 100, '"' + "{" * 100, "\\"]), False),
        ("[" * 64 + json.dumps('{"[') + "]" * 64, False),
        ("]" * 100 + "[" * 65, False),
        ('"' + "[" * 100, True),
    ],
)
def test_a_json_text_is_deep_where_its_containers_are_and_not_its_strings(
    text: str, deep: bool
) -> None:
    assert json_too_deep(text) == deep
