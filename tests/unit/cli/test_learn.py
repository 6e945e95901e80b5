"""``replay-ws learn``, and ``diff --volatile``."""

from __future__ import annotations

import json
import random
import tomllib
from typing import Any

import pytest

from replay_ws import api
from tests.helpers import sent
from tests.unit.cli.line import Line


def _messages(seed: int, answer: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    calls = [f"call_{chance.getrandbits(40):x}" for _ in range(10)]
    starts = [{"type": "start", "call_id": name, "n": n} for n, name in enumerate(calls)]
    ends = [{"type": "end", "call_id": name, "answer": n} for n, name in enumerate(calls)]
    ends[8]["answer"] = answer
    return starts + ends


@pytest.fixture
def line(line: Line) -> Line:
    """In a folder with two runs of one scenario, and one that went otherwise."""
    for name, seed, answer in (("one", 1, 8), ("two", 2, 8), ("other", 3, 9)):
        api.save(sent(*_messages(seed, answer)).session, line.folder / f"{name}.rws")
    return line


def test_what_is_printed_is_a_table_of_rules_and_the_rest_is_talk(line: Line) -> None:
    assert tomllib.loads(line.said("learn", "one.rws", "two.rws")) == {
        "volatile": {"**.call_id": "id:call"}
    }
    assert line.err.splitlines() == [
        "1 rule from 2 runs, 20 pairs of events",
        "two.rws under these rules: the same",
    ]


def test_a_file_of_rules_makes_runs_the_same(line: Line) -> None:
    line.said("diff", "one.rws", "two.rws", code=1)
    told = line.said("learn", "one.rws", "two.rws", "-o", "rules.toml")
    assert told.splitlines()[-1] == "next: replay-ws diff one.rws two.rws --volatile rules.toml"
    line.said("diff", "one.rws", "two.rws", "--volatile", "rules.toml")
    line.said("learn", "one.rws", "two.rws", "-o", "rules.toml", code=2)
    line.said("learn", "one.rws", "two.rws", "-o", "rules.toml", "--force")


def test_what_may_be_a_real_difference_is_told_and_remains(line: Line) -> None:
    told = line.said("learn", "one.rws", "other.rws", "-o", "rules.toml", code=1)
    assert "end:$.answer: 1 of 10 differ, as in 8 -> 9" in told
    assert "other.rws under these rules: 1 changed" in told
    said = line.said("diff", "one.rws", "other.rws", "--volatile", "rules.toml", code=1)
    assert "$.answer: 8 -> 9" in said


def test_json_says_the_same_as_the_words(line: Line) -> None:
    told = json.loads(line.said("learn", "one.rws", "two.rws", "other.rws", "--json", code=1))
    assert told["volatile"] == {"**.call_id": "id:call"}
    assert told["same"] == [True, False]
    assert told["doubts"][0]["key"] == "end:$.answer"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read"),
        ("[volatile", "cannot be read"),
        ("[other]", "no [volatile] table"),
        ('[volatile]\n"$.a" = "uid"', "did you mean 'uuid'"),
        ('[volatile]\n"a" = "uuid"', "is no rule"),
    ],
)
def test_a_file_without_rules_is_trouble(line: Line, text: str | None, told: str) -> None:
    if text is not None:
        (line.folder / "rules.toml").write_text(text)
    line.said("diff", "one.rws", "two.rws", "--volatile", "rules.toml", code=2)
    assert told in line.err
