"""The type of a message: what a reader of the recorded bytes finds there."""

from __future__ import annotations

from enum import Enum

import pytest

from replay_ws.events.frames import is_unicode, type_name, type_of, type_of_text


class Event(str, Enum):  # noqa: UP042  # as most programs have it
    TOKEN = "token"


class Bare(Enum):
    TOKEN = "token"
    NUMBER = 1


@pytest.mark.parametrize(
    "event", ["token", Event.TOKEN, Bare.TOKEN, type("S", (str,), {})("token")]
)
def test_a_type_is_a_plain_string_however_it_was_given(event: object) -> None:
    assert type_name(event) == "token"
    assert type(type_name(event)) is str
    assert type_of({"type": event}) == "token"


@pytest.mark.parametrize("event", [None, 1, Bare.NUMBER, ["token"], b"token", {}])
def test_what_is_no_string_is_no_type(event: object) -> None:
    assert type_name(event) == ""


@pytest.mark.parametrize(
    ("text", "event"),
    [('{"type":"a"}', "a"), ('{"type":1}', ""), ('["type"]', ""), ("type", ""), ("[" * 99_999, "")],
    ids=range(5),
)
def test_the_type_of_a_text_frame_is_that_of_its_json(text: str, event: str) -> None:
    assert type_of_text(text) == event


def test_a_text_with_half_a_character_is_not_unicode() -> None:
    assert is_unicode("é\U0001f600")
    assert not is_unicode("\ud83d")
