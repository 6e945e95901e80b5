"""A diff for machines that show test results: JUnit XML, and GitHub's annotations and summaries.

The formats belong to others: https://github.com/testmoapp/junitxml for JUnit,
https://docs.github.com/actions/reference/workflow-commands-for-github-actions for GitHub.
"""

from __future__ import annotations

import re

from replay_ws.report.blocks import Line
from replay_ws.report.differences import Difference
from replay_ws.report.places import first_and_more

# XML 1.0 §2.2: what is no Char cannot stand in a document, not even as a reference.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FENCE = re.compile("`{3,}")


def page_text(difference: Difference) -> str:
    """What a terminal shows, on forty lines at most."""
    return "\n".join(block.text for block in difference.blocks() if isinstance(block, Line))


# --- GitHub --------------------------------------------------------------------------------


def github_error(difference: Difference) -> str:
    """The annotation of a golden from which a run differs: its first divergence."""
    place = f"file={for_github(difference.golden_name, ':,')}"
    title = for_github(f"{difference.run_name} differs from its golden", ":,")
    return f"::error {place},title={title}::{for_github(first_and_more(difference.diff))}"


def for_github(text: str, more: str = "") -> str:
    """``text`` as a workflow command takes it; properties escape ``more`` characters."""
    for char in f"%\r\n{more}":
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def step_summary(difference: Difference) -> str:
    """The page as Markdown, for the summary of a step."""
    page = page_text(difference)
    fence = "`" * (1 + max([2, *map(len, _FENCE.findall(page))]))
    return f"### replay-ws diff\n\n{fence}text\n{page}\n{fence}\n"


# --- JUnit ---------------------------------------------------------------------------------


def junit_text(difference: Difference) -> str:
    """A JUnit file with one test: the run is as its golden."""
    from xml.etree import ElementTree

    name = difference.golden_name
    failed = not difference.diff.same
    counts = {"tests": "1", "failures": str(int(failed)), "errors": "0", "skipped": "0"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": "replay-ws diff", **counts})
    about = {"classname": "replay-ws.diff", "name": for_xml(name), "time": "0"}
    case = ElementTree.SubElement(suite, "testcase", about)
    page = for_xml(page_text(difference))
    if difference.diff.first is None:
        ElementTree.SubElement(case, "system-out").text = page
    else:
        kind = difference.diff.first.category.value
        message = {"message": for_xml(first_and_more(difference.diff)), "type": kind}
        ElementTree.SubElement(case, "failure", message).text = page
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, "unicode")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{text}\n"


def for_xml(text: str) -> str:
    """``text`` with what XML has no place for spelt out."""
    return _NO_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
