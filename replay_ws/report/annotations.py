"""Results for machines that show test results: JUnit XML, and GitHub's annotations and summaries.

The formats belong to others: https://github.com/testmoapp/junitxml for JUnit,
https://docs.github.com/actions/reference/workflow-commands-for-github-actions for GitHub.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from replay_ws.report.blocks import Line, View
from replay_ws.report.differences import Difference
from replay_ws.report.places import first_and_more

# XML 1.0 §2.2: what is no Char cannot stand in a document, not even as a reference.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FENCE = re.compile("`{3,}")


def page_text(view: View) -> str:
    """What a terminal shows of a view's lines."""
    return "\n".join(block.text for block in view.blocks() if isinstance(block, Line))


# --- GitHub --------------------------------------------------------------------------------


def github_error(difference: Difference) -> str:
    """The annotation of a golden from which a run differs: its first divergence."""
    title = f"{difference.run_name} differs from its golden"
    return annotation(title, first_and_more(difference.diff), file=difference.golden_name)


def annotation(title: str, message: str, *, file: str = "") -> str:
    """An error as a workflow command."""
    place = f"file={for_github(file, ':,')}," if file else ""
    return f"::error {place}title={for_github(title, ':,')}::{for_github(message)}"


def for_github(text: str, more: str = "") -> str:
    """``text`` as a workflow command takes it; properties escape ``more`` characters."""
    for char in f"%\r\n{more}":
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def step_summary(view: View, name: str = "diff") -> str:
    """The page of a command as Markdown, for the summary of a step."""
    page = page_text(view)
    fence = "`" * (1 + max([2, *map(len, _FENCE.findall(page))]))
    return f"### replay-ws {name}\n\n{fence}text\n{page}\n{fence}\n"


def add_step_summary(view: View, name: str = "diff") -> None:
    """Add the page to the summary of the step that runs, if one does."""
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(step_summary(view, name))


# --- JUnit ---------------------------------------------------------------------------------


class Case(NamedTuple):
    """A test as JUnit has it; without a ``kind`` of failure it passed."""

    name: str
    text: str
    kind: str = ""
    message: str = ""


def junit_text(difference: Difference) -> str:
    """A JUnit file with one test: the run is as its golden."""
    page = page_text(difference)
    first = difference.diff.first
    if first is None:
        return junit_of("diff", [Case(difference.golden_name, page)])
    message = first_and_more(difference.diff)
    return junit_of("diff", [Case(difference.golden_name, page, first.category.value, message)])


def junit_of(name: str, cases: Sequence[Case]) -> str:
    """A JUnit file of what a command found."""
    from xml.etree import ElementTree

    failed = sum(bool(case.kind) for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failed), "errors": "0", "skipped": "0"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"replay-ws {name}", **counts})
    for case in cases:
        about = {"classname": f"replay-ws.{name}", "name": for_xml(case.name), "time": "0"}
        shown = ElementTree.SubElement(suite, "testcase", about)
        if case.kind:
            message = {"message": for_xml(case.message), "type": case.kind}
            ElementTree.SubElement(shown, "failure", message).text = for_xml(case.text)
        else:
            ElementTree.SubElement(shown, "system-out").text = for_xml(case.text)
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, "unicode")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{text}\n"


def for_xml(text: str) -> str:
    """``text`` with what XML has no place for spelt out."""
    return _NO_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
