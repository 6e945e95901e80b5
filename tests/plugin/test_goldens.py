"""Goldens: created on demand, compared, replaced on demand, and missed when nobody names them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import replay_ws as rws
from tests.plugin.conftest import goldens

Project = Callable[..., pytest.Pytester]

ONE = """
    @pytest.mark.replay_ws(golden="refund")
    async def test_refund(mock_websocket_manager):
        await agent(mock_websocket_manager, "agent_started", "agent_completed")
"""


def changed(pytester: pytest.Pytester, old: str, new: str) -> None:
    path = pytester.path / "test_it.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_missing_golden_fails_and_says_what_creates_it(project: Project) -> None:
    result = project(ONE).runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "cassettes/refund.rws: there is no golden 'refund'",
            "*pytest 'test_it.py::test_refund' --ws-update=create*",
        ]
    )


def test_a_name_that_is_nearly_right_is_told(project: Project) -> None:
    suite = project(ONE)
    suite.runpytest("--ws-update=create")
    changed(suite, '"refund"', '"refunds"')
    suite.runpytest().stdout.fnmatch_lines(["*no golden 'refunds'; did you mean 'refund'?*"])


@pytest.mark.parametrize("how", ["--ws-update", "--ws-update=create", "--ws-update=all"])
def test_create_writes_it_and_the_next_run_passes(project: Project, how: str) -> None:
    suite = project(ONE)
    suite.runpytest(how).stdout.fnmatch_lines(["created cassettes/refund.rws"])
    assert goldens(suite) == ["refund"]
    golden = rws.load(suite.path / "cassettes" / "refund.rws")
    assert golden.log.header.source == "pytest test_it.py::test_refund"
    assert [event.type for event in golden.delivered()] == ["agent_started", "agent_completed"]
    suite.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("change", "category"),
    [
        (('"agent_started", "agent_completed"', '"agent_completed", "agent_started"'), "moved"),
        (('{"type": step}', '{"type": step, "n": 1}'), "changed"),
        (('"agent_started", ', ""), "missing"),
        (('"agent_started", ', '"agent_started", "extra", '), "extra"),
        (("sleep(1)", "sleep(2)"), "timing"),
    ],
)
def test_a_planted_change_fails_with_its_category_and_the_line_that_repeats_it(
    project: Project, change: tuple[str, str], category: str
) -> None:
    suite = project(ONE)
    suite.runpytest("--ws-update=create")
    before = (suite.path / "cassettes" / "refund.rws").read_bytes()
    changed(suite, *change)
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"* [12] {category}*",
            "*first divergence*",
            "*see     replay-ws diff cassettes/refund.rws .replay_ws/failed/*/session.rws",
            "*accept  replay-ws accept .replay_ws/failed/*/session.rws",
            "*rerun   pytest test_it.py::test_refund",
            "*replay_ws: all differences*",
        ]
    )
    result.stdout.no_fnmatch_line("*Error*")
    assert (suite.path / "cassettes" / "refund.rws").read_bytes() == before


@pytest.mark.parametrize(("what", "fixes"), [("fix", True), ("all", True), ("create", False)])
def test_fix_replaces_a_golden_and_create_does_not(
    project: Project, what: str, fixes: bool
) -> None:
    suite = project(ONE)
    suite.runpytest("--ws-update=create")
    changed(suite, '"agent_started", ', "")
    result = suite.runpytest(f"--ws-update={what}")
    result.assert_outcomes(passed=int(fixes), failed=int(not fixes))
    suite.runpytest().assert_outcomes(passed=int(fixes), failed=int(not fixes))


def test_fix_alone_creates_nothing(project: Project) -> None:
    suite = project(ONE)
    suite.runpytest("--ws-update=fix").assert_outcomes(failed=1)
    assert goldens(suite) == []


def test_a_golden_that_is_as_it_was_is_not_written_again(project: Project) -> None:
    suite = project(ONE)
    suite.runpytest("--ws-update")
    path = suite.path / "cassettes" / "refund.rws"
    stamp = path.stat().st_mtime_ns
    suite.runpytest("--ws-update").stdout.no_fnmatch_line("*cassettes/refund.rws*")
    assert path.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    "end",
    [
        "    assert False",
        "    raise ValueError",
        "    pytest.skip('not today')",
    ],
)
def test_a_test_that_does_not_pass_writes_no_golden(project: Project, end: str) -> None:
    suite = project(ONE + f"    {end}\n")
    suite.runpytest("--ws-update")
    assert goldens(suite) == []


def test_a_test_whose_tear_down_fails_writes_no_golden(project: Project) -> None:
    suite = project(
        """
        @pytest.fixture
        def broken():
            yield
            assert False

        @pytest.mark.replay_ws(golden="refund")
        async def test_refund(broken, mock_websocket_manager):
            await agent(mock_websocket_manager, "agent_started")
        """
    )
    result = suite.runpytest("--ws-update")
    result.stdout.fnmatch_lines(
        ["not written: cassettes/refund.rws, for *test_refund did not pass"]
    )
    assert goldens(suite) == []


def test_ci_never_writes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = project(ONE)
    monkeypatch.setenv("CI", "true")
    result = suite.runpytest("--ws-update")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--ws-update writes goldens, and CI is set*"])
    assert goldens(suite) == []
    monkeypatch.setenv("CI", "false")
    suite.runpytest("--ws-update").assert_outcomes(passed=1)


@pytest.mark.parametrize("option", ["--ws-seed=3", "--ws-seeds=2", "--ws-mode=packet_loss"])
def test_a_golden_is_what_a_plain_run_gives(project: Project, option: str) -> None:
    result = project(ONE).runpytest("--ws-update", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*a golden is what a plain run gives*"])


def test_what_follows_the_option_without_a_value_is_told_from_one(project: Project) -> None:
    result = project(ONE).runpytest("--ws-update", "test_it.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*write --ws-update=all test_it.py*"])


def test_a_damaged_golden_is_told_with_what_mends_it(project: Project) -> None:
    suite = project(ONE)
    suite.runpytest("--ws-update")
    path = suite.path / "cassettes" / "refund.rws"
    path.write_bytes(path.read_bytes()[:-40])
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*replay-ws recover*"])


def test_names_may_hold_seed_mode_and_test(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(golden="{test}/{mode}-{seed}", seeds=2, modes=["packet_loss"])
        async def test_refund(mock_websocket_manager):
            await agent(mock_websocket_manager, "agent_started")

        @pytest.mark.replay_ws(golden=True)
        async def test_plain(mock_websocket_manager):
            await agent(mock_websocket_manager, "agent_started")
        """
    )
    suite.runpytest("--ws-update").assert_outcomes(passed=3)
    assert goldens(suite) == [
        "test_plain",
        "test_refund/packet_loss-0",
        "test_refund/packet_loss-1",
    ]
    suite.runpytest().assert_outcomes(passed=3)


@pytest.mark.parametrize(
    "name",
    ["../refund", "{nothing}", "{", "/tmp/refund", "", ".", "a/..", "refund/", "a\0b", "é" * 101],
)
def test_a_name_that_cannot_be_kept_is_refused(project: Project, name: str) -> None:
    suite = project(ONE.replace('"refund"', repr(name)))
    result = suite.runpytest("--ws-update")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*mend:*"])
    assert not goldens(suite)
    assert not list(Path(suite.path.parent).glob("*.rws"))


def test_a_golden_has_one_name(project: Project) -> None:
    suite = project(ONE.replace('"refund"', '"./stories//refund.rws"'))
    suite.runpytest("--ws-update").assert_outcomes(passed=1)
    assert goldens(suite) == ["stories/refund"]
    suite.runpytest("--ws-update=trim").assert_outcomes(passed=1)
    assert goldens(suite) == ["stories/refund"]


NOTHING = """
    @pytest.fixture(scope="module")
    def mock():
        return rws.MockWebSocketManager()

    @pytest.mark.replay_ws(golden="refund")
    async def test_refund(mock):
        await agent(mock, "agent_started")
"""


def test_nothing_is_no_golden(project: Project) -> None:
    suite = project(NOTHING)
    result = suite.runpytest("--ws-update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*nothing that could be the golden 'refund'*", "*mend:*"])
    assert goldens(suite) == []
    changed(suite, 'scope="module"', "")
    suite.runpytest("--ws-update").assert_outcomes(passed=1)
    changed(suite, "@pytest.fixture()", '@pytest.fixture(scope="module")')
    suite.runpytest("--ws-update=fix").assert_outcomes(failed=1)
    assert rws.load(suite.path / "cassettes" / "refund.rws").ledger.sent == 1


@pytest.mark.parametrize("place", ["cassettes", ".replay_ws"])
def test_a_place_that_cannot_be_written_fails_the_run_in_words(
    project: Project, place: str
) -> None:
    suite = project(ONE)
    (suite.path / place).write_text("a file, and no folder")
    result = suite.runpytest("--ws-update")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*File exists*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_what_another_run_proposes_stays(project: Project) -> None:
    suite = project(ONE)
    other = suite.mkdir(".replay_ws") / "proposed" / "other.rws"
    other.parent.mkdir()
    other.write_text("")
    suite.runpytest("--ws-update").assert_outcomes(passed=1)
    assert [path.name for path in other.parent.iterdir()] == ["other.rws"]


@pytest.mark.parametrize("name", ["ł", "it's $HOME", "a\\b", "x y"])
def test_printed_lines_name_a_test_as_a_shell_takes_it(project: Project, name: str) -> None:
    suite = project(
        f"""
        @pytest.mark.replay_ws(golden="refund")
        @pytest.mark.parametrize("name", [{name!r}, "other"])
        async def test_refund(mock_websocket_manager, name):
            await agent(mock_websocket_manager, "agent_started")
        """
    )
    mends = [line for line in suite.runpytest().outlines if line.startswith("  mend: ")]
    line = mends[0].removeprefix("  mend: ").removesuffix(", and read it")
    subprocess.run(f"{sys.executable} -m {line}", shell=True, check=True, cwd=suite.path)
    assert goldens(suite) == ["refund"]


SEVERAL = """
    @pytest.mark.replay_ws(golden="refund", seeds=4, schedule="random")
    async def test_refund(mock_websocket_manager):
        async def one(name):
            await agent(mock_websocket_manager, "agent_started", thread=name)
        await asyncio.gather(one("a"), one({second!r}))
"""


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_tests_that_share_a_golden_write_it_once_if_they_agree(
    project: Project, workers: tuple[str, ...]
) -> None:
    suite = project(SEVERAL.format(second="b"))
    result = suite.runpytest_subprocess("--ws-update", "-p", "no:randomly", *workers)
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["created cassettes/refund.rws"])
    suite.runpytest_subprocess(*workers).assert_outcomes(passed=4)


def test_tests_that_share_a_golden_agree_on_what_they_compare(project: Project) -> None:
    suite = project(
        """
        import uuid

        @pytest.mark.replay_ws(golden="refund", seeds=3, ignore=["$.id"])
        async def test_refund(mock_websocket_manager):
            await mock_websocket_manager.send_to_thread("t", {"type": "a", "id": str(uuid.uuid4())})
        """
    )
    suite.runpytest("--ws-update").assert_outcomes(passed=3)
    assert goldens(suite) == ["refund"]
    suite.runpytest().assert_outcomes(passed=3)


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_tests_that_share_a_golden_and_disagree_fail_the_run(
    project: Project, workers: tuple[str, ...]
) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(golden="refund")
        @pytest.mark.parametrize("step", ["a", "b"])
        async def test_refund(step, mock_websocket_manager):
            await agent(mock_websocket_manager, step)
        """
    )
    result = suite.runpytest_subprocess("--ws-update", *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["not written: cassettes/refund.rws*", "*mend: give each its own*"])
    assert goldens(suite) == []


def test_an_update_by_workers_and_unused_goldens_seen_by_none_of_them(project: Project) -> None:
    suite = project(ONE)
    suite.runpytest("--ws-update")
    changed(suite, '"refund"', '"other"')
    result = suite.runpytest_subprocess("-n2", "--ws-update")
    result.stdout.fnmatch_lines(["created cassettes/other.rws", "removed cassettes/refund.rws"])
    assert goldens(suite) == ["other"]
    suite.runpytest_subprocess("-n2", "--ws-update=trim", "-k", "nothing")
    assert goldens(suite) == ["other"]


def test_the_project_says_where_goldens_are_and_what_is_not_compared(project: Project) -> None:
    suite = project(ONE)
    suite.makepyprojecttoml(
        """
        [tool.replay_ws]
        cassettes = "tests/goldens"
        artifacts = "out"
        ignore = ["$.n"]
        tolerance_ms = 1500
        """
    )
    suite.runpytest("--ws-update")
    assert (suite.path / "tests" / "goldens" / "refund.rws").exists()
    changed(suite, "sleep(1)", "sleep(2)")
    suite.runpytest().assert_outcomes(passed=1)
    changed(suite, "sleep(2)", "sleep(4)")
    suite.runpytest().assert_outcomes(failed=1)
    assert list((suite.path / "out" / "failed").rglob("session.rws"))


@pytest.mark.parametrize(
    ("argument", "passes"),
    [
        ("tolerance_ms=2000", True),
        ("tolerance_ms=500", False),
        ("order='bag'", False),
    ],
)
def test_a_marker_says_how_to_compare(project: Project, argument: str, passes: bool) -> None:
    suite = project(ONE.replace('golden="refund"', f'golden="refund", {argument}'))
    suite.runpytest("--ws-update")
    changed(suite, "sleep(1)", "sleep(2)")
    suite.runpytest().assert_outcomes(passed=int(passes), failed=int(not passes))


def test_names_that_differ_from_run_to_run_are_no_difference_where_they_are_called_volatile(
    project: Project,
) -> None:
    suite = project(ONE.replace('golden="refund"', 'golden="refund", volatile={"$.a": "int"}'))
    suite.makepyprojecttoml('[tool.replay_ws.volatile]\n"**.id" = "id:step"\n"$.a" = "any"')
    changed(suite, '{"type": step}', '{"type": step, "id": step, "a": 1}')
    suite.runpytest("--ws-update")
    changed(suite, '"id": step, "a": 1', '"id": "x" + step, "a": 2')
    suite.runpytest().assert_outcomes(passed=1)
    changed(suite, '"id": "x" + step', '"id": "x"')
    suite.runpytest().assert_outcomes(failed=1)
    changed(suite, '"id": "x", "a": 2', '"id": step, "a": "two"')
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*not int*"])


def test_what_a_marker_ignores_adds_to_what_the_project_does(project: Project) -> None:
    source = ONE.replace('golden="refund"', 'golden="refund", ignore=["$.a"]')
    suite = project(source)
    suite.makepyprojecttoml('[tool.replay_ws]\nignore = ["$.b"]')
    changed(suite, '{"type": step}', '{"type": step, "a": 1, "b": 1, "c": 1}')
    suite.runpytest("--ws-update")
    changed(suite, '"a": 1, "b": 1', '"a": 2, "b": 2')
    suite.runpytest().assert_outcomes(passed=1)
    changed(suite, '"c": 1', '"c": 2')
    suite.runpytest().assert_outcomes(failed=1)
