"""The words for how a program ended: the same in every process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.verifier.outcome import error_text, value_text


class Plain:
    """Its repr has an address."""


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError


@dataclass
class Order:
    names: set[str]
    hidden: int = field(default=0, repr=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, ("a",), {"k": 2.5}], "[1, ('a'), {'k': 2.5}]"),
        ({"b", "a"}, "set({'a', 'b'})"),
        ([frozenset({"b", "a"})], "[frozenset({'a', 'b'})]"),
        (Order({"b", "a"}, hidden=3), "Order(names=set({'a', 'b'}))"),
        (Plain(), "<tests.unit.verifier.test_outcome.Plain object at 0x…>"),
        (Broken(), "<Broken, whose repr raised RuntimeError>"),
    ],
)
def test_a_value_is_told_without_addresses_and_without_the_order_of_sets(
    value: object, text: str
) -> None:
    assert value_text(value) == text


def test_a_list_within_itself_is_told() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert value_text(circle).count("[") > 1


def test_an_error_is_told_as_its_session_tells_it() -> None:
    async def program() -> None:
        raise ExceptionGroup("two", [ValueError(f"of {Plain()}"), KeyError("k")])

    with pytest.raises(ExceptionGroup) as caught:
        run(program)
    told = error_text(caught.value)
    assert told.startswith("ExceptionGroup: two")
    assert "Plain object at 0x…" in told
    assert "KeyError: 'k'" in told


def test_an_error_without_a_session_is_told_by_its_type() -> None:
    assert error_text(ValueError(f"of {Plain()}")) == "ValueError"
