"""Profiles as files: what is read, and how a mistake in one is named."""

from __future__ import annotations

import pytest

from replay_ws.compliance import load_profile, parse_profile, profile_names
from replay_ws.compliance.profile import PairRule, Profile
from replay_ws.errors import ConfigError


def test_every_built_in_profile_loads_under_its_own_name() -> None:
    assert "agent5" in profile_names()
    for name in profile_names():
        assert load_profile(name).name == name


def test_pointers_are_split_and_unescaped() -> None:
    profile = parse_profile('name = "p"\ntype = "/a~1b/c~0d"\nrun = ["/x", ""]')
    assert profile.type == (("a/b", "c~d"),)
    assert profile.run == (("x",), ())


def test_what_a_file_does_not_say_is_as_the_class_has_it() -> None:
    assert parse_profile('name = "p"') == Profile("p")
    text = 'name = "p"\n[[pairs]]\nname = "x"\nopen = ["a"]\nclose = ["b"]'
    assert parse_profile(text).pairs == (PairRule("x", ("a",), ("b",)),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "name is missing; it is a string"),
        ("name = 7", "name is not a string"),
        ('name = "p"\nrequired = "a"', "required is not a list of strings"),
        ('name = "p"\nrequird = ["a"]', "unknown key requird"),
        ('name = "p"\ntype = "type"', "type is not a JSON pointer"),
        ('name = "p"\n[[pairs]]\nname = "x"\nopen = ["a"]', "pairs[0].close is missing"),
        ('name = "p"\n[[pairs]]\nopens = ["a"]', "pairs[0].name is missing"),
        ('name = "p"\npairs = 3', "pairs is not an array of tables"),
        ('name = "p"\naliases = ["a"]', "aliases is not a table"),
        ('name = "p"\n[severity]\nfirst = "fatal"', "severity is not a table whose values are of"),
        ('name = "p"\n[severity]\nlast = "error"', "severity is not a table whose keys are of"),
        ('name = "p"\n[weights]\nfirst = -1', "weights is not a table whose values are integers"),
        (
            'name = "p"\n[[fields]]\nof = []\nname = "f"\nat = "/f"\nis = ["text"]',
            "fields[0].is is not one of array, boolean, integer, number, object, string",
        ),
        (
            'name = "p"\n[[envelopes]]\nwhen = { type = 1 }\ntype = "/e"',
            "envelopes[0].when is not a JSON pointer",
        ),
        ('name = "p"\nname "q"', "line 2"),
    ],
)
def test_a_mistake_is_named_by_its_key_or_line(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_profile(text, where="mine.toml")
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("mine.toml: ")
    assert caught.value.mend
