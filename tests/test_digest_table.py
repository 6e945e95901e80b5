"""The replays of the goldens have the digests of the stored table, on every Python and msgpack.

``python tools/regold.py --table`` makes the table anew.
"""

from __future__ import annotations

import json

import pytest

from tools import regold

TABLE = json.loads(regold.TABLE.read_text(encoding="utf-8"))


def test_the_table_has_every_golden() -> None:
    assert list(TABLE) == sorted(regold.recipes())


@pytest.mark.parametrize("name", TABLE)
def test_a_replay_is_the_same_bytes_everywhere(name: str) -> None:
    assert regold.digests_of(regold.path_of(name)) == TABLE[name]
