"""``replay-ws profile list | show | test | infer``, and ``check --profile FILE``."""

from __future__ import annotations

import json

import pytest

from replay_ws import api
from replay_ws.compliance import load_profile, parse_profile, profile_names
from tests.helpers import sent
from tests.unit.cli.line import Line

PROFILE = """\
name = "mine"
required = ["start", "end"]
terminal = ["end"]
"""


@pytest.fixture
def line(line: Line) -> Line:
    """In a folder with a profile, a session that keeps it and one that does not."""
    for name, types in (("good", ["start", "end"]), ("bad", ["start"])):
        api.save(sent(*({"type": type} for type in types)).session, line.folder / f"{name}.rws")
    (line.folder / "mine.toml").write_text(PROFILE)
    return line


def test_list_names_every_built_in_profile(line: Line) -> None:
    told = line.said("profile", "list")
    assert [name for name in profile_names() if name not in told] == []
    listed = json.loads(line.said("profile", "list", "--json"))["profiles"]
    assert [profile["name"] for profile in listed] == profile_names()


def test_show_prints_a_profile_as_the_file_it_is(line: Line) -> None:
    text = line.said("profile", "show", "agent5")
    assert parse_profile(text) == load_profile("agent5")
    shown = json.loads(line.said("profile", "show", "agent5", "--json"))
    assert shown["toml"] == text
    assert shown["required"] == list(load_profile("agent5").required)


def test_an_unknown_profile_is_refused_with_the_known_ones(line: Line) -> None:
    for words in (["show", "agent6"], ["test", "agent6", "good.rws"]):
        line.said("profile", *words, code=2)
        assert "unknown profile 'agent6'; did you mean 'agent5'?" in line.err


def test_a_cassette_that_keeps_the_profile_is_ok(line: Line) -> None:
    told = line.said("profile", "test", "mine.toml", "good.rws")
    assert told.splitlines()[0] == "1 of 1 cassette kept mine.toml (2 types, 2 required)"


def test_of_several_cassettes_each_has_its_score_and_its_findings(line: Line) -> None:
    told = line.said("profile", "test", "mine.toml", "good.rws", "bad.rws", code=1)
    assert told.splitlines()[0].startswith("1 of 2 cassettes kept mine.toml")
    assert "end never came" in told
    as_json = json.loads(
        line.said("profile", "test", "mine.toml", "good.rws", "bad.rws", "--json", code=1)
    )
    assert not as_json["ok"]
    assert [result["ok"] for result in as_json["results"]] == [True, False]
    assert as_json["results"][0]["score"] == 1.0 > as_json["results"][1]["score"]


def test_streams_that_are_no_cassettes_are_judged_too(line: Line) -> None:
    (line.folder / "stream.jsonl").write_text('{"type": "start"}\n{"type": "end"}\n')
    assert "1 of 1 cassette kept" in line.said("profile", "test", "mine.toml", "stream.jsonl")


def test_a_fault_that_comes_again_and_again_is_one_line(line: Line) -> None:
    """Of a stream in another shape each message is the same fault."""
    rows = ['{"type": "start"}', *['{"kind": "more"}'] * 9, '{"type": "end"}']
    (line.folder / "stream.jsonl").write_text("\n".join(rows))
    (line.folder / "strict.toml").write_text('extends = "mine.toml"\nname = "s"\nformat = true')
    told = line.said("profile", "test", "strict.toml", "stream.jsonl", code=1).splitlines()
    assert told[-1].endswith("#1, stream, at 0): the message has no type (9 times)")
    assert sum("the message has no type" in each for each in told) == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("required = 3", "wrong.toml, line 2, required: is not a list"),
        ("requird = []", "wrong.toml, line 2, requird: is no key"),
        ("required = = 3", "line 2"),
        ('protocol = "start (end"', "wrong.toml, line 2, protocol: column 11: expected"),
    ],
)
def test_a_mistake_in_a_profile_is_told_with_its_place(line: Line, text: str, what: str) -> None:
    (line.folder / "wrong.toml").write_text(f'name = "mine"\n{text}\n')
    line.said("profile", "test", "wrong.toml", "good.rws", code=2)
    assert what in line.err


def test_a_profile_that_is_not_there_is_trouble(line: Line) -> None:
    line.said("profile", "test", "none.toml", "good.rws", code=2)
    assert "none.toml: cannot be read" in line.err


def test_check_takes_a_profile_from_a_file(line: Line) -> None:
    assert line.said("check", "good.rws", "--profile", "mine.toml").startswith("compliant")
    assert "end never came" in line.said("check", "bad.rws", "--profile", "mine.toml", code=1)


def test_what_is_inferred_is_a_profile_on_stdout_and_the_rest_is_talk(line: Line) -> None:
    profile = parse_profile(line.said("profile", "infer", "good.rws", "bad.rws"))
    assert profile.required == ("start",)
    assert line.err.splitlines() == [
        "proposed from 2 goldens, 2 runs, 3 events: 2 types, 1 required, 0 pairs, 0 scopes",
        "  good.rws keeps it: 1.000",
        "  bad.rws keeps it: 1.000",
    ]


def test_what_is_inferred_and_saved_can_be_tested_at_once(line: Line) -> None:
    told = line.said("profile", "infer", "good.rws", "--name", "own", "-o", "own.toml")
    assert told.splitlines()[-1] == "next: replay-ws profile test own.toml OTHER.rws"
    assert 'name = "own"' in (line.folder / "own.toml").read_text()
    line.said("profile", "test", "own.toml", "good.rws")
    line.said("profile", "test", "own.toml", "bad.rws", code=1)


def test_a_file_that_exists_is_not_replaced_unasked(line: Line) -> None:
    line.said("profile", "infer", "good.rws", "-o", "mine.toml", code=2)
    assert (line.folder / "mine.toml").read_text() == PROFILE
    line.said("profile", "infer", "good.rws", "-o", "mine.toml", "--force")
    assert (line.folder / "mine.toml").read_text() != PROFILE


def test_the_inference_as_json_holds_the_file_and_the_scores(line: Line) -> None:
    told = json.loads(line.said("profile", "infer", "good.rws", "bad.rws", "--json"))
    assert parse_profile(told["toml"]).required == ("start",)
    assert told["goldens"] == ["good.rws", "bad.rws"]
    assert told["scores"] == [1.0, 1.0]
