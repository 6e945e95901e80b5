"""What may differ from run to run: the rules, what they leave exact, and what they let through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replay_ws.compliance import parse_profile
from replay_ws.diff import compare
from replay_ws.diff.checks import NAMES, check_of
from replay_ws.diff.volatile import Volatile, volatile_of
from replay_ws.errors import ConfigError
from replay_ws.events.encoding import encode
from replay_ws.events.log import Op
from tests.helpers import event, session

UUIDS = ("0b0c6f4e-3d29-4b5e-9d57-0c8f1c2a3b4d", "6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def exact(rules: Volatile, payload: Any, type: str = "a") -> bytes | None:
    as_object = rules.packed(Op.OBJECT, type, encode(payload))
    assert rules.packed(Op.TEXT, type, json.dumps(payload)) == as_object
    return as_object


def paths(rules: Volatile, payload: Any, type: str = "a") -> list[str]:
    """Where the volatile values are; ``values`` must have them in this order."""
    body = encode(payload)
    places = rules.places(Op.OBJECT, type, body)
    values, checks = rules.values(Op.OBJECT, type, body)
    assert values == [place.value for place in places]
    assert checks == [place.check for place in places]
    return [place.path for place in places]


@pytest.mark.parametrize(
    ("rule", "payload", "found"),
    [
        ("$.a", {"a": 1, "b": 1}, ["$.a"]),
        ("$.a.b", {"a": {"b": 1, "c": 1}, "b": 1}, ["$.a.b"]),
        ("$.a[0]", {"a": [1, 2]}, ["$.a[0]"]),
        ("$.a[*].id", {"a": [{"id": 1}, {"id": 2, "n": 3}]}, ["$.a[0].id", "$.a[1].id"]),
        ("$.a.*", {"a": {"b": 1, "c": 2}}, ["$.a.b", "$.a.c"]),
        ("$..id", {"id": 1, "a": [{"id": 2}]}, ["$.id", "$.a[0].id"]),
        ("**.id", {"id": 1, "a": [{"id": 2}]}, ["$.id", "$.a[0].id"]),
        ("$.a..id", {"id": 1, "a": {"b": {"id": 2}}}, ["$.a.b.id"]),
        ('$.a["b c"]', {"a": {"b c": 1, "b": 2}}, ['$.a["b c"]']),
        ("$[1]", [1, 2], ["$[1]"]),
        ("a:$.b", {"b": 1}, ["$.b"]),
        ("a:**.b", {"c": {"b": 1}}, ["$.c.b"]),
        ("c:$.b", {"b": 1}, []),
        ("$.a", {"b": 1}, []),
    ],
)
def test_a_rule_names_the_places_of_volatile_values(
    rule: str, payload: Any, found: list[str]
) -> None:
    assert paths(volatile_of({rule: "any"}), payload) == found


def test_what_is_exact_is_all_but_the_volatile_values() -> None:
    rules = volatile_of({"**.id": "any"})
    one = exact(rules, {"id": 1, "n": 1, "of": [{"id": "x", "m": 1}]})
    assert one == exact(rules, {"of": [{"m": 1, "id": None}], "n": 1, "id": [7]})
    for other in (
        {"id": 1, "n": 2, "of": [{"id": "x", "m": 1}]},
        {"id": 1, "n": 1.0, "of": [{"id": "x", "m": 1}]},
        {"id": 1, "n": True, "of": [{"id": "x", "m": 1}]},
        {"id": 1, "n": 1, "of": [{"id": "x", "m": 2}]},
        {"id": 1, "n": 1, "of": [{"m": 1}]},
        {"id": 1, "n": 1, "of": []},
        {"n": 1, "of": [{"id": "x", "m": 1}]},
        {"id": 1, "n": 1, "of": {"id": "x", "m": 1}},
        [{"id": 1, "n": 1, "of": [{"id": "x", "m": 1}]}],
    ):
        assert exact(rules, other) != one


def test_what_no_rule_is_about_is_left_as_it_is() -> None:
    rules = volatile_of({"b:$.id": "any"})
    assert exact(rules, {"id": 1}) is None
    assert rules.packed(Op.TEXT, "b", "{broken") is None
    assert rules.packed(Op.TEXT, "b", "[" * 1000) is None
    assert rules.packed(Op.BINARY, "b", b"{}") is None
    assert not volatile_of()


def test_a_text_with_many_brackets_has_volatile_values_too() -> None:
    """Only what is nested too deep is left unread."""
    rules = volatile_of({"**.id": "any"})
    one, other = ({"id": id, "rows": [[n] for n in range(100)], "said": "[" * 100} for id in (1, 2))
    assert exact(rules, one) == exact(rules, other) is not None


def test_of_two_rules_about_one_value_the_one_that_says_more_exactly_where_holds() -> None:
    rules = volatile_of({"a:$.id": "uuid", "$.id": "int", "$..id": "any", "$.*": "iso8601"})
    body = encode({"id": 1})
    assert [check.text for check in rules.values(Op.OBJECT, "a", body)[1]] == ["uuid"]
    assert [check.text for check in rules.values(Op.OBJECT, "b", body)[1]] == ["int"]


def test_of_two_tables_the_later_one_holds() -> None:
    rules = volatile_of({"$.id": "uuid"}, {"$.id": "int"}, ignore=["$.id"])
    assert [check.text for _, check in rules.rules] == ["int"]


@pytest.mark.parametrize(
    ("text", "golden", "run", "near"),
    [
        ("uuid", *UUIDS, True),
        ("uuid", UUIDS[0], "no uuid", False),
        ("ulid", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BX5ZZKBKACTAV9WEVGEMMVRZ", True),
        ("ulid", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BX5ZZKBKACTAV9WEVGEMMVRU", False),
        ("iso8601", "2026-01-02T03:04:05.678Z", "2026-01-02 03:04:05+02:00", True),
        ("iso8601", "2026-01-02T03:04:05Z", "2026-13-02T03:04:05Z", False),
        ("epoch", 1_700_000_000.5, 1_700_000_001, True),
        ("epoch", 1_700_000_000_000, 17, False),
        ("epoch", 1_700_000_000_000, True, False),
        ("int", 1, 99, True),
        ("int", 1, 1.5, False),
        ("int", 1, True, False),
        ("/call-[0-9]+/", "call-1", "call-22", True),
        ("/call-[0-9]+/", "call-1", "call-22x", False),
        ("/call-[0-9]+/", "call-1", 22, False),
        ("abs=0.5", 1, 1.5, True),
        ("abs=0.5", 1, 1.6, False),
        ("abs=0.5", 1, "1", False),
        ("rel=1%", 100, 101, True),
        ("rel=0.01", 100, 101, True),
        ("rel=1%", 100, 102, False),
        ("any", 1, {"a": [1]}, True),
        ("id:run", "a", 7, True),
        ("id:run", "a", None, False),
        ("id:run", "a", "", False),
        ("clock", 1, 2.5, True),
        ("clock", "2026-01-02T03:04:05Z", "2027-01-02T03:04:05Z", True),
        ("clock", "2026-01-02T03:04:05Z", 17, False),
        ("clock±50ms", 1, "soon", False),
    ],
)
def test_a_value_says_what_may_stand_there(text: str, golden: Any, run: Any, near: bool) -> None:
    check = check_of(text)
    assert check.text == text
    assert check.near(golden, run) is near
    assert check.near(run, golden) is near


@pytest.mark.parametrize(
    "text",
    ["", "uid", "id:", "id", "abs", "abs=", "abs=1%", "rel=x", "clock±50", "clock abs=", "//", 5],
)
def test_a_value_that_is_none_is_refused_with_its_key_and_the_known_ones(text: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        volatile_of({"$.a": text})
    assert caught.value.where == "$.a"
    assert all(name in caught.value.mend for name in NAMES)


def test_a_misspelt_value_is_guessed_and_a_broken_expression_is_told() -> None:
    with pytest.raises(ConfigError, match="did you mean 'uuid'"):
        volatile_of({"$.a": "uid"})
    with pytest.raises(ConfigError, match="no regular expression"):
        volatile_of({"$.a": "/(/"})


@pytest.mark.parametrize("text", ["clock±50ms", "clock ± 50ms", "clock+-50ms", "clock +/- 0.05s"])
def test_a_clock_may_have_a_tolerance(text: str) -> None:
    check = check_of(text)
    assert (check.within, check.in_ns) == (50_000_000, True)
    assert check_of("clock abs=50").within == 50
    assert check_of("clock").within is None


def test_the_names_of_connections_have_a_rule_of_their_own() -> None:
    assert volatile_of({"connection": "id:connection"}).allows_renaming
    assert not volatile_of().allows_renaming
    with pytest.raises(ConfigError, match="connections cannot be 'uuid'"):
        volatile_of({"connection": "uuid"})


def test_a_profile_has_volatile_values_and_the_caller_may_say_otherwise() -> None:
    text = 'name = "own"\n[volatile]\n"**.id" = "uuid"\n'
    profile = parse_profile(text)
    golden, run = (session(event("a", id=name)) for name in UUIDS)
    other = session(event("a", id="none"))
    assert not compare(golden, run).same
    assert compare(golden, run, profile=profile).same
    assert not compare(golden, other, profile=profile).same
    assert compare(golden, other, profile=profile, volatile={"**.id": "any"}).same
