"""Profiles as files: what is read, and how a mistake in one is named."""

from __future__ import annotations

import tomllib

import pytest

from replay_ws.compliance import load_profile, parse_profile, profile_names, tables
from replay_ws.compliance.profile import Profile
from replay_ws.compliance.rules import PairRule
from replay_ws.errors import ConfigError


def test_every_built_in_profile_loads_under_its_own_name() -> None:
    assert "agent5" in profile_names()
    for name in profile_names():
        assert load_profile(name).name == name


def test_a_profile_names_the_types_of_its_protocol() -> None:
    profile = parse_profile('name = "p"\nrequired = ["a"]\nprotocol = "a (b | !c.*)* any"')
    assert profile.types == {"a", "b", "c.*"}


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
        ("", "name: is missing; it is a string"),
        ("name = 7", "line 1, name: is not a string"),
        ('name = "p"\nrequired = "a"', "line 2, required: is not a list of strings"),
        ('name = "p"\nrequird = ["a"]', "line 2, requird: is no key that there is"),
        ('name = "p"\ntype = "type"', "line 2, type: is not a JSON pointer"),
        ('name = "p"\n[[pairs]]\nname = "x"\nopen = ["a"]', "line 2, [[pairs]] close: is missing"),
        ('name = "p"\n[[pairs]]\nopens = ["a"]', "line 2, [[pairs]] name: is missing"),
        ('name = "p"\npairs = 3', "line 2, pairs: is not an array of tables"),
        ('name = "p"\naliases = ["a"]', "aliases: is not a table"),
        ('name = "p"\n[severity]\nfirst = "fatal"', "severity: is not a table whose values are"),
        ('name = "p"\n[severity]\nlast = "error"', "severity: is not a table whose keys are of"),
        ('name = "p"\n[weights]\nfirst = -1', "weights: is not a table whose values are integers"),
        ('name = "p"\ndirection = "up"', "line 2, direction: is not one of client, server"),
        ('name = "p"\nmust = ["a"]', "line 2, must: is not a list of checks"),
        ('name = "p"\nmin_score = 2', "line 2, min_score: is not a number from 0 to 1"),
        (
            'name = "p"\n[[fields]]\nof = []\nname = "f"\nat = "/f"\nis = ["text"]',
            "line 6, [[fields]] is: is not one of any, array, boolean, integer, number",
        ),
        (
            'name = "p"\n[[envelopes]]\nwhen = { type = 1 }\ntype = "/e"',
            "line 3, [[envelopes]] when: is not a JSON pointer",
        ),
        (
            'name = "p"\n[[scopes]]\nname = "a"\n\n[[scopes]]\nname = "b"\nclose = "c"',
            "line 7, [[scopes]] close: is not a list of strings",
        ),
        (
            'name = "p"\n[[scopes]]\nname = "a"\ninside = "b"',
            "line 4, [[scopes]] inside: unknown scope",
        ),
        (
            'name = "p"\nknown = [\n  "a",  # ]\n]\n[[scopes]]\nname = "a"\nreopen = "no"',
            "line 7, [[scopes]] reopen: is not one of error, ok, warning",
        ),
        (
            'name = "p"\n[[scopes]]\nname = "a"\n[[scopes]]\nname = "a"',
            "line 5, [[scopes]] name: there is another scope a",
        ),
        (
            'name = "p"\n[latency]\nmax_gap_ms = "5s"',
            "line 3, [latency] max_gap_ms: is not a number",
        ),
        (
            'name = "p"\n[latency]\nfirst = { from = ["a"], to = ["b"] }',
            "line 3, [latency.first] within_ms: is missing",
        ),
        ('name = "p"\nsequence = { of = ["a"] }', "line 2, [[sequence]] at: is missing"),
        ('name = "p"\nprotocol = "a ("', "line 2, protocol: column 4: expected a type"),
        ('name = "p"\nextends = "agent6"', "line 2, extends: unknown profile"),
        ('name = "p"\nname "q"', "line 2"),
    ],
)
def test_a_mistake_is_named_by_its_line_and_key(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_profile(text, where="mine.toml")
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("mine.toml")
    assert caught.value.mend


def test_of_every_kind_of_value_an_example_is_shown_that_is_right() -> None:
    for keys in tables._KEYS.values():
        for parse in keys.values():
            parse(tomllib.loads(f"key = {tables._EXAMPLES[parse]}")["key"])
    with pytest.raises(ConfigError) as caught:
        parse_profile('name = "p"\nrequired = "a"')
    assert caught.value.mend == ('write it as in required = ["agent_started", "agent_completed"]')
