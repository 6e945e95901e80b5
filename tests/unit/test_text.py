"""Text that a terminal only shows."""

from __future__ import annotations

import pytest

from replay_ws.text import NAME_MAX, clean, columns, cut, escaped, padded, quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, é, 日本, 🙂", "plain, é, 日本, 🙂"),
        ("two\nlines\t\x1b[31m", r"two\nlines\t\u001b[31m"),
        ("\x7f\x9b31m", r"\u007f\u009b31m"),
        ("left \u202e right \u2069", r"left \u202e right \u2069"),
        ("\u2028\ud800", r"\u2028\ud800"),
        ('a "b" \\ c', r'a "b" \\ c'),
    ],
)
def test_clean_text_is_one_line_without_what_a_terminal_would_act_on(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_name_is_quoted_and_short() -> None:
    assert quoted('é "x"\n') == r'"é \"x\"\n"'
    assert quoted("\x1b" * 1000) == '"' + r"\u001b" * (NAME_MAX - 1) + '…"'


def test_printed_json_stays_the_same_json() -> None:
    assert escaped('{"a":"\u202e"}') == r'{"a":"\u202e"}'


@pytest.mark.parametrize(("width", "shown"), [(4, "four"), (3, "fo…"), (1, "…"), (0, "…")])
def test_a_cut_text_says_so(width: int, shown: str) -> None:
    assert cut("four", width) == shown


def test_a_wide_character_takes_two_columns() -> None:
    assert columns("a連接b") == 6
    assert [cut("a連接b", width) for width in (6, 5, 4, 3, 1)] == [
        "a連接b",
        "a連…",
        "a連…",
        "a…",
        "…",
    ]
    assert padded("連", 4) == "連  "
