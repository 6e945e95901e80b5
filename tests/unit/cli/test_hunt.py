"""``replay-ws hunt``: exit codes, JSON, and what is said of wrong words."""

from __future__ import annotations

import shlex

import pytest

from tests.unit.cli.line import Line


def test_a_hunt_that_finds_something_ends_with_one_and_says_how_to_see_it_again(
    hunted: Line,
) -> None:
    told = hunted.said("hunt", "hunted_app.py:fails", "--seeds", "0..200", code=1)
    assert "AssertionError: drew a zero" in told
    assert "again: replay-ws record hunted_app.py:fails --seed" in told
    assert "on stdout" not in told + hunted.err


def test_a_hunt_that_was_interrupted_before_it_found_something_ends_as_shells_say(
    hunted: Line,
) -> None:
    (hunted.folder / "stopping.py").write_text("async def main():\n    raise KeyboardInterrupt\n")
    told = hunted.said("hunt", "stopping.py:main", "--engine", "here", code=130)
    assert "interrupted" in told
    assert hunted.err.endswith("error: interrupted\n")


def test_the_line_that_brings_a_failure_back_has_the_options_of_the_program(hunted: Line) -> None:
    options = ("--set", "packet_loss_rate=0.3", "--preset", "3g", "--redact-key", "badge")
    said = hunted.said("hunt", "hunted_app.py:fails", "--engine", "here", *options, code=1)
    (line,) = (line for line in said.splitlines() if "again: " in line)
    _, *words = shlex.split(line.partition("again: ")[2])
    assert [word in words for word in options] == [True] * len(options)
    assert "--profile" not in words
    hunted.said(*words, code=2)
    assert "the program raised AssertionError: drew a zero" in hunted.err


@pytest.mark.parametrize("option", [("--set", "jitter_ms=3"), ("--threads", "free")])
def test_an_option_of_programs_is_refused_for_a_test(hunted: Line, option: tuple[str, str]) -> None:
    told = hunted.data("hunt", "test_app.py::test_it", *option, code=2)["error"]
    assert told["what"] == f"{option[0]} is for programs, and a test has its own"


def test_a_hunt_that_finds_nothing_ends_with_zero(hunted: Line) -> None:
    assert "no failure in 50 runs" in hunted.said("hunt", "hunted_app.py:works", "--seeds", "50")


def test_json_is_the_same_for_any_number_of_workers_and_any_engine(hunted: Line) -> None:
    ways = (["--engine", "here"], ["-j", "1"], ["-j", "3"], ["--engine", "loky", "-j", "2"])
    found = [
        hunted.data("hunt", "hunted_app.py:fails", "--seeds", "0..300", *way, code=1)
        for way in ways
    ]
    for each in found:
        del each["engine"], each["seconds"]
    assert all(each == found[0] for each in found)
    assert found[0]["failures"] == found[0]["groups"][0]["count"] > 5


def test_a_hunt_ends_by_its_rule(hunted: Line) -> None:
    found = hunted.data("hunt", "hunted_app.py:fails", "--stop", "first", code=1)
    assert (found["ended"], found["failures"]) == ("first", 1)
    found = hunted.data("hunt", "hunted_app.py:fails", "--stop", "4", code=1)
    assert (found["ended"], found["failures"]) == ("count", 4)


def test_modes_may_be_several_or_all(hunted: Line) -> None:
    several = ("--mode", "packet_loss", "--mode", "packet_loss+slow_network")
    found = hunted.data("hunt", "hunted_app.py:works", "--seeds", "3", *several)
    assert found["modes"] == ["packet_loss", "packet_loss+slow_network"]
    assert found["runs"] == 6
    assert hunted.data("hunt", "hunted_app.py:works", "--seeds", "3", "--mode", "all")["runs"] == 30


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hunted_app.py:fail"], "did you mean 'fails'"),
        (["hunted_app.py:fails", "--mode", "pocket_loss"], "did you mean 'packet_loss'"),
        (["hunted_app.py:fails", "--seeds", "5..x"], "no range of seeds"),
        (["hunted_app.py:fails", "--seeds", "5..5"], "no seeds to hunt"),
        (["hunted_app.py:fails", "--stop", "never"], "stop is 'never'"),
        (["hunted_app.py:fails", "--engine", "proces"], "did you mean 'process'"),
        (["hunted_app.py:fails", "--schedule", "lifo"], "unknown schedule"),
    ],
)
def test_a_wrong_word_is_trouble_and_says_which_is_right(
    hunted: Line, words: list[str], said: str
) -> None:
    hunted.said("hunt", *words, code=2)
    assert said in hunted.err
