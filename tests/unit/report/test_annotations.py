"""What machines read of a diff holds whatever a name or a payload holds."""

from __future__ import annotations

from xml.etree import ElementTree

import replay_ws as rws
from replay_ws.report.annotations import for_xml, github_error, junit_text, step_summary
from replay_ws.report.differences import Difference
from tests.helpers import sent


def difference(golden: str = "golden.rws", value: str = "x") -> Difference:
    ours = sent({"type": "a", "text": "as it was"}).session
    theirs = sent({"type": "a", "text": value}).session
    return Difference(golden, "run.rws", ours, theirs, rws.compare(ours, theirs))


def test_a_name_cannot_end_a_property_or_begin_another_command() -> None:
    line = github_error(difference("a,b:c%\n::error::.rws"))
    assert line.startswith("::error file=a%2Cb%3Ac%25%0A%3A%3Aerror%3A%3A.rws,title=")
    assert "\n" not in line


def test_what_xml_has_no_place_for_is_spelt_out() -> None:
    assert for_xml("a\x00b\x1b[0m\ufffe") == "a\\u0000b\\u001b[0m\\ufffe"
    text = junit_text(difference("<&\"'\x07>.rws", "]]>\ud800"))
    assert ElementTree.fromstring(text.partition("\n")[2]).tag == "testsuites"


def test_a_payload_cannot_end_the_block_of_a_summary() -> None:
    fence = step_summary(difference(value="``````")).splitlines()[2]
    assert fence == "```````text"
