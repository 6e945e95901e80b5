"""Goldens that no test names: told and trimmed, but only after a run that left nothing out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import replay_ws as rws
from tests.plugin.conftest import INI, goldens
from tests.plugin.test_goldens import ONE, changed

Project = Callable[..., pytest.Pytester]


def test_unused_goldens_are_reported_after_a_complete_run_and_trimmed(project: Project) -> None:
    suite = project(ONE)
    suite.runpytest("--ws-update")
    changed(suite, '"refund"', '"other"')
    result = suite.runpytest("--ws-update=create")
    result.stdout.fnmatch_lines(["goldens that no test names*", "  cassettes/refund.rws"])
    assert goldens(suite) == ["other", "refund"]
    suite.runpytest("--ws-update=trim").stdout.fnmatch_lines(["removed cassettes/refund.rws"])
    assert goldens(suite) == ["other"]


@pytest.mark.parametrize(
    "arguments",
    [["-k", "other"], ["test_it.py::test_other"], ["--collect-only"], ["-m", "slow"]],
)
def test_a_run_that_leaves_tests_out_reports_nothing_as_unused(
    project: Project, arguments: list[str]
) -> None:
    suite = project(ONE + "\n    def test_other():\n        pass\n")
    suite.runpytest("--ws-update")
    result = suite.runpytest("--ws-update=trim", *arguments)
    result.stdout.no_fnmatch_line("*refund.rws*")
    assert goldens(suite) == ["refund"]


def test_the_golden_of_a_skipped_or_failed_test_is_not_unused(project: Project) -> None:
    suite = project(ONE)
    suite.runpytest("--ws-update")
    changed(suite, "@pytest.mark.replay_ws", "@pytest.mark.skip\n@pytest.mark.replay_ws")
    suite.runpytest("--ws-update=trim")
    changed(suite, "@pytest.mark.skip\n", "")
    changed(suite, "async def test_refund(", "async def test_refund(nothing, ")
    suite.runpytest("--ws-update=trim")
    assert goldens(suite) == ["refund"]


def test_a_cassette_that_no_test_run_wrote_is_nobody_elses_to_trim(project: Project) -> None:
    suite = project(ONE)
    (suite.path / "cassettes").mkdir()

    async def program() -> None:
        await rws.MockWebSocketManager().send_to_thread("t", {"type": "x"})

    rws.run(program, record=suite.path / "cassettes" / "mine.rws")
    suite.runpytest("--ws-update").stdout.no_fnmatch_line("*mine*")
    assert goldens(suite) == ["mine", "refund"]


def two_folders(project: Project, ini: str = INI) -> pytest.Pytester:
    """A project whose tests ``first/test_a.py`` and ``second/test_b.py`` have a golden each."""
    suite = project("", ini)
    for folder, name in (("first", "a"), ("second", "b")):
        place = suite.mkdir(folder) / f"test_{name}.py"
        place.write_text(
            "import os, pytest\n"
            f"@pytest.mark.replay_ws(golden={name!r})\n"
            f"async def test_{name}(mock_websocket_manager):\n"
            f"    kind = os.environ.get('KIND_{name}', 'agent_started')\n"
            "    await mock_websocket_manager.send_to_thread('t', {'type': kind})\n"
        )
    suite.runpytest("--ws-update").assert_outcomes(passed=2)
    assert goldens(suite) == ["a", "b"]
    return suite


PATHS = f"{INI}    testpaths = first second\n"


@pytest.mark.parametrize("ini", [INI, PATHS])
@pytest.mark.parametrize("arguments", [["first"], ["."], ["--ignore=second", "."]])
def test_a_part_of_the_project_trims_nothing_of_another_part(
    project: Project, ini: str, arguments: list[str]
) -> None:
    suite = two_folders(project, ini)
    if arguments == ["."]:
        (suite.path / "first" / "test_a.py").unlink()
    suite.runpytest("--ws-update=trim", *arguments).assert_outcomes(passed=1)
    assert goldens(suite) == (["b"] if arguments == ["."] else ["a", "b"])


def test_all_test_paths_together_are_the_project(project: Project) -> None:
    suite = two_folders(project, PATHS)
    (suite.path / "first" / "test_a.py").write_text("def test_a():\n    pass\n")
    suite.runpytest("--ws-update=trim", "second", "first").assert_outcomes(passed=2)
    assert goldens(suite) == ["b"]


def test_a_run_in_a_folder_of_the_project_trims_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = two_folders(project)
    monkeypatch.chdir(suite.path / "first")
    suite.runpytest("--ws-update=trim").assert_outcomes(passed=1)
    assert goldens(suite) == ["a", "b"]


@pytest.mark.parametrize("workers", [(), ("-n1",)])
def test_a_run_of_the_last_failed_trims_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    suite = two_folders(project)
    monkeypatch.setenv("KIND_a", "agent_thinking")
    suite.runpytest_subprocess().assert_outcomes(passed=1, failed=1)
    monkeypatch.delenv("KIND_a")
    result = suite.runpytest_subprocess("--lf", "--ws-update=trim", *workers)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["no golden was trimmed: not every test ran, and passed"])
    assert goldens(suite) == ["a", "b"]


@pytest.mark.parametrize("workers", [(), ("-n1",)])
def test_the_goldens_of_a_skipped_module_are_not_unused(
    project: Project, workers: tuple[str, ...]
) -> None:
    suite = two_folders(project)
    path = suite.path / "first" / "test_a.py"
    path.write_text(f"import pytest\npytest.importorskip('nowhere')\n{path.read_text()}")
    suite.runpytest_subprocess("--ws-update=trim", *workers).assert_outcomes(passed=1, skipped=1)
    assert goldens(suite) == ["a", "b"]


@pytest.mark.parametrize("workers", [(), ("-n1",)])
def test_what_a_skipped_test_would_check_by_hand_is_not_unused(
    project: Project, workers: tuple[str, ...]
) -> None:
    suite = project(
        """
        def test_by_hand(ws_cassette, mock_websocket_manager):
            asyncio.run(agent(mock_websocket_manager, "agent_started"))
            ws_cassette.check("hand", mock_websocket_manager.session())
        """
    )
    suite.runpytest("--ws-update").assert_outcomes(passed=1)
    assert goldens(suite) == ["hand"]
    changed(suite, "def test_by_hand", "@pytest.mark.skip\ndef test_by_hand")
    suite.runpytest_subprocess("--ws-update=trim", *workers).assert_outcomes(skipped=1)
    assert goldens(suite) == ["hand"]
