"""``replay-ws diff``: what may differ, trees, and what machines read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import replay_ws as rws
from replay_ws.cli.app import main
from tests.helpers import sent

Said = Callable[..., str]
CASSETTES = Path(__file__).parents[3] / "cassettes"
SEARCH = {"type": "tool_executing", "tool_name": "search"}
SUM = {"type": "tool_executing", "tool_name": "sum"}


@pytest.fixture
def said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Said:
    """Runs a command in a folder with a golden and a run that lacks two of its thirty events."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    events = [{**(SEARCH if n % 3 else SUM), "n": n} for n in range(30)]
    rws.save(sent(*events).session, "golden.rws")
    rws.save(sent(*events[:10], *events[11:20], *events[21:]).session, "run.rws")

    def say(*words: str, code: int = 1) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["diff", "golden.rws", "run.rws", *words])
        out, err = capsys.readouterr()
        assert ended.value.code == code, out + err
        return out + (err if code == 2 else "")

    return say


def test_a_tree_counts_the_events_of_each_tool_on_both_sides(said: Said) -> None:
    shown = said("--tree").splitlines()
    assert "      tool_executing[search]  20 -> 18" in shown
    assert "      ⋮ 1 type alike, 10 events" in shown


def test_a_tree_as_json_has_what_is_alike_too(said: Said) -> None:
    (branch,) = json.loads(said("--tree", "--json"))["connections"]
    counts = {each["name"]: (each["golden"], each["run"]) for each in branch["types"]}
    assert counts == {"search": (20, 18), "sum": (10, 10)}


def test_what_is_allowed_is_told_and_makes_no_difference(said: Said) -> None:
    shown = said("--allow", "missing,compliance,timing", code=0)
    assert shown.startswith("same: golden.rws and run.rws differ in what is allowed only\n")
    assert "missing #10" in shown
    assert "(missing is allowed)" in shown


def test_an_unknown_category_is_named_with_the_one_that_was_meant(said: Said) -> None:
    assert "unknown category 'mising'; did you mean 'missing'?" in said("--allow=mising", code=2)


def test_an_order_says_what_must_come_in_turn(said: Said) -> None:
    events = [SEARCH, SUM, {"type": "done"}]
    rws.save(sent(*events).session, "golden.rws")
    rws.save(sent(SUM, SEARCH, events[2]).session, "run.rws")
    assert "first divergence: moved #" in said("--order", "causal")
    assert "same: " in said("--order", "bag", code=0)


def test_a_profile_judges_both_sides(said: Said) -> None:
    assert "  compliance agent5 " not in said()
    rws.save(sent({"type": "agent_started"}).session, "run.rws")
    assert "  compliance agent5 0.364 → 0.500" in said("--profile", "agent5")


def test_roots_of_one_number_are_named_once(said: Said) -> None:
    shutil.copy(CASSETTES / "agent_with_a_tool.rws", "golden.rws")
    shutil.copy(CASSETTES / "agui_parallel_tools.rws", "run.rws")
    (roots,) = [line for line in said().splitlines() if line.startswith("  root causes:")]
    assert roots.endswith(" downstream of #0)")


@pytest.mark.parametrize("allowed", ["", "missing,", " "])
def test_a_category_that_was_left_empty_is_told(said: Said, allowed: str) -> None:
    assert "'--allow': a category has a name" in said("--allow", allowed, code=2)


@pytest.mark.parametrize("tolerance", ["nan", "inf", "-1", "soon"])
def test_a_tolerance_is_a_number(said: Said, tolerance: str) -> None:
    shown = said("--tolerance-ms", tolerance, code=2)
    assert shown.startswith("error: replay-ws diff: invalid value for '--tolerance-ms': ")


@pytest.mark.parametrize("limit", [10, 12, 25])
def test_a_limit_holds_and_leaves_the_next_commands(said: Said, limit: int) -> None:
    shown = said("--limit", str(limit)).splitlines()
    assert len(shown) <= limit
    assert any(line.startswith("first divergence: missing #10") for line in shown)
    assert shown[-2].startswith("  see     replay-ws ")


def test_junit_has_one_failure_with_the_first_divergence(said: Said) -> None:
    said("--junit", "out.xml")
    (failure,) = ElementTree.parse("out.xml").iter("failure")
    assert failure.get("message", "").startswith("missing #10 < tool_executing")
    assert failure.get("type") == "missing"


def test_junit_has_no_failure_where_nothing_differs_but_what_may(said: Said) -> None:
    said("--junit", "out.xml", "--allow", "missing,compliance", code=0)
    assert not list(ElementTree.parse("out.xml").iter("failure"))


def test_junit_does_not_replace_a_cassette(said: Said) -> None:
    assert "this is a cassette" in said("--junit", "golden.rws", code=2)
    assert said()


def test_github_gets_one_annotation_and_a_summary(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    *_, last = said("--github").splitlines()
    assert last.startswith("::error file=golden.rws,title=run.rws differs from its golden::missing")
    assert Path("summary.md").read_text("utf-8").startswith("### replay-ws diff\n\n```text\ndiff")
