"""What is read from a program's code: walks through sets, uses of names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import FrameType, FunctionType
from typing import Any

import pytest

from replay_ws.verifier.suspects import (
    ADDRESS,
    NONE,
    STABLE,
    TEXT,
    UNKNOWN,
    hash_source,
    name_uses,
    reachable_code,
    set_walks,
)


class Plain:
    """Hashed by its address."""


class Own:
    def __hash__(self) -> int:
        return 1


class Colour(Enum):
    RED = 1


@dataclass(frozen=True)
class Pair:
    left: object
    right: object


@pytest.mark.parametrize(
    ("members", "source"),
    [
        ({1, 2.5}, STABLE),
        ({"a", 1}, TEXT),
        ({Colour.RED}, TEXT),
        ({Plain()}, ADDRESS),
        ({Plain}, ADDRESS),
        ({("a", Plain())}, ADDRESS),
        ({Pair(1, "a")}, TEXT),
        ({Pair(1, 2)}, STABLE),
        ({Own()}, UNKNOWN),
        ({None}, NONE if sys.version_info < (3, 12) else STABLE),
    ],
    ids=[
        "numbers",
        "text",
        "enum",
        "object",
        "class",
        "object in a tuple",
        "text in a dataclass",
        "numbers in a dataclass",
        "own hash",
        "None",
    ],
)
def test_the_least_stable_hash_among_the_members_counts(members: set[Any], source: str) -> None:
    assert hash_source(members) == source


def in_a_loop() -> Iterator[FrameType]:
    things = {Plain(), Plain()}
    for _ in [1]:
        pass
    for number, _ in enumerate(things):
        assert number >= 0
        yield sys._getframe()


def test_a_set_in_a_living_frame_is_looked_at() -> None:
    generator = in_a_loop()
    (walk,) = set_walks([next(generator)], [])
    assert (walk.what, walk.hashed_by) == ("`things`, a set of Plain", ADDRESS)
    assert walk.is_live
    assert walk.place.endswith("in in_a_loop")
    generator.close()


def by_assignment() -> list[int]:
    numbers = {n % 7 for n in (1, 2)}
    return [number + 1 for number in numbers]


def by_annotation(numbers: Any) -> list[int]:
    chosen: set[int] = numbers
    return [*(number for number in chosen)]


def over_a_call() -> list[int]:
    return [number + 1 for number in set(divmod(9, 7))]


def over_a_list() -> list[int]:
    return [number + 1 for number in sorted({1, 2})]


@pytest.mark.parametrize("function", [by_assignment, by_annotation, over_a_call])
def test_without_a_frame_the_source_says_what_is_a_set(function: FunctionType) -> None:
    (walk,) = set_walks([], [function.__code__])
    assert (walk.hashed_by, walk.is_live) == (UNKNOWN, False)


def test_a_sorted_set_has_an_order() -> None:
    assert set_walks([], [over_a_list.__code__]) == []


class Service:
    def stamp(self) -> int:
        return helper()


def helper() -> int:
    return id(Plain)


async def program() -> int:
    return Service().stamp()


def test_code_is_followed_into_the_functions_and_methods_that_it_may_call() -> None:
    codes = reachable_code([], [program])  # type: ignore[list-item]  # it is a function
    names = {code.co_name for code in codes}
    assert {"program", "stamp", "helper"} <= names
    uses = {use.name: use for use in name_uses(codes)}
    assert uses["id"].is_global
    assert not uses["stamp"].is_global
    assert uses["id"].place.endswith("in helper")


def test_source_that_cannot_be_read_has_no_walks() -> None:
    scope: dict[str, Any] = {}
    exec("def f():\n    for x in {1, 2}: pass", scope)
    assert set_walks([], [scope["f"].__code__]) == []
