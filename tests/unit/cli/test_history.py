"""``replay-ws hunt --history`` and ``history``: what is kept from hunt to hunt."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.cli.line import Line

HUNT = ("hunt", "hunted_app.py:fails", "--engine", "here", "--seeds", "0..200")
FILE = "hunts.db"


def test_a_hunt_is_kept_and_told(hunted: Line) -> None:
    found = hunted.data(*HUNT, "--history", FILE, code=1)
    told = hunted.data("history", FILE)
    assert sum(record["failures"] for record in told["records"]) == found["failures"]
    assert hunted.said("history", FILE).startswith(f"{FILE}: ")


def test_what_is_in_quarantine_fails_no_hunt_until_the_day_is_over(hunted: Line) -> None:
    options = (*HUNT, "--history", FILE)
    target = hunted.data(*options, code=1)["target"]
    hunted.said("history", FILE, target, "--quarantine", "2999-12-31", "--reason", "being mended")
    assert "note: quarantined until 2999-12-31" in hunted.said(*options)
    hunted.said("history", FILE, target, "--quarantine", "2020-01-01")
    assert "note: was quarantined until 2020-01-01" in hunted.said(*options, code=1)
    hunted.said("history", FILE, target, "--release")
    assert "quarantine" not in hunted.said(*options, code=1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--quarantine", "2999-12-31"), "a quarantine is of one target"),
        (("x", "--quarantine", "soon"), "'soon' is no day"),
        (("x", "--quarantine", "2999-12-31", "--release"), "--quarantine and --release"),
        (("--since", "ever"), "'ever' is no time"),
    ],
)
def test_what_cannot_be_done_is_said(hunted: Line, words: tuple[str, ...], told: str) -> None:
    hunted.said(*HUNT, "--history", FILE, code=1)
    assert told in hunted.data("history", FILE, *words, code=2)["error"]["what"]


def test_a_history_that_is_not_there_is_not_made(hunted: Line) -> None:
    assert "there is no history" in hunted.data("history", FILE, code=2)["error"]["what"]
    assert not Path(FILE).exists()


def test_junit_has_a_test_for_each_group_and_github_a_line(
    hunted: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    told = hunted.said(*HUNT, "--junit", "hunt.xml", "--github", code=1)
    root = ElementTree.parse("hunt.xml").getroot()
    failures = root.findall(".//failure")
    assert int(root.attrib["failures"]) == len(failures) > 0
    assert told.count("::error title=") == len(failures)
    assert Path("summary.md").read_text().startswith("### replay-ws hunt\n")
