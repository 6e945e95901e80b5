"""Payloads as JSON, the same in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from replay_ws.events.plain import plain, to_json

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, True, None, 0.5]}, '{"a":[1,true,null,0.5]}'),
        ("é\u2028", '"é\u2028"'),
        ((1, (2,)), "[1,[2]]"),
        ({"b", "a"}, '["a","b"]'),
        ({(2,), (1,)}, "[[1],[2]]"),
        (b"\x00\xff", '"0x00ff"'),
        (date(2026, 1, 1), '"2026-01-01"'),
        (Decimal("1.50"), '"1.50"'),
        (float("nan"), '"nan"'),
        (-float("inf"), '"-inf"'),
        (
            {1: "int", (1, 2): "tuple", b"k": "bytes", None: "none"},
            '{"1":"int","[1, 2]":"tuple","\\"0x6b\\"":"bytes","null":"none"}',
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_has_one_json(value: Any, shown: str) -> None:
    assert to_json(value) == shown


def test_an_integer_that_python_will_not_print_is_hex() -> None:
    assert plain(1 << 20_000) == hex(1 << 20_000)
    assert json.loads(to_json([1 << 9_000])) == [1 << 9_000]


def test_sets_do_not_depend_on_the_hash_seed() -> None:
    code = "from replay_ws.events.plain import to_json; print(to_json({'a','b','c','d', ('e',)}))"
    shown = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(shown) == 1
