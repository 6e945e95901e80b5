"""Profiles of a user: files, and what they extend."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay_ws.compliance import check, is_profile, load_profile, parse_profile
from replay_ws.errors import ConfigError
from tests.helpers import event


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_is_accepted_wherever_a_name_is(tmp_path: Path) -> None:
    mine = written(tmp_path, "mine.toml", 'name = "mine"\nrequired = ["a"]')
    report = check([event("a")], profile=mine)
    assert (report.profile, report.score) == ("mine", 1.0)


def test_a_name_is_that_of_a_profile_if_it_can_be_loaded(tmp_path: Path) -> None:
    mine = written(tmp_path, "mine.toml", 'name = "mine"')
    assert is_profile(mine)
    assert is_profile("agent5")
    assert not is_profile("agent6")
    assert not is_profile(str(tmp_path / "other.toml"))


def test_a_profile_can_be_another_one_and_more() -> None:
    base = load_profile("agent5")
    mine = parse_profile('name = "mine"\nextends = "agent5"\nrequired = ["session_closed"]')
    assert mine.required == (*base.required, "session_closed")
    assert mine.pairs == base.pairs
    assert mine.name == "mine"


def test_what_a_profile_says_again_replaces_what_it_extends() -> None:
    pair = '[[pairs]]\nname = "tool"\nopen = ["x"]\nclose = ["y"]\n'
    more = '[[pairs]]\nname = "more"\nopen = ["x"]\nclose = ["y"]\n[severity]\nknown = "error"'
    mine = parse_profile(f'name = "mine"\nextends = "agent5"\nformat = false\n{pair}{more}')
    assert [(each.name, each.open) for each in mine.pairs] == [("tool", ("x",)), ("more", ("x",))]
    assert mine.format is False
    assert dict(mine.severity) == {**load_profile("agent5").severity, "known": "error"}


def test_a_file_extends_one_beside_it(tmp_path: Path) -> None:
    written(tmp_path, "base.toml", 'name = "base"\nextends = "agent5"\nknown = ["x"]')
    mine = written(tmp_path, "mine.toml", 'name = "mine"\nextends = "base.toml"\nknown = ["y"]')
    assert load_profile(mine).known == (*load_profile("agent5").known, "x", "y")


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (
            {"mine.toml": 'name = "p"\nextends = "none.toml"'},
            "mine.toml, line 2, extends: cannot be",
        ),
        ({"mine.toml": 'name = "p"\nextends = "mine.toml"'}, "mine.toml extends this profile"),
        (
            {"mine.toml": 'name = "p"\nextends = "b.toml"', "b.toml": 'name = "b"\nfirst = 1'},
            "b.toml, line 2, first: is not a list",
        ),
        ({}, "mine.toml: cannot be read: No such file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_of_that_file(
    tmp_path: Path, texts: dict[str, str], complaint: str
) -> None:
    for name, text in texts.items():
        written(tmp_path, name, text)
    with pytest.raises(ConfigError) as caught:
        load_profile(str(tmp_path / "mine.toml"))
    assert complaint in str(caught.value)
    assert caught.value.mend
